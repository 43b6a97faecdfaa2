"""HTTP as uvicorn speaks it, but for a connection whose first request is still on its way when the server stops."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A request that was sent before the stop has arrived by then.
_SECONDS = 1


class PatientProtocol(HttpToolsProtocol):
    """Waits a moment for the first request of a connection, where uvicorn would close it in the client's face."""

    def shutdown(self) -> None:
        """Stop once the request that is being worked on, or on its way, is answered."""
        if self.cycle:
            super().shutdown()
        else:
            self.loop.call_later(_SECONDS, super().shutdown)
