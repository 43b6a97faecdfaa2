"""The load: a process of its own that keeps connections busy, and costs the processors as little as it can.

Reads a plan as JSON from standard input and writes what happened as JSON to standard output. Imports nothing of the
service and no HTTP library: whatever this process uses, the service does not have.
"""

import json
import selectors
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from typing import Any

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"
# Connections are opened one after another, as tills are switched on, while those before them are busy already.
# All at once, the first worker to wake would take most of them, and keep them; like this it is less uneven.
_PAUSE = 0.01
_MOST_REFUSALS = 3


@dataclass(slots=True)
class Connection:
    """One connection that is kept alive, with one request on its way."""

    socket: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.received.clear()
        self.sent_at = perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come, and tell whether that is the whole answer. Raises ConnectionError."""
        some = self.socket.recv(65536)
        if not some:
            raise ConnectionError("The server hung up.")
        self.received += some
        head = self.received.find(_END_OF_HEAD)
        if head < 0:
            return False
        start = self.received.lower().find(_LENGTH, 0, head + 2) + len(_LENGTH)
        length = int(self.received[start : self.received.find(b"\r\n", start)])
        return len(self.received) >= head + len(_END_OF_HEAD) + length

    @property
    def status(self) -> str:
        """Give the answer's status."""
        return self.received[9:12].decode()


def build(request: list[str], number: int) -> bytes:
    """Write a request as bytes, with an idempotency key that nobody has used."""
    method, path, key, mark, body = request
    head = f"{method} {path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {key}\r\n"
    if body:
        head += f"Idempotency-Key: {mark}-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


@dataclass
class Load:
    """A run: requests that are sent over and over until it is time to stop, and what came of them."""

    plan: dict[str, Any]
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    busy: int = 0

    def run(self) -> dict[str, Any]:
        """Open all connections, keep them busy, and say what happened."""
        self._requests = enumerate(cycle(self.plan["requests"]))
        self._left = self.plan["count"]
        with selectors.DefaultSelector() as selector:
            began = perf_counter()
            self._end = began + self.plan["seconds"]
            for _ in range(self.plan["connections"]):
                self._open(selector)
                self._listen(selector, until=perf_counter() + _PAUSE)
            self._listen(selector, until=float("inf"))
        seconds = perf_counter() - began
        return {
            "seconds": seconds,
            "latencies": self.latencies,
            "statuses": self.statuses,
            "refusals": self.refusals,
        }

    def _open(self, selector: selectors.BaseSelector) -> None:
        connection = Connection(socket.create_connection(self.plan["address"]))
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        self.busy += 1
        connection.send(self._next())

    def _listen(self, selector: selectors.BaseSelector, *, until: float) -> None:
        """Take answers, and send the next request for each, until a moment or until nobody is busy any more."""
        while self.busy and (pause := until - perf_counter()) > 0:
            for chosen, _ in selector.select(pause if pause < _PAUSE else None):
                connection = chosen.data
                if not connection.receive():
                    continue
                self._note(connection)
                if perf_counter() < self._end and self._left >= self.busy:
                    connection.send(self._next())
                else:
                    self.busy -= 1
                    selector.unregister(connection.socket)
                    connection.socket.close()

    def _next(self) -> bytes:
        number, request = next(self._requests)
        return build(request, number)

    def _note(self, connection: Connection) -> None:
        self.latencies.append(perf_counter() - connection.sent_at)
        status = connection.status
        self.statuses[status] += 1
        self._left -= 1
        if not status.startswith("2") and len(self.refusals) < _MOST_REFUSALS:
            self.refusals.append(connection.received.decode(errors="replace"))


if __name__ == "__main__":
    json.dump(Load(json.load(sys.stdin)).run(), sys.stdout)
