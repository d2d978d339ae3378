#!/usr/bin/env python3
"""Trades through the gateway with ccxt, unmodified: balance, ticker, a limit order far from the market, and its cancellation.

    pip install ccxt
    python3 examples/ccxt_trade.py URL CREDENTIAL.json CA.pem

for example, beside a running `countersign serve`:

    python3 examples/ccxt_trade.py https://127.0.0.1:8443 countersign-state/demo/binance-hmac.json countersign-state/ca.pem

Three settings make a ccxt program for Binance talk to the gateway: the key, the URLs, and the CA to trust.
"""

import json
import sys

import ccxt

SYMBOL = "BTC/USDT"


def at_gateway(urls, base):
    """The same tree of URLs with the gateway's scheme, host and port; paths stay as they are."""
    if isinstance(urls, dict):
        return {name: at_gateway(url, base) for name, url in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, rest = urls.split("://", 1)
    path = rest[rest.index("/") :] if "/" in rest else ""
    return (base.replace("https", "wss", 1) if scheme.startswith("ws") else base) + path


def connect(url, credential, ca):
    """A ccxt exchange that reaches the gateway instead of the venue."""
    # ccxt takes a private key, for Ed25519 and RSA, in the place of the secret.
    secret = credential.get("secret") or credential["private_key_pem"]
    exchange = ccxt.binance({"apiKey": credential["api_key"], "secret": secret})
    exchange.urls["api"] = at_gateway(exchange.urls["api"], url.rstrip("/"))
    exchange.validateServerSsl = ca
    return exchange


def main(url, credential_path, ca):
    with open(credential_path) as file:
        exchange = connect(url, json.load(file), ca)
    exchange.load_markets()

    balance = exchange.fetch_balance()
    print("balance ", {asset: amount for asset, amount in balance["total"].items() if amount})
    ticker = exchange.fetch_ticker(SYMBOL)
    print("ticker  ", SYMBOL, "bid", ticker["bid"], "ask", ticker["ask"], "last", ticker["last"])

    price = exchange.price_to_precision(SYMBOL, ticker["bid"] / 2)
    order = exchange.create_order(SYMBOL, "limit", "buy", 0.01, float(price))
    print("placed  ", order["id"], order["side"], order["amount"], "at", order["price"], order["status"])
    try:
        listed = [each["id"] for each in exchange.fetch_open_orders(SYMBOL)]
        print("open    ", " ".join(listed))
    finally:
        canceled = exchange.cancel_order(order["id"], SYMBOL)
    print("canceled", canceled["id"], canceled["status"])
    return 0 if order["id"] in listed and canceled["status"] == "canceled" else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
