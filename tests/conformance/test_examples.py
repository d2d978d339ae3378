"""Every program in examples/ runs as its head says, against the binary."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.server import environment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DEBIAN_PYTHON = "/usr/bin/python3"


def example(name, *arguments, python=sys.executable):
    return subprocess.run([python, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=environment())


def native(server, mode, python=sys.executable):
    credential = server.state / "demo" / "native-ed25519.json"
    return example("native_client.py", mode, f"127.0.0.1:{server.port}", credential, server.ca, python=python)


@pytest.mark.parametrize("mode", ["--sep", "--exp"])
def test_the_native_client_opens_a_session_and_trades(server, mode):
    done = native(server, mode)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_the_native_client_refuses_a_gateway_it_does_not_know(server, tmp_path):
    credential = server.credential("native-ed25519")
    credential["gateway_pins"] = ["A" * 43]
    import json

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


def test_fix_trades(server):
    done = example("fix_trade.py", f"127.0.0.1:{server.port}", server.state / "demo" / "binance-ed25519.json", server.ca)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("logged out\n")
