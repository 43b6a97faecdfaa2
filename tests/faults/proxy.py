"""A proxy in threads that cuts or stalls a conversation at a chosen byte: between client and service, or below it."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

import psycopg
from sqlalchemy import make_url

# A host and a port, or the path of a socket.
Address = tuple[str, int] | str

# What ends a transaction in PostgreSQL's protocol: in a message of its own, or in one with parameters.
COMMIT = b"COMMIT\x00"
_MOST = 65_536
_RESET = struct.pack("ii", 1, 0)


class Way(Enum):
    """Who is speaking."""

    REQUEST = "the client"
    ANSWER = "the server"


class Then(Enum):
    """What happens at the chosen byte."""

    CUT = "both ends hear that the other is gone"
    RESET = "both ends hear it at once, even before what they have not read yet"
    ORPHAN = "the client hears that the server is gone; the server hears nothing until the release"
    STALL = "nothing more is said to anybody until the release"


@dataclass
class Fault:
    """One fault, which happens once, on whichever connection comes to it.

    So many bytes of one way are let through. They are counted from when the proxy got this fault; or from the `nth`
    time that the client says `mark`: its own from the mark's first byte, the server's from its answer to the mark.
    0 stops the first byte; as many as there are let all of it through, and nothing after that. `marks` have been said.
    """

    way: Way
    after: int = 0
    mark: bytes = b""
    nth: int = 1
    then: Then = Then.CUT
    happened: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    marks: int = 0
    _passed: int = 0

    def room(self, way: Way, said: bytes) -> int | None:
        """Say how many of these bytes may pass before it happens, or None where it does not happen yet."""
        with self._lock:
            if self.happened.is_set():
                return None
            start = 0
            if self.marks < self.nth and self.mark:
                start = self._find(said) if way is Way.REQUEST else -1
                if start < 0 or self.way is Way.ANSWER:
                    return None
            if way is not self.way:
                return None
            left = start + self.after - self._passed
            if len(said) < left:
                self._passed += len(said) - start
                return None
            self.happened.set()
            return left

    def _find(self, said: bytes) -> int:
        """Give where the nth mark begins, or -1. libpq sends a message whole, so that no mark comes in two parts."""
        found = said.find(self.mark)
        while found >= 0:
            self.marks += 1
            if self.marks == self.nth:
                return found
            found = said.find(self.mark, found + 1)
        return -1


class Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: "Proxy") -> None:
        """Join two sockets."""
        self.client, self.server, self.proxy = client, server, proxy
        self.ending = socket.SHUT_RDWR
        self.held: threading.Event | None = None

    def run(self) -> None:
        """Carry both ways until one of the two is gone; then the other hears of it."""
        asking = threading.Thread(target=self._carry, args=(Way.REQUEST, self.client, self.server))
        asking.start()
        self._carry(Way.ANSWER, self.server, self.client)
        asking.join()
        self.client.close()
        self.server.close()

    def end(self) -> None:
        """Let neither end wait for the other any longer."""
        if self.held is not None:
            self.held.wait()
        for one in (self.client, self.server):
            with suppress(OSError):
                one.shutdown(self.ending)

    def _carry(self, way: Way, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while said := source.recv(_MOST):
                fault = self.proxy.fault
                room = fault.room(way, said) if fault else None
                passing = said if room is None else said[:room]
                self.proxy.passed[way] += len(passing)
                target.sendall(passing)
                if fault is not None and room is not None:
                    if fault.then is not Then.STALL:
                        self._break(fault)
                        break
                    fault.released.wait()
                    target.sendall(said[room:])
        self.end()

    def _break(self, fault: Fault) -> None:
        if fault.then is Then.RESET:
            # Closing then sends a reset in place of a farewell, and only the reading is ended before.
            self.ending = socket.SHUT_RD
            for one in (self.client, self.server):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if fault.then is Then.ORPHAN:
            self.held = fault.released
            self.client.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Listens on 127.0.0.1, and speaks to the server for each client. Leaving the `with` block ends all of it."""

    def __init__(self, server: Address) -> None:
        """Listen in front of a server."""
        self.server = server
        self.fault: Fault | None = None
        self.passed = dict.fromkeys(Way, 0)
        self._links: list[tuple[Link, threading.Thread]] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> Self:
        """Give the proxy."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cut what is there, and end every thread."""
        if self.fault is not None:
            self.fault.released.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        self.cut_all()
        self.join()

    @contextmanager
    def having(self, fault: Fault) -> Iterator[Fault]:
        """Have a fault waiting to happen, and release in the end whom it made wait."""
        self.fault = fault
        try:
            yield fault
        finally:
            self.fault = None
            fault.released.set()

    def join(self) -> None:
        """Wait until every connection has ended."""
        for _link, thread in self._links:
            thread.join()

    def cut_all(self) -> None:
        """Cut every connection that there is now."""
        for link, _thread in self._links:
            link.end()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server = _connect(self.server)
            except OSError:
                client.close()
                continue
            link = Link(client, server, self)
            thread = threading.Thread(target=link.run)
            self._links = [(other, running) for other, running in self._links if running.is_alive()]
            self._links.append((link, thread))
            thread.start()


def _connect(address: Address) -> socket.socket:
    if not isinstance(address, str):
        made = socket.create_connection(address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def database_address(url: str) -> Address:
    """Find out where a database URL leads to, by going there."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        host, port = connection.info.host, connection.info.port
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def detour(url: str, proxy: Proxy) -> str:
    """Give a database URL that leads through a proxy, in clear text."""
    query = {"sslmode": "disable", "gssencmode": "disable"}
    return make_url(url).set(host="127.0.0.1", port=proxy.port, query=query).render_as_string(hide_password=False)
