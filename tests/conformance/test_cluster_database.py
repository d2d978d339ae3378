"""Two nodes with one PostgreSQL database: what one does the other knows; a server that is gone stops orders and is found again."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import sqlite3
import struct
import threading

import pytest

from harness.binance import ORDER, Key
from harness.postgres import Postgres
from harness.recorded import recorded
from harness.server import Server, run
from harness.three import SHARED_FILES
from harness.waiting import until


@pytest.fixture(scope="module")
def postgres():
    running = Postgres()
    yield running
    running.close()


class Node:
    """A gateway of a cluster."""

    def __init__(self, folder, name, database, first=None, files=SHARED_FILES):
        self.state = folder / name
        if first:
            self.state.mkdir(mode=0o700)
            for file in files:
                shutil.copy2(first.state / file, self.state / file)
        config = folder / f"{name}.toml"
        config.write_text(f'[cluster]\nnode = "{name}"\ndatabase = "{database}"\n')
        self.server = Server(self.state, config=config)

    def command(self, *arguments, code=0):
        done = run(*arguments, "--state", self.state)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}\n{self.server.said()}"
        return done.stdout

    def halts(self):
        status = json.loads(self.command("halt", "status", "--json"))
        return [halt["id"] for halt in status["halts"]], status["unknown"]

    def order(self, key):
        return key.ask(self.server, "POST", "/api/v3/order", **ORDER)

    def passes(self, key):
        return self.order(key).status == 200

    def new_key(self, account):
        """A key of an account that is made first; what `key new` prints."""
        self.command("account", "new", account)
        kind = ["--purpose", "binance", "--kind", "HS256", "--scopes", "order:write,order:read,account:read"]
        return json.loads(self.command("key", "new", "--account", account, *kind))


@pytest.fixture(scope="module")
def nodes(postgres, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    database = postgres.database("cluster")
    one = Node(folder, "east-1", database)
    with one.server:
        two = Node(folder, "east-2", database, one)
        with two.server:
            yield one, two


def test_a_key_made_at_one_node_is_known_at_the_other_and_so_is_its_end(nodes, postgres):
    one, two = nodes
    record = one.new_key("known")
    key = Key(record)
    until(lambda: two.passes(key))
    assert not (two.state / "countersign.db").exists() and not (one.state / "countersign.db").exists()
    shown = json.loads(two.command("key", "show", key.api_key, "--json"))
    assert shown["account"] == "known", "commands of a folder ask its database"
    two.command("key", "revoke", key.api_key)
    until(lambda: one.order(key).status == 401)
    assert record["secret"] not in postgres.sql("cluster", "SELECT encode(sealed_secret, 'escape') FROM credentials")


def test_a_revocation_at_one_node_is_proved_before_the_order_that_another_refused(postgres, tmp_path):
    """The log of a node has what that node decided; it has, too, that the key was revoked, from when that was so at this node."""
    database = postgres.database("proved")
    one = Node(tmp_path, "north-1", database)
    with one.server:
        two = Node(tmp_path, "north-2", database, one)
        with two.server:
            key, paused = Key(one.new_key("proved")), Key(one.new_key("paused"))
            until(lambda: one.passes(key) and one.passes(paused))
            two.command("key", "revoke", key.api_key)
            two.command("key", "suspend", paused.api_key)
            ended = {"key_revoked_here": key.api_key, "key_suspended_here": paused.api_key}

            def told(node):
                return {record["event"]: record["key_id"] for record in recorded(node.state, *ended)}

            until(lambda: told(one) == told(two) == ended)
            assert not recorded(one.state, "key_revoke", "key_suspend") and len(recorded(two.state, "key_revoke", "key_suspend")) == 2
            answer = one.order(key)
            assert answer.status == 401
            id = next(value for name, value in answer.headers if name.lower() == "countersign-correlation")
            until(lambda: any(record["correlation"] == id for record in recorded(one.state, "refuse")))
            proof = tmp_path / "proof.json"
            one.command("audit", "prove", "--revoked", key.api_key, "--before", id, "--out", proof)
            check = run("audit", "verify", "--proof", proof, "--key", one.state / "audit-key.pub.pem")
            assert check.returncode == 0 and "proved: the key was revoked before that decision" in check.stdout, check
            until(lambda: len(json.loads((one.state / "audit" / "ended-keys.json").read_text())) == 2)
    with one.server:
        until(lambda: one.order(key).status == 401)
        assert len(recorded(one.state, *ended)) == 2, "once, however often it starts"


def test_the_audit_log_of_a_node_is_fetched_at_another_and_verifies(nodes, tmp_path):
    one, two = nodes
    key = Key(one.new_key("audited"))
    until(lambda: one.passes(key))
    public = one.state / "audit-key.pub.pem"

    def fetched(folder):
        shutil.rmtree(folder, ignore_errors=True)
        two.command("audit", "fetch", "east-1", "--out", folder)
        shown = run("audit", "export", "--log", folder, "--key", key.api_key, "--event", "accept")
        assert shown.returncode == 0, shown.stderr
        return shown.stdout.count("\n") > 0

    until(lambda: fetched(tmp_path / "log"))
    one.command("audit", "head", "--out", tmp_path / "head")
    # A head is among the files when it was signed on demand; then the copy proves itself.
    until(lambda: fetched(tmp_path / "later") and (tmp_path / "later" / "heads.jsonl").exists())
    verified = run("audit", "verify", "--log", tmp_path / "later", "--key", public)
    assert verified.returncode == 0, verified.stdout
    assert "the database has no log" in run("audit", "fetch", "nobody", "--out", tmp_path / "none", "--state", two.state).stderr
    again = run("audit", "fetch", "east-1", "--out", tmp_path / "log", "--state", two.state)
    assert again.returncode == 2 and "is there already" in again.stderr, again


def test_what_an_orderly_stop_records_is_in_the_copy_too(postgres, nodes, tmp_path):
    """A node that is stopped for good never gets to copy the rest: its copy is its log, byte for byte, with the last signed head."""
    database = f"postgresql://countersign@localhost/cluster?host={postgres.folder}"
    node = Node(tmp_path, "leaves", database, nodes[0])
    with node.server:
        pass
    while "is not copied into the database" in node.server.said():
        # It gave up after its three seconds, and said so; its next start copies the rest.
        node.server.stderr_path.write_text("")
        with node.server:
            pass
    fetched = tmp_path / "fetched"
    nodes[1].command("audit", "fetch", "leaves", "--out", fetched)

    def files(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".jsonl"}

    copy = files(fetched)
    assert copy == files(node.state / "audit") and "heads.jsonl" in copy
    assert b'"event":"stop"' in b"".join(copy.values())


def test_a_halt_at_one_node_stops_the_other_within_a_moment(nodes):
    one, two = nodes
    key = Key(one.new_key("halted"))
    until(lambda: two.passes(key))
    halt = json.loads(one.command("halt", "--scope", "account:halted", "--action", "cancel-only", "--reason", "runaway", "--json"))
    assert halt["epoch"] and halt["barrier_us"] is not None
    # The lease bounds it by a second without any notice; how much sooner it is depends on the machine.
    until(lambda: halt["id"] in two.halts()[0])
    assert two.order(key).status != 200
    other = json.loads(two.command("halt", "--scope", "account:somebody-else", "--action", "deny-new", "--reason", "limit", "--json"))
    assert other["epoch"] == halt["epoch"] + 1, "one order of changes for all nodes"


def test_a_node_that_is_lost_has_to_answer_a_cancel_though_no_memory_is_shared(postgres, tmp_path):
    database = postgres.database("answering")
    one = Node(tmp_path, "south-1", database)
    with one.server:
        two = Node(tmp_path, "south-2", database, one)
        shown = lambda: json.loads(one.command("halt", "status", "--json"))
        with two.server:
            until(lambda: [line["node"] for line in shown()["nodes"]] == ["south-1", "south-2"])
            two.server.kill()
            halt = json.loads(one.command("halt", "--scope", "key:nobody-has-it", "--reason", "runaway", "--cancel", "--json"))["id"]
            cancel = lambda: next(line["cancel"] for line in shown()["halts"] if line["id"] == halt)
            until(lambda: cancel().get("silent") == ["south-2"])
            assert not cancel()["done"] and "node south-2: has NOT answered" in one.command("halt", "status")
            two.server.start()
            assert "started again" in until(lambda: cancel()["done"] and cancel())["faults"][0]["why"]


def test_a_server_that_is_gone_stops_orders_and_is_found_again(nodes, postgres):
    one, two = nodes
    key = Key(one.new_key("patient"))
    until(lambda: one.passes(key) and two.passes(key))
    postgres.stop()
    until(lambda: not one.passes(key) and not two.passes(key))
    answer = one.order(key)
    assert answer.status >= 500 and b"Invalid" not in answer.body, answer.body
    assert key.ask(one.server, "GET", "/api/v3/account").status == 200, "reads pass"
    assert one.server.process.poll() is None and two.server.process.poll() is None
    failed = run("key", "list", "--state", one.state)
    assert failed.returncode == 3 and "postgresql://" in failed.stderr, failed
    postgres.start()
    until(lambda: one.passes(key) and two.passes(key))


def test_a_server_that_hangs_is_not_waited_for(postgres, tmp_path):
    node = Node(tmp_path, "west-1", postgres.database("hangs"))
    with node.server:
        key = Key(node.new_key("waits"))
        until(lambda: node.passes(key))
        postgres.hang()
        try:
            until(lambda: not node.passes(key))
            (node.state / "HALT").write_text("the database stands still")
            until(lambda: any(halt["scope"] == "node:west-1" for halt in json.loads(node.command("halt", "status", "--json"))["halts"]))
        finally:
            postgres.hang(on=False)
        until(lambda: node.halts()[1] is None)
        assert not node.passes(key), "the break-glass holds"


#: What a server answers a startup, in PostgreSQL's protocol: nothing; AuthenticationOk and ReadyForQuery.
GREETINGS = [b"", b"R" + struct.pack(">II", 8, 0) + b"Z" + struct.pack(">I", 5) + b"I"]


class Silent:
    """A PostgreSQL that takes connections, greets them or does not, and says nothing more."""

    def __init__(self, greeting):
        self.greeting, self.asked = greeting, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.asked.append(connection)
            threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection):
        # Whoever left meanwhile is greeted in vain.
        with contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(self.greeting)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.asked:
            connection.close()


@pytest.mark.parametrize("greeting", GREETINGS, ids=["before-its-greeting", "behind-its-greeting"])
def test_a_command_does_not_wait_for_a_server_that_says_nothing(postgres, tmp_path, greeting):
    """`key revoke` beside a database that takes connections and is silent stood there for ever, without a word; so did a start."""
    node = Node(tmp_path, "north-1", postgres.database(f"silent-{len(greeting)}"))
    with node.server:
        key = node.new_key("revoked")["api_key"]
    with Server(tmp_path / "embedded") as embedded:
        pass
    with Silent(greeting) as silent:
        note = node.state / "database.json"
        url = f"postgresql://countersign@127.0.0.1:{silent.port}/silent?sslmode=disable"
        note.write_text(json.dumps({**json.loads(note.read_text()), "url": url}))
        config = tmp_path / "silent.toml"
        config.write_text(f'[cluster]\nnode = "north-1"\ndatabase = "{url}"\n')
        start = ["serve", "--state", node.state, "--config", config, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"]
        check = ["migrate", "--from", embedded.state, "--to", url, "--check"]

        def ends(command):
            done = run(*command, timeout=20)
            assert done.returncode == 3 and "did not answer in time" in done.stderr, done

        with concurrent.futures.ThreadPoolExecutor() as both:
            comparing = both.submit(ends, check)
            ends(["key", "revoke", key, "--state", node.state])
            ends(start)
            comparing.result()
        assert len(silent.asked) >= 3, "each got as far as the server"


def test_a_node_is_told_what_is_wrong_before_it_serves(postgres, nodes, tmp_path):
    def refused(config, state):
        done = run("serve", "--state", state, "--config", config, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")
        assert done.returncode == 3, done.stdout + done.stderr
        return done.stderr

    database = f"postgresql://countersign@localhost/cluster?host={postgres.folder}"
    stranger = Node(tmp_path, "stranger", database)
    assert "copy their sealing.key" in refused(tmp_path / "stranger.toml", stranger.state)
    assert not (stranger.state / "sealing.key").exists(), "a key that opens nothing is not left behind"
    copied = []
    for files, missing in [(["sealing.key"], "private CA"), (["ca.pem", "ca-key.pem"], "gateway root"), (SHARED_FILES[2:5], None)]:
        copied += files
        half = Node(tmp_path, f"half-{len(copied)}", database, nodes[0], copied)
        if missing:
            told = refused(tmp_path / f"half-{len(copied)}.toml", half.state)
            assert re.search(rf"have another {missing} \(\S+\) than \S+ \(\S+\)", told) and "copy their " in told, told
            assert 'docs/operations.md, "Set it up"' in told, told
            # As it says: the files are copied over what its first start made.
            for file in SHARED_FILES:
                shutil.copy2(nodes[0].state / file, half.state / file)
        with half.server:
            context = ssl.create_default_context(cafile=nodes[0].state / "ca.pem")
            with context.wrap_socket(socket.create_connection(("127.0.0.1", half.server.port)), server_hostname="localhost"):
                pass
    alone = tmp_path / "alone.toml"
    alone.write_text("")
    copy = tmp_path / "copy"
    shutil.copytree(nodes[0].state, copy, ignore=shutil.ignore_patterns("*.sock"))
    os.chmod(copy, 0o700)
    told = refused(alone, copy)
    assert "belongs to node east-1" in told and "postgresql://" in told


def test_a_role_that_may_not_make_tables_is_told_so_in_the_words_of_the_server(postgres, tmp_path):
    """They ended with "at line 948": of the server's own source, which an operator looks for in a file of theirs."""
    postgres.sql("postgres", "CREATE ROLE weak LOGIN")
    config, database = tmp_path / "weak.toml", postgres.database("weak").replace("countersign@", "weak@")
    postgres.sql("weak", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    config.write_text(f'[cluster]\nnode = "weak-1"\ndatabase = "{database}"\n')
    done = run("serve", "--state", tmp_path / "state", "--config", config, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0")
    assert done.returncode == 3, done
    assert done.stderr.rstrip().endswith("permission denied for schema public (SQLSTATE 42501)"), done.stderr


def settle(state):
    """What a gateway left beside its database file is taken into it, as the last one to close it does."""
    with contextlib.closing(sqlite3.connect(state / "countersign.db")) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def contents(folder):
    """Each file of a folder, byte for byte."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_check_of_a_file_of_an_older_program_leaves_it_as_it_was(postgres, tmp_path):
    database = postgres.database("unmoved")
    with Server(tmp_path / "state") as server:
        pass
    assert run("migrate", "--from", server.state, "--to", database).returncode == 0
    with contextlib.closing(sqlite3.connect(server.state / "countersign.db")) as file:
        version = file.execute("PRAGMA user_version").fetchone()[0]
        file.execute(f"PRAGMA user_version = {version - 1}")
    as_left, rows = contents(server.state), postgres.sql("unmoved", "SELECT count(*) FROM credentials")
    older = run("migrate", "--from", server.state, "--to", database, "--check")
    assert older.returncode == 3 and "of an older program" in older.stderr, older
    assert contents(server.state) == as_left and postgres.sql("unmoved", "SELECT count(*) FROM credentials") == rows


def test_migrate_copies_everything_and_the_gateway_goes_on_with_it(postgres, tmp_path):
    database = postgres.database("moved")
    state = tmp_path / "state"
    with Server(state) as server:
        key = Key(server.credential("binance-hmac"))
        until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 200)
        busy = run("migrate", "--from", state, "--to", database)
        assert busy.returncode == 3 and "in use by another gateway" in busy.stderr
    secret = run("migrate", "--from", state, "--to", "postgresql://c:hunter2@localhost/x")
    assert secret.returncode == 2 and "hunter2" not in secret.stderr, secret
    settle(state)
    as_left = contents(state)
    before = run("migrate", "--from", state, "--to", database, "--check")
    assert contents(state) == as_left and before.returncode == 3 and "no tables of ours" in before.stderr, before
    assert postgres.sql("moved", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0", "who compares writes nothing"
    moved = run("migrate", "--from", state, "--to", database, "--json")
    assert moved.returncode == 0, moved.stderr
    tables = {table["table"]: table for table in json.loads(moved.stdout)}
    assert tables["credentials"]["source_rows"] == tables["credentials"]["target_rows"] > 10
    assert all(table["differing"] == 0 for table in tables.values())
    again = run("migrate", "--from", state, "--to", database)
    assert again.returncode == 0 and "there already" in again.stdout
    as_left = contents(state)
    assert run("migrate", "--from", state, "--to", database, "--check").returncode == 0
    assert contents(state) == as_left
    # Nodes of an older program may be at work there: it is theirs to bring up to date, by a start of the newer one.
    postgres.sql("moved", "UPDATE countersign_schema SET version = version - 1")
    older = run("migrate", "--from", state, "--to", database, "--check")
    assert older.returncode == 3 and "of an older program" in older.stderr, older
    assert contents(state) == as_left, "who is refused leaves nothing behind"
    postgres.sql("moved", "UPDATE countersign_schema SET version = version + 1")
    config = tmp_path / "gateway.toml"
    config.write_text(f'[cluster]\nnode = "east-1"\ndatabase = "{database}"\n')
    with Server(state, config=config) as server:
        # The same keys; on a busy machine the lease of halts may run out now and then.
        until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 200)
        assert run("account", "new", "later", "--state", state).returncode == 0
    refused = run("migrate", "--from", state, "--to", database)
    assert refused.returncode == 3 and "holds records already" in refused.stderr
    assert "TABLE" not in refused.stdout
