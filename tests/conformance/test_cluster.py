"""Two nodes that share a memory: what one accepted the other refuses, and what passes while the memory is away."""

import base64
import hashlib
import hmac
import http.client
import json
import shutil
import socket
import time
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urlencode

import ccxt
import pytest

from harness import raw
from harness.binance import ORDER, Key, code
from harness.clients import ccxt_sync
from harness.ports import kept_port
from harness.recorded import recorded
from harness.redis import Redis
from harness.server import Server, run
from harness.tokens import DpopKey, TokenClient
from harness.venues import VENUES, symbol

SECONDS = 60
"""How long a condition is waited for on a machine that has other things to do."""


class Nodes:
    """Two gateways with the same keys, each with a state of its own and a venue of its own."""

    def __init__(self, folder, redis=None, **settings):
        first = folder / "a"
        with Server(first):
            pass
        self.redis = (redis(first) if redis else Redis(folder / "redis")).start()
        shutil.copytree(first, folder / "b", ignore=shutil.ignore_patterns("*.sock"))
        settings = {"COUNTERSIGN_CLUSTER__REDIS": self.redis.url, "COUNTERSIGN_CLUSTER__REDIS_TIMEOUT": "2s", **settings}
        self.a, self.b = (Server(folder / name, COUNTERSIGN_CLUSTER__NODE=name, **settings) for name in "ab")
        self.a.start()
        self.b.start()
        self.redis.age()
        self.key = Key(self.a.credential("binance-hmac"))

    def close(self):
        for server in (self.a, self.b):
            server.kill()
        self.redis.resume()
        self.redis.kill()

    def order(self, name, **more):
        return self.key.bytes(self.a, "POST", "/api/v3/order", **ORDER, newClientOrderId=name, recvWindow=60000, **more)

    def cancel(self, name):
        return self.key.bytes(self.a, "DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name, recvWindow=60000)

    def places(self, server, name):
        return raw.exchange(server, self.order(name)).status

    def until_an_order_passes(self, server):
        """Seconds until one did."""
        begun = time.monotonic()
        for number in range(100_000):
            if self.places(server, f"again-{begun:.0f}-{number}") == 200:
                return time.monotonic() - begun
            assert time.monotonic() - begun < SECONDS, server.said()
            time.sleep(0.05)


@contextmanager
def running(folder, **settings):
    nodes = Nodes(folder, **settings)
    try:
        yield nodes
    finally:
        nodes.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with running(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


def metric(server, name):
    lines = operator(server, "metrics").stdout.splitlines()
    found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(f"{name} ")]
    return float(found[0]) if found else None


def operator(server, path):
    """Asks over the operator socket, as `curl` does."""
    class Local(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(30)
            self.sock.connect(str(server.state / "operator.sock"))

    connection = Local("localhost")
    connection.request("GET", f"/{path}")
    answer = connection.getresponse()
    return SimpleNamespace(status=answer.status, stdout=answer.read().decode())


def eventually(condition, why):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


def test_what_one_node_accepted_the_other_refuses(nodes):
    sent = nodes.order("once")
    assert raw.exchange(nodes.a, sent).status == 200
    again = raw.exchange(nodes.b, sent)
    assert (again.status, code(again)) == (400, -1021)
    assert raw.exchange(nodes.a, sent).status == 400
    sent = nodes.order("other-way")
    assert raw.exchange(nodes.b, sent).status == 200
    assert raw.exchange(nodes.a, sent).status == 400


def test_a_cancel_counts_once_for_all_nodes_and_a_read_any_number_of_times(nodes):
    assert nodes.places(nodes.a, "gone") == 200
    sent = nodes.cancel("gone")
    assert raw.exchange(nodes.a, sent).status == 200
    again = raw.exchange(nodes.b, sent)
    assert (again.status, code(again)) == (400, -1021)
    read = nodes.key.bytes(nodes.a, "GET", "/api/v3/account")
    assert [raw.exchange(server, read).status for server in (nodes.a, nodes.b, nodes.a)] == [200, 200, 200]


def kraken(record, server, path, nonce, **parameters):
    """A request as Kraken documents it: an increasing nonce, and no time."""
    body = urlencode({"nonce": nonce, **parameters})
    digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
    mac = hmac.new(base64.b64decode(record["secret"]), path.encode() + digest, hashlib.sha512).digest()
    headers = [("API-Key", record["api_key"]), ("API-Sign", base64.b64encode(mac).decode()), ("Content-Type", "application/x-www-form-urlencoded")]
    return raw.request(server, "POST", path, headers, body.encode())


def errors(answer):
    return json.loads(answer.body)["error"]


def is_spent(answer):
    return any(error.startswith("EAPI:Invalid nonce") for error in errors(answer))


def test_a_nonce_counts_once_for_all_nodes(nodes):
    record = nodes.a.credential("kraken")
    order = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "1000", "volume": "0.01"}
    nonce = time.time_ns()
    sent = kraken(record, nodes.a, "/0/private/AddOrder", nonce, **order)
    first = raw.exchange(nodes.a, sent)
    assert first.status == 200 and not is_spent(first), first.body
    assert is_spent(raw.exchange(nodes.b, sent))
    lower = kraken(record, nodes.a, "/0/private/Balance", nonce - 1)
    assert is_spent(raw.exchange(nodes.b, lower))
    higher = kraken(record, nodes.a, "/0/private/Balance", nonce + 1)
    assert errors(raw.exchange(nodes.b, higher)) == []
    assert is_spent(raw.exchange(nodes.a, higher))


def check_refused_without_memory(nodes, resting):
    """New orders are refused, and by their own fault nobody's; cancels and reads pass."""
    refused = raw.exchange(nodes.a, nodes.order("refused"))
    assert refused.status == 503 and b"signature" not in refused.body.lower(), refused.body
    assert raw.exchange(nodes.a, nodes.key.bytes(nodes.a, "GET", "/api/v3/account")).status == 200
    assert raw.exchange(nodes.a, nodes.cancel(resting)).status == 200
    record = nodes.a.credential("kraken")
    read = raw.exchange(nodes.a, kraken(record, nodes.a, "/0/private/Balance", time.time_ns()))
    assert (read.status, errors(read)) == (200, [])
    eventually(lambda: "degraded" in operator(nodes.a, "readyz").stdout, "readyz does not tell")
    assert operator(nodes.a, "readyz").status == 200, "it still serves cancels and reads"
    assert metric(nodes.a, "countersign_cluster_shared_available") == 0
    assert metric(nodes.a, 'countersign_refusals_total{reason="store_unavailable"}') >= 1
    assert metric(nodes.a, 'countersign_cluster_shared_questions_total{result="passed_unasked"}') >= 2


def check_too_young(nodes):
    """A memory that came back empty cannot tell what is new: not the client's fault, and operators see it."""
    fresh = raw.exchange(nodes.b, nodes.order("too-early"))
    assert (fresh.status, code(fresh)) == (503, -1001), fresh.body
    told = lambda: [record for record in recorded(nodes.b.state, "refuse") if "less than 61 s ago" in record.get("detail", "")]
    eventually(told, "the record does not tell")
    for node in (nodes.a, nodes.b):
        eventually(lambda node=node: "less than 61 s ago" in operator(node, "readyz").stdout, "readyz does not tell")
    assert metric(nodes.b, 'countersign_cluster_shared_questions_total{result="too_young"}') >= 1
    assert not metric(nodes.b, 'countersign_refusals_total{reason="stale_timestamp"}')
    nodes.redis.age()
    nodes.until_an_order_passes(nodes.a)
    eventually(lambda: "degraded" not in operator(nodes.a, "readyz").stdout, "it is old enough")


@pytest.mark.fault
def test_a_memory_that_was_killed_stops_orders_only_and_is_found_again(nodes):
    sent = nodes.order("before-the-kill")
    assert raw.exchange(nodes.a, sent).status == 200
    nodes.redis.kill()
    check_refused_without_memory(nodes, "before-the-kill")
    # Nobody asked the other node for anything: until it misses the memory it says that it has it.
    eventually(lambda: metric(nodes.b, "countersign_cluster_shared_available") == 0, "not missed")
    nodes.redis.start()
    eventually(lambda: metric(nodes.b, "countersign_cluster_shared_available") == 1, "not found again")
    assert raw.exchange(nodes.b, sent).status == 503, "a memory that forgot re-opens nothing"
    check_too_young(nodes)


@pytest.mark.fault
def test_a_memory_that_was_flushed_re_opens_nothing(nodes):
    sent = nodes.order("before-the-flush")
    assert raw.exchange(nodes.a, sent).status == 200
    nodes.redis.ask("FLUSHALL")
    assert raw.exchange(nodes.b, sent).status == 503
    assert raw.exchange(nodes.a, nodes.cancel("before-the-flush")).status == 200
    check_too_young(nodes)
    again = raw.exchange(nodes.a, sent)
    assert (again.status, code(again)) == (400, -1021), "its own node knows it, whatever the memory forgot"


@pytest.mark.fault
def test_an_operator_is_told_why_proofs_and_nonces_are_refused(nodes):
    """Whatever asks the memory: a proof of possession (DPoP), and a nonce that is no time."""
    client = TokenClient(nodes.b, key=DpopKey())
    token = client.fetch("order:write")["access_token"]
    url = f"{client.issuer}/native/v1/orders"
    places = lambda: client.session.request("POST", url, json={}, headers=client.key.headers("POST", url, token), withhold_token=True)
    order = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "1000", "volume": "0.01"}
    counts = lambda: raw.exchange(
        nodes.b, kraken(nodes.b.credential("kraken"), nodes.b, "/0/private/AddOrder", time.time_ns(), **order)
    )
    told = lambda: sum("less than 61 s ago" in record.get("detail", "") for record in recorded(nodes.b.state, "refuse"))
    through = places()
    assert through.status_code == 400, f"the venue's answer to half an order: {through.text}"
    before = told()
    nodes.redis.ask("FLUSHALL")
    try:
        by_proof = places()
        assert (by_proof.status_code, "61 s" in by_proof.text) == (503, False), "not for the client"
        eventually(lambda: told() == before + 1, "of the proof")
        by_nonce = counts()
        assert (by_nonce.status, b"61 s" in by_nonce.body) == (503, False), by_nonce.body
        eventually(lambda: told() == before + 2, "of the nonce")
    finally:
        nodes.redis.age()
    nodes.until_an_order_passes(nodes.b)


