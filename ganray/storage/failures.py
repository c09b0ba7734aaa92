"""Convert errors of the operating system and of obstore to errors of ganray.errors: object, cause, remedy."""

from __future__ import annotations

import errno
import re
import socket

from obstore import exceptions

from ganray.errors import AccessDenied, InvalidKey, ObjectExists, ObjectNotFound, ObjectUnavailable, StorageError, StoreUnavailable

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
ABSENT_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
EXPIRED_CODES = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired")  # S3 answers these with 400
FULL_CODES = ("QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull")  # Ceph's gateway answers the first one with 403
ARCHIVED_CODES = ("InvalidObjectState", "ObjectNotInActiveTierError", "BlobArchived")  # S3 answers the first one with 403, Azure with 409
CLOCK_CODES = ("RequestTimeTooSkewed", "RequestExpired")  # S3 answers these with 403, at 15 minutes
CUSTOMER_KEY = re.compile(r"server[- ]?side[- ]?encryption|SSE-C|customer[- ]?key", re.IGNORECASE)  # in the message of a 400
CONDITIONS = "Use a store with conditional writes (If-None-Match), or pass --allow-unsafe-store and run one driver at a time."
_USER = re.compile(r"://[^/\s@]*@")
UNPARSED = "Could not parse path"  # in the text of a class that is not InvalidPathError
RUN_AGAIN = "then run the same command again: finished work is kept."

# Words in obstore's debug dump -> why there was no response.
CONNECTION_ERRORS = {
    "ConnectionRefused": "connection refused",
    "dns error": "host not found",
    "ConnectionReset": "connection reset",
    "IncompleteMessage": "connection reset",
    "TimedOut": "timeout",
    "Timeout": "timeout",
    "certificate": "its certificate is not trusted (AWS_CA_BUNDLE names another authority)",
}


def from_os_error(error: OSError, url: str) -> StorageError:
    """Convert an OSError of a local file."""
    if error.errno in DISK_FULL:
        return StorageError(f"{url} could not be written: the disk is full", f"Free some space, {RUN_AGAIN}")
    if error.errno in FORBIDDEN:
        return AccessDenied(f"{url}: {error.strerror}", "Check the owner and the permissions of the file and its folder.")
    if error.errno in ABSENT_ERRNOS:
        return ObjectNotFound(f"{url} does not exist", "Check the path.")
    return StorageError(f"{url}: {error.strerror or error}")


def from_obstore(error: Exception, url: str) -> StorageError:
    """Convert an error of obstore. Its class is often generic (of a refused listing, for example), so the text is searched."""
    text = str(error)
    status = "".join(re.findall(r"status code: (\d{3})", text)[:1])
    code = "".join(re.findall(r"<Code>([\w.]+)</Code>", text)[:1])
    kind, problem, remedy = StorageError, f": {first_line(text)}", ""
    if unavailable := _unavailable(status, code, text):
        (problem, remedy), kind = unavailable, ObjectUnavailable
    elif code == "NoSuchBucket":
        kind, problem, remedy = ObjectNotFound, ": there is no such bucket", "Check its name, the region and the endpoint, or create it."
    elif isinstance(error, FileNotFoundError):
        kind, problem, remedy = ObjectNotFound, " does not exist", "Check the URL."
    elif isinstance(error, (exceptions.AlreadyExistsError, exceptions.PreconditionError)):  # the only conditional write is a create
        kind, problem = ObjectExists, " exists already"
    elif isinstance(error, exceptions.UnauthenticatedError) and not status:
        kind, problem, remedy = AccessDenied, f": {first_line(text).rpartition('provider: ')[2]}", "Log in again, or check the credentials."
    elif status == "507" or code in FULL_CODES:
        problem, remedy = f" could not be written: the store is full ({code or status})", f"Make room there or raise the quota, {RUN_AGAIN}"
    elif status in ("401", "403") or code in EXPIRED_CODES:
        kind, (problem, remedy) = AccessDenied, _denied(code or status)
    elif status in ("301", "307", "400"):
        problem, remedy = f": the store answers {status} {code}".rstrip(), "Check the region (AWS_REGION) and the endpoint."
    elif status == "501":
        problem, remedy = f": the store does not support this request (501 {code})".replace(" )", ")"), CONDITIONS
    elif status[:1] == "5" or status == "429":
        kind, problem = StoreUnavailable, f": the store answers {status} {code}".rstrip()
        remedy = "Several retries failed; try again later."
    elif isinstance(error, exceptions.InvalidPathError) or UNPARSED in text:
        kind, remedy = InvalidKey, "Rename that object: a key has no empty, . or .. segments and no control characters."
    elif server := re.search(r"Error performing \w+ (\w+://[^/\s]+)", text):
        reason = next((reason for word, reason in CONNECTION_ERRORS.items() if word in text), "no response")
        kind, problem = StoreUnavailable, f": {server[1]} cannot be reached: {reason}"
        remedy = "Check the endpoint and the network."
    return kind(f"{url}{hide_credentials(problem)}", remedy)


def hide_credentials(text: str) -> str:
    """A text without the `user:password@` of its URLs: proxies and endpoints have one, and messages quote them."""
    return _USER.sub("://", text)


def _denied(code: str) -> tuple[str, str]:
    """The problem and the remedy of a request that is refused: its signature holds the time of this host."""
    if code in CLOCK_CODES:
        problem = f": the store refuses the time of host {socket.gethostname()} ({code})"
        return problem, f"Set the clock of that host (NTP: chrony or systemd-timesyncd), {RUN_AGAIN}"
    return f": access is denied ({code})", f"Log in again, or check the credentials and the bucket's policy; {RUN_AGAIN}"


def _unavailable(status: str, code: str, text: str) -> tuple[str, str] | None:
    """The problem and the remedy of an answer that concerns one object; None for any other."""
    if code.upper().startswith("KMS"):
        return (
            f": its KMS key cannot be used ({code})",
            "Enable the key, or allow kms:Decrypt to these credentials; or leave the object out.",
        )
    if code in ARCHIVED_CODES:
        return f": it is archived ({code})", "Restore it from the archive first, or leave it out."
    if status == "400" and CUSTOMER_KEY.search(text):
        return (
            f": it is encrypted with a customer's key, SSE-C ({code or status})",
            "Copy it with the bucket's own encryption, or leave it out.",
        )
    return None


def first_line(text: str) -> str:
    """obstore's message without its debug dump, as one line of at most 300 characters."""
    return re.sub(r"\s+", " ", text.partition("\n\nDebug source")[0]).strip()[:300]
