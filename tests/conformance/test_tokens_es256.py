"""Access tokens signed with ES256: the same flows, verified by PyJWT, joserfc, Authlib's resource protector and Envoy; and a change of the algorithm."""

import hmac
import json
import ssl

import jwt
import pytest
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt as jose
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from harness import raw
from harness.envoy import Envoy
from harness.ports import kept_port
from harness.server import Server
from harness.tokens import ACCESS_TOKEN, TOKEN_EXCHANGE, DpopKey, TokenClient, b64
from harness.venue import CountingVenue

TICKER = "/native/v1/ticker?sym=BTCUSDT"
AUDIENCE = "https://back-end.example"
SETTINGS = ["--set", "tokens.issuer=https://gateway.example", "--set", f"tokens.audiences={AUDIENCE}"]


def gateway(state, algorithm):
    return Server(state, *SETTINGS, "--set", f"tokens.algorithm={algorithm}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("es256") / "state", "ES256") as running:
        yield running


@pytest.fixture
def owner(server):
    return TokenClient(server, key=DpopKey())


def published(server):
    return json.loads(raw.ask(server, "GET", "/.well-known/jwks.json").body)


def header(token):
    return jwt.get_unverified_header(token)


def test_three_libraries_verify_it_by_the_published_keys(server, owner):
    text = owner.fetch("md:read", audience=AUDIENCE)["access_token"]
    assert (header(text)["alg"], header(text)["typ"]) == ("ES256", "at+jwt")
    keys = jwt.PyJWKClient(f"{owner.issuer}/.well-known/jwks.json", ssl_context=ssl.create_default_context(cafile=server.ca))
    key = keys.get_signing_key_from_jwt(text).key
    claims = jwt.decode(text, key, algorithms=["ES256"], audience=AUDIENCE, issuer="https://gateway.example")
    assert claims["cnf"] == {"jkt": owner.key.thumbprint} and claims["scope"] == "md:read"
    with pytest.raises(jwt.InvalidAlgorithmError):
        jwt.decode(text, key, algorithms=["EdDSA"], audience=AUDIENCE)
    assert jose.decode(text, KeySet.import_key_set(published(server)), algorithms=["ES256"]).claims["sub"] == "demo"
    with pytest.raises(JoseError):
        jose.decode(text[:-8] + "AAAAAAAA", KeySet.import_key_set(published(server)), algorithms=["ES256"])

    class Protected(JWTBearerTokenValidator):
        def get_jwks(self):
            return published(server)

    validator = Protected(issuer="https://gateway.example", resource_server=AUDIENCE)
    token = validator.authenticate_token(text)
    validator.validate_token(token, ["md:read"], None)
    assert token["client_id"] == owner.record["kid"]


def test_the_key_set_has_both_kinds_and_nothing_private(server):
    keys = published(server)["keys"]
    assert [key["alg"] for key in keys] == ["EdDSA"] * (len(keys) // 2) + ["ES256"] * (len(keys) // 2)
    assert len({key["kid"] for key in keys}) == len(keys) >= 4 and not any("d" in key for key in keys)
    metadata = json.loads(raw.ask(server, "GET", "/.well-known/oauth-authorization-server").body)
    assert metadata["access_token_signing_alg_values_supported"] == ["ES256", "EdDSA"]


def trades(client, token, **more):
    return client.get(TICKER, token, **more).status_code


def test_it_logs_in_is_exchanged_refreshed_introspected_and_revoked(tmp_path):
    with Server(tmp_path / "state", "--set", "tokens.algorithm=ES256") as server:
        owner, other = TokenClient(server, key=DpopKey("ES256")), DpopKey()
        first = owner.fetch("md:read order:read offline_access")
        full = first["access_token"]
        assert header(full)["alg"] == "ES256" and trades(owner, full) == 200
        assert trades(owner, full, key=other) == 401, "bound to another key"
        told = owner.introspect(full)
        assert told["active"] is True and told["cnf"] == {"jkt": owner.key.thumbprint}
        form = dict(grant_type=TOKEN_EXCHANGE, subject_token=full, subject_token_type=ACCESS_TOKEN, scope="md:read", dpop_jkt=other.thumbprint)
        narrow = owner.post(**form, headers=owner.proof()).json()["access_token"]
        assert header(narrow)["alg"] == "ES256" and trades(owner, narrow, key=other) == 200
        second = owner.refresh(first["refresh_token"])["access_token"]
        assert header(second)["alg"] == "ES256" and trades(owner, second) == 200
        assert owner.revoke(second).status_code == 200
        assert trades(owner, second) == 401 and owner.introspect(second) == {"active": False}
        certificate = str(server.state / "demo" / "client-certificate.pem")
        by_certificate = TokenClient(server, certificate=certificate)
        bearer = by_certificate.fetch("md:read")
        assert bearer["token_type"] == "Bearer" and header(bearer["access_token"])["alg"] == "ES256"
        assert by_certificate.session.get(f"{owner.issuer}{TICKER}").status_code == 200
        stolen = {"Authorization": f"Bearer {bearer['access_token']}"}
        assert owner.session.request("GET", f"{owner.issuer}{TICKER}", headers=stolen, withhold_token=True).status_code == 401


def forged(token, keys):
    """Tokens that say what they are not, by name."""
    head, claims, signature = token.split(".")
    public = {key["kid"]: key for key in keys}
    kid = header(token)["kid"]
    [eddsa] = [key["kid"] for key in keys[:1]]
    raw_signature = jwt.utils.base64url_decode(signature)
    r, s = raw_signature[:32], raw_signature[32:]
    order = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
    integer = lambda number: b"\x02" + bytes([len(number) + (number[0] >> 7)]) + b"\x00" * (number[0] >> 7) + number
    der = integer(r) + integer(s)
    under = lambda **changed: b64(json.dumps({"typ": "at+jwt", "alg": "ES256", "kid": kid, **changed}).encode())
    # By hand: the libraries refuse to use a public key as the key of a MAC.
    by_mac = lambda secret: (text := f"{under(alg='HS256')}.{claims}") + "." + b64(hmac.digest(secret, text.encode(), "sha256"))
    point = b"\x04" + b"".join(jwt.utils.base64url_decode(public[kid][name]) for name in "xy")
    with_signature = lambda value: f"{head}.{claims}.{b64(value)}"
    return {
        "none": f"{under(alg='none')}.{claims}.",
        "EdDSA under this key": f"{under(alg='EdDSA')}.{claims}.{signature}",
        "ES256 under the Ed25519 key": f"{under(kid=eddsa)}.{claims}.{signature}",
        "a MAC under the public point": by_mac(point),
        "a MAC under the published key": by_mac(json.dumps(public[kid]).encode()),
        "DER": with_signature(b"\x30" + bytes([len(der)]) + der),
        "zeros": with_signature(bytes(64)),
        "r is zero": with_signature(bytes(32) + s),
        "s is zero": with_signature(r + bytes(32)),
        "r is the order": with_signature(order + s),
        "s is the order": with_signature(r + order),
        "a key that is not in use yet": f"{under(kid=keys[-1]['kid'])}.{claims}.{signature}",
    }


def test_no_other_reading_of_a_token_is_taken(tmp_path):
    with Server(tmp_path / "state", "--set", "tokens.algorithm=ES256") as server:
        owner = TokenClient(server, key=DpopKey())
        token = owner.fetch("md:read")["access_token"]
        for name, text in forged(token, published(server)["keys"]).items():
            answer = owner.get(TICKER, text)
            assert answer.status_code == 401, name
            assert owner.introspect(text) == {"active": False}, name
        assert trades(owner, token) == 200


def test_a_change_of_the_algorithm_keeps_the_tokens_of_before(tmp_path):
    # On the same port, because the issuer is the name that was asked for.
    with kept_port() as port:
        change_the_algorithm(tmp_path / "state", f"127.0.0.1:{port}")


def change_the_algorithm(state, listen):
    with Server(state, listen=listen) as server:
        owner = TokenClient(server, key=DpopKey())
        first = owner.fetch("md:read offline_access")
        before = published(server)
    assert header(first["access_token"])["alg"] == "EdDSA"
    with Server(state, "--set", "tokens.algorithm=ES256", listen=listen) as server:
        again = TokenClient(server, record=owner.record, key=owner.key)
        assert trades(again, first["access_token"]) == 200, "until it ends"
        second = again.refresh(first["refresh_token"])
        assert header(second["access_token"])["alg"] == "ES256" and trades(again, second["access_token"]) == 200
        assert header(second["access_token"])["kid"] in [key["kid"] for key in before["keys"]], "published before its use"
    with Server(state, listen=listen) as server:
        back = TokenClient(server, record=owner.record, key=owner.key)
        assert trades(back, second["access_token"]) == 200, "and back"
        assert header(back.refresh(second["refresh_token"])["access_token"])["alg"] == "EdDSA"


JWT_FILTER = """
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                gateway:
                  issuer: https://gateway.example
                  audiences: [ {audience} ]
                  forward: true
                  payload_in_metadata: claims
                  local_jwks: {{ inline_string: '{jwks}' }}
              rules:
              - match: {{ prefix: / }}
                requires: {{ provider_name: gateway }}
"""


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_envoy_lets_its_bearer_pass_and_nobody_else(tmp_path, algorithm):
    """A relying party that knows the key set alone: Envoy's own verifier in front of a back end."""

    def only_tokens(text):
        begin, end = text.index("http_filters:") + len("http_filters:"), text.index("          - name: envoy.filters.http.router")
        return text[:begin] + JWT_FILTER.format(audience=AUDIENCE, jwks=json.dumps(keys)) + text[end:]

    with gateway(tmp_path / "state", algorithm) as server, CountingVenue() as venue:
        keys = published(server)
        certificate = str(server.state / "demo" / "client-certificate.pem")
        owner = TokenClient(server, certificate=certificate)
        token = owner.fetch("md:read", audience=AUDIENCE)["access_token"]
        ours = owner.fetch("md:read")["access_token"]
        assert header(token)["alg"] == algorithm
        folder = tmp_path / "envoy"
        folder.mkdir()
        with Envoy(folder, server, 1, venue.port, "http", change=only_tokens) as envoy:
            ask = lambda text: raw.ask(envoy, "GET", "/thing", [("Authorization", f"Bearer {text}")] if text else []).status
            assert ask(token) == 200, envoy.said()
            assert venue.targets == ["GET /thing"]
            assert ask(None) == 401 and ask(ours) == 403, "no token; a token for another audience"
            broken = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
            assert ask(broken) == 401
            if algorithm == "ES256":
                for name, text in forged(token, keys["keys"]).items():
                    assert ask(text) == 401, name
            assert venue.targets == ["GET /thing"]
