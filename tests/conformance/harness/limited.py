"""Credentials with less than the demo account has, made with the command line of the product."""

import json

from .server import run


def made_key(server, *arguments):
    """`countersign key new` on the running server's state; returns the record as the demo files have it."""
    done = run("key", "new", "--state", server.state, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_only_key(server):
    """A Binance HMAC key of the demo account that may read but not trade."""
    return made_key(server, "--account", "demo", "--kind", "binance-hmac", "--scopes", "md:read,account:read,order:read")
