"""What whoever halts is told: that a name is nobody's, that a halt was there already, that somebody was to look again, what a drill is."""

import json

import pytest

from harness.waiting import until

pytestmark = pytest.mark.usefixtures("lifted")


@pytest.mark.parametrize("scope, what", [("account:ghost", "account"), ("key:nokey", "key"), ("node:elsewhere", "node")])
def test_a_name_that_nobody_has_does_not_look_like_success(gateway, scope, what):
    said = gateway.command("halt", "--scope", scope, "--reason", "runaway").stdout
    assert "in force" in said and "ATTENTION" in said and f"no {what}" in said
    assert [halt["scope"] for halt in json.loads(gateway.command("halt", "status", "--json").stdout)["halts"]] == [scope], "and it holds"


def test_a_name_that_somebody_has_is_passed_over_in_silence(gateway):
    assert "ATTENTION" not in gateway.command("halt", "--scope", "account:demo", "--reason", "runaway").stdout


def test_what_a_halt_that_is_covered_does_not_take_is_told(gateway):
    gateway.command("halt", "--scope", "account:demo", "--reason", "regulator", "--text", "the first", "--action", "freeze")
    said = gateway.command("halt", "--scope", "account:demo", "--reason", "runaway", "--text", "the second", "--review", "2h").stdout
    assert "covers it already" in said and "were not taken" in said
    assert "freeze, regulator" in said and "the first" in said and "no review" in said and "the second" not in said


def test_a_review_that_is_overdue_is_shown_and_counted(gateway):
    gateway.command("halt", "--scope", "key:later", "--reason", "limit", "--review", "2h")
    assert "review by" in gateway.command("halt", "status").stdout
    gateway.command("halt", "--scope", "key:now", "--reason", "limit", "--review", "1s")
    until(lambda: json.loads(gateway.command("halt", "status", "--json").stdout)["reviews_overdue"] == 1)
    assert gateway.command("halt", "status").stdout.count("OVERDUE") == 1


def test_a_drill_is_not_a_reason_to_stop_people(gateway):
    for more in ([], ["--local"]):
        refused = gateway.command("halt", "--reason", "drill", *more, code=2).stderr
        assert "drill run" in refused
    assert " drill:" not in gateway.command("halt", "--help").stdout
    assert json.loads(gateway.command("halt", "status", "--json").stdout)["halts"] == []


def test_a_lift_says_what_still_stands(gateway):
    """Whoever lifts one of two halts must not think that trading goes on."""
    one, two = gateway.halt("account:one"), gateway.halt("account:two", action="freeze")
    said = [gateway.apply(signed(gateway, halt["id"])).stdout for halt in (one, two)]
    assert "1 halt still stands:\n" in said[0] and f"  {two['id']} account:two freeze since 20" in said[0], said
    assert one["id"] not in said[0] and "no halt stands any more" in said[1], said


def test_a_lift_in_stages_says_what_it_left(gateway):
    halt = gateway.halt("account:one", action="freeze")
    said = gateway.apply(signed(gateway, halt["id"], stage="cancel-only")).stdout
    assert "1 halt still stands:" in said and "account:one cancel-only since" in said, said


def signed(gateway, halt, stage=None):
    proposal = gateway.propose(halt, stage=stage)["id"]
    for name in ("alice", "bob"):
        gateway.sign(proposal, name)
    return proposal
