"""What went wrong below, said as one error of ganray.errors: the object, what happened, what to do."""

from __future__ import annotations

import errno
import re

from obstore import exceptions

from ganray.errors import AccessDenied, InvalidKey, ObjectChanged, ObjectExists, ObjectNotFound, StorageError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
DENIED = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired")  # S3 answers these with 400
FULL = ("QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull")  # Ceph's gateway answers the first one with 403
AGAIN = "then run the same command again: finished work is kept."

# Words in obstore's debug dump that say why there was no answer at all.
SILENCES = {
    "ConnectionRefused": "the connection is refused",
    "dns error": "no such host",
    "ConnectionReset": "the connection is cut",
    "IncompleteMessage": "the connection is cut",
    "TimedOut": "no answer in time",
    "Timeout": "no answer in time",
    "certificate": "its certificate is not trusted (AWS_CA_BUNDLE names another authority)",
}


def from_os_error(error: OSError, url: str) -> StorageError:
    """An operating system's error on a local file."""
    if error.errno in DISK_FULL:
        return StorageError(f"{url} could not be written: the disk is full", f"Free some space, {AGAIN}")
    if error.errno in FORBIDDEN:
        return AccessDenied(f"{url}: {error.strerror}", "Check the owner and the permissions of the file and its folder.")
    if error.errno in ABSENT:
        return ObjectNotFound(f"{url} does not exist", "Check the path.")
    return StorageError(f"{url}: {error.strerror or error}")


def from_obstore(error: Exception, url: str) -> StorageError:
    """An error that obstore raised: its class says little (a refused listing is "generic"), so its text is searched."""
    text = str(error)
    status = "".join(re.findall(r"status code: (\d{3})", text)[:1])
    code = "".join(re.findall(r"<Code>(\w+)</Code>", text)[:1])
    kind, said, remedy = StorageError, f": {first_line(text)}", ""
    if code == "NoSuchBucket":
        kind, said, remedy = ObjectNotFound, ": there is no such bucket", "Check its name, the region and the endpoint, or create it."
    elif isinstance(error, FileNotFoundError):
        kind, said, remedy = ObjectNotFound, " does not exist", "Check the URL."
    elif isinstance(error, exceptions.AlreadyExistsError):
        kind, said = ObjectExists, " exists already"
    elif isinstance(error, exceptions.PreconditionError):
        kind, said, remedy = ObjectChanged, " is not the expected version any more", "Read it again and repeat the change."
    elif isinstance(error, exceptions.UnauthenticatedError) and not status:
        kind, said, remedy = AccessDenied, f": {first_line(text).rpartition('provider: ')[2]}", "Log in again, or check the credentials."
    elif status == "507" or code in FULL:
        said, remedy = f" could not be written: the store is full ({code or status})", f"Make room there or raise the quota, {AGAIN}"
    elif status in ("401", "403") or code in DENIED:
        remedy = f"Log in again, or check the credentials and the bucket's policy; {AGAIN}"
        kind, said = AccessDenied, f": access is denied ({code or status})"
    elif status in ("301", "307", "400"):
        said, remedy = f": the store answers {status} {code}".rstrip(), "Check the region (AWS_REGION) and the endpoint."
    elif status[:1] == "5" or status == "429":
        said, remedy = f": the store answers {status} {code}".rstrip(), "It was asked again several times; try later."
    elif isinstance(error, exceptions.InvalidPathError):
        kind, remedy = InvalidKey, "Rename that object: no empty name, . or .. may stand between slashes."
    elif server := re.search(r"Error performing \w+ (\w+://[^/\s]+)", text):
        reason = next((said for word, said in SILENCES.items() if word in text), "no answer")
        said, remedy = f": {server[1]} cannot be reached, {reason}", "Check the endpoint and the network."
    return kind(f"{url}{said}", remedy)


def first_line(text: str) -> str:
    """obstore's message without its debug dump, on one line of at most 300 characters."""
    return re.sub(r"\s+", " ", text.partition("\n\nDebug source")[0]).strip()[:300]
