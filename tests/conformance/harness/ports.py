"""A port for somebody who is told which, and listens later."""

import contextlib
import socket


@contextlib.contextmanager
def kept_port():
    """A free port that nobody else is given meanwhile: bound and not listening, beside which whoever reuses addresses may listen."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
