#!/usr/bin/env python3
"""Run the ProVerif models of handshake, resumption and renewal and their mutants, and compare with what must come out.

Fails when a goal of a base model is not proved, or when a variant made to be attacked is not.
Without ProVerif it still checks that every variant can be derived from its model.

Exit status: 0 as expected; 1 a verdict differs or a variant cannot be derived; 2 wrong usage,
or --require was given and ProVerif is not installed.
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
sys.path.insert(0, str(FOLDER))

from models import MODELS, model_of  # noqa: E402
from tables import RecordError, recorded, tables  # noqa: E402

# The slowest variant took 74 minutes beside much other work; a prover that diverges must still end.
DEFAULT_TIMEOUT_S = 7200
# ProVerif's three verdicts, by how its RESULT line ends.
ENDINGS = ((" is true.", "T"), (" is false.", "F"), (" cannot be proved.", "?"))


class DerivationError(Exception):
    """An edit does not apply as stated: model and variants have drifted apart."""


class ResultError(Exception):
    """ProVerif's answer is not one verdict for each query of the variant."""


@dataclass
class Outcome:
    """What one variant did: its verdict letters, or why there are none."""

    name: str
    expect: str
    verdicts: str = ""
    seconds: float = 0.0
    problems: list = field(default_factory=list)

    @property
    def good(self):
        return not self.problems


def derive(variant, base=None):
    """The text of a variant of its model, or of another base: each edit must find its text exactly as often as it says."""
    text = model_of(variant).text if base is None else base
    for edit in variant.edits:
        found = text.count(edit.old)
        if found != edit.count:
            head = edit.old.strip().splitlines()[0]
            raise DerivationError(f"{variant.name}: {head!r} occurs {found} times, not {edit.count}")
        text = text.replace(edit.old, edit.new)
    return text


def parse_results(output, queries):
    """Verdict letter per query name. Lines in parentheses are ProVerif's remarks about weaker
    forms of a query ("but non-injectively it is true") and are not verdicts."""
    verdicts = {}
    for line in output.splitlines():
        if not line.startswith("RESULT ") or line.startswith("RESULT ("):
            continue
        statement = line.removeprefix("RESULT ")
        query = next((q for q in queries if statement.startswith(q.result_prefix)), None)
        letter = next((l for ending, l in ENDINGS if statement.endswith(ending)), None)
        if query is None or letter is None:
            raise ResultError(f"not understood: {line}")
        if query.name in verdicts:
            raise ResultError(f"{query.name} has two verdicts")
        verdicts[query.name] = letter
    return verdicts


def judge(expect, verdicts, queries):
    """Compare letters; returns the list of differences, empty when all is as it must be."""
    problems = []
    for query, wanted in zip(queries, expect, strict=True):
        got = verdicts.get(query.name, "-")
        if got == wanted or (wanted == "?" and got == "F"):
            continue
        problems.append(f"{query.name} must be {spell(wanted)}, is {spell(got)}")
    return problems


def spell(letter):
    return {"T": "true", "F": "false", "?": "not proved", "-": "absent"}[letter]


def letters(verdicts, queries):
    return "".join(verdicts.get(query.name, "-") for query in queries)


def run_variant(variant, text, prover, folder, timeout):
    outcome = Outcome(variant.name, variant.expect)
    model = Path(folder) / f"{variant.name}.pv"
    model.write_text(text, encoding="utf-8")
    start = time.monotonic()
    try:
        done = subprocess.run(
            [prover, str(model)], capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        outcome.problems.append(f"no answer within {timeout:.0f} s")
        return outcome
    except OSError as error:
        outcome.problems.append(f"cannot run {prover}: {error.strerror}")
        return outcome
    outcome.seconds = time.monotonic() - start
    queries = model_of(variant).queries
    try:
        verdicts = parse_results(done.stdout, queries)
    except ResultError as error:
        outcome.problems.append(str(error))
        return outcome
    outcome.verdicts = letters(verdicts, queries)
    outcome.problems = judge(variant.expect, verdicts, queries)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        outcome.problems.insert(0, f"prover ended with {done.returncode}: {said[-1] if said else 'no output'}")
    return outcome


def run_all(variants, prover, timeout, jobs, ended=lambda outcome: None):
    """`ended` is told of each outcome as it comes."""
    texts = {variant.name: derive(variant) for variant in variants}
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="countersign-formal-") as folder:
        with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
            running = [pool.submit(run_variant, v, texts[v.name], prover, folder, timeout) for v in variants]
            for future in concurrent.futures.as_completed(running):
                outcome = future.result()
                report(outcome)
                ended(outcome)
                outcomes.append(outcome)
    order = [variant.name for variant in variants]
    return sorted(outcomes, key=lambda outcome: order.index(outcome.name))


