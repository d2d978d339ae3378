"""The vectors of `countersign/1`, judged by docs/spec/handshake.md alone (sections 2 to 4 and 14): nothing here is of this project's code.

Needs `cryptography` for the signatures, and no gateway.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

VECTORS = Path(__file__).resolve().parents[2] / "tests/vectors"
HANDSHAKE = json.loads((VECTORS / "handshake.json").read_text())
RESUME = json.loads((VECTORS / "resume.json").read_text())
CHANNEL, KEYS = HANDSHAKE["channel"], HANDSHAKE["keys"]
#: What `about` of resume.json says of its channel.
RESUMED_EXPORTER = bytes([2] * 32)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    """HS-2: without padding, and nothing but the alphabet."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    assert b64(data) == text, "one text for one value"
    return data


def label(name):
    text = b"countersign/1 " + name.encode()
    assert len(text) <= 32
    return text + bytes(32 - len(text))


def opened(token, kind):
    """Payload and proof, of three parts."""
    head, payload, proof = token.split(".")
    assert head == f"cs1{kind}"
    return unb64(payload), unb64(proof)


def verify(key, message, signature):
    """By the algorithm that is registered with the key, and the DER that is registered with it."""
    public = load_der_public_key(unb64(key["spki"]))
    assert b64(sha256(unb64(key["spki"]))) == key["kid"]
    match key["alg"]:
        case "Ed25519":
            assert isinstance(public, ed25519.Ed25519PublicKey)
            public.verify(signature, message)
        case "ES256":
            assert isinstance(public, ec.EllipticCurvePublicKey) and len(signature) == 64
            r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        case "PS256":
            assert isinstance(public, rsa.RSAPublicKey)
            public.verify(signature, message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        case "ML-DSA-65":
            public.verify(signature, message)
        case other:
            raise AssertionError(other)


def binding(vector, exporter=bytes.fromhex(CHANNEL["exporter"])):
    """T0 (section 4)."""
    match vector["bind"]:
        case "exp":
            return exporter
        case "sep":
            return sha256(label("cb sep"), vector["nonce"].encode(), bytes.fromhex(CHANNEL["server_certificate_sha256"]))
        case "chl":
            return sha256(label("cb chl"), vector["nonce"].encode(), sha256(CHANNEL["host"].encode()))


def welcomed(vector, t1):
    """The gateway's half: its signature over what came before, and the contract hash; the payload."""
    payload, proof = opened(vector["welcome"]["token"], "w")
    assert payload == vector["welcome"]["payload"].encode()
    verify(KEYS["gateway"], label("welcome") + t1 + sha256(payload), proof)
    assert b64(sha256(t1, sha256(payload))) == vector["ch"]
    return payload


def test_labels_are_the_names_filled_up():
    assert {name: label(name).hex() for name in HANDSHAKE["labels"]} == HANDSHAKE["labels"]


def test_the_root_delegates_to_the_key_that_signs_welcomes():
    payload, proof = opened(HANDSHAKE["delegation"]["token"], "d")
    said = json.loads(payload)
    assert payload == HANDSHAKE["delegation"]["payload"].encode() and said["gk"] == KEYS["gateway"]["spki"]
    message = label("delegation") + unb64(KEYS["root"]["kid"]) + sha256(payload)
    assert message.hex() == HANDSHAKE["delegation"]["proof_input"]
    verify(KEYS["root"], message, proof)


@pytest.mark.parametrize("vector", HANDSHAKE["handshakes"], ids=lambda vector: vector["name"])
def test_a_handshake_is_what_the_specification_says(vector):
    t0 = binding(vector)
    assert t0.hex() == vector["t0"]
    payload, proof = opened(vector["hello"]["token"], "h")
    assert payload == vector["hello"]["payload"].encode()
    message = label("hello") + t0 + sha256(payload)
    assert message.hex() == vector["hello"]["proof_input"]
    key = KEYS["clients"][vector["key"]]
    verify(key, message, proof)
    hello = json.loads(payload)
    assert (hello["kid"], hello["alg"], hello["gw"], hello["host"]) == (key["kid"], key["alg"], KEYS["root"]["kid"], CHANNEL["host"])
    t1 = sha256(t0, sha256(payload))
    assert t1.hex() == vector["t1"]
    said = json.loads(welcomed(vector, t1))
    assert said["gk"] == KEYS["gateway"]["kid"]


@pytest.mark.parametrize("vector", HANDSHAKE["refused_proofs"], ids=lambda vector: vector["why"])
def test_a_proof_that_is_to_be_refused_does_not_verify(vector):
    payload, proof = opened(vector["token"], "h")
    with pytest.raises((InvalidSignature, AssertionError)):
        verify(KEYS["clients"][vector["key"]], label("hello") + bytes.fromhex(vector["t0"]) + sha256(payload), proof)


@pytest.mark.parametrize("vector", RESUME["resumes"], ids=lambda vector: vector["bind"])
def test_a_resume_is_what_the_specification_says(vector):
    t0 = binding(vector, RESUMED_EXPORTER)
    assert t0.hex() == vector["t0"]
    payload, proof = opened(vector["resume"]["token"], "r")
    assert payload == vector["resume"]["payload"].encode()
    key = hmac.digest(unb64(vector["rk"]), label("key resume"), "sha256")
    assert key.hex() == vector["k_resume"]
    message = label("resume") + t0 + sha256(payload)
    assert message.hex() == vector["resume"]["proof_input"]
    assert hmac.digest(key, message, "sha256") == proof and proof.hex() == vector["resume"]["proof"]
    t1 = sha256(t0, sha256(payload))
    assert t1.hex() == vector["t1"]
    welcomed(vector, t1)
