"""Unmodified vendor SDKs trade through the gateway, and raise what they raise at the venue."""

import pytest

from harness.sdk import BITMEX_PYTHON, COINBASE_PYTHON
from harness.sdk_table import VENDORS
from harness.stories import Stories, record, sdk  # noqa: F401

for python in (BITMEX_PYTHON, COINBASE_PYTHON):
    assert python.is_file(), f"{python} is missing: run `cargo xtask test --only conformance`"


@pytest.fixture(scope="module", params=VENDORS, ids=lambda vendor: vendor.name)
def vendor(request):
    return request.param


@pytest.fixture(scope="module")
def start(server):
    """Each SDK has a process of its own."""
    return lambda vendor, record, clock=0: vendor.start(server, record, clock)


class TestVendorSdks(Stories):
    """The stories in Python."""


def test_every_book_update_checks_out(server):
    """python-kraken-sdk computes the venue's checksum over its own copy of the book, and says whether they agree."""
    vendor = next(each for each in VENDORS if each.package == "python-kraken-sdk")
    with vendor.start(server, vendor.key(server)) as sdk:
        assert sdk.ask("book_checksum") >= 20
