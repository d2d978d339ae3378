"""Tests of verifpal.py that need no Verifpal: `python3 formal/verifpal.py --self-check`."""

import contextlib
import io
import json
import os
import stat
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import verifpal

# A stand-in: prints the report kept beside it under the model's name.
STAND_IN = """#!{python}
import sys, pathlib
print((pathlib.Path(__file__).parent / (sys.argv[2] + ".json")).read_text())
"""


def answer(verdicts, exhausted=True, sessions=verifpal.SESSIONS):
    """The part of Verifpal's JSON report that is read, for these verdicts."""
    queries = [
        {"query": query, "resolved": attacked, "envelope": {"exhausted": exhausted}}
        for query, attacked in verdicts.items()
    ]
    return json.dumps({"models": [{"ok": True, "analysis": {"sessions": sessions, "queries": queries}}]})


class Models(unittest.TestCase):
    def setUp(self):
        self.honest = (verifpal.FOLDER / verifpal.HONEST).read_text(encoding="utf-8")
        self.unbound = (verifpal.FOLDER / verifpal.UNBOUND).read_text(encoding="utf-8")

    def test_the_mutant_is_the_honest_model_less_the_channel_value(self):
        self.assertEqual(verifpal.drift(self.honest, self.unbound), [])

    def test_notices_when_only_one_of_them_changes(self):
        for old, new in (("rec1", "rec2"), ("cb_c, HASH(hello)", "HASH(hello)"), ("\tfreshness? n_g\n", "")):
            self.assertNotEqual(verifpal.drift(self.honest.replace(old, new, 1), self.unbound), [], old)


class Judging(unittest.TestCase):
    def test_accepts_what_must_come_out(self):
        for expect in verifpal.EXPECT.values():
            self.assertEqual(verifpal.judge(expect, answer(expect)), [])

    def test_any_inverted_verdict_is_a_failure(self):
        for expect in verifpal.EXPECT.values():
            for query in expect:
                wrong = expect | {query: not expect[query]}
                self.assertEqual(len(verifpal.judge(expect, answer(wrong))), 1, query)

    def test_a_missing_query_a_cut_search_or_fewer_sessions_is_a_failure(self):
        expect = verifpal.EXPECT[verifpal.HONEST]
        fewer = dict(list(expect.items())[1:])
        for report in (answer(fewer), answer(expect, exhausted=False), answer(expect, sessions=1)):
            self.assertNotEqual(verifpal.judge(expect, report), [])

    def test_a_report_that_is_none_is_a_failure(self):
        for report in ("", "{}", '{"models":[]}', '{"models":[{"ok":false,"error":"line 3"}]}'):
            self.assertEqual(len(verifpal.judge({}, report)), 1, report)


class WholeRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.tool = self.folder / "verifpal"
        self.tool.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
        self.tool.chmod(self.tool.stat().st_mode | stat.S_IXUSR)

    def outcome(self, honest, unbound):
        (self.folder / f"{verifpal.HONEST}.json").write_text(honest, encoding="utf-8")
        (self.folder / f"{verifpal.UNBOUND}.json").write_text(unbound, encoding="utf-8")
        return self.quietly("--verifpal", str(self.tool))[0]

    @staticmethod
    def quietly(*argv):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = verifpal.main(list(argv))
        return status, said.getvalue()

    def test_needs_both_models_to_come_out_right(self):
        holds, broken = (verifpal.EXPECT[name] for name in (verifpal.HONEST, verifpal.UNBOUND))
        survives = dict.fromkeys(broken, False)
        attacked = dict.fromkeys(holds, True)
        self.assertEqual(self.outcome(answer(holds), answer(broken)), 0)
        self.assertEqual(self.outcome(answer(attacked), answer(broken)), 1)
        self.assertEqual(self.outcome(answer(holds), answer(survives)), 1)

    def test_says_so_when_verifpal_is_absent(self):
        with mock.patch.dict(os.environ, {"PATH": str(self.folder / "nothing")}):
            os.environ.pop("VERIFPAL", None)
            status, said = self.quietly()
            required, _ = self.quietly("--require")
        self.assertEqual((status, required), (0, 2))
        self.assertIn("NOT checked", said)

    def test_a_tool_that_was_named_must_exist(self):
        self.assertEqual(self.quietly("--verifpal", str(self.folder / "nothing"))[0], 2)


def check():
    """Run the tests above; exit status."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    return 0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1
