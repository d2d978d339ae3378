"""A service behind the gateway that reads a body as its Content-Type says, and lists wherever they stand: what it reads is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl

from .venue import Patient

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Reading:
    """Serves on a port of its own; `seen` has the parameters of each request."""

    def __init__(self):
        self.seen = seen = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                query = dict(parse_qsl(self.path.partition("?")[2]))
                kind = (self.headers.get("content-type") or "").lower()
                read = dict(parse_qsl(body)) if kind.startswith(FORM) or not body.startswith(("{", "[")) else json.loads(body)
                seen.append({**read, **query} if isinstance(read, dict) else read)
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = Patient(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def routes(self, *dialects):
        """The configuration of a gateway in front of it."""
        tables = "".join(f'[[route]]\nbuiltin = "{name}"\nupstream = "reading"\n' for name in dialects)
        return f'[upstream.reading]\nurl = "http://127.0.0.1:{self.server.server_port}"\n{tables}'

    def taken(self):
        """What it has read since it was asked last."""
        taken, self.seen[:] = list(self.seen), []
        return taken


def length(read):
    """How many orders there are in what was read."""
    if isinstance(read, list):
        return len(read)
    lists = [read[name] for name in ("orders", "request", "orderList", "ops") if name in read]
    (orders,) = lists
    return len(json.loads(orders) if isinstance(orders, str) else orders)
