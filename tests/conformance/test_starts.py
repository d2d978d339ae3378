"""What a start refuses, what it finishes, and what it leaves as it was."""

import json
import os
import re
import select
import shutil
import socket
import stat
import subprocess
import time

import pytest

from harness.binance import Key
from harness.server import BINARY, Server, environment, run
from harness.waiting import until
from test_cli import ENVIRONMENT, USAGE


def failed(server_arguments, code, *words):
    done = run(*server_arguments, timeout=30)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    sentence = done.stderr.strip().splitlines()
    assert len(sentence) >= 1 and "panicked" not in done.stderr and "ready:" not in done.stdout
    for word in words:
        assert word.lower() in done.stderr.lower(), (word, done.stderr)


def serving(state, *arguments):
    return ["serve", "--state", state, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", *arguments]


def test_a_start_that_fails_says_why_and_nothing_else(tmp_path):
    """Not even that it would have had too few files open for the connections that it never took."""
    state = tmp_path / "state"
    state.write_text("")
    limited = ["sh", "-c", 'ulimit -n 600; exec "$0" "$@"', BINARY, *serving(state)]
    done = subprocess.run(list(map(str, limited)), capture_output=True, text=True, timeout=30, env=environment())
    assert done.returncode == ENVIRONMENT, done
    assert done.stderr.splitlines() == [f"countersign: cannot create {state}: what is there is no folder"]


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ["serve", "--state", tmp_path / "state", "--listen", f"127.0.0.1:{port}", "--operator-listen", "127.0.0.1:0"]
        failed(arguments, ENVIRONMENT, str(port), "use")


def with_files(count, *arguments):
    """`countersign serve` where the system permits `count` open files, and no more whoever asks."""
    serve = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", *map(str, arguments)]
    limited = f'ulimit -n {count} && exec "$0" "$@"'
    return subprocess.Popen(["bash", "-c", limited, str(BINARY), *serve], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def test_too_few_open_files_for_anybody_is_one_sentence(tmp_path):
    with with_files(200, "--state", tmp_path / "state") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == ENVIRONMENT
    assert "permits 200 open files" in said and "ulimit -n" in said and not (tmp_path / "state").exists()


def test_where_few_files_may_be_open_clients_get_what_is_over(tmp_path):
    """With 300 descriptors there is room for 22 clients; the rest is refused, and the gateway's own files still open."""
    with with_files(300, "--state", tmp_path / "state", "--json", "--set", "limits.handshake_deadline=60s") as process:
        try:
            ready = next(line for line in process.stdout if "ready: " in line)
            port = int(re.search(r":(\d+)", ready.split("ready: https://")[1]).group(1))
            clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(40)]
            until = time.monotonic() + 30
            while len(closed := select.select(clients, [], [], 1)[0]) < 18 and time.monotonic() < until:
                pass
            assert len(closed) == 18, len(closed)
            assert run("key", "list", "--state", tmp_path / "state").returncode == 0
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert "lowered from 10000 to 22" in said + ready, said


def test_a_second_server_on_the_same_state_is_refused(server):
    failed(serving(server.state), ENVIRONMENT, str(server.state))


@pytest.fixture
def stopped(tmp_path):
    """A state folder of a server that ran once."""
    with Server(tmp_path / "state"):
        pass
    return tmp_path / "state"


def test_a_state_of_yesterday_starts_again(stopped):
    before = (stopped / "ca.pem").read_bytes()
    with Server(stopped) as server:
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
    assert (stopped / "ca.pem").read_bytes() == before


def databases(state):
    return [path for path in state.rglob("*") if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]


def test_a_corrupt_database_is_one_sentence_and_stays_as_it_was(stopped):
    database = databases(stopped)[0]
    for left in stopped.rglob("*-wal"):
        left.unlink()
    database.write_bytes(b"this is no database at all, only a text that is long enough" * 100)
    before = database.read_bytes()
    failed(serving(stopped), ENVIRONMENT, database.name)
    assert database.read_bytes() == before

PUBLIC = ("audit-key.pub.pem", "ca.pem", "jwks.json")


def secret_files(state):
    return [path for path in state.rglob("*") if path.is_file() and path.name not in PUBLIC]


def test_everything_secret_is_for_its_owner_only(stopped):
    assert stat.S_IMODE(stopped.stat().st_mode) == 0o700
    assert secret_files(stopped)
    for path in secret_files(stopped):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((stopped / "demo").stat().st_mode) == 0o700


def test_a_state_folder_that_others_can_write_to_is_refused(stopped):
    stopped.chmod(0o777)
    failed(serving(stopped), ENVIRONMENT, str(stopped))

KEYS = ("audit-key.pem", "ca-key.pem", "gateway-key.pem", "gateway-root-key.pem", "identity-key.pem", "sealing.key")


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file_that_others_can_read_is_refused(stopped, name):
    (stopped / name).chmod(0o644)
    failed(serving(stopped), ENVIRONMENT, name)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file_that_holds_none_is_refused(stopped, name):
    (stopped / name).write_text("no key at all\n")
    failed(serving(stopped), ENVIRONMENT, name)
    assert (stopped / name).read_text() == "no key at all\n"


@pytest.mark.parametrize("name", ["gateway-key.pem", "gateway-root-key.pem"])
def test_another_gateways_key_is_refused_on_the_day_it_comes(stopped, tmp_path, name):
    with Server(tmp_path / "other"):
        pass
    (stopped / name).write_bytes((tmp_path / "other" / name).read_bytes())
    failed(serving(stopped), ENVIRONMENT, name, "gateway-delegation.txt")


@pytest.mark.parametrize("lost", [["ca.pem", "ca-key.pem"], ["gateway-key.pem", "gateway-delegation.txt", "gateway-root-key.pem"], ["sealing.key"]])
def test_what_the_database_needs_is_not_made_anew(stopped, lost):
    for name in lost:
        (stopped / name).unlink()
    failed(serving(stopped), ENVIRONMENT, lost[-1], "missing")
    assert not any((stopped / name).exists() for name in lost)


def test_a_root_may_be_kept_offline_while_its_delegation_lasts(stopped, tmp_path):
    root = stopped / "gateway-root-key.pem"
    root.rename(tmp_path / root.name)
    with Server(stopped):
        pass
    assert not root.exists()
    # What it signed is gone as well: it would have to sign again.
    (stopped / "gateway-delegation.txt").write_text("no delegation")
    failed(serving(stopped), ENVIRONMENT, root.name, "missing")
    assert not root.exists()


def test_a_database_that_was_lost_is_not_begun_anew(stopped):
    """It knew what is halted and who is locked out."""
    demo = (stopped / "demo" / "binance-hmac.json").read_bytes()
    for path in stopped.glob("countersign.db*"):
        path.unlink()
    failed(serving(stopped), ENVIRONMENT, "countersign.db", "missing")
    failed(["key", "list", "--state", stopped], ENVIRONMENT, "countersign.db")
    assert not (stopped / "countersign.db").exists() and (stopped / "demo" / "binance-hmac.json").read_bytes() == demo


def test_an_audit_log_that_was_lost_is_said_loudly(stopped):
    shutil.rmtree(stopped / "audit")
    with Server(stopped, "--json") as server:
        said = [json.loads(line) for line in server.logs().splitlines() if line.startswith("{")]
    assert any(line["level"] == "ERROR" and "audit log" in json.dumps(line) and "gone" in json.dumps(line) for line in said), said


def killed_first_start(folder):
    """The state folder of a first start that was killed while it made the demo account. A kill that came too late is none: once more."""
    for attempt in range(20):
        state = folder / f"state-{attempt}"
        unfinished = state / "demo.unfinished"
        command = [str(BINARY), *map(str, serving(state))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()) as process:
            try:
                until(lambda: len(list(unfinished.glob("*.json"))) > 2 or (state / "demo").exists(), 60, "no key was made")
            finally:
                process.kill()
        if unfinished.exists():
            return state
    raise AssertionError("no kill came in time")


def all_keys(state):
    return json.loads(run("key", "list", "--all", "--json", "--state", state).stdout)


def test_a_first_start_that_was_killed_is_finished_by_the_next(tmp_path):
    """At any moment: the demo account is whole, or it is begun again."""
    state = killed_first_start(tmp_path)
    with Server(state) as server:
        made = sorted(path.name for path in (state / "demo").iterdir() if path.suffix != ".py")
        assert len(made) > 20 and not (state / "demo.unfinished").exists() and not any(".tmp" in name for name in made)
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
        keys = all_keys(state)
        active = [key for key in keys if key["state"] == "active"]
        assert len(active) == len(made) and len(keys) > len(active), "those that nobody was given are revoked"


@pytest.mark.parametrize("why", ["off", "a real service"])
def test_keys_of_a_first_start_that_was_killed_end_where_the_next_makes_none(tmp_path, why):
    config = tmp_path / "gateway.toml"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n' if why == "a real service" else 'demo_account = "off"\n')
    state = killed_first_start(tmp_path)
    assert any(key["state"] == "active" for key in all_keys(state))
    with Server(state, config=config, demo=None):
        assert {key["state"] for key in all_keys(state)} == {"revoked"}
        assert not (state / "demo.unfinished").exists() and not (state / "demo").exists()


def test_a_real_service_gets_no_demo_account_unless_that_is_asked_for(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n')
    with Server(tmp_path / "state", config=config, demo=None) as server:
        assert not (server.state / "demo").exists()
        assert json.loads(run("key", "list", "--all", "--json", "--state", server.state).stdout) == []
        assert not any(" connect https://" in line for line in server.lines)
    with Server(tmp_path / "state", "--set", "demo_account=on", config=config, demo=None) as server:
        assert server.credential("binance-hmac")


def test_a_key_without_scopes_is_a_mistake(stopped):
    failed(["key", "new", "--account", "demo", "--purpose", "binance", "--scopes", "", "--state", stopped], USAGE, "--scopes")


def test_the_demo_makes_no_folder_for_what_is_temporary(tmp_path):
    done = run("demo", TMPDIR=str(tmp_path / "nowhere"))
    assert done.returncode == ENVIRONMENT and "TMPDIR" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def pasted(server, begin):
    return next(line.strip() for line in server.lines if line.strip().startswith(begin))


def test_the_commands_to_paste_run_as_they_are(tmp_path):
    """With spaces in the path, and a program that no shell finds by its name."""
    with Server(tmp_path / "my state") as server:
        connect = next(line.strip() for line in server.lines if " connect https://" in line)
        assert not connect.startswith("countersign ") and f"'{server.state}/demo/native-ed25519.json'" in connect
        done = subprocess.run(["bash", "-c", connect], input="quit\n", capture_output=True, text=True, timeout=60, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
        curl = subprocess.run(["bash", "-c", pasted(server, "curl ")], capture_output=True, text=True, timeout=60, env=environment())
        assert "BTCUSDT" in curl.stdout, curl.stderr
    found = f"{BINARY.parent}:{os.environ['PATH']}"
    with Server(tmp_path / "my state", PATH=found) as server:
        assert pasted(server, "countersign connect")


def test_who_listens_everywhere_is_told_an_address_that_can_be_dialled(tmp_path):
    with Server(tmp_path / "state", listen="0.0.0.0:0") as server:
        assert server.base in server.said() and f"0.0.0.0:{server.port}" in server.said()
        assert server.credential("native-ed25519")["url"] == server.base
        done = run("connect", "--credential", server.state / "demo" / "native-ed25519.json", stdin="quit\n")
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    failed(serving(tmp_path / "file" / "state"), ENVIRONMENT, "file")
    failed(serving(tmp_path / "file"), ENVIRONMENT, "file")


def test_a_configuration_that_is_wrong_starts_nothing(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text("[listen]\nadress = 1\n")
    failed(serving(tmp_path / "state", "--config", config), USAGE, "adress")
    assert not (tmp_path / "state").exists()
