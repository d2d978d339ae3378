"""What a proxy asks with bodies that are on their way: many clients come through it, and it is no stranger."""

import contextlib

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

from harness.authz import AuthzServer, Plain, ask
from harness.binance import ORDER, Key
from harness.h2raw import DATA, END_HEADERS, END_STREAM, H2, HEADERS, PREFACE, RST_STREAM, SETTINGS, block, frame, status
from harness.venue import CountingVenue

#: As many requests of strangers wait at one worker: 64 MiB of 32 KiB each.
STRANGERS_WAITING = 2048
STREAMS = 1000
TARGET = "/authz/envoy/api/v3/order"


class FromProxy(H2):
    """A connection of HTTP/2 to the authz port, without TLS."""

    def __init__(self, port):
        self.connection = Plain(port, timeout=60)
        self.connection.send(PREFACE + frame(SETTINGS))


def test_bodies_that_a_proxy_asks_with_wait_beside_those_of_strangers(tmp_path):
    """Else whoever begins many bodies at the gateway, or behind the proxy, would leave the proxy's clients no place."""
    with CountingVenue() as venue, contextlib.ExitStack() as opened:
        server = AuthzServer(tmp_path, venue.port)
        server.arguments += ["--set", "workers=1"]
        opened.enter_context(server)
        alone = ask(server.authz_port, "POST", TARGET, [("Host", "localhost")], b"abc").status
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", TARGET)]
        for _ in range(STRANGERS_WAITING // STREAMS + 1):
            proxy = opened.enter_context(FromProxy(server.authz_port))
            for number in range(STREAMS):
                stream = 1 + 2 * number
                proxy.send(frame(HEADERS, END_HEADERS, stream, block(head)) + frame(DATA, 0, stream, b"a"))
        proxy.send(frame(DATA, END_STREAM, stream, b"bc"))
        outcome, headers = proxy.outcome(stream)
        assert (outcome, status(headers)) == ("answered", alone)


# The same in gRPC: a question is a message (a length, and as many bytes) on a stream of its own.

CHECK = "/envoy.service.auth.v3.Authorization/Check"
GRPC = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", CHECK), ("content-type", "application/grpc"), ("te", "trailers")]
BODY_BYTES_MAX = 4096
PIECES = 7
#: Of each question that never ends: its length, and so little of it that all of them fit the window of a connection (64 KiB).
BEGUN = 8


class Asking(FromProxy):
    """A connection of Envoy's, with questions that come in pieces."""

    def begin(self, stream, data=b""):
        self.send(frame(HEADERS, END_HEADERS, stream, block(GRPC)) + (frame(DATA, 0, stream, data) if data else b""))

    def answers(self, *streams):
        """What each stream is told: the answer, or none where it ends without one."""
        told, ended = dict.fromkeys(streams, b""), set()
        while ended < set(streams):
            kind, flags, on, payload = self.next()
            if kind == SETTINGS and not flags & 1:
                self.send(frame(SETTINGS, 1))
            if on in told:
                told[on] += payload if kind == DATA else b""
                if kind == RST_STREAM or kind in (HEADERS, DATA) and flags & END_STREAM:
                    ended.add(on)
        return {on: external_auth_pb2.CheckResponse.FromString(data[5:]) if data else None for on, data in told.items()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A gateway of one worker that takes small bodies."""
    with CountingVenue() as venue:
        server = AuthzServer(tmp_path_factory.mktemp("small"), venue.port, 'envoy_bodies = "passed-on"')
        server.arguments += ["--set", "workers=1", "--set", f"limits.body_bytes_max={BODY_BYTES_MAX}"]
        with server:
            yield server


def order(key, name, padded_to=0):
    """The question about an order whose body is signed."""
    # Thousands of questions come before it.
    sent = {**ORDER, "newClientOrderId": name, "recvWindow": 60_000}
    body = key.signed(**sent)
    while padded_to and len(body) != padded_to:
        body = key.signed(**sent, padding="p" * (padded_to - len(key.signed(**sent, padding=""))))
    asked = external_auth_pb2.CheckRequest()
    asked.attributes.source.address.socket_address.address = "192.0.2.7"
    http = asked.attributes.request.http
    http.method, http.path, http.host, http.protocol, http.raw_body = "POST", "/api/v3/order", "localhost", "HTTP/2", body.encode()
    http.headers.update({"x-mbx-apikey": key.api_key, "content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))})
    return asked


def message(asked):
    data = asked.SerializeToString()
    return b"\0" + len(data).to_bytes(4, "big") + data


def test_a_grpc_question_that_comes_in_pieces_is_judged_whole_among_many_that_never_end(small):
    key = Key(small.credential("binance-hmac"))
    asked = message(order(key, "in-pieces"))
    size = -(-len(asked) // PIECES)
    with contextlib.ExitStack() as opened:
        for _ in range(STRANGERS_WAITING // STREAMS + 1):
            proxy = opened.enter_context(Asking(small.authz_port))
            for number in range(STREAMS):
                proxy.begin(1 + 2 * number, asked[:BEGUN])
        first, second = 1 + 2 * STREAMS, 3 + 2 * STREAMS
        proxy.begin(first)
        proxy.begin(second, message(order(key, "beside-it")))
        proxy.send(frame(DATA, END_STREAM, second))
        for at in range(0, len(asked), size):
            proxy.send(frame(DATA, END_STREAM if at + size >= len(asked) else 0, first, asked[at : at + size]))
        told = proxy.answers(first, second)
        assert all(answer.HasField("ok_response") for answer in told.values()), told
        # The rest of one that waited: it is the same order, which was just accepted.
        proxy.send(frame(DATA, END_STREAM, 1, asked[BEGUN:]))
        assert proxy.answers(1)[1].HasField("denied_response")


@pytest.mark.parametrize("cut", [1, 4, 5, -1])
def test_a_grpc_question_that_ends_early_is_not_answered_with_a_permission(small, cut):
    asked = message(order(Key(small.credential("binance-hmac")), f"cut-{cut}"))
    with Asking(small.authz_port) as proxy:
        proxy.begin(1, asked[:cut])
        proxy.send(frame(DATA, END_STREAM, 1))
        answer = proxy.answers(1)[1]
        assert answer is None or answer.HasField("denied_response"), answer
        proxy.begin(3, asked)
        proxy.send(frame(DATA, END_STREAM, 3))
        assert proxy.answers(3)[3].HasField("ok_response"), "the connection goes on"


def test_a_grpc_question_has_a_body_as_long_as_the_gateway_takes_and_no_longer(small):
    key = Key(small.credential("binance-hmac"))
    with grpc.insecure_channel(f"127.0.0.1:{small.authz_port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        check = lambda asked: external_auth_pb2_grpc.AuthorizationStub(channel).Check(asked, timeout=20)
        assert check(order(key, "longest", BODY_BYTES_MAX)).HasField("ok_response")
        longer = check(order(key, "longer", BODY_BYTES_MAX + 1)).denied_response
        assert longer.status.code == 413, longer
        with pytest.raises(grpc.RpcError) as raised:
            check(order(key, "far-longer", 1_000_000))
        assert raised.value.code() in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED)
