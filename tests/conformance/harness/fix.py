"""A FIX client over TLS: simplefix for the messages, our own few lines for the session.

Engines with a session layer of their own (QuickFIX, binance-fix-connector) are used where the session is what is tested.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import time

import simplefix
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TIMEOUT = 40


def sending_time():
    now = time.time()
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"


def value(message, tag):
    """A field of a message, as text."""
    found = message.get(tag)
    return None if found is None else found.decode()


class FixClient:
    """One connection. Numbers can be carried from one connection to the next."""

    def __init__(self, server, sender, target, version="FIX.4.4", next_out=1, context=None, stream=None):
        self.socket = stream or self.dial(server, context or ssl.create_default_context(cafile=server.ca))
        self.sender, self.target, self.version = sender, target, version
        self.next_out, self.parser, self.received = next_out, simplefix.FixParser(), []

    @staticmethod
    def dial(server, context):
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
        return context.wrap_socket(raw, server_hostname="localhost")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def message(self, msg_type, fields=(), seq=None, at=None, header=()):
        message = simplefix.FixMessage()
        message.append_pair(8, self.version)
        message.append_pair(35, msg_type)
        message.append_pair(49, self.sender)
        message.append_pair(56, self.target)
        message.append_pair(34, self.next_out if seq is None else seq)
        message.append_pair(52, at or sending_time())
        for tag, value in header:
            message.append_pair(tag, value)
        for tag, value in fields:
            message.append_pair(tag, value)
        return message

    def send(self, msg_type, fields=(), seq=None, at=None, header=()):
        message = self.message(msg_type, fields, seq, at, header)
        self.socket.sendall(message.encode())
        if seq is None:
            self.next_out += 1
        return message

    def read(self):
        """The next message; None when the connection ended."""
        while True:
            message = self.parser.get_message()
            if message is not None:
                self.received.append(message)
                return message
            chunk = self.socket.recv(65536)
            if not chunk:
                return None
            self.parser.append_buffer(chunk)

    def expect(self, msg_type, **fields):
        """The next message that is not a heartbeat has this type; returned. `t39="0"` asks for a value of tag 39."""
        while True:
            message = self.read()
            assert message is not None, f"the connection ended instead of {msg_type}"
            got = message.get(35).decode()
            if got == "1":
                self.send("0", [(112, message.get(112))])
            if got in ("0", "1") and msg_type not in ("0", "1"):
                continue
            assert got == msg_type, f"{msg_type} expected, got {message}"
            for name, value in fields.items():
                found = message.get(int(name[1:]))
                assert found is not None and found.decode() == value, f"{name}={value} expected in {message}"
            return message

    def reports(self, until):
        """ExecutionReports up to the one whose OrdStatus is `until`."""
        found = []
        while True:
            found.append(self.expect("8"))
            if found[-1].get(39).decode() == until:
                return found

    def rests(self, name, **more):
        """Places an order, and waits until it rests; reports of others of the account come, too."""
        self.send("D", limit_order(name, **more))
        while (report := self.expect("8")).get(11).decode() != name:
            pass
        assert report.get(39) == b"0", f"{report}"

    def logout(self):
        self.send("5")
        self.expect("5")
        assert self.read() is None


class ScriptedVenue(FixClient):
    """A FIX acceptor that says what a test tells it to, under numbers of its own. Whoever asks for what was missed is told that it was nothing."""

    def __init__(self, port, version="FIX.4.4"):
        self.door = socket.create_server(("127.0.0.1", port))
        self.door.settimeout(TIMEOUT)
        self.socket, self.version, self.next_out, self.received = None, version, 1, []

    def close(self):
        if self.socket:
            self.socket.close()
        self.door.close()

    def accept(self):
        """The next connection, logged on."""
        self.hear()
        self.answer()

    def hear(self):
        """The next connection, whose Logon is read."""
        if self.socket:
            self.socket.close()
        self.socket, _ = self.door.accept()
        self.socket.settimeout(TIMEOUT)
        self.parser = simplefix.FixParser()
        self.logon = self.read()
        self.sender, self.target = self.logon.get(56).decode(), self.logon.get(49).decode()

    def answer(self):
        """Lets it in."""
        self.send("A", [(98, 0), (108, self.logon.get(108))])

    def asked(self, msg_type):
        """The next message of this type."""
        while True:
            message = self.read()
            assert message is not None, f"the connection ended instead of {msg_type}"
            got = message.get(35).decode()
            if got == msg_type:
                return message
            if got == "2":
                self.fill(int(message.get(7)), self.next_out)

    def fill(self, first, new):
        """SequenceReset-GapFill."""
        self.send("4", [(123, "Y"), (36, new)], seq=first, header=[(43, "Y"), (122, sending_time())])


def binance_logon(client, credential, seq=None, at=None, reset=True, window=None, handling=1):
    """Ed25519 over MsgType, SenderCompID, TargetCompID, MsgSeqNum and SendingTime."""
    at = at or sending_time()
    number = str(client.next_out if seq is None else seq)
    text = "\x01".join(["A", client.sender, client.target, number, at])
    key = load_pem_private_key(credential["private_key_pem"].encode(), None)
    signature = base64.b64encode(key.sign(text.encode())).decode()
    fields = [(98, 0), (108, 30), (95, len(signature)), (96, signature)]
    fields += [(141, "Y")] if reset else []
    fields += [(553, credential["api_key"])]
    fields += [(25035, handling)] if handling else []
    fields += [(25000, window)] if window else []
    return client.send("A", fields, seq=seq, at=at)


def deribit_logon(client, credential, more=(), reset=True, encrypt=True):
    """SHA-256 over `timestamp.nonce` and the secret. `encrypt`: with EncryptMethod, which the venue's own fields do not have."""
    raw = f"{int(time.time() * 1000)}.{base64.b64encode(os.urandom(32)).decode()}"
    digest = hashlib.sha256(raw.encode() + credential["secret"].encode()).digest()
    fields = [(98, 0)] if encrypt else []
    fields += [(108, 30), (95, len(raw)), (96, raw), (553, credential["api_key"]), (554, base64.b64encode(digest).decode())]
    fields += [(141, "Y")] if reset else []
    return client.send("A", [*fields, *more])


