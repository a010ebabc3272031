"""The busy half of the catalog: predictions, outcomes and the sums over them, in a database of their own."""
