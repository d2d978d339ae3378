"""Three nodes, and an operator at one of them: what is said there reaches the sessions of every node.

How a halt itself reaches the others is in test_cluster_faults.py.
"""

import http.server
import json
import threading
import time

import pytest

from harness.binance import ORDER, Key
from harness.cluster import Client, Wire
from harness.fix import limit_order
from harness.fix_cluster import KEEPS, SYMBOL, FixNodes
from harness.operators import known_to_all
from harness.recorded import recorded
from harness.server import Server, run
from harness.tokens import DpopKey, TokenClient
from harness.upgrade import VenueWithFix
from harness.waiting import until

ISSUER = "https://127.0.0.1:9999"
TICKER = "/native/v1/ticker?sym=BTCUSDT"


class Operators(FixNodes):
    """In front of a paper venue that answers native sessions and FIX."""

    def __init__(self, folder):
        # The venue trusts keys that the first node makes, and has other addresses than its doors.
        self.http_door, self.fix_door, self.paper = Wire(1), Wire(1), None
        super().__init__(folder, self.fix_door.port, f'\n[tokens]\nissuer = ["{ISSUER}"]\n')
        self.configuration = self.configuration.replace("{venue}", str(self.http_door.port))

    def __enter__(self):
        super().__enter__()
        try:
            self.paper = VenueWithFix(self.nodes[0].state / "jwks.json")
            self.http_door.lead_to(self.paper.port)
            self.fix_door.lead_to(self.paper.fix)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.http_door.close()
        self.fix_door.close()
        if self.paper:
            self.paper.stop()
        super().__exit__()

    def native_key(self, account):
        """A credential file that all nodes know."""
        first, file = self.nodes[0], self.folder / f"{account}.json"
        first.command("account", "new", account)
        scopes = "order:write,order:read,md:read"
        first.command("key", "new", "--account", account, "--purpose", "native", "--kind", "Ed25519", "--scopes", scopes, "--out", file)
        known_to_all(self.nodes)
        return file

    def opened(self, node, key):
        """A native session, and its name."""
        before = {session["sid"] for session in sessions(node)}
        client = Client(node.server.port, key)
        client.ask({"op": "ticker", "sym": "BTCUSDT", "id": "first"})
        (sid,) = [session["sid"] for session in sessions(node) if session["sid"] not in before and session["node"] == node.name]
        return client, sid


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Operators(tmp_path_factory.mktemp("operators")) as cluster:
        yield cluster


@pytest.fixture
def name(request):
    """An account for each test: halts stay."""
    return request.node.name.replace("_", "-")[5:45].strip("-")


def sessions(node):
    return json.loads(node.command("session", "list", "--json"))


def refused(node, *words):
    done = run(*words, "--state", node.state)
    assert done.returncode != 0, done.stdout
    return done.stderr


