"""What somebody does who can write the log's folder and has no key: every form of it is named, before the gateway starts again and after it."""

import base64
import json
import os
import re
import shutil
import struct

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.binance import Key
from harness.merkle import leaf, peaks, root
from harness.server import Server, run

FAILED, MINUTE, TEN_SECONDS, EARLY = 1, 60_000_000, 10_000_000, 4
LINK = re.compile(r'^\{"n":\d+,"prev":"[0-9a-f]{64}",("at":\d+)?')


def chained(lines, begin=1):
    """The lines from `begin` on with numbers and hashes of their own: what needs no key."""
    lines = list(lines)
    for n in range(begin, len(lines)):
        lines[n] = re.sub(r'^\{"n":\d+,"prev":"[0-9a-f]{64}"', f'{{"n":{n},"prev":"{leaf(lines[n - 1]).hex()}"', lines[n])
    return lines


class Log:
    """The folder of a log with one file."""

    def __init__(self, state):
        self.state, self.folder = state, state / "audit"
        (self.file,) = self.folder.glob("audit-*.jsonl")

    def lines(self):
        return self.file.read_text().splitlines()

    def put(self, lines):
        self.file.write_text("".join(f"{line}\n" for line in lines))

    def heads(self):
        return (self.folder / "heads.jsonl").read_text().splitlines()

    def put_heads(self, heads):
        (self.folder / "heads.jsonl").write_text("".join(f"{head}\n" for head in heads))

    def checkpoint(self, head, heads=0):
        """That of a head: all else in it needs no key."""
        before = self.lines()[: head["size"]]
        leaves = [leaf(line) for line in before]
        offset = sum(len(line) + 1 for line in before)
        day = int(self.file.stem.removeprefix("audit-"))
        checkpoint = {"head": head, "day": day, "offset": offset, "last": leaves[-1].hex(), "peaks": [peak.hex() for peak in peaks(leaves)], "heads": heads}
        (self.folder / "checkpoint.json").write_text(json.dumps(checkpoint))

    def verify(self, *arguments):
        done = run("audit", "verify", "--json", "--state", self.state, *arguments)
        assert done.returncode in (0, FAILED), done.stderr
        found = json.loads(done.stdout)
        assert found["whole"] == (done.returncode == 0)
        return found

    def words(self):
        found = self.verify()
        return [fault["fault"] for fault in found["faults"]] + found.get("gone", []) + ["unsigned log"] * found["unsigned_log"]


@pytest.fixture(scope="module")
def half_an_hour(tmp_path_factory):
    """A log of half an hour as a gateway leaves it, with the head of an early record. A gateway wrote the records; so that nobody waits, their times are
    spread and signed with its key."""
    with Server(tmp_path_factory.mktemp("long") / "state") as server:
        key = Key(server.credential("binance-hmac"))
        for _ in range(24):
            key.ask(server, "GET", "/api/v3/account")
        assert server.stop() == 0
    log = Log(server.state)
    lines = log.lines()
    last = json.loads(lines[-1])["at"]
    lines = [re.sub(r'"at":\d+', f'"at":{last - (len(lines) - n) * MINUTE}', line, count=1) for n, line in enumerate(lines)]
    log.put(chained(lines))
    signing = load_pem_private_key((server.state / "audit-key.pem").read_bytes(), None)
    known = json.loads(log.heads()[-1])["key"]
    heads = []
    for size in (EARLY, len(lines)):
        at, top = json.loads(lines[size - 1])["at"], root([leaf(line) for line in log.lines()[:size]])
        signed = b"countersign audit head v1\x00" + struct.pack(">QQ", size, at) + top
        heads.append({"size": size, "root": top.hex(), "at": at, "key": known, "sig": base64.urlsafe_b64encode(signing.sign(signed)).rstrip(b"=").decode()})
    log.put_heads([json.dumps(head) for head in heads])
    log.checkpoint(heads[-1], (log.folder / "heads.jsonl").stat().st_size)
    assert log.verify()["whole"]
    return server.state


@pytest.fixture
def log(half_an_hour, tmp_path):
    copy = tmp_path / "state"
    shutil.copytree(half_an_hour, copy, ignore=shutil.ignore_patterns("*.sock"))
    os.chmod(copy, 0o700)
    return Log(copy)


def hide(log, how):
    """Takes away what signed the end. What is left is of the first records."""
    early = json.loads(log.heads()[0])
    if how == "heads only":
        log.put_heads([json.dumps(early)])
        log.checkpoint(json.loads((log.folder / "checkpoint.json").read_text())["head"], 10_000)
    elif how == "checkpoint gone":
        log.put_heads([json.dumps(early)])
        (log.folder / "checkpoint.json").unlink()
    elif how == "old checkpoint":
        log.put_heads([json.dumps(early)])
        log.checkpoint(early)
    elif how == "old checkpoint, no heads":
        (log.folder / "heads.jsonl").unlink()
        log.checkpoint(early)
    else:
        (log.folder / "heads.jsonl").unlink()
        (log.folder / "checkpoint.json").unlink()


