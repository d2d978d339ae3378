"""Whoever is refused again and again on one connection does not get to fill the disk with records of it."""

import pytest

from harness.raw import Closed, Connection, request
from harness.server import Server

REFUSALS_PER_MINUTE_MAX = 600


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("flooded") / "state") as server:
        yield server


def test_a_flood_of_refusals_ends_the_connection_and_is_recorded_up_to_a_bound(flooded):
    one = request(flooded, "GET", "/flooded")
    answered = 0
    with Connection(flooded) as connection:
        try:
            for _ in range(2 * REFUSALS_PER_MINUTE_MAX):
                connection.send(one)
                assert connection.answer().status == 404
                answered += 1
        except (Closed, OSError):
            pass
    # Twice the bound where the minute turns in between.
    assert REFUSALS_PER_MINUTE_MAX - 1 <= answered < 2 * REFUSALS_PER_MINUTE_MAX
    assert Connection(flooded).send(one) is None
    flooded.stop()
    recorded = sum(path.read_text().count('"/flooded"') for path in (flooded.state / "audit").glob("*.jsonl"))
    assert 0 < recorded <= answered + 1
