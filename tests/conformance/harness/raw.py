"""TLS by hand: bytes in, bytes out, for what no HTTP library would send."""

import socket
import ssl
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 45


@dataclass
class Answer:
    """One HTTP/1.1 response."""

    status: int
    headers: list = field(default_factory=list)
    body: bytes = b""

    def header(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)


class Closed(Exception):
    """The peer closed before a whole response was there."""


def context(ca, alpn=("http/1.1",), minimum=ssl.TLSVersion.TLSv1_3, maximum=ssl.TLSVersion.MAXIMUM_SUPPORTED):
    made = ssl.create_default_context(cafile=ca)
    made.minimum_version = minimum
    made.maximum_version = maximum
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


class Connection:
    """One TLS connection with an HTTP/1.1 response reader. `before` TLS come other bytes; `source` is the address of ours that it comes from."""

    def __init__(self, server, alpn=("http/1.1",), tls=None, timeout=TIMEOUT_SECONDS, before=b"", source=""):
        # What takes time is done before a deadline of the gateway begins.
        tls = tls or context(server.ca, alpn)
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=timeout, source_address=(source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.sendall(before)
        self.tls = tls.wrap_socket(raw, server_hostname="localhost")
        self.buffer = b""

    def send(self, data):
        self.tls.sendall(data)

    def _more(self):
        try:
            data = self.tls.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def answer(self):
        """The next response, whole."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines[1:])]
        answer = Answer(status, headers)
        if answer.header("transfer-encoding") == "chunked":
            answer.body = self._chunks()
        elif status not in (101, 204, 304):
            answer.body = self.read_exactly(int(answer.header("content-length") or 0))
        return answer

    def _chunks(self):
        body = b""
        while size := int(self.read_until(b"\r\n").split(b";")[0], 16):
            body += self.read_exactly(size)
            self.read_exactly(2)
        self.read_until(b"\r\n")
        return body

    def is_closed(self, seconds=30):
        """Whether the peer closes within this time, whatever it still sends."""
        self.tls.settimeout(seconds)
        try:
            while True:
                self._more()
        except Closed:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.tls.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def exchange(server, data, alpn=("http/1.1",)):
    """Sends bytes on a new connection and returns the first response."""
    with Connection(server, alpn) as connection:
        connection.send(data)
        return connection.answer()


def request(server, method, target, headers=(), body=b""):
    """A well-formed request."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *(f"{name}: {value}" for name, value in headers)]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ask(server, method, target, headers=(), body=b""):
    """A well-formed request on a new connection and its response."""
    return exchange(server, request(server, method, target, headers, body))
