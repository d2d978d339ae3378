"""What FIX clients that nobody here wrote can do at each venue's Logon, and what they are told when they are refused: docs/interop.md."""

import itertools
import re

import pytest

from harness.fix import limit_order, sending_time
from harness.fix_clients import Refused
from harness.fix_table import CLIENTS

#: Within the session layer's 120 s and outside of every venue's window.
CLOCK_SECONDS = -60
NAMES = itertools.count()
#: Behind the words of a refusal; another number each time.
LAST_NONCE = re.compile(r" \(the last accepted nonce was [0-9]+\)$")


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda client: f"{client.login.purpose}-{client.name}".replace(" ", "-"))
def client(request):
    return request.param


@pytest.fixture(autouse=True)
def trusted(trust):
    """Binance's connector reads the CA from the environment."""


@pytest.fixture
def start(server, client, tmp_path):
    return lambda record, **more: client.make(server, client.login, tmp_path / "client", record, **more)


def order(login, name, **more):
    handled = [(21, "1")] if login.version == "FIX.4.2" else []
    return [*handled, *limit_order(name, symbol=login.symbol, **more)]


def report(trader, name, status):
    """The report of one order; those of others of the account come, too."""
    while (told := trader.hear("8", "3", "j"))["35"] == "8" and told["11"] != name:
        pass
    assert told["35"] == "8" and told["39"] == status, told
    return told


class TestFix:
    def test_trades(self, server, start, client, interop):
        login, name = client.login, f"o{next(NAMES)}"
        about = [(55, login.symbol), (54, "1")]
        with start(login.key(server), groups=True) as trader:
            trader.log_on()
            trader.send("D", order(login, name))
            report(trader, name, "0")
            trader.send("H", [(11, name), *about])
            assert report(trader, name, "0")["150"] == "I" or login.version == "FIX.4.2"
            trader.send("G", [(11, f"{name}b"), (41, name), *about, (60, sending_time()), (38, "0.02"), (40, "2"), (44, "89000"), (21, "1")])
            assert report(trader, f"{name}b", "0")["41"] == name
            trader.send("F", [(11, f"{name}c"), (41, f"{name}b"), *about, (60, sending_time()), (38, "0.02")])
            report(trader, f"{name}c", "4")
            types = [[(269, "0")], [(269, "1")]]
            trader.send("V", [(262, name), (263, "1"), (264, 5), (265, 0), (267, types), (146, [[(55, login.symbol)]])])
            assert trader.hear("W")["262"] == name
        interop.fix_works(client, "logon", "order", "status", "replace", "cancel", "prices")

    def test_hears_again_what_was_lost(self, server, start, client, interop):
        login, name = client.login, f"o{next(NAMES)}"
        with start(login.key(server)) as trader:
            trader.log_on()
            trader.misses(name, lambda: trader.send("D", order(login, name)), lambda: trader.send("D", order(login, f"{name}b")))
            while (told := trader.hear("8"))["11"] != name or told.get("43") != "Y":
                pass
        interop.fix_works(client, "resend")

    def refused(self, interop, client, operation, attempt):
        with pytest.raises(Refused) as raised:
            attempt()
        kinds, words = client.refusal(operation)
        told, counted = LAST_NONCE.subn("", raised.value.words)
        assert (raised.value.kinds, told) == (kinds, words)
        # Where nonces count up, their owner is told how far.
        assert counted == (client.login.purpose == "kraken" and operation == "replayed logon"), raised.value.words
        interop.fix_refused(client, operation, raised.value.kinds, told, kinds)

    def test_a_wrong_secret(self, server, start, client, interop):
        with start(client.login.wrong(client.login.key(server))) as stranger:
            self.refused(interop, client, "wrong secret", stranger.log_on)

    def test_a_wrong_clock(self, server, start, client, interop):
        with start(client.login.key(server), clock=CLOCK_SECONDS) as late:
            if reason := client.login.timeless:
                late.log_on()
                interop.fix_none(client, "wrong clock", reason)
            else:
                self.refused(interop, client, "wrong clock", late.log_on)

    def test_a_missing_scope(self, server, start, client, interop):
        def tries(reader):
            reader.send("D", order(client.login, f"o{next(NAMES)}"))
            raise Refused(reader.hear("3", "5", "j"))

        with start(client.login.read_only(server)) as reader:
            reader.log_on()
            self.refused(interop, client, "missing scope", lambda: tries(reader))

    def test_a_logon_shown_twice(self, server, start, client, interop):
        with start(client.login.key(server)) as trader:
            self.refused(interop, client, "replayed logon", trader.log_on_twice)
