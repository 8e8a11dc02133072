"""One-off calls outside a crawl (tokens, quotas, webhooks), over requests and behind the same address guard.

The address connected to is the one that was checked, on every hop; proxies and passwords of the environment are
not used. Imports no crawler.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from pipeline.errors import SourceRefused
from spiders import settings
from spiders.addresses import LOOPBACK, PORTS, Network, is_loopback, is_refused, networks, why_refused
from spiders.secrets import redact

MAX_BYTES = 32 * 2**20
SECONDS = 30.0
CONNECT_SECONDS = 10.0
REDIRECTS = 3
_PIECE = 64 * 1024


class _Refused(Exception):
    """The address that a name stands for must not be connected to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whatever its status. Header names are in lower case; of one given twice the values are joined."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises SourceRefused when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            host, kind = urlsplit(self.url).netloc, self.headers.get("content-type", "nothing known")
            raise SourceRefused(f"{host} answered HTTP {self.status} with {kind} in place of JSON.") from None


def ask(
    url: str,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    *,
    form: Mapping[str, Any] | None = None,
    body: bytes | None = None,
    base: str = "",
    allow: Iterable[str] = (),
    ports: Iterable[int] = (),
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Ask one address once, and follow at most three redirects of a GET, none of them from https to http.

    `base` is the configured address of the service: when it is on loopback, loopback may be asked, and its port is
    allowed; `allow` names further networks, `ports` further ports. `seconds` is for the whole call after names are
    looked up, `max_bytes` for the body as it unpacks. Headers and parameters given are for the host asked, not for
    where it redirects.

    Raises SourceRefused, in one sentence without secrets, when the address is refused, or no whole answer comes.
    """
    allowed = networks([*allow, *(LOOPBACK if base and is_loopback(base) else ())])
    port = urlsplit(base).port if base else None
    open_ports = PORTS | set(ports) | ({port} if port else set())
    until = time.monotonic() + seconds
    with _session(allowed) as session:
        made = requests.Request(method, url, dict(headers or {}), params=params, data=form or body)
        for _hop in range(REDIRECTS + 1):
            if why := why_refused(made.url or "", allowed, open_ports):
                raise SourceRefused(f"{redact(str(made.url))[:200]} was not asked: {why}.")
            answer = _answer(session, made, until, max_bytes)
            target = _target(answer, method)
            if target is None:
                return answer
            made = requests.Request(method, target, _kept(dict(headers or {}), url, target))
    raise SourceRefused(f"{urlsplit(url).netloc} redirects more than {REDIRECTS} times.")


def _target(answer: Answer, method: str) -> str | None:
    """Where an answer sends us, if it does. Raises SourceRefused for a step down from https."""
    if method not in ("GET", "HEAD") or answer.status not in (301, 302, 303, 307, 308):
        return None
    if not (location := answer.headers.get("location")):
        return None
    try:
        target = urljoin(answer.url, location)
    except ValueError:
        raise SourceRefused(f"{urlsplit(answer.url).netloc} redirects to what is no address.") from None
    if answer.url.startswith("https:") and target.startswith("http:"):
        raise SourceRefused(f"{urlsplit(answer.url).netloc} redirects from https to http, which is not followed.")
    return target


def _kept(headers: dict[str, str], asked: str, target: str) -> dict[str, str]:
    """The given headers that a redirect may carry: all to the same host and scheme, else none."""
    first, then = urlsplit(asked), urlsplit(target)
    return headers if (first.scheme, first.netloc) == (then.scheme, then.netloc) else {}


def _session(allowed: tuple[Network, ...]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = settings.USER_AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Guarded(allowed))
    return session


def _answer(session: requests.Session, made: requests.Request, until: float, max_bytes: int) -> Answer:
    """Send one request and read its answer whole."""
    host = urlsplit(made.url or "").netloc
    try:
        prepared = session.prepare_request(made)
    except (requests.RequestException, ValueError):
        raise SourceRefused(f"{redact(str(made.url))[:200]} was not asked: it is no address.") from None
    try:
        with _deadline(session, until) as late:
            patience = (CONNECT_SECONDS, max(until - time.monotonic(), 0.1))
            response = session.get_adapter(prepared.url or "").send(prepared, stream=True, timeout=patience)
            body = _body(response, max_bytes, host)
    except (requests.RequestException, HTTPError, OSError, _Refused) as error:
        why = "did not answer in time" if late.is_set() else _why(error)
        raise SourceRefused(f"{host} {why}.") from None
    if late.is_set():  # a connection that is cut among the headers reads like one with no more of them
        raise SourceRefused(f"{host} did not answer in time.")
    found = {name.lower(): value for name, value in response.headers.items()}
    return Answer(str(response.url), response.status_code, found, body)


def _body(response: requests.Response, max_bytes: int, host: str) -> bytes:
    """The body, unpacked, up to a limit that its declared length is held to first."""
    declared = response.headers.get("Content-Length", "")
    pieces, size = [], 0
    if declared.isdigit() and int(declared) > max_bytes:
        raise SourceRefused(f"{host} answers with {int(declared):,} bytes, more than {max_bytes:,}.")
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > max_bytes:
            raise SourceRefused(f"{host} answers with more than {max_bytes:,} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _why(error: BaseException) -> str:
    """What went wrong, for people: the cause of causes decides."""
    chain = list(_causes(error))
    if refused := next((one for one in chain if isinstance(one, _Refused)), None):
        return f"was not asked: {refused}"
    if any(isinstance(one, NameResolutionError | socket.gaierror) for one in chain):
        return "does not answer (its name is not known)"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "does not answer (the connection is refused)"
    if any(isinstance(one, requests.exceptions.SSLError) for one in chain):
        return f"shows a certificate that is not valid ({redact(str(chain[-1]))[:160]})"
    if any(isinstance(one, requests.Timeout | TimeoutError) for one in chain):
        return "did not answer in time"
    return f"broke off its answer ({type(chain[-1]).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it, as requests and urllib3 nest them."""
    seen: list[BaseException] = []
    found: list[Any] = [error]
    while found:
        one = found.pop(0)
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            yield one
            found += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


@contextmanager
def _deadline(session: requests.Session, until: float) -> Iterator[threading.Event]:
    """Cut the connections of a session when its time is over; the event then says so."""
    late = threading.Event()
    adapters = [adapter for adapter in session.adapters.values() if isinstance(adapter, _Guarded)]

    def cut() -> None:
        late.set()
        for adapter in adapters:
            adapter.cut()

    timer = threading.Timer(max(until - time.monotonic(), 0.0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


class _Guarded(HTTPAdapter):
    """Connects to checked addresses alone; its connections can be cut under whoever reads from them."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self.allowed = allowed
        self.handles: list[socket.socket] = []
        super().__init__(max_retries=0)

    def cut(self) -> None:
        """End every connection, below TLS."""
        for handle in self.handles:
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close what is open."""
        super().close()
        for handle in self.handles:
            handle.close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Pools whose connections are ours."""
        super().init_poolmanager(*args, **kwargs)
        connect = self._connect

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def _connect(self, connection: HTTPConnection) -> socket.socket:
        host = connection._dns_host
        try:
            found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(host, connection, error) from error
        for *_kind, place in found:
            if is_refused(str(place[0]), self.allowed):
                raise _Refused(f"{host} is {place[0]}, which is not a public address")
        sock = _first_open(connection, found)
        self.handles.append(sock.dup())
        return sock


def _first_open(connection: HTTPConnection, found: list[Any]) -> socket.socket:
    """A connection to the first of the checked addresses that takes one."""
    last: OSError | None = None
    for family, kind, protocol, _name, place in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(connection.timeout if isinstance(connection.timeout, int | float) else CONNECT_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(place)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise NewConnectionError(connection, str(last)) from last