CLIENTS = ["bybit", "kraken", "kucoin", "okx"]
"""Exchanges whose clients set their clock, or give up, where they are told that an order is late; and Binance's."""


@pytest.mark.fault
def test_unmodified_clients_are_not_told_that_they_are_late_by_a_memory_that_was_flushed(nodes):
    nodes.redis.age()
    nodes.until_an_order_passes(nodes.a)
    # New keys: other tests spend nonces of the demo account's.
    scopes = ["md:read", "account:read", "order:read", "order:write"]
    traders = [venue.sync(nodes.a, venue.key(nodes.a, *scopes)) for venue in VENUES if venue.cls in CLIENTS]
    traders.append(ccxt_sync(nodes.a, nodes.a.credential("binance-hmac")))
    for trader in traders:
        trader.load_markets()
    nodes.redis.ask("FLUSHALL")
    for trader in traders:
        with pytest.raises(ccxt.BaseError) as refused:
            trader.create_order(symbol(trader), "limit", "buy", 0.01, 1_000)
        assert not isinstance(refused.value, (ccxt.InvalidNonce, ccxt.AuthenticationError)), (trader.id, refused.value)
    nodes.redis.age()
    for trader in traders:
        assert trader.create_order(symbol(trader), "limit", "buy", 0.01, 1_000)["id"]


