"""A real nginx with the configuration of docs/authz.md, in which only addresses and files are changed."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs/authz.md"
START_SECONDS = 10
TRIES = 5
FRAME = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


def documented():
    """The block to paste."""
    return re.search(r"<!-- nginx: begin -->\n```nginx\n(.*?)```\n<!-- nginx: end -->", DOCUMENT.read_text(), re.S).group(1)


def replaced(text, old, new):
    assert text.count(old) >= 1, f"{old!r} is not in the documented configuration"
    return text.replace(old, new)


def program():
    return shutil.which("nginx") or "/usr/sbin/nginx"


class Nginx:
    """nginx in front of `venue_port`, asking the authz port of `server`."""

    def __init__(self, folder, server, authz_port, venue_port, change=lambda text: text):
        self.folder, self.server, self.process, self.port = folder, server, None, None
        text = replaced(documented(), "server 127.0.0.1:8480", f"server 127.0.0.1:{authz_port}")
        text = replaced(text, "server 127.0.0.1:9000", f"server 127.0.0.1:{venue_port}")
        self.text = change(replaced(text, "/etc/nginx/api.pem", str(server.state / "server.pem")))

    def _start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = self.folder / "nginx.conf"
        text = replaced(self.text, "listen 127.0.0.1:443", f"listen 127.0.0.1:{self.port}")
        config.write_text(FRAME.format(folder=self.folder, user="user root;" if os.geteuid() == 0 else "", documented=text))
        self.process = subprocess.Popen([program(), "-e", str(self.folder / "error.log"), "-c", str(config)], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.process.wait(0.02)
                return False
            except subprocess.TimeoutExpired:
                pass
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except ConnectionRefusedError:
                continue
        return False

    def __enter__(self):
        # Somebody else may take the port between the probe and nginx.
        for _ in range(TRIES):
            if self._start():
                return self
            self.__exit__()
        raise AssertionError(f"nginx does not start:\n{self.said()}")

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def said(self):
        log = self.folder / "error.log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def base(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ws_base(self):
        return f"wss://127.0.0.1:{self.port}"

    @property
    def ca(self):
        return self.server.ca
