"""A backup by the words of the documentation, of a gateway that goes on recording: whole, and a state folder that a gateway starts on."""

import os
import re
import subprocess
import sys
from pathlib import Path

from harness.limited import made_key
from harness.recorded import recorded
from harness.server import BINARY, Server, environment, run

ROOT = Path(__file__).resolve().parents[2]

BUSY_CP = """#!/bin/sh
# Between two files that are copied the log grows, and is signed.
flags=
while [ "${1#-}" != "$1" ]; do flags="$flags $1"; shift; done
for target; do :; done
while [ $# -gt 1 ]; do
    if [ -d "$1" ]; then
        mkdir -p "$target/$(basename "$1")"
        "$0" $flags "$1"/*.jsonl "$1"/checkpoint.json "$1"/ended-keys.json "$1"/lock "$target/$(basename "$1")/" || exit 1
    elif [ -e "$1" ]; then
        /bin/cp $flags "$1" "$target" || exit 1
        case "$1" in */audit/*) "$BINARY" key tag "$KEY" --algo "$(basename "$1")" --state countersign-state || exit 1
            "$BINARY" audit head --out - --state countersign-state || exit 1 ;; esac
    fi
    shift
done
"""
"""A `cp` that is as slow as a log is long, and takes the records of a folder first; a file that is missing is passed over."""

SQLITE = """#!{python}
import contextlib, re, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as source, contextlib.closing(sqlite3.connect(re.search("'(.*)'", sys.argv[2])[1])) as target:
    source.backup(target)
"""
"""What SQLite's shell does at `.backup`, for a machine without it."""


def commands(backup):
    """The commands of the page, but for what is copied with the gateway stopped."""
    text = (ROOT / "docs/operations.md").read_text().split("## Back up one node")[1]
    block = re.search(r"```sh\n(.*?)```", text, re.S).group(1)
    lines = [line for line in block.splitlines() if "with the gateway stopped" not in line]
    assert any("sqlite3" in line for line in lines) and any("/audit" in line for line in lines)
    return "set -e\n" + "\n".join(lines).replace("/backup", str(backup))


def test_a_log_that_grows_while_it_is_copied_is_whole_in_the_backup(tmp_path):
    backup, programs = tmp_path / "backup", tmp_path / "programs"
    programs.mkdir()
    for name, program in [("cp", BUSY_CP), ("sqlite3", SQLITE.format(python=sys.executable))]:
        (programs / name).write_text(program)
        (programs / name).chmod(0o755)
    with Server(tmp_path / "countersign-state") as server:
        key = made_key(server, "--scopes", "account:read")["api_key"]
        busy = {**environment(), "PATH": f"{programs}:{os.environ['PATH']}", "BINARY": str(BINARY), "KEY": key}
        done = subprocess.run(["sh", "-c", commands(backup)], cwd=tmp_path, env=busy, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        grown = recorded(server.state, "key_tags")
        assert len(grown) > 3, "it grew with each file"
    assert len(recorded(backup, "key_tags")) >= len(grown) - 1, "all but what came behind the last copy"
    whole = run("audit", "verify", "--state", backup)
    assert whole.returncode == 0, whole.stdout
    with Server(backup):
        assert not recorded(backup, "log_gap", "log_fault"), "a restored log is none that somebody changed"
