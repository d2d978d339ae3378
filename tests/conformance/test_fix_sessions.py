"""What an operator, a halt and a lost connection do to FIX sessions: listed, ended, told, and their orders cancelled as agreed."""

import hashlib
import json

import pytest

from harness.engine import Engine
from harness.fix import FixClient, binance_logon, coinbase_logon, deribit_logon, kraken_logon, limit_order, sending_time, value
from harness.ports import kept_port
from harness.server import Server, run
from harness.tls_tunnel import TlsTunnel
from harness.waiting import until

pytestmark = pytest.mark.usefixtures("lifted")


def sessions(gateway):
    return json.loads(gateway.command("session", "list", "--json").stdout)


def of(gateway, sender):
    return next((session for session in sessions(gateway) if (session.get("fix") or {}).get("sender") == sender), None)


def cancelled(gateway, sid):
    """The record of what became of a session's orders, once it is there."""
    return until(lambda: next((record for record in gateway.records("cancel_on_disconnect") if record.get("session") == sid), None))


def deribit(gateway, sender, more=(), **options):
    client = FixClient(gateway.server, sender, "DERIBITSERVER")
    deribit_logon(client, gateway.server.credential("deribit-hmac"), more=more, **options)
    return client


def coinbase(gateway, sender, more=()):
    credential = gateway.server.credential("coinbase-exchange")
    client = FixClient(gateway.server, sender, "Coinbase", version="FIXT.1.1")
    coinbase_logon(client, credential, [(553, credential["api_key"]), (1137, "9"), *more])
    return client


def kraken(gateway, sender, more=()):
    client = FixClient(gateway.server, sender, "KRAKEN-TRD")
    kraken_logon(client, gateway.server.credential("kraken"), more=more)
    return client


def order_state(client, name, symbol):
    """OrdStatus of an order, as the venue has it now."""
    client.send("H", [(11, name), (55, symbol), (54, "1")])
    while True:
        report = next_of(client, "8")
        # Reports of what happened while nobody was there come first.
        if value(report, 150) in ("I", "8"):
            return value(report, 39)


def lose(gateway, client, sender):
    """Closes the socket without a Logout; the session's name for operators."""
    sid = of(gateway, sender)["sid"]
    client.close()
    until(lambda: of(gateway, sender) is None)
    return sid


# Cancel on disconnect.

VENUES = {
    # venue: log on, symbol, the field that cancels, the one that keeps
    "deribit": (deribit, "BTC_USDT", (9001, "Y"), (9001, "N")),
    "coinbase-session": (coinbase, "BTC-USDT", (8013, "S"), None),
    "coinbase-account": (coinbase, "BTC-USDT", (8013, "Y"), None),
    "kraken": (kraken, "BTC/USDT", (8674, "0"), (8674, "1")),
}


@pytest.mark.parametrize("venue", VENUES)
def test_a_lost_session_takes_its_orders_with_it_where_the_logon_says_so(gateway, venue):
    log_on, symbol, cancels, keeps = VENUES[venue]
    sender, name = f"COD-{venue}", f"cod-{venue}"
    client = log_on(gateway, sender, [cancels])
    answer = client.expect("A")
    assert value(answer, cancels[0]) == cancels[1], "the answer says what was agreed"
    client.send("D", limit_order(name, symbol=symbol))
    client.expect("8", t39="0", t11=name)
    record = cancelled(gateway, lose(gateway, client, sender))
    scope = "account" if venue == "coinbase-account" else "session"
    assert f"orders cancelled, scope {scope}: session lost" in record["detail"]
    assert int(record["detail"].split()[0]) >= 1
    with log_on(gateway, sender, [keeps] if keeps else []) as again:
        echo = again.expect("A")
        assert value(echo, cancels[0]) == (keeps[1] if keeps else None)
        assert order_state(again, name, symbol) == "4"
        # Now it is to stay: lost or not.
        again.send("D", limit_order(f"{name}-kept", symbol=symbol))
        again.expect("8", t39="0", t11=f"{name}-kept")
        sid = lose(gateway, again, sender)
    with log_on(gateway, sender, [keeps] if keeps else []) as last:
        last.expect("A")
        assert order_state(last, f"{name}-kept", symbol) == "0", "it rests"
        last.send("F", [(11, f"{name}-off"), (41, f"{name}-kept"), (55, symbol), (54, "1"), (60, sending_time())])
        last.expect("8", t39="4")
        last.logout()
    assert not [record for record in gateway.records("cancel_on_disconnect") if record.get("session") == sid]


