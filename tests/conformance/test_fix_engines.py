"""FIX with engines that nobody here wrote: QuickFIX as client and as upstream acceptor, Binance's own connector as client."""

import json

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harness.engine import Engine, dictionaries
from harness.fix import FixClient, binance_logon, limit_order, sending_time
from harness.ports import kept_port
from harness.server import Server
from harness.tls_tunnel import TlsTunnel


def order(name, **more):
    return [[35, "D"], *([tag, str(value)] for tag, value in limit_order(name, **more))]


def credential_file(server, folder):
    path = folder / "credential.json"
    path.write_text(json.dumps(server.credential("binance-ed25519")))
    return path


def test_binance_fix_connector(server, trust):
    from binance_fix_connector.fix_connector import create_order_entry_session

    credential = server.credential("binance-ed25519")
    key = load_pem_private_key(credential["private_key_pem"].encode(), None)
    session = create_order_entry_session(
        api_key=credential["api_key"], private_key=key, endpoint=f"tcp+tls://localhost:{server.port}", sender_comp_id="CONN", recv_window=5000
    )
    try:
        logon = session.retrieve_messages_until(message_type="A", timeout_seconds=40)
        assert logon[-1].get("35") == b"A"
        message = session.create_fix_message_with_basic_header("D")
        for tag, value in limit_order("connector"):
            message.append_pair(tag, value)
        session.send_message(message)
        report = session.retrieve_messages_until(message_type="8", timeout_seconds=40)[-1]
        assert (report.get("11"), report.get("39"), report.get("150")) == (b"connector", b"0", b"0")
        session.logout()
        assert session.retrieve_messages_until(message_type="5", timeout_seconds=40)[-1].get("35") == b"5"
    finally:
        session.disconnect()


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_quickfix_trades_and_comes_back(server, tmp_path, version):
    """Logs on, trades, is cut off, logs on again with its numbers, and cancels."""
    sender = "QF" + version.replace(".", "")
    with TlsTunnel(server) as tunnel:
        arguments = (tmp_path / "engine", version, sender, "SPOT", tunnel.port, credential_file(server, tmp_path))
        with Engine("initiator", *arguments) as engine:
            engine.wait("logon")
            engine.send(order("one"))
            engine.wait("app", "8", t11="one", t39="0")
            engine.kill()
        with Engine("initiator", *arguments) as engine:
            logon = engine.wait("admin", "A")
            engine.wait("logon")
            assert int(logon["34"]) > 2, "the numbers go on"
            engine.send([[35, "F"], [11, "off"], [41, "one"], [55, "BTCUSDT"], [54, "1"], [60, sending_time()]])
            engine.wait("app", "8", t11="off", t41="one", t39="4")
            engine.stop()
            assert any(event["event"] == "logout" for event in engine.events)


def with_dictionary(server, folder, version):
    """As QuickFIX is by default: what the standard does not give to a message is rejected, and so is a value that it does not list."""
    path = folder / "strict.json"
    path.write_text(json.dumps({**server.credential("binance-ed25519"), "settings": dictionaries(version)}))
    return path


def handled(name, **more):
    """FIX 4.2 asks how an order is to be handled."""
    return [*order(name, **more), [21, "1"]]


def asked_of_the_market(name, *kinds):
    types = [[[269, kind]] for kind in kinds]
    return [[35, "V"], [262, name], [263, "1"], [264, "5"], [265, "0"], [267, types], [146, [[[55, "BTCUSDT"]]]]]


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIXT.1.1"])
def test_quickfix_takes_all_that_the_venue_says_by_its_dictionary(server, tmp_path, version):
    sender = "DICT" + version.replace(".", "")
    with TlsTunnel(server) as tunnel:
        with Engine("initiator", tmp_path / "engine", version, sender, "SPOT", tunnel.port, with_dictionary(server, tmp_path, version)) as engine:
            engine.wait("logon")
            engine.send(handled("rests"))
            engine.wait("app", "8", t11="rests", t39="0")
            engine.send([[35, "H"], [11, "rests"], [55, "BTCUSDT"], [54, "1"]])
            engine.wait("app", "8", t11="rests")
            changed = [[11, "moved"], [41, "rests"], [55, "BTCUSDT"], [54, "1"], [60, sending_time()], [38, "0.02"], [40, "2"], [44, "89000"], [21, "1"]]
            engine.send([[35, "G"], *changed])
            engine.wait("app", "8", t11="moved", t39="0")
            engine.send([[35, "F"], [11, "off"], [41, "moved"], [55, "BTCUSDT"], [54, "1"], [60, sending_time()], [38, "0.02"]])
            engine.wait("app", "8", t11="off", t39="4")
            engine.send([[35, "F"], [11, "none"], [41, "nothing"], [55, "BTCUSDT"], [54, "1"], [60, sending_time()], [38, "0.02"]])
            engine.wait("app", "9", t11="none")
            engine.send(handled("dear", price="90000.001"))
            engine.wait("app", "8", t11="dear", t39="8")
            engine.send(asked_of_the_market("book", "0", "1"))
            engine.wait("app", "W", t262="book")
            engine.send(asked_of_the_market("trades", "2"))
            engine.wait("app", "X", t262="trades")
            if version != "FIX.4.2":
                engine.send([[35, "x"], [320, "all"], [559, "4"]])
                engine.wait("app", "y", t320="all")
                engine.send([[35, "q"], [11, "every"], [530, "7"], [60, sending_time()]])
                engine.wait("app", "r", t11="every")
            engine.stop()
            refused = [told for kind in ("3", "j") for told in engine.told("sent-admin", kind) + engine.told("sent-app", kind)]
            assert refused == [], "the engine found fault with nothing"


