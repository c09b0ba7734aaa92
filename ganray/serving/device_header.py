"""The device that a replica draws on, in every answer of its app: the same request gives the same bits on one kind of device."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DEVICE_HEADER = "X-Ganray-Device"


class DeviceHeader:
    """ASGI middleware that adds X-Ganray-Device."""

    def __init__(self, app: ASGIApp, device: str) -> None:
        self._app, self._header = app, (DEVICE_HEADER.lower().encode(), device.encode("latin-1"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""

        async def with_device(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(self._header)
            await send(message)

        await self._app(scope, receive, with_device if scope["type"] == "http" else send)
