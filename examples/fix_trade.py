#!/usr/bin/env python3
"""Logs on over FIX 4.4, places a limit order far from the market, cancels it, and logs out.

    pip install simplefix cryptography
    python3 examples/fix_trade.py HOST:PORT CREDENTIAL.json CA.pem

for example, beside a running `countersign serve`:

    python3 examples/fix_trade.py 127.0.0.1:8443 countersign-state/demo/binance-ed25519.json countersign-state/ca.pem

The Logon is signed as at Binance: Ed25519 over MsgType, SenderCompID, TargetCompID, MsgSeqNum and SendingTime, SOH between them.
"""

import base64
import json
import socket
import ssl
import sys
import time

import simplefix
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SENDER, TARGET = "EXAMPLE", "SPOT"


class Session:
    def __init__(self, address, ca):
        host, port = address.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=10)
        self.socket = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname=host)
        self.parser, self.number = simplefix.FixParser(), 0

    def send(self, msg_type, fields=(), sign=None):
        self.number += 1
        millis = int(time.time() * 1000)
        sent = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(millis // 1000)) + f".{millis % 1000:03d}"
        message = simplefix.FixMessage()
        header = [(8, "FIX.4.4"), (35, msg_type), (49, SENDER), (56, TARGET), (34, self.number), (52, sent)]
        signed = "\x01".join([msg_type, SENDER, TARGET, str(self.number), sent])
        for tag, value in [*header, *fields, *(sign(signed) if sign else [])]:
            message.append_pair(tag, value)
        self.socket.sendall(message.encode())
        return sent

    def receive(self):
        while (message := self.parser.get_message()) is None:
            chunk = self.socket.recv(65536)
            if not chunk:
                sys.exit("the gateway closed the connection")
            self.parser.append_buffer(chunk)
        if message.get(35) == b"1":  # TestRequest
            self.send("0", [(112, message.get(112))])
        return message if message.get(35) not in (b"0", b"1") else self.receive()

    def expect(self, msg_type):
        message = self.receive()
        if message.get(35).decode() != msg_type:
            sys.exit(f"{msg_type} expected: {message}")
        return message


def main(address, credential_path, ca):
    with open(credential_path) as file:
        credential = json.load(file)
    key = load_pem_private_key(credential["private_key_pem"].encode(), None)

    def sign(text):
        signature = base64.b64encode(key.sign(text.encode())).decode()
        return [(95, len(signature)), (96, signature), (553, credential["api_key"])]

    session = Session(address, ca)
    session.send("A", [(98, 0), (108, 30), (141, "Y")], sign)
    session.expect("A")
    print("logged on as", SENDER)

    name = f"fix-{int(time.time())}"
    session.send("D", [(11, name), (55, "BTCUSDT"), (54, 1), (38, "0.01"), (40, 2), (44, "50000"), (59, 1)])
    report = session.expect("8")
    print("placed", report.get(37).decode(), "status", report.get(39).decode(), report.get(58) or "")
    session.send("F", [(11, name + "-c"), (41, name), (55, "BTCUSDT"), (54, 1)])
    print("cancelled", session.expect("8").get(37).decode())
    session.send("5")
    session.expect("5")
    print("logged out")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
