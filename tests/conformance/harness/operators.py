"""The operator's socket, asked by ourselves: no program has to start before it is heard."""

import contextlib
import http.client
import json
import socket

from .server import run


class OperatorSocket(http.client.HTTPConnection):
    """One connection to it."""

    def __init__(self, server):
        super().__init__("localhost")
        self.path = str(server.state / "operator.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def post(self, path, body=None):
        """Asks for a change; what is answered."""
        self.request("POST", path, body=json.dumps(body) if body else b"", headers={"Content-Type": "application/json"})
        answer = self.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return json.loads(body)


def known_to_all(nodes):
    """Returns when each node that runs has read its keys anew: the others hear of a new one a moment after the first."""
    for node in nodes:
        if node.server.process.poll() is None:
            with contextlib.closing(OperatorSocket(node.server)) as operators:
                operators.post("/v1/reload")


def credential_id(server, key):
    """The name of a key among operators."""
    shown = run("key", "show", key["api_key"], "--json", "--state", server.state)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["id"]


def revoke(server, credential):
    """Revokes a key; returns when that is done."""
    with contextlib.closing(OperatorSocket(server)) as operators:
        operators.post(f"/v1/keys/{credential}/revoke")
