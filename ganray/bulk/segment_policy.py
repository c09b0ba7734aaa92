"""Personalised variants: a policy says for each segment of customers what its images are to have in place of what was asked.

A YAML or JSON file, `segment: {attribute: value}`; null leaves an attribute to the seed. The digest of the policy and each request's
segment are recorded in every receipt, so that it can be told afterwards why a picture was made as it was.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import yaml

from ganray.errors import ConfigError, RequestError
from ganray.requests import GenerateRequest
from ganray.storage import open_object

REMEDY = "Write a YAML file like `beach: {colour: blue}`, a line a segment"


@dataclass(frozen=True)
class Policy:
    """Segment -> the attributes that it changes."""

    rules: dict[str, dict[str, str | None]]

    @classmethod
    def read(cls, url: str) -> Policy:
        """Raises ConfigError for a file that is none, ObjectNotFound where there is none."""
        store, key = open_object(url)
        try:
            return cls.parse(yaml.safe_load(store.get(key)))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"policy {url}: {' '.join(str(error).split())}", REMEDY) from error

    @classmethod
    def parse(cls, rules: Any) -> Policy:
        """Raises ValueError for anything but a map of maps of text."""
        if not isinstance(rules, dict) or not rules:
            raise ValueError("it is no map of segments")
        for segment, rule in rules.items():
            if not isinstance(rule, dict) or not all(isinstance(value, str | int | float | None) for value in rule.values()):
                raise ValueError(f"segment {segment!r} is no map of attributes")
        text = {str(name): {str(key): None if value is None else str(value) for key, value in rule.items()} for name, rule in rules.items()}
        return cls(text)

    @property
    def digest(self) -> str:
        """Sha256 of the rules, whatever the file's format and order."""
        return hashlib.sha256(json.dumps(self.rules, sort_keys=True).encode()).hexdigest()

    def apply(self, request: GenerateRequest) -> GenerateRequest:
        """The request with its segment's attributes. Raises RequestError for a segment without a rule."""
        if not request.segment:
            return request
        if request.segment not in self.rules:
            raise RequestError(
                f"request {request.id!r}: segment {request.segment!r} has no rule", f"The policy has rules for {', '.join(self.rules)}"
            )
        changed = {**request.attributes, **self.rules[request.segment]}
        return request.model_copy(update={"attributes": {name: value for name, value in changed.items() if value is not None}})


def applied(policy: Policy | None, request: GenerateRequest) -> GenerateRequest:
    """The same where there is a policy. Raises RequestError for a segment where there is none."""
    if policy is not None:
        return policy.apply(request)
    if request.segment:
        remedy = "Name one by --policy; or, where segment is an attribute of the model, give it under attributes"
        raise RequestError(f"request {request.id!r} is for segment {request.segment!r}, and there is no policy", remedy)
    return request
