"""Gives engines without TLS a port that speaks it for them, as stunnel does."""

import contextlib
import socket
import ssl
import threading


class TlsTunnel:
    """Accepts plain connections on loopback and carries each to the gateway over TLS."""

    def __init__(self, server):
        self.target = ("127.0.0.1", server.port)
        self.context = ssl.create_default_context(cafile=server.ca)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(plain,), daemon=True).start()

    def _carry(self, plain):
        with contextlib.suppress(OSError), plain:
            outer = self.context.wrap_socket(socket.create_connection(self.target), server_hostname="localhost")
            with outer:
                back = threading.Thread(target=_pump, args=(outer, plain), daemon=True)
                back.start()
                _pump(plain, outer)
                back.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    # Plain TCP can be closed in one direction, TLS as Python offers it cannot.
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
