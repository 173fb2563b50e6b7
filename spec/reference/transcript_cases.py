"""The vectors of chapter 06: formulas, bodies, files that prove something and many that do not."""

import re

import kuvert as k
import ops
import strict
import transcript as t
from cases import NOW, File, Random
from kuvert import u8, u16, u32, u64
from ops import MALFORMED, hexed
from strict import Refused
from transcript import DENIABLE, SIGNED

HEX32 = "[0-9a-f]{64}"


# The operations


def hexes(i, name, n=None):
    values = i.case.get(name)
    if not isinstance(values, list):
        raise MALFORMED
    return [ops.Inputs({"x": value}).bytes("x", n) for value in values]


def tr_cm(i):
    salt, parts = i.bytes("salt", 32), hexes(i, "parts")
    if not 1 <= len(parts) <= 16:
        raise MALFORMED
    found = [t.part_commitment(j, t.part_salt(salt, j), part) for j, part in enumerate(parts)]
    return {"pcs": [pc.hex() for pc in found], "out": t.cm_of(found).hex()}


def tr_leaf(i):
    data = t.leaf(
        i.bytes("conv_id", 32), i.bytes("device_id", 16), i.number("seq", 64), i.bytes("prev", 32),
        i.number("seen", 64), i.bytes("seen_hash", 32), i.number("time", 64), i.bytes("cm", 32),
    )  # fmt: skip
    return hexed(leaf=data, leaf_hash=t.leaf_hash(data))


def tr_head(i):
    mode, key = i.number("mode", 8), i.bytes("key", 32)
    if mode not in (SIGNED, DENIABLE):
        raise MALFORMED
    own = i.number("own_size", 64), i.bytes("own_root", 32)
    peer = i.number("peer_size", 64), i.bytes("peer_root", 32)
    head = i.bytes("conv_id", 32) + i.bytes("device_id", 16) + t.claim(own, peer, i.number("time", 64))
    return hexed(head=head, auth=t.head_auth(mode, key, head))


def hashed(i):
    return [t.leaf_hash(leaf) for leaf in hexes(i, "leaves")]


def merkle_root(i):
    return hexed(out=t.mth(hashed(i)))


def merkle_inclusion(i):
    hashes, index = hashed(i), i.number("index")
    if index >= len(hashes):
        raise MALFORMED
    return {"proof": [node.hex() for node in t.run_nodes(hashes, index, index + 1)]}


def merkle_consistency(i):
    hashes, old = hashed(i), i.number("old")
    if not 1 <= old <= len(hashes):
        raise MALFORMED
    return {"proof": [node.hex() for node in t.subproof(hashes, old)]}


def tr_conv(i):
    certs, starts = hexes(i, "certs", 177), [t.parse_start(start) for start in hexes(i, "starts")]
    if len(certs) != 2 or len(starts) != 2:
        raise MALFORMED
    for cert in certs:
        strict.verify_cert(cert)
    conv_id = t.conversation(certs, starts)
    if starts[0][0] == SIGNED:
        return hexed(conv_id=conv_id, mac_key="")
    (_, low), (_, high) = sorted((cert[1:33], start) for cert, start in zip(certs, starts))
    return hexed(conv_id=conv_id, mac_key=t.mac_key(conv_id, low[1:33], high[1:33]))


def tr_body(i):
    return {"code": t.body(i.bytes("body"))[0]}


def tr_block(i):
    seq, seen, _, _, head = t.block(i.bytes("block"))
    return {"seq": seq, "seen": seen, "has_head": bool(head)}


def tr_verify(i):
    return t.verify(i.bytes("file"))


def tr_fork(i):
    return hexed(device=t.verify_fork(i.bytes("file")))


def frank_report(i):
    kid, key = i.number("kid", 8), i.bytes("key", 32)
    frame = t.verify_report(i.bytes("report"), {kid: key})
    try:
        strict.parse_frame(frame)
    except Refused:
        raise Refused("TRA-50") from None
    return hexed(frame=frame)


OPERATIONS = (tr_cm, tr_leaf, tr_head, merkle_root, merkle_inclusion, merkle_consistency, tr_conv)
OPERATIONS += (tr_body, tr_block, tr_verify, tr_fork, frank_report)
ops.OPS |= {op.__name__: op for op in OPERATIONS}


# The cases


def transcripts():
    f = File("06-transcript", "Chapter 06: commitments, logs, heads, notices, exported files, reports")
    r = Random("transcript")
    formulas(f, r)
    trees(f, r)
    starts(f, r)
    bodies(f, r)
    files(f, r)
    forks(f, r)
    reports(f, r)
    return f


