"""After a run no secret is in what the gateway wrote or showed: logs, audit, metrics, error bodies."""

import base64
import json
import re
import socket
from pathlib import Path

import pytest

from harness import raw
from harness.binance import ORDER, Key
from harness.clients import unknown, with_wrong_secret
from harness.server import Server, run


def secrets_of(state):
    """Everything in the demo files that nobody else may know, in the forms in which it could leak."""
    found = {}
    for path in Path(state, "demo").glob("*.json"):
        record = json.loads(path.read_text())
        if record.get("secret"):
            found[path.name] = [record["secret"], base64.b64encode(record["secret"].encode()).decode(), record["secret"].encode().hex()]
        if record.get("private_key_pem"):
            body = "".join(line for line in record["private_key_pem"].splitlines() if not line.startswith("-"))
            der = base64.b64decode(body)
            found[path.name] = [body[-40:], der[-32:].hex(), base64.urlsafe_b64encode(der[-32:]).decode().rstrip("=")]
    return found


def metrics(server):
    """The operator interface on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as operator:
        operator.connect(str(server.state / "operator.sock"))
        operator.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        operator.settimeout(10)
        said = b""
        while data := operator.recv(65536):
            said += data
    return said.decode()


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server that did everything it can do, logging as much as it can."""
    with Server(tmp_path_factory.mktemp("secrets") / "state", "--json", "--set", "log.level=trace") as server:
        bodies = []
        for kind in ("binance-hmac", "binance-ed25519", "binance-rsa"):
            record = server.credential(kind)
            key = Key(record)
            sent = key.bytes(server, "POST", "/api/v3/order", **ORDER)
            bodies += [raw.exchange(server, sent).body, raw.exchange(server, sent).body]
            for bad in (with_wrong_secret(record), unknown(record)):
                bodies.append(Key(bad).ask(server, "POST", "/api/v3/order", **ORDER).body)
        run("connect", "--credential", server.state / "demo" / "native-ed25519.json", server.base, stdin="ticker BTCUSDT\n")
        shown = metrics(server)
        yield server, bodies, shown


def test_the_run_was_seen(busy):
    server, bodies, shown = busy
    assert "countersign" in shown
    assert server.logs().count("\n") > 5
    assert all(bodies)


def test_no_secret_in_logs(busy):
    server, _, _ = busy
    said = server.logs()
    for name, forms in secrets_of(server.state).items():
        assert not any(form in said for form in forms), name


def test_no_signature_or_token_in_logs(busy):
    server, _, _ = busy
    said = server.logs()
    assert "signature=" not in said
    assert "cs1h." not in said and not re.search(r"eyJ[\w-]{10,}\.[\w-]{10,}\.", said)


def test_no_secret_in_metrics_and_bodies(busy):
    server, bodies, shown = busy
    said = shown + "".join(body.decode(errors="replace") for body in bodies)
    for name, forms in secrets_of(server.state).items():
        assert not any(form in said for form in forms), name


def test_no_plain_secret_at_rest(busy):
    """HMAC secrets are sealed in the database; private keys of clients were never there."""
    server, _, _ = busy
    secrets = secrets_of(server.state)
    for path in server.state.rglob("*"):
        if path.is_file() and "demo" not in path.parts:
            data = path.read_bytes()
            for name, forms in secrets.items():
                assert not any(form.encode() in data for form in forms), (name, path)


def test_no_core_file_is_left(busy):
    server, _, _ = busy
    with open(f"/proc/{server.process.pid}/limits") as limits:
        core = next(line for line in limits if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core


def test_metrics_have_no_label_that_a_client_chooses(busy):
    server, _, before = busy
    for number in range(20):
        raw.ask(server, "GET", f"/nowhere/{number}", [("User-Agent", f"agent-{number}")])
    after = metrics(server)
    assert "agent-" not in after and "/nowhere/" not in after
    assert len(after.splitlines()) <= len(before.splitlines()) + 20


def test_every_log_line_is_json(busy):
    server, _, _ = busy
    lines = [line for line in server.stderr_path.read_text().splitlines() if line.strip()]
    assert lines
    for line in lines:
        json.loads(line)
