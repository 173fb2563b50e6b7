"""The formulas of the Kuvert specification in plain Python, chapter by chapter.

It is meant to be read beside the text and to recompute its examples: one happy path, few checks, no
erasure of secrets. Randomness is a function `random(n)` given from outside. Never for real messages.

Needs the package `cryptography` (X25519, Ed25519, ChaCha20-Poly1305).
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import mlkem

# 00 · Conventions


def u8(x):
    return x.to_bytes(1, "big")


def u16(x):
    return x.to_bytes(2, "big")


def u32(x):
    return x.to_bytes(4, "big")


def u64(x):
    return x.to_bytes(8, "big")


def sha256(x):
    return hashlib.sha256(x).digest()


def L(s):
    text = b"kuvert-v1 " + s.encode("ascii")
    return u8(len(text)) + text


def HL(s, x):
    return sha256(L(s) + x)


def HM(k, s, x):
    return hmac.digest(k, L(s) + x, "sha256")


def extract(salt, ikm):
    return hmac.digest(salt, ikm, "sha256")


def XL(k, s, ctx, n):
    info, out, block, counter = u16(n) + L(s) + u16(len(ctx)) + ctx, b"", b"", 1
    while len(out) < n:
        block = hmac.digest(k, block + info + u8(counter), "sha256")
        out, counter = out + block, counter + 1
    return out[:n]


def AE(k, n, ad, m):
    return ChaCha20Poly1305(k).encrypt(n, m, ad)


def AD(k, n, ad, c):
    return ChaCha20Poly1305(k).decrypt(n, c, ad)


ZERO = bytes(32)
NONCE = bytes(12)


def sig_pk(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def Sig(seed, s, x):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(L(s) + x)


def dh_pk(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def dh(secret, public):
    """X25519; the package refuses an all-zero output."""
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def base32(x):
    bits = int.from_bytes(x, "big") << 4
    return "".join("abcdefghijklmnopqrstuvwxyz234567"[bits >> 5 * (51 - i) & 31] for i in range(52))


# 01 · Identity


@dataclass
class Identity:
    account: bytes
    device: bytes
    dh: bytes
    cert: bytes

    @property
    def device_id(self):
        return device_id(self.cert)


def make_identity(account, device, dh_secret, issued):
    """From the seeds of both signing keys and the X25519 secret."""
    body = u8(1) + sig_pk(account) + sig_pk(device) + dh_pk(dh_secret) + u64(issued) + u64(1)
    return Identity(account, device, dh_secret, body + Sig(account, "sig device", body))


def account_id(account_pk):
    return HL("account-id", account_pk)


def device_id(cert):
    return HL("device-id", cert[33:97])[:16]


def safety_number(a, b):
    lo, hi = sorted([a, b])
    digits = XL(HL("safety", lo + hi), "safety-digits", b"", 60)
    groups = (int.from_bytes(digits[i : i + 5], "big") % 100_000 for i in range(0, 60, 5))
    return " ".join(f"{group:05d}" for group in groups)


# 02 · Prekeys


@dataclass
class Prekey:
    x: bytes
    seed: bytes
    public: bytes


def _prekey(identity, label, head, x, seed):
    body = head + dh_pk(x) + mlkem.encapsulation_key(1024, seed)
    return Prekey(x, seed, body + Sig(identity.device, label, identity.device_id + body))


def medium_prekey(identity, number, created, x, seed):
    head = u32(number) + u64(created) + u64(created + 14 * 86_400_000)
    return _prekey(identity, "sig medium-prekey", head, x, seed)


def one_time_prekey(identity, number, x, seed):
    return _prekey(identity, "sig onetime-prekey", u32(number), x, seed)


# 03 · Agreement

SUITE = u16(1)


@dataclass
class Secrets:
    root: bytes
    chain_i: bytes
    hdr_i: bytes
    hdr_i_next: bytes
    hdr_r: bytes
    pq_0: bytes
    session_id: bytes
    th1: bytes
    th2: bytes
    eid: bytes


def th1(cert_b, medium, one_time, ek, ct):
    return HL("kx-th1", SUITE + cert_b + medium + u8(bool(one_time)) + one_time + ek + ct)


def ck0(dh2, dh3, dh4, ss):
    return extract(HL("kx-salt", SUITE), dh2 + dh3 + dh4 + ss)


def schedule(t1, c0, dh1, dh5, cert_a):
    eid = AE(XL(c0, "kx-identity", t1, 32), NONCE, t1, cert_a)
    t2 = HL("kx-th2", t1 + eid + cert_a)
    c1 = extract(c0, dh1 + dh5)
    labels = ["root", "chain-i", "header-i", "header-i-next", "header-r", "pq"]
    keys = [XL(c1, "kx-" + label, t2, 32) for label in labels]
    return Secrets(*keys, XL(c1, "kx-session-id", t2, 16), t1, t2, eid)


def initiate(a, cert_b, medium, one_time, ek_secret, coins):
    """A's side. `medium` and `one_time` are public encodings (`one_time` may be empty)."""
    pair = one_time[4:1604] if one_time else medium[20:1620]
    ct, ss = mlkem.encapsulate(1024, pair[32:], coins)
    ik_b, mp_b, ek = cert_b[65:97], medium[20:52], dh_pk(ek_secret)
    t1 = th1(cert_b, medium, one_time, ek, ct)
    dh4 = dh(ek_secret, one_time[4:36]) if one_time else ZERO
    c0 = ck0(dh(ek_secret, ik_b), dh(ek_secret, mp_b), dh4, ss)
    keys = schedule(t1, c0, dh(a.dh, mp_b), dh(a.dh, ik_b), a.cert)
    number = one_time[:4] if one_time else u32(0)
    return keys, SUITE + medium[:4] + number + ek + ct + keys.eid