def formulas(f, r):
    for n in (1, 2, 16):
        parts = [r(5 * j).hex() for j in range(n)]
        name = f"commitments to {n} parts"
        f.good(name, "tr_cm", salt=r(32), parts=parts)
        f.misshapen(name, ("salt", "parts"))
    for n in (0, 17):
        f.bad(f"commitments to {n} parts", "tr_cm", "Malformed", salt=r(32), parts=[""] * n)
    leaf = dict(conv_id=r(32), device_id=r(16), seq=7, prev=r(32), seen=(1 << 64) - 1, seen_hash=r(32))
    f.good("a leaf", "tr_leaf", **leaf, time=NOW, cm=r(32))
    f.misshapen("a leaf", (*leaf, "time", "cm"))
    for mode in (SIGNED, DENIABLE):
        head = dict(mode=mode, key=r(32), conv_id=r(32), device_id=r(16), own_size=3, own_root=r(32))
        name = f"a head of mode {mode}"
        f.good(name, "tr_head", **head, peer_size=0, peer_root=k.sha256(b""), time=NOW)
        f.misshapen(name, ("key", "conv_id", "device_id", "own_size", "own_root", "peer_size", "time"))
    third = {field: value for field, value in f.plain["a head of mode 2"].items() if field != "op"} | {"mode": 3}
    f.bad("a head of mode 3", "tr_head", "Malformed", **third)


def trees(f, r):
    leaves = [r(n % 40).hex() for n in range(13)]
    for n in (0, 1, 2, 7, 13):
        name = f"a tree over {n} leaves"
        f.good(name, "merkle_root", leaves=leaves[:n])
        f.misshapen(name, ("leaves",))
        f.bad(f"{name}, one of them not hex", "merkle_root", "Malformed", leaves=[*leaves[:n], "x"])
    for n, index in ((1, 0), (7, 3), (13, 12)):
        name = f"leaf {index} of {n}"
        f.good(name, "merkle_inclusion", leaves=leaves[:n], index=index)
        f.misshapen(name, ("leaves", "index"))
        f.bad(f"leaf {n} of {n}", "merkle_inclusion", "Malformed", leaves=leaves[:n], index=n)
    for n, old in ((1, 1), (7, 4), (13, 6)):
        name = f"from {old} to {n} leaves"
        f.good(name, "merkle_consistency", leaves=leaves[:n], old=old)
        f.misshapen(name, ("leaves", "old"))
        for wrong in (0, n + 1):
            f.bad(f"from {wrong} to {n} leaves", "merkle_consistency", "Malformed", leaves=leaves[:n], old=wrong)


def people():
    made = [k.make_identity(*(bytes([16 * p + j]) * 32 for j in (1, 2, 3)), NOW) for p in (1, 2, 3)]
    low, high = sorted(made[:2], key=lambda person: person.cert[1:33])
    return low, high, made[2]


def starts(f, r):
    low, high, carol = people()
    account = lambda person: person.cert[1:33]
    for mode in (SIGNED, DENIABLE):
        nonces, seeds = (r(32), r(32)), (r(32), r(32))
        one = t.start(mode, low, account(high), nonces[0], seeds[0])
        other = t.start(mode, high, account(low), nonces[1], seeds[1])
        certs = [low.cert.hex(), high.cert.hex()]
        name = f"a conversation of mode {mode}"
        ask = lambda how, check, one=one, other=other, certs=certs: f.bad(
            f"{name}: {how}", "tr_conv", check, certs=certs, starts=[one.hex(), other.hex()]
        )
        f.good(name, "tr_conv", certs=certs, starts=[one.hex(), other.hex()])
        f.good(f"{name}, the other way round", "tr_conv", certs=certs[::-1], starts=[other.hex(), one.hex()])
        ask("one start twice", "TRA-4", other=one, certs=[low.cert.hex()] * 2)
        ask("the nonce of the other", "TRA-4", other=u8(mode) + one[1:33] + other[33:])
        ask("of one device", "TRA-4", certs=[low.cert.hex()] * 2)
        ask("a mode that is not there", "TRA-2", one=u8(3) + one[1:])
        ask("mode 0", "TRA-2", one=u8(0) + one[1:])
        ask("a start that is too short", "TRA-1", one=one[:-1])
        ask("a start that is too long", "TRA-1", other=other + b"\0")
        ask("a certificate that does not hold", "IDN-1", certs=[certs[0], certs[1][:-2] + "00"])
        if mode == DENIABLE:
            ask("a key", "TRA-2", one=one[:33] + u8(1) + one[34:])
            ask("a signature", "TRA-2", other=other[:-1] + u8(1))
            ask("another mode", "TRA-2", other=t.start(SIGNED, high, account(low), nonces[1], seeds[1]))
        else:
            ask("another nonce", "TRA-3", one=one[:1] + r(32) + one[33:])
            ask("another key", "TRA-3", one=one[:33] + k.sig_pk(r(32)) + one[65:])
            ask("another signature", "TRA-3", one=one[:-1] + u8(one[-1] ^ 1))
            ask("said to somebody else", "TRA-3", one=t.start(mode, low, account(carol), nonces[0], seeds[0]))
            ask("the key of the other", "TRA-4", other=other[:33] + one[33:])
            ask("another mode", "TRA-2", other=t.start(DENIABLE, high, account(low), nonces[1], seeds[1]))
    f.misshapen("a conversation of mode 1", ("certs", "starts"))
    f.misshapen("a conversation of mode 2", ("certs", "starts"))