def report(outcome):
    state = "ok  " if outcome.good else "FAIL"
    print(f"{state} {outcome.name:<14} {outcome.verdicts or '(none)':<10} {outcome.seconds:6.0f} s", flush=True)
    for problem in outcome.problems:
        print(f"       {problem}", flush=True)


def record(outcome):
    """Put the row of a variant into RESULTS.md, unless the prover broke off."""
    if outcome.verdicts.strip("-"):
        RESULTS.write_text(recorded(RESULTS.read_text(encoding="utf-8"), outcome), encoding="utf-8")


def find_prover(wanted):
    """Path of ProVerif: option, then environment, then PATH. A path that was named must work."""
    named = wanted or os.environ.get("PROVERIF")
    return shutil.which(named or "proverif"), named


def prover_version(prover):
    try:
        said = subprocess.run([prover, "-help"], capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        return "of unknown version"
    match = re.search(r"Proverif (\d[\w.]*?)\.? ", said.stdout + said.stderr)
    return match.group(1) if match else "of unknown version"


def every_variant():
    return [variant for model in MODELS for variant in model.variants]


def list_variants():
    for model in MODELS:
        print(f"{model.file:<14} " + " ".join(query.name for query in model.queries))
        for variant in model.variants:
            print(f"{variant.name:<14} " + "  ".join(variant.expect) + f"   {variant.title}")


def chosen(names):
    known = {variant.name: variant for variant in every_variant()}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        print(f"no variant named {', '.join(unknown)}; see --list", file=sys.stderr)
        raise SystemExit(2)
    return [known[name] for name in names] if names else list(known.values())


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list the variants and the verdicts that must come out")
    parser.add_argument("--show", metavar="NAME", help="print the derived text of one variant")
    parser.add_argument("--only", metavar="NAME", action="append", help="run this variant only (may be repeated)")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds per variant")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="provers at the same time")
    parser.add_argument("--proverif", metavar="PATH", help="the prover (else $PROVERIF, else `proverif` on PATH)")
    parser.add_argument("--require", action="store_true", help="exit 2 when ProVerif is not installed")
    parser.add_argument("--markdown", metavar="FILE", help="write the verdict tables to FILE")
    parser.add_argument("--record", action="store_true", help="put each row into RESULTS.md as its variant ends")
    parser.add_argument("--self-check", action="store_true", help="test this script itself; needs no prover")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    if options.self_check:
        import self_check

        return self_check.check()
    if options.list:
        list_variants()
        return 0
    if options.show:
        print(derive(chosen([options.show])[0]), end="")
        return 0
    variants = chosen(options.only)
    try:
        for variant in every_variant():
            derive(variant)
    except DerivationError as error:
        print(f"cannot derive {error}", file=sys.stderr)
        return 1
    prover, named = find_prover(options.proverif)
    if prover is None:
        what = f"{named} cannot be run" if named else "ProVerif is not installed"
        print(f"{what}: derived {len(every_variant())} variants, but did NOT check a goal nor that mutants are refuted")
        return 2 if options.require or named else 0
    print(f"ProVerif {prover_version(prover)}: {len(variants)} variants, {options.jobs} at a time")
    try:
        outcomes = run_all(variants, prover, options.timeout, max(1, options.jobs), record if options.record else lambda _: None)
    except RecordError as error:
        print(f"cannot record: {error}", file=sys.stderr)
        return 1
    if options.markdown:
        Path(options.markdown).write_text(tables(outcomes) + "\n", encoding="utf-8")
    bad = [outcome.name for outcome in outcomes if not outcome.good]
    print(f"{len(outcomes) - len(bad)} as expected, {len(bad)} not" + (f": {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
