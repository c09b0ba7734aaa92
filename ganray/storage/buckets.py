"""obstore's clients for S3, Google Cloud Storage and Azure, all with the same retries and timeouts."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError
from botocore.session import Session
from obstore.store import AzureStore, GCSStore, S3Store

from ganray.errors import AccessDenied
from ganray.storage import aws

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# A server that refuses or is not found fails after 5 to 15 s, one that does not respond after two times 10 s.
# A single write must be done in 10 s: obstore's read timeout also runs while it sends.
RETRY: RetryConfig = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=3), "base": 2},
}
CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=3),
    "read_timeout": timedelta(seconds=10),
    "timeout": timedelta(seconds=300),
}


def s3(bucket: str) -> ObjectStore:
    """A bucket of S3 or of a compatible server. Raises AccessDenied where there are no credentials.

    A custom endpoint is addressed by path, Amazon's by host name, unless AWS_VIRTUAL_HOSTED_STYLE_REQUEST is set.
    """
    session = Session()
    config: dict[str, Any] = {}
    try:
        endpoint, config["region"] = aws.endpoint(session), aws.region(session)
    except BotoCoreError as error:  # a profile that does not exist, a config file that cannot be read
        raise AccessDenied(f"s3://{bucket}: {error}", "Check AWS_PROFILE and the files in ~/.aws.") from error
    client = CLIENT | {"allow_http": endpoint.startswith("http://")}
    if endpoint:
        config["endpoint"] = endpoint
    if "AWS_VIRTUAL_HOSTED_STYLE_REQUEST" not in os.environ:
        config["virtual_hosted_style_request"] = not endpoint and "." not in bucket
    if certificates := aws.ca_bundle(session):
        client["root_certificate"] = certificates
    if aws.anonymous():
        return S3Store(bucket, skip_signature=True, client_options=client, retry_config=RETRY, **config)
    provider = aws.credentials(session, f"s3://{bucket}")
    return S3Store(bucket, credential_provider=provider, client_options=client, retry_config=RETRY, **config)


def gs(bucket: str) -> ObjectStore:
    """A bucket of Google Cloud Storage, with the credentials of GOOGLE_APPLICATION_CREDENTIALS or the machine's own."""
    return GCSStore(bucket, client_options=CLIENT, retry_config=RETRY)


def az(container: str) -> ObjectStore:
    """A container of Azure Blob Storage, with account and credentials from the AZURE_STORAGE_... variables."""
    return AzureStore(container, client_options=CLIENT, retry_config=RETRY)