@pytest.mark.fault
def test_a_memory_that_hangs_costs_one_wait_and_not_one_for_each_order(tmp_path):
    with running(tmp_path, COUNTERSIGN_CLUSTER__REDIS_TIMEOUT="1s") as nodes:
        assert nodes.places(nodes.a, "before-the-pause") == 200
        nodes.redis.pause()
        begun = time.monotonic()
        statuses = {nodes.places(nodes.a, f"paused-{number}") for number in range(60)}
        waited = time.monotonic() - begun
        assert statuses == {503}
        assert waited < 50, "each of them would have waited a second"
        check_refused_without_memory(nodes, "before-the-pause")
        nodes.redis.resume()
        why = {record.get("detail", "") for record in recorded(nodes.a.state, "refuse") if record["reject"] == "store_unavailable"}
        assert why and all(words.startswith("the memory that nodes share: ") and words.endswith(" ms") for words in why), why
        nodes.until_an_order_passes(nodes.a)


@pytest.mark.fault
def test_a_node_starts_without_the_memory_and_cancels_pass(tmp_path):
    with running(tmp_path) as nodes:
        nodes.redis.kill()
        nodes.b.stop()
        nodes.b.start()
        assert raw.exchange(nodes.b, nodes.key.bytes(nodes.b, "GET", "/api/v3/account")).status == 200
        assert nodes.places(nodes.b, "no-memory") == 503
        nodes.redis.start()
        eventually(lambda: metric(nodes.b, "countersign_cluster_shared_available") == 1, "not found")
        nodes.redis.age()
        nodes.until_an_order_passes(nodes.b)


