"""Bytes that are nearly those of another case, written as what differs.

`{"of": NAME, "set": [[OFFSET, HEX], …], "cut": LENGTH, "append": HEX, "zeros": COUNT}`: take the field of that name
from the case NAME, write the bytes of `set` over it, cut it to LENGTH, append HEX, then COUNT zero bytes. Everything
but `of` may be absent.
"""

MIN_LEN = 200
GAP = 8


def shorten(value, base, name):
    """`value` (hex) as a patch of `base` (hex) where that is shorter."""
    if not (isinstance(value, str) and isinstance(base, str) and len(base) > MIN_LEN):
        return value
    new, old = bytes.fromhex(value) if is_hex(value) else None, bytes.fromhex(base)
    if new is None:
        return value
    patch = {"of": name} | difference(old, new)
    return patch if len(str(patch)) < len(value) else value


def is_hex(text):
    try:
        return bytes.fromhex(text).hex() == text
    except ValueError:
        return False


def difference(old, new):
    common = min(len(old), len(new))
    runs = []
    for i in (i for i in range(common) if old[i] != new[i]):
        if runs and i - runs[-1][1] < GAP:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1])
    patch = {"set": [[a, new[a:b].hex()] for a, b in runs]} if runs else {}
    patch |= {"cut": len(new)} if len(new) < len(old) else {}
    tail = new[common:].rstrip(b"\0")
    zeros = len(new) - common - len(tail)
    if zeros < GAP:
        tail, zeros = new[common:], 0
    return patch | ({"append": tail.hex()} if tail else {}) | ({"zeros": zeros} if zeros else {})


def apply(patch, base):
    data = bytearray.fromhex(base)
    for at, piece in patch.get("set", []):
        data[at : at + len(piece) // 2] = bytes.fromhex(piece)
    return (
        bytes(data)[: patch.get("cut", len(data))]
        + bytes.fromhex(patch.get("append", ""))
        + bytes(patch.get("zeros", 0))
    ).hex()


def resolve(cases):
    """The cases with every patch applied. A patch speaks of a case that stands before it."""
    plain = {}
    for case in cases:
        resolved = {
            field: apply(value, plain[value["of"]][field]) if is_patch(value) else value
            for field, value in case.items()
        }
        plain[case["name"]] = resolved
    return list(plain.values())


def is_patch(value):
    return isinstance(value, dict) and "of" in value