def order(number):
    return {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": str(1000 + number), "id": f"o{number}"}


def resting(client, name):
    return len(client.ask({"op": "order.list", "id": name})["orders"])


def rests(client, name):
    """An order over FIX. The venue tells each session of an account of the others' orders, too."""
    client.send("D", limit_order(name, symbol=SYMBOL))
    while (report := client.expect("8")).get(11) != name.encode():
        pass
    assert report.get(39) == b"0", report


def status_of(client, name):
    """OrdStatus of an order; the halt and reports of what happened come first."""
    client.send("H", [(11, name), (55, SYMBOL), (54, "1")])
    while (message := client.read()).get(150) not in (b"I", b"8"):
        pass
    return message.get(39).decode()


def halted(node, scope, *more):
    return json.loads(node.command("halt", "--scope", scope, "--reason", "runaway", "--json", *more))["id"]


def line(node, halt):
    """What a node says of the resting orders of a halt."""
    lines = json.loads(node.command("halt", "status", "--json"))["halts"]
    return next((line["cancel"] for line in lines if line["id"] == halt and line.get("cancel")), {})


def done(node, halt):
    return until(lambda: (found := line(node, halt)).get("done") and found)


def test_a_halt_of_a_session_cancels_at_the_node_that_has_it(cluster, name):
    first, second, third = cluster.nodes
    client, sid = cluster.opened(first, cluster.native_key(name))
    with client:
        for number in range(3):
            assert client.ask(order(number))["ok"]
        halt = halted(second, f"session:{sid}", "--cancel")
        counts = done(second, halt)
        assert (counts["asked"], counts["confirmed"], counts["orders"], counts["unconfirmed"]) == (1, 1, 3, 0), counts
        assert resting(client, "after") == 0
        assert done(third, halt) == counts and done(first, halt) == counts, "the same at every node"
        first.restart()
        assert done(first, halt) == counts, "it does not come back"


def test_a_halt_of_an_account_cancels_in_its_fix_sessions_at_every_node(cluster, name):
    first, second, third = cluster.nodes
    key = cluster.new_key(name)
    with cluster.log_on(first, "DESK-A", KEEPS, key=key) as at_first, cluster.log_on(third, "DESK-C", KEEPS, key=key) as at_third:
        rests(at_first, "rests-a")
        rests(at_third, "rests-c")
        counts = done(second, halted(second, f"account:{name}", "--cancel"))
        assert counts["orders"] == 2 and counts["unconfirmed"] == 0 and counts["confirmed"] == counts["asked"], counts
        assert [status_of(at_first, "rests-a"), status_of(at_third, "rests-c")] == ["4", "4"]


def test_where_nobody_is_found_it_is_told_that_orders_may_rest(cluster):
    second = cluster.nodes[1]
    halt = halted(second, "key:nobody-has-it", "--cancel")
    assert done(second, halt)["asked"] == 0
    assert "nobody found: orders may rest" in second.command("halt", "status")


def test_a_node_that_is_cut_off_has_not_answered_and_does_when_it_is_back(cluster, name):
    first, second, _ = cluster.nodes
    client, sid = cluster.opened(first, cluster.native_key(name))
    with client:
        assert client.ask(order(1))["ok"]
        first.cut()
        try:
            halt = halted(second, f"session:{sid}", "--cancel")
            until(lambda: line(second, halt).get("silent") == ["a"])
            assert not line(second, halt)["done"] and "node a: has NOT answered" in second.command("halt", "status")
        finally:
            first.mend()
        assert done(second, halt)["orders"] == 1 and resting(client, "after") == 0


def test_a_cancel_that_is_said_while_the_database_is_away_reaches_every_node_when_it_is_back(cluster, name):
    first, second, third = cluster.nodes
    client, sid = cluster.opened(first, cluster.native_key(name))
    with client:
        assert client.ask(order(1))["ok"]
        second.cut()
        try:
            began = time.monotonic()
            halt = halted(second, f"session:{sid}", "--cancel")
            until(lambda: line(second, halt).get("untold"))
            assert "NOT told yet" in second.command("halt", "status") and not line(second, halt)["done"]
            # Longer than nodes have to turn up in.
            until(lambda: time.monotonic() > began + 6)
        finally:
            second.mend()
        counts = done(second, halt)
        assert (counts["orders"], counts["unconfirmed"]) == (1, 0) and resting(client, "after") == 0, counts
        assert "untold" not in counts and done(third, halt) == counts


def test_a_node_that_was_started_again_before_it_answered_is_not_waited_for(cluster, name):
    first, second, _ = cluster.nodes
    client, _ = cluster.opened(first, cluster.native_key(name))
    with client:
        first.cut()
        try:
            halt = halted(second, "key:nobody-has-this-one", "--cancel")
            until(lambda: line(second, halt).get("silent") == ["a"])
            first.server.kill()
        finally:
            first.mend()
            first.server.start()
    counts = done(second, halt)
    assert counts["unconfirmed"] == 1 and "started again" in counts["faults"][0]["why"], counts


def test_a_call_that_cannot_be_read_hides_no_other(cluster, name):
    first, second, _ = cluster.nodes
    sql = lambda text: cluster.postgres.sql("cluster", text)
    columns, values = "number, halt, scope, by, node, run, at", "coalesce(max(number), 0) + 1, 'H-000000000000', 'planet:mars', 'x', 'c', 'gone', 0"
    sql(f"INSERT INTO halt_cancels ({columns}) SELECT {values} FROM halt_cancels")
    number = sql("SELECT number FROM halt_cancels WHERE run = 'gone'")
    client, sid = cluster.opened(first, cluster.native_key(name))
    with client:
        assert client.ask(order(1))["ok"]
        counts = done(second, halted(second, f"session:{sid}", "--cancel"))
        assert (counts["orders"], counts["unconfirmed"]) == (1, 0), counts
    until(lambda: sql(f"SELECT count(DISTINCT node) FROM halt_cancel_answers WHERE number = {number} AND record LIKE '%nobody was asked%'") == "3")


def test_every_node_lists_the_sessions_of_all_and_any_ends_them(cluster, name):
    first, second, third = cluster.nodes
    client, sid = cluster.opened(first, cluster.native_key(name))
    fix_key = cluster.new_key(f"{name}-f")
    with client, cluster.log_on(third, "LISTED", KEEPS, key=fix_key) as fix:
        until(lambda: {one["account"] for one in sessions(second)} >= {name, f"{name}-f"})
        listed = {one["account"]: one for one in sessions(second)}
        native, over_fix = listed[name], listed[f"{name}-f"]
        assert (native["sid"], native["node"], native["carriage"]) == (sid, "a", "raw"), native
        assert (over_fix["node"], over_fix["fix"]["sender"]) == ("c", "LISTED"), over_fix
        assert json.loads(second.command("session", "show", sid, "--json")) == native
        assert "node a" in second.command("session", "kill", sid)
        client.until(lambda frame: frame.get("err", {}).get("code") == "session.expired" or "bye" in frame)
        assert "node c" in second.command("session", "kill", over_fix["sid"])
        assert b"operator" in fix.expect("5").get(58)
    until(lambda: not {name, f"{name}-f"} & {one["account"] for one in sessions(second)})
    assert "there is no session" in refused(second, "session", "kill", sid)
    assert "there is no session" in refused(second, "session", "kill", "AAAAAAAAAAAAAAAAAAAAAA")
    ended = until(lambda: [record for record in recorded(first.state, "session_end") if record.get("session") == sid])
    assert ended[0]["detail"] == "ended by an operator"


def test_a_session_whose_tokens_are_revoked_ends_at_whichever_node_it_is(cluster, name):
    first, second, _ = cluster.nodes
    client, sid = cluster.opened(first, cluster.native_key(name))
    with client:
        # The record of a session is a moment behind; until it is there, the second node calls it nobody's (and revokes it all the same).
        until(lambda: sid in {one["sid"] for one in sessions(second)})
        second.command("token", "revoke", sid)
        client.until(lambda frame: frame.get("err", {}).get("code") == "session.expired" or "bye" in frame)


class AtNode(TokenClient):
    """A client of the tokens of a cluster, which have one issuer, at one of its nodes."""

    def fetch_with(self, assertion, scope="md:read"):
        asserts = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": assertion}
        return self.post(headers=self.proof(), grant_type="client_credentials", scope=scope, **asserts)

    def refreshed(self, token):
        return self.post(headers=self.proof(), grant_type="refresh_token", refresh_token=token)

    def status(self, token):
        return self.get(TICKER, token).status_code


def test_tokens_of_one_node_are_those_of_all(cluster, name):
    record, key = json.loads(cluster.native_key(name).read_text()), DpopKey()
    first, second, third = clients = [AtNode(node.server, record=record, key=key) for node in cluster.nodes]
    assertion = first.assertion(aud=ISSUER)
    given = first.fetch_with(assertion, "md:read offline_access")
    assert given.status_code == 200, given.text
    given = given.json()
    assert [client.status(given["access_token"]) for client in clients] == [200, 200, 200]
    assert second.fetch_with(assertion).status_code in (400, 401), "what was shown at one node is not taken at another"
    once = second.refreshed(given["refresh_token"]).json()
    again = first.refreshed(once["refresh_token"]).json()
    assert [client.status(again["access_token"]) for client in clients] == [200, 200, 200]
    assert third.refreshed(given["refresh_token"]).json()["error"] == "invalid_grant", "it was used twice"
    for client in clients:
        until(lambda client=client: client.status(again["access_token"]) == 401)
    assert second.refreshed(again["refresh_token"]).json()["error"] == "invalid_grant"


class Venue(http.server.ThreadingHTTPServer):
    """Answers an order when it is told to, and knows when what was asked."""

    def __init__(self):
        self.slow, self.answer, self.log = False, threading.Event(), []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.server.slow:
                self.server.log.append("order")
                self.server.answer.wait(60)
                self.server.log.append("answered")
            self.reply()

        def do_GET(self):
            self.server.log.append("asked")
            self.reply()

        def reply(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass


def test_venues_are_asked_behind_the_answer_of_an_order_of_before(tmp_path):
    import httpx

    venue = Venue()
    config = tmp_path / "node.toml"
    config.write_text(f'[limits]\nupstream_response_timeout = "60s"\n\n[upstream.venue]\nurl = "http://127.0.0.1:{venue.server_port}"\n')
    with Server(tmp_path / "state", config=config) as server:
        credential = server.credential("binance-hmac")
        key = Key(credential)
        until(lambda: key.ask(server, "POST", "/api/v3/order", **ORDER).status == 200)
        venue.slow = True
        target = "/api/v3/order?" + key.signed(**ORDER, recvWindow=60_000, newClientOrderId="h2")
        with httpx.Client(http2=True, verify=server.ca, timeout=60) as client:
            ask = lambda: client.post(f"https://localhost:{server.port}{target}", headers={"X-MBX-APIKEY": credential["api_key"]})
            asking = threading.Thread(target=ask)
            asking.start()
            until(lambda: "order" in venue.log)
            words = ("halt", "--reason", "runaway", "--cancel", "--json", "--state", server.state)
            said = run(*words)
            assert said.returncode == 0 and json.loads(said.stdout)["barrier_us"] is None, said.stdout + said.stderr
            status = lambda *more: run("halt", "status", *more, "--state", server.state).stdout
            assert "waits for requests of before" in status() and "asked" not in venue.log
            # The command itself waits two seconds for the barrier.
            assert run(*words).returncode == 0, "said again, it waits again"
            assert "asked" not in venue.log
            venue.answer.set()
            asking.join()
        until(lambda: json.loads(status("--json"))["halts"][0]["cancel"]["done"])
    asked = venue.log.index("asked")
    assert venue.log[:asked] == ["order", "answered"], venue.log
    venue.shutdown()
