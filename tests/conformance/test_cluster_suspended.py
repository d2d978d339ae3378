"""A node that stood still for longer than its lease of halts, as a suspended machine does: what waits at its doors when it wakes passes none of them."""

import contextlib
import json
import shutil
import signal

import pytest

from harness.cluster import Wire
from harness.doors import Doors
from harness.postgres import Postgres
from harness.server import Server, run
from harness.three import SHARED_FILES
from harness.upgrade import VenueWithFix
from harness.waiting import until

CONFIGURATION = """
[cluster]
node = "{name}"
database = "{database}"

[fix]
enabled = true

[authz]
address = "127.0.0.1:0"
envoy_bodies = "passed-on"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
fix = "127.0.0.1:{fix}"
"""


@pytest.fixture
def nodes(tmp_path):
    """Two of them, in front of a paper venue that trusts their keys; it is behind doors, for it starts when the keys are there."""
    with contextlib.ExitStack() as held:
        postgres = Postgres()
        held.callback(postgres.close)
        database, wires, started = postgres.database("suspended"), [Wire(1), Wire(1)], []
        for wire in wires:
            held.callback(wire.close)
        for name in ("stands", "goes-on"):
            state, config = tmp_path / name, tmp_path / f"{name}.toml"
            if started:
                state.mkdir(mode=0o700)
                for file in SHARED_FILES:
                    shutil.copy2(started[0].state / file, state / file)
            config.write_text(CONFIGURATION.format(name=name, database=database, venue=wires[0].port, fix=wires[1].port))
            started.append(held.enter_context(Server(state, config=config)))
        venue = VenueWithFix(started[0].state / "jwks.json")
        held.callback(venue.stop)
        wires[0].lead_to(venue.port)
        wires[1].lead_to(venue.fix)
        yield started


def test_no_door_of_a_node_that_wakes_lets_an_order_pass_that_was_halted_while_it_stood_still(nodes, tmp_path):
    stands, goes_on = nodes
    with contextlib.ExitStack() as opened:
        doors = Doors(stands, tmp_path, opened)

        def all_pass():
            doors.send()
            return doors.passed() == Doors.EVERY

        until(all_pass)
        resting = until(doors.resting)
        stands.process.send_signal(signal.SIGSTOP)
        try:
            halt = ["halt", "--scope", "account:desk", "--action", "cancel-only", "--reason", "runaway", "--json", "--state", goes_on.state]
            # Confirmed when the lease of the one that is silent is over.
            until(lambda: json.loads(run(*halt).stdout)["confirmed_us"] is not None)
            doors.send()
        finally:
            stands.process.send_signal(signal.SIGCONT)
        assert doors.passed() == set()
        doors.send()
        assert doors.passed() == set(), "nor when it has read them anew"
        assert until(doors.resting) == resting, "the venue has heard of none"
