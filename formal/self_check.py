"""Tests of run.py that need no prover: `python3 formal/run.py --self-check`.

A checker that cannot fail checks nothing, so most of these feed it a wrong answer: a stand-in
prover prints verdicts from a table, one of them inverted, and the run must then fail.
"""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

import run
import tables
from models import MODELS, model_of
from variants import Edit

VARIANTS = run.every_variant()
RESULTS = run.FOLDER / "RESULTS.md"
SAYS = {"T": " is true.", "F": " is false.", "?": " cannot be proved."}
# A stand-in prover: answers with the RESULT lines kept in a file named like the model.
STAND_IN = """#!{python}
import sys, pathlib
if sys.argv[1] == "-help":
    print("Proverif 0.00. A stand-in")
else:
    name = pathlib.Path(sys.argv[1]).stem
    print((pathlib.Path(__file__).parent / (name + ".answer")).read_text())
"""


def answer(letters, queries):
    """What ProVerif would print for these verdicts, its remarks included."""
    lines = ["-- Query in process 1.", "RESULT (but event(x) ==> event(y) is true.)"]
    for query, letter in zip(queries, letters, strict=True):
        if letter != "-":
            lines.append(f"RESULT {query.result_prefix}pk(s_2),t)) ==> event(LeakC(pk(s_2))){SAYS[letter]}")
    return "\n".join(lines)


def inverted(letters, place):
    other = "F" if letters[place] == "T" else "T"
    return letters[:place] + other + letters[place + 1 :]


class Derivation(unittest.TestCase):
    def test_every_variant_derives_and_no_two_are_equal(self):
        texts = [run.derive(variant) for variant in VARIANTS]
        self.assertEqual(len(set(texts)), len(VARIANTS))

    def test_refuses_an_edit_whose_text_is_gone_or_repeated(self):
        for count in (0, 2):
            edit = Edit("let hello = (pk(sk), gw, n, offer) in", "", count=count)
            with self.assertRaises(run.DerivationError):
                run.derive(replace(VARIANTS[0], edits=(edit,)), MODELS[0].text)

    def test_every_derived_text_asks_the_queries_it_is_judged_by(self):
        for variant in VARIANTS:
            text = run.derive(variant)
            asked = "".join("-" if f"(*{query.name}," not in text and f"(*{query.name}:" not in text else "x" for query in model_of(variant).queries)
            wanted = "".join("-" if letter == "-" else "x" for letter in variant.expect)
            self.assertEqual(asked, wanted, variant.name)


