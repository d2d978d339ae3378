"""What a load balancer says in front of TLS, written from the specification of HAProxy, and a gateway that believes it."""

import socket
import struct

from .counted import Counted

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPEC, TCP4, UDP4, TCP6, UNIX = 0x00, 0x11, 0x12, 0x21, 0x31


def text(source, port=40000):
    """Version 1."""
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {'::1' if family == 'TCP6' else '127.0.0.1'} {port} 443\r\n".encode()


def binary(source=None, fields=b"", command=PROXY, family=None, port=40000):
    """Version 2."""
    if source is None:
        addresses, family = b"", UNSPEC if family is None else family
    else:
        kind = socket.AF_INET6 if ":" in source else socket.AF_INET
        family = family if family is not None else TCP6 if kind == socket.AF_INET6 else TCP4
        address = socket.inet_pton(kind, source)
        addresses = address + bytes(len(address)) + struct.pack("!HH", port, 443)
    rest = addresses + fields
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def field(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def crc32c(data):
    """Castagnoli's, bit by bit."""
    sum = 0xFFFFFFFF
    for byte in data:
        sum ^= byte
        for _ in range(8):
            sum = (sum >> 1) ^ (0x82F63B78 if sum & 1 else 0)
    return sum ^ 0xFFFFFFFF


def summed(source, more=b""):
    """Version 2 with its checksum behind `more`."""
    zeroed = binary(source, more + field(3, bytes(4)))
    return zeroed[:-4] + struct.pack("!I", crc32c(zeroed))


CONFIGURATION = """
[listen]
proxy_protocol = "required"
proxy_trusted = ["127.0.0.1"]

[limits]
connections_per_source_max = 6
public_weight_per_minute = 20

[upstream.venue]
url = "http://127.0.0.1:{port}"

[[route]]
name = "open"
path = "/open"
public = true

[[route]]
name = "account"
path = "/api/v3/account"
scope = "account:read"
dialect = "binance"
"""


class Proxied(Counted):
    """The gateway, and behind it a venue that writes down what it is told. Balancers come from 127.0.0.1, all other addresses of ours are strangers."""

    configuration = CONFIGURATION
