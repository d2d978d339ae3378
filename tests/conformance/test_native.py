"""The native client of the product against the gateway: every binding and carriage, and what is refused."""

import json
import subprocess
import time

import pytest

from harness.limited import made_key
from harness.server import BINARY, environment, run

KINDS = ["ed25519", "es256", "ps256", "ml-dsa-65"]


def connect(server, *arguments, kind="ed25519", lines="", credential=None):
    file = credential or server.state / "demo" / f"native-{kind}.json"
    return run("connect", server.base, "--credential", file, *arguments, stdin=lines, timeout=60)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_opens_a_session(server, kind):
    done = connect(server, "--json", kind=kind, lines='{"op":"ticker","sym":"BTCUSDT"}\n')
    assert done.returncode == 0, done.stdout + done.stderr
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(reply.get("ok") and float(reply["ticker"]["last"]) > 0 for reply in replies), replies


@pytest.mark.parametrize("bind", ["exp", "sep"])
@pytest.mark.parametrize("carriage", ["raw", "websocket", "http"])
def test_every_binding_on_every_carriage(server, bind, carriage):
    done = connect(server, "--bind", bind, "--carriage", carriage, "--json", lines='{"op":"balance"}\n')
    assert done.returncode == 0, done.stdout + done.stderr
    assert any(reply.get("balances") for reply in map(json.loads, done.stdout.splitlines())), done.stdout


def test_a_binding_below_the_hosts_policy_is_refused(server):
    done = connect(server, "--bind", "chl", "--json", lines='{"op":"balance"}\n')
    assert done.returncode == 1
    assert "bind.required" in done.stdout + done.stderr


def test_orders_are_placed_and_canceled_from_piped_lines(server):
    placed = connect(server, lines="buy BTCUSDT 0.01 1000\norders\nquit\n")
    assert placed.returncode == 0, placed.stdout + placed.stderr
    rows = [line.split() for line in placed.stdout.splitlines() if line.split()[1:3] == ["BTCUSDT", "buy"]]
    assert len(rows) >= 2 and all("open" in row for row in rows), placed.stdout
    canceled = connect(server, "--json", lines=json.dumps({"op": "order.cancel", "order": int(rows[0][0])}) + "\n" + '{"op":"order.list"}\n')
    first, second = [json.loads(line) for line in canceled.stdout.splitlines()][:2]
    assert first["order"]["state"] == "canceled", first
    assert rows[0][0] not in [str(order["order"]) for order in second["orders"]]


def test_a_session_outlives_its_life_by_proving_its_key_again(server):
    """HS-120 HS-123: a life of twelve seconds is renewed three before its end, and no other session is begun."""
    file = server.state / "demo" / "native-ed25519.json"
    command = [str(BINARY), "connect", server.base, "--credential", file, "--json", "--life", "12"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as client:
        renewed = [json.loads(client.stdout.readline()) for _ in range(2)]
        assert all(line["regranted"]["life_s"] == 12 for line in renewed), renewed
        assert renewed[0]["regranted"]["ch"] != renewed[1]["regranted"]["ch"]
        answers, _ = client.communicate('{"op":"ticker","sym":"BTCUSDT","id":1}\n', timeout=60)
    assert any(json.loads(line).get("ok") for line in answers.splitlines()), answers
    assert client.returncode == 0


def test_orders_outside_the_class_of_the_contract_rest(server):
    """HS-130: a session that is cut off leaves what is good until cancelled, and takes its day orders along."""
    order = {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": "1000"}
    file = server.state / "demo" / "native-ed25519.json"
    command = [str(BINARY), "connect", server.base, "--credential", file, "--json", "--cod", "session", "--cod-class", "day"]
    placed = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as client:
        for tif in ["day", "gtc"]:
            client.stdin.write(json.dumps({**order, "id": tif, "tif": tif}) + "\n")
            client.stdin.flush()
            placed[tif] = json.loads(client.stdout.readline())["order"]["order"]
        client.kill()
    deadline = time.monotonic() + 60
    resting = set(placed.values())
    while placed["day"] in resting and time.monotonic() < deadline:
        listed = connect(server, "--json", lines='{"op":"order.list"}\n')
        resting = {row["order"] for row in json.loads(listed.stdout.splitlines()[0])["orders"]}
    assert placed["day"] not in resting and placed["gtc"] in resting


def test_a_wrong_pin_is_refused_by_the_client(server, tmp_path):
    record = server.credential("native-ed25519")
    record["gateway_pins"] = ["A" * 43]
    file = tmp_path / "wrong-pin.json"
    file.write_text(json.dumps(record))
    file.chmod(0o600)
    done = connect(server, credential=file, lines="ticker BTCUSDT\n")
    assert done.returncode == 1


def test_an_unknown_key_and_a_wrong_key_are_refused_alike(server, tmp_path):
    from harness.clients import with_wrong_secret

    outcomes = []
    stranger = made_key(server, kind="Ed25519", purpose="native")
    assert run("key", "revoke", stranger["kid"], "--state", server.state).returncode == 0
    fresh = with_wrong_secret(server.credential("native-ed25519"))
    fresh["kid"] = kid(fresh["private_key_pem"])
    for number, record in enumerate([stranger, fresh]):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(record))
        file.chmod(0o600)
        done = connect(server, "--json", credential=file, lines='{"op":"balance"}\n')
        assert done.returncode == 1
        outcomes.append("auth.failed" in done.stdout + done.stderr)
    assert outcomes == [True, True]


def kid(pem):
    import base64
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    der = load_pem_private_key(pem.encode(), None).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def test_a_scope_that_was_not_granted_is_denied(server, tmp_path):
    done = connect(server, "--want", "md:read", "--json", lines='{"op":"order.place","sym":"BTCUSDT","side":"buy","type":"limit","qty":"0.01","px":"1000"}\n')
    assert "scope.denied" in done.stdout + done.stderr


def test_a_native_key_is_no_binance_key(server):
    from harness.binance import Key

    record = server.credential("native-ed25519")
    assert Key({**record, "api_key": record["kid"]}).ask(server, "GET", "/api/v3/account").status in (400, 401)
