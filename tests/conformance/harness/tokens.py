"""A client of the token endpoints: keys of PyJWT, DPoP proofs, and an Authlib session that is not patched."""

import base64
import hashlib
import json
import time
import uuid

import jwt
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc.jwk import OKPKey

FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class DpopKey:
    """A key of the client's own, which tokens are bound to."""

    def __init__(self, algorithm="EdDSA"):
        self.algorithm = algorithm
        self.private = ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(ec.SECP256R1())
        kind = jwt.algorithms.OKPAlgorithm if algorithm == "EdDSA" else jwt.algorithms.ECAlgorithm
        self.jwk = json.loads(kind.to_jwk(self.private.public_key()))
        self.jwk = {name: self.jwk[name] for name in ("crv", "kty", "x", "y") if name in self.jwk}

    @property
    def thumbprint(self):
        """RFC 7638."""
        return b64(hashlib.sha256(json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()).digest())

    def proof(self, method, url, token=None, **changed):
        claims = {"htm": method, "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        return jwt.encode({**claims, **changed}, self.private, self.algorithm, {"typ": "dpop+jwt", "jwk": self.jwk})

    def headers(self, method, url, token):
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, url, token)}


class TokenClient:
    """The owner of a native key, with Authlib's session."""

    def __init__(self, server, record=None, key=None, certificate=None):
        self.server = server
        self.record = record or server.credential("native-ed25519")
        self.issuer = f"https://127.0.0.1:{server.port}"
        self.key = key
        self.url = f"{self.issuer}/token"
        self.session = OAuth2Session(
            self.record["kid"],
            OKPKey.import_key(self.record["private_key_pem"]),
            token_endpoint_auth_method=PrivateKeyJWT(self.url, alg="EdDSA"),
            revocation_endpoint_auth_method=PrivateKeyJWT(self.url, alg="EdDSA"),
        )
        self.session.verify = server.ca
        self.session.trust_env = False
        self.session.cert = certificate

    def proof(self, url=None):
        return {"DPoP": self.key.proof("POST", url or self.url)} if self.key else {}

    def fetch(self, scope="md:read", **more):
        """`client_credentials` by Authlib."""
        return self.session.fetch_token(self.url, grant_type="client_credentials", scope=scope, headers=self.proof(), **more)

    def refresh(self, token):
        """`refresh_token` by Authlib."""
        return self.session.refresh_token(self.url, refresh_token=token, headers=self.proof())

    def introspect(self, token):
        return self.session.introspect_token(f"{self.issuer}/introspect", token=token).json()

    def revoke(self, token):
        return self.session.revoke_token(f"{self.issuer}/revoke", token=token)

    def assertion(self, algorithm="EdDSA", key=None, header=None, **changed):
        """A client assertion, with claims as told."""
        now = int(time.time())
        claims = {"iss": self.record["kid"], "sub": self.record["kid"], "aud": self.url, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(claims, key or self.record["private_key_pem"], algorithm, header)

    def post(self, path="/token", headers=None, **form):
        """A form as told."""
        return self.session.request("POST", f"{self.issuer}{path}", data=form, headers=headers or {}, withhold_token=True)

    def get(self, path, token, key=None):
        """A request with the token and a proof."""
        url = f"{self.issuer}{path}"
        return self.session.request("GET", url, headers=(key or self.key).headers("GET", url, token), withhold_token=True)
