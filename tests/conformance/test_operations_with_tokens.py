"""Bitfinex's operations at once over HTTP, shown with a token that may trade and no more: of orders they pass, of funding none does."""

import hashlib
import json

import jwt
import pytest

from harness.counted import Counted
from harness.limited import made_key
from harness.raw import Connection, request
from harness.reading import FORM, JSON
from harness.signing import mac, nonce

MULTI = "/v2/auth/w/order/multi"
PLACED = ["on", {"type": "EXCHANGE LIMIT", "symbol": "tBTCUSD", "amount": "0.1", "price": "1000"}]
OFFERED = ["fon", {"type": "LIMIT", "symbol": "fUSD", "amount": "1000", "rate": "0.001", "period": 2}]

UNKNOWN, WRONG, DENIED = (404, 10020), (500, 10020), (500, 10001)
"""What is no route, what cannot be read for certain, and what the token has no scope for: status, and the venue's code."""

#: What lends or borrows, among orders, alone and under its own paths; what could be read otherwise; and what takes funds out.
REFUSED = [
    (MULTI, {"ops": [OFFERED]}, UNKNOWN),
    (MULTI, {"ops": [PLACED, OFFERED]}, UNKNOWN),
    (MULTI, {"ops": [PLACED, ["foc", {"id": 1}]]}, UNKNOWN),
    (MULTI, {"ops": [["fcc", {"id": 1}]]}, UNKNOWN),
    (MULTI, {}, WRONG),
    (f"{MULTI}?ops=[]", {"ops": [PLACED]}, WRONG),
    ("/v2/auth/w/funding/offer/submit", OFFERED[1], UNKNOWN),
    ("/v2/auth/w/funding/offer/cancel", {"id": 1}, UNKNOWN),
    ("/v2/auth/w/funding/offer/cancel/all", {"currency": "USD"}, UNKNOWN),
    ("/v2/auth/w/funding/close", {"id": 1}, UNKNOWN),
    ("/v2/auth/w/withdraw", {"wallet": "exchange", "method": "bitcoin", "amount": "1", "address": "a"}, DENIED),
]


class Bitfinex(Counted):
    """The built-in routes of the venue."""

    configuration = '[upstream.venue]\nurl = "http://127.0.0.1:{port}"\n[[route]]\nbuiltin = "bitfinex"\nupstream = "venue"\n'


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    with Bitfinex(tmp_path_factory.mktemp("operations")) as running:
        yield running


@pytest.fixture(scope="module")
def key(counted):
    return made_key(counted.server, purpose="bitfinex", kind="HS384")


class Holder:
    """Who has a token of a key of the venue, which is good on its connection."""

    def __init__(self, counted, key, scope):
        self.counted, self.connection = counted, Connection(counted.server)
        # What a key of the venue signs begins as JSON does (a list), so that it is no path; a form may, too.
        form, number = f"[&grant_type=client_credentials&bind=channel&scope={scope}", nonce()
        tag = mac(key, f"/api/token{number}{form}", hashlib.sha384).hexdigest()
        proof = [("bfx-apikey", key["api_key"]), ("bfx-nonce", number), ("bfx-signature", tag)]
        granted = json.loads(self.said("/token", [*proof, ("Content-Type", FORM)], form.encode()).body)
        assert granted["scope"] == scope, granted
        self.token = granted["access_token"]

    def said(self, target, headers, body):
        self.connection.send(request(self.counted.server, "POST", target, headers, body))
        return self.connection.answer()

    def post(self, target, body):
        """The answer, and what arrived behind the gateway."""
        before = len(self.counted.venue.seen)
        answer = self.said(target, [("Authorization", f"Bearer {self.token}"), ("Content-Type", JSON)], json.dumps(body).encode())
        return answer, self.counted.venue.seen[before:]


def words(answer):
    error, code, _ = json.loads(answer.body)
    assert error == "error"
    return answer.status, code


@pytest.fixture(scope="module")
def trader(counted, key):
    holder = Holder(counted, key, "order:write")
    with holder.connection:
        yield holder


def test_operations_of_orders_pass_with_a_token_that_may_trade(trader):
    answer, arrived = trader.post(MULTI, {"ops": [PLACED, ["oc", {"id": 1}]]})
    assert answer.status == 200, answer.body
    [(_, target, headers, body)] = arrived
    assert target == MULTI and json.loads(body)["ops"][0] == PLACED
    said = {name.lower(): value for name, value in headers}
    assert jwt.decode(said["countersign-identity"], options={"verify_signature": False})["sub"] == "demo"
    assert "authorization" not in said


@pytest.mark.parametrize("target, body, refused", REFUSED)
def test_funding_and_withdrawals_do_not_pass_with_it(trader, target, body, refused):
    answer, arrived = trader.post(target, body)
    assert (words(answer), arrived) == (refused, []), answer.body


def test_operations_do_not_pass_with_a_token_that_reads(counted, key):
    holder = Holder(counted, key, "order:read")
    with holder.connection:
        answer, arrived = holder.post(MULTI, {"ops": [PLACED]})
    assert (words(answer), arrived) == (DENIED, []), answer.body