class Expectations(unittest.TestCase):
    def test_every_variant_has_a_verdict_for_every_query(self):
        names = [variant.name for variant in VARIANTS]
        self.assertEqual(len(set(names)), len(names))
        for variant in VARIANTS:
            self.assertEqual(len(variant.expect), len(model_of(variant).queries), variant.name)
            self.assertLessEqual(set(variant.expect), set("TF?-"), variant.name)

    def test_the_base_models_must_prove_every_goal(self):
        for model in MODELS:
            self.assertEqual(model.variants[0].edits, ())
            self.assertEqual(model.variants[0].expect, "T" * model.goals + "F" * (len(model.queries) - model.goals))

    def test_honest_runs_exist_in_every_variant(self):
        for model in MODELS:
            for variant in model.variants:
                self.assertEqual(variant.expect[model.goals], "F", variant.name)
                self.assertLessEqual(set(variant.expect[model.goals + 1 :]), set("F-"), variant.name)

    def test_every_goal_is_refuted_by_some_mutant(self):
        for model in MODELS:
            for place in range(model.goals):
                self.assertTrue(any(variant.expect[place] == "F" for variant in model.variants), model.queries[place].name)

    def test_results_tables_agree_with_the_expectations(self):
        rows = [line for line in RESULTS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
        cells = {row.split("|")[1].strip(" `"): [c.strip(" *") for c in row.split("|")[2:-1]] for row in rows}
        self.assertEqual(list(cells), [variant.name for variant in VARIANTS])
        for variant in VARIANTS:
            queries = model_of(variant).queries
            verdicts = dict(zip((query.name for query in queries), cells[variant.name]))
            self.assertEqual(run.judge(variant.expect, verdicts, queries), [], variant.name)


class Judging(unittest.TestCase):
    @staticmethod
    def judged(expect, letters, queries):
        return run.judge(expect, run.parse_results(answer(letters, queries), queries), queries)

    def test_accepts_the_expected_answer(self):
        for variant in VARIANTS:
            self.assertEqual(self.judged(variant.expect, variant.expect, model_of(variant).queries), [])

    def test_any_inverted_verdict_is_a_failure(self):
        for variant in VARIANTS:
            for place, letter in enumerate(variant.expect):
                if letter != "-":
                    wrong = inverted(variant.expect, place)
                    self.assertEqual(len(self.judged(variant.expect, wrong, model_of(variant).queries)), 1, (variant.name, place))

    def test_an_undecided_goal_or_mutant_is_a_failure(self):
        for model in MODELS:
            size = len(model.queries)
            for wanted in "TF":
                self.assertTrue(self.judged(wanted * size, "?" * size, model.queries))

    def test_a_missing_verdict_is_a_failure(self):
        for model in MODELS:
            self.assertEqual(len(run.judge("T" * len(model.queries), {}, model.queries)), len(model.queries))

    def test_remarks_are_not_verdicts(self):
        for model in MODELS:
            self.assertEqual(run.parse_results("RESULT (even event(a) ==> event(b) is false.)", model.queries), {})

    def test_refuses_results_it_does_not_know_or_sees_twice(self):
        for model in MODELS:
            size, queries = len(model.queries), model.queries
            twice = answer("T" * size, queries) + "\n" + answer("F" * size, queries)
            for output in (twice, "RESULT not attacker(k[]) is true.", f"RESULT {queries[0].result_prefix}x)) is odd."):
                with self.assertRaises(run.ResultError):
                    run.parse_results(output, queries)

    def test_no_query_is_taken_for_another(self):
        for model in MODELS:
            for query in model.queries:
                alike = [other for other in model.queries if query.result_prefix.startswith(other.result_prefix)]
                self.assertEqual(alike, [query])


class WholeRun(unittest.TestCase):
    """main() from argument to exit status, with a stand-in prover."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.prover = self.folder / "proverif"
        self.prover.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
        self.prover.chmod(self.prover.stat().st_mode | stat.S_IXUSR)

    def outcome(self, answers, *options):
        queries = {variant.name: model_of(variant).queries for variant in VARIANTS}
        for name, letters in answers.items():
            (self.folder / f"{name}.answer").write_text(answer(letters, queries[name]), encoding="utf-8")
        only = [word for name in answers for word in ("--only", name)]
        return self.quietly("--proverif", str(self.prover), *only, *options)

    @staticmethod
    def quietly(*argv):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = run.main(list(argv))
        return status, said.getvalue()

    def test_succeeds_when_every_verdict_is_as_expected(self):
        status, said = self.outcome({"base": "TTTTTTTFF", "m1": "FTFFTTFFF"}, "--jobs", "2")
        self.assertEqual(status, 0, said)

    def test_runs_variants_of_both_models_and_writes_a_table_for_each(self):
        report = self.folder / "tables.md"
        resume = MODELS[1].variants[0]
        status, said = self.outcome({"base": "TTTTTTTFF", resume.name: resume.expect}, "--markdown", str(report))
        self.assertEqual(status, 0, said)
        text = report.read_text(encoding="utf-8")
        self.assertEqual([f"`{name}`" in text for name in ("base", resume.name, "m1")], [True, True, False])
        self.assertEqual(self.outcome({resume.name: inverted(resume.expect, 1)})[0], 1)

    def test_rows_are_recorded_one_by_one_in_the_order_of_the_variants(self):
        results = self.folder / "RESULTS.md"
        older = run.Outcome("m1", "", "TTTTTTTTT", 7.0)
        head = "\n".join(tables.head(MODELS[0]))
        results.write_text(f"Before\n\n{head}\n{tables.rows_of([older])['m1']}\n\nAfter\n", encoding="utf-8")
        with mock.patch.object(run, "RESULTS", results):
            self.assertEqual(self.outcome({"base": "TTTTTTTFF", "m1": "FTFFTTFFF"}, "--record")[0], 0)
            lines = results.read_text(encoding="utf-8").splitlines()
            self.assertEqual([lines[0], lines[-1], len(lines)], ["Before", "After", 8])
            self.assertTrue(lines[4].startswith("| `base` | T | T |") and lines[5].startswith("| `m1` | **F** | T |"), lines)
            other = MODELS[1].variants[0]
            status, said = self.outcome({other.name: other.expect}, "--record")
        self.assertEqual(status, 1, "there is no table for it")
        self.assertIn("cannot record", said)

    def test_nothing_is_recorded_of_a_run_without_verdicts(self):
        results = self.folder / "RESULTS.md"
        results.write_text("\n".join(tables.head(MODELS[0])), encoding="utf-8")
        before = results.read_text(encoding="utf-8")
        self.prover.write_text(f"#!{sys.executable}\nraise SystemExit(2)\n", encoding="utf-8")
        with mock.patch.object(run, "RESULTS", results):
            self.assertEqual(self.outcome({"base": "TTTTTTTFF"}, "--record")[0], 1)
        self.assertEqual(results.read_text(encoding="utf-8"), before)

    def test_fails_when_a_goal_is_false(self):
        status, said = self.outcome({"base": "TTFTTTTFF"})
        self.assertEqual(status, 1, said)
        self.assertIn("Q3 must be true, is false", said)

    def test_fails_when_a_mutant_survives(self):
        status, said = self.outcome({"m6": "TTTTTTTFF"})
        self.assertEqual(status, 1, said)
        self.assertIn("Q1 must be false, is true", said)

    def test_fails_when_no_honest_run_exists(self):
        self.assertEqual(self.outcome({"base": "TTTTTTTTF"})[0], 1)

    def test_fails_when_the_prover_breaks_off(self):
        self.prover.write_text(f"#!{sys.executable}\nraise SystemExit(2)\n", encoding="utf-8")
        self.assertEqual(self.outcome({"base": "TTTTTTTFF"})[0], 1)

    def test_fails_when_the_prover_does_not_end(self):
        self.prover.write_text(f"#!{sys.executable}\nimport sys\nif sys.argv[1] != '-help': input()\n", encoding="utf-8")
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        self.addCleanup(os.close, reader)
        real = run.subprocess.run
        held = lambda *words, **more: real(*words, stdin=reader, **more)  # noqa: E731
        with mock.patch.object(run.subprocess, "run", held):
            status, said = self.outcome({"base": "TTTTTTTFF"}, "--timeout", "0.2")
        self.assertEqual(status, 1, said)
        self.assertIn("no answer within", said)

    def test_says_so_when_there_is_no_prover(self):
        with mock.patch.dict(os.environ, {"PATH": str(self.folder / "nothing")}):
            os.environ.pop("PROVERIF", None)
            status, said = self.quietly()
            required, _ = self.quietly("--require")
        self.assertEqual((status, required), (0, 2))
        self.assertIn("ProVerif is not installed", said)
        self.assertIn("NOT check", said)

    def test_a_prover_that_was_named_must_exist(self):
        self.assertEqual(self.quietly("--proverif", str(self.folder / "nothing"))[0], 2)


def check():
    """Run the tests above; exit status."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