HIDDEN = ["checkpoint gone", "old checkpoint", "old checkpoint, no heads", "both gone"]


def forge(lines):
    """A record of another decision, and one less."""
    changed = list(lines)
    number = next(n for n, line in enumerate(changed) if n > EARLY + 4 and '"event":"accept"' in line)
    changed[number] = changed[number].replace('"event":"accept"', '"event":"refuse"')
    del changed[number - 2]
    return chained(changed, EARLY)


@pytest.mark.parametrize("how", HIDDEN)
def test_a_forged_end_is_named_and_stays_named(log, how):
    log.put(forge(log.lines()))
    hide(log, how)
    size = len(log.lines())
    words = log.words()
    first = 0 if how == "both gone" else EARLY
    assert f"unsigned: records {first} to {size - 1} are under no signed head" in " ".join(words), words
    told = run("audit", "verify", "--state", log.state).stdout
    assert "NOT WHOLE" in told and "they tell times from " in told
    # The gateway starts: it says so, records it before it signs, and signs it in.
    with Server(log.state) as server:
        Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account")
        assert server.stop() == 0
        said = server.said()
    assert "the audit log is not as it was left" in said and f"records {first} to {size - 1}, " in said, said
    for _ in range(2):
        found = log.verify()
        assert found["records_unsigned"] == 0 and not found["whole"]
        named = [fault["fault"] for fault in found["faults"]]
        assert any(f"records {first} to {size - 1}, " in fault and "were under no signed head" in fault for fault in named), named
        # And once more.
        with Server(log.state) as server:
            assert server.stop() == 0
            assert server.said().count("not as it was left") == said.count("not as it was left"), "it is found once"


@pytest.mark.parametrize("how", ["checkpoint gone", "old checkpoint", "both gone"])
def test_a_log_that_is_cut_at_any_place_is_not_whole(log, how):
    """A roll-back to what was signed, and ten seconds of forgery behind it, is all that the folder cannot tell."""
    whole = log.lines()
    hide(log, how)
    for size in range(EARLY, len(whole)):
        log.put(whole[:size])
        hidden = how == "old checkpoint" and json.loads(whole[size - 1])["at"] - json.loads(whole[min(EARLY, size - 1)])["at"] <= TEN_SECONDS
        assert bool(log.words()) != hidden, (size, log.words())


def test_a_roll_back_is_found_by_a_head_that_somebody_kept(log, tmp_path):
    kept = tmp_path / "kept.head"
    kept.write_text(log.heads()[-1])
    whole = log.lines()
    hide(log, "old checkpoint")
    log.put(whole[:EARLY])
    assert log.verify()["whole"], "nothing in the folder tells"
    found = log.verify("--head", kept)
    assert found["faults"][0]["fault"] == f"cut off: records {EARLY} to {len(whole) - 1} are gone from the end"


def test_heads_that_are_gone_are_missed_while_the_checkpoint_is_there(log):
    hide(log, "heads only")
    assert ["heads.jsonl has" in word for word in log.words()] == [True]
    with Server(log.state) as server:
        assert server.stop() == 0
        assert "signed heads are gone from heads.jsonl" in server.said()
    assert ["signed heads are gone" in word for word in log.words()] == [True]


def test_a_checkpoint_that_is_gone_is_missed_and_a_copy_has_none(log, tmp_path):
    (log.folder / "checkpoint.json").unlink()
    assert ["checkpoint.json is not there" in word for word in log.words()] == [True]
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (log.file.name, "heads.jsonl"):
        shutil.copy(log.folder / name, copy / name)
    assert run("audit", "verify", "--log", copy, "--key", log.state / "audit-key.pub.pem").returncode == 0


def test_a_command_that_signs_puts_it_on_record_first(log, tmp_path):
    log.put(forge(log.lines()))
    hide(log, "old checkpoint")
    done = run("audit", "head", "--out", tmp_path / "new.head", "--state", log.state)
    assert done.returncode == 0 and "not as it was left" in done.stderr
    assert ["were under no signed head" in word for word in log.words()] == [True]


def test_a_gateway_that_is_killed_under_load_never_looks_like_a_forger(tmp_path):
    server = Server(tmp_path / "state")
    for _ in range(3):
        server.start()
        key = Key(server.credential("binance-hmac"))
        for _ in range(20):
            key.ask(server, "GET", "/api/v3/account")
        live = run("audit", "verify", "--state", server.state)
        assert live.returncode == 0, live.stdout
        server.kill()
        assert Log(server.state).words() == []
        assert run("key", "list", "--state", server.state).returncode == 0
        assert run("account", "new", f"desk-{os.urandom(3).hex()}", "--state", server.state).returncode == 0
    with server:
        assert Log(server.state).words() == [] and "not as it was left" not in server.said()
