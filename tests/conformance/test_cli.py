"""The commands: what they print, how they end, and what they leave behind."""

import contextlib
import json
import os
import pty
import re
import socket
import subprocess
import threading

import pytest

from harness.server import BINARY, environment, run

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
        (["audit", "export", "--since", "2027-02-01", "--until", "2027-01-01", "--state", empty], USAGE, ["--until 2027-01-01", "--since 2027-02-01"]),
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


def demo_of_a_cluster(folder, *more):
    """It says itself that a step took longer than its second, as may be where three nodes and two databases have half a processor: three tries there."""
    for _ in range(1 if os.environ.get("COUNTERSIGN_STRICT") else 3):
        done = run("demo", "--cluster", *more, "--json", timeout=300, cwd=folder)
        if done.returncode == 0:
            break
    return done


def test_demo_of_a_cluster_loses_a_node_and_no_order(tmp_path):
    done = demo_of_a_cluster(tmp_path)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(steps) == 13 and all(step["held"] for step in steps)
    assert list(tmp_path.iterdir()) == []


def test_halts_of_a_cluster_are_measured_under_load(tmp_path):
    done = demo_of_a_cluster(tmp_path, "--halts", "3")
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


TAKES_A_WHILE = [
    (["vectors", os.path.join(ROOT, "tests/vectors/binance.json")], "judging"),
    (["audit", "verify"], "verifying"),
    (["audit", "export", "--out", "-"], "exporting"),
]


@pytest.mark.parametrize("arguments, told", TAKES_A_WHILE)
def test_what_takes_a_while_shows_so_on_a_terminal_and_nowhere_else(server, arguments, told):
    more = [] if arguments[0] == "vectors" else ["--state", server.state]
    assert told not in run(*arguments, *more).stderr
    terminal, screen = pty.openpty()
    kept = {name: value for name, value in environment().items() if name != "NO_COLOR"}
    command = [str(BINARY), *map(str, [*arguments, *more])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=screen, timeout=60, env={**kept, "TERM": "xterm"})
    os.close(screen)
    shown = bytearray()
    # A terminal whose other side is closed ends with an error, once everything was read.
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)
    assert done.returncode == 0 and told.encode() in shown and told.encode() not in done.stdout, (done, bytes(shown))
