#!/usr/bin/env python3
"""Plays QuickFIX's acceptance scenarios against the gateway on the wire, and says which are answered otherwise.

    python3 tests/conformance/fix_acceptance.py DEFINITIONS [fix42 fix44 fix50 fix50sp2 …]

DEFINITIONS is the folder `test/definitions/server` of a QuickFIX checkout; the scenarios are not part of this repository. Clients log on
with a client certificate whose names are the CompIDs of the scenarios; the upstream is an acceptor that echoes application messages, as
the scenarios want it. BodyLength, CheckSum, Text and times are not compared, nor the order of fields. What differs, and why:
docs/fix/acceptance.md.
"""

import datetime
import pathlib
import re
import select
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time

import simplefix
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from harness.server import Server, run

SOH = "\x01"
NOT_COMPARED = {"9", "10", "52", "58", "60", "112", "122"}
WAIT = 10.0


def received(peer):
    try:
        return peer.recv(65536)
    except OSError:
        return b""


class Echo:
    """An upstream acceptor without opinions."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        parser, number = simplefix.FixParser(), 0
        while chunk := received(peer):
            parser.append_buffer(chunk)
            while (message := parser.get_message()) is not None:
                kind = message.get(35).decode()
                if kind in ("0", "2", "3", "4"):
                    continue
                number += 1
                answer = simplefix.FixMessage()
                now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]
                head = [(8, message.get(8)), (35, "0" if kind == "1" else kind), (49, message.get(56)), (56, message.get(49)), (34, number), (52, now)]
                drop = {8, 9, 10, 34, 35, 43, 49, 52, 56, 95, 96, 122}
                for tag, value in [*head, *((tag, value) for tag, value in message if tag not in drop)]:
                    answer.append_pair(tag, value)
                peer.sendall(answer.encode())


def authority(folder, names):
    """A CA of our own, and a client certificate with these names."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject, issuer, key, signer, extensions):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    named = lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate(named("ca"), named("ca"), root, root, [(x509.BasicConstraints(True, None), True)])
    extended = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    own = certificate(named("client"), named("ca"), leaf, root, [(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False), (extended, False)])
    pem = serialization.Encoding.PEM
    (folder / "clients-ca.pem").write_bytes(ca.public_bytes(pem))
    private = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "client.pem").write_bytes(private + own.public_bytes(pem))


def timed(text):
    def stamp(match):
        offset = int(match.group(1) or 0)
        return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(time.time() + offset))

    return re.sub(r"<TIME([+-]\d+)?>", stamp, text)


def completed(text):
    """Adds BodyLength and CheckSum where the scenario leaves them out."""
    head, rest = text.split(SOH, 1)
    trailer = re.search(r"10=[^\x01]*\x01$", rest)
    body = rest[: trailer.start()] if trailer else rest
    length = "" if re.match(r"9=", body) else f"9={len(body)}{SOH}"
    whole = f"{head}{SOH}{length}{body}"
    return whole + (trailer.group() if trailer else f"10={sum(whole.encode('latin-1')) % 256:03d}{SOH}")


class Wire:
    def __init__(self, server, client):
        context = ssl.create_default_context(cafile=server.ca)
        context.load_cert_chain(client)
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.buffer = b""

    def message(self):
        """The next whole message, None when the connection ended, "" when nothing came."""
        deadline = time.monotonic() + WAIT
        while True:
            found = re.search(rb"8=FIX.*?\x0110=\d{3}\x01", self.buffer, re.S)
            if found:
                self.buffer = self.buffer[found.end() :]
                return found.group().decode("latin-1")
            left = deadline - time.monotonic()
            if left <= 0:
                return ""
            if not self.socket.pending() and not select.select([self.socket], [], [], left)[0]:
                return ""
            try:
                chunk = self.socket.recv(65536)
            except OSError:
                chunk = b""
            if not chunk:
                return None
            self.buffer += chunk


def compared(text):
    return sorted(tuple(field.partition("=")[::2]) for field in text.split(SOH) if field and field.partition("=")[0] not in NOT_COMPARED)


def play(lines, server, client):
    """None when every step is as the scenario wants it, else what was not."""
    wires = {}
    try:
        for number, line in enumerate(lines, 1):
            if not line or line[0] not in "IEie":
                continue
            who, rest = ("1", line[1:]) if not re.match(r"[1-9],", line[1:]) else (line[1], line[3:])
            if line[0] == "i" and rest == "CONNECT":
                if not wires:
                    # The scenarios are written for an engine that begins anew with every connection.
                    time.sleep(0.3)
                    shutil.rmtree(server.state / "fix", ignore_errors=True)
                wires[who] = Wire(server, client)
            elif line[0] == "i":
                wires.pop(who).socket.close()
            elif line[0] == "I":
                try:
                    wires[who].socket.sendall(completed(timed(rest)).encode("latin-1"))
                except OSError:
                    return f"{number}: the connection is closed already"
            elif line[0] == "e":
                got = wires.pop(who).message()
                if got is not None:
                    return f"{number}: not closed, but {got.replace(SOH, '|') or 'silent'}"
            else:
                wanted, got = compared(rest), wires[who].message()
                if not got:
                    return f"{number}: wanted {rest.replace(SOH, '|')}, got {'the end' if got is None else 'nothing'}"
                if compared(got) != wanted:
                    return f"{number}: wanted {rest.replace(SOH, '|')}\n        got    {got.replace(SOH, '|')}"
        return None
    finally:
        for wire in wires.values():
            wire.socket.close()


def main(definitions, *versions):
    definitions = pathlib.Path(definitions).resolve()
    versions = versions or ("fix42", "fix44", "fix50", "fix50sp2")
    files = {version: sorted((definitions / version).glob("*.def")) for version in versions}
    texts = {file: file.read_text("latin-1").splitlines() for version in versions for file in files[version]}
    names = sorted({name for lines in texts.values() for line in lines for name in re.findall(r"^I(?:\d,)?8=.*?\x0149=([^\x01]+)", line)})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fix-acceptance-"))
    authority(folder, [name for name in names if name.startswith("TW")])
    echo = Echo()
    config = folder / "gateway.toml"
    config.write_text(
        f'[listen]\nclient_ca = "{folder}/clients-ca.pem"\n[fix]\nnative = ["ISLD"]\nreset = "within"\nrouting = "allow"\nadmin_fields = "strict"\n'
        f'[upstream.venue]\nfix = "127.0.0.1:{echo.port}"\nfix_reset = true\n'
    )
    server = Server(folder / "state", config=config).start()
    made = run("key", "new", "--account", "demo", "--purpose", "client-certificate", "--certificate", folder / "client.pem", "--state", server.state)
    assert made.returncode == 0, made.stderr
    time.sleep(0.5)
    try:
        for version in versions:
            same = 0
            for file in files[version]:
                trouble = play(texts[file], server, folder / "client.pem")
                same += trouble is None
                if trouble:
                    print(f"  {version} {file.stem}\n        {trouble}")
            print(f"{version}: {same} of {len(files[version])} as the scenarios want it", flush=True)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
