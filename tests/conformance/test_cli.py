"""The commands: what they print, how they end, and what they leave behind."""

import contextlib
import json
import os
import re
import select
import shutil
import socket
import stat
import subprocess
import threading
import time

import pytest

from harness.binance import Key
from harness.limited import made_key
from harness.server import BINARY, Server, environment, run
from harness.waiting import until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
USAGE, ENVIRONMENT = 2, 3


@pytest.fixture(scope="module")
def vectors():
    return os.path.join(ROOT, "tests/vectors/binance.json")


def subcommands(*command):
    """What the help text of a command lists."""
    listed = re.search(r"Commands:\n(.*?)\n\n", run(*command, "--help").stdout, re.S)
    found = re.findall(r"^  ([a-z-]+)  ", listed.group(1), re.M) if listed else []
    return [name for name in found if name != "help"]


def test_every_command_is_in_the_documentation():
    page = open(os.path.join(ROOT, "docs/cli.md")).read()
    found = subcommands()
    assert len(found) > 20
    assert [command for command in found if f"`{command}" not in page] == []


def test_help_is_there_and_says_something_about_every_option():
    commands = [(command,) for command in subcommands()]
    commands += [(command, each) for (command,) in commands for each in subcommands(command)]
    assert len(commands) > 50
    for command in commands:
        done = run(*command, "--help")
        assert done.returncode == 0 and "Usage:" in done.stdout, command
        lines = done.stdout.splitlines()
        options = [number for number, line in enumerate(lines) if re.match(r"^\s+(-\w, )?--[a-z]", line)]
        assert options, command
        for number in options:
            rest = re.sub(r"^\s+(-\w, )?--[a-z0-9-]+( <[^>]+>)?", "", lines[number]).strip()
            below = lines[number + 1].strip() if number + 1 < len(lines) else ""
            assert rest or below, (command, lines[number])


def test_errors_say_what_to_do_and_end_with_their_code(tmp_path):
    missing, empty, there = tmp_path / "missing", tmp_path / "empty", tmp_path / "there"
    empty.mkdir(mode=0o700)
    there.write_text("")
    for command, code, words in [
        (["account", "list", "--state", missing], ENVIRONMENT, ["no state folder", "countersign serve", "--state"]),
        (["session", "list", "--state", missing], ENVIRONMENT, ["no state folder"]),
        (["session", "list", "--state", empty], 1, ["no gateway runs", "countersign serve"]),
        (["halt", "--reason", "runaway", "--state", empty], 1, ["no gateway runs"]),
        (["halt", "--reason", "runaway", "--scope", "desk", "--state", empty], USAGE, ["desk", "account:NAME"]),
        (["halt", "--reason", "none", "--state", empty], USAGE, ["credential.compromise"]),
        (["halt", "--local", "--reason", "runaway", "--scope", "account:a", "--state", empty], USAGE, ["--local", "--scope"]),
        (["token", "revoke"], USAGE, ["SESSION", "--key", "--jti"]),
        (["connect", "--credential", missing], USAGE, ["no file", "countersign key new"]),
        (["vectors", missing], USAGE, ["cannot read"]),
        (["explain", missing], USAGE, ["cannot read"]),
        (["audit", "verify", "--proof", missing, "--key", missing], USAGE, ["cannot read"]),
        (["operator", "new", "alice", "--out", there], USAGE, ["nothing is overwritten"]),
        (["key", "new", "--account", "a", "--url", "x", "--state", empty], USAGE, ["--url"]),
    ]:
        done = run(*command)
        assert done.returncode == code, (command, done)
        assert all(word in done.stderr for word in words), (command, done.stderr)
    assert there.read_text() == "" and list(empty.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_come_from_the_command_line(shell):
    done = run("completions", shell)
    assert done.returncode == 0 and "rotate" in done.stdout


def test_man_pages_are_written(tmp_path):
    assert run("man", tmp_path / "man").returncode == 0
    pages = {page.name for page in (tmp_path / "man").iterdir()}
    assert "countersign.1" in pages and "countersign-serve.1" in pages


def test_demo_shows_everything_and_ends_well(tmp_path):
    done = run("demo", timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("hello", "welcome", "ticker", "order", "replay", "scope"):
        assert word in done.stdout.lower(), word
    assert "\x1b[" not in done.stdout


def test_demo_speaks_json(tmp_path):
    done = run("demo", "--json", timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(steps) > 8


def test_demo_of_a_cluster_loses_a_node_and_no_order(tmp_path):
    done = run("demo", "--cluster", "--json", timeout=300, cwd=tmp_path)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(steps) == 13 and all(step["held"] for step in steps)
    assert list(tmp_path.iterdir()) == []


def test_halts_of_a_cluster_are_measured_under_load(tmp_path):
    done = run("demo", "--cluster", "--halts", "3", "--json", timeout=300, cwd=tmp_path)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    measured = steps[-1]["outcome"]
    assert int(re.match(r"(\d+) orders reached the venue, none between", measured)[1]) > 0
    for stage in ["in force at the node", "barrier", "clients of all nodes told"]:
        assert stage in measured, measured


def test_vectors_hold(vectors):
    done = run("vectors", vectors)
    assert done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"[1-9][0-9]* passed, 0 failed", last), last


def test_a_wrong_expectation_in_vectors_is_found(vectors, tmp_path):
    recorded = json.load(open(vectors))
    flipped = next(vector for vector in recorded["vectors"] if vector["expect"]["verdict"] == "accept")
    flipped["expect"] = {"verdict": "reject", "reason": "bad_signature"}
    changed = tmp_path / "vectors.json"
    changed.write_text(json.dumps(recorded))
    done = run("vectors", changed)
    assert done.returncode == 1
    assert re.fullmatch(r"[0-9]+ passed, 1 failed", done.stdout.splitlines()[-1])
    assert flipped["id"] in done.stdout


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"vectors":[]}'])
def test_a_vectors_file_without_vectors_is_no_success(content, tmp_path):
    file = tmp_path / "vectors.json"
    file.write_text(content)
    done = run("vectors", file)
    assert done.returncode != 0


def test_vectors_may_begin_with_a_byte_order_mark(vectors, tmp_path):
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + open(vectors, "rb").read())
    assert run("vectors", marked).returncode == 0
    marked.write_text("[]")
    assert "`keys` and `vectors`" in run("vectors", marked).stderr


