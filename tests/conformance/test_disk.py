"""A gateway alone, with its embedded database, on a disk without room or one that hangs: orders wait, cancels and halts do not, and it
recovers by itself. FIX sessions keep their numbers on that disk, too: what they cannot record they do not say."""

import itertools
import json

import pytest

from harness.binance import ORDER, Key
from harness.broken import disk_of_its_own, full_disk, hanging_disk
from harness.fix import FixClient, binance_logon, limit_order, sending_time
from harness.recorded import recorded
from harness.server import Server, run
from harness.waiting import until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    state = tmp_path_factory.mktemp("disk") / "state"
    disk_of_its_own(state)
    with Server(state, limits_files=True) as server:
        yield server


def command(server, *words):
    done = run(*words, "--state", server.state)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def places(server, key):
    return key.ask(server, "POST", "/api/v3/order", **ORDER, recvWindow=60_000).status


def halts(server):
    """Epochs of halts by name; 0 of one that is not written yet."""
    return {halt["id"]: halt["epoch"] for halt in json.loads(command(server, "halt", "status", "--json"))["halts"]}


@pytest.mark.fault
def test_a_full_disk_stops_neither_cancels_nor_halts(server, round):
    key = Key(server.credential("binance-hmac"))
    until(lambda: places(server, key) == 200)
    with full_disk(server):
        until(lambda: places(server, key) == 503)
        assert key.ask(server, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT", recvWindow=60_000).status == 200
        stop = ["halt", "--scope", f"account:other-{round}", "--action", "cancel-only", "--reason", "runaway", "--json"]
        told = json.loads(command(server, *stop))
        assert told["id"] in halts(server), "in force before it is written"
    until(lambda: places(server, key) == 200)
    command(server, "audit", "verify")
    until(lambda: halts(server)[told["id"]], why="written as soon as there is room")
    server.kill()
    server.start()
    assert told["id"] in halts(server)
    until(lambda: places(server, key) == 200)


NAMES = itertools.count()


def key_without_limits(server):
    """Many orders are tried while none passes."""
    rates = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
    scopes = ["--scopes", "md:read,account:read,order:read,order:write"]
    return json.loads(command(server, "key", "new", "--account", "demo", "--purpose", "binance", "--kind", "Ed25519", *scopes, *rates))


class Fix:
    """A FIX session that comes back with its numbers; what it was told of each order."""

    def __init__(self, server):
        self.server, self.name, self.told = server, f"DISK{next(NAMES)}", {}
        self.client, self.credential = None, key_without_limits(server)

    def log_on(self, next_out=1):
        self.client = FixClient(self.server, self.name, "SPOT", next_out=next_out)
        binance_logon(self.client, self.credential, reset=next_out == 1)
        self.client.expect("A")
        return self

    def order(self):
        """What is told of a new order: the type of the answer, or none where the session ended."""
        name = f"o{next(NAMES)}"
        try:
            self.client.send("D", limit_order(name, price="1"))
            self.told[name] = self.answer(name)
        except OSError:
            self.told[name] = None
        return self.told[name]

    def answer(self, name):
        while message := self.client.read():
            kind = message.get(35).decode()
            if kind == "2":
                # Nothing of before is to be carried out any more.
                header = [(43, "Y"), (122, sending_time())]
                self.client.send("4", [(123, "Y"), (36, self.client.next_out)], seq=int(message.get(7)), header=header)
            elif kind == "1":
                self.client.send("0", [(112, message.get(112))])
            elif kind in ("8", "9") and message.get(11).decode() != name:
                # Of an order of the same account that came another way.
                continue
            elif kind in ("3", "5", "8", "9", "j"):
                return None if kind == "5" else kind
        return None

    def cancel(self):
        """Of an order that is not there: the venue says so."""
        name = f"c{next(NAMES)}"
        self.client.send("F", [(11, name), (41, "none"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        return self.answer(name)

    def close(self):
        self.client.close()

    def comes_back(self):
        """With its numbers, and trades."""
        numbers = self.client.next_out
        self.close()
        self.log_on(numbers)
        assert self.order() == "8"


@pytest.fixture
def fix(server):
    fix = Fix(server).log_on()
    assert fix.order() == "8"
    yield fix
    fix.close()


@pytest.mark.fault
def test_a_full_disk_ends_a_fix_session_or_refuses_its_orders_and_no_number_is_lost(server, fix):
    key = Key(server.credential("binance-hmac"))
    with full_disk(server):
        until(lambda: places(server, key) == 503)
        # The last block of the log has room for a few records still: what passes is among them.
        while fix.order() not in (None, "3", "j"):
            pass
    until(lambda: places(server, key) == 200)
    fix.comes_back()
    # Nothing passes that is not recorded; an order that is may be refused for want of room in its journal. The last record is on its way.
    def written():
        records = [record for record in recorded(server.state, "accept") if record["key_id"] == fix.credential["api_key"]]
        return sum(record["route"] == "fix NewOrderSingle" for record in records)

    until(lambda: written() >= list(fix.told.values()).count("8"))


@pytest.mark.fault
def test_a_disk_that_hangs_lets_the_cancels_of_a_fix_session_pass(server, fix):
    with hanging_disk(server):
        until(lambda: fix.order() in ("3", "j"))
        assert fix.cancel() in ("8", "9")
    until(lambda: fix.order() == "8")
    fix.comes_back()