@pytest.fixture
def upstream(tmp_path):
    """A gateway whose FIX goes to a QuickFIX acceptor."""
    config = tmp_path / "gateway.toml"
    with kept_port() as port:
        config.write_text(f'[upstream.venue]\nfix = "127.0.0.1:{port}"\nfix_target = "VENUE"\n')
        server = Server(tmp_path / "state", config=config).start()
        acceptor = Engine("acceptor", tmp_path / "acceptor", "FIX.4.4", "VENUE", "FIRM", port)
        acceptor.wait("started")
        yield server, acceptor, lambda: Engine("acceptor", tmp_path / "acceptor", "FIX.4.4", "VENUE", "FIRM", port)
        server.stop()
        if acceptor.process.poll() is None:
            acceptor.kill()


def connect(server, next_out=1, reset=False):
    client = FixClient(server, "FIRM", "SPOT", next_out=next_out)
    binance_logon(client, server.credential("binance-ed25519"), reset=reset)
    return client


def test_quickfix_as_the_upstream(upstream):
    server, acceptor, _ = upstream
    with connect(server) as client:
        client.expect("A")
        logon = acceptor.wait("admin", "A")
        assert logon["49"] == "FIRM" and logon["56"] == "VENUE" and logon["96"].count(".") == 2, "with an identity of the gateway"
        client.send("D", limit_order("through"), header=[(50, "DESK")])
        arrived = acceptor.wait("app", "D")
        assert (arrived["11"], arrived["50"], arrived["44"]) == ("through", "DESK", "90000")
        client.expect("8", t11="through", t37="V1")
        client.logout()
        acceptor.wait("logout")


def test_reports_of_an_absence_wait_at_the_upstream(upstream):
    server, acceptor, _ = upstream
    client = connect(server)
    client.expect("A")
    client.send("D", limit_order("early"))
    client.expect("8", t11="early")
    numbers = client.next_out
    client.close()
    acceptor.wait("logout")
    acceptor.send([[35, "8"], [37, "V1"], [11, "early"], [17, "E9"], [150, "F"], [39, "2"], [55, "BTCUSDT"], [54, "1"], [151, "0"], [14, "1"], [6, "1"]])
    with connect(server, next_out=numbers) as again:
        again.expect("A")
        again.expect("8", t11="early", t39="2", t17="E9")


def test_a_venue_that_restarts_gets_each_order_once(upstream):
    server, acceptor, start = upstream
    client = connect(server)
    client.expect("A")
    client.send("D", limit_order("first"))
    client.expect("8", t11="first")
    acceptor.kill()
    assert "venue" in client.expect("5").get(58).decode()
    client.send("5")
    numbers = client.next_out
    client.close()
    with connect(server, next_out=numbers) as refused:
        refused.expect("3", t372="A")
        refused.expect("5")
    with start() as acceptor:
        acceptor.wait("started")
        with connect(server, next_out=numbers) as again:
            again.expect("A")
            again.send("D", limit_order("second"))
            again.expect("8", t11="second")
            acceptor.wait("app", "D", t11="second")
            assert [fields["11"] for fields in acceptor.told("app", "D")] == ["second"], "the first is not sent again"


def test_a_killed_gateway_loses_no_order_and_sends_none_twice(upstream):
    server, acceptor, _ = upstream
    client = connect(server)
    client.expect("A")
    for number in range(1, 6):
        client.send("D", limit_order(f"n{number}"))
    client.expect("8", t11="n1")
    server.kill()
    client.close()
    server.start()
    # The client does not know what arrived. It logs on with its numbers, sends again what it is asked for, and asks for what the
    # gateway had sent and it had not read.
    sent = {number + 1: limit_order(f"n{number}") for number in range(1, 6)}
    with connect(server, next_out=7) as again:
        reports = set()
        while not reports >= {b"n2", b"n3", b"n4", b"n5"}:
            message = again.read()
            assert message is not None
            kind = message.get(35)
            if kind == b"A":
                # Reports that were on their way when the gateway died are on record there: as an engine would, ask for them.
                again.send("2", [(7, 2), (16, 0)])
            elif kind == b"2":
                for seq in range(int(message.get(7)), 7):
                    if seq in sent:
                        again.send("D", sent[seq], seq=seq, header=[(43, "Y"), (122, sending_time())])
                again.send("4", [(123, "Y"), (36, again.next_out)], seq=7, header=[(43, "Y"), (122, sending_time())])
            elif kind == b"8":
                reports.add(message.get(11))
            elif kind == b"5":
                raise AssertionError(message)
    acceptor.send([[35, "B"], [148, "end"]])
    names = []
    acceptor.wait("sent-app", "B")
    names = [fields["11"] for fields in acceptor.told("app", "D")]
    assert sorted(names) == ["n1", "n2", "n3", "n4", "n5"], names