def coinbase_logon(client, credential, more=()):
    """HMAC-SHA-256 over time, type, number, CompIDs and passphrase; SenderCompID is the key, unless Username is."""
    at = sending_time()
    text = "\x01".join([at, "A", str(client.next_out), client.sender, client.target, credential["passphrase"]])
    mac = hmac.new(base64.b64decode(credential["secret"]), text.encode(), hashlib.sha256).digest()
    proof = base64.b64encode(mac).decode()
    fields = [(98, 0), (108, 30), (95, len(proof)), (96, proof), (554, credential["passphrase"]), (141, "Y")]
    return client.send("A", [*fields, *more], at=at)


def kraken_logon(client, credential, more=()):
    """HMAC-SHA-512 over SHA-256 of five fields and a nonce."""
    nonce = str(int(time.time() * 1000))
    fields = [("35", "A"), ("34", client.next_out), ("49", client.sender), ("56", client.target), ("553", credential["api_key"])]
    text = "".join(f"{tag}={value}\x01" for tag, value in fields) + nonce
    mac = hmac.new(base64.b64decode(credential["secret"]), hashlib.sha256(text.encode()).digest(), hashlib.sha512).digest()
    body = [(98, 0), (108, 30), (553, credential["api_key"]), (554, base64.b64encode(mac).decode()), (5025, nonce), (141, "Y")]
    return client.send("A", [*body, *more])


def limit_order(name, side="1", price="90000", quantity="0.01", symbol="BTCUSDT"):
    return [(11, name), (55, symbol), (54, side), (60, sending_time()), (38, quantity), (40, "2"), (44, price), (59, "1")]