def test_orders_of_another_session_of_the_account_stay(gateway):
    with deribit(gateway, "STAYS") as stays:
        stays.expect("A")
        stays.send("D", limit_order("stays", symbol="BTC_USDT"))
        stays.expect("8", t39="0")
        goes = deribit(gateway, "GOES", [(9001, "Y")])
        goes.expect("A")
        goes.send("D", limit_order("goes", symbol="BTC_USDT"))
        goes.expect("8", t11="goes", t39="0")
        record = cancelled(gateway, lose(gateway, goes, "GOES"))
        assert record["detail"].startswith("1 orders cancelled")
        assert order_state(stays, "stays", "BTC_USDT") == "0"
        stays.send("F", [(11, "stays-off"), (41, "stays"), (55, "BTC_USDT"), (54, "1"), (60, sending_time())])
        while value(stays.expect("8"), 11) != "stays-off":
            pass


@pytest.mark.parametrize("logout, state", [([], "4"), ([(9003, "Y")], "0")])
def test_at_deribit_a_logout_cancels_too_unless_it_says_otherwise(gateway, logout, state):
    sender = f"BYE{len(logout)}"
    client = deribit(gateway, sender, [(9001, "Y")])
    client.expect("A")
    client.send("D", limit_order(sender, symbol="BTC_USDT"))
    client.expect("8", t39="0")
    client.send("5", logout)
    client.expect("5")
    client.close()
    until(lambda: of(gateway, sender) is None)
    with deribit(gateway, sender) as again:
        again.expect("A")
        assert order_state(again, sender, "BTC_USDT") == state
        again.send("q", [(11, f"{sender}-all"), (530, "7"), (60, sending_time())])
        while again.read().get(35) != b"r":
            pass


def test_a_value_that_the_venue_does_not_know_is_refused(gateway):
    with deribit(gateway, "WRONG", [(9001, "maybe")]) as client:
        client.expect("5")
        assert client.read() is None


def test_unmodified_quickfix_loses_its_orders_with_its_connection(gateway, tmp_path):
    def engine(tunnel, more):
        path = tmp_path / "credential.json"
        path.write_text(json.dumps({**gateway.server.credential("deribit-hmac"), "logon": more}))
        return Engine("initiator", tmp_path / "engine", "FIX.4.4", "QFCOD", "DERIBITSERVER", tunnel.port, path)

    def order(name):
        return [[35, "D"], *([tag, str(field)] for tag, field in limit_order(name, symbol="BTC_USDT"))]

    with TlsTunnel(gateway.server) as tunnel:
        with engine(tunnel, [[9001, "Y"]]) as first:
            first.wait("logon")
            first.send(order("qf-goes"))
            first.wait("app", "8", t11="qf-goes", t39="0")
            sid = of(gateway, "QFCOD")["sid"]
            first.kill()
        assert cancelled(gateway, sid)["detail"].startswith("1 orders cancelled, scope session")
        until(lambda: of(gateway, "QFCOD") is None)
        with engine(tunnel, []) as second:
            second.wait("logon")
            # The report of what happened to it waited at the venue. The question that the gateway asked is not the client's.
            second.wait("app", "8", t11="qf-goes", t39="4")
            second.send(order("qf-stays"))
            second.wait("app", "8", t11="qf-stays", t39="0")
            assert not second.told("app", "r")
            second.kill()
        until(lambda: of(gateway, "QFCOD") is None)
        with engine(tunnel, []) as third:
            third.wait("logon")
            third.send([[35, "F"], [11, "qf-off"], [41, "qf-stays"], [55, "BTC_USDT"], [54, "1"], [60, sending_time()]])
            third.wait("app", "8", t11="qf-off", t39="4")
            third.stop()


