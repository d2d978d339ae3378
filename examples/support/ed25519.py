"""Ed25519 in plain Python (RFC 8032, 5.1), because the standard library has no signatures.

Slow, and NOT constant in time: its running time tells about the key to whoever can measure it. Fine for an example and for
reading; programs that trade sign with a library.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def add(a, b):  # points are (x, y, z, t) with x/z, y/z and x*y = z*t
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        total = add(total, point) if scalar & 1 else total
        point, scalar = add(point, point), scalar >> 1
    return total


def encode(point):
    inverse = pow(point[2], P - 2, P)
    return ((point[1] * inverse % P) | ((point[0] * inverse % P & 1) << 255)).to_bytes(32, "little")


def decode(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if len(data) != 32 or y >= P:
        raise ValueError("not a point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    if x * x % P != square or (x == 0 and sign):
        raise ValueError("not a point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254, digest[32:]


def public(seed):
    return encode(times(expand(seed)[0], BASE))


def sign(seed, message):
    secret, prefix = expand(seed)
    nonce = hashed(prefix, message) % L
    commitment, own = encode(times(nonce, BASE)), public(seed)
    return commitment + ((nonce + hashed(commitment, own, message) * secret) % L).to_bytes(32, "little")


def verify(key, signature, message):
    """Raises ValueError unless the signature is the key's over the message."""
    commitment, response = signature[:32], int.from_bytes(signature[32:], "little")
    challenge = hashed(commitment, key, message) % L
    if len(signature) != 64 or response >= L or encode(times(response, BASE)) != encode(add(decode(commitment), times(challenge, decode(key)))):
        raise ValueError("signature")
