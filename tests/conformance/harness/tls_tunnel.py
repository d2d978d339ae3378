"""Gives engines without TLS a port that speaks it for them, as stunnel does; a test may have a message lost in it, or a Logon sent twice."""

import asyncio
import contextlib
import re
import ssl
import threading


#: One message of FIX, to the end of its CheckSum.
MESSAGE = re.compile(rb"8=FIX.*?\x0110=\d{3}\x01", re.DOTALL)


class TlsTunnel:
    """Accepts plain connections on loopback and carries each to the gateway over TLS.

    One thread for all: OpenSSL's connections are not for two threads at once, and one that reads while another writes loses bytes.
    """

    #: The ClOrdID whose report to this side gets lost, once.
    loses = None
    #: The first message of the first connection, and whether every later connection begins with it instead of its own.
    logon, replays = None, False

    def __init__(self, server, context=None):
        self.target = ("127.0.0.1", server.port)
        self.context = context or ssl.create_default_context(cafile=server.ca)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listener = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._carry, "127.0.0.1", 0), self.loop).result(30)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def _carry(self, plain_in, plain_out):
        with contextlib.suppress(OSError):
            outer_in, outer_out = await asyncio.open_connection(*self.target, ssl=self.context, server_hostname="localhost")
            ways = [asyncio.create_task(_pump(plain_in, outer_out, self._first())), asyncio.create_task(_pump(outer_in, plain_out, self._lossy))]
            # What ends one way ends the other: TLS as Python offers it cannot be closed in one direction.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            outer_out.close()
        plain_out.close()

    def _first(self):
        """What is done to the messages of one connection: its first one is kept, or is another's."""
        begun = False

        def carried(message):
            nonlocal begun
            begun, first = True, not begun
            if first and self.replays:
                return self.logon
            if first and self.logon is None:
                self.logon = message
            return message

        return carried

    def _lossy(self, message):
        if self.loses is None or b"\x0135=8\x01" not in message or b"\x0111=%s\x01" % self.loses.encode() not in message:
            return message
        self.loses = None
        return b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.listener.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)


async def _pump(source, sink, carried):
    """Message by message; nothing but FIX comes through here."""
    waiting = b""
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            waiting += chunk
            end = 0
            for message in MESSAGE.finditer(waiting):
                sink.write(carried(message.group()))
                end = message.end()
            waiting = waiting[end:]
            await sink.drain()
