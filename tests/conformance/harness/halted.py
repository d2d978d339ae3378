"""A gateway that operators halt and lift, and what they type."""

import json

from harness.recorded import recorded
from harness.server import Server, run

OPERATORS = ["alice", "bob", "carol"]


class Halted:
    """A gateway with three operators, of whom two must agree; and what they type."""

    def __init__(self, folder, more=""):
        self.folder = folder
        lines = []
        for name in OPERATORS:
            made = run("operator", "new", name, "--out", folder / f"{name}.pem")
            assert made.returncode == 0, made.stderr
            lines.append(made.stdout.strip())
        config = folder / "gateway.toml"
        config.write_text(f"[halt]\nquorum = 2\noperators = {json.dumps(lines)}\n{more}")
        self.server = Server(folder / "state", config=config)

    def command(self, *arguments, code=0):
        done = run(*arguments, "--state", self.server.state)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}\n{self.server.said()}"
        return done

    def records(self, *events):
        """Audit records of events, in order."""
        return recorded(self.server.state, *events)

    def halt(self, scope="venue", action="cancel-only", reason="runaway", cancel=False):
        more = ["--cancel"] if cancel else []
        done = self.command("halt", "--scope", scope, "--action", action, "--reason", reason, "--text", "a test", *more, "--json")
        return json.loads(done.stdout)

    def status(self):
        return json.loads(self.command("halt", "status", "--json").stdout)

    def propose(self, *halts, stage=None):
        more = ["--stage", stage] if stage else []
        return json.loads(self.command("lift", "propose", *halts, *more, "--reason", "all is well", "--json").stdout)

    def sign(self, proposal, name, key=None, code=0, check=None):
        more = ["--check", check] if check else []
        return self.command("lift", "sign", proposal, "--operator", name, "--key", self.folder / f"{key or name}.pem", *more, code=code)

    def apply(self, proposal, code=0):
        return self.command("lift", "apply", proposal, code=code)

    def lift(self, *halts, by=("alice", "bob"), stage=None):
        proposal = self.propose(*halts, stage=stage)
        for name in by:
            self.sign(proposal["id"], name, check=proposal["check_words"])
        self.apply(proposal["id"])

    def lift_all(self):
        halts = [halt["id"] for halt in self.status()["halts"]]
        if halts:
            self.lift(*halts)