def target(log=1, first=3, count=2, parts=1):
    return u8(log) + u64(first) + u32(count) + u16(parts)


def redaction(number=1, asked_by=1, reason=1, policy=b"house-3", targets=(target(),)):
    head = u8(6) + u32(number) + u8(asked_by) + u8(reason) + u8(len(policy)) + policy
    return head + u8(len(targets)) + b"".join(targets)


def bodies(f, r):
    good = {
        "a start": u8(1) + u8(1) + r(128),
        "a deniable start": u8(1) + u8(2) + r(32) + bytes(96),
        "a stop": u8(2) + r(32),
        "a leaf-request": u8(3) + u64(5) + u16(1000),
        "a bare leaf": u8(4) + u8(1) + r(168),
        "a head by itself": u8(5) + r(152),
        "a redaction": redaction(),
        "a redaction of much": redaction((1 << 32) - 1, 3, 5, b"", [target(2, n << 32, (1 << 32) - 1, 65_535) for n in range(64)]),
        "an erasure receipt": u8(7) + u64(9) + u8(0) + u8(4) + bytes((1, 2, 3, 4)),
        "a consent": u8(8) + u8(2) + u8(1) + b"p" + u8(4) + "thé".encode(),
    }
    for name, data in good.items():
        f.good(name, "tr_body", body=data)
        for how, bad in (("a byte short", data[:-1]), ("a byte long", data + b"\0")):
            check = "COD-1" if how == "a byte short" else "COD-2"
            f.bad(f"{name}, {how}", "tr_body", check, like=name, body=bad)
        f.bad(f"{name}, of another code", "tr_body", "TRA-1", like=name, body=u8(9) + data[1:])
    wrong_bodies(f, good)
    blocks(f, r)


def wrong_bodies(f, good):
    def bad(name, check, **fields):
        f.bad(f"a redaction: {name}", "tr_body", check, body=redaction(**fields))

    bad("number 0", "TRA-7", number=0)
    bad("asked by nobody", "TRA-7", asked_by=0)
    bad("asked by 4", "TRA-7", asked_by=4)
    bad("for no reason", "TRA-7", reason=0)
    bad("for reason 6", "TRA-7", reason=6)
    bad("a policy with a space", "TRA-7", policy=b"house 3")
    bad("a policy that is not ASCII", "TRA-7", policy="é".encode())
    bad("a policy of 65 bytes", "TRA-7", policy=b"x" * 65)
    bad("nothing", "TRA-7", targets=())
    bad("65 targets", "TRA-7", targets=[target(first=2 * n) for n in range(65)])
    bad("a target twice", "TRA-7", targets=(target(), target()))
    bad("targets that overlap", "TRA-7", targets=(target(first=3), target(first=4)))
    bad("targets out of order", "TRA-7", targets=(target(first=9), target(first=3)))
    bad("the other log first", "TRA-7", targets=(target(log=2), target(log=1, first=90)))
    for name, fields in {
        "log 0": {"log": 0}, "log 3": {"log": 3}, "no entry": {"count": 0}, "no part": {"parts": 0},
        "beyond the end": {"first": (1 << 64) - 1},
    }.items():  # fmt: skip
        bad(name, "TRA-7", targets=(target(**fields),))
    others = {
        "a leaf-request for none": ("TRA-6", u8(3) + u64(5) + u16(0)),
        "a leaf-request for 1,001": ("TRA-6", u8(3) + u64(5) + u16(1001)),
        "a leaf-request beyond the end": ("TRA-6", u8(3) + u64((1 << 64) - 1) + u16(1)),
        "a start of mode 3": ("TRA-2", u8(1) + u8(3) + good["a start"][2:]),
        "a deniable start with a key": ("TRA-2", good["a deniable start"][:34] + u8(1) + bytes(95)),
        "a leaf of version 2": ("TRA-1", u8(4) + u8(2) + good["a bare leaf"][2:]),
        "a receipt for nothing": ("TRA-7", u8(7) + u64(9) + u8(0) + u8(0)),
        "a receipt with result 5": ("TRA-7", u8(7) + u64(9) + u8(0) + u8(1) + u8(5)),
        "a consent with step 4": ("TRA-7", u8(8) + u8(4) + u8(0) + u8(0)),
        "a consent to no text": ("TRA-7", u8(8) + u8(1) + u8(0) + u8(1) + b"\xff"),
        "nothing at all": ("COD-1", b""),
        "code 0": ("TRA-1", u8(0)),
    }
    for name, (check, data) in others.items():
        f.bad(name, "tr_body", check, body=data)


