"""What each unmodified client could do, and what it raised when it was refused: told by the tests, written as JSON at the end.

`COUNTERSIGN_INTEROP` names the file. `cargo xtask interop` makes docs/interop.md of it, and the conformance level refuses a page that is not
what its run says. A client that lacks an operation must give the reason; a cell without result or reason is a hole, and an error there.
"""

import json
import os
from pathlib import Path

import pytest

from . import javascript

FOLDER = Path(__file__).parents[1]

#: What is asked of every client, in the order of the table.
WORKS = ["markets", "balance", "ticker", "book", "orders", "ticker stream", "order stream"]
#: What is asked of the clients that have a test of it, in the order of a table of their own.
MORE = ["change", "several", "cancel all", "own trades"]
REFUSED = ["wrong secret", "wrong clock", "missing scope", "replay"]

#: What is asked of every FIX client.
FIX_WORKS = ["logon", "order", "replace", "cancel", "status", "prices", "resend"]
FIX_REFUSED = ["wrong secret", "wrong clock", "missing scope", "replayed logon"]


def versions(*files):
    """The pinned versions, by package name in lower case."""
    lines = [line for name in files for line in (FOLDER / name).read_text().splitlines()]
    pinned = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, version in pinned}


def class_name(kind):
    """A class as its users import it: `ccxt.AuthenticationError`."""
    module = kind.__module__.split(".")[0]
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


class Interop:
    """The rows so far."""

    def __init__(self):
        self.rows = {}
        self.versions = versions("requirements.txt", "requirements-coinbase.txt")
        self.versions["binance-futures-connector"] = versions("requirements-bitmex.txt")["binance-futures-connector"]
        #: A package of which one client needs another version, by that client.
        self.others = {"ccxt.bitmex": versions("requirements-bitmex.txt")["ccxt"]}
        self.scripts = javascript.versions()

    def _version(self, name):
        """Of a client; those in JavaScript say so."""
        if name.startswith("npm:"):
            script = name.removeprefix("npm:")
            return self.scripts.get(script) or self.scripts[script.split(".")[0]]
        return self.others.get(name) or self.versions[name.split(".")[0].lower()]

    def _tell(self, client, venue, operation, **what):
        name, _, _ = client.partition(" ")
        self.rows[venue, client, operation] = {"client": client, "version": self._version(name), "venue": venue, "operation": operation, **what}

    def works(self, client, venue, *operations):
        """The client did these."""
        for operation in operations:
            assert operation in WORKS + MORE, operation
            self._tell(client, venue, operation, outcome="works")

    def refused(self, client, venue, operation, raised, code, expected):
        """The client raised `raised`, with the venue's `code`; `expected` is what it raises at the venue."""
        assert operation in REFUSED, operation
        self._tell(client, venue, operation, outcome="refused", raised=raised, code=str(code), expected=expected)

    def none(self, client, venue, operation, reason):
        """The client or the venue has no such thing."""
        self._tell(client, venue, operation, outcome="none", reason=reason)

    def fix_works(self, client, *operations):
        """The FIX client did these."""
        for operation in operations:
            assert operation in FIX_WORKS, operation
            self._tell(client.name, client.login.purpose, operation, fix=True, outcome="works")

    def fix_refused(self, client, operation, told, words, expected):
        """The FIX client was told this; `expected` is what the venue tells."""
        assert operation in FIX_REFUSED, operation
        self._tell(client.name, client.login.purpose, operation, fix=True, outcome="refused", raised=told, code=words, expected=expected)

    def fix_none(self, client, operation, reason):
        """There is no such thing at this Logon."""
        assert operation in FIX_REFUSED, operation
        self._tell(client.name, client.login.purpose, operation, fix=True, outcome="none", reason=reason)

    def write(self, path):
        order = {operation: place for place, operation in enumerate(WORKS + MORE + REFUSED + FIX_WORKS + FIX_REFUSED)}
        rows = sorted(self.rows.values(), key=lambda row: (row["venue"], row["client"], order[row["operation"]]))
        fix = {"works": FIX_WORKS, "refused": FIX_REFUSED, "rows": [row for row in rows if row.get("fix")]}
        rest = {"works": WORKS, "more": MORE, "refused": REFUSED, "rows": [row for row in rows if not row.get("fix")]}
        Path(path).write_text(json.dumps({**rest, "fix": fix}, indent=1) + "\n")


class Plugin:
    """Keeps the rows of one session."""

    def __init__(self):
        self.interop = Interop()

    @pytest.fixture(scope="session", name="interop")
    def told(self):
        """Where a test tells what its client did."""
        return self.interop

    def pytest_sessionfinish(self, session):
        told = getattr(session.config, "workeroutput", None)
        if told is not None:
            # One process of several: the first one writes what all of them were told.
            told["interop"] = list(self.interop.rows.values())
            return
        path = os.environ.get("COUNTERSIGN_INTEROP")
        if path:
            self.interop.write(path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        for row in getattr(node, "workeroutput", {}).get("interop", []):
            self.interop.rows[row["venue"], row["client"], row["operation"]] = row
