#!/usr/bin/env python3
"""Run the Verifpal twin of the handshake model and its attacked mutant.

Passes only if every query of handshake.vp holds and every query of handshake-unbound.vp fails.
Verifpal's search is bounded: a query that holds means no attack within that many sessions.

Exit status: 0 as expected; 1 a verdict differs, or the two models have drifted apart; 2 wrong
usage, or --require was given and Verifpal is not installed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
# Two runs of every principal, the least that makes replay between sessions reachable.
SESSIONS = 2
# The honest model takes 1 to 2 minutes on one core; the mutant is broken in under a second.
DEFAULT_TIMEOUT_S = 1200

HONEST, UNBOUND = "handshake.vp", "handshake-unbound.vp"
SURVIVES_UNBOUND = ("authentication? Gateway -> Client: welcome_record", "freshness? n_g")
BROKEN_UNBOUND = (
    "confidentiality? tok",
    "confidentiality? rk",
    "authentication? Client -> Gateway: hello_record",
    "authentication? Client -> Gateway: ready_record",
)
# Model -> query -> whether an attack must be found.
EXPECT = {
    HONEST: dict.fromkeys(BROKEN_UNBOUND + SURVIVES_UNBOUND, False),
    UNBOUND: dict.fromkeys(BROKEN_UNBOUND, True),
}
# All that the mutant changes, apart from its head and the queries it leaves out.
UNBOUND_EDITS = (
    ("HASH(l_hello, cb_c, HASH(hello))", "HASH(l_hello, HASH(hello))"),
    ("HASH(l_hello, cb_g, HASH(hello_g))", "HASH(l_hello, HASH(hello_g))"),
)


@dataclass
class Run:
    """What is asked of one model and what came of it."""

    model: str
    problems: list
    seconds: float = 0.0


def body(text):
    """A model without its leading comment."""
    return text[text.index("attacker[active]") :]


def drift(honest, unbound):
    """Problems, empty when the mutant is the honest model with its stated edits applied."""
    text = body(honest)
    for old, new in UNBOUND_EDITS:
        if text.count(old) != 1:
            return [f"{HONEST}: {old} occurs {text.count(old)} times, not once"]
        text = text.replace(old, new)
    for query in SURVIVES_UNBOUND:
        if text.count(f"\t{query}\n") != 1:
            return [f"{HONEST}: query {query} is missing"]
        text = text.replace(f"\t{query}\n", "")
    return [] if text == body(unbound) else [f"{UNBOUND} is not {HONEST} with the channel value left out of hello"]


def judge(expect, output):
    """Compare Verifpal's JSON report on one model with what must come out."""
    try:
        model = json.loads(output)["models"][0]
        if not model["ok"]:
            return [f"not analysed: {model.get('error')}"]
        queries = model["analysis"]["queries"]
        found = {q["query"]: (q["resolved"], q["envelope"]["exhausted"]) for q in queries}
        sessions = model["analysis"]["sessions"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return [f"report not understood: {error!r}"]
    problems = []
    if sessions != SESSIONS:
        problems.append(f"analysed with {sessions} sessions, not {SESSIONS}")
    if len(found) != len(queries) or found.keys() != expect.keys():
        problems.append(f"queries are {sorted(found)}, not {sorted(expect)}")
    for query, broken in expect.items():
        attacked, exhausted = found.get(query, (None, False))
        if attacked is None:
            continue
        if attacked != broken:
            problems.append(f"{query} must {'fail' if broken else 'hold'}, does not")
        elif not broken and not exhausted:
            problems.append(f"{query} holds only because the search was cut short")
    return problems


def analyse(tool, model, timeout):
    start = time.monotonic()
    words = [tool, "verify", model, "--sessions", str(SESSIONS), "--format", "json"]
    try:
        # stdout is a pipe, so Verifpal does not look for updates of itself.
        done = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Run(model, [f"no answer within {timeout:.0f} s"], time.monotonic() - start)
    except OSError as error:
        return Run(model, [f"cannot run {tool}: {error.strerror}"])
    problems = judge(EXPECT[model], done.stdout)
    if done.returncode != 0:
        problems.insert(0, f"verifpal ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return Run(model, problems, time.monotonic() - start)


def report(run, count):
    state = "FAIL" if run.problems else "ok  "
    kind = "must fail" if run.model == UNBOUND else "must hold"
    print(f"{state} {run.model:<21} {count} queries, all {kind} {run.seconds:6.0f} s", flush=True)
    for problem in run.problems:
        print(f"       {problem}", flush=True)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifpal", metavar="PATH", help="the tool (else $VERIFPAL, else `verifpal` on PATH)")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds per model")
    parser.add_argument("--require", action="store_true", help="exit 2 when Verifpal is not installed")
    parser.add_argument("--self-check", action="store_true", help="test this script itself; needs no Verifpal")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    if options.self_check:
        import verifpal_self_check

        return verifpal_self_check.check()
    problems = drift((FOLDER / HONEST).read_text(encoding="utf-8"), (FOLDER / UNBOUND).read_text(encoding="utf-8"))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    named = options.verifpal or os.environ.get("VERIFPAL")
    tool = shutil.which(named or "verifpal")
    if tool is None:
        what = f"{named} cannot be run" if named else "Verifpal is not installed"
        print(f"{what}: the two models belong together, but their queries were NOT checked")
        return 2 if options.require or named else 0
    # The path may be relative to where we were started; the analysis runs in our own folder.
    tool = str(Path(tool).absolute())
    bad = 0
    for model in (UNBOUND, HONEST):
        run = analyse(tool, model, options.timeout)
        report(run, len(EXPECT[model]))
        bad += bool(run.problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