def blocks(f, r):
    for has_head in (0, 1):
        data, name = u64(3) + u64(4) + r(64) + u8(has_head) + r(152 * has_head), f"a block, head: {has_head}"
        f.good(name, "tr_block", block=data)
        f.bad(f"{name}: a byte short", "tr_block", "COD-1", like=name, block=data[:-1])
        f.bad(f"{name}: a byte long", "tr_block", "COD-2", like=name, block=data + b"\0")
        f.bad(f"{name}: has_head 2", "tr_block", "TRA-5", like=name, block=data[:80] + u8(2) + data[81:])
        f.bad(f"{name}: the other way", "tr_block", "COD-2" if has_head else "COD-1", like=name, block=data[:80] + u8(1 - has_head) + data[81:])  # fmt: skip


def talk(mode, r, messages=5, seal=(0, 1)):
    low, high, _ = people()
    made = t.Talk(mode, (low, high), (r(32), r(32)), (r(32), r(32)))
    for i in range(messages):
        made.say(i % 3 == 1, 1, r(16), f"Message {i}".encode(), NOW + 1000 * i, r(32))
    made.seal(NOW + 60_000, seal)
    return made


def files(f, r):
    signed, deniable = talk(SIGNED, r), talk(DENIABLE, r)
    f.good("a signed file", "tr_verify", file=signed.file())
    f.good("a deniable file", "tr_verify", file=deniable.file())
    f.good("one message", "tr_verify", file=signed.file({(0, 1)}))
    f.good("some messages", "tr_verify", file=signed.file({(0, 0), (0, 2), (1, 0), (1, 1)}))
    f.good("no message", "tr_verify", file=signed.file(set()))
    f.good("a message that is not shown", "tr_verify", file=signed.file(hidden={(0, 1, 0)}))
    f.good("sealed by one", "tr_verify", file=talk(SIGNED, r, 4, (0,)).file())
    f.good("notices", "tr_verify", file=with_notices(r).file(hidden={(0, 0, 0), (1, 0, 0)}))
    grown = talk(SIGNED, r, 7)
    grown.say(0, 1, r(16), b"later", NOW + 70_000, r(32))
    grown.seal(NOW + 71_000, (0,))
    f.good("a log that has grown", "tr_verify", file=grown.file())
    f.good("what contradicts", "tr_verify", file=contradicting(r).file())
    for name, made in (("a signed file", signed), ("a deniable file", deniable)):
        broken_lines(f, name, made)
    broken_headers(f, signed, r)
    broken_heads(f, signed, r)
    broken_entries(f, signed, r)
    broken_ends(f, grown)


def with_notices(r):
    made = talk(SIGNED, r, 2)
    made.say(0, 4, r(16), r(120), NOW + 5000, r(32))
    made.say(0, 5, r(16), redaction(1, targets=(target(1, 0, 1), target(2, 0, 1))), NOW + 6000, r(32))
    made.say(1, 5, r(16), u8(7) + u64(2) + u8(0) + u8(2) + bytes((1, 4)), NOW + 7000, r(32))
    made.say(1, 5, r(16), u8(8) + u8(2) + u8(0) + u8(4) + b"this", NOW + 8000, r(32))
    made.say(0, 6, r(16), b"an amendment", NOW + 9000, r(32))
    made.seal(NOW + 10_000)
    return made


def contradicting(r):
    made = talk(SIGNED, r, 3)
    made.say(1, 1, r(16), b"you said something else", NOW + 5000, r(32), seen_hash=r(32))
    made.say(1, 1, r(16), b"you said less", NOW + 6000, r(32), seen=1)
    made.say(0, 1, r(16), b"nothing", NOW + 7000, r(32), seen=0, seen_hash=k.ZERO)
    made.seal(NOW + 10_000)
    return made


def redigested(data):
    start = data.rindex(b'],"digest"')
    return data[:start] + f'],"digest":"{t.b64(t.digest_of(data[:start]))}"}}\n'.encode()


def refuse(f, name, check, data, like="a signed file", op="tr_verify"):
    f.bad(name, op, check, like=like, file=data)


