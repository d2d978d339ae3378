"""A WebSocket whose library reads in a thread of its own, on OpenSSL that has no lock between a thread that reads and one that sends."""

import contextlib
import select
import ssl

import websockets.sync.client

# Where no ticket comes nobody waits for longer.
TICKET_SECONDS = 10


class ReadsItsTicket(ssl.SSLSocket):
    """The gateway's one ticket is read before there are two threads: one that reads it while the other sends ends with an internal error.

    Only where the server says nothing before it is asked: what is read here has to be the ticket.
    """

    def do_handshake(self, block=False):
        super().do_handshake(block)
        patience = self.gettimeout()
        if select.select([self], [], [], TICKET_SECONDS)[0]:
            self.settimeout(0)
            with contextlib.suppress(ssl.SSLWantReadError):
                self.recv(1)
            self.settimeout(patience)


def open_websocket(server, path, tls=None, headers=None, **more):
    """An open WebSocket at a path of the gateway."""
    tls = tls or ssl.create_default_context(cafile=server.ca)
    tls.sslsocket_class = ReadsItsTicket
    return websockets.sync.client.connect(server.ws_base + path, ssl=tls, proxy=None, additional_headers=headers, **more)
