"""A real HAProxy with the configuration of docs/operations.md, in which only addresses, times and the version of the PROXY protocol are changed."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

from .nginx import replaced

DOCUMENT = Path(__file__).parents[3] / "docs/operations.md"


def documented():
    """The block to paste."""
    return re.search(r"<!-- haproxy: begin -->\n```text\n(.*?)```\n<!-- haproxy: end -->", DOCUMENT.read_text(), re.S).group(1)


def program():
    return shutil.which("haproxy") or "/usr/sbin/haproxy"


class HAProxy:
    """In front of the public port of a gateway, and asking its health port; without one, its public port."""

    def __init__(self, folder, server, health_port=None, send="send-proxy-v2"):
        self.server, self.process, self.log = server, None, folder / "haproxy.log"
        # Bound by us, so that nobody takes the port in between.
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        text = replaced(documented(), "bind :443", f"bind fd@{self.socket.fileno()}")
        if health_port is None:
            text = re.sub(r"\n *(option httpchk|http-check) ?.*", "", replaced(text, "check port 9080", "check"))
        # A machine that is busy with other tests answers later than within the interval of a check.
        text = replaced(text, "timeout connect 5s", "timeout connect 30s\n    timeout check 30s")
        text = replaced(text, "inter 1s", "inter 500ms").replace("port 9080", f"port {health_port}")
        text = replaced(text, "server east-1 10.0.0.11:443 send-proxy-v2", f"server east-1 127.0.0.1:{server.port} {send}")
        text = re.sub(r"\n *server east-2 .*", "", text)
        self.config = folder / "haproxy.cfg"
        self.config.write_text(text)

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program(), "-db", "-f", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[self.socket.fileno()]
            )
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self.socket.close()

    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def ca(self):
        return self.server.ca