def broken_lines(f, name, made):
    """Ways of writing, with a digest that fits."""
    data = made.file()
    lines = data.splitlines(keepends=True)
    ways = {
        "a space": (b'{"v":1', b'{"v": 1'),
        "a space at a line's end": (b"[\n", b"[ \n"),
        "a carriage return": (b"[\n", b"[\r\n"),
        "a leading zero": (b'"seq":1,', b'"seq":01,'),
        "a fraction": (b'"seq":1,', b'"seq":1.0,'),
        "a sign": (b'"seq":1,', b'"seq":-1,'),
        "an exponent": (b'"seq":1,', b'"seq":1e0,'),
        "padding": (b'"}\n],"items"', b'="}\n],"items"'),
        "the other alphabet": (b'"auth":"', b'"auth":"+'),
        "an escape": (b'"seq"', b'"\\u0073eq"'),
        "an unknown field": (b',"seq":1,', b',"seq":1,"x":0,'),
        "fields in another order": (b'"j":0,"salt":', b'"salt":0,"j":'),
        "a wrong part number": (b'{"j":0', b'{"j":1'),
        "a comma less": (b"},\n", b"}\n"),
        "a comma more": (b'}\n],"items"', b'},\n],"items"'),
        "an empty line": (b'],"items":[\n', b'],"items":[\n\n'),
        "another mode": (b'"mode":%d' % made.mode, b'"mode":3'),
        "no mode": (b'"mode":%d,' % made.mode, b""),
        "a byte order mark": (b'{"v"', b'\xef\xbb\xbf{"v"'),
    }
    for how, (old, new) in ways.items():
        assert old in data, how
        refuse(f, f"{name}: {how}", "TRA-30", redigested(data.replace(old, new, 1)), name)
    refuse(f, f"{name}: version 2", "TRA-31", redigested(data.replace(b'"v":1', b'"v":2', 1)), name)
    refuse(f, f"{name}: the last line is gone", "TRA-49", b"".join(lines[:-1]), name)
    refuse(f, f"{name}: the last byte is gone", "TRA-49", data[:-1], name)
    refuse(f, f"{name}: something behind it", "TRA-49", data + b"\n", name)
    refuse(f, f"{name}: nothing", "TRA-49", b"", name)
    refuse(f, f"{name}: twice", "TRA-49", data + data, name)
    at = data.index(b'"digest":"') + 10
    refuse(f, f"{name}: another digest", "TRA-45", data[:at] + swap(data[at : at + 1]) + data[at + 1 :], name)


def swap(digit):
    return b"B" if digit == b"A" else b"A"


def bent(data, field, nth=0, place=5):
    """Another digit behind a field."""
    at = [found.end() for found in re.finditer(re.escape(field), data)][nth] + place
    return redigested(data[:at] + swap(data[at : at + 1]) + data[at + 1 :])


def broken_headers(f, made, r):
    data = made.file()
    refuse(f, "a certificate that does not hold", "TRA-32", bent(data, b'"certs":["', 0, 200))
    refuse(f, "another account", "TRA-32", bent(data, b'"accounts":["'))
    refuse(f, "another nonce", "TRA-33", bent(data, b'"nonces":["'))
    refuse(f, "another signing key", "TRA-33", bent(data, b'{"key":"'))
    refuse(f, "another signature of the key", "TRA-33", bent(data, b'"sig":"', 1))
    certs, starts = made.certs, made.starts
    head = t.line(t.opening(SIGNED, certs, starts))[:-1].encode()
    other = lambda certs, starts: redigested(data.replace(head, t.line(t.opening(SIGNED, certs, starts))[:-1].encode()))
    refuse(f, "the higher account first", "TRA-32", other(certs[::-1], starts[::-1]))
    refuse(f, "one account twice", "TRA-32", other([certs[0]] * 2, starts))
    refuse(f, "starts of the other", "TRA-33", other(certs, starts[::-1]))
    deniable = data.replace(b'"mode":1', b'"mode":2', 1)
    refuse(f, "called deniable", "TRA-30", redigested(deniable))
    emptied = re.sub(rb'"tsks":\[.*?\]\}', b'"tsks":[]}', deniable)
    refuse(f, "called deniable, its keys taken away", "TRA-35", redigested(emptied))


