"""Unmodified JavaScript clients trade through the gateway, and throw what they throw at the venue."""

import shutil

import pytest

from harness.javascript import INSTALLED, Node
from harness.javascript_table import SCRIPTS
from harness.sdk_table import CLOCK_SECONDS
from harness.stories import Stories, record, sdk  # noqa: F401

assert shutil.which("node") and INSTALLED.is_dir(), f"{INSTALLED} is missing: run `cargo xtask test --only conformance`"


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.name)
def vendor(request):
    return request.param


@pytest.fixture(scope="module")
def start(server):
    """All clients with the same clock share a process: what takes seconds is loading them."""
    with Node(server) as right, Node(server, CLOCK_SECONDS) as late:
        yield lambda vendor, record, clock=0: (late if clock else right).client(vendor.module, record)


class TestJavaScriptClients(Stories):
    """The stories in JavaScript."""


@pytest.mark.parametrize("script", [each for each in SCRIPTS if each.amends], ids=lambda script: script.name)
def test_amends_an_order(server, start, script):
    """The client changes an order that rests, and reads the change back."""
    with start(script, script.key(server)) as client:
        order = client.ask("place_order")
        assert client.ask("amend_order", order)
        assert client.ask("cancel_order", order)


@pytest.mark.parametrize("script", [each for each in SCRIPTS if each.module == "ccxt" and "ticker stream" not in each.lacks], ids=lambda script: script.name)
def test_ccxt_streams_the_book(server, start, script):
    with start(script, script.key(server)) as client:
        bid, ask = client.ask("book_stream")
    assert 0 < bid < ask
