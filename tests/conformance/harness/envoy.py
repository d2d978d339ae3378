"""A real Envoy with the configuration of docs/authz.md, in which only addresses are changed."""

import json
import os
import re
import subprocess
import textwrap
import time
import urllib.request
from pathlib import Path

from .nginx import DOCUMENT, replaced
from .server import environment

#: The environment that has Envoy: made by `cargo xtask test`.
PYTHON = Path(os.environ.get("COUNTERSIGN_ENVOY_PYTHON", Path(__file__).parents[3] / ".test-env/venv-envoy/bin/python"))
START_SECONDS = 60
ASK_SECONDS = 5
FRAME = """
admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
static_resources:
  listeners:
  - name: clients
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: {{ filename: {pem} }}
              private_key: {{ filename: {pem} }}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [ {{ match: {{ prefix: / }}, route: {{ cluster: venue }} }} ]
{manager}
{filters}
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: venue
    load_assignment:
      cluster_name: venue
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {venue} }} }} }} }} ] }} ]
  - name: countersign
{http2}
    load_assignment:
      cluster_name: countersign
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {authz} }} }} }} }} ] }} ]
"""


def documented(name):
    """One of the blocks to paste."""
    return re.search(rf"<!-- envoy {name}: begin -->\n```yaml\n(.*?)```\n<!-- envoy {name}: end -->", DOCUMENT.read_text(), re.S).group(1)


def program():
    """Envoy itself, without the launcher of its package."""
    [binary] = PYTHON.parents[1].glob("lib/python*/site-packages/envoy/_bin/envoy")
    return binary


class Envoy:
    """Envoy in front of `venue_port`, asking the authz port of `server` over `protocol`, `http` or `grpc`."""

    def __init__(self, folder, server, authz_port, venue_port, protocol, change=lambda text: text):
        self.folder, self.server, self.process, self.port = folder, server, None, None
        filters = documented(protocol)
        if protocol == "http":
            filters = replaced(filters, "http://127.0.0.1:8480", f"http://127.0.0.1:{authz_port}")
        # A gateway may stand still for two seconds here.
        filters = replaced(filters, "timeout: 2s", "timeout: 30s")
        indented = {name: textwrap.indent(text, " " * 10) for name, text in {"filters": filters, "manager": documented("manager")}.items()}
        http2 = textwrap.indent(documented("cluster"), " " * 4) if protocol == "grpc" else ""
        pem = server.state / "server.pem"
        self.text = change(FRAME.format(pem=pem, venue=venue_port, authz=authz_port, http2=http2, **indented))

    def __enter__(self):
        config, self.admin = self.folder / "envoy.yaml", self.folder / "admin-address"
        config.write_text(self.text)
        arguments = ["-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--admin-address-path", self.admin]
        with open(self.folder / "envoy.log", "ab") as log:
            command = [str(program()), *map(str, arguments)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            self.port = self._listening()
            if self.port:
                return self
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        self.__exit__()
        raise AssertionError(f"Envoy does not start:\n{self.said()}")

    def _listening(self):
        """The port that clients connect to, once Envoy serves it."""
        try:
            address = self.admin.read_text().strip()
            if self._ask(address, "/ready").strip() != b"LIVE":
                return None
            listeners = json.loads(self._ask(address, "/listeners?format=json"))["listener_statuses"]
            return listeners[0]["local_address"]["socket_address"]["port_value"]
        except (OSError, KeyError, ValueError):
            return None

    @staticmethod
    def _ask(address, path):
        # Without the environment's proxies, which are not for loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}{path}", timeout=ASK_SECONDS) as answer:
            return answer.read()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)

    def said(self):
        log = self.folder / "envoy.log"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def base(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self):
        return self.server.ca


LAYER_4 = """
admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
static_resources:
  listeners:
  - name: clients
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: clients
          cluster: countersign
  clusters:
  - name: countersign
    transport_socket:
      name: envoy.transport_sockets.upstream_proxy_protocol
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
        config: {{ version: {version} }}
        transport_socket:
          name: envoy.transport_sockets.raw_buffer
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer
    load_assignment:
      cluster_name: countersign
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }} }} ] }} ]
"""


class Layer4Envoy(Envoy):
    """Envoy as a load balancer that passes TLS through and sends a header of the PROXY protocol in front of it."""

    def __init__(self, folder, server, version):
        self.folder, self.server, self.process, self.port = folder, server, None, None
        self.text = LAYER_4.format(port=server.port, version=version)
