"""What operators are told where something is not as they may think: whom keys reach, what a name is, who can lift."""

import contextlib
import datetime
import json
import os
import re
import socket
import sqlite3
import subprocess

from harness.server import BINARY, Server, environment, run
from harness.waiting import until
from test_cli import ENVIRONMENT, USAGE
from test_starts import all_keys, pasted, serving


def test_demo_keys_that_come_to_stand_before_a_real_service_are_told_of(tmp_path):
    """The folder of a first try, served again with a configuration: its keys place orders there."""
    config, state = tmp_path / "gateway.toml", tmp_path / "state"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n')
    with Server(state, demo=None) as server:
        assert "ATTENTION" not in server.said()
    with Server(state, config=config, demo=None) as server:
        told = server.lines.index(next(line for line in server.lines if line.startswith("ATTENTION: ")))
        assert "demo account" in server.lines[told] and "key revoke KEY" in server.lines[told + 2]
        named = subprocess.run(server.lines[told + 1], shell=True, capture_output=True, text=True, timeout=60, env=environment())
        assert named.returncode == 0 and "demo" in named.stdout, named
        assert "WARN" in server.stderr_path.read_text()
        first, *others = all_keys(state)
        assert run("key", "revoke", first["id"], "--state", state).returncode == 0
    with Server(state, config=config, demo=None) as server:
        assert f"ATTENTION: {len(others)} keys of the demo account" in server.said()
    with Server(state, "--set", "demo_account=on", config=config, demo=None) as server:
        assert "ATTENTION" not in server.said(), "that was asked for"


