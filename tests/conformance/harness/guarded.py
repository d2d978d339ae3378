"""A gateway in front of a counting venue: what is forwarded can be counted, and deadlines are short."""

from .server import Server
from .venue import CountingVenue

CONFIGURATION = """
[limits]
handshake_deadline = "1s"
unauthenticated_deadline = "1s"
head_deadline = "1s"
body_deadline = "2s"
connections_per_source_max = 24

[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
name = "open"
path = "/open"
methods = ["GET", "POST"]
public = true

[[route]]
name = "place"
path = "/api/v3/order"
methods = ["POST", "DELETE"]
scope = "order:write"
dialect = "binance"

[[route]]
name = "account"
path = "/api/v3/account"
scope = "account:read"
dialect = "binance"

[[route]]
name = "certified"
path = "/certified"
scope = "account:read"
dialect = "client-certificate"
"""


class Guarded:
    """The gateway and the venue behind it."""

    def __init__(self, folder):
        self.venue = CountingVenue()
        config = folder / "gateway.toml"
        config.write_text(CONFIGURATION.format(port=self.venue.port))
        self.server = Server(folder / "state", config=config)

    def __enter__(self):
        self.venue.__enter__()
        try:
            self.server.start()
        except BaseException:
            self.venue.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.venue.__exit__()
