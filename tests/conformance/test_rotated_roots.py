"""The private CA and the gateway root are replaced by the files of a fresh folder, as docs/operations.md says; who trusts the old ones is told so."""

import shutil
import ssl

import pytest

from harness import raw
from harness.binance import Key
from harness.server import Server, run

CA = ["ca.pem", "ca-key.pem"]
ROOT = ["gateway-root-key.pem", "gateway-key.pem", "gateway-delegation.txt"]


def test_a_new_ca_and_a_new_root_are_those_of_a_fresh_folder(tmp_path):
    state, fresh = tmp_path / "state", tmp_path / "fresh"
    for folder in (state, fresh):
        with Server(folder):
            pass
    old, credential = tmp_path / "old-ca.pem", state / "demo" / "native-ed25519.json"
    shutil.copy2(state / "ca.pem", old)
    for file in CA + ROOT:
        shutil.copy2(fresh / file, state / file)
    with Server(state) as server:
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200, "by the new CA"
        with pytest.raises(ssl.SSLCertVerificationError):
            raw.Connection(server, tls=raw.context(str(old)))
        pinned = run("connect", server.base, "--credential", credential, "--ca", state / "ca.pem", stdin="quit\n")
        made = tmp_path / "new.json"
        done = run("key", "new", "--account", "demo", "--purpose", "native", "--kind", "Ed25519", "--out", made, "--state", state)
        assert done.returncode == 0, done.stderr
        again = run("connect", server.base, "--credential", made, stdin="quit\n")
        assert again.returncode == 0, again.stdout + again.stderr
        # The gateway proves itself to nobody who pins another root, and says whose fault it is to its operators only.
        assert pinned.returncode == 1 and "auth.failed" in pinned.stderr, pinned
        assert "wrong_gateway: the client pins a root that is not ours" in server.said()
