"""Credentials with less than the demo account has, made with the command line of the product."""

import json

from .server import run


def made_key(server, *arguments, kind="HS256", purpose="binance"):
    """`countersign key new` on the running server's state; returns the credential file."""
    done = run("key", "new", "--state", server.state, "--account", "demo", "--purpose", purpose, "--kind", kind, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_only_key(server):
    """A Binance HMAC key of the demo account that may read but not trade."""
    return made_key(server, "--scopes", "md:read,account:read,order:read")
