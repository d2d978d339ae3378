"""Who has no key learns nothing: an unknown key and a wrong signature get the same answer."""

import json

import pytest

from harness.binance import ORDER, Key
from harness.clients import unknown, with_wrong_secret

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
