"""A standby of the database is promoted that never got the last commits: a lift, a halt, a call to cancel.

```text
  primary   halt 1 ─ lift 2 ─ halt 3 ╳              nodes know all three
  standby   halt 1                   └ promoted ─▶ 2, 3: numbers that the nodes have heard, for other halts
```

Each node reads all, and no number that it knows hides what is behind it. A halt that was lost is committed again, a lift that was lost is none.
"""

import contextlib
import json
import threading
import time

import pytest

from harness.flow import Flow, new_key, places
from harness.postgres import Postgres
from harness.server import run
from harness.three import CONFIGURATION, Cluster
from harness.waiting import until


class WithOperator(Cluster):
    """Of whom one is enough to lift."""

    def __init__(self, folder):
        super().__init__(folder)
        self.operator_key = self.folder / "alice.pem"
        made = run("operator", "new", "alice", "--out", self.operator_key)
        assert made.returncode == 0, made.stderr
        self.configuration = f"{CONFIGURATION}\n[halt]\nquorum = 1\noperators = {json.dumps([made.stdout.strip()])}\n"

    def lift(self, node, halt):
        proposal = json.loads(node.command("lift", "propose", halt, "--reason", "all is well", "--json"))
        who = ["--operator", "alice", "--key", self.operator_key]
        node.command("lift", "sign", proposal["id"], *who, "--check", proposal["check_words"])
        node.command("lift", "apply", proposal["id"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with WithOperator(tmp_path_factory.mktemp("lost-commits")) as cluster:
        yield cluster


@contextlib.contextmanager
def falling_behind(cluster):
    """Gives what makes its standby fall behind, and what promotes it: the primary is dead then."""
    primary, standby = cluster.postgres, Postgres(cluster.postgres, waited_for=False)

    def promote():
        cluster.use(standby)
        standby.promote()

    try:
        yield lambda: standby.fall_behind(primary), promote
    finally:
        primary.close()
        cluster.use(standby)


class Trading(threading.Thread):
    """Orders of one key at one node, one after the other, until the end of the block."""

    def __init__(self, key, node):
        super().__init__()
        self.key, self.node, self.over, self.placed = key, node, threading.Event(), []

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            if places(self.key, self.node).status == 200:
                self.placed.append(began)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def halt(node, account, *more):
    return json.loads(node.command("halt", "--scope", f"account:{account}", "--action", "cancel-only", "--reason", "runaway", "--json", *more))


def status(node):
    return json.loads(node.command("halt", "status", "--json"))


def cancelling(node, halt):
    """What a node says of the resting orders of a halt."""
    return next((line["cancel"] for line in status(node)["halts"] if line["id"] == halt and line.get("cancel")), {})


def test_no_number_that_is_given_twice_hides_a_halt(cluster):
    first, second, third = cluster.nodes
    with falling_behind(cluster) as (fall_behind, promote):
        key, lifted, lost, later = (new_key(cluster) for _ in range(4))
        kept = halt(second, lifted.account)["id"]
        fall_behind()
        cluster.lift(second, kept)
        stop = halt(second, lost.account)
        assert stop["confirmed_us"] is not None, stop
        for node in cluster.nodes:
            until(lambda node=node: places(lifted, node).status == 200 and stop["id"] in node.halts())
        with contextlib.ExitStack() as running:
            forbidden = [running.enter_context(Trading(lost, node)) for node in cluster.nodes]
            before = [running.enter_context(Trading(later, node)) for node in (first, second)]
            flow = running.enter_context(Flow(cluster, key, cluster.nodes))
            cluster.postgres.stop()
            until(lambda: flow.refused)
            # The third says it, and nobody hears of it: it takes a number that the others have heard of something else.
            third.wires[1].cut()
            try:
                other = halt(third, later.account)
                assert other["epoch"] is None and other["confirmed_us"] is None, other
                promote()
                flow.goes_on()
                until(lambda: status(third)["confirmed"])
                confirmed = time.monotonic()
                for node in cluster.nodes:
                    until(lambda node=node: {kept, stop["id"], other["id"]} <= set(node.halts()))
            finally:
                third.wires[1].mend()
        assert [trading.placed for trading in forbidden] == [[], [], []], "what was halted before stays so"
        assert all(trading.placed for trading in before), "these traded"
        assert not [began for trading in before for began in trading.placed if began > confirmed], "confirmed, and an order came after"
        flow.check()
    rows = dict(row.split("|") for row in cluster.postgres.sql("cluster", "SELECT id, raised FROM halts").splitlines())
    assert {kept, stop["id"], other["id"]} <= set(rows) and len(set(rows.values())) == len(rows), rows
    assert min(int(rows[again]) for again in (stop["id"], other["id"])) <= stop["epoch"], "a number was given twice"
    for node in cluster.nodes:
        assert {places(stopped, node).status == 200 for stopped in (lifted, lost, later)} == {False}, "the lift was lost, too"
        until(lambda node=node: places(key, node).status == 200)
    first.restart()
    until(lambda: places(key, first).status == 200)
    assert {kept, stop["id"], other["id"]} <= set(first.halts()), "the store has them again"


def test_a_lift_that_was_lost_is_signed_again(cluster):
    with falling_behind(cluster) as (fall_behind, promote):
        key, lifted = new_key(cluster), new_key(cluster)
        kept = halt(cluster.nodes[1], lifted.account)["id"]
        fall_behind()
        cluster.lift(cluster.nodes[1], kept)
        for node in cluster.nodes:
            until(lambda node=node: places(lifted, node).status == 200)
        cluster.postgres.stop()
        promote()
    for node in cluster.nodes:
        until(lambda node=node: status(node)["unknown"] == "store-behind" and kept in node.halts())
        assert [places(one, node).status == 200 for one in (key, lifted)] == [False, False], "somebody is to look what was lost"
    cluster.lift(cluster.nodes[2], kept)
    for node in cluster.nodes:
        until(lambda node=node: places(key, node).status == 200)
        assert kept not in node.halts() and places(lifted, node).status == 200


def test_a_call_to_cancel_that_was_lost_with_who_said_it_is_told_as_lost(cluster):
    first, second, third = cluster.nodes
    with falling_behind(cluster) as (fall_behind, promote):
        key = new_key(cluster)
        fall_behind()
        try:
            third.cut()
            said = halt(second, key.account, "--cancel")["id"]
            until(lambda: "c" in cancelling(first, said).get("silent", []))
            second.server.kill()
            cluster.postgres.stop()
            promote()
            until(lambda: cancelling(first, said).get("lost"))
        finally:
            third.mend()
            second.restart()
        assert "LOST by the database" in first.command("halt", "status")
        for node in cluster.nodes:
            until(lambda node=node: said in node.halts())
        again = halt(first, key.account, "--cancel")
        assert again["was_in_force"] and again["id"] == said, again
        for node in cluster.nodes:
            until(lambda node=node: cancelling(node, said).get("done"))
        assert "LOST" not in first.command("halt", "status")
