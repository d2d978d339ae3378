"""fixcore-engine behind the face of `fix_clients.py`: an engine on asyncio, here on a loop in a thread of its own.

It tells its application of no message before a Logon, and leaves at the first one: what it was told is in its log, which is read here.
"""

import asyncio
import queue
import threading
import time

from fixcore.application import Application
from fixcore.log.base import Log, LogFactory
from fixcore.message import Group, Message
from fixcore.session.session_settings import SessionSettings
from fixcore.transport.initiator import SocketInitiator

from .fix_clients import Refused
from .fix_proofs import proof
from .tls_tunnel import TlsTunnel

SECONDS = 40


class Told(Log, LogFactory):
    """The log: every message that arrives."""

    def __init__(self, events):
        self.events = events

    def create(self, session_id):
        return self

    def on_incoming(self, message):
        pairs = [pair.partition("=") for pair in message.split("|") if pair]
        self.events.put({tag: value for tag, _, value in reversed(pairs)})

    def on_outgoing(self, message):
        pass

    def on_event(self, text):
        pass


class Proving(Application):
    """The application: it proves whose Logon it is."""

    def __init__(self, record, clock):
        self.record, self.clock = record, clock

    def to_admin(self, message, session_id):
        if message.msg_type != "A":
            return
        now = time.time() + self.clock
        if self.clock:
            message[52] = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(now))
        message[141] = "Y"
        for tag, value in proof(self.record, message.get_field, now):
            message[tag] = value


class FixCore:
    """A fixcore-engine initiator."""

    def __init__(self, server, login, folder, record, clock=0, groups=False):
        self.login, self.record, self.clock = login, record, clock
        self.server, self.tunnel, self.events = server, TlsTunnel(server, login.context(server, record)), queue.Queue()
        self.loop, self.initiator = asyncio.new_event_loop(), None
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(SECONDS)

    def log_on(self):
        """Raises `Refused`."""
        login = self.login
        text = (
            "[DEFAULT]\nConnectionType=initiator\nHeartBtInt=30\nResetOnLogon=Y\nPersistMessages=N\n[SESSION]\n"
            f"BeginString={login.version}\nSenderCompID={login.sender(self.record)}\nTargetCompID={login.target}\n"
            f"SocketConnectHost=127.0.0.1\nSocketConnectPort={self.tunnel.port}\n"
            + ("DefaultApplVerID=9\n" if login.version == "FIXT.1.1" else "")
        )
        application = Proving(self.record, self.clock)
        self._run(self._start(SessionSettings.from_string(text), application))
        answer = self.hear("A", "3", "5")
        if answer["35"] != "A":
            raise Refused(answer)

    async def _start(self, settings, application):
        self.initiator = SocketInitiator(settings, application, log_factory=Told(self.events))
        await self.initiator.start()

    @property
    def _session(self):
        return next(iter(self.initiator.sessions.values()))

    def send(self, kind, fields):
        message = Message()
        message[35] = kind
        for tag, value in fields:
            if isinstance(value, list):
                for member in value:
                    group = Group()
                    for inner, text in member:
                        group.set_field(inner, str(text))
                    message.add_group(tag, group)
            else:
                message[tag] = str(value)
        self._run(self._session.send_app(message))

    def hear(self, *kinds):
        """The next message of one of these types."""
        while (told := self.events.get(timeout=SECONDS))["35"] not in kinds:
            pass
        return told

    def misses(self, name, lose, more):
        """`lose` has the report of an order sent that does not arrive; by `more` the engine sees that it missed it."""
        self.tunnel.loses = name
        lose()
        more()

    def log_on_twice(self):
        """The Logon of this session in another connection, after the end of the first: who saw it has nothing else of the client."""
        self.log_on()
        self._run(self.initiator.stop())
        self.tunnel.replays, self.tunnel.context = True, self.login.context(self.server)
        self.log_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.initiator:
            self._run(self.initiator.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.tunnel.__exit__()