def broken_heads(f, made, r):
    data = made.file()
    lines = data.splitlines(keepends=True)
    with_heads = lambda *heads: redigested(b"".join([lines[0], *heads, *lines[3:]]))
    low, high = lines[1][:-2], lines[2][:-1]
    refuse(f, "no head", "TRA-36", with_heads())
    refuse(f, "heads in another order", "TRA-36", with_heads(high + b",\n", low + b"\n"))
    refuse(f, "a head twice", "TRA-36", with_heads(low + b",\n", low + b",\n", high + b"\n"))
    for nth in (0, 1):
        refuse(f, f"head {nth} is not authentic", "TRA-34", bent(data, b'"auth":"', nth))
    refuse(f, "a head of another conversation", "TRA-35", bent(data, b'{"head":"'))
    refuse(f, "a head of another device", "TRA-35", bent(data, b'{"head":"', 0, 50))
    refuse(f, "a head of a stranger's", "TRA-35", with_heads(written(talk(SIGNED, r).heads[0]) + b",\n", high + b"\n"))
    size = len(made.logs[0])
    crossing = made.head(0, NOW, own=(size + 1, k.ZERO), peer=(0, k.sha256(b"")))
    refuse(f, "heads that cross", "TRA-37", with_heads(low + b",\n", written(crossing) + b",\n", high + b"\n"))
    two_roots = made.head(0, NOW + 70_000, own=(size, k.ZERO))
    refuse(f, "two roots for one size", "TRA-37", with_heads(low + b",\n", written(two_roots) + b",\n", high + b"\n"))
    other_root = made.head(0, NOW, own=(size, k.ZERO))
    refuse(f, "two roots for one size, by both", "TRA-37", with_heads(written(other_root) + b",\n", high + b"\n"))
    empty = made.head(0, NOW, own=(0, k.ZERO))
    refuse(f, "nothing with another root", "TRA-37", with_heads(written(empty) + b",\n", high + b"\n"))


def written(head):
    return t.line({"head": t.b64(head.data), "auth": t.b64(head.auth)}).encode()


