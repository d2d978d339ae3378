"""What an operator changes while the gateway runs: keys, accounts, certificates; and what commands say to whoever may not."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.binance import ORDER, Key
from harness.limited import made_key
from harness.server import BINARY, OPERATOR, Server, environment, run
from harness.waiting import until

USAGE, ENVIRONMENT = 2, 3
ACCOUNT = "/api/v3/account"
NOBODY = 65534


def keep(server, *arguments, code=0):
    """Runs a command for the operator of a server."""
    done = run(*arguments, "--state", server.state)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def audit(server, event):
    lines = [json.loads(line) for file in sorted((server.state / "audit").glob("audit-*.jsonl")) for line in file.read_text().splitlines()]
    return [line for line in lines if line.get("event") == event]


def test_what_a_key_may_do_is_changed_and_counts_at_once(server):
    record = made_key(server)
    key, name = Key(record), record["api_key"]
    status = lambda method, path, **parameters: key.ask(server, method, path, **parameters).status
    assert status("POST", "/api/v3/order", **ORDER) == 200

    said = keep(server, "key", "set", name, "--scopes", "md:read,account:read", "--orders-per-10s", "7", "--expires", "30d", "--label", "reads")
    assert "scopes account:read md:read (was " in said and "orders in 10 s 7 (was " in said, said
    until(lambda: status("POST", "/api/v3/order", **ORDER) in (401, 403), 5)
    assert status("GET", ACCOUNT) == 200

    keep(server, "key", "set", name, "--ip", "192.0.2.0/24", "--ip", "2001:db8::1")
    until(lambda: status("GET", ACCOUNT) in (401, 403), 5)
    keep(server, "key", "set", name, "--ip", "any", "--expires", "never")
    until(lambda: status("GET", ACCOUNT) == 200, 5)

    shown = json.loads(run("key", "show", name, "--json", "--state", server.state).stdout)
    assert (shown["orders_per_10s"], shown["ip_allow"], shown["not_after_us"], shown["label"]) == (7, [], None, "reads")
    assert shown["scopes"] == ["account:read", "md:read"]
    assert [change["change"] for change in shown["history"]] == ["policy", "policy", "policy", "created"]
    recorded = [line["detail"] for line in audit(server, "key_policy") if line["key_id"] == name]
    assert len(recorded) == 3 and "from 192.0.2.0/24 2001:db8::1" in recorded[1], recorded


def test_a_change_that_is_none_or_cannot_be_leaves_everything(server):
    name = made_key(server)["api_key"]
    assert "is so already" in keep(server, "key", "set", name, "--ip", "any")
    for wrong in (["--scopes", ""], ["--ip", "here"], ["--ip", "any", "--ip", "10.0.0.1"], ["--orders-per-10s", "0"], ["--expires", "0s"], []):
        keep(server, "key", "set", name, *wrong, code=USAGE)
    assert not [line for line in audit(server, "key_policy") if line["key_id"] == name]
    shown = json.loads(run("key", "show", name, "--json", "--state", server.state).stdout)
    assert [change["change"] for change in shown["history"]] == ["created"]
    keep(server, "key", "revoke", name)
    assert "revoked, for ever" in keep(server, "key", "set", name, "--ip", "10.0.0.1", code=1)


def test_an_open_session_of_a_key_ends_when_its_address_is_taken_away(server, tmp_path):
    said = keep(server, "key", "new", "--account", "demo", "--url", server.base, "--out", tmp_path / "key.json")
    name = re.search(r"native key (\S+) of", said)[1]
    is_open = lambda: name in run("session", "list", "--json", "--state", server.state).stdout
    command = [BINARY, "connect", "--credential", tmp_path / "key.json", "--json", "--resume", "0"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        until(is_open, 10)
        keep(server, "key", "set", name, "--ip", "192.0.2.1")
        until(lambda: not is_open(), 10)
    finally:
        client.kill()
        client.wait()


def test_an_account_is_paused_and_ended_with_all_its_keys(server):
    keep(server, "account", "new", "desk-9")
    made = [run("key", "new", "--account", "desk-9", "--purpose", "binance", "--kind", "HS256", "--state", server.state) for _ in range(2)]
    keys = [Key(json.loads(done.stdout)) for done in made]
    both = lambda *wanted: all(key.ask(server, "GET", ACCOUNT).status in wanted for key in keys)
    until(lambda: both(200), 5)
    assert "2 keys of account desk-9 are suspended now" in keep(server, "account", "suspend", "desk-9")
    until(lambda: both(401, 403), 5)
    keep(server, "key", "revoke", keys[0].api_key)
    assert f"1 key of account desk-9 is active now: {keys[1].api_key}" in keep(server, "account", "resume", "desk-9")
    until(lambda: keys[1].ask(server, "GET", ACCOUNT).status == 200, 5)
    assert "1 key" in keep(server, "account", "revoke", "desk-9")
    until(lambda: both(401, 403), 5)
    assert "0 keys" in keep(server, "account", "revoke", "desk-9") and "0 keys" in keep(server, "account", "resume", "desk-9")
    assert "no account desk-8" in keep(server, "account", "revoke", "desk-8", code=1)
    events = {event: len([line for line in audit(server, event) if line["account"] == "desk-9"]) for event in ("key_suspend", "key_resume", "key_revoke")}
    assert events == {"key_suspend": 2, "key_resume": 1, "key_revoke": 2}


def test_one_key_that_cannot_be_changed_keeps_no_other_of_its_account(server):
    keep(server, "account", "new", "desk-10")
    names = []
    for _ in range(3):
        made = run("key", "new", "--account", "desk-10", "--purpose", "binance", "--kind", "HS256", "--state", server.state)
        names.append(json.loads(made.stdout)["api_key"])
    stuck = f"CREATE TRIGGER stuck BEFORE UPDATE ON credentials WHEN OLD.key_id = '{names[0]}' BEGIN SELECT RAISE(ABORT, 'stuck'); END"
    with contextlib.closing(sqlite3.connect(server.state / "countersign.db", timeout=30)) as database, database:
        database.execute(stuck)
    try:
        said = keep(server, "account", "revoke", "desk-10", code=ENVIRONMENT)
        assert "2 of 3 keys of account desk-10 are revoked now" in said and f"not {names[0]}: " in said and said.count("stuck") == 1, said
        assert {line["key_id"] for line in audit(server, "key_revoke") if line["account"] == "desk-10"} == set(names[1:])
    finally:
        with contextlib.closing(sqlite3.connect(server.state / "countersign.db", timeout=30)) as database, database:
            database.execute("DROP TRIGGER stuck")
    assert "1 key of account desk-10 is revoked now" in keep(server, "account", "revoke", "desk-10")


def test_the_end_of_a_certificate_is_told_with_its_key(server, tmp_path):
    arguments = ["key", "new", "--account", "demo", "--purpose", "client-certificate"]
    said = keep(server, *arguments, "--expires", "365d", "--out", tmp_path / "year.pem")
    assert "its certificate ends 20" in said and "before the key, which ends 20" in said, said
    said = keep(server, *arguments, "--out", tmp_path / "client.pem")
    assert "its certificate ends 20" in said and "before the key" not in said, said


def test_each_operator_gets_a_certificate_of_their_own(server, tmp_path):
    said = keep(server, "operator", "certificate", "prometheus", "--out", tmp_path / "prometheus.pem", "--expires", "30d")
    assert "operator prometheus" in said and (tmp_path / "prometheus.pem").stat().st_mode & 0o777 == 0o600
    tls = ssl.create_default_context(cafile=server.ca)
    tls.load_cert_chain(tmp_path / "prometheus.pem")
    port = next(int(port) for port in OPERATOR.findall("\n".join(server.lines)) if int(port) != server.port)
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=5), server_hostname="localhost") as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert [line["detail"] for line in audit(server, "operator_certificate")][-1].startswith("by the command line: operator prometheus, until 20")
    keep(server, "operator", "certificate", "prometheus", "--out", tmp_path / "prometheus.pem", code=USAGE)
    keep(server, "operator", "certificate", "two words", "--out", tmp_path / "other.pem", code=USAGE)
    for expires in ("81d", "0s", "soon"):
        keep(server, "operator", "certificate", "carol", "--expires", expires, "--out", tmp_path / "other.pem", code=USAGE)
    assert not (tmp_path / "other.pem").exists()


@contextlib.contextmanager
def somebody_elses(mode):
    """A folder below which another user's files may lie, and how to become somebody who may not read them."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(mode)
    try:
        yield folder, {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    finally:
        shutil.rmtree(folder)


def test_who_may_not_look_is_told_so_and_not_that_nothing_is_there():
    with somebody_elses(0o755) as (folder, somebody), Server(folder / "state") as server:
        if not somebody:
            # Who is not root cannot become another user, but shut out of a folder by its mode one is, too.
            server.state.chmod(0)
        shutil.copy(BINARY, folder / "countersign")
        for arguments in (["halt", "--reason", "runaway"], ["session", "list"], ["connect", "--credential", server.state / "demo" / "native.json"]):
            state = [] if arguments[0] == "connect" else ["--state", server.state]
            done = subprocess.run([folder / "countersign", *arguments, *state], capture_output=True, text=True, timeout=60, cwd=folder, env=environment(), **somebody)
            assert done.returncode == ENVIRONMENT, done
            assert "ermission denied" in done.stderr and "as the user it belongs to" in done.stderr, done.stderr
            assert "no gateway" not in done.stderr and "there is no" not in done.stderr, done.stderr
        server.state.chmod(0o700)


def below(folder):
    """The processes that have something to do with a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--cluster"]], ids=["one", "cluster"])
def test_a_demo_that_is_interrupted_leaves_nothing(arguments, how):
    with somebody_elses(0o755) as (folder, _):
        for _ in range(10):
            demo = subprocess.Popen([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(TMPDIR=str(folder)))
            # The stage is there, and in the case of a cluster its servers and nodes run.
            line = next(line for line in demo.stdout if ("nodes a, b and c" if "--cluster" in arguments else "✓ start") in line)
            assert "✓" in line
            demo.send_signal(how)
            _, said = demo.communicate(timeout=60)
            if demo.returncode:
                break
            # The tour was over sooner than it was interrupted.
        assert (demo.returncode, "interrupted" in said) == (128 + how, True), said
        until(lambda: below(folder) == [], 10)
        assert list(folder.iterdir()) == []


def test_a_demo_that_is_killed_leaves_no_process():
    """It drops nothing then: what it started ends by itself. Its folder stays."""
    with somebody_elses(0o755) as (folder, _):
        demo = subprocess.Popen([BINARY, "demo", "--cluster"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(TMPDIR=str(folder)))
        left = []
        try:
            assert "✓" in next(line for line in demo.stdout if "nodes a, b and c" in line)
            assert len(below(folder)) >= 4, "two servers and three nodes run"
            demo.kill()
            demo.wait()
            until(lambda: below(folder) == [], 30)
        finally:
            left = below(folder)
            for process in left:
                with contextlib.suppress(OSError):
                    os.kill(int(process), signal.SIGKILL)
            demo.stdout.close()
        assert not left


def test_many_rehearsals_show_how_far_they_are(server):
    ours, theirs = pty.openpty()
    command = [BINARY, "drill", "run", "--count", "300", "--state", server.state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env={**environment(TERM="xterm"), "NO_COLOR": ""}) as drill:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the last writer is gone.
            while more := os.read(ours, 4096):
                shown += more
        os.close(ours)
        assert "300 rehearsals" in drill.stdout.read()
    assert b"/300" in shown, shown[:500]
    quiet = run("drill", "run", "--count", "3", "--state", server.state)
    assert quiet.returncode == 0 and quiet.stderr == ""


def test_no_certificate_comes_out_that_cannot_be_recorded(server, tmp_path):
    """Of a disk that is full the log has no line, or half of one."""
    out, names = tmp_path / "dave.pem", lambda: [line["detail"] for line in audit(server, "operator_certificate") if "dave" in line["detail"]]
    command = [str(BINARY), "operator", "certificate", "dave", "--out", str(out), "--state", str(server.state)]
    for torn in (0, 37):
        newest = max((server.state / "audit").glob("audit-*.jsonl"))
        # Larger than what a command makes beside the log: that alone cannot grow.
        assert newest.stat().st_size > 4096
        size = newest.stat().st_size + torn
        limited = ["prlimit", f"--fsize={size}:{size}", *command]
        done = subprocess.run(limited, capture_output=True, text=True, timeout=60, env=environment(), restore_signals=False)
        assert done.returncode not in (0, None) and done.returncode != USAGE, done.stdout + done.stderr
        assert "no certificate is given out" in done.stderr, done.stderr
        assert not out.exists() and not list(tmp_path.glob("*.tmp*"))
    assert not names()
    keep(server, "operator", "certificate", "dave", "--out", out)
    assert len(names()) == 1
    # Who cannot be given one is not on record as having it.
    keep(server, "operator", "certificate", "dave", "--out", out, code=USAGE)
    assert len(names()) == 1
    keep(server, "audit", "verify")


def test_every_metric_that_the_operations_page_names_is_there(server):
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    # Those of several nodes are there where there are several.
    named = {name for name in re.findall(r"\bcountersign_[a-z_]+[a-z]\b", page) if not name.startswith("countersign_cluster")}
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(10)
        plain.connect(str(server.state / "operator.sock"))
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: plain.recv(65536), b"")).decode()
    there = {line.split()[2] for line in said.splitlines() if line.startswith("# TYPE")}
    assert len(named) > 15
    assert {name for name in named if re.sub(r"_total$", "", name) not in there} == set()
    end = int(re.search(r"^countersign_certificate_not_after_seconds (\d+)", said, re.M)[1])
    assert end > 1_700_000_000