def test_the_memory_is_reached_by_tls_with_a_password_and_no_other_way(tmp_path):
    with kept_port() as port:
        is_reached_by_tls(tmp_path, port)


def is_reached_by_tls(tmp_path, port):
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    password.chmod(0o600)

    def encrypted(state):
        files = ["--tls-cert-file", state / "server.pem", "--tls-key-file", state / "server.pem", "--tls-ca-cert-file", state / "ca.pem"]
        return Redis(tmp_path / "redis", "--tls-port", str(port), "--tls-auth-clients", "no", *map(str, files), password="hunter2")

    settings = {
        "COUNTERSIGN_CLUSTER__REDIS": f"rediss://localhost:{port}",
        "COUNTERSIGN_CLUSTER__REDIS_PASSWORD_FILE": str(password),
        "COUNTERSIGN_CLUSTER__REDIS_CA": str(tmp_path / "a" / "ca.pem"),
    }
    with running(tmp_path, redis=encrypted, **settings) as nodes:
        sent = nodes.order("encrypted")
        assert raw.exchange(nodes.a, sent).status == 200, nodes.a.said()
        assert raw.exchange(nodes.b, sent).status == 400
        shown = operator(nodes.a, "v1/config").stdout + nodes.a.said()
        assert "redis_password_file" in shown and "hunter2" not in shown
        # A server whose certificate nobody vouches for is none.
        nodes.b.stop()
        del nodes.b.extra["COUNTERSIGN_CLUSTER__REDIS_CA"]
        nodes.b.start()
        assert nodes.places(nodes.b, "unknown-authority") == 503


def test_a_node_is_told_what_changes_at_another(nodes):
    name = 'countersign_cluster_notices_heard_total{topic="halts"}'
    heard = metric(nodes.b, name)
    told = run("halt", "--scope", "account:nobody", "--action", "cancel-only", "--reason", "runaway", "--text", "a test", "--state", nodes.a.state)
    assert told.returncode == 0, told.stderr
    eventually(lambda: metric(nodes.b, name) > heard, "b heard nothing")
    assert metric(nodes.b, 'countersign_cluster_notices_said_total{topic="halts"}') == 0