def first_stage(b, medium, one_time, prefix):
    """TH1 and CK0, as B computes them."""
    ek, ct = prefix[10:42], prefix[42:1610]
    seed = one_time.seed if one_time else medium.seed
    t1 = th1(b.cert, medium.public, one_time.public if one_time else b"", ek, ct)
    dh4 = dh(one_time.x, ek) if one_time else ZERO
    return t1, ck0(dh(b.dh, ek), dh(medium.x, ek), dh4, mlkem.decapsulate(1024, seed, ct))


def open_identity(b, medium, one_time, prefix):
    t1, c0 = first_stage(b, medium, one_time, prefix)
    return AD(XL(c0, "kx-identity", t1, 32), NONCE, t1, prefix[1610:])


def respond(b, medium, one_time, prefix):
    """B's side, with the pairs that the prefix names. Gives the secrets and A's certificate."""
    t1, c0 = first_stage(b, medium, one_time, prefix)
    cert_a = open_identity(b, medium, one_time, prefix)
    ik_a = cert_a[65:97]
    return schedule(t1, c0, dh(medium.x, ik_a), dh(b.dh, ik_a), cert_a), cert_a


# 04 · Ratchet


def chain_step(ck, n):
    return XL(ck, "chain-msg", u32(n), 32), XL(ck, "chain-next", b"", 32)


def root_step(rk, secret, mix, session_id, ratchet_pk, pq_mixed):
    prk = extract(rk, secret + (mix or ZERO))
    c = session_id + ratchet_pk + u32(pq_mixed)
    return tuple(XL(prk, "ratchet-" + label, c, 32) for label in ("root", "chain", "header"))


def ek_mac(pqs, e, ek):
    return HM(XL(pqs, "pq-ek-mac", u32(e), 32), "pq-ek", ek)


def pq_epoch(pqs, e, ek, ct, ss):
    """mix_e, pqs_e, kc_e"""
    prk, c = extract(pqs, ss), u32(e) + sha256(ek) + sha256(ct)
    return tuple(XL(prk, "pq-" + label, c, 32) for label in ("mix", "next", "confirm"))


EXP, LOG = [0] * 510, [0] * 256
_x = 1
for _i in range(255):
    EXP[_i] = EXP[_i + 255] = _x
    LOG[_x] = _i
    _x = _x << 1 ^ (0x11D if _x & 0x80 else 0)


