"""Who may ask for what: ASGI middleware that finds the caller of a request by its key, before its body is read.

Beyond loopback a key is needed, unless the operator says otherwise. Pages of the API's documentation and of the studio are open: they hold
no data, and send the key that a person types in. There are no CORS headers: pages of other sites can read nothing.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from ganray.config import ServeConfig
from ganray.errors import ConfigError
from ganray.serving.context import Scope, context_of
from ganray.serving.errors import error_reply
from ganray.serving.keys import VARIABLE, KeyRing, KeyRow, is_key
from ganray.serving.rates import Allowance, Ledger
from ganray.serving.refusals import Forbidden, RateLimited, Refusal, Unauthorized

OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json", "/studio")  # these paths, and what lies under the folders among them
OPEN_FOLDERS = ("/docs/", "/studio/")
NEEDED: dict[str, Scope] = {  # path, or the folder that it lies in -> scope; a test compares them with the paths of the app
    "/v1/generate": "generate",
    "/v1/edit": "edit",
    "/v1/check": "check",
    "/v1/edits": "models",
    "/v1/models": "models",
    "/v1/profiles": "models",
    "/v1/jobs": "jobs",
    "/metrics": "metrics",
}
CHARGED: frozenset[Scope] = frozenset({"generate", "edit", "check"})  # one image before the body is read; `charge_more` the others
READING = ("GET", "HEAD")
CHARGE = "ganray.charge"  # key of `scope["state"]`
GUESSES, GUESS_SECONDS, MAX_ADDRESSES = 20, 60.0, 10_000
SEND_KEY = "Send Authorization: Bearer KEY, or X-API-Key: KEY; the operator makes keys with `ganray key`"


class Guesses:
    """Wrong keys by address: GUESSES in GUESS_SECONDS are answered 401, further ones 429 until that time is over.

    A right key is answered all the same: behind a proxy or a company's router one address is many clients, and nobody is to lock out the
    others. No guess is near one of 2^256 keys; what this saves is the log.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._table: OrderedDict[str, tuple[int, float]] = OrderedDict()  # wrong keys, and the time of the first

    def __len__(self) -> int:
        return len(self._table)

    def count(self, host: str) -> float:
        """Count a wrong key: 0.0, or for one too many the seconds to wait."""
        address, now = _network(host), self._clock()
        count, since = self._table.pop(address, (0, now))
        if now - since >= GUESS_SECONDS:
            count, since = 0, now
        self._table[address] = (count + 1, since)
        if len(self._table) > MAX_ADDRESSES:
            self._table.popitem(last=False)
        return since + GUESS_SECONDS - now if count >= GUESSES else 0.0


