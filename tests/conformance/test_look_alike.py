"""Who has no key learns nothing: an unknown key and a wrong signature get the same answer."""

import json

import pytest

from harness.binance import ORDER, Key
from harness.clients import unknown, with_wrong_secret
from harness.fix import FixClient, binance_logon, coinbase_logon, deribit_logon, kraken_logon

KINDS = ["binance-hmac", "binance-ed25519", "binance-rsa"]


def seen(answer):
    """What a client sees, without what differs between any two answers: date and correlation id."""
    body = json.loads(answer.body)
    headers = sorted(name for name, _ in answer.headers)
    return answer.status, headers, len(answer.body), {name: value for name, value in body.items() if name != "id"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_looks_like_a_bad_signature(server, kind):
    record = server.credential(kind)
    wrong = Key(with_wrong_secret(record)).ask(server, "POST", "/api/v3/order", **ORDER)
    stranger = Key(unknown(record)).ask(server, "POST", "/api/v3/order", **ORDER)
    assert seen(stranger) == seen(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_every_refusal_has_a_correlation_id(server, kind):
    answer = Key(unknown(server.credential(kind))).ask(server, "GET", "/api/v3/account")
    identifiers = [value for name, value in answer.headers if "correlation" in name or "request-id" in name]
    assert len(identifiers) == 1 and len(identifiers[0]) >= 16


def told(client):
    """Every message up to the end of the connection, without what differs between any two: time, the name it is sent to, and with them
    length and checksum."""
    messages = []
    while (message := client.read()) is not None:
        messages.append([pair for pair in message.pairs if pair[0] not in (b"9", b"10", b"52", b"56")])
    return messages


FIX_LOGONS = {
    "binance-ed25519": ("SPOT", binance_logon),
    "coinbase-exchange": ("Coinbase", lambda client, record: coinbase_logon(client, record, [(553, record["api_key"])])),
    "deribit-hmac": ("DERIBITSERVER", deribit_logon),
    "kraken": ("KRAKEN-TRD", kraken_logon),
}


@pytest.mark.parametrize("kind", FIX_LOGONS)
def test_an_unknown_key_looks_like_a_bad_signature_over_fix(server, kind):
    target, logon = FIX_LOGONS[kind]
    record = server.credential(kind)
    answers = []
    for wrong in (with_wrong_secret(record), unknown(record)):
        with FixClient(server, "STRANGER", target) as client:
            logon(client, wrong)
            answers.append(told(client))
    assert answers[0] and answers[0] == answers[1]
