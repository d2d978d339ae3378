"""A gateway alone, with its embedded database, on a disk without room: orders wait, cancels and halts do not, and it recovers by itself."""

import json
import os

import pytest

from harness.binance import ORDER, Key
from harness.broken import full_disk
from harness.server import Server, run
from harness.waiting import until

ROUNDS = int(os.environ.get("COUNTERSIGN_FAULT_ROUNDS", "1"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("disk") / "state", limits_files=True) as server:
        yield server


def command(server, *words):
    done = run(*words, "--state", server.state)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def places(server, key):
    return key.ask(server, "POST", "/api/v3/order", **ORDER, recvWindow=60_000).status


def halts(server):
    """Epochs of halts by name; 0 of one that is not written yet."""
    return {halt["id"]: halt["epoch"] for halt in json.loads(command(server, "halt", "status", "--json"))["halts"]}


@pytest.mark.parametrize("round", range(ROUNDS))
def test_a_full_disk_stops_neither_cancels_nor_halts(server, round):
    key = Key(server.credential("binance-hmac"))
    until(lambda: places(server, key) == 200)
    with full_disk(server):
        until(lambda: places(server, key) == 503)
        assert key.ask(server, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT", recvWindow=60_000).status == 200
        stop = ["halt", "--scope", f"account:other-{round}", "--action", "cancel-only", "--reason", "runaway", "--json"]
        told = json.loads(command(server, *stop))
        assert told["id"] in halts(server), "in force before it is written"
    until(lambda: places(server, key) == 200)
    command(server, "audit", "verify")
    until(lambda: halts(server)[told["id"]], why="written as soon as there is room")
    server.kill()
    server.start()
    assert told["id"] in halts(server)
    until(lambda: places(server, key) == 200)
