import errno
import os
import socket

import pytest
from obstore import exceptions

from ganray.errors import AccessDenied, InvalidKey, ObjectExists, ObjectNotFound, ObjectUnavailable, StorageError, StoreUnavailable
from ganray.storage.failures import from_obstore, from_os_error

URL = "s3://bucket/prefix/key"


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.ENOSPC, StorageError, "the disk is full"),
        (errno.EDQUOT, StorageError, "the disk is full"),
        (errno.EACCES, AccessDenied, "Permission denied"),
        (errno.EROFS, AccessDenied, "Read-only file system"),
        (errno.ENOENT, ObjectNotFound, "does not exist"),
        (errno.EIO, StorageError, "Input/output error"),
    ],
)
def test_from_os_error(number, kind, message):
    error = from_os_error(OSError(number, os.strerror(number)), "/data/k")
    assert type(error) is kind
    assert error.message.startswith("/data/k")
    assert message in error.message


def generic(text, dump=""):
    return exceptions.GenericError(f"Generic S3 error: Error performing GET http://host:1/b/k in 2ms {text}\n\nDebug source:\n{dump}")


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (FileNotFoundError("Object at location k not found"), ObjectNotFound, f"{URL} does not exist"),
        (FileNotFoundError("status code: 404 Not Found: <Code>NoSuchBucket</Code>"), ObjectNotFound, "no such bucket"),
        (exceptions.AlreadyExistsError("status code: 412"), ObjectExists, f"{URL} exists already"),
        (exceptions.PreconditionError("status code: 412"), ObjectExists, f"{URL} exists already"),
        (generic("status code: 403 Forbidden: <Code>InvalidAccessKeyId</Code>"), AccessDenied, "access is denied (InvalidAccessKeyId)"),
        (generic("status code: 400 Bad Request: <Code>ExpiredToken</Code>"), AccessDenied, "access is denied (ExpiredToken). Log in again"),
        (generic("status code: 403 Forbidden: <Code>QuotaExceeded</Code>"), StorageError, "the store is full (QuotaExceeded). Make room"),
        (
            generic("status code: 400 Bad Request: <Code>KMS.DisabledException</Code><Message>arn:x is disabled.</Message>"),
            ObjectUnavailable,
            "its KMS key cannot be used (KMS.DisabledException). Enable the key",
        ),
        (generic("status code: 400 Bad Request: <Code>KMS.NotFoundException</Code>"), ObjectUnavailable, "KMS.NotFoundException"),
        (
            generic(
                "status code: 400 Bad Request: <Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side "
                "Encryption. The correct parameters must be provided to retrieve the object.</Message>"
            ),
            ObjectUnavailable,
            "encrypted with a customer's key, SSE-C (InvalidRequest). Copy it",
        ),
        (generic("status code: 403 Forbidden: <Code>InvalidObjectState</Code>"), ObjectUnavailable, "archived (InvalidObj"),
        (generic("status code: 400 Bad Request: <Code>InvalidRequest</Code><Message>odd</Message>"), StorageError, "400 InvalidRequest"),
        (generic("status code: 501 Not Implemented: <Code>NotImplemented</Code>"), StorageError, "(501 NotImplemented). Use a store with"),
        (exceptions.GenericError('Could not parse path: Error parsing Path "a\nb.png"'), InvalidKey, "Rename that object: a key has no"),
        (generic("status code: 507 Insufficient Storage: "), StorageError, "the store is full (507). Make room"),
        (exceptions.UnauthenticatedError("... credential provider: RuntimeError: token expired"), AccessDenied, "token expired"),
        (generic("status code: 503 Service Unavailable: <Code>SlowDown</Code>"), StoreUnavailable, "the store answers 503 SlowDown"),
        (generic("status code: 301 Moved Permanently: "), StorageError, "Check the region"),
        (generic("- HTTP error", "kind: ConnectionRefused"), StoreUnavailable, "http://host:1 cannot be reached: connection refused"),
        (
            exceptions.GenericError("Generic S3 error: Error performing GET http://user:word@host:1/b in 2ms - HTTP error"),
            StoreUnavailable,
            ": http://host:1 cannot be reached",
        ),
        (exceptions.GenericError("no proxy https://user:word@host"), StorageError, ": no proxy https://host"),
        (exceptions.GenericError("something\n   new\n\nDebug source:\nGeneric {"), StorageError, f"{URL}: something new"),
    ],
)  # fmt: skip
def test_from_obstore(raised, kind, message):
    error = from_obstore(raised, URL)
    assert type(error) is kind
    assert str(error).startswith(URL)
    assert message in str(error)
    assert "\n" not in str(error)


def test_a_clock_that_is_off_names_the_host():
    raised = exceptions.PermissionDeniedError("status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>")
    found = from_obstore(raised, URL)
    assert type(found) is AccessDenied
    assert f"the store refuses the time of host {socket.gethostname()} (RequestTimeTooSkewed)" in found.message
    assert "NTP" in found.remedy and "check the credentials" not in found.remedy
