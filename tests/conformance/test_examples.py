"""Every program in examples/ runs as its head says, against the binary."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from harness.server import Server, environment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

#: Runs a program as `python PROGRAM ARGUMENTS` does, and lets it import its own folder and the standard library alone.
STANDARD_LIBRARY_ALONE = """
import runpy, sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("__main__", "support"):
            raise ImportError(f"{name} is not of the standard library")

sys.meta_path.insert(0, Refusing())
program, sys.argv = sys.argv[1], sys.argv[1:]
sys.path.insert(0, program.rpartition("/")[0])
runpy.run_path(program, run_name="__main__")
"""


def finished(command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, env=environment())


def example(name, *arguments):
    return finished([sys.executable, EXAMPLES / name, *arguments])


def plain(name, *arguments):
    """Without site packages (`-S`), the environment and the user's folder (`-I`), and with nothing but the standard library to import."""
    return finished([sys.executable, "-I", "-S", "-c", STANDARD_LIBRARY_ALONE, EXAMPLES / name, *arguments])


def of_native(server, mode):
    return mode, f"127.0.0.1:{server.port}", server.state / "demo" / "native-ed25519.json", server.ca


def test_the_native_client_opens_a_session_and_trades(server):
    done = example("native_client.py", *of_native(server, "--exp"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_the_native_client_needs_nothing_but_the_standard_library(server):
    """As its head says of `--sep`; with `--exp` the same run ends at the first library, so the run can tell."""
    done = plain("native_client.py", *of_native(server, "--sep"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    done = plain("native_client.py", *of_native(server, "--exp"))
    assert done.returncode != 0 and "OpenSSL is not of the standard library" in done.stderr, done.stdout + done.stderr


def test_the_native_client_refuses_a_gateway_it_does_not_know(server, tmp_path):
    credential = server.credential("native-ed25519")
    credential["gateway_pins"] = ["A" * 43]
    file = tmp_path / "pin.json"
    file.write_text(json.dumps(credential))
    for mode in ("--sep", "--exp"):
        done = example("native_client.py", mode, f"127.0.0.1:{server.port}", file, server.ca)
        assert done.returncode != 0


def test_every_example_has_a_test_here():
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    assert programs, "examples/ has no program"
    source = Path(__file__).read_text()
    untested = {name for name in programs if f'"{name}"' not in source}
    assert untested == set()


def test_ccxt_trades(server):
    done = example("ccxt_trade.py", server.base, server.state / "demo" / "binance-hmac.json", server.ca)
    assert done.returncode == 0, done.stdout + done.stderr


def pasted_for_ccxt(server):
    """The program and its arguments, as a start offers them."""
    (line,) = [line.strip() for line in server.lines if "ccxt_trade.py" in line]
    interpreter, program, *arguments = shlex.split(line)
    assert interpreter == "python3"
    return Path(program), arguments


def test_what_a_start_offers_to_paste_for_ccxt_trades(tmp_path):
    """Started from a folder that has no `examples/`: the program is beside the keys."""
    with Server(tmp_path / "state", cwd=tmp_path) as server:
        program, arguments = pasted_for_ccxt(server)
        assert program == server.state / "demo" / "ccxt_trade.py"
        assert program.read_bytes() == (EXAMPLES / "ccxt_trade.py").read_bytes()
        done = finished([sys.executable, program, *arguments])
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_start_from_the_source_offers_the_program_there(tmp_path):
    """Which may have been changed since the keys were made."""
    with Server(tmp_path / "state", cwd=EXAMPLES.parent) as server:
        program, arguments = pasted_for_ccxt(server)
        assert program == Path("examples/ccxt_trade.py")
        done = finished([sys.executable, EXAMPLES.parent / program, *arguments])
        assert done.returncode == 0, done.stdout + done.stderr


def test_fix_trades(server):
    done = example("fix_trade.py", f"127.0.0.1:{server.port}", server.state / "demo" / "binance-ed25519.json", server.ca)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("logged out\n")
