"""Gives engines without TLS a port that speaks it for them, as stunnel does."""

import asyncio
import contextlib
import ssl
import threading


class TlsTunnel:
    """Accepts plain connections on loopback and carries each to the gateway over TLS.

    One thread for all: OpenSSL's connections are not for two threads at once, and one that reads while another writes loses bytes.
    """

    def __init__(self, server):
        self.target = ("127.0.0.1", server.port)
        self.context = ssl.create_default_context(cafile=server.ca)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._carry, "127.0.0.1", 0), self.loop).result(30)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _carry(self, plain_in, plain_out):
        with contextlib.suppress(OSError):
            outer_in, outer_out = await asyncio.open_connection(*self.target, ssl=self.context, server_hostname="localhost")
            ways = [asyncio.create_task(_pump(plain_in, outer_out)), asyncio.create_task(_pump(outer_in, plain_out))]
            # What ends one way ends the other: TLS as Python offers it cannot be closed in one direction.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            outer_out.close()
        plain_out.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)


async def _pump(source, sink):
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