def broken_entries(f, made, r):
    data = made.file()
    leaf = b'"leaf":"'
    # version | conv_id 32 | device_id 16 | seq 8 | prev 32 | seen 8 | seen_hash 32 | time 8 | cm 32
    for nth in range(5):
        changes = {"conversation": (10, "TRA-39"), "device": (40, "TRA-39"), "number": (52, "TRA-39"), "commitment": (150, "TRA-41")}
        changes |= {"seen": (94, None), "hash of what was seen": (110, None), "time": (133, None)}
        chained = "TRA-40" if nth not in (2, 4) else "TRA-43"
        for what, (place, check) in changes.items():
            refuse(f, f"entry {nth}: another {what}", check or chained, bent(data, leaf, nth, place * 4 // 3))
        refuse(f, f"entry {nth}: another entry before it", "TRA-40", bent(data, leaf, nth, 61 * 4 // 3))
        refuse(f, f"entry {nth}: another salt", "TRA-41", bent(data, b'"salt":"', nth))
        refuse(f, f"entry {nth}: another text", "TRA-41", bent(data, b'"data":"', nth, 30))
        refuse(f, f"entry {nth}: another device beside it", "TRA-39", bent(data, b'{"device":"', nth))
    lines = data.splitlines(keepends=True)
    items = lines[4:9]
    with_items = lambda *items: redigested(b"".join([*lines[:4], *items, *lines[9:]]))
    refuse(f, "an entry twice", "TRA-38", with_items(items[0], *items))
    refuse(f, "entries in another order", "TRA-38", with_items(items[3], items[4].replace(b"}\n", b"},\n"), *items[:2], items[2][:-2] + b"\n"))
    refuse(f, "the first entry is gone", "TRA-43", with_items(*items[1:]))
    refuse(f, "an entry is gone", "TRA-43", with_items(items[0], *items[2:]))
    refuse(f, "the last entry of a log is gone", "TRA-43", with_items(*items[:2], *items[3:]))
    refuse(f, "the last entry is gone", "TRA-43", with_items(*items[:3], items[3][:-2] + b"\n"))
    refuse(f, "a run that is not proven", "TRA-43", with_items(*[item.replace(b'"proof":[],', b"") for item in items]))
    refuse(f, "a run that ends early", "TRA-43", with_items(items[0].replace(b',"parts"', b',"proof":[],"parts"'), *items[1:]))
    refuse(f, "a node too many", "TRA-43", with_items(*[item.replace(b'"proof":[]', b'"proof":["%s"]' % (b"A" * 43)) for item in items]))
    one = made.file({(0, 1)})
    f.bad("a proof with another node", "tr_verify", "TRA-43", like="one message", file=bent(one, b'"proof":["'))
    f.bad("a proof with a node less", "tr_verify", "TRA-43", like="one message", file=redigested(re.sub(rb'"proof":\["[^"]*",', b'"proof":[', one)))
    beyond = made.file()
    made.say(0, 1, r(16), b"not covered", NOW + 9000, r(32))
    extra = dict(made.item(0, len(made.logs[0]) - 1, 0, ()), proof=[])
    made.logs[0].pop(), made.parts[0].pop()
    tail = items[2].replace(b'"proof":[],', b"")
    assert beyond == data
    refuse(f, "an entry behind the last head", "TRA-43", with_items(*items[:2], tail, t.line(extra).encode() + b",\n", *items[3:]))
    broken_parts(f, r)


def broken_parts(f, r):
    """Signed by someone who does not keep to the rules."""
    for name, check, parts in (
        ("a type that is not logged", "TRA-42", [u8(2) + r(16)]),
        ("no message id", "TRA-42", [u8(1) + r(15)]),
        ("a text in two parts", "TRA-42", [u8(1) + r(16), b"text"]),
        ("an attachment in one part", "TRA-42", [u8(4) + r(16)]),
        ("an attachment with a body", "TRA-42", [u8(4) + r(17), b"descriptor"]),
        ("three parts", "TRA-42", [u8(4) + r(16), b"descriptor", b"more"]),
        ("a notice that is none", "TRA-42", [u8(5) + r(16) + u8(2) + r(32)]),
        ("a notice that does not parse", "TRA-42", [u8(5) + r(16) + u8(6) + b"x"]),
        ("an empty notice", "TRA-42", [u8(5) + r(16)]),
    ):
        made = talk(SIGNED, r, 1)
        salts = [r(32) for _ in parts]
        cm = t.cm_of([t.part_commitment(j, salt, part) for j, (salt, part) in enumerate(zip(salts, parts))])
        made.say(0, 1, r(16), b"", NOW, r(32), cm=cm)
        made.parts[0][-1] = list(zip(salts, parts))
        made.seal(NOW + 5000)
        f.bad(f"signed: {name}", "tr_verify", check, file=made.file())
    made = talk(SIGNED, r, 1)
    data = made.file()
    f.good("a file of one", "tr_verify", file=data)
    bare = re.sub(rb'"parts":\[.*?\]\}', b'"parts":[]}', data)
    f.bad("no part", "tr_verify", "TRA-42", like="a file of one", file=redigested(bare))
    for numbers in ((1, 1), (5, 4), (2, 1)):
        made = talk(SIGNED, r, 1)
        for number in numbers:
            made.say(0, 5, r(16), redaction(number), NOW, r(32))
        made.seal(NOW + 5000)
        f.good(f"redactions {numbers[0]} and {numbers[1]}", "tr_verify", file=made.file())
    made = talk(SIGNED, r, 1)
    made.say(0, 1, r(16), b"after something", NOW, r(32), prev=r(32))
    made.seal(NOW + 5000)
    f.bad("signed: a chain that does not hold", "tr_verify", "TRA-40", file=made.file())
    made = t.Talk(SIGNED, people()[:2], (r(32), r(32)), (r(32), r(32)))
    made.say(0, 1, r(16), b"after something", NOW, r(32), prev=r(32))
    made.seal(NOW + 5000)
    f.bad("signed: something before the first", "tr_verify", "TRA-40", file=made.file())


def broken_ends(f, made):
    data, name = made.file(), "a log that has grown"
    growth = next(line for line in data.splitlines(keepends=True) if b'"from":' in line)
    bad = lambda how, new: refuse(f, f"{name}: {how}", "TRA-44", redigested(data.replace(growth, new, 1)), name)
    bad("not shown", b"")
    bad("shown twice", growth[:-1] + b",\n" + growth)
    bad("from another size", growth.replace(b'"from":5', b'"from":4'))
    bad("to another size", growth.replace(b'"to":6', b'"to":7'))
    bad("another node", growth.replace(growth[-30:-29], swap(growth[-30:-29])))
    bad("a node less", re.sub(rb'"proof":\["[^"]*",?', b'"proof":[', growth))
    bad("of the other log", growth.replace(t.b64(made.device(0)).encode(), t.b64(made.device(1)).encode()))


def forks(f, r):
    one, other = talk(SIGNED, r, 4), None
    histories = []
    for text in (b"yes", b"no"):
        one.say(0, 1, r(16), text, NOW + 9000, r(32))
        one.say(0, 1, r(16), text + text, NOW + 9500, r(32))
        histories.append((one.head(0, NOW + 10_000), one.hashes(0)))
        one.logs[0][-2:], one.parts[0][-2:] = [], []
    (yes, _), (no, _) = histories
    f.good("two roots for one size, proven", "tr_fork", file=one.fork([yes, no]))
    one.say(0, 1, r(16), b"maybe", NOW + 9000, r(32))
    longer, hashes = one.head(0, NOW + 11_000), one.hashes(0)
    shorter = one.head(0, NOW + 10_000, own=(4, r(32)))
    nodes = t.subproof(hashes, 4, False)
    one.say(0, 1, r(16), b"more", NOW + 9000, r(32))
    grown, hashes = one.head(0, NOW + 12_000), one.hashes(0)
    f.good("a tree that does not go on", "tr_fork", file=one.fork([shorter, grown], t.subproof(hashes, 4, False)))
    honest = one.fork([longer, grown], t.subproof(hashes, longer.own[0], False))
    data, name = one.fork([yes, no]), "two roots for one size, proven"
    bad = lambda how, check, new: f.bad(how, "tr_fork", check, like=name, file=new)
    bad("a fork: one head twice", "TRA-48", one.fork([yes, yes]))
    bad("a fork: a head that is not authentic", "TRA-48", bent_line(data, b'"auth":"'))
    bad("a fork: heads of two devices", "TRA-35", one.fork([yes, one.head(1, NOW)]))
    bad("a fork: a head of another conversation", "TRA-35", bent_line(data, b'{"head":"'))
    bad("a fork: nodes that do not fit", "TRA-48", one.fork([shorter, grown], t.subproof(hashes, 4, True)))
    bad("a fork: no nodes where they are needed", "TRA-48", one.fork([shorter, grown]))
    bad("a fork: a log that goes on", "TRA-48", honest)
    bad("a fork: another key", "TRA-33", bent_line(data, b'{"key":"'))
    bad("a fork: a space", "TRA-30", data.replace(b',"proof"', b', "proof"'))
    bad("a fork: no line end", "TRA-30", data[:-1])
    assert nodes


def bent_line(data, field):
    at = data.index(field) + len(field) + 5
    return data[:at] + swap(data[at : at + 1]) + data[at + 1 :]


def reports(f, r):
    key, fk, to, sender = r(32), r(32), r(32), r(32)
    frame = k.frame(1, NOW, r(16), b"something unkind")
    fc = k.HM(fk, "frank", frame)

    def report(frame=frame, fk=fk, fc=fc, to=to, sender=sender, time=NOW, kid=4, key=key):
        return frame + fk + fc + to + sender + u64(time) + t.tag(kid, key, fc, to, sender, time)

    name, ask = "a report", {"kid": 4, "key": key}
    f.good(name, "frank_report", **ask, report=report())
    data = report()
    bad = lambda how, check, new: f.bad(f"{name}: {how}", "frank_report", check, like=name, **ask, report=new)
    for how, at, check in (
        ("another text", len(frame) - 1, "TRA-51"), ("another key of the frame", len(frame), "TRA-51"),
        ("another commitment", len(frame) + 32, "TRA-52"), ("another mailbox", len(frame) + 64, "TRA-52"),
        ("another sender", len(frame) + 96, "TRA-52"), ("another time", len(frame) + 135, "TRA-52"),
        ("another key of the relay", len(frame) + 136, "TRA-52"), ("another tag", len(data) - 1, "TRA-52"),
    ):  # fmt: skip
        bad(how, check, data[:at] + u8(data[at] ^ 1) + data[at + 1 :])
    other = frame[:-1] + b"!"
    bad("another frame under the same commitment", "TRA-51", report(frame=other))
    long = frame + b"\0"
    bad("no frame", "TRA-50", report(frame=long, fc=k.HM(fk, "frank", long)))
    bad("too short", "TRA-50", data[-168:])
    bad("a key of somebody else's", "TRA-52", report(key=r(32)))


# Whole files beside the vectors

SAMPLES = strict.SPEC / "vectors" / "transcripts"


def samples():
    """Name and content of the files in `vectors/transcripts`."""
    r = Random("samples")
    low, high, _ = people()
    for mode, name in ((SIGNED, "signed"), (DENIABLE, "deniable")):
        made = t.Talk(mode, (low, high), (r(32), r(32)), (r(32), r(32)))
        said = [
            (0, "Tea at four?"),
            (1, "Tee um vier, gerne! Where?"),
            (0, "At mine. The code of the door is 4711."),
            (1, "See you then."),
        ]
        for i, (side, text) in enumerate(said):
            made.say(side, 1, r(16), text.encode(), NOW + 60_000 * i, r(32))
        made.say(0, 5, r(16), redaction(1, 1, 3, b"", (target(1, 1, 1),)), NOW + 600_000, r(32))
        receipt = u8(7) + u64(2) + u8(0) + u8(1) + u8(1)
        made.say(1, 5, r(16), receipt, NOW + 660_000, r(32))
        made.seal(NOW + 720_000)
        yield f"{name}.json", made.file(hidden={(0, 1, 0)})
        yield f"{name}-one.json", made.file({(1, 0)})
