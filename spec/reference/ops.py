"""The single steps that the vectors ask for: `answer(case)` gives what a case expects, or raises `Refused`.

A case is a JSON object with `op` and the inputs of that operation; bytes are in hex.
"""

import re

import kuvert as k
import strict
from strict import Refused

MALFORMED = Refused(None, "Malformed")


class Inputs:
    """The fields of a case; anything that is missing or has a wrong shape is Malformed."""

    def __init__(self, case):
        self.case = case

    def text(self, name):
        value = self.case.get(name)
        if not isinstance(value, str):
            raise MALFORMED
        return value

    def bytes(self, name, n=None):
        text = self.text(name)
        if not re.fullmatch("([0-9a-f]{2})*", text) or n not in (None, len(text) // 2):
            raise MALFORMED
        return bytes.fromhex(text)

    def optional(self, name, n):
        return self.bytes(name, n) if self.case.get(name) else b""

    def number(self, name, bits=32):
        value = self.case.get(name)
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise MALFORMED
        return value

    def label(self):
        s = self.text("s")
        if len(s) > 245 or not s.isascii():
            raise MALFORMED
        return s


def hexed(**values):
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


# 00 · Conventions


def label(i):
    return hexed(out=k.L(i.label()))


def hl(i):
    return hexed(out=k.HL(i.label(), i.bytes("x")))


def hm(i):
    return hexed(out=k.HM(i.bytes("k"), i.label(), i.bytes("x")))


def xl(i):
    key, s, ctx, n = i.bytes("k", 32), i.label(), i.bytes("ctx"), i.number("n")
    if len(ctx) > 65_535 or n > 8160:
        raise MALFORMED
    return hexed(out=k.XL(key, s, ctx, n))


def address(i):
    a = strict.parse_address(i.text("text"))
    return hexed(host=a.host, port=a.port, account_id=a.account_id, relay=a.relay)


# 01 · Identity


def account_id(i):
    return hexed(out=k.account_id(i.bytes("account_pk", 32)))


def device_id(i):
    return hexed(out=k.HL("device-id", i.bytes("sig_pk", 32) + i.bytes("dh_pk", 32))[:16])


def safety(i):
    return hexed(digits=k.safety_number(i.bytes("a", 32), i.bytes("b", 32)))


def safety_compare(i):
    if "".join(i.text("digits").split()) != safety(i)["digits"].replace(" ", ""):
        raise Refused("IDN-5", "NoMatch")
    return {"match": True}


def owner(i):
    return k.make_identity(
        i.bytes("account", 32), i.bytes("device", 32), i.bytes("dh", 32), i.number("issued", 64)
    )


def identity(i):
    who = owner(i)
    return hexed(cert=who.cert, account_id=k.account_id(who.cert[1:33]), device_id=who.device_id)


def cert(i):
    reader = strict.Reader(i.bytes("cert"))
    data = strict.parse_cert(reader)
    reader.finish()
    strict.verify_cert(data)
    return hexed(account_id=k.account_id(data[1:33]), device_id=k.device_id(data))


# 02 · Prekeys


def bundle(i):
    who, medium, one_time = owner(i), Inputs(i.case["medium"]), i.case.get("one_time")
    public = k.medium_prekey(
        who, medium.number("id"), medium.number("created", 64), medium.bytes("x", 32), medium.bytes("seed", 64)
    ).public
    if not one_time:
        return hexed(bundle=who.cert + public + b"\0")
    one = Inputs(one_time)
    one_time = k.one_time_prekey(who, one.number("id"), one.bytes("x", 32), one.bytes("seed", 64)).public
    return hexed(bundle=who.cert + public + b"\1" + one_time)


def bundle_verify(i):
    cert, medium, one_time = strict.verify_bundle(
        i.bytes("bundle"), i.bytes("account_id", 32), i.number("now", 64)
    )
    return hexed(device_id=k.device_id(cert), weak_start=not one_time)


# 03 · Agreement


def kx(i):
    if i.number("suite", 64) != 1:
        raise Refused("AGR-1")
    ot = i.optional("ot", 1668)
    if bool(ot) != bool(i.case.get("dh4")):
        raise MALFORMED
    dh4 = i.optional("dh4", 32) or k.ZERO
    t1 = k.th1(i.bytes("cert_b", 177), i.bytes("medium", 1684), ot, i.bytes("ek", 32), i.bytes("ct", 1568))
    c0 = k.ck0(i.bytes("dh2", 32), i.bytes("dh3", 32), dh4, i.bytes("ss", 32))
    keys = k.schedule(t1, c0, i.bytes("dh1", 32), i.bytes("dh5", 32), i.bytes("cert_a", 177))
    return hexed(**keys.__dict__)


def prefix(i):
    reader = strict.Reader(i.bytes("prefix"))
    p = strict.parse_prefix(reader)
    reader.finish()
    ids = (int.from_bytes(p.medium_id, "big"), int.from_bytes(p.one_time_id, "big"))
    return hexed(medium_id=ids[0], ot_id=ids[1], init_id=p.init_id)


# 04 · Ratchet


def root_step(i):
    rk, ck, nhk = k.root_step(
        i.bytes("rk", 32),
        i.bytes("dh", 32),
        i.optional("mix", 32),
        i.bytes("session_id", 16),
        i.bytes("ratchet_pk", 32),
        i.number("pq_mixed"),
    )
    return hexed(rk=rk, ck=ck, nhk=nhk)


def chain_step(i):
    mk, ck = k.chain_step(i.bytes("ck", 32), i.number("n"))
    return hexed(mk=mk, ck=ck)


def header(i):
    h = strict.parse_header(i.bytes("header"))
    return hexed(
        ratchet_pk=h.ratchet_pk,
        n=h.n,
        pn=h.pn,
        pq_mixed=h.mixed,
        pq_kind=h.fields[0],
        pq_epoch=int.from_bytes(h.fields[1:5], "big"),
        frags=h.fields[5],
    )


def pq_epoch(i):
    pqs, e, ek, ct, ss = (
        i.bytes("pqs", 32),
        i.number("e"),
        i.bytes("ek", 1184),
        i.bytes("ct", 1088),
        i.bytes("ss", 32),
    )
    if e == 0:
        raise MALFORMED
    mix, after, kc = k.pq_epoch(pqs, e, ek, ct, ss)
    return hexed(ek_mac=k.ek_mac(pqs, e, ek), mix=mix, pqs=after, kc=kc)


def rs_fragment(i):
    obj, x = i.bytes("obj"), i.number("x", 8)
    if x > 254:
        raise Refused("RAT-4")
    return hexed(out=k.fragment(obj, x))


def rs_decode(i):
    length, points = i.number("len"), {}
    for pair in i.case["fragments"]:
        x, data = pair
        if not isinstance(x, int) or not 0 <= x <= 254 or len(data) != 256:
            raise Refused("RAT-4")
        if points.setdefault(x, bytes.fromhex(data)) != bytes.fromhex(data):
            raise Refused("RAT-20", "Malformed")
    if len(points) < -(-length // 128):
        raise MALFORMED
    try:
        return hexed(out=k.reassemble(points, length))
    except AssertionError:
        raise Refused("RAT-23", "Malformed") from None


# 05 · Messages


def padme(i):
    return {"out": max(256, k.padme(max(i.number("l", 64), 256)))}


def frank(i):
    fk = k.XL(i.bytes("mk", 32), "msg-frank", i.bytes("salt", 16), 32)
    return hexed(fk=fk, fc=k.HM(fk, "frank", i.bytes("frame")))


def sealing(i):
    if i.number("kind", 8) not in (1, 2):
        raise MALFORMED
    return i.bytes("mk", 32), i.number("kind"), i.bytes("hnonce", 12), i.bytes("eh"), i.bytes("salt", 16)


def seal(i):
    sealed = k.seal(*sealing(i), i.bytes("frame"))
    return hexed(fc=sealed[48:80], com=sealed[16:48], ct=sealed[80:])


def open_(i):
    mk, kind, hnonce, eh, salt = sealing(i)
    m = strict.Message(kind, None, hnonce, eh, salt, i.bytes("com", 32), i.bytes("fc", 32), i.bytes("ct"))
    return hexed(frame=strict.open_message(mk, m))


def envelope(i):
    m = strict.parse_envelope(i.bytes("envelope"))
    return hexed(kind=m.kind, eh_len=len(m.eh), ct_len=len(m.ct))


def frame(i):
    data = i.bytes("frame")
    kind, body = strict.parse_frame(data)
    sent, expire = (int.from_bytes(data[a:b], "big") for a, b in ((2, 10), (26, 30)))
    return hexed(type=kind, sent=sent, msg_id=data[10:26], expire_s=expire, body=body)


def body(i):
    strict.check_body(i.number("type", 8), i.bytes("body"))
    return {"ok": True}


# 08 · Relay


def mailbox_id(i):
    return hexed(out=k.HL("mailbox-id", i.bytes("key", 32)))


def token_id(i):
    return hexed(out=k.HL("token-id", i.bytes("token", 16)))


def relay_proof(i):
    parts = {
        "relay mailbox-open": "key tokens",
        "relay mailbox-read": "key",
        "relay publish": "bundle",
        "relay stock": "key",
    }
    s = i.text("s")
    if s not in parts:
        raise MALFORMED
    if s == "relay publish":
        data = i.bytes("bundle")
        payload = data[:1861] + data[1862:]
    else:
        payload = i.bytes("key", 32) + (i.bytes("tokens") if "tokens" in parts[s] else b"")
    return hexed(signed=k.L(s) + i.bytes("nonce", 32) + payload)


# 09 · Storage


def record_seal(i):
    return hexed(out=k.seal_record(i.bytes("k", 32), i.bytes("salt", 16), i.bytes("ad"), i.bytes("m")))


def record_open(i):
    sealed = i.bytes("sealed")
    try:
        return hexed(m=k.open_record(i.bytes("k", 32), i.bytes("salt", 16), i.bytes("ad"), sealed))
    except (AssertionError, k.InvalidTag):
        raise Refused("STO-10") from None


def record_name(i):
    if len(i.bytes("parent")) not in (0, 16):
        raise MALFORMED
    return hexed(out=k.blind(i.bytes("k", 32), i.bytes("parent"), i.text("segment").encode()))


CHAPTERS = {
    "conventions": (label, hl, hm, xl, address),
    "identity": (account_id, device_id, identity, cert, safety, safety_compare),
    "prekeys": (bundle, bundle_verify),
    "agreement": (kx, prefix),
    "ratchet": (root_step, chain_step, header, pq_epoch, rs_fragment, rs_decode),
    "messages": (padme, frank, seal, open_, envelope, frame, body),
    "relay": (mailbox_id, token_id, relay_proof),
    "storage": (record_seal, record_open, record_name),
}
OPS = {op.__name__.rstrip("_"): op for chapter in CHAPTERS.values() for op in chapter}


def answer(case):
    return OPS[case["op"]](Inputs(case))
