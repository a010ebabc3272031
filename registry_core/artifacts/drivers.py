"""What the registry has to know of the drivers that fsspec finds for an address: how they are opened, and what their
errors mean. Nothing else names one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ..errors import InvalidInput

#: The drivers of buckets have errors of their own beside the operating system's.
_MODULES = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "requests", "s3fs", "urllib3"}
)
#: Here a folder is nothing but the beginning of a key: making one would ask for the bucket, or make one by mistake.
_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2"})
#: What to install for an address.
_PACKAGES = {
    "s3": "'model-registry-dashboard[s3]'",
    "s3a": "'model-registry-dashboard[s3]'",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
#: Puts of one call that are under way at the same time.
_MOST_AT_ONCE = 8
_USER_AND_PASSWORD = re.compile(r"//[^/@\s]*:[^/@\s]*@")
_SECRETS = re.compile(r"(?i)\b([\w-]*(?:sig|signature|credential|secret|password|token))=[^&\s\"']+")
#: Drivers say so of a name that is taken; 409 is S3's answer to two who put it at the same moment.
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "ConditionNotMet", "412", "409"})
_WITHOUT_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})


class _Cause(NamedTuple):
    """What some errors of drivers have in common: their codes and classes, what is wrong, and what to do."""

    names: frozenset[str]
    wrong: str
    remedy: str


_CAUSES = (
    _Cause(_WITHOUT_BUCKET, "the bucket does not exist", "create the bucket, or correct the address"),
    _Cause(
        frozenset({"RequestTimeTooSkewed", "RequestExpired"}),
        "the store refuses requests because the clock of this machine differs from the store's clock",
        "set the clock of this machine, for example by NTP",
    ),
    _Cause(
        frozenset({"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}),
        "no credentials were found",
        "set the credentials of the store, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    _Cause(
        frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed", "InvalidAuthenticationInfo"}),
        "the store refuses the credentials: the access key is unknown, or the secret key is not the one of this access "
        "key",
        "correct the credentials, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    _Cause(
        frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RefreshError", "SSOTokenLoadError"}),
        "the credentials have expired",
        "sign in again, or set new credentials",
    ),
    _Cause(
        frozenset({"AccessDenied", "AllAccessDisabled", "AuthorizationPermissionMismatch", "403"}),
        "the credentials do not permit this",
        "grant them permission to list, read, write and delete objects below this address",
    ),
    _Cause(
        frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}),
        "the bucket is in another region",
        "set its region, such as AWS_DEFAULT_REGION",
    ),
    _Cause(
        frozenset(
            {
                "SlowDown", "ServiceUnavailable", "RequestLimitExceeded", "Throttling", "ServerBusy", "InternalError",
                "500", "502", "503", "504",
            }
        ),
        "the store failed, or is overloaded",
        "try again later",
    ),
    _Cause(
        frozenset(
            {
                "EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "ReadTimeoutError",
                "ClientConnectionError", "ConnectionError", "HTTPClientError", "ServiceRequestError", "FSTimeoutError",
            }
        ),
        "the store does not answer",
        "check the endpoint, such as AWS_ENDPOINT_URL, and the network",
    ),
)  # fmt: skip


def check_address(address: str) -> None:
    """Refuse credentials in an address: it is stored, shown and logged.

    Raises:
        InvalidInput: there is a password or a parameter in it; the message does not repeat it.
    """
    if _USER_AND_PASSWORD.search(address) or "?" in address:
        scheme = address.partition("://")[0]
        raise InvalidInput(
            f"the address of the artifacts, {scheme}://..., contains a password or parameters, which would be stored "
            "and shown with it; give credentials by the environment or by the driver's own settings"
        )


def connect(address: str) -> tuple[Any, str]:
    """The driver of an address, and the path it has there.

    Raises:
        InvalidInput: the driver is not installed, or no driver knows the address.
    """
    import fsspec

    scheme = address.partition("://")[0]
    try:
        # A listing that is remembered would tell of files that other processes have removed since; a driver that is
        # remembered would go on with the credentials and the endpoint of its first opening.
        files, root = fsspec.url_to_fs(address, use_listings_cache=False, skip_instance_cache=True, **_options(scheme))
    except ImportError as error:
        package = _PACKAGES.get(scheme, f"the fsspec driver of {scheme}://")
        raise InvalidInput(f"artifacts at {address!r:.200} require a driver: pip install {package}") from error
    except ValueError as error:
        raise InvalidInput(
            f"no driver stores artifacts at {address!r:.200} ({error}); name a folder, or an address such as "
            "s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        ) from error
    if scheme in ("s3", "s3a"):
        # Requests are repeated by botocore, with growing random pauses. This is for bodies that end early.
        files.retries = 2
    return files, str(root).rstrip("/")


def _options(scheme: str) -> dict[str, Any]:
    """Bounds in time, and as many connections as threads may use. What the environment sets counts first."""
    if scheme not in ("s3", "s3a"):
        return {}
    from fsspec.config import conf

    wanted: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 20, "max_pool_connections": 50}
    if not {"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"} & os.environ.keys():
        wanted["retries"] = {"mode": "standard", "total_max_attempts": 5}
    return {"config_kwargs": {**wanted, **conf.get("s3", {}).get("config_kwargs", {})}}


def is_object_store(files: Any) -> bool:
    """Whether a driver's store has keys alone, and no folders."""
    protocol = files.protocol
    return bool(_OBJECT_STORES & {*([protocol] if isinstance(protocol, str) else protocol)})


