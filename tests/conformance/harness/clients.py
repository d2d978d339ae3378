"""Points unmodified clients at the gateway: only documented settings are used, nothing is patched."""

import ssl

import ccxt
import ccxt.pro
from binance.client import Client as PythonBinance
from binance.spot import Spot as Connector
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot as Sdk


def rewritten(urls, base, ws_base):
    """The same tree of URLs with another scheme and host; path suffixes stay."""
    if isinstance(urls, dict):
        return {name: rewritten(url, base, ws_base) for name, url in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, rest = urls.split("://", 1)
    suffix = rest[rest.index("/") :] if "/" in rest else ""
    return (ws_base if scheme.startswith("ws") else base) + suffix


def ccxt_settings(record, **options):
    """ccxt takes an HMAC secret, or a private key as PEM, in the same field."""
    return {"apiKey": record["api_key"], "secret": record.get("secret") or record["private_key_pem"], "enableRateLimit": False, "options": options}


def ccxt_sync(server, record, **options):
    exchange = ccxt.binance(ccxt_settings(record, **options))
    exchange.urls["api"] = rewritten(exchange.urls["api"], server.base, server.ws_base)
    exchange.validateServerSsl = server.ca
    return exchange


def ccxt_pro(server, record, **options):
    exchange = ccxt.pro.binance({**ccxt_settings(record, **options), "cafile": server.ca})
    exchange.urls["api"] = rewritten(exchange.urls["api"], server.base, server.ws_base)
    return exchange


def python_binance(server, record):
    """The CA comes from the environment (REQUESTS_CA_BUNDLE)."""
    if record.get("private_key_pem"):
        client = PythonBinance(record["api_key"], private_key=record["private_key_pem"], ping=False)
    else:
        client = PythonBinance(record["api_key"], record["secret"], ping=False)
    client.API_URL = f"{server.base}/api"
    client.MARGIN_API_URL = f"{server.base}/sapi"
    return client


def connector(server, record, **settings):
    """The CA comes from the environment (REQUESTS_CA_BUNDLE)."""
    if record.get("private_key_pem"):
        return Connector(record["api_key"], base_url=server.base, private_key=record["private_key_pem"], **settings)
    return Connector(record["api_key"], record["secret"], base_url=server.base, **settings)


def sdk(server, record):
    tls = ssl.create_default_context(cafile=server.ca)
    secret = {"private_key": record["private_key_pem"]} if record.get("private_key_pem") else {"api_secret": record["secret"]}
    return Sdk(
        config_rest_api=ConfigurationRestAPI(api_key=record["api_key"], base_path=server.base, https_agent=tls, retries=0, **secret),
        config_ws_api=ConfigurationWebSocketAPI(
            api_key=record["api_key"], stream_url=f"{server.ws_base}/ws-api/v3", https_agent=tls, timeout=10000, **secret
        ),
    )


def with_wrong_secret(record):
    """The same key with a secret of the right form that is not its own."""
    if record.get("secret"):
        secret = record["secret"]
        return {**record, "secret": ("A" if secret[0] != "A" else "B") + secret[1:]}
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    old, form = load_pem_private_key(record["private_key_pem"].encode(), None), PrivateFormat.PKCS8
    if isinstance(old, rsa.RSAPrivateKey):
        new = rsa.generate_private_key(65537, 2048)
    elif isinstance(old, ec.EllipticCurvePrivateKey):
        new, form = ec.generate_private_key(old.curve), PrivateFormat.TraditionalOpenSSL
    else:
        new = ed25519.Ed25519PrivateKey.generate()
    return {**record, "private_key_pem": new.private_bytes(Encoding.PEM, form, NoEncryption()).decode()}


def unknown(record):
    """A key of the same form that nobody registered."""
    key = record["api_key"]
    return {**record, "api_key": key[:-1] + ("A" if key[-1] != "A" else "B")}
