"""The tree of the audit log, written from RFC 9162, section 2.1."""

import hashlib


def leaf(line):
    return hashlib.sha256(b"\x00" + line.encode()).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves):
    *rest, found = peaks(leaves)
    for left in reversed(rest):
        found = node(left, found)
    return found


def peaks(leaves):
    """Roots of the complete subtrees, largest first."""
    if not leaves:
        return []
    size = 1 << (len(leaves).bit_length() - 1)
    level = leaves[:size]
    while len(level) > 1:
        level = [node(left, right) for left, right in zip(level[::2], level[1::2])]
    return level + peaks(leaves[size:])


def root_over(hash, number, size, path):
    """The root that a leaf of this number has by its path (section 2.1.3.2)."""
    last = size - 1
    for beside in path:
        if number % 2 == 1 or number == last:
            hash = node(beside, hash)
            while number % 2 == 0 and number:
                number, last = number >> 1, last >> 1
        else:
            hash = node(hash, beside)
        number, last = number >> 1, last >> 1
    return hash