def each(act: Callable[[str], None], keys: Iterable[str]) -> dict[str, Exception]:
    """Do something for every key, several at the same time, and wait for all: key -> why it failed."""

    def tried(key: str) -> Exception | None:
        try:
            act(key)
        except Exception as error:
            return error
        return None

    wanted = list(keys)
    if len(wanted) == 1:
        outcomes: list[Exception | None] = [tried(wanted[0])]
    else:
        with ThreadPoolExecutor(_MOST_AT_ONCE) as threads:
            outcomes = list(threads.map(tried, wanted))
    return {key: error for key, error in zip(wanted, outcomes, strict=True) if error is not None}


def reserves(files: Any, path: str) -> bool:
    """Whether a store refuses a conditional put of an object that is there already; leaves one, empty, at ``path``."""
    for _ in range(2):
        try:
            files.pipe_file(path, b"", mode="create")
        except Exception as error:
            if is_taken(error):
                return True
            if isinstance(error, NotImplementedError | TypeError | ValueError) or "NotImplemented" in _names(error):
                return False
            raise
    return False


def is_taken(error: Exception) -> bool:
    """Whether a conditional put failed because the object is there already."""
    return isinstance(error, FileExistsError) or not _TAKEN.isdisjoint(_names(error))


def is_without_bucket(error: Exception) -> bool:
    """Whether something is missing because its bucket is."""
    return not _WITHOUT_BUCKET.isdisjoint(_names(error))


def in_words(error: Exception, place: str) -> str | None:
    """What an error of a driver means and what to do, in a sentence without credentials; None for any other error."""
    if not any(type(each).__module__.partition(".")[0] in _MODULES for each in _chain(error)):
        return None
    names = _names(error)
    for cause in _CAUSES:
        if not cause.names.isdisjoint(names):
            return f"{place}: {cause.wrong}; {cause.remedy}"
    if isinstance(error, FileNotFoundError):
        return None
    return f"{place} cannot be reached ({masked(str(error))}); check the address, the endpoint and the credentials"


def masked(text: str) -> str:
    """A driver's own words without passwords, signatures and tokens."""
    return _SECRETS.sub(r"\1=***", _USER_AND_PASSWORD.sub("//***@", text))[:500]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of: drivers put errors of the operating system over their own."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__


def _names(error: BaseException) -> set[str]:
    """The codes and classes by which drivers tell their errors apart."""
    found: set[str] = set()
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):
            found.add(str(response.get("Error", {}).get("Code")))
        for attribute in ("error_code", "code", "status"):
            value = getattr(one, attribute, None)
            if isinstance(value, str | int):
                found.add(str(value))
        found |= {kind.__name__ for kind in type(one).__mro__ if kind.__module__.partition(".")[0] in _MODULES}
    return found
