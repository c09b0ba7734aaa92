"""What went wrong below, said as one error of ganray.errors: the object, what happened, what to do."""

from __future__ import annotations

import errno
import re

from obstore import exceptions

from ganray.errors import AccessDenied, ObjectChanged, ObjectExists, ObjectNotFound, StorageError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
ABSENT = (errno.ENOENT, errno.ENOTDIR)


def from_os_error(error: OSError, url: str) -> StorageError:
    """An operating system's error on a local file."""
    if error.errno in DISK_FULL:
        return StorageError(f"{url} could not be written: the disk is full", "Free some space, or choose another place.")
    if error.errno in FORBIDDEN:
        return AccessDenied(f"{url}: {error.strerror}", "Check the owner and the permissions of the file and its folder.")
    if error.errno in ABSENT or isinstance(error, FileNotFoundError):
        return ObjectNotFound(f"{url} does not exist", "Check the path.")
    return StorageError(f"{url}: {error.strerror or error}")


def from_obstore(error: Exception, url: str) -> StorageError:
    """An error that obstore raised; its text is searched for the few things that a person can act on."""
    text = str(error)
    if "NoSuchBucket" in text:
        bucket = "/".join(url.split("/")[:3])
        return ObjectNotFound(f"{url}: there is no bucket {bucket}", "Check the name and the endpoint, or create the bucket.")
    if isinstance(error, FileNotFoundError):
        return ObjectNotFound(f"{url} does not exist", "Check the URL.")
    if isinstance(error, exceptions.AlreadyExistsError):
        return ObjectExists(f"{url} exists already")
    if isinstance(error, exceptions.PreconditionError):
        return ObjectChanged(f"{url} is not the expected version any more", "Read it again and repeat the change.")
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return AccessDenied(f"{url}: the store refused these credentials", "Check the credentials.")
    return StorageError(f"{url}: {first_line(text)}")


def first_line(text: str) -> str:
    """The first line of obstore's message, without its debug dump."""
    return re.sub(r"\s+", " ", text.partition("\n\nDebug source")[0]).strip()[:400]
