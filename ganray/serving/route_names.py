"""The template of the route that a request is for, such as /v1/jobs/{id}: what logs and metrics name, never a part that a client chooses.

Starlette tells it only of requests that have come as far as its router; one that was refused before has only its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Mount

OTHER = "other"


class RouteNames:
    """The routes of one app, by their paths."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for route in routes:
            path: str = getattr(route, "path", "")
            pattern: re.Pattern[str] | None = getattr(route, "path_regex", None)
            if isinstance(route, Mount):
                self._exact[path] = path
            if pattern is not None and path:
                if "{" in path or isinstance(route, Mount):
                    self._patterns.append((pattern, path))
                else:
                    self._exact[path] = path

    def of(self, scope: Any) -> str:
        """The template; "other" for a path that no route has."""
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        return next((name for pattern, name in self._patterns if pattern.match(path)), OTHER)
