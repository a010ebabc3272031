"""What the HTTP API's server and its client share: which methods there are, their arguments, records and errors."""

#: The path below which the API is.
API_PATH = "/api/v1"
