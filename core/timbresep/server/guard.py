"""What comes in is checked before it is read: host, origin and size."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from timbresep.server.settings import MB

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OWN_HEADER = "x-timbresep"
"""A header that no other site's page can send without asking first, which is never allowed."""

DIGITS = 18
"""Of a request's length at most."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class TooLargeError(Exception):
    """A request went over the limit while it came in."""


class Guard:
    """Refuses requests for other hosts, from other sites, and those that are too large.

    Args:
        app: what is guarded.
        hosts: names that this machine may be called by.
        most: bytes of a request.
    """

    def __init__(self, app: App, hosts: tuple[str, ...], most: int) -> None:
        self.app, self.most = app, most
        self.hosts = {_bracketed(host) for host in hosts}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope["method"], headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise TooLargeError
            return message

        async def guarded(message: Message) -> None:
            if taken > self.most:  # what the app says of half a request does not matter
                return
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        with contextlib.suppress(TooLargeError):
            await self.app(scope, counted, guarded)
        if taken > self.most:
            await self._too_large()(scope, receive, send)

    def _refused(self, method: str, headers: Headers) -> JSONResponse | None:
        """The answer to a request that is not for us; None if it is."""
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return _answer(400, "this is not the host that was asked for", "use http://localhost")
        if method in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if origin is not None and _host_of(origin) != host:
            return _answer(403, "requests from other sites are refused", "use the page itself")
        if OWN_HEADER not in headers:
            return _answer(403, f"the header {OWN_HEADER} is missing", f"send {OWN_HEADER}: 1")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > DIGITS or int(length) > self.most:
            return self._too_large()
        return None

    def _too_large(self) -> JSONResponse:
        most = f"{self.most / MB:.0f} MB"
        return _answer(413, f"the upload is larger than {most}", "use the command line")


def _host_of(origin: str) -> str:
    """The host and port in an address; empty if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # half an IPv6 address
        return ""


def _name(host: str) -> str:
    """A host without its port, in lower case."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _bracketed(host: str) -> str:
    """A name or address as it stands in an address of the web."""
    return f"[{host.lower()}]" if ":" in host and not host.startswith("[") else host.lower()


def _answer(status: int, error: str, advice: str) -> JSONResponse:
    return JSONResponse({"error": error, "advice": advice}, status)
