"""What every client of a vendor is asked, whatever it is written in. A test file says who the vendors are and how a client is started."""

import pytest

from .sdk import Refused
from .sdk_table import CLOCK_SECONDS
from .venues import LISTEN_KEY


@pytest.fixture(scope="module")
def record(server, vendor):
    """The vendor's own key."""
    return vendor.key(server)


@pytest.fixture(scope="module")
def sdk(start, vendor, record):
    """The vendor's client, with that key."""
    with start(vendor, record) as running:
        yield running


def refusal(interop, vendor, operation, expected, attempt):
    """Runs what must be refused, and compares it with the venue's refusal."""
    with pytest.raises(Refused) as raised:
        attempt()
    kind, code = raised.value.kind, raised.value.code.split(" (the last accepted")[0]
    assert (kind, code) == expected, raised.value.text
    interop.refused(vendor.name, vendor.purpose, operation, kind, code, expected[0])


class Stories:
    """The stories; `vendor` and `start` are fixtures of the file that has them told."""

    def test_lists_markets(self, vendor, sdk, interop):
        assert any(name.startswith(("BTC", "XBT")) for name in sdk.ask("markets"))
        interop.works(vendor.name, vendor.purpose, "markets")

    def test_reads_ticker_and_book(self, vendor, sdk, interop):
        bid, ask = sdk.ask("book")
        assert 0 < bid < ask
        assert sdk.ask("ticker") > 0
        interop.works(vendor.name, vendor.purpose, "ticker", "book")

    def test_reads_balance(self, vendor, sdk, interop):
        assert sdk.ask("balance") > 0
        interop.works(vendor.name, vendor.purpose, "balance")

    def test_places_lists_and_cancels_an_order(self, vendor, sdk, interop):
        order = sdk.ask("place_order")
        assert order in sdk.ask("open_orders")
        assert sdk.ask("cancel_order", order)
        assert order not in sdk.ask("open_orders")
        interop.works(vendor.name, vendor.purpose, "orders")

    @pytest.mark.parametrize("operation", ["ticker stream", "order stream"])
    def test_streams(self, vendor, sdk, interop, operation):
        if vendor.lacks.get(operation) == LISTEN_KEY:
            return
        if operation in vendor.lacks:
            interop.none(vendor.name, vendor.purpose, operation, vendor.lacks[operation])
            return
        assert sdk.ask(operation.replace(" ", "_"))
        interop.works(vendor.name, vendor.purpose, operation)

    def test_a_wrong_secret_raises_what_it_raises_at_the_venue(self, server, start, vendor, record, interop):
        with start(vendor, vendor.wrong(server, record)) as stranger:
            attempt = "place_order" if "private_key" in record else "balance"
            refusal(interop, vendor, "wrong secret", vendor.wrong_secret, lambda: stranger.ask(attempt))

    def test_a_wrong_clock_raises_what_it_raises_at_the_venue(self, server, start, vendor, interop):
        if isinstance(vendor.wrong_clock, str):
            interop.none(vendor.name, vendor.purpose, "wrong clock", vendor.wrong_clock)
            return
        with start(vendor, vendor.key(server), CLOCK_SECONDS) as late:
            refusal(interop, vendor, "wrong clock", vendor.wrong_clock, lambda: late.ask("balance"))

    def test_a_missing_scope_raises_what_it_raises_at_the_venue(self, server, start, vendor, interop):
        with start(vendor, vendor.read_only(server)) as reader:
            refusal(interop, vendor, "missing scope", vendor.missing_scope, lambda: reader.ask("place_order"))

    def test_an_order_sent_twice_raises_what_it_raises_at_the_venue(self, vendor, sdk, interop):
        if isinstance(vendor.replay, str):
            interop.none(vendor.name, vendor.purpose, "replay", vendor.replay)
            return
        refusal(interop, vendor, "replay", vendor.replay, lambda: sdk.ask("replay"))
