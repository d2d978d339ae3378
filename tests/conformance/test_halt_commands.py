"""What the commands of the shutdown say where they are misspelt, or where the surroundings are broken: whoever types them is in a hurry."""

import json
import os

import pytest

from harness.server import Server, run
from harness.waiting import until

USAGE = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("halt-commands") / "state") as server:
        yield server


@pytest.fixture
def unbroken(server):
    """The glass is whole again afterwards; the halt of before may still be there."""
    yield
    path = server.state / "HALT"
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def halts(server):
    return json.loads(run("halt", "status", "--json", "--state", server.state).stdout)["halts"]


@pytest.mark.parametrize("before", [["--reason", "runaway", "--scope", "account:a"], ["--cancel"], ["--state", "elsewhere"], ["--json"]])
def test_a_halt_that_ends_in_a_subcommand_is_not_taken_for_the_subcommand(server, before):
    """It stopped nobody, showed the status (of another folder, perhaps), and ended well."""
    done = run("halt", *before, "status", COUNTERSIGN_STATE_DIR=str(server.state))
    assert done.returncode == USAGE and before[0] in done.stderr and "status" in done.stderr, done
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("dialect:binanse", ["no dialect", '"binanse"', "binance,"]),
        ("dialect:Kraken", ["no dialect", "kraken,"]),
        ("session:abc", ['"abc"', "session list"]),
        ("account:", ["name of an account"]),
        ("desk:a", ["not a scope", "account:NAME"]),
    ],
)
def test_a_scope_that_is_not_there_is_told_by_its_name(server, scope, words):
    before = halts(server)
    done = run("halt", "--scope", scope, "--reason", "runaway", "--state", server.state)
    assert done.returncode == USAGE and all(word in done.stderr for word in words), done
    assert halts(server) == before


def test_the_glass_is_broken_where_the_words_have_no_room(server, unbroken):
    """The name of the file stops the node; a disk that is full takes no words, and that is no failure."""
    (server.state / "HALT").symlink_to("/dev/full")
    done = run("halt", "--local", "--reason", "infrastructure", "--state", server.state)
    assert done.returncode == 0 and "HALT is there" in done.stdout and "words may not be in it" in done.stderr, done
    until(lambda: [halt["scope"] for halt in halts(server)] == ["node:node-1"])


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_the_glass_is_broken_by_whatever_bears_the_name(server, unbroken, make):
    make(server.state / "HALT")
    done = run("halt", "--local", "--reason", "infrastructure", "--state", server.state)
    assert done.returncode == 0 and "HALT is there" in done.stdout, done


def test_the_glass_is_broken_in_json_too(server, unbroken):
    done = run("halt", "--local", "--reason", "infrastructure", "--json", "--state", server.state)
    assert done.returncode == 0 and json.loads(done.stdout) == {"file": str(server.state / "HALT")}, done


def test_a_gateway_whose_socket_is_gone_is_not_called_stopped(server):
    socket, aside = server.state / "operator.sock", server.state / "aside.sock"
    socket.rename(aside)
    try:
        done = run("halt", "--reason", "runaway", "--state", server.state)
    finally:
        aside.rename(socket)
    assert done.returncode == 1 and "no gateway runs" not in done.stderr, done
    assert f"process {server.process.pid}" in done.stderr and "halt --local" in done.stderr, done
