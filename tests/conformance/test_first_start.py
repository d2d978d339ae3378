"""A first start on a disk without room: one sentence, and the next start finishes what this one began."""

import subprocess

import pytest

from harness.binance import Key
from harness.server import BINARY, Server, environment, run
from test_cli import ENVIRONMENT
from test_starts import all_keys, serving


def start_without_room(state, kibibytes):
    """No file may be longer. A limit of the process needs no privilege and no mount; writes fail as they do on a full disk."""
    limited = f"trap '' XFSZ; ulimit -f {kibibytes} && exec \"$0\" \"$@\""
    return subprocess.run(
        ["bash", "-c", limited, str(BINARY), *map(str, serving(state))], capture_output=True, text=True, timeout=120, env=environment()
    )


@pytest.mark.parametrize("kibibytes", [0, 1, 4, 100, 130, 180])
def test_a_first_start_without_room_says_so_and_the_next_one_is_whole(tmp_path, kibibytes):
    """Without room for the lock, a certificate, the first page of the database, all of its tables, and keys of the demo account."""
    state = tmp_path / "state"
    done = start_without_room(state, kibibytes)
    said = [line for line in done.stderr.splitlines() if line.startswith("countersign:")]
    assert done.returncode == ENVIRONMENT and "ready:" not in done.stdout, done
    assert len(said) == 1 and str(state) in said[0] and "panicked" not in done.stderr, done.stderr
    assert not [path for path in state.rglob("*") if ".tmp" in path.name], "what is whole has its name, and nothing else has"
    with Server(state) as server:
        made = [path for path in (state / "demo").iterdir() if path.suffix != ".py"]
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
        assert len([key for key in all_keys(state) if key["state"] == "active"]) == len(made)
    assert run("audit", "verify", "--state", state).returncode == 0


TRACES = ["audit", "demo", "jwks.json"]


@pytest.mark.parametrize("trace", TRACES)
def test_an_empty_database_in_a_folder_that_was_in_use_is_lost_all_the_same(tmp_path, trace):
    state = tmp_path / "state"
    with Server(state):
        pass
    for file in state.glob("countersign.db*"):
        file.write_bytes(b"") if file.name == "countersign.db" else file.unlink()
    for other in TRACES:
        if other != trace:
            (state / other).rename(tmp_path / other)
    done = run(*serving(state))
    assert done.returncode == ENVIRONMENT and "is empty; restore it from a backup" in done.stderr, done.stderr
