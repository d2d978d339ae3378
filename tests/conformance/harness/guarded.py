"""A gateway in front of a counting venue: what is forwarded can be counted, and deadlines are short enough to wait for, long enough for a test that stands still for a moment."""

from .counted import Counted

CONFIGURATION = """
[limits]
handshake_deadline = "5s"
unauthenticated_deadline = "5s"
head_deadline = "5s"
body_deadline = "5s"
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


class Guarded(Counted):
    """The gateway and the venue behind it."""

    configuration = CONFIGURATION
