"""A gateway that is told to end while an order is under way at each of its doors: every client gets its answer first."""

import contextlib
import signal

from harness.doors import Doors
from harness.recorded import recorded
from harness.server import Server
from harness.upgrade import VenueWithFix
from harness.waiting import until

CONFIGURATION = """
[limits]
drain_deadline = "20s"
upstream_response_timeout = "60s"

[fix]
enabled = true

[authz]
address = "127.0.0.1:0"
envoy_bodies = "passed-on"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
fix = "127.0.0.1:{fix}"
"""


def test_an_order_under_way_at_each_door_is_answered_before_the_end(tmp_path):
    state, config = tmp_path / "state", tmp_path / "gateway.toml"
    with Server(state) as keys:
        pass
    keys.stderr_path.unlink()
    with contextlib.ExitStack() as opened:
        venue = VenueWithFix(state / "jwks.json")
        opened.callback(venue.stop)
        config.write_text(CONFIGURATION.format(venue=venue.port, fix=venue.fix))
        server = opened.enter_context(Server(state, config=config))
        doors = Doors(server, tmp_path, opened)

        def all_pass():
            doors.send()
            return doors.passed() == Doors.EVERY

        until(all_pass)
        # The venue takes what comes and answers nothing, until the gateway ends.
        venue.process.send_signal(signal.SIGSTOP)
        try:
            doors.send()
            until(lambda: orders(state) + refusals(state) == doors.count * len(Doors.EVERY))
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "stopping: no new connections" in server.said())
            assert server.process.poll() is None, "it waits for the answers"
        finally:
            venue.process.send_signal(signal.SIGCONT)
        # FIX is told at once that the node leaves; its session goes on behind the next Logon, with what it has missed.
        told = doors.log_out()
        passed = doors.passed("fix")
        # One that stood still for a second has no halts to go by, and refuses.
        assert passed == Doors.EVERY - {"fix"} or refusals(state), passed
        doors.close()
        assert server.process.wait(60) == 0
        if f"fix-{doors.count}" not in told and not refusals(state):
            server.start()
            doors.log_on_again()
            assert doors.reported(f"fix-{doors.count}")


def refusals(state):
    """How many it has refused."""
    return len(recorded(state, "refuse"))


def orders(state):
    """How many orders the gateway has let through, by its record."""
    return sum("order" in record["route"].lower() for record in recorded(state, "accept"))
