"""A signed order is accepted once: in sequence, in parallel, and across a crash of the gateway."""

import threading
from concurrent.futures import ThreadPoolExecutor

from harness import raw
from harness.binance import ORDER, Key, code
from harness.raw import Connection
from harness.server import Server

PARALLEL = 20


def placing(key, server, name, **parameters):
    return key.bytes(server, "POST", "/api/v3/order", **ORDER, newClientOrderId=name, **parameters)


def open_orders(key, server):
    import json

    answer = key.ask(server, "GET", "/api/v3/openOrders", symbol="BTCUSDT")
    assert answer.status == 200, answer.body
    return [order["clientOrderId"] for order in json.loads(answer.body)]


def test_the_same_order_bytes_are_accepted_once(server, hmac_key):
    sent = placing(hmac_key, server, "once")
    assert raw.exchange(server, sent).status == 200
    again = raw.exchange(server, sent)
    assert again.status == 400
    assert code(again) == -1021
    assert open_orders(hmac_key, server).count("once") == 1


def test_on_one_connection_too(server, hmac_key):
    sent = placing(hmac_key, server, "connection")
    with Connection(server) as connection:
        connection.send(sent + sent)
        assert [connection.answer().status, connection.answer().status] == [200, 400]


def test_of_twenty_at_once_exactly_one_is_accepted(server, hmac_key):
    sent = placing(hmac_key, server, "parallel", recvWindow=60_000)
    gate = threading.Barrier(PARALLEL)

    def send(_):
        with Connection(server) as connection:
            gate.wait(timeout=30)
            connection.send(sent)
            return connection.answer().status

    with ThreadPoolExecutor(PARALLEL) as pool:
        statuses = list(pool.map(send, range(PARALLEL)))
    assert statuses.count(200) == 1, statuses
    assert statuses.count(400) == PARALLEL - 1, statuses
    assert open_orders(hmac_key, server).count("parallel") == 1


def test_another_encoding_of_the_signature_is_still_the_same_request(server, hmac_key, ed25519_key):
    sent = placing(hmac_key, server, "upper")
    assert raw.exchange(server, sent).status == 200
    start = sent.index(b"signature=") + len(b"signature=")
    shouted = sent[:start] + sent[start : start + 64].upper() + sent[start + 64 :]
    assert shouted != sent
    assert raw.exchange(server, shouted).status in (400, 401)
    sent = placing(ed25519_key, server, "padding")
    assert raw.exchange(server, sent).status == 200
    assert raw.exchange(server, sent.replace(b"%3D%3D HTTP", b" HTTP")).status in (400, 401)


def test_moving_parameters_into_the_body_is_still_the_same_request(server, hmac_key):
    query = hmac_key.signed(**ORDER, newClientOrderId="moved")
    headers = [("X-MBX-APIKEY", hmac_key.api_key), ("Content-Type", "application/x-www-form-urlencoded")]
    first = raw.request(server, "POST", f"/api/v3/order?{query}", headers)
    second = raw.request(server, "POST", "/api/v3/order", headers, query.encode())
    assert raw.exchange(server, first).status == 200
    assert raw.exchange(server, second).status == 400


def test_a_signed_order_does_not_work_as_its_cancellation(server, hmac_key):
    sent = placing(hmac_key, server, "method")
    assert raw.exchange(server, sent).status == 200
    assert raw.exchange(server, sent.replace(b"POST", b"DELETE", 1)).status in (400, 401)


def test_a_read_may_be_repeated(server, hmac_key):
    sent = hmac_key.bytes(server, "GET", "/api/v3/account")
    assert [raw.exchange(server, sent).status for _ in range(3)] == [200, 200, 200]


def test_both_edges_of_the_window_hold(server, hmac_key):
    from harness.binance import now_ms

    late = hmac_key.ask(server, "GET", "/api/v3/account", timestamp=now_ms() - 5_500)
    while True:
        began = now_ms()
        ahead = hmac_key.ask(server, "GET", "/api/v3/account", timestamp=began + 2_500)
        if now_ms() - began < 1_000:
            break
    assert (late.status, code(late)) == (400, -1021)
    assert (ahead.status, code(ahead)) == (400, -1021)
    wide = hmac_key.ask(server, "GET", "/api/v3/account", timestamp=now_ms() - 20_000, recvWindow=30_000)
    assert wide.status == 200
    micros = hmac_key.ask(server, "GET", "/api/v3/account", timestamp=now_ms() * 1000)
    assert micros.status == 200


def test_strange_timestamps_are_refused(server, hmac_key):
    for timestamp in ("-1", "1e18", "NaN", "", "0x10", "99999999999999999999", "1.5", " 1"):
        answer = hmac_key.ask(server, "GET", "/api/v3/account", timestamp=timestamp)
        assert answer.status == 400, timestamp
    for window in ("60001", "-1", "abc", "99999999999"):
        assert hmac_key.ask(server, "GET", "/api/v3/account", recvWindow=window).status == 400, window


def test_a_crash_of_the_gateway_does_not_reopen_the_window(tmp_path):
    server = Server(tmp_path / "state").start()
    try:
        key = Key(server.credential("binance-hmac"))
        sent = placing(key, server, "crash", recvWindow=60000)
        assert raw.exchange(server, sent).status == 200
        server.kill()
        server = Server(tmp_path / "state", listen=f"127.0.0.1:{server.port}").start()
        assert raw.exchange(server, sent).status == 400
        fresh = placing(key, server, "after-the-crash")
        assert_accepted_again(key, server, fresh)
    finally:
        server.kill()


def assert_accepted_again(key, server, fresh):
    """A new order is taken after the restart, at the latest when the guard has proof that the old window is over."""
    import time

    deadline = time.monotonic() + 90
    number = 0
    answer = raw.exchange(server, fresh)
    while answer.status != 200 and time.monotonic() < deadline:
        number += 1
        answer = raw.exchange(server, placing(key, server, f"retry-{number}"))
    assert answer.status == 200, answer.body