@pytest.fixture
def port():
    with kept_port() as port:
        yield port


def test_a_quickfix_acceptor_is_asked_in_its_own_words(tmp_path, port):
    config = tmp_path / "gateway.toml"
    config.write_text(f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
    server = Server(tmp_path / "state", config=config).start()
    acceptor = Engine("acceptor", tmp_path / "acceptor", "FIX.4.4", "VENUE", "FIRM", port)
    try:
        acceptor.wait("started")
        client = FixClient(server, "FIRM", "DERIBITSERVER")
        deribit_logon(client, server.credential("deribit-hmac"), more=[(9001, "Y")])
        client.expect("A", t9001="Y")
        client.send("D", limit_order("through"))
        client.expect("8", t11="through")
        numbers = client.next_out
        client.close()
        asked = acceptor.wait("app", "q")
        assert (asked["530"], asked["20003"]) == ("7", "session") and asked["11"].startswith("countersign-cod-")
        with FixClient(server, "FIRM", "DERIBITSERVER", next_out=numbers) as again:
            deribit_logon(again, server.credential("deribit-hmac"), reset=False)
            again.expect("A")
            again.expect("8", t37="V1", t39="4")
            again.send("D", limit_order("next"))
            again.expect("8", t11="next")
        acceptor.wait("app", "D", t11="next")
        assert len(acceptor.told("app", "q")) == 1, "once"
    finally:
        server.stop()
        if acceptor.process.poll() is None:
            acceptor.kill()


def test_a_session_at_the_venue_is_not_for_another_account(tmp_path, port):
    """The venue knows it by its CompIDs alone, and would send what it owes to one firm to the other."""
    config = tmp_path / "gateway.toml"
    config.write_text(f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
    server = Server(tmp_path / "state", config=config).start()
    acceptor = Engine("acceptor", tmp_path / "acceptor", "FIX.4.4", "VENUE", "FIRM", port)
    try:
        acceptor.wait("started")
        assert run("account", "new", "other", "--state", server.state).returncode == 0
        kind = ["--account", "other", "--purpose", "deribit", "--kind", "HS256", "--scopes", "order:read,order:write"]
        other = json.loads(run("key", "new", *kind, "--state", server.state).stdout)
        with FixClient(server, "FIRM", "DERIBITSERVER") as owner:
            deribit_logon(owner, server.credential("deribit-hmac"))
            owner.expect("A")
            owner.logout()
        with FixClient(server, "FIRM", "DERIBITSERVER") as taker:
            deribit_logon(taker, other)
            taker.expect("5")
            assert taker.read() is None
        with FixClient(server, "FIRM", "DERIBITSERVER") as owner:
            deribit_logon(owner, server.credential("deribit-hmac"))
            owner.expect("A")
    finally:
        server.stop()
        if acceptor.process.poll() is None:
            acceptor.kill()


# Operators.

SESSIONS_PER_ACCOUNT_MAX = 1_024


def stem(*parts):
    """The file name of what has a name with these parts."""
    return hashlib.sha256("\x01".join(parts).encode()).hexdigest()[:32]


def test_an_account_does_not_fill_the_disk_with_sessions(tmp_path):
    """As if its clients had invented all but one of the names already."""
    with Server(tmp_path / "state") as server:
        credential = server.credential("binance-ed25519")

        def opens(sender):
            with FixClient(server, sender, "SPOT") as client:
                binance_logon(client, credential)
                message = client.read()
                return message.get(35) == b"A" or message.get(58).decode()

        assert opens("FIRST") is True
        marks = server.state / "fix" / f"{stem('demo')}.sessions"
        assert [mark.name for mark in marks.iterdir()] == [stem("client", "demo", "FIX.4.4", "SPOT", "FIRST")]
        for number in range(SESSIONS_PER_ACCOUNT_MAX - 2):
            (marks / f"{number:032x}").touch(0o600)
        assert opens("LAST") is True
        journals = len(list((server.state / "fix").glob("*.journal")))
        assert f"{SESSIONS_PER_ACCOUNT_MAX} FIX sessions" in opens("ONE-MORE")
        assert opens("FIRST") is True
        assert len(list((server.state / "fix").glob("*.journal"))) == journals


def test_fix_sessions_are_listed_shown_and_ended(gateway):
    credential = gateway.server.credential("binance-ed25519")
    with FixClient(gateway.server, "LISTED", "SPOT") as client:
        binance_logon(client, credential)
        client.expect("A")
        client.send("D", limit_order("listed"))
        client.expect("8", t11="listed")
        client.send("F", [(11, "listed-off"), (41, "listed"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        client.expect("8", t39="4")
        listed = until(lambda: (found := of(gateway, "LISTED")) and found["fix"]["expects"] == 4 and found)
        assert (listed["account"], listed["key_id"], listed["bind"], listed["carriage"]) == ("demo", credential["api_key"], "binance", "fix")
        fix = listed["fix"]
        assert (fix["version"], fix["target"], fix["sends"], fix["cancel_on_disconnect"]) == ("FIX.4.4", "SPOT", 4, "none")
        assert (fix["upstream"]["name"], fix["upstream"]["state"], fix["upstream"]["sender"]) == ("venue", "open", "LISTED")
        shown = gateway.command("session", "show", listed["sid"]).stdout
        assert "LISTED" in shown and "SPOT" in shown
        assert "is ended" in gateway.command("session", "kill", listed["sid"]).stdout
        assert value(client.expect("5"), 58) == "an operator ended the session"
        # Whatever it sends now is nobody's: another Logon is the only way back.
        client.send("D", limit_order("late"))
        assert client.read() is None
        numbers = client.next_out
    # Its record ends a moment after the session.
    until(lambda: run("session", "show", listed["sid"], "--state", gateway.server.state).returncode == 1)
    assert gateway.command("session", "kill", listed["sid"], code=1).stderr
    assert [record["session"] for record in gateway.records("session_kill")].count(listed["sid"]) == 1
    with FixClient(gateway.server, "LISTED", "SPOT", next_out=numbers) as again:
        binance_logon(again, credential, reset=False)
        again.expect("A")
        assert of(gateway, "LISTED")["sid"] != listed["sid"]


def test_the_end_by_an_operator_cancels_as_agreed(gateway):
    with deribit(gateway, "KILLED", [(9001, "Y")]) as client:
        client.expect("A")
        client.send("D", limit_order("killed", symbol="BTC_USDT"))
        client.expect("8", t39="0")
        sid = of(gateway, "KILLED")["sid"]
        gateway.command("session", "kill", sid)
        while client.read().get(35) != b"5":
            pass
        client.send("5")
        assert cancelled(gateway, sid)["detail"].startswith("1 orders cancelled, scope session")


# Halts.

def next_of(client, kind):
    """The next message of a type. The paper venue tells every session of an account of all its orders."""
    while (message := client.read()) is not None:
        if message.get(35).decode() == kind:
            return message
        assert message.get(35) in (b"0", b"1", b"8"), message
    raise AssertionError(f"the connection ended instead of {kind}")


def news(client):
    message = next_of(client, "B")
    return value(message, 61), value(message, 148), message


def test_halt_and_lift_are_told_by_news_to_whom_they_concern(gateway):
    with deribit(gateway, "NEWS1") as told, kraken(gateway, "NEWS2") as other:
        told.expect("A")
        other.expect("A")
        halt = gateway.halt(scope="dialect:deribit", reason="market.disorder")
        urgency, headline, message = news(told)
        assert urgency == "1" and "halt.active" in headline and halt["id"] in message.encode().decode()
        told.send("D", limit_order("refused", symbol="BTC_USDT"))
        assert "halt.active" in value(next_of(told, "j"), 58)
        gateway.lift(halt["id"])
        urgency, headline, _ = news(told)
        assert urgency == "0" and "no longer" in headline
        other.send("1", [(112, "quiet")])
        next_of(other, "0")
        assert not [message for message in other.received if message.get(35) == b"B"], "it is not its concern"


def test_a_session_that_was_away_is_told_behind_its_logon_and_once(gateway):
    def back(numbers):
        client = FixClient(gateway.server, "AWAY", "DERIBITSERVER", next_out=numbers)
        deribit_logon(client, gateway.server.credential("deribit-hmac"), reset=False)
        client.expect("A")
        return client

    first = deribit(gateway, "AWAY")
    first.expect("A")
    first.logout()
    halt = gateway.halt(scope="account:demo")
    second = back(first.next_out)
    assert halt["id"] in news(second)[2].encode().decode()
    second.logout()
    third = back(second.next_out)
    third.send("1", [(112, "known")])
    next_of(third, "0")
    assert not [message for message in third.received if message.get(35) == b"B"], "once"
    third.logout()
    gateway.lift(halt["id"])
    with back(third.next_out) as fourth:
        assert news(fourth)[0] == "0", "that it is over is told, too"


def test_a_halt_of_one_fix_session_stops_that_one(gateway):
    with deribit(gateway, "HALTED") as stopped, deribit(gateway, "FREE") as free:
        stopped.expect("A")
        free.expect("A")
        halt = gateway.halt(scope=f"session:{of(gateway, 'HALTED')['sid']}")
        assert halt["id"] in news(stopped)[2].encode().decode()
        stopped.send("D", limit_order("stopped", symbol="BTC_USDT"))
        assert value(next_of(stopped, "j"), 380) == "4"
        free.send("D", limit_order("free", symbol="BTC_USDT"))
        free.expect("8", t11="free", t39="0")
        gateway.lift(halt["id"], by=("carol",))
        assert news(stopped)[0] == "0"


def test_a_halt_that_cancels_asks_in_fix_sessions_too(gateway):
    with deribit(gateway, "REST1") as one, deribit(gateway, "REST2") as two:
        one.expect("A")
        two.expect("A")
        for client, name in ((one, "rest-one"), (two, "rest-two")):
            client.send("D", limit_order(name, symbol="BTC_USDT"))
            while value(next_of(client, "8"), 11) != name:
                pass
        halt = gateway.halt(scope=f"session:{of(gateway, 'REST1')['sid']}", cancel=True)

        def counts():
            (line,) = [line for line in gateway.status()["halts"] if line["id"] == halt["id"]]
            return line["cancel"] if line["cancel"] and line["cancel"]["done"] else None

        found = until(counts)
        assert (found["asked"], found["confirmed"], found["orders"]) == (1, 1, 1), found
        # Its client gets the report as usual, and nothing of the question.
        while True:
            report = one.read()
            assert report.get(35) in (b"8", b"B"), report
            if report.get(35) == b"8" and value(report, 39) == "4":
                break
        assert value(report, 11) == "rest-one"
        assert order_state(two, "rest-two", "BTC_USDT") == "0", "the other session's order stays"
        two.send("F", [(11, "rest-off"), (41, "rest-two"), (55, "BTC_USDT"), (54, "1"), (60, sending_time())])
        while value(next_of(two, "8"), 11) != "rest-off":
            pass
