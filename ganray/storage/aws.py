"""Endpoint, region, certificates and credentials of S3, found as boto3 finds them.

botocore's session is the part of boto3 that reads environment, profiles, SSO, roles and instance metadata.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore import UNSIGNED
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from ganray.errors import AccessDenied

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Credential

# botocore renews credentials with less than 10 minutes left, so each answer is valid for 10; obstore asks again when 5 are left.
LIFETIME = timedelta(minutes=10)
REMEDY = "Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in; AWS_SKIP_SIGNATURE=true is for public buckets."


def endpoint(session: Session) -> str:
    """The S3 endpoint of AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile; empty means Amazon's own."""
    url = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), "s3").provide()
    return str(url or "").rstrip("/")


def region(session: Session) -> str:
    """The region of AWS_REGION, AWS_DEFAULT_REGION or the profile; us-east-1 by default."""
    return os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"


def ca_bundle(session: Session) -> bytes | None:
    """The certificates of AWS_CA_BUNDLE or the profile's ca_bundle, in PEM, in addition to the system's."""
    path = session.get_config_variable("ca_bundle")
    if not path:
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError as error:
        raise AccessDenied(f"AWS_CA_BUNDLE {path}: {error.strerror}", "Name a PEM file that can be read.") from error


def anonymous() -> bool:
    """Whether AWS_SKIP_SIGNATURE asks for requests without credentials."""
    return os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "yes", "on")


def credentials(session: Session, url: str) -> Callable[[], S3Credential]:
    """A function that gives obstore valid credentials at any time. Raises AccessDenied where boto3 finds none."""
    try:
        current = session.get_credentials()
        if current is None:
            raise AccessDenied(f"{url}: no AWS credentials were found", REMEDY)
        current.get_frozen_credentials()
    except BotoCoreError as error:
        raise AccessDenied(f"{url}: {error}", REMEDY) from error

    def fresh() -> S3Credential:
        """The credentials of botocore, which renews them when due; obstore asks again after LIFETIME."""
        frozen = current.get_frozen_credentials()
        expires_at = datetime.now(UTC) + LIFETIME
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": expires_at,
        }

    return fresh


def list_exactly(bucket: str, folder: str, after: str) -> Iterator[ObjectMeta]:
    """All objects below a folder after a key, by botocore: ten times slower than obstore, which fails at keys like a//b."""
    session = Session()
    style = "path" if endpoint(session) else "auto"
    config = Config(signature_version=UNSIGNED if anonymous() else None, s3={"addressing_style": style})
    client = session.create_client("s3", region(session), config=config)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/" if folder else "", StartAfter=after)
    for page in pages:
        for item in page.get("Contents", ()):
            yield {
                "path": item["Key"],
                "size": item["Size"],
                "e_tag": item["ETag"],
                "last_modified": item["LastModified"],
                "version": None,
            }
