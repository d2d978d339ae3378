"""The audit log cannot be edited unseen: the binary writes it, an editor changes it, the binary names what was done."""

import base64
import csv
import io
import json
import os
import shutil
import struct
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from harness.binance import ORDER, Key
from harness.limited import made_key
from harness.merkle import leaf, root, root_over
from harness.server import Server, run

FAILED, USAGE = 1, 2


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A gateway that served, revoked a key, refused it, and stopped; the ids of the decisions."""
    with Server(tmp_path_factory.mktemp("audited") / "state") as server:
        record = made_key(server, "--scopes", "order:write,order:read,account:read")
        key = Key(record)
        before = correlation(key.ask(server, "POST", "/api/v3/order", **ORDER))
        head = server.state.parent / "early.head"
        assert run("audit", "head", "--out", head, "--state", server.state).returncode == 0
        assert run("key", "tag", key.api_key, "--algo", "twap-3", "--desk", "rates, short", "--client", "=acme", "--state", server.state).returncode == 0
        key.ask(server, "GET", "/api/v3/account")
        assert run("key", "revoke", key.api_key, "--state", server.state).returncode == 0
        after = correlation(key.ask(server, "POST", "/api/v3/order", **ORDER))
        live = run("audit", "verify", "--state", server.state)
        assert live.returncode == 0, live.stdout + live.stderr
        assert server.stop() == 0
        yield {"server": server, "key": key.api_key, "before": before, "after": after, "head": head}


def correlation(answer):
    return next(value for name, value in answer.headers if "correlation" in name.lower() or "request-id" in name.lower())


@pytest.fixture
def state(story, tmp_path):
    """A copy to tamper with."""
    copy = tmp_path / "state"
    shutil.copytree(story["server"].state, copy, ignore=shutil.ignore_patterns("*.sock"))
    os.chmod(copy, 0o700)
    return copy


def logs(state):
    return sorted((state / "audit").glob("audit-*.jsonl"))


def lines(state):
    """All lines of the log, and the file that has the last one."""
    return logs(state)[-1].read_text().splitlines()


def put(state, changed):
    logs(state)[-1].write_text("".join(f"{line}\n" for line in changed))


def verify(state, *arguments):
    done = run("audit", "verify", "--json", "--state", state, *arguments)
    assert done.returncode in (0, FAILED), done.stderr
    found = json.loads(done.stdout)
    assert found["whole"] == (done.returncode == 0)
    return found


def test_a_whole_log_is_whole(state):
    found = verify(state)
    assert found["faults"] == [] and found["records_unsigned"] == 0 and found["heads_that_fit"] >= 2


def test_anybody_can_check_chain_root_and_signature(state):
    """Nothing of ours: SHA-256 and Ed25519 of a library, and the documented bytes."""
    all_lines = [line for path in logs(state) for line in path.read_text().splitlines()]
    previous = "0" * 64
    for number, line in enumerate(all_lines):
        assert (json.loads(line)["n"], json.loads(line)["prev"]) == (number, previous)
        previous = leaf(line).hex()
    key = load_pem_public_key((state / "audit-key.pub.pem").read_bytes())
    heads = [json.loads(line) for line in (state / "audit" / "heads.jsonl").read_text().splitlines()]
    assert heads[-1]["size"] == len(all_lines)
    for head in heads:
        assert root([leaf(line) for line in all_lines[: head["size"]]]).hex() == head["root"]
        signed = b"countersign audit head v1\x00" + struct.pack(">QQ", head["size"], head["at"]) + bytes.fromhex(head["root"])
        signature = base64.urlsafe_b64decode(head["sig"] + "==")
        key.verify(signature, signed)
        with pytest.raises(InvalidSignature):
            key.verify(signature, signed[:-1] + b"\x00" + b"\x01")


def test_a_changed_record_is_named(state, story):
    changed = lines(state)
    number = next(number for number, line in enumerate(changed) if story["after"] in line)
    changed[number] = changed[number].replace('"refuse"', '"accept"')
    put(state, changed)
    found = verify(state)
    assert [fault["fault"].split(":")[0] for fault in found["faults"]] == ["changed"]
    assert f"line {number + 1})" in found["faults"][0]["fault"] and found["faults"][0]["line"]["correlation"] == story["after"]
    told = run("audit", "verify", "--state", state)
    assert story["after"] in told.stdout and "NOT WHOLE" in told.stdout


def test_every_single_record_is_guarded(state):
    whole = lines(state)
    for number in range(len(whole)):
        changed = list(whole)
        changed[number] = changed[number].replace('"event":"', '"event":"x')
        put(state, changed)
        found = verify(state)
        assert any(f"record {number} " in fault["fault"] for fault in found["faults"]), (number, found)


def test_a_dropped_record_is_named(state):
    changed = lines(state)
    number = json.loads(changed.pop(3))["n"]
    put(state, changed)
    assert [fault["fault"] for fault in verify(state)["faults"]] == [f"missing: record {number} is before {logs(state)[-1].name} line 4"]


def test_moved_repeated_and_smuggled_records_are_named(state):
    whole = lines(state)
    for change, word in [
        (lambda all: all.insert(5, all.pop(3)), "moved"),
        (lambda all: all.insert(5, all[3]), "repeated"),
        (lambda all: all.insert(5, '{"at":1,"event":"accept"}'), "smuggled in"),
    ]:
        changed = list(whole)
        change(changed)
        put(state, changed)
        faults = verify(state)["faults"]
        assert [fault["fault"].split(":")[0] for fault in faults] == [word], faults


def test_a_log_that_was_cut_off_is_found_and_stays_found(state):
    changed = lines(state)
    put(state, changed[:-2])
    assert verify(state)["faults"][0]["fault"].startswith("cut off: records ")
    # The gateway starts, says so, and does not paper over the hole.
    with Server(state) as again:
        Key(again.credential("binance-hmac")).ask(again, "GET", "/api/v3/account")
    assert "the audit log is shorter than it was" in again.said()
    assert [fault["fault"].split(":")[0] for fault in verify(state)["faults"]] == ["missing"]
    assert any('"log_gap"' in line for line in lines(state))


def test_a_log_that_is_rewritten_with_all_its_hashes_does_not_fit_its_head(state, story):
    changed, previous = [], None
    for line in lines(state):
        record = json.loads(line)
        old = record["prev"]
        if story["after"] in line:
            line = line.replace('"refuse"', '"accept"')
        if previous is not None:
            line = line.replace(old, previous)
        previous = leaf(line).hex()
        changed.append(line)
    put(state, changed)
    checkpoint = json.loads((state / "audit" / "checkpoint.json").read_text())
    checkpoint["last"] = previous
    (state / "audit" / "checkpoint.json").write_text(json.dumps(checkpoint))
    faults = verify(state)["faults"]
    assert len(faults) == 1 and faults[0]["fault"].startswith("rewritten: record"), faults


def test_a_head_kept_elsewhere_finds_what_the_folder_hides(state, story):
    early = json.loads(story["head"].read_text())
    assert verify(state, "--head", story["head"])["whole"]
    put(state, lines(state)[: early["size"] - 1])
    (state / "audit" / "checkpoint.json").unlink()
    (state / "audit" / "heads.jsonl").unlink()
    found = verify(state)
    assert found["unsigned_log"] and not found["whole"]
    found = verify(state, "--head", story["head"])
    assert found["faults"][0]["fault"].startswith("cut off: record ")


def test_an_old_log_without_a_chain_shows_where_the_chain_begins(tmp_path):
    with Server(tmp_path / "state") as server:
        pass
    state = server.state
    bare = []
    for line in lines(state):
        record = json.loads(line)
        record.pop("n"), record.pop("prev")
        if record["event"] != "log_file":
            bare.append(json.dumps(record, separators=(",", ":")))
    put(state, bare)
    for name in ("heads.jsonl", "checkpoint.json", "lock"):
        (state / "audit" / name).unlink()
    with Server(state) as again:
        Key(again.credential("binance-hmac")).ask(again, "GET", "/api/v3/account")
    found = verify(state)
    assert found["whole"] and found["records_before_chain"] == len(bare) and found["begins"]["line"] == len(bare) + 1


def test_the_log_tells_when_the_gateway_ran(state):
    events = [json.loads(line)["event"] for line in lines(state)]
    assert events[:2] == ["log_file", "start"] and events[-1] == "stop"


def test_what_is_answered_is_under_a_signature_from_the_start(tmp_path):
    """Killed in the moment it was ready: the log has a beginning that somebody signed."""
    with Server(tmp_path / "state") as server:
        server.kill()
        found = verify(server.state)
        assert found["whole"] and found["records"] >= 2


def test_kill_9_leaves_a_whole_log(tmp_path):
    server = Server(tmp_path / "state")
    for _ in range(3):
        server.start()
        Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account")
        server.kill()
    with server:
        assert verify(server.state)["whole"]


def test_a_revocation_before_an_order_is_proved_without_the_log(state, story, tmp_path):
    proof = tmp_path / "proof.json"
    done = run("audit", "prove", "--revoked", story["key"], "--before", story["after"], "--out", proof, "--state", state)
    assert done.returncode == 0, done.stderr
    public = tmp_path / "key.pem"
    shutil.copy(state / "audit-key.pub.pem", public)
    shutil.rmtree(state)
    check = run("audit", "verify", "--proof", proof, "--key", public, cwd=tmp_path)
    assert check.returncode == 0 and "proved: the key was revoked before that decision" in check.stdout, check.stderr
    assert story["after"] in check.stdout and story["key"] in check.stdout
    # The same, by nothing of ours.
    evidence = json.loads(proof.read_text())
    for record in evidence["records"]:
        path = map(bytes.fromhex, record["path"])
        assert root_over(leaf(record["line"]), json.loads(record["line"])["n"], evidence["head"]["size"], path).hex() == evidence["head"]["root"]
    for old, new in [(story["after"], story["before"]), ("refuse", "accept"), (evidence["head"]["root"], "00" * 32)]:
        proof.write_text(json.dumps(evidence).replace(old, new))
        done = run("audit", "verify", "--proof", proof, "--key", public, cwd=tmp_path)
        assert done.returncode == FAILED and "proved" not in done.stdout, (old, done.stdout)


def test_of_two_keys_that_have_one_name_the_one_that_is_active_is_not_proved_to_be_revoked(tmp_path):
    """One at Binance, one at Bybit, as two venues may well have named them; what is refused before it proved anything has a name only."""
    name, public = "ONE-NAME-AT-TWO-VENUES-0", tmp_path / "state" / "audit-key.pub.pem"
    with Server(tmp_path / "state") as server:
        ids = {}
        for purpose, letter in (("bybit", "b"), ("binance", "a")):
            secret = tmp_path / purpose
            secret.write_text(letter * 40)
            options = ("--kind", "HS256", "--scopes", "order:write", "--key-id", name, "--secret", secret)
            made = run("key", "new", "--account", "demo", "--purpose", purpose, *options, "--state", server.state)
            assert made.returncode == 0, made.stderr
            shown = json.loads(run("key", "list", "--json", "--account", "demo", "--state", server.state).stdout)
            ids[purpose] = next(key["id"] for key in shown if (key["key_id"], key["purpose"]) == (name, purpose))
        forged = Key({"api_key": name, "secret": "x" * 40, "kind": "HS256"})

        def refused():
            answer = forged.ask(server, "POST", "/api/v3/order", **ORDER)
            assert answer.status == 400 and b"-1022" in answer.body
            return correlation(answer)

        def proved(id):
            proof = tmp_path / f"{id}.json"
            done = run("audit", "prove", "--revoked", name, "--before", id, "--out", proof, "--state", server.state)
            if done.returncode == FAILED:
                return done.stderr
            check = run("audit", "verify", "--proof", proof, "--key", public)
            assert check.returncode == 0, check.stderr
            return json.loads(json.loads(proof.read_text())["records"][0]["line"])["credential"]

        assert run("key", "revoke", ids["bybit"], "--state", server.state).returncode == 0
        before = refused()
        assert "different keys" in proved(before)
        assert run("key", "revoke", ids["binance"], "--state", server.state).returncode == 0
        assert proved(refused()) == ids["binance"], "the revocation of the other came first, and is not the one"
        assert "after the decision" in proved(before)


def test_what_is_not_so_is_not_proved(state, story, tmp_path):
    done = run("audit", "prove", "--revoked", story["key"], "--before", story["before"], "--state", state)
    assert done.returncode == FAILED and "after the decision" in done.stderr and not done.stdout
    done = run("audit", "prove", "--revoked", "nobody", "--before", story["after"], "--state", state)
    assert done.returncode == FAILED and "no record" in done.stderr
    changed = lines(state)
    changed[2] = changed[2].replace('"at":1', '"at":2')
    put(state, changed)
    done = run("audit", "prove", "--decision", story["after"], "--state", state)
    assert done.returncode == FAILED and "audit verify" in done.stderr


def test_a_later_log_is_proved_to_begin_with_an_earlier_one(state, story, tmp_path):
    proof = tmp_path / "proof.json"
    done = run("audit", "prove", "--grown-from", story["head"], "--out", proof, "--state", state)
    assert done.returncode == 0, done.stderr
    check = run("audit", "verify", "--proof", proof, "--key", state / "audit-key.pub.pem", cwd=tmp_path)
    assert check.returncode == 0 and "begins with the whole log" in check.stdout


def test_the_export_has_identity_key_tags_and_exact_times(state, story):
    done = run("audit", "export", "--key", story["key"], "--state", state)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    events = [record["event"] for record in records]
    assert events[0] == "key_new" and "key_tags" in events and [event for event in events if event != "key_revoked_here"][-2:] == ["key_revoke", "refuse"]
    first, later = [record for record in records if record["event"] == "accept"]
    assert first["tags"] == {} and later["tags"] == {"algo": "twap-3", "desk": "rates, short", "client": "=acme"}
    assert first["account"] == "demo" and first["key_id"] == story["key"] and first["credential"]
    seconds, micros = divmod(first["at"], 1_000_000)
    assert first["time"].endswith(f".{micros:06d}Z") and seconds > 1_700_000_000
    done = run("audit", "export", "--format", "csv", "--key", story["key"], "--event", "accept", "--state", state)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert len(rows) == 2 and rows[1]["desk"] == "rates, short" and rows[1]["client"] == "'=acme" and rows[1]["algo"] == "twap-3"
    assert {row["hash"] for row in rows} <= {leaf(line).hex() for line in lines(state)}


def test_a_lost_key_is_missed(state):
    (state / "audit-key.pem").unlink()
    done = run("serve", "--state", state, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", timeout=30)
    assert done.returncode == 3 and "audit-key.pem is missing" in done.stderr


def test_another_key_proves_nothing(state, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    other = tmp_path / "other.pem"
    other.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    found = verify(state, "--key", other)
    assert not found["whole"] and found["bad_heads"] and found["unsigned_log"]
    assert run("audit", "verify", "--log", Path(state) / "audit", "--state", state).returncode == USAGE
    assert run("audit", "verify", "--log", Path(state) / "audit", "--key", Path(state) / "audit-key.pub.pem").returncode == 0
