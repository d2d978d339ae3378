"""What a key may do at three nodes together, and links that work at each of them."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import raw
from harness.binance import Key, now_ms
from harness.cluster import Cluster
from harness.limited import made_key
from harness.waiting import until
from test_cluster import metric

NAMES = ["a", "b", "c"]
PATH = "/.well-known/countersign/explain/"
WEIGHT = 20
"""Of one question about an account, as Binance counts it."""
LIMIT = 20 * WEIGHT


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    keys = []

    def prepare(first):
        for _ in range(3):
            limited = made_key(first, "--explain", "--weight-per-minute", str(LIMIT), "--scopes", "md:read,account:read")
            keys.append(Key(limited))

    with Cluster(tmp_path_factory.mktemp("limits"), NAMES, prepare) as cluster:
        cluster.keys = keys
        for node in cluster.nodes.values():
            until(lambda node=node: metric(node, "countersign_cluster_nodes") == len(NAMES), why="the nodes do not see each other")
        yield cluster


def asked(key, server):
    return raw.exchange(server, key.bytes(server, "GET", "/api/v3/account", recvWindow=60000))


def passed(key, servers, each):
    """How many of so many questions to each node pass in one window of a minute: of two windows, both would count."""
    while True:
        left = 60 - time.time() % 60
        if left < 15:
            # What is asked when it is over would count in the next one.
            time.sleep(left + 0.05)
        minute = time.time() // 60
        with ThreadPoolExecutor(len(servers)) as pool:
            told = list(pool.map(lambda server: [asked(key, server) for _ in range(each)], servers))
        if time.time() // 60 == minute:
            answers = [answer for of_node in told for answer in of_node]
            assert {answer.status for answer in answers} <= {200, 429}
            return [[answer.status for answer in of_node].count(200) for of_node in told], answers
        time.sleep(60.05 - time.time() % 60)


def test_three_nodes_have_one_limit_between_them(nodes):
    counts, answers = passed(nodes.keys[0], nodes.nodes.values(), 20)
    # What is left of a part and too little for one question is lost at each node.
    assert 16 <= sum(counts) <= 20, counts
    used = [int(answer.header("x-mbx-used-weight-1m")) for answer in answers if answer.status == 200]
    assert max(used) > LIMIT - 3 * 2 * WEIGHT, "a client is told what it used at all nodes"


def test_one_node_alone_has_the_whole_limit(nodes):
    counts, _ = passed(nodes.keys[1], [nodes.nodes["b"]], 25)
    assert counts == [20]


def refusal(key, server):
    """A login with its parameters in another order than they were signed in: the path of its explanation."""
    sent = f"omitZeroBalances=true&a=1&timestamp={now_ms()}"
    signature = key.sign("&".join(sorted(sent.split("&"))))
    answer = raw.ask(server, "GET", f"/api/v3/account?{sent}&signature={signature}", [("X-MBX-APIKEY", key.api_key)])
    assert answer.status == 400
    link = answer.header("countersign-explain")
    return link[link.index(PATH) :]


def page(server, path):
    return raw.ask(server, "GET", path, [("Accept", "application/json")])


def findings(answer):
    return [finding["id"] for finding in json.loads(answer.body)["report"]["findings"] if finding["weight"] == "fault"]


def test_a_link_works_at_every_node_and_nothing_else_does(nodes):
    a, b, c = nodes.nodes.values()
    path = refusal(nodes.keys[2], a)
    for node in (a, b, c):
        until(lambda node=node: page(node, path).status == 200, why="the others do not have it")
    pages = [page(node, path).body for node in (a, b, c)]
    assert pages[0] == pages[1] == pages[2] and findings(page(b, path)) == ["parameters-sorted"]
    wrong = path[:-4] + ("AAAA" if path[-4:-1] != "AAA" else "BBBA")
    assert page(b, wrong).status == 404
    assert all(nodes.keys[2].secret not in str(text) for text in pages)


def test_whoever_guesses_links_takes_none_from_others(nodes):
    """A node asks the memory that all share so many times a minute; guessing takes none of that."""
    a, b, _ = nodes.nodes.values()
    for _ in range(14):
        with raw.Connection(b) as guesser:
            for _ in range(50):
                guesser.send(raw.request(b, "GET", PATH + secrets.token_urlsafe(16)))
                assert guesser.answer().status == 404
    path = refusal(nodes.keys[2], a)
    until(lambda: page(b, path).status == 200, why="b does not ask any more")


def test_without_the_memory_each_has_its_share_and_a_link_says_that_nobody_knows(nodes):
    a, b, c = nodes.nodes.values()
    nodes.redis.kill()
    try:
        for node in (a, b, c):
            until(lambda node=node: metric(node, "countersign_cluster_shared_available") == 0, why="nobody notices")
        counts, _ = passed(nodes.keys[1], [a, c], 20)
        assert counts == [6, 6], "a third of twenty each"
        path = refusal(nodes.keys[2], a)
        assert page(a, path).status == 200, "it was refused here"
        answer = page(b, path)
        assert answer.status == 503 and answer.header("retry-after") == "1"
        assert "ask the node that refused" in json.loads(answer.body)["message"]
    finally:
        nodes.redis.start()
    until(lambda: page(b, path).status == 200, why="it is not put there later")
