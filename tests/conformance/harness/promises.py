"""What a gateway of several nodes promises whatever breaks, asked after each fault:

no order reaches the venue twice, none of an account passes that was halted before, nothing acknowledged is lost, the orders of a client that
is lost meanwhile are cancelled by one node, once, and what was accepted before is accepted by no node again.
"""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

from . import raw
from .authz import PaperVenue
from .cluster import Client
from .cluster import Wire as Door
from .flow import cancels, new_key, order, places
from .recorded import recorded
from .three import CONFIGURATION, Cluster
from .waiting import until

CLIENTS_FAULT = {400, 401, 403, 404, 429}
RESTING = 2
LEASE = 1.0
"""How long a node goes on by the halts that it has read."""

ROUTES = """
[[route]]
name = "nonce"
path = "/0/private/AddOrder"
methods = ["POST"]
scope = "order:write"
dialect = "kraken"
upstream = "venue"

[[route]]
builtin = "native"
upstream = "paper"

[upstream.paper]
url = "http://127.0.0.1:{door}"
audience = "venue"
"""


class PromisingCluster(Cluster):
    """With a paper venue for native sessions, beside the one that counts."""

    drains = "5s"

    def __init__(self, folder):
        # The venue trusts keys that the first node makes, and has another address than its door.
        self.door, self.paper, self.bystander = Door(1), None, None
        settings = CONFIGURATION.replace('drain_deadline = "5s"', f'drain_deadline = "{self.drains}"')
        self.configuration = settings + ROUTES.replace("{door}", str(self.door.port))
        super().__init__(folder)

    def __enter__(self):
        super().__enter__()
        try:
            self.paper = PaperVenue(0, self.nodes[0].state / "jwks.json")
            self.door.lead_to(self.paper.port)
            self.bystander = Bystander(self)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.door.close()
        if self.paper:
            self.paper.stop()
        super().__exit__()


class Bystander:
    """An account that has nothing to do with what breaks, and is halted before anything does."""

    def __init__(self, cluster):
        self.key = new_key(cluster)
        stop = ["--scope", f"account:{self.key.account}", "--action", "cancel-only", "--reason", "runaway", "--json"]
        self.halt = json.loads(cluster.nodes[1].command("halt", *stop))["id"]
        for node in cluster.nodes:
            until(lambda node=node: self.halt in node.halts())


class Victim:
    """An account whose client is lost meanwhile, new for each fault: one that failed leaves the next nothing."""

    def __init__(self, cluster):
        self.trading = new_key(cluster)
        self.native = cluster.folder / f"{self.trading.account}.json"
        made = ["--account", self.trading.account, "--scopes", "order:read,order:write"]
        cluster.nodes[0].command("key", "new", *made, "--purpose", "native", "--kind", "Ed25519", "--out", self.native)
        self.kraken = json.loads(cluster.nodes[0].command("key", "new", *made, "--purpose", "kraken", "--kind", "HS512"))


def nonced(record, node, nonce):
    """An order as Kraken documents it: an increasing nonce, and no time."""
    path, body = "/0/private/AddOrder", urlencode({"nonce": nonce, "pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "1000", "volume": "0.01"})
    digest = hashlib.sha256(f"{nonce}{body}".encode()).digest()
    mac = hmac.new(base64.b64decode(record["secret"]), path.encode() + digest, hashlib.sha512).digest()
    headers = [("API-Key", record["api_key"]), ("API-Sign", base64.b64encode(mac).decode()), ("Content-Type", "application/x-www-form-urlencoded")]
    return raw.request(node.server, "POST", path, headers, body.encode())


class Promises:
    """Made before a fault; `client_is_lost` is called while it lasts, `hold` when it is over."""

    def __init__(self, cluster, at=None):
        """The client that will be lost is at a node: the one that breaks, or the first."""
        self.cluster, self.who = cluster, Victim(cluster)
        self.at = at or cluster.nodes[0]
        self.order = until(self._an_order, why="it does not work before the fault")
        self.nonced = until(self._a_nonce, why="it does not work before the fault")
        self.client = Client(self.at.server.port, self.who.native, "--resume", "120", "--cod", "session", "--cod-grace-ms", "1000")
        for number in range(1, RESTING + 1):
            body = {"op": "order.place", "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": str(1000 + number), "id": number}
            until(lambda body=body: self.client.ask(body).get("ok"), why="it does not work before the fault")

    def _accepted(self, request):
        """What was accepted; nothing where the node stood still for a second, and another has to be tried."""
        answer = raw.exchange(self.at.server, request)
        return request if answer.status == 200 and b"EAPI" not in answer.body else None

    def _an_order(self):
        self.name = f"kept{time.monotonic_ns()}"
        return self._accepted(order(self.who.trading, self.at, self.name))

    def _a_nonce(self):
        self.nonce = time.time_ns()
        return self._accepted(nonced(self.who.kraken, self.at, self.nonce))

    def _cancelled(self):
        """What the nodes have on record about the orders of the client."""
        records = [record for node in self.cluster.nodes for record in recorded(node.state, "cancel_on_disconnect")]
        return [record for record in records if record["account"] == self.who.trading.account]

    def client_is_lost(self):
        self.client.kill()

    def hold(self, forgotten=False):
        """`forgotten`: the memory of the nodes came back empty, and a node that did not accept a request cannot tell that another did."""
        assert self.client.process.poll() is not None, "a fault in which no client is lost says nothing of its orders"
        for node in self.cluster.nodes:
            self._halted_stays_halted(node)
            self._nothing_is_accepted_again(node, forgotten)
        self._arrived_once()
        self._orders_were_cancelled_once()

    def _halted_stays_halted(self, node):
        halted = self.cluster.bystander
        answer = places(halted.key, node)
        assert answer.status != 200, (node.name, "an order passed that a halt forbids")
        until(lambda: cancels(halted.key, node).status == 200)
        assert halted.halt in node.halts()

    def _nothing_is_accepted_again(self, node, forgotten):
        def known(request):
            answer = raw.exchange(node.server, request)
            # Kraken says it with 200.
            assert answer.status != 200 or b"EAPI:Invalid nonce" in answer.body, (node.name, answer)
            return answer.status in CLIENTS_FAULT or answer.status == 200 or (forgotten and answer.status == 503)

        for request in (self.order, self.nonced):
            until(lambda request=request: known(request), why=f"{node.name} cannot tell what was accepted")

    def _arrived_once(self):
        assert self.cluster.orders().count(self.name) == 1
        assert sum(str(self.nonce).encode() in (body or b"") for _, _, _, body in self.cluster.venue.seen) == 1

    def _orders_were_cancelled_once(self):
        until(self._cancelled, 90, "nobody cancelled")
        with Client(self.cluster.nodes[1].server.port, self.who.native) as other:
            listed = other.ask({"op": "order.list", "id": 1})
            assert not listed["orders"], listed
        cancelled = self._cancelled()
        assert len(cancelled) == 1 and f"{RESTING} orders cancelled" in str(cancelled), cancelled
