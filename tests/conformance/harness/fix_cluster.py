"""Three nodes with FIX sessions as at Deribit, in front of a paper venue that outlives them."""

import json
from collections import Counter

from .cluster import Wire
from .fix import FixClient, deribit_logon
from .three import Cluster
from .upgrade import VenueWithFix

CONFIGURATION = """
[cluster]
node = "{name}"
database = "{database}"
redis = "{redis}"
redis_timeout = "500ms"

[limits]
drain_deadline = "5s"

[upstream.venue]
url = "http://127.0.0.1:{venue}"
fix = "127.0.0.1:FIX_PORT"
"""

CANCELS, KEEPS = [(9001, "Y")], [(9001, "N")]
SYMBOL = "BTC_USDT"


class FixCluster(Cluster):
    def __init__(self, folder):
        # The venue trusts keys that the first node makes, and has another address than its door.
        self.door = Wire(1)
        self.configuration = CONFIGURATION.replace("FIX_PORT", str(self.door.port))
        self.paper = None
        super().__init__(folder)

    def __enter__(self):
        super().__enter__()
        try:
            self.paper = VenueWithFix(self.nodes[0].state / "jwks.json")
            self.door.lead_to(self.paper.fix)
            self.key = self.new_key("fix")
        except BaseException:
            self.__exit__()
            raise
        return self

    def new_key(self, account):
        first = self.nodes[0]
        first.command("account", "new", account)
        kind = ["--purpose", "deribit", "--kind", "HS256", "--scopes", "order:read,order:write"]
        rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
        return json.loads(first.command("key", "new", "--account", account, *kind, *rate))

    def __exit__(self, *_):
        self.door.close()
        if self.paper:
            self.paper.stop()
        super().__exit__()

    def log_on(self, node, sender, more, key=None, next_out=None):
        """With numbers from 1, or from the one that is next."""
        client = self.presents(node, sender, more, key, next_out)
        client.expect("A")
        return client

    def presents(self, node, sender, more, key=None, next_out=None):
        """A client that has sent its Logon."""
        client = FixClient(node.server, sender, "DERIBITSERVER", next_out=next_out or 1)
        deribit_logon(client, key or self.key, more=more, reset=next_out is None)
        return client

    def wills(self):
        """Sessions for which somebody would cancel if their node was lost."""
        return int(self.postgres.sql("cluster", "SELECT count(*) FROM fix_journals WHERE will IS NOT NULL"))

    def lost(self, why="node lost"):
        """What the nodes have on record about orders of sessions whose node was lost, or that ended for another reason."""
        found = []
        for node in self.nodes:
            for file in sorted((node.state / "audit").glob("audit-*.jsonl")):
                lines = [line for line in file.read_text(errors="replace").splitlines() if '"cancel_on_disconnect"' in line]
                found += [record["detail"] for record in map(json.loads, lines) if why in record["detail"]]
        return Counter(found)


def state(client, name):
    """OrdStatus of an order, as the venue has it now; reports of what happened while nobody was there come first."""
    client.send("H", [(11, name), (55, SYMBOL), (54, "1")])
    while True:
        report = client.expect("8")
        if report.get(150) in (b"I", b"8"):
            return report.get(39).decode()
