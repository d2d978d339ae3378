"""What ccxt raises when the gateway cannot tell, is busy or limits a key: from the answers on record in the dialects' own test, and as
docs/halts.md says it. No gateway is asked."""

import re
from pathlib import Path

import ccxt
import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ROOT / "crates/dialects/src/snapshots/countersign_dialects__every_dialect__every_refusal_has_its_words.snap"
PAGE = ROOT / "docs/halts.md"

#: Reasons, in the order of the table; those of one column have one class.
COLUMNS = [["halted"], ["halt_unknown"], ["store_unavailable", "audit_unavailable"], ["busy", "draining"], ["rate_limited", "replay_capacity"]]

#: ccxt's class of each dialect, and an endpoint, where it reads errors by it. BitMEX's is in an older line of ccxt.
CLASSES = {
    "binance": ("binance", "https://api.binance.com/api/v3/order"),
    "bitfinex": ("bitfinex", "https://api.bitfinex.com/v2/auth/w/order/submit"),
    "bybit": ("bybit", "https://api.bybit.com/v5/order/create"),
    "coinbase": ("coinbase", "https://api.coinbase.com/api/v3/brokerage/orders"),
    "coinbase-exchange": ("coinbaseexchange", "https://api.exchange.coinbase.com/orders"),
    "deribit": ("deribit", "https://www.deribit.com/api/v2/private/buy"),
    "gate": ("gate", "https://api.gateio.ws/api/v4/spot/orders"),
    "gemini": ("gemini", "https://api.gemini.com/v1/order/new"),
    "hyperliquid": ("hyperliquid", "https://api.hyperliquid.xyz/exchange"),
    "kraken": ("kraken", "https://api.kraken.com/0/private/AddOrder"),
    "kraken-futures": ("krakenfutures", "https://futures.kraken.com/derivatives/api/v3/sendorder"),
    "kucoin": ("kucoin", "https://api.kucoin.com/api/v1/hf/orders"),
    "okx": ("okx", "https://www.okx.com/api/v5/trade/batch-orders"),
}


def answers():
    """Status and body of each refusal, by dialect and reason."""
    lines = re.findall(r"^(\S+) (\w+): (\d+) (.*)$", ANSWERS.read_text(), re.MULTILINE)
    return {(dialect, reason): (int(status), body) for dialect, reason, status, body in lines}


def raised(dialect, status, body):
    """What ccxt makes of an answer."""
    name, url = CLASSES[dialect]
    exchange = getattr(ccxt, name)({"enableRateLimit": False})

    def answer(*_, **__):
        response = requests.Response()
        response.status_code, response._content, response.encoding, response.url = status, body.encode(), "utf-8", url
        response.reason, response.headers["Content-Type"] = "a reason", "application/json"
        return response

    exchange.session.request = answer
    with pytest.raises(ccxt.BaseError) as error:
        exchange.fetch(url, "POST", {}, "{}")
    return type(error.value)


def line(dialect, told):
    cells = []
    for column in COLUMNS:
        (status, kind), *others = {(told[dialect, reason][0], raised(dialect, *told[dialect, reason])) for reason in column}
        assert not others, f"{dialect} {column}"
        assert not issubclass(kind, ccxt.AuthenticationError), f"{dialect} {column}: it would throw its key away"
        cells.append(f"{status} `{kind.__name__}`")
    return f"| {dialect} | {' | '.join(cells)} |"


@pytest.mark.parametrize("dialect", CLASSES)
def test_a_failure_is_told_as_the_page_says_and_never_as_a_bad_key(dialect):
    assert line(dialect, answers()) in PAGE.read_text().splitlines()
