"""A thin client of the HTTP API, for programs that have neither torch nor Ray: httpx alone (extra `client`)."""

from __future__ import annotations

from ganray.client.answers import EditCard, Finding, Image, Images, Job, ModelCard, ProfileCard, Report
from ganray.client.awaiting import AsyncClient
from ganray.client.blocking import Client
from ganray.client.bodies import EditFields, EditRow, GenerateFields, JobFields, Photo
from ganray.client.errors import (
    BadAnswer,
    BadRequest,
    Busy,
    ClientError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Invalid,
    JobFailed,
    NotFound,
    RateLimited,
    ServerFailed,
    TimedOut,
    TooLarge,
    TooSlow,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from ganray.client.results import Result, ResultFile
from ganray.client.webhooks import Webhook, WebhookError, verify_webhook

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "BadRequest",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "DeadlineExceeded",
    "EditCard",
    "EditFields",
    "EditRow",
    "Finding",
    "Forbidden",
    "GenerateFields",
    "Image",
    "Images",
    "Invalid",
    "Job",
    "JobFailed",
    "JobFields",
    "ModelCard",
    "NotFound",
    "Photo",
    "ProfileCard",
    "RateLimited",
    "Report",
    "Result",
    "ResultFile",
    "ServerFailed",
    "TimedOut",
    "TooLarge",
    "TooSlow",
    "Unauthorized",
    "Unreachable",
    "Unsupported",
    "Webhook",
    "WebhookError",
    "verify_webhook",
]
