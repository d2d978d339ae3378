"""Fixtures: one server per test module, its credentials, and the CA where each client looks for it."""

import os

import pytest

# The stories assert outside of a test file.
pytest.register_assert_rewrite("harness.stories")

from harness.binance import Key
from harness.interop import Plugin
from harness.server import BINARY, FORMER, Server


ROUNDS = int(os.environ.get("COUNTERSIGN_FAULT_ROUNDS", "1"))


def pytest_configure(config):
    config.pluginmanager.register(Plugin(), "interop")


def pytest_sessionstart(session):
    if not BINARY.is_file():
        pytest.exit(f"{BINARY} is not built: run `cargo xtask test --only conformance`", returncode=2)


def pytest_collection_modifyitems(items):
    if FORMER != BINARY and {item.path.name for item in items} - {"test_upgrade.py"}:
        pytest.exit("COUNTERSIGN_FORMER_BIN is for test_upgrade.py alone: elsewhere it would be the program under test", returncode=2)


def pytest_generate_tests(metafunc):
    """What is broken once is broken so many times in a row."""
    if metafunc.definition.get_closest_marker("fault"):
        if "round" not in metafunc.fixturenames:
            metafunc.fixturenames.append("round")
        metafunc.parametrize("round", range(ROUNDS), indirect=True)


@pytest.fixture
def round(request):
    """Which of the rounds this is, for names that have to be new in each."""
    return request.param


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway with its embedded paper venue, on embedded defaults."""
    with Server(tmp_path_factory.mktemp("gateway") / "state") as running:
        yield running


@pytest.fixture
def trust(server, monkeypatch):
    """Clients that read the CA from the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca)
    monkeypatch.setenv("SSL_CERT_FILE", server.ca)


@pytest.fixture(scope="module")
def hmac_key(server):
    return Key(server.credential("binance-hmac"))


@pytest.fixture(scope="module")
def ed25519_key(server):
    return Key(server.credential("binance-ed25519"))


@pytest.fixture(scope="module")
def rsa_key(server):
    return Key(server.credential("binance-rsa"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A gateway in front of a venue that counts what reaches it, with short deadlines."""
    from harness.guarded import Guarded

    with Guarded(tmp_path_factory.mktemp("guarded")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that three operators halt and lift."""
    from harness.halted import Halted

    halted = Halted(tmp_path_factory.mktemp("halted"))
    with halted.server:
        yield halted


@pytest.fixture
def lifted(gateway):
    """A test that ends with nothing halted, as the next one begins."""
    yield
    gateway.lift_all()


@pytest.fixture(scope="module")
def behind():
    """A service that reads bodies as their types say, for a gateway to stand in front of."""
    from harness.reading import Reading

    with Reading() as reading:
        yield reading


@pytest.fixture
def emptied(behind):
    """A test that begins with nothing read."""
    behind.taken()