class Access:
    """Answers 401, 403 and 429, and tells the app who asks (`context_of(scope).caller`)."""

    def __init__(self, app: ASGIApp, keys: KeyRing, ledger: Ledger, anonymous: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """With `anonymous`, a request without a key is answered; one with a wrong key is not."""
        self._app, self._keys, self._ledger, self._anonymous = app, keys, ledger, anonymous
        self._guesses = Guesses(clock)
        keys.watch()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] == "websocket":  # no path has one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            try:
                await self._admit(scope)
            except Refusal as refusal:
                await error_reply(refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admit(self, scope: AsgiScope) -> None:
        path, headers = _path_of(scope), _headers_of(scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            raise Forbidden("pages of other sites may not call this server", "Call it from a server, or from its own /studio")
        if path in OPEN or path.startswith(OPEN_FOLDERS):
            return
        key = _key_of(headers)
        if key is None:
            self._admit_anonymous(scope["method"], headers)
            return
        row = self._keys.find(key)
        if row is None:
            raise self._unknown(key, (scope.get("client") or ("",))[0])
        context_of(scope).caller = row.caller
        needed = _scope_of(path)
        if needed is not None and needed not in row.scopes:
            raise Forbidden(f"key {row.name}: its scopes do not include {needed}", "Ask the operator for a key that has it")
        if needed in CHARGED:
            await charge(self._ledger, row, 1.0)
            scope["state"][CHARGE] = lambda cost: charge(self._ledger, row, cost)
        elif needed == "jobs":
            scope["state"][CHARGE] = lambda images: charge_day(self._ledger, row, images)

    def _admit_anonymous(self, method: str, headers: Mapping[str, list[str]]) -> None:
        if not self._anonymous:
            raise Unauthorized("a key is needed", SEND_KEY)
        if method not in READING and _from_other_site(headers):
            raise Forbidden("a page of another site sent this request", "Send a key, or use the server's own /studio")

    def _unknown(self, key: str, host: str) -> Refusal:
        wait = self._guesses.count(host)
        if wait:
            return RateLimited("too many unknown keys from this address", "Check the key, and wait as long as Retry-After says", wait)
        if not is_key(key):
            return Unauthorized("this is not a key: it was mistyped or cut", SEND_KEY)
        return Unauthorized("the key is unknown, or no longer valid", "Ask the operator for another one")


async def charge(ledger: Ledger, row: KeyRow, cost: float) -> None:
    """Charge images to a key. Raises RateLimited. Keys of one name share an account, so that to replace one gives nothing twice."""
    limit = Allowance(row.rate, row.burst, row.daily)
    if limit.daily is not None and cost > limit.daily:
        raise RateLimited(f"key {row.name}: {cost:g} images are more than its {limit.daily:,} a day", "Ask for fewer")
    wait = await ledger.take(row.name, limit, cost)
    if wait:
        raise RateLimited(f"key {row.name}: it has used up its limit ({limit})", "Wait as long as Retry-After says", wait)


async def charge_day(ledger: Ledger, row: KeyRow, images: int | None) -> None:
    """Charge the images of a bulk job to the key's day: it takes hours, so the rate does not count. As `charge_job`."""
    if images is not None:
        await charge(ledger, row.model_copy(update={"rate": None, "burst": None}), images)
    elif row.daily is not None:
        message = f"key {row.name} has {row.daily:,} images a day, and the images of a table are not counted"
        raise Forbidden(message, "Send requests in bodies")


async def charge_job(scope: AsgiScope, images: int | None) -> None:
    """Charge a bulk job of so many images; None: of a table that nobody has counted. Raises RateLimited, Forbidden."""
    charged = scope.get("state", {}).get(CHARGE)
    if charged is not None:
        await charged(images)


async def charge_more(scope: AsgiScope, count: int) -> None:
    """Charge a request for several images with those beyond the first. Raises RateLimited."""
    more = scope.get("state", {}).get(CHARGE)
    if more is not None and count > 1:
        await more(count - 1.0)


def check_protection(config: ServeConfig) -> None:
    """Raise ConfigError for a server that everybody could use without anyone having said so, and for keys that cannot be read.

    For a verb, before it loads a model. A server whose address others choose (a declared application of Ray Serve) is asked with the host
    0.0.0.0.
    """
    anonymous_allowed(config, KeyRing(config.keys))


def anonymous_allowed(config: ServeConfig, keys: KeyRing) -> bool:
    """Whether requests without a key are answered: on loopback while there are no keys, or where the operator says so.

    Raises ConfigError as `check_protection`.
    """
    if config.anonymous:
        return True
    if keys:
        return False
    if _is_loopback(config.host):
        return True
    raise ConfigError(
        f"serve: {config.host} can be reached from other machines, and there are no keys",
        f"Make one: ganray key --name shop --file keys.yaml; then --keys keys.yaml (or ${VARIABLE}). Or --anonymous",
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _network(host: str) -> str:
    """Whose address it is: of IPv6 the first 64 bits, since one client has all the others."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _path_of(scope: AsgiScope) -> str:
    """The path as the app's routes see it: without the prefix that the app lies under."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _scope_of(path: str) -> Scope | None:
    """The scope that a path needs; None for paths that are not there, which any key may ask for in vain."""
    return next((scope for prefix, scope in NEEDED.items() if path == prefix or path.startswith(f"{prefix}/")), None)


def _headers_of(scope: AsgiScope) -> dict[str, list[str]]:
    """The headers by name: all values, since a name may come twice. Any byte is a character of Latin-1, so that nothing is undecodable."""
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    return headers


def _key_of(headers: Mapping[str, list[str]]) -> str | None:
    """The key of a request; None without one. Another scheme than Bearer is a proxy's. Raises Unauthorized for keys that differ."""
    credentials = (value.partition(" ") for value in headers.get("authorization", ()))
    found = {key.strip() for scheme, _, key in credentials if scheme.lower() == "bearer"} | set(headers.get("x-api-key", ()))
    if len(found) > 1:
        raise Unauthorized("the request has several keys that differ", "Send one")
    return next(iter(found), None)


def _from_other_site(headers: Mapping[str, list[str]]) -> bool:
    """Whether a browser says that a page of another site sends a request. Browsers say so on https and on loopback (Fetch Metadata); on
    other addresses what remains is the Origin."""
    sites = headers.get("sec-fetch-site")
    if sites:
        return sites[-1] not in ("same-origin", "none")
    origins, hosts = headers.get("origin"), headers.get("host", [""])
    return origins is not None and _netloc(origins[-1]) != hosts[-1].lower()


def _netloc(origin: str) -> str | None:
    """Host and port of an Origin; None of what is none, e.g. `null` or half an IPv6 address."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
