"""Three gateways with one PostgreSQL and one Redis, in front of a venue that counts; the wires of a node can be cut."""

import contextlib
import http.client
import json
import shutil
import socket
from pathlib import Path

from .postgres import Postgres
from .recorded import recorded
from .redis import Redis
from .server import Server, run
from .venue import CountingVenue
from .wire import Wire

SHARED_FILES = ["ca.pem", "ca-key.pem", "gateway-root-key.pem", "gateway-key.pem", "gateway-delegation.txt", "sealing.key"]

SETTINGS = """
[cluster]
node = "{name}"
database = "{database}"
redis = "{redis}"
redis_timeout = "500ms"

[limits]
drain_deadline = "5s"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
"""

CONFIGURATION = SETTINGS + """
[[route]]
name = "place"
path = "/api/v3/order"
methods = ["POST"]
scope = "order:write"
dialect = "binance"
upstream = "venue"

[[route]]
name = "cancel"
path = "/api/v3/order"
methods = ["DELETE"]
scope = "order:write"
dialect = "binance"
upstream = "venue"

[[route]]
name = "account"
path = "/api/v3/account"
scope = "account:read"
dialect = "binance"
upstream = "venue"
"""


class Node:
    """A gateway of the cluster."""

    def __init__(self, cluster, name, first=None, **extra):
        self.cluster, self.name = cluster, name
        self.state = cluster.folder / name
        self.wires = [Wire(cluster.postgres_socket), Wire(cluster.memory.folder / "socket")] if cluster.cuts else []
        if first:
            self.state.mkdir(mode=0o700)
            for file in SHARED_FILES:
                shutil.copy2(first.state / file, self.state / file)
        config = cluster.folder / f"{name}.toml"
        database, redis = cluster.database, cluster.memory.url
        if self.wires:
            database = f"postgresql://countersign@127.0.0.1:{self.wires[0].port}/cluster?sslmode=disable"
            redis = f"redis://127.0.0.1:{self.wires[1].port}"
        config.write_text(cluster.configuration.format(name=name, database=database, redis=redis, venue=cluster.venue.port))
        self.server = Server(self.state, config=config, limits_files=True, **extra)
        try:
            self.server.start()
        except BaseException:
            for wire in self.wires:
                wire.close()
            raise

    def command(self, *arguments):
        done = run(*arguments, "--state", self.state)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}\n{self.server.said()}"
        return done.stdout

    def halts(self):
        return [halt["id"] for halt in json.loads(self.command("halt", "status", "--json"))["halts"]]

    def degraded(self):
        """What it tells operators that is wrong with it."""
        return json.loads(self.shown("/readyz")).get("degraded", [])

    def shown(self, path):
        """What its operator port answers."""
        # Not by TLS: a clock that is wrong from the start calls certificates expired.
        link = http.client.HTTPConnection("localhost")
        link.sock = socket.socket(socket.AF_UNIX)
        with contextlib.closing(link):
            link.sock.connect(str(self.state / "operator.sock"))
            link.request("GET", path)
            return link.getresponse().read().decode()

    def accepted(self, route):
        """How many requests of a route its audit log has."""
        return sum(record.get("route") == route for record in recorded(self.state, "accept"))

    def cut(self):
        """The network between this node and both servers is gone."""
        for wire in self.wires:
            wire.cut()

    def mend(self):
        for wire in self.wires:
            wire.mend()

    def restart(self):
        self.server.kill()
        self.server.start()


class Cluster:
    """Started with the first `with`; whatever a test broke is mended by the test."""

    configuration = CONFIGURATION
    cuts = True
    """Whether wires are to be cut: what goes over them goes through one process more."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.postgres_socket = self.folder / "postgres.socket"
        self.use(Postgres())
        self.database = self.postgres.database("cluster")
        self.memory = Redis(self.folder / "redis").start()
        self.venue = CountingVenue()
        self.nodes = []

    def use(self, postgres):
        """New connections of the nodes lead to this server, where they go over wires."""
        self.postgres = postgres
        self.postgres_socket.unlink(missing_ok=True)
        self.postgres_socket.symlink_to(postgres.folder / ".s.PGSQL.5432")

    def __enter__(self):
        self.venue.__enter__()
        try:
            for name in "abc":
                self.nodes.append(Node(self, name, self.nodes[0] if self.nodes else None))
            self.memory.age()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.mend()
            node.server.kill()
            for wire in node.wires:
                wire.close()
        self.venue.__exit__()
        self.memory.resume()
        self.memory.kill()
        self.postgres.close()

    def new_key(self, account):
        """A key that all nodes know; what `key new` prints."""
        first = self.nodes[0]
        first.command("account", "new", account)
        kind = ["--purpose", "binance", "--kind", "HS256", "--scopes", "order:write,order:read,account:read"]
        rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
        return json.loads(first.command("key", "new", "--account", account, *kind, *rate))

    def last_order(self, name):
        """When the last order whose name begins so reached the venue."""
        arrived = zip(self.venue.came, self.venue.seen)
        return max(when for when, (method, target, _, _) in arrived if method == "POST" and f"newClientOrderId={name}" in target)

    def orders(self, since=0):
        """The names of the orders that reached the venue."""
        return [target.split("newClientOrderId=")[1].split("&")[0] for method, target, _, _ in self.venue.seen[since:] if method == "POST" and "newClientOrderId=" in target]