def test_probe_shows_the_handshakes_step_by_step(server):
    done = run("probe", f"127.0.0.1:{server.port}", "--ca", server.ca)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("TLS", "X25519MLKEM768", "countersign/1"):
        assert word in done.stdout, word


@pytest.mark.parametrize(("greeting", "named"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP without TLS"), (b"SSH-2.0-x\r\n", "SSH"), (b"220 ready\r\n", "220 ready")])
def test_probe_says_what_a_port_speaks_that_speaks_no_tls(greeting, named):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet():
            with contextlib.suppress(OSError):
                answer_all()

        def answer_all():
            while True:
                connection, _ = other.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        done = run("probe", f"127.0.0.1:{other.getsockname()[1]}")
    assert done.returncode == 1
    assert "TLS 1.3" in done.stdout and named in done.stdout


def test_probe_says_which_step_fails(server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = run("probe", f"127.0.0.1:{unused.getsockname()[1]}")
    assert refused.returncode == 1 and "refused" in (refused.stdout + refused.stderr).lower()
    untrusted = run("probe", f"127.0.0.1:{server.port}")
    assert untrusted.returncode == 1 and "none of the trusted authorities" in untrusted.stdout


def certificate(folder, *options, issuer=None):
    """A certificate of version 1, and its key, made by openssl: self-signed, or by a CA with the extensions of a server."""
    made, request = folder / "made.pem", folder / "request.pem"
    key = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", str(folder / "key.pem")]
    signer = ["-signkey", str(folder / "key.pem")]
    if issuer:
        signed = ["-subj", "/CN=Authority", "-days", "2", "-keyout", str(folder / "authority-key.pem"), "-out", str(issuer)]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *signed], check=True, capture_output=True)
        (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        signer = ["-CA", str(issuer), "-CAkey", str(folder / "authority-key.pem"), "-CAcreateserial", "-extfile", str(folder / "extensions")]
    subprocess.run(["openssl", "req", "-new", *key, "-out", str(request)], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-days", "2", "-in", str(request), *signer, *options, "-out", str(made)], check=True, capture_output=True)


@contextlib.contextmanager
def openssl(folder, *options):
    """`openssl s_server` on a port of its own."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(folder / "made.pem"), "-key", str(folder / "key.pem"), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            ready = next(line for line in process.stdout if line.startswith("ACCEPT"))
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield ready.split()[1]
        finally:
            process.terminate()


def probed(address):
    done = run("probe", address, "--json")
    return {step["step"]: step["outcome"] for step in json.loads(done.stdout)["steps"]}


def test_probe_calls_a_version_absent_only_where_the_server_says_so(tmp_path):
    certificate(tmp_path)
    with openssl(tmp_path, "-tls1_3") as address:
        steps = probed(address)
        assert steps["TLS 1.2"].startswith("not offered: "), steps
    with openssl(tmp_path, "-tls1_2", "-cipher", "AES128-SHA") as address:
        steps = probed(address)
        assert steps["TLS 1.3"].startswith("not offered: ") and "cipher suite" in steps["TLS 1.2"], steps
    with socket.create_server(("127.0.0.1", 0)) as closing:
        threading.Thread(target=lambda: [closing.accept()[0].close() for _ in range(4)], daemon=True).start()
        steps = probed(f"127.0.0.1:{closing.getsockname()[1]}")
    assert steps["TLS 1.3"].startswith("not known") and steps["TLS 1.2"].startswith("not known"), steps


def test_probe_shows_a_certificate_that_it_cannot_verify(tmp_path):
    """Of version 1, as old devices have them: no client built on this library talks to it."""
    certificate(tmp_path)
    with openssl(tmp_path) as address:
        steps = probed(address)
    assert steps["TLS 1.3"].startswith("offered, with a certificate this program cannot verify: "), steps
    assert "version 1" in steps["TLS 1.3"] and "CN=localhost" in steps["certificate"], steps


def test_probe_has_words_for_a_signature_with_sha_1(tmp_path):
    certificate(tmp_path, "-sha1", issuer=tmp_path / "authority.pem")
    with openssl(tmp_path, "-cipher", "ALL:@SECLEVEL=0") as address:
        done = run("probe", address, "--ca", tmp_path / "authority.pem")
    trust = next(line for line in done.stdout.splitlines() if " trust " in line)
    assert trust.endswith("signed with RSA with SHA-1, which is broken: that is not accepted"), done.stdout


def test_config_show_names_every_value_with_its_origin(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('[listen]\naddress = "127.0.0.1:9000"\n')
    done = run("config", "show", file, COUNTERSIGN_LIMITS__CONNECTIONS_MAX="77")
    assert done.returncode == 0, done.stderr
    shown = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "127.0.0.1:9000" in shown["listen.address"] and "line 2" in shown["listen.address"]
    assert "77" in shown["limits.connections_max"] and "COUNTERSIGN_LIMITS__CONNECTIONS_MAX" in shown["limits.connections_max"]
    assert "default" in shown["limits.body_deadline"]


@pytest.mark.parametrize(
    "content,expected",
    [
        ("listen = ", "1"),
        ('[listen]\nadress = "127.0.0.1:1"\n', "listen.address"),
        ('[listen]\naddress = "nowhere"\n', "listen.address"),
        ('[limits]\nconnections_max = "many"\n', "limits.connections_max"),
        ('[[route]]\nname = "a"\npath = "/a/../b"\nscope = "order:write"\n', "path"),
        ('[[route]]\nname = "a"\npath = "/a"\n', "public"),
        ('[[route]]\nname = "a"\npath = "/a/{x}"\npublic = true\n[[route]]\nname = "b"\npath = "/{y}/b"\npublic = true\n', "same request"),
    ],
)
def test_config_check_names_what_is_wrong_and_where(content, expected, tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text(content)
    done = run("config", "check", file)
    assert done.returncode == USAGE, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert str(file) in said and expected in said


def test_config_check_accepts_what_config_show_shows(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('[listen]\naddress = "127.0.0.1:9000"\n')
    assert run("config", "check", file).returncode == 0


# keys


def test_a_key_lives_from_new_to_revoke(server):
    record = made_key(server, "--label", "test key")
    key = Key(record)
    assert key.ask(server, "GET", "/api/v3/account").status == 200
    listed = json.loads(run("key", "list", "--state", server.state, "--json").stdout)
    assert any(record["api_key"] in json.dumps(each) for each in listed)
    shown = run("key", "show", record["api_key"], "--state", server.state, "--json")
    assert "test key" in shown.stdout and record["secret"] not in shown.stdout
    rotated = run("key", "rotate", record["api_key"], "--overlap", "0s", "--state", server.state)
    assert rotated.returncode == 0, rotated.stderr
    new = Key(json.loads(rotated.stdout))
    assert new.ask(server, "GET", "/api/v3/account").status == 200
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status == 401)
    assert run("key", "revoke", new.api_key, "--state", server.state).returncode == 0
    within_a_second(lambda: new.ask(server, "GET", "/api/v3/account").status == 401)
    again = run("key", "revoke", "no-such-key", "--state", server.state)
    assert again.returncode != 0 and "no-such-key" in again.stderr


def within_a_second(holds):
    import time

    deadline = time.monotonic() + 1
    while not holds():
        assert time.monotonic() < deadline, "not within a second"


def test_a_suspended_key_comes_back(server):
    record = made_key(server)
    key = Key(record)
    assert run("key", "suspend", record["api_key"], "--state", server.state).returncode == 0
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status in (401, 403))
    assert run("key", "resume", record["api_key"], "--state", server.state).returncode == 0
    within_a_second(lambda: key.ask(server, "GET", "/api/v3/account").status == 200)


PUBLIC_KEY = "MCowBQYDK2VwAyEAQvhSC+8DVvVG4ql4Zj5YIZNqxkVnAbTAkNXGsHApTP8="


def public_keys():
    """One Ed25519 public key each, in every accepted format."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def fresh():
        return Ed25519PrivateKey.generate().public_key()

    def raw(key):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return {
        "PEM": fresh().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": fresh().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64(raw(fresh()))}).encode(),
        "raw": raw(fresh()),
        "OpenSSH": fresh().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    }


@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "raw", "OpenSSH"])
@pytest.mark.parametrize("purpose", ["binance", "native"])
def test_a_public_key_is_registered_from_every_format(server, tmp_path, form, purpose):
    file = tmp_path / "key.pub"
    file.write_bytes(public_keys()[form])
    done = run("key", "new", "--account", "demo", "--purpose", purpose, "--kind", "Ed25519", "--public-key", file, "--state", server.state)
    assert done.returncode == 0, done.stderr


def test_a_public_key_serves_one_purpose(server, tmp_path):
    file = tmp_path / "key.pub"
    file.write_bytes(public_keys()["PEM"])
    arguments = ["key", "new", "--account", "demo", "--kind", "Ed25519", "--public-key", file, "--state", server.state]
    assert run(*arguments, "--purpose", "binance").returncode == 0
    assert run(*arguments, "--purpose", "native").returncode != 0


def test_weak_public_keys_are_refused(server, tmp_path):
    import base64

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    weak = rsa.generate_private_key(65537, 1024).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    low_order = base64.b64decode(PUBLIC_KEY)[:12] + b"\1" + b"\0" * 31
    for number, (kind, data) in enumerate([("RS256", weak), ("Ed25519", low_order), ("Ed25519", b"not a key"), ("Ed25519", b"")]):
        file = tmp_path / f"key{number}.pub"
        file.write_bytes(data)
        done = run("key", "new", "--account", "demo", "--purpose", "binance", "--kind", kind, "--public-key", file, "--state", server.state)
        assert done.returncode != 0 and done.stderr.strip(), data


def test_accounts_are_made_listed_and_shown(server):
    assert run("account", "new", "desk-7", "--label", "options desk", "--state", server.state).returncode == 0
    assert "desk-7" in run("account", "list", "--state", server.state).stdout
    assert "options desk" in run("account", "show", "desk-7", "--state", server.state).stdout
    assert run("account", "new", "desk-7", "--state", server.state).returncode != 0
    assert run("account", "new", "../etc", "--state", server.state).returncode != 0


def test_the_audit_log_knows_what_the_client_was_told(server, hmac_key):
    from harness.clients import unknown

    refused = Key(unknown(server.credential("binance-hmac"))).ask(server, "GET", "/api/v3/account")
    identifier = next(value for name, value in refused.headers if "correlation" in name or "request-id" in name)

    def told():
        done = run("audit", "--correlation", identifier, "--state", server.state)
        return done.returncode == 0 and "unknown_key" in done.stdout

    within_a_second(told)


# refusals at start


def failed(server_arguments, code, *words):
    done = run(*server_arguments, timeout=30)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    sentence = done.stderr.strip().splitlines()
    assert len(sentence) >= 1 and "panicked" not in done.stderr and "ready:" not in done.stdout
    for word in words:
        assert word.lower() in done.stderr.lower(), (word, done.stderr)


def serving(state, *arguments):
    return ["serve", "--state", state, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", *arguments]


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ["serve", "--state", tmp_path / "state", "--listen", f"127.0.0.1:{port}", "--operator-listen", "127.0.0.1:0"]
        failed(arguments, ENVIRONMENT, str(port), "use")


def with_files(count, *arguments):
    """`countersign serve` where the system permits `count` open files, and no more whoever asks."""
    serve = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", *map(str, arguments)]
    limited = f'ulimit -n {count} && exec "$0" "$@"'
    return subprocess.Popen(["bash", "-c", limited, str(BINARY), *serve], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def test_too_few_open_files_for_anybody_is_one_sentence(tmp_path):
    with with_files(200, "--state", tmp_path / "state") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == ENVIRONMENT
    assert "permits 200 open files" in said and "ulimit -n" in said and not (tmp_path / "state").exists()


def test_where_few_files_may_be_open_clients_get_what_is_over(tmp_path):
    """With 300 descriptors there is room for 22 clients; the rest is refused, and the gateway's own files still open."""
    with with_files(300, "--state", tmp_path / "state", "--json", "--set", "limits.handshake_deadline=60s") as process:
        try:
            ready = next(line for line in process.stdout if "ready: " in line)
            port = int(re.search(r":(\d+)", ready.split("ready: https://")[1]).group(1))
            clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(40)]
            until = time.monotonic() + 30
            while len(closed := select.select(clients, [], [], 1)[0]) < 18 and time.monotonic() < until:
                pass
            assert len(closed) == 18, len(closed)
            assert run("key", "list", "--state", tmp_path / "state").returncode == 0
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert "lowered from 10000 to 22" in said + ready, said


def test_a_second_server_on_the_same_state_is_refused(server):
    failed(serving(server.state), ENVIRONMENT, str(server.state))


@pytest.fixture
def stopped(tmp_path):
    """A state folder of a server that ran once."""
    with Server(tmp_path / "state"):
        pass
    return tmp_path / "state"


def test_a_state_of_yesterday_starts_again(stopped):
    before = (stopped / "ca.pem").read_bytes()
    with Server(stopped) as server:
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
    assert (stopped / "ca.pem").read_bytes() == before


def databases(state):
    return [path for path in state.rglob("*") if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]


def test_a_corrupt_database_is_one_sentence_and_stays_as_it_was(stopped):
    database = databases(stopped)[0]
    for left in stopped.rglob("*-wal"):
        left.unlink()
    database.write_bytes(b"this is no database at all, only a text that is long enough" * 100)
    before = database.read_bytes()
    failed(serving(stopped), ENVIRONMENT, database.name)
    assert database.read_bytes() == before


PUBLIC = ("audit-key.pub.pem", "ca.pem", "jwks.json")


def secret_files(state):
    return [path for path in state.rglob("*") if path.is_file() and path.name not in PUBLIC]


def test_everything_secret_is_for_its_owner_only(stopped):
    assert stat.S_IMODE(stopped.stat().st_mode) == 0o700
    assert secret_files(stopped)
    for path in secret_files(stopped):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((stopped / "demo").stat().st_mode) == 0o700


def test_a_state_folder_that_others_can_write_to_is_refused(stopped):
    stopped.chmod(0o777)
    failed(serving(stopped), ENVIRONMENT, str(stopped))


KEYS = ("audit-key.pem", "ca-key.pem", "gateway-key.pem", "gateway-root-key.pem", "identity-key.pem", "sealing.key")


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file_that_others_can_read_is_refused(stopped, name):
    (stopped / name).chmod(0o644)
    failed(serving(stopped), ENVIRONMENT, name)


@pytest.mark.parametrize("name", KEYS)
def test_a_key_file_that_holds_none_is_refused(stopped, name):
    (stopped / name).write_text("no key at all\n")
    failed(serving(stopped), ENVIRONMENT, name)
    assert (stopped / name).read_text() == "no key at all\n"


@pytest.mark.parametrize("name", ["gateway-key.pem", "gateway-root-key.pem"])
def test_another_gateways_key_is_refused_on_the_day_it_comes(stopped, tmp_path, name):
    with Server(tmp_path / "other"):
        pass
    (stopped / name).write_bytes((tmp_path / "other" / name).read_bytes())
    failed(serving(stopped), ENVIRONMENT, name, "gateway-delegation.txt")


@pytest.mark.parametrize("lost", [["ca.pem", "ca-key.pem"], ["gateway-key.pem", "gateway-delegation.txt", "gateway-root-key.pem"], ["sealing.key"]])
def test_what_the_database_needs_is_not_made_anew(stopped, lost):
    for name in lost:
        (stopped / name).unlink()
    failed(serving(stopped), ENVIRONMENT, lost[-1], "missing")
    assert not any((stopped / name).exists() for name in lost)


def test_a_root_may_be_kept_offline_while_its_delegation_lasts(stopped, tmp_path):
    root = stopped / "gateway-root-key.pem"
    root.rename(tmp_path / root.name)
    with Server(stopped):
        pass
    assert not root.exists()
    # What it signed is gone as well: it would have to sign again.
    (stopped / "gateway-delegation.txt").write_text("no delegation")
    failed(serving(stopped), ENVIRONMENT, root.name, "missing")
    assert not root.exists()


def test_a_database_that_was_lost_is_not_begun_anew(stopped):
    """It knew what is halted and who is locked out."""
    demo = (stopped / "demo" / "binance-hmac.json").read_bytes()
    for path in stopped.glob("countersign.db*"):
        path.unlink()
    failed(serving(stopped), ENVIRONMENT, "countersign.db", "missing")
    failed(["key", "list", "--state", stopped], ENVIRONMENT, "countersign.db")
    assert not (stopped / "countersign.db").exists() and (stopped / "demo" / "binance-hmac.json").read_bytes() == demo


def test_an_audit_log_that_was_lost_is_said_loudly(stopped):
    shutil.rmtree(stopped / "audit")
    with Server(stopped, "--json") as server:
        said = [json.loads(line) for line in server.logs().splitlines() if line.startswith("{")]
    assert any(line["level"] == "ERROR" and "audit log" in json.dumps(line) and "gone" in json.dumps(line) for line in said), said


def killed_first_start(folder):
    """The state folder of a first start that was killed while it made the demo account. A kill that came too late is none: once more."""
    for attempt in range(20):
        state = folder / f"state-{attempt}"
        unfinished = state / "demo.unfinished"
        command = [str(BINARY), *map(str, serving(state))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()) as process:
            try:
                until(lambda: len(list(unfinished.glob("*.json"))) > 2 or (state / "demo").exists(), 60, "no key was made")
            finally:
                process.kill()
        if unfinished.exists():
            return state
    raise AssertionError("no kill came in time")


def all_keys(state):
    return json.loads(run("key", "list", "--all", "--json", "--state", state).stdout)


def test_a_first_start_that_was_killed_is_finished_by_the_next(tmp_path):
    """At any moment: the demo account is whole, or it is begun again."""
    state = killed_first_start(tmp_path)
    with Server(state) as server:
        made = sorted(path.name for path in (state / "demo").iterdir())
        assert len(made) > 20 and not (state / "demo.unfinished").exists() and not any(".tmp" in name for name in made)
        assert Key(server.credential("binance-hmac")).ask(server, "GET", "/api/v3/account").status == 200
        keys = all_keys(state)
        active = [key for key in keys if key["state"] == "active"]
        assert len(active) == len(made) and len(keys) > len(active), "those that nobody was given are revoked"


@pytest.mark.parametrize("why", ["off", "a real service"])
def test_keys_of_a_first_start_that_was_killed_end_where_the_next_makes_none(tmp_path, why):
    config = tmp_path / "gateway.toml"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n' if why == "a real service" else 'demo_account = "off"\n')
    state = killed_first_start(tmp_path)
    assert any(key["state"] == "active" for key in all_keys(state))
    with Server(state, config=config, demo=None):
        assert {key["state"] for key in all_keys(state)} == {"revoked"}
        assert not (state / "demo.unfinished").exists() and not (state / "demo").exists()


def test_a_real_service_gets_no_demo_account_unless_that_is_asked_for(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n')
    with Server(tmp_path / "state", config=config, demo=None) as server:
        assert not (server.state / "demo").exists()
        assert json.loads(run("key", "list", "--all", "--json", "--state", server.state).stdout) == []
        assert not any(" connect https://" in line for line in server.lines)
    with Server(tmp_path / "state", "--set", "demo_account=on", config=config, demo=None) as server:
        assert server.credential("binance-hmac")


def test_demo_keys_that_come_to_stand_before_a_real_service_are_told_of(tmp_path):
    """The folder of a first try, served again with a configuration: its keys place orders there."""
    config, state = tmp_path / "gateway.toml", tmp_path / "state"
    config.write_text('[upstream.engine]\nurl = "http://127.0.0.1:1"\n')
    with Server(state, demo=None) as server:
        assert "ATTENTION" not in server.said()
    with Server(state, config=config, demo=None) as server:
        told = server.lines.index(next(line for line in server.lines if line.startswith("ATTENTION: ")))
        assert "demo account" in server.lines[told] and "key revoke KEY" in server.lines[told + 2]
        named = subprocess.run(server.lines[told + 1], shell=True, capture_output=True, text=True, timeout=60, env=environment())
        assert named.returncode == 0 and "demo" in named.stdout, named
        assert "WARN" in server.stderr_path.read_text()
        first, *others = all_keys(state)
        assert run("key", "revoke", first["id"], "--state", state).returncode == 0
    with Server(state, config=config, demo=None) as server:
        assert f"ATTENTION: {len(others)} keys of the demo account" in server.said()
    with Server(state, "--set", "demo_account=on", config=config, demo=None) as server:
        assert "ATTENTION" not in server.said(), "that was asked for"


def test_the_name_that_is_configured_is_what_clients_are_told_to_dial(tmp_path):
    """On the screen, in the demo account's files, and in those of keys that are made later."""
    config, state = tmp_path / "gateway.toml", tmp_path / "state"
    config.write_text('[listen]\nauthorities = ["localhost"]\n')
    with Server(state, config=config) as server:
        url = f"https://localhost:{server.port}"
        assert server.credential("binance-hmac")["url"] == server.credential("native-ed25519")["url"] == url
        made = run("key", "new", "--account", "demo", "--purpose", "binance", "--kind", "HS256", "--state", state)
        assert json.loads(made.stdout)["url"] == url, made
        curl = subprocess.run(["bash", "-c", pasted(server, "curl ")], capture_output=True, text=True, timeout=60, env=environment())
        assert "BTCUSDT" in curl.stdout, curl.stderr
        connect = next(line.strip() for line in server.lines if " connect https://" in line)
        done = subprocess.run(["bash", "-c", connect], input="quit\n", capture_output=True, text=True, timeout=60, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
        with_address = curl.args[2].replace("localhost", "127.0.0.1")
        refused = subprocess.run(["bash", "-c", with_address], capture_output=True, text=True, timeout=60, env=environment())
        assert "not one of this gateway's" in refused.stdout, refused


def test_a_port_for_everybody_under_a_name_for_nobody_else_is_told_of(tmp_path):
    config = tmp_path / "gateway.toml"
    for listed, is_told in [("", True), ('authorities = ["localhost"]\n', False)]:
        config.write_text(f'[listen]\naddress = "0.0.0.0:0"\n{listed}')
        checked = run("config", "check", config)
        assert checked.returncode == 0 and ("listen.authorities" in checked.stderr) == is_told, checked
        with Server(tmp_path / f"state-{is_told}", listen="0.0.0.0:0", config=config) as server:
            assert any(line.startswith("ATTENTION: listen.address") for line in server.lines) == is_told


def test_an_environment_that_is_no_text_is_nobodys_matter_but_ours_is_named(tmp_path):
    for name, code, words in [("FOO", 0, "fine"), ("COUNTERSIGN_LOG__LEVEL", USAGE, "COUNTERSIGN_LOG__LEVEL: its value is not UTF-8")]:
        config = tmp_path / "gateway.toml"
        config.write_text("")
        variables = {**os.environb, name.encode(): b"\xff"}
        done = subprocess.run([str(BINARY), "config", "check", str(config)], capture_output=True, text=True, timeout=60, env=variables)
        assert done.returncode == code and words in done.stdout + done.stderr, done


def test_a_log_of_json_ends_with_json(tmp_path):
    state = tmp_path / "state"
    with Server(state):
        done = run(*serving(state), "--json")
    assert done.returncode == ENVIRONMENT
    last = [json.loads(line) for line in done.stderr.splitlines()][-1]
    assert last["level"] == "ERROR" and "in use by another gateway" in last["fields"]["message"] and last["timestamp"]
    config = tmp_path / "gateway.toml"
    config.write_text('[log]\nformat = "json"\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--state", state, "--config", config, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == ENVIRONMENT and all(json.loads(line) for line in done.stderr.splitlines()), done.stderr


def test_an_export_whose_reader_goes_away_is_no_failure(server):
    # More than is written at once, so that it fails in the midst of a line.
    assert len(run("audit", "export", "--state", server.state).stdout) > 8_192
    read, write = os.pipe()
    command = [str(BINARY), "audit", "export", "--state", server.state]
    process = subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment())
    os.close(read)
    os.close(write)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and told == "", told


def test_where_nobody_is_named_who_lifts_a_halt_says_so(tmp_path):
    with Server(tmp_path / "state") as server:
        raised = run("halt", "--reason", "runaway", "--scope", "account:nobody", "--state", server.state)
        assert raised.returncode == 0 and "ATTENTION: halt.operators is empty" in raised.stdout, raised
        halt = re.search(r"H-\S+|\S+", raised.stdout).group()
        proposed = run("lift", "propose", halt, "--reason", "over", "--state", server.state)
        assert "ATTENTION: halt.operators is empty" in proposed.stdout, proposed


def test_a_drill_in_earnest_raises_nothing_that_it_cannot_lift(tmp_path):
    keys = {}
    for name in ("alice", "bob"):
        made = run("operator", "new", name, "--out", tmp_path / f"{name}.pem")
        assert made.returncode == 0, made
        keys[name] = made.stdout.strip()
    config = tmp_path / "gateway.toml"
    config.write_text(f'[halt]\noperators = ["{keys["alice"]}"]\nquorum = 1\n')
    with Server(tmp_path / "state", config=config) as server:
        drill = ["drill", "run", "--real", "--count", "1", "--state", server.state]
        for operator, key, words in [("carol", "alice", "names no such operator"), ("alice", "bob", "is not the key of")]:
            done = run(*drill, "--operator", operator, "--key", tmp_path / f"{key}.pem")
            assert done.returncode == USAGE and words in done.stderr, done
            assert json.loads(run("halt", "status", "--json", "--state", server.state).stdout)["halts"] == []
        done = run(*drill, "--operator", "alice", "--key", tmp_path / "alice.pem")
        assert done.returncode == 0, done
        assert json.loads(run("halt", "status", "--json", "--state", server.state).stdout)["halts"] == []


def test_a_key_without_scopes_is_a_mistake(stopped):
    failed(["key", "new", "--account", "demo", "--purpose", "binance", "--scopes", "", "--state", stopped], USAGE, "--scopes")


def test_the_demo_makes_no_folder_for_what_is_temporary(tmp_path):
    done = run("demo", TMPDIR=str(tmp_path / "nowhere"))
    assert done.returncode == ENVIRONMENT and "TMPDIR" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def pasted(server, begin):
    return next(line.strip() for line in server.lines if line.strip().startswith(begin))


def test_the_commands_to_paste_run_as_they_are(tmp_path):
    """With spaces in the path, and a program that no shell finds by its name."""
    with Server(tmp_path / "my state") as server:
        connect = next(line.strip() for line in server.lines if " connect https://" in line)
        assert not connect.startswith("countersign ") and f"'{server.state}/demo/native-ed25519.json'" in connect
        done = subprocess.run(["bash", "-c", connect], input="quit\n", capture_output=True, text=True, timeout=60, env=environment())
        assert done.returncode == 0, done.stdout + done.stderr
        curl = subprocess.run(["bash", "-c", pasted(server, "curl ")], capture_output=True, text=True, timeout=60, env=environment())
        assert "BTCUSDT" in curl.stdout, curl.stderr
    found = f"{BINARY.parent}:{os.environ['PATH']}"
    with Server(tmp_path / "my state", PATH=found) as server:
        assert pasted(server, "countersign connect")


def test_who_listens_everywhere_is_told_an_address_that_can_be_dialled(tmp_path):
    with Server(tmp_path / "state", listen="0.0.0.0:0") as server:
        assert server.base in server.said() and f"0.0.0.0:{server.port}" in server.said()
        assert server.credential("native-ed25519")["url"] == server.base
        done = run("connect", "--credential", server.state / "demo" / "native-ed25519.json", stdin="quit\n")
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_state_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    failed(serving(tmp_path / "file" / "state"), ENVIRONMENT, "file")
    failed(serving(tmp_path / "file"), ENVIRONMENT, "file")


def test_a_configuration_that_is_wrong_starts_nothing(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text("[listen]\nadress = 1\n")
    failed(serving(tmp_path / "state", "--config", config), USAGE, "adress")
    assert not (tmp_path / "state").exists()
