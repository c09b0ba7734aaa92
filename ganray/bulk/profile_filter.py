"""Whether a photo fails a profile's check: looked at in a child process, as all bytes from outside are."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from ganray.errors import ConfigError, ImageError
from ganray.images.codec import Limits
from ganray.images.sandbox import Sandbox
from ganray.images.untrusted import LIMITS, allowance


def check_in_child(data: bytes, profile: str, max_pixels: int) -> tuple[bytes, dict[str, Any]]:
    """What the sandbox calls."""
    checker, profiles = (importlib.import_module(f"ganray.profiles.{name}") for name in ("checker", "profile"))
    limits = replace(checker.LIMITS, max_pixels=max(max_pixels, checker.LIMITS.max_pixels))
    return b"", {"failing": not checker.check(data, profiles.profile(profile), limits=limits).passed}


def check_profile(name: str) -> None:
    """Raise RequestError where no profile has that name, with those that there are."""
    try:
        profiles = importlib.import_module("ganray.profiles.profile")
    except ImportError as error:
        raise ConfigError(f"edit: failing = {name}: this build has no profiles", "Leave it out") from error
    profiles.profile(name)


class ProfileFilter:
    """Tells photos that fail a profile's check."""

    def __init__(self, profile: str, limits: Limits = LIMITS) -> None:
        options = {"profile": profile, "max_pixels": limits.max_pixels}
        self._sandbox = Sandbox(f"{__name__}:check_in_child", options, **allowance(limits, 60))

    def __call__(self, data: bytes) -> bool:
        """Whether this one does; raises ImageError for one that cannot be looked at."""
        (result,) = self._sandbox.map([data])
        if isinstance(result, ImageError):
            raise result
        return bool(result[1]["failing"])
