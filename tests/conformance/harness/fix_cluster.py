"""Three nodes with FIX sessions, in front of a paper venue that outlives them, or of a QuickFIX engine."""

import contextlib
import json
from collections import Counter

from .cluster import Wire
from .fix import FixClient, coinbase_logon, deribit_logon
from .operators import known_to_all
from .ports import kept_port
from .recorded import recorded
from .three import SETTINGS, Cluster
from .upgrade import VenueWithFix
from .waiting import until

CANCELS, KEEPS = [(9001, "Y")], [(9001, "N")]
SYMBOL = "BTC_USDT"


class FixNodes(Cluster):
    def __init__(self, folder, fix_port, more=""):
        self.configuration = f'{SETTINGS}fix = "127.0.0.1:{fix_port}"\n{more}'
        super().__init__(folder)

    def new_key(self, account, purpose="deribit"):
        first = self.nodes[0]
        first.command("account", "new", account)
        kind = ["--purpose", purpose, "--kind", "HS256", "--scopes", "order:read,order:write"]
        rate = ["--weight-per-minute", "1000000", "--orders-per-10s", "1000000"]
        made = json.loads(first.command("key", "new", "--account", account, *kind, *rate))
        known_to_all(self.nodes)
        return made

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

    def log_on_as_at_coinbase(self, node, sender, key, more=()):
        client = FixClient(node.server, sender, "Coinbase", version="FIXT.1.1")
        coinbase_logon(client, key, [(553, key["api_key"]), (1137, "9"), *more])
        client.expect("A")
        return client

    def renewed(self):
        """Until all sessions with a will have been renewed."""
        leases = "SELECT min(leased) FROM fix_journals WHERE will IS NOT NULL"
        before = int(self.postgres.sql("cluster", leases))
        until(lambda: int(self.postgres.sql("cluster", leases)) > before)

    def wills(self):
        """Sessions for which somebody would cancel if their node was lost."""
        return int(self.postgres.sql("cluster", "SELECT count(*) FROM fix_journals WHERE will IS NOT NULL"))

    def lost(self, why="node lost"):
        """What the nodes have on record about orders of sessions whose node was lost, or that ended for another reason."""
        details = [record["detail"] for node in self.nodes for record in recorded(node.state, "cancel_on_disconnect")]
        return Counter(detail for detail in details if why in detail)


class FixCluster(FixNodes):
    """As at Deribit, in front of a paper venue behind a door."""

    def __init__(self, folder):
        # The venue trusts keys that the first node makes, and has another address than its door.
        self.door = Wire(1)
        self.paper = None
        super().__init__(folder, self.door.port)

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

    def __exit__(self, *_):
        self.door.close()
        if self.paper:
            self.paper.stop()
        super().__exit__()


class QuickFixCluster(FixNodes):
    """In front of whoever listens at `fix_port` as VENUE."""

    def __init__(self, folder):
        with contextlib.ExitStack() as held:
            self.fix_port = held.enter_context(kept_port())
            super().__init__(folder, self.fix_port, 'fix_target = "VENUE"\n')
            self.held = held.pop_all()

    def __exit__(self, *arguments):
        with self.held:
            super().__exit__(*arguments)


def state(client, name, symbol=SYMBOL):
    """OrdStatus of an order, as the venue has it now; reports of what happened while nobody was there come first."""
    client.send("H", [(11, name), (55, symbol), (54, "1")])
    while True:
        report = client.expect("8")
        if report.get(150) in (b"I", b"8"):
            return report.get(39).decode()
