"""The FIX clients of docs/interop.md behind one face: they log on, send, hear, lose a message, and show their Logon a second time.

    quickfix                a whole engine in a process of its own, through a TLS tunnel in which a message is lost
    simplefix               messages only: the session is `harness/fix.py`
    binance-fix-connector   logon, numbers and heartbeats; what is missed it does not ask for by itself

`groups`: what it is told has repeating groups. `clock`: by how many seconds its clock is wrong.
"""

import contextlib
import json
import ssl
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest import mock

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import fix
from .engine import Engine, dictionaries
from .streams import ReadsItsTicket
from .tls_tunnel import TlsTunnel

REJECTS = {"3": "Reject", "5": "Logout", "j": "BusinessMessageReject"}


class Refused(Exception):
    """What the client was told: the kinds of messages, and the number or the words in the first one."""

    def __init__(self, *messages):
        self.kinds = ", ".join(REJECTS[message["35"]] for message in messages)
        self.words = messages[0].get("25016") or messages[0].get("58", "") if messages else ""
        super().__init__(f"{self.kinds}: {self.words}")


def flat(fields):
    """A group is a list of its members' fields here, and a count with all of them in a message."""
    for tag, value in fields:
        if isinstance(value, list):
            yield tag, len(value)
            for member in value:
                yield from flat(member)
        else:
            yield tag, value


def told(message):
    """The fields of a message of simplefix; the first of those that repeat."""
    return {str(int(tag)): value.decode() for tag, value in reversed(message.pairs)}


class QuickFix:
    """A QuickFIX initiator."""

    def __init__(self, server, login, folder, record, clock=0, groups=False):
        self.login, self.folder, self.runs = login, folder, 0
        # The dictionary of FIX 5.0 takes seconds to read: only who is told groups has one.
        self.record = {**record, **({"clock": clock} if clock else {}), "logon": [[141, "Y"]], "settings": dictionaries(login.version) if groups else {}}
        self.server, self.tunnel, self.engine = server, TlsTunnel(server, login.context(server, record)), None

    def log_on(self):
        """Raises `Refused`."""
        self.runs += 1
        folder = self.folder / f"run{self.runs}"
        folder.mkdir(parents=True)
        path = folder / "credential.json"
        path.write_text(json.dumps(self.record))
        login = self.login
        self.engine = Engine("initiator", folder, login.version, login.sender(self.record), login.target, self.tunnel.port, path)
        refusals = []
        while (event := self.engine.next())["event"] not in ("logon", "logout"):
            fields = {str(tag): value for tag, value in event.get("fields", [])}
            if event["event"] == "admin" and fields["35"] in REJECTS:
                refusals.append(fields)
            if fields.get("35") == "5":
                break
        if refusals:
            raise Refused(*refusals)

    def send(self, kind, fields):
        self.engine.send([[35, kind], *fields])

    def hear(self, *kinds):
        """The next message of one of these types."""
        while True:
            event = self.engine.next()
            fields = {str(tag): value for tag, value in reversed(event.get("fields", []))}
            if event["event"] in ("admin", "app") and fields.get("35") in kinds:
                return fields

    def misses(self, name, lose, more):
        """`lose` has the report of an order sent that does not arrive; by `more` the engine sees that it missed it."""
        self.tunnel.loses = name
        lose()
        more()

    def log_on_twice(self):
        """The Logon of this session in another connection, after the end of the first: who saw it has nothing else of the client."""
        self.log_on()
        # Killed: a logout takes seconds, and what is shown twice is good for five.
        self.engine.kill()
        self.tunnel.replays, self.tunnel.context = True, self.login.context(self.server)
        self.log_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.engine and self.engine.process.poll() is None:
            self.engine.kill()
        self.tunnel.__exit__()