def gf_mul(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def interpolate(points, x):
    """The value at x of the polynomial through `points` (x → 128 bytes), byte by byte."""
    out = [0] * 128
    for i, data in points.items():
        c = 1
        for j in points:
            if j != i:
                c = gf_mul(c, gf_mul(x ^ j, EXP[255 - LOG[i ^ j]]))
        out = [o ^ gf_mul(c, d) for o, d in zip(out, data)]
    return bytes(out)


def fragment(obj, x):
    k = -(-len(obj) // 128)
    obj = obj.ljust(k * 128, b"\0")
    points = {i: obj[128 * i : 128 * i + 128] for i in range(k)}
    return points.get(x) or interpolate(points, x)


def reassemble(points, length):
    """The object, from at least ⌈length / 128⌉ fragments."""
    k = -(-length // 128)
    points = dict(list(points.items())[:k])
    obj = b"".join(points.get(i) or interpolate(points, i) for i in range(k))
    assert obj[length:] == bytes(len(obj) - length), "padding"
    return obj[:length]


@dataclass
class PostQuantum:
    """One side of the ML-KEM ratchet."""

    initiator: bool
    pqs: bytes
    random: callable
    epoch: int = 0
    mixed: int = 0

    def __post_init__(self):
        self.enter()

    def enter(self):
        self.epoch += 1
        self.key_side = self.initiator == (self.epoch % 2 == 1)
        self.points, self.at, self.mix, self.obj = {}, 0, None, None
        self.state = "RecvEk"
        if self.key_side:
            self.seed, self.state = self.random(64), "SendEk"
            self.ek = mlkem.encapsulation_key(768, self.seed)
            self.obj = self.ek + ek_mac(self.pqs, self.epoch, self.ek)

    def fields(self, burst=False):
        """pq_kind | pq_epoch | frags | fragments for the next header."""
        if self.state not in ("SendEk", "SendCt"):
            return u8(0) + u32(0) + u8(1) + bytes(129)
        kind, frags = 1 if self.state == "SendEk" else 2, 10 if burst else 1
        points = [(self.at + i) % 255 for i in range(frags)]
        self.at = (self.at + frags) % 255
        return u8(kind) + u32(self.epoch) + u8(frags) + b"".join(u8(x) + fragment(self.obj, x) for x in points)

    def receive(self, fields):
        kind, epoch = fields[0], int.from_bytes(fields[1:5], "big")
        if kind == 0 or epoch < self.epoch:
            return
        assert epoch == self.epoch and kind == (2 if self.key_side else 1), "PqFailed"
        for i in range(6, len(fields), 129):
            self.points[fields[i]] = fields[i + 1 : i + 129]
        if self.state == "SendEk":
            self.state = "RecvCt"
        if self.state == "RecvEk" and len(self.points) >= 10:
            self.encapsulate(reassemble(self.points, 1216))
        elif self.state == "RecvCt" and len(self.points) >= 9:
            self.decapsulate(reassemble(self.points, 1120))

    def encapsulate(self, obj):
        ek, mac = obj[:1184], obj[1184:]
        assert mac == ek_mac(self.pqs, self.epoch, ek), "PqFailed"
        ct, ss = mlkem.encapsulate(768, ek, self.random(32))
        self.mix, self.next, kc = pq_epoch(self.pqs, self.epoch, ek, ct, ss)
        self.obj, self.state = ct + kc, "SendCt"

    def decapsulate(self, obj):
        ct, kc = obj[:1088], obj[1088:]
        ss = mlkem.decapsulate(768, self.seed, ct)
        self.mix, self.next, expected = pq_epoch(self.pqs, self.epoch, self.ek, ct, ss)
        assert kc == expected, "PqFailed"
        self.state = "MixDue"

    def take_mix(self):
        mix, self.pqs, self.mixed = self.mix, self.next, self.epoch
        self.enter()
        return mix


# 05 · Messages


def padme(length):
    e = length.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1
    return (length + mask) & ~mask


def pad(frame):
    return (frame + b"\x80").ljust(max(256, padme(max(len(frame) + 1, 256))), b"\0")


def unpad(padded):
    frame = padded.rstrip(b"\0")
    assert frame.endswith(b"\x80") and pad(frame[:-1]) == padded, "Undecryptable"
    return frame[:-1]


def frame(kind, sent, msg_id, body, expire=0):
    return u8(kind) + u8(0) + u64(sent) + msg_id + u32(expire) + u32(len(body)) + body


def seal(mk, kind, hnonce, eh, salt, frame):
    """salt | com | fc | ct"""
    fc = HM(XL(mk, "msg-frank", salt, 32), "frank", frame)
    ctx = salt + HL("msg-ad", u8(kind) + u8(1) + hnonce + eh + fc)
    ct = AE(XL(mk, "msg-key", ctx, 32), NONCE, b"", pad(frame))
    return salt + XL(mk, "msg-commit", ctx, 32) + fc + ct


def open_message(mk, kind, hnonce, eh, rest):
    salt, com, fc, ct = rest[:16], rest[16:48], rest[48:80], rest[80:]
    ctx = salt + HL("msg-ad", u8(kind) + u8(1) + hnonce + eh + fc)
    assert hmac.compare_digest(com, XL(mk, "msg-commit", ctx, 32)), "Undecryptable"
    frame = unpad(AD(XL(mk, "msg-key", ctx, 32), NONCE, b"", ct))
    assert fc == HM(XL(mk, "msg-frank", salt, 32), "frank", frame), "Undecryptable"
    return frame


@dataclass
class Chain:
    hk: bytes
    ck: bytes = None
    ratchet_pk: bytes = None
    mixed: int = 0
    n: int = 0
    skipped: dict = field(default_factory=dict)


class Session:
    """One side of a session. `decrypt` is meant for honest input: `device.py` has the careful one."""

    post_quantum = PostQuantum

    def __init__(self, keys, random, prefix=None):
        self.id, self.rk, self.random, self.prefix = keys.session_id, keys.root, random, prefix
        self.pq = self.post_quantum(prefix is not None, keys.pq_0, random)
        self.ns = self.pn = self.sending_mixed = 0
        self.old = []
        if prefix is not None:
            self.dhs, self.cks, self.step_due = random(32), keys.chain_i, False
            self.hks, self.nhks, self.nhkr = keys.hdr_i, keys.hdr_i_next, keys.hdr_r
            self.receiving = None
        else:
            self.dhs = self.cks = self.hks = None
            self.receiving, self.step_due = Chain(keys.hdr_i, keys.chain_i), True
            self.nhkr, self.nhks = keys.hdr_i_next, keys.hdr_r

    def begin_chain(self):
        if self.step_due:
            mix = self.pq.take_mix() if self.pq.state == "MixDue" else None
            self.pn, self.ns, self.hks, self.dhs = self.ns, 0, self.nhks, self.random(32)
            self.sending_mixed, self.step_due = self.pq.mixed, False
            self.rk, self.cks, self.nhks = self.root_step(self.receiving.ratchet_pk, dh_pk(self.dhs), mix)

    def encrypt(self, frame, burst=False):
        self.begin_chain()
        mk, self.cks = chain_step(self.cks, self.ns)
        header = dh_pk(self.dhs) + u32(self.ns) + u32(self.pn) + u32(self.sending_mixed) + self.pq.fields(burst)
        self.ns += 1
        kind = 1 if self.prefix is not None else 2
        hnonce, salt = self.random(12), self.random(16)
        eh = AE(self.hks, hnonce, u8(kind) + u8(1), header)
        message = hnonce + u16(len(eh)) + eh + seal(mk, kind, hnonce, eh, salt, frame)
        return u8(kind) + u8(1) + (self.prefix or b"") + message

    def root_step(self, their_pk, ratchet_pk, mix):
        return root_step(self.rk, dh(self.dhs, their_pk), mix, self.id, ratchet_pk, self.pq.mixed)

    def decrypt(self, envelope):
        kind, message = envelope[0], envelope[2 + (1803 if envelope[0] == 1 else 0) :]
        hnonce, length = message[:12], int.from_bytes(message[12:14], "big")
        eh, rest = message[14 : 14 + length], message[14 + length :]
        chain, header = self.find(kind, hnonce, eh)
        n, pn, mixed = (int.from_bytes(header[i : i + 4], "big") for i in (32, 36, 40))
        if chain is None:
            chain = self.new_chain(header[:32], pn, mixed)
        elif chain.ratchet_pk is None:
            chain.ratchet_pk = header[:32]
        assert (chain.ratchet_pk, chain.mixed) == (header[:32], mixed), "Undecryptable"
        self.skip(chain, n + 1)
        frame = open_message(chain.skipped.pop(n), kind, hnonce, eh, rest)
        self.pq.receive(header[44:])
        self.prefix = None
        return frame

    def find(self, kind, hnonce, eh):
        """The chain whose header key opens `eh`; None for a new one."""
        current = [self.receiving] if self.receiving else []
        keys = [(c, c.hk) for c in current] + [(None, self.nhkr)] + [(c, c.hk) for c in self.old]
        for chain, hk in keys:
            try:
                return chain, AD(hk, hnonce, u8(kind) + u8(1), eh)
            except InvalidTag:
                continue
        raise AssertionError("Undecryptable")

    def skip(self, chain, until):
        while chain.ck and chain.n < until:
            chain.skipped[chain.n], chain.ck = chain_step(chain.ck, chain.n)
            chain.n += 1

    def new_chain(self, ratchet_pk, pn, mixed):
        if self.receiving:
            self.skip(self.receiving, pn)
            self.receiving.ck = None
            self.old.append(self.receiving)
        chain = Chain(self.nhkr, ratchet_pk=ratchet_pk, mixed=mixed)
        if mixed != self.pq.mixed:
            assert mixed == self.pq.mixed + 1 and self.pq.state == "SendCt", "Undecryptable"
            mix = self.pq.take_mix()
        else:
            mix = None
        self.rk, chain.ck, self.nhkr = self.root_step(ratchet_pk, ratchet_pk, mix)
        self.receiving, self.step_due = chain, True
        return chain


# 09 · Storage


def seal_record(k, salt, ad, m):
    """com | ct"""
    ctx = salt + HL("store-ad", ad)
    return XL(k, "store-commit", ctx, 32) + AE(XL(k, "store-key", ctx, 32), NONCE, b"", m)


def open_record(k, salt, ad, sealed):
    ctx = salt + HL("store-ad", ad)
    assert hmac.compare_digest(sealed[:32], XL(k, "store-commit", ctx, 32)), "Unreadable"
    return AD(XL(k, "store-key", ctx, 32), NONCE, b"", sealed[32:])


def blind(k, parent, segment):
    return HM(XL(k, "store-name-key", b"", 32), "store-name", u8(len(parent)) + parent + segment)