def test_the_name_that_is_configured_is_what_clients_are_told_to_dial(tmp_path):
    """On the screen, in the demo account's files, and in those of keys that are made later."""
    config, state = tmp_path / "gateway.toml", tmp_path / "state"
    config.write_text('[listen]\nauthorities = ["localhost"]\n')
    with Server(state, config=config) as server:
        url = f"https://localhost:{server.port}"
        assert server.credential("binance-hmac")["url"] == server.credential("native-ed25519")["url"] == url
        made = run("key", "new", "--account", "demo", "--purpose", "binance", "--kind", "HS256", "--state", state)
        assert json.loads(made.stdout)["url"] == url, made
        curl = subprocess.run(["bash", "-c", pasted(server, "curl ")], capture_output=True, text=True, timeout=60, env=environment())
        assert "BTCUSDT" in curl.stdout, curl.stderr
        connect = next(line.strip() for line in server.lines if " connect https://" in line)
        done = subprocess.run(["bash", "-c", connect], input="quit\n", capture_output=True, text=True, timeout=60, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
        with_address = curl.args[2].replace("localhost", "127.0.0.1")
        refused = subprocess.run(["bash", "-c", with_address], capture_output=True, text=True, timeout=60, env=environment())
        assert "not one of this gateway's" in refused.stdout, refused


def test_a_port_for_everybody_under_a_name_for_nobody_else_is_told_of(tmp_path):
    config = tmp_path / "gateway.toml"
    for listed, is_told in [("", True), ('authorities = ["localhost"]\n', False)]:
        config.write_text(f'[listen]\naddress = "0.0.0.0:0"\n{listed}')
        checked = run("config", "check", config)
        assert checked.returncode == 0 and ("listen.authorities" in checked.stderr) == is_told, checked
        with Server(tmp_path / f"state-{is_told}", listen="0.0.0.0:0", config=config) as server:
            assert any(line.startswith("ATTENTION: listen.address") for line in server.lines) == is_told


def test_an_environment_that_is_no_text_is_nobodys_matter_but_ours_is_named(tmp_path):
    for name, code, words in [("FOO", 0, "fine"), ("COUNTERSIGN_LOG__LEVEL", USAGE, "COUNTERSIGN_LOG__LEVEL: its value is not UTF-8")]:
        config = tmp_path / "gateway.toml"
        config.write_text("")
        variables = {**os.environb, name.encode(): b"\xff"}
        done = subprocess.run([str(BINARY), "config", "check", str(config)], capture_output=True, text=True, timeout=60, env=variables)
        assert done.returncode == code and words in done.stdout + done.stderr, done


def test_a_log_of_json_ends_with_json(tmp_path):
    state = tmp_path / "state"
    with Server(state):
        done = run(*serving(state), "--json")
    assert done.returncode == ENVIRONMENT
    last = [json.loads(line) for line in done.stderr.splitlines()][-1]
    assert last["level"] == "ERROR" and "in use by another gateway" in last["fields"]["message"] and last["timestamp"]
    config = tmp_path / "gateway.toml"
    config.write_text('[log]\nformat = "json"\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--state", state, "--config", config, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == ENVIRONMENT and all(json.loads(line) for line in done.stderr.splitlines()), done.stderr


def test_an_export_whose_reader_goes_away_is_no_failure(server):
    # More than is written at once, so that it fails in the midst of a line.
    assert len(run("audit", "export", "--state", server.state).stdout) > 8_192
    read, write = os.pipe()
    command = [str(BINARY), "audit", "export", "--state", server.state]
    process = subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment())
    os.close(read)
    os.close(write)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and told == "", told


def test_where_nobody_is_named_who_lifts_a_halt_says_so(tmp_path):
    with Server(tmp_path / "state") as server:
        raised = run("halt", "--reason", "runaway", "--scope", "account:nobody", "--state", server.state)
        assert raised.returncode == 0 and "ATTENTION: halt.operators is empty" in raised.stdout, raised
        halt = re.search(r"H-\S+|\S+", raised.stdout).group()
        proposed = run("lift", "propose", halt, "--reason", "over", "--state", server.state)
        assert "ATTENTION: halt.operators is empty" in proposed.stdout, proposed


def test_a_drill_in_earnest_raises_nothing_that_it_cannot_lift(tmp_path):
    keys = {}
    for name in ("alice", "bob"):
        made = run("operator", "new", name, "--out", tmp_path / f"{name}.pem")
        assert made.returncode == 0, made
        keys[name] = made.stdout.strip()
    config = tmp_path / "gateway.toml"
    config.write_text(f'[halt]\noperators = ["{keys["alice"]}"]\nquorum = 1\n')
    with Server(tmp_path / "state", config=config) as server:
        drill = ["drill", "run", "--real", "--count", "1", "--state", server.state]
        for operator, key, words in [("carol", "alice", "names no such operator"), ("alice", "bob", "is not the key of")]:
            done = run(*drill, "--operator", operator, "--key", tmp_path / f"{key}.pem")
            assert done.returncode == USAGE and words in done.stderr, done
            assert json.loads(run("halt", "status", "--json", "--state", server.state).stdout)["halts"] == []
        done = run(*drill, "--operator", "alice", "--key", tmp_path / "alice.pem")
        assert done.returncode == 0, done
        assert json.loads(run("halt", "status", "--json", "--state", server.state).stdout)["halts"] == []


def test_a_session_that_nobody_has_is_not_said_to_be_revoked(server):
    """A name with a slip of the pen looked as if its tokens were gone. An access token alone has a session that no list has: it ends."""
    done = run("token", "revoke", "AAAAAAAAAAAAAAAAAAAAAA", "--state", server.state)
    assert done.returncode == 1 and "nobody has a session or refresh tokens named AAAAAAAAAAAAAAAAAAAAAA" in done.stderr, done
    assert done.stdout == ""


def test_a_node_that_has_stopped_itself_says_so_first_and_as_of_when_it_knows_what_it_shows(tmp_path):
    with Server(tmp_path / "state") as server:
        status = lambda *more: run("halt", "status", *more, "--state", server.state).stdout
        # Under load the lease may be over for a moment at any time.
        until(lambda: "ATTENTION" not in (said := status()) and "nothing is halted" in said)
        with contextlib.closing(sqlite3.connect(server.state / "countersign.db", timeout=30, isolation_level=None)) as database:
            database.execute("ALTER TABLE halt_epoch RENAME TO hidden")
        until(lambda: json.loads(status("--json"))["unknown"])
        first, *_ = said = status().splitlines()
        read = json.loads(status("--json"))["read_ms"]
        assert "HAS STOPPED ITSELF" in first and "node-1" in first and "cancels pass, nothing new" in first, said
        as_of = datetime.datetime.fromisoformat(re.search(r"as of (\S+),", first)[1])
        assert abs(as_of.timestamp() - read / 1000) < 5 and "nothing was halted then" in said, said
