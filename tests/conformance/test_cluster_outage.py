"""Native sessions are open and send orders while the memory of the nodes goes away: new orders are refused as our fault, cancels pass, the
sessions stay, and orders pass again when it is back, whether it remembers or not.
"""

import pytest

from harness.cluster import Client, Cluster
from harness.waiting import until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    # Shorter than the silence after which a client takes its connection for dead, and goes to the other node.
    with Cluster(tmp_path_factory.mktemp("outage"), ["node-a", "node-b"], patience="1s") as running:
        running.redis.age()
        yield running


class Trader:
    """A session that numbers its questions, and whose orders have a price of their own each."""

    COUNT = 0

    def __init__(self, client):
        self.client = client

    def ask(self, body):
        Trader.COUNT += 1
        return self.client.ask({**body, "id": Trader.COUNT})

    def place(self):
        price = str(1_000 + Trader.COUNT)
        return self.ask({"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": price})

    def resting(self):
        return {order["order"] for order in self.ask({"op": "order.list"})["orders"]}


@pytest.fixture
def traders(cluster):
    """A session at each node, whose client may come back to any of them."""
    file = cluster.nodes["node-b"].state / "demo" / "native-ed25519.json"
    clients = [Client(node.port, file, "--resume", "120") for node in cluster.nodes.values()]
    yield [Trader(client) for client in clients]
    for client in clients:
        client.kill()


def refused(answer):
    return answer.get("err", {}).get("code")


@pytest.mark.parametrize("how", ["pause", "kill"])
def test_sessions_stay_and_orders_wait_for_a_memory_that_is_away(cluster, traders, how):
    for trader in traders:
        until(lambda trader=trader: trader.place().get("ok"))
    resting = traders[0].resting()
    getattr(cluster.redis, how)()
    try:
        for trader in traders:
            until(lambda trader=trader: refused(trader.place()))
            assert [refused(trader.place()) for _ in range(3)] == ["internal"] * 3
        assert traders[0].resting() == resting, "nothing was placed meanwhile"
        gone = resting.pop()
        answer = traders[1].ask({"op": "order.cancel", "order": gone})
        assert not refused(answer) and traders[0].resting() == resting, answer
    finally:
        if how == "kill":
            cluster.redis.start()
            cluster.redis.age()
        else:
            cluster.redis.resume()
    for trader in traders:
        until(lambda trader=trader: trader.place().get("ok"))
    assert len(traders[0].resting()) == len(resting) + 2
    traders[0].ask({"op": "order.cancel_all", "sym": "BTCUSDT"})
    assert not traders[1].resting()
