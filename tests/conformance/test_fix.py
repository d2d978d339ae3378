"""FIX through the gateway: logons as at the venues, orders and prices, what is refused, and what survives a connection."""

import json
import re
import socket
import ssl
import subprocess
import uuid

import pytest

from harness.fix import FixClient, binance_logon, coinbase_logon, deribit_logon, kraken_logon, limit_order, sending_time, value
from harness.recorded import recorded
from harness.server import Server, run
from harness.waiting import until


@pytest.fixture(scope="module")
def binance(server):
    return server.credential("binance-ed25519")


def logged_on(server, credential, sender, **options):
    client = FixClient(server, sender, "SPOT")
    binance_logon(client, credential, **options)
    client.expect("A")
    return client


def reading_key(server, name, *more):
    """A Binance key that may read orders and nothing else."""
    path = server.state / name
    options = ["--account", "demo", "--purpose", "binance", "--kind", "Ed25519", "--scopes", "order:read", "--out", path, *more]
    made = run("key", "new", *options, "--state", server.state)
    assert made.returncode == 0, made.stderr
    return json.loads(path.read_text())


def test_a_session_ends_with_its_key(server):
    """Though nothing else changes meanwhile."""
    with logged_on(server, reading_key(server, "short.json", "--expires", "10s"), "SHORT") as client:
        client.expect("5", t58="the credential may no longer be used")