class SimpleFix:
    """Messages of simplefix on a socket."""

    def __init__(self, server, login, folder, record, clock=0, groups=False):
        self.server, self.login, self.record, self.clock = server, login, record, clock
        self.client = None

    def log_on(self):
        self._connect(self.record)
        shifted = SimpleNamespace(time=lambda: time.time() + self.clock, strftime=time.strftime, gmtime=time.gmtime)
        with mock.patch.object(fix, "time", shifted):
            self.sent = self.login.log_on(self.client, self.record)
        self._let_in()

    def _connect(self, record):
        login = self.login
        stream = login.dial(self.server, record)
        self.client = fix.FixClient(self.server, login.sender(self.record), login.target, version=login.version, stream=stream)

    def _let_in(self):
        refusals = []
        while (message := self.client.read()) is not None and message.get(35) != b"A":
            refusals.append(told(message))
        if refusals:
            raise Refused(*refusals)

    def send(self, kind, fields):
        self.client.send(kind, list(flat(fields)))

    def hear(self, *kinds):
        while (message := self.client.read()) is not None:
            if message.get(35).decode() in kinds:
                return told(message)
        raise AssertionError(f"the connection ended instead of {kinds}")

    def misses(self, name, lose, more):
        """What it heard it asks for again: there is no session that would. Reports of others of the account come, too."""
        lose()
        while (missed := self.hear("8"))["11"] != name:
            pass
        more()
        self.send("2", [(7, missed["34"]), (16, missed["34"])])

    def log_on_twice(self):
        self.log_on()
        self.client.logout()
        self._connect({})
        self.client.socket.sendall(self.sent.encode())
        self._let_in()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.client:
            self.client.close()


class Connector:
    """Binance's own client."""

    SECONDS = 40

    def __init__(self, server, login, folder, record, clock=0, groups=False):
        from binance_fix_connector import fix_connector

        self.module, self.clock = fix_connector, clock
        self.options = {
            "endpoint": f"tcp+tls://localhost:{server.port}",
            "api_key": record["api_key"],
            "private_key": load_pem_private_key(record["private_key_pem"].encode(), None),
            "sender_comp_id": login.sender(record)[:8],
            "reset_seq_num_flag": "Y",
            "response_mode": 1,
            "drop_copy_flag": "N",
            # Otherwise it takes each News for the notice of a restart, and logs on again later.
            "restart": False,
        }
        self.session = None

    def log_on(self):
        self._connect()
        with self._clock():
            self.session.logon(recv_window="5000")
        self._let_in()

    def _clock(self):
        shift = timedelta(seconds=self.clock)

        class Shifted(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + shift

        return mock.patch.object(self.module, "datetime", Shifted) if self.clock else contextlib.nullcontext()

    def _connect(self):
        self.session = self.module.BinanceFixConnector(**self.options)
        # It reads in a thread of its own from then on.
        with mock.patch.object(ssl.SSLContext, "sslsocket_class", ReadsItsTicket):
            self.session.connect()

    def _let_in(self):
        answers = self.session.retrieve_messages_until(["A", "5"], timeout_seconds=self.SECONDS)
        refusals = [told(message) for message in answers if message.get(35).decode() in REJECTS]
        if refusals:
            raise Refused(*refusals)

    def send(self, kind, fields):
        message = self.session.create_fix_message_with_basic_header(kind)
        for tag, value in flat(fields):
            message.append_pair(tag, value)
        self.session.send_message(message)

    def hear(self, *kinds):
        messages = self.session.retrieve_messages_until(list(kinds), timeout_seconds=self.SECONDS)
        assert messages and messages[-1].get(35).decode() in kinds, f"{kinds} expected, got {messages}"
        return told(messages[-1])

    misses = SimpleFix.misses

    def log_on_twice(self):
        self.log_on()
        logon = self.session.messages_sent[0]
        self._leave()
        self._connect()
        self.session.send_message(logon)
        self._let_in()

    def __enter__(self):
        return self

    def _leave(self):
        """Its thread reads on after a `disconnect`, from whatever has the number of its socket by then: first that one ends."""
        if self.session.receive_thread.is_alive():
            self.session.logout()
        self.session.receive_thread.join(self.SECONDS)
        self.session.disconnect()

    def __exit__(self, *_):
        if self.session:
            self._leave()
