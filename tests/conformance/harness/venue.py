"""A venue that only counts: whatever reaches it is written down, and answered with 200."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Patient(ThreadingHTTPServer):
    """Keeps whoever connects while it is busy: of five the next is dropped, and comes again a second later."""

    request_queue_size = 256
    daemon_threads = True


class CountingVenue:
    """Listens on loopback and keeps every request as (method, target, headers, body), and when each came."""

    def __init__(self):
        seen, came = [], []
        self.seen, self.came = seen, came

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self._chunks() if "chunked" in (self.headers.get("Transfer-Encoding") or "") else self.rfile.read(length)
                came.append(time.monotonic())
                seen.append((self.command, self.path, list(self.headers.items()), body))
                answer = json.dumps({"counted": len(seen)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _chunks(self):
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = do_PATCH = do

            def log_message(self, *_):
                pass

        self.http = Patient(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    @property
    def targets(self):
        return [f"{method} {target}" for method, target, _, _ in self.seen]

    def last_headers(self):
        """Headers of the last request, lower case, as pairs."""
        return [(name.lower(), value) for name, value in self.seen[-1][2]]