def test_an_order_from_logon_to_logout(server, binance):
    with logged_on(server, binance, "TRADER1") as client:
        client.send("D", limit_order("first"))
        placed = client.expect("8", t39="0", t150="0", t11="first", t55="BTCUSDT", t54="1", t38="0.01", t44="90000", t14="0")
        client.send("H", [(11, "first"), (55, "BTCUSDT"), (54, "1")])
        client.expect("8", t150="I", t39="0", t37=value(placed, 37))
        client.send("F", [(11, "cancel"), (41, "first"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        client.expect("8", t39="4", t150="4", t11="cancel", t41="first", t37=value(placed, 37))
        client.logout()


def test_a_market_order_is_filled(server, binance):
    with logged_on(server, binance, "TRADER2") as client:
        client.send("D", [(11, "now"), (55, "BTCUSDT"), (54, "1"), (60, sending_time()), (38, "0.01"), (40, "1")])
        reports = client.reports(until="2")
        assert value(reports[0], 150) == "0" and value(reports[-1], 150) == "F"
        filled = sum(float(value(report, 32)) for report in reports if report.get(32))
        assert filled == pytest.approx(0.01) and float(value(reports[-1], 151)) == 0


def test_an_order_is_replaced(server, binance):
    with logged_on(server, binance, "TRADER3") as client:
        client.send("D", limit_order("old"))
        client.expect("8", t39="0")
        client.send("G", [(11, "new"), (41, "old"), (55, "BTCUSDT"), (54, "1"), (60, sending_time()), (38, "0.02"), (40, "2"), (44, "89000")])
        client.expect("8", t150="5", t39="0", t11="new", t41="old", t38="0.02", t44="89000")
        client.send("F", [(11, "gone"), (41, "old"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        client.expect("9", t11="gone", t434="1", t102="1")
        client.send("q", [(11, "all"), (530, "7"), (60, sending_time())])
        while value(client.expect("8", t39="4"), 11) != "new":
            pass
        client.expect("r", t11="all", t531="7")


def test_an_order_that_may_have_been_sent_before_is_placed_once(server, binance):
    possibly = [(97, "Y")]
    with logged_on(server, binance, "RESENDER") as client:
        client.send("D", limit_order("resent"), header=possibly)
        placed = client.expect("8", t39="0", t150="0", t11="resent")
        client.send("D", limit_order("resent"), header=possibly)
        client.expect("8", t150="I", t39="0", t37=value(placed, 37))
        client.send("F", [(11, "resent-off"), (41, "resent"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        client.expect("8", t39="4", t41="resent")
        client.send("D", limit_order("resent"), header=possibly)
        client.expect("8", t150="I", t39="4", t37=value(placed, 37))
        client.logout()


def test_a_mass_cancel_is_about_what_the_account_had_at_a_moment(server, binance):
    def asks(client, *more):
        client.send("q", [(11, "all"), (530, "7"), (60, sending_time()), *more])
        while (message := client.read()).get(35) != b"r":
            pass
        return value(message, 531)

    def state(client, name):
        client.send("H", [(11, name), (55, "BTCUSDT"), (54, "1")])
        while value(report := client.expect("8"), 150) != "I":
            pass
        return value(report, 39)

    with logged_on(server, binance, "BEFORE1") as own, logged_on(server, binance, "BEFORE2") as other:
        other.rests("had")
        moment = sending_time()
        until(lambda: sending_time() > moment)
        other.rests("later")
        own.rests("own")
        assert [asks(own, (20003, "account-before")), asks(own, (20003, "account-before"), (20004, "then")), asks(own, (20003, "firm"))] == ["0"] * 3
        assert [state(other, name) for name in ("had", "later", "own")] == ["0"] * 3, "what is refused cancels nothing"
        assert asks(own, (20003, "account-before"), (20004, moment)) == "7"
        assert [state(other, name) for name in ("had", "later", "own")] == ["4", "0", "4"]
        assert asks(own, (20003, "account")) == "7"
        assert state(other, "later") == "4"


def test_prices(server, binance):
    with logged_on(server, binance, "TRADER4") as client:
        entries = [(267, 2), (269, "0"), (269, "1"), (146, 1), (55, "BTCUSDT")]
        client.send("V", [(262, "book"), (263, "1"), (264, 5), (265, 0), *entries])
        first = client.expect("W", t262="book", t55="BTCUSDT", t268="10")
        assert value(first, 269) == "0"
        client.expect("W", t262="book")
        client.send("V", [(262, "book"), (263, "2"), (264, 5), *entries])
        client.send("V", [(262, "none"), (263, "0"), (264, 1), (267, 1), (269, "0"), (146, 1), (55, "NOSUCH")])
        while (message := client.read()).get(35) != b"Y":
            assert message.get(35) in (b"W", b"0")
        assert value(message, 262) == "none"


@pytest.mark.parametrize("wrong", ["signature", "time", "key"])
def test_a_bad_logon_gets_the_venues_words_and_a_logout(server, binance, wrong):
    credential = dict(binance)
    options = {}
    if wrong == "signature":
        credential["private_key_pem"] = server.credential("native-ed25519")["private_key_pem"]
    elif wrong == "key":
        credential["api_key"] = "A" * 64
    else:
        options["at"] = "20260101-00:00:00.000"
    with FixClient(server, "STRANGER", "SPOT") as client:
        binance_logon(client, credential, **options)
        if wrong == "time":
            client.expect("5")
        else:
            client.expect("3", t372="A", t25016="-1022")
            client.expect("5")
        assert client.read() is None


def test_the_answer_to_binances_logon_names_the_server(server, binance):
    names = set()
    for sender in ("NAMED1", "NAMED2"):
        with FixClient(server, sender, "SPOT") as client:
            binance_logon(client, binance)
            names.add(str(uuid.UUID(value(client.expect("A", t98="0", t108="30"), 25037))))
            client.logout()
    assert len(names) == 1


def test_binance_knows_two_ways_of_handling_messages(server, binance):
    with FixClient(server, "UNTOLD", "SPOT") as client:
        binance_logon(client, binance, handling=3)
        refused = client.expect("3", t372="A")
        assert value(refused, 25016) in ("-1102", "-1100", "-1130"), refused
        client.expect("5")
        assert client.read() is None
    with FixClient(server, "UNTOLD", "SPOT") as client:
        binance_logon(client, binance, handling=None)
        client.expect("A")
        client.logout()


def test_a_logon_counts_once(server, binance):
    at = sending_time()
    with FixClient(server, "ONCE", "SPOT") as client:
        binance_logon(client, binance, at=at)
        client.expect("A")
        client.logout()
    with FixClient(server, "ONCE", "SPOT") as thief:
        binance_logon(thief, binance, at=at)
        thief.expect("3", t372="A")
        thief.expect("5")


def test_a_second_logon_leaves_the_first_alone(server, binance):
    with logged_on(server, binance, "TWICE") as first:
        with FixClient(server, "TWICE", "SPOT") as second:
            binance_logon(second, binance)
            assert "another connection" in value(second.expect("5"), 58)
            assert second.read() is None
        first.send("1", [(112, "still there")])
        first.expect("0", t112="still there")


def test_a_message_type_needs_its_scope(server, binance):
    credential = reading_key(server, "fix-reader.json")
    with logged_on(server, credential, "READER") as client:
        client.send("D", limit_order("forbidden"))
        refused = client.expect("3", t372="D", t25016="-2015")
        assert value(refused, 45) == "2"
        client.send("U99", [(58, "unknown")])
        client.expect("3", t372="U99")
        client.send("1", [(112, "alive")])
        client.expect("0", t112="alive")


def test_for_others_nobody_speaks(server, binance):
    with logged_on(server, binance, "ALONE") as client:
        client.send("D", limit_order("for-others"), header=[(115, "OTHERFIRM")])
        client.expect("3", t371="115")


GARBLED_BYTES_MAX = 2 * 65_536


def test_bytes_that_never_become_a_message_have_an_end(server, binance):
    with logged_on(server, binance, "GARBAGE") as client:
        client.socket.sendall(b"x" * GARBLED_BYTES_MAX)
        client.send("1", [(112, "still here")])
        client.expect("0", t112="still here")
        client.socket.sendall(b"x" * (GARBLED_BYTES_MAX + 1))
        client.expect("5", t58="Too many garbled messages")
        assert client.read() is None
    until(lambda: [record for record in recorded(server.state, "refuse") if "that is no message" in record.get("detail", "") and record.get("account")])


@pytest.mark.parametrize("hostile", [
    b"GET / HTTP/1.1\r\n\r\n8=FIX.4.4\x019=5\x0135=A\x01",
    b"8=FIX.4.4\x019=999999999\x0135=A\x01" + b"x" * 9000,
    b"8=FIX.4.4\x019=65\x0135=D\x0149=A\x0156=SPOT\x0134=1\x0152=20261128-00:00:00\x0155=BTCUSDT\x01\x01\x0110=000\x01",
    b"8=FIX.9.9\x019=5\x0135=A\x0110=000\x01",
])
def test_what_is_no_logon_is_closed_without_a_word_of_fix(server, hostile):
    context = ssl.create_default_context(cafile=server.ca)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10), server_hostname="localhost") as stream:
        stream.sendall(hostile)
        answer = b""
        try:
            while chunk := stream.recv(4096):
                answer += chunk
        except ConnectionError:
            pass
        assert b"8=FIX" not in answer


def test_sequences_outlive_the_connection_and_what_was_missed_is_sent_again(server, binance):
    client = logged_on(server, binance, "LASTING")
    client.send("D", limit_order("kept"))
    client.expect("8", t11="kept", t39="0")
    numbers = client.next_out
    client.close()
    again = FixClient(server, "LASTING", "SPOT", next_out=numbers)
    with again:
        binance_logon(again, binance, reset=False)
        logon = again.expect("A")
        assert int(value(logon, 34)) == 3, "a Logon and a report before it"
        again.send("2", [(7, 2), (16, 2)])
        resent = again.expect("8", t43="Y", t11="kept", t34="2")
        assert resent.get(122) is not None
        again.send("F", [(11, "done"), (41, "kept"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        again.expect("8", t39="4", t41="kept")


def test_a_gap_is_filled_without_a_second_order(server, binance):
    with logged_on(server, binance, "GAPPY") as client:
        lost = client.message("D", limit_order("lost"), seq=2)
        client.next_out = 3
        client.send("D", limit_order("after"))
        client.expect("2", t7="2")
        original = value(lost, 52)
        client.send("D", limit_order("lost"), seq=2, header=[(43, "Y"), (122, original)])
        client.send("D", limit_order("after"), seq=3, header=[(43, "Y"), (122, original)])
        names = [value(client.expect("8"), 11) for _ in range(2)]
        assert names == ["lost", "after"]
        for name in names:
            client.send("F", [(11, f"{name}-off"), (41, name), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
            client.expect("8", t39="4", t41=name)
        client.send("F", [(11, "again"), (41, "lost"), (55, "BTCUSDT"), (54, "1"), (60, sending_time())])
        client.expect("9", t102="1")


def test_numbers_outlive_a_killed_gateway(tmp_path):
    server = Server(tmp_path / "state").start()
    try:
        credential = server.credential("binance-ed25519")
        client = logged_on(server, credential, "CRASH")
        client.send("D", limit_order("before"))
        client.expect("8", t11="before", t39="0")
        numbers = client.next_out
        server.kill()
        client.close()
        server.start()
        with FixClient(server, "CRASH", "SPOT", next_out=numbers) as again:
            binance_logon(again, credential, reset=False)
            assert int(value(again.expect("A"), 34)) == 3
            # The paper venue began anew with the process; the session did not.
            again.send("D", limit_order("behind"))
            again.expect("8", t11="behind", t39="0", t34="4")
    finally:
        server.stop()


def test_a_revoked_key_is_logged_out(server):
    credential = reading_key(server, "fix-revoked.json")
    with logged_on(server, credential, "REVOKED") as client:
        assert run("key", "revoke", credential["api_key"], "--state", server.state).returncode == 0
        assert "credential" in value(client.expect("5"), 58)


@pytest.mark.parametrize("encrypt", [True, False], ids=["98=0", "no 98"])
def test_deribit(server, encrypt):
    with FixClient(server, "DESK1", "DERIBITSERVER") as client:
        deribit_logon(client, server.credential("deribit-hmac"), encrypt=encrypt)
        client.expect("A", t98="0")
        client.send("D", limit_order(f"deribit-{encrypt}", symbol="BTC_USDT"))
        client.expect("8", t39="0", t55="BTC_USDT")
        client.logout()


def test_coinbase_exchange_over_4_2(server):
    credential = server.credential("coinbase-exchange")
    with FixClient(server, credential["api_key"], "Coinbase", version="FIX.4.2") as client:
        coinbase_logon(client, credential)
        client.expect("A")
        client.send("D", [(21, "1"), *limit_order("coinbase", symbol="BTC-USDT")])
        client.expect("8", t20="0", t39="0", t55="BTC-USDT")
        client.logout()


def test_coinbase_exchange_over_5_0(server):
    credential = server.credential("coinbase-exchange")
    with FixClient(server, "CBDESK", "Coinbase", version="FIXT.1.1") as client:
        coinbase_logon(client, credential, [(553, credential["api_key"]), (1137, "9")])
        client.expect("A", t1137="9")
        client.send("D", limit_order("five", symbol="BTC-USDT"))
        client.expect("8", t39="0", t55="BTC-USDT")
        client.logout()


def test_kraken(server):
    with FixClient(server, "KRDESK", "KRAKEN-TRD") as client:
        kraken_logon(client, server.credential("kraken"))
        client.expect("A")
        client.send("D", limit_order("kraken", symbol="BTC/USDT"))
        client.expect("8", t39="0", t55="BTC/USDT")
        client.logout()


def test_a_client_certificate_is_a_logon(server):
    pem = server.state / "demo" / "client-certificate.pem"
    names = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-ext", "subjectAltName"], capture_output=True, text=True, check=True).stdout
    name = re.search(r"(?:DNS|URI|email):(\S+?)(?:,|\s|$)", names).group(1)
    context = ssl.create_default_context(cafile=server.ca)
    context.load_cert_chain(pem)
    with FixClient(server, name, "COUNTERSIGN", context=context) as client:
        client.send("A", [(98, 0), (108, 30), (141, "Y")])
        client.expect("A")
        client.send("D", limit_order("certified"))
        client.expect("8", t39="0")
        client.logout()
    with FixClient(server, "OTHERFIRM", "COUNTERSIGN", context=context) as spoof:
        spoof.send("A", [(98, 0), (108, 30), (141, "Y")])
        spoof.expect("3", t372="A")
        spoof.expect("5")


@pytest.mark.parametrize("twice", [49, 56, 96, 553])
def test_a_tag_that_is_there_twice_is_refused_before_anything_is_verified(server, binance, twice):
    with FixClient(server, "DOUBLE", "SPOT") as client:
        message = client.message("A", [(98, 0), (108, 30), (95, 4), (96, "AAAA"), (553, binance["api_key"]), (141, "Y")])
        again = {49: "DOUBLE", 56: "SPOT", 96: "AAAA", 553: binance["api_key"]}[twice]
        message.append_pair(twice, again)
        client.socket.sendall(message.encode())
        answer = client.read()
        assert answer is None or answer.get(35) in (b"3", b"5")
        while answer is not None:
            answer = client.read()
