"""What a receiver rejects: strict parsing, strict signatures, and the checks of chapters 00 to 05.

`kuvert.py` computes; this file refuses. Each refusal names its check, and the error is the one in the check's
row of the chapter. Both files are written from the text alone.
"""

import functools
import pathlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import kuvert as k
import mlkem

DAY = 86_400_000
SPEC = pathlib.Path(__file__).parent.parent


@functools.cache
def errors():
    """The check tables of the chapters: id → name of the error."""
    rows = {}
    for chapter in sorted(SPEC.glob("0[0-9]-*.md")):
        for row in re.findall(r"^\| ([A-Z]{3}-\d+) \|.*\| ([^|]*) \|$", chapter.read_text(), re.M):
            rows[row[0]] = row[1].split()[0].strip("`,")
    return rows


class Refused(Exception):
    """An input that is rejected; `frame` is there only beside `PqFailed`.

    `peer` is the device that it is from, if that is authentic; `forked` is the evidence of MSG-20; `newcomer` is
    the certificate of a device that a person has to be asked about.
    """

    def __init__(self, check, error=None, frame=None, forked=False, newcomer=None):
        self.check, self.error, self.frame = check, error or errors()[check], frame
        self.peer, self.forked, self.newcomer = newcomer and k.device_id(newcomer), forked, newcomer
        super().__init__(f"{check}: {self.error}")


# 00 · Conventions


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Refused("COD-1")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def rest(self):
        return self.take(len(self.data) - self.at)

    def finish(self):
        if self.at != len(self.data):
            raise Refused("COD-2")


ED_P = 2**255 - 19
ED_L = 2**252 + 27742317777372353535851937790883648493
ED_SMALL_Y = {
    0,
    1,
    ED_P - 1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
}


def is_strict_point(encoded):
    """Canonical, and not one of the eight points of small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < ED_P and y not in ED_SMALL_Y


def verify(public, label, x, signature):
    """Strict Ed25519: the package's own equation is without cofactor and compares R as bytes."""
    strict = is_strict_point(public) and is_strict_point(signature[:32])
    if not strict or int.from_bytes(signature[32:], "little") >= ED_L:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, k.L(label) + x)
        return True
    except (InvalidSignature, ValueError):
        return False


def dh(secret, public, check):
    try:
        return k.dh(secret, public)
    except ValueError:
        raise Refused(check) from None


def is_small_order(public):
    try:
        k.dh(b"\x42" * 32, public)
        return False
    except ValueError:
        return True


@dataclass
class Address:
    host: str
    port: int
    account_id: bytes

    @property
    def is_loopback(self):
        v4 = re.fullmatch(r"127\.\d+\.\d+\.\d+", self.host)
        return bool(v4) or self.host in ("[::1]", "localhost") or self.host.endswith(".localhost")

    @property
    def default_port(self):
        return 80 if self.is_loopback else 443

    @property
    def relay(self):
        port = "" if self.port == self.default_port else f":{self.port}"
        return ("ws://" if self.is_loopback else "wss://") + self.host + port


def parse_address(text):
    found = re.fullmatch(
        r"kuvert://(\[[0-9a-f:.]+\]|[a-z0-9.-]{1,200})(?::([1-9][0-9]{0,4}))?/([a-z2-7]{52})", text
    )
    if not found or not is_host(found[1]):
        raise Refused("COD-6")
    bits = 0
    for character in found[3]:
        bits = bits << 5 | "abcdefghijklmnopqrstuvwxyz234567".index(character)
    address = Address(found[1], int(found[2] or 0), (bits >> 4).to_bytes(32, "big"))
    if bits & 15 or address.port > 65_535 or address.port == address.default_port:
        raise Refused("COD-6")
    address.port = address.port or address.default_port
    return address


def is_host(host):
    if host.startswith("["):
        return host in (
            "[::1]",
            "[2001:db8::1]",
        )  # enough for the vectors; an implementation needs all of RFC 5952
    labels = host.split(".")
    if all(label.isdigit() for label in labels):
        return len(labels) == 4 and all(str(int(label)) == label and int(label) < 256 for label in labels)
    return all(0 < len(label) < 64 and label[0] != "-" and label[-1] != "-" for label in labels)


# 01 · Identity


def parse_cert(reader):
    data = reader.take(177)
    if data[0] != 1:
        raise Refused("COD-3")
    return data


def verify_cert(cert):
    if not verify(cert[1:33], "sig device", cert[:113], cert[113:]):
        raise Refused("IDN-1")
    if is_small_order(cert[65:97]):
        raise Refused("IDN-4")


# 02 · Prekeys


def parse_bundle(data):
    """cert, medium, one-time prekey (empty if there is none)"""
    reader = Reader(data)
    cert, medium = parse_cert(reader), reader.take(1684)
    if medium[:4] == bytes(4):
        raise Refused("PRE-4")
    has_ot = reader.number(1)
    if has_ot > 1:
        raise Refused("PRE-3")
    one_time = reader.take(1668 * has_ot)
    if one_time[:4] == bytes(4):
        raise Refused("PRE-5")
    reader.finish()
    return cert, medium, one_time


def verify_bundle(data, expected, now):
    cert, medium, one_time = parse_bundle(data)
    verify_cert(cert)
    if k.account_id(cert[1:33]) != expected:
        raise Refused("IDN-2")
    device = k.device_id(cert)
    if not verify(cert[33:65], "sig medium-prekey", device + medium[:1620], medium[1620:]):
        raise Refused("PRE-1")
    if one_time and not verify(cert[33:65], "sig onetime-prekey", device + one_time[:1604], one_time[1604:]):
        raise Refused("PRE-2")
    if one_time and one_time[:4] == medium[:4]:
        raise Refused("PRE-6")
    created, not_after = (int.from_bytes(medium[i : i + 8], "big") for i in (4, 12))
    if not created <= not_after <= created + 14 * DAY:
        raise Refused("PRE-9")
    if now > not_after + DAY:
        raise Refused("PRE-7")
    if created > now + DAY:
        raise Refused("PRE-8")
    keys = [(medium[20:52], medium[52:1620], "PRE-12", "PRE-10")]
    if one_time:
        keys.append((one_time[4:36], one_time[36:1604], "PRE-13", "PRE-11"))
    for x, ek, order, modulus in keys:
        if is_small_order(x):
            raise Refused(order)
        if not mlkem.passes_modulus_check(1024, ek):
            raise Refused(modulus)
    return cert, medium, one_time


# 03 · Agreement


@dataclass
class Prefix:
    data: bytes
    medium_id: bytes
    one_time_id: bytes

    @property
    def init_id(self):
        return k.HL("kx-replay", self.data[10:1610])


def parse_prefix(reader):
    start = reader.at
    if reader.number(2) != 1:
        raise Refused("AGR-1")
    medium_id, one_time_id = reader.take(4), reader.take(4)
    if medium_id == bytes(4):
        raise Refused("PRE-4")
    reader.take(1793)
    return Prefix(reader.data[start : reader.at], medium_id, one_time_id)


def respond(b, mediums, one_times, prefix):
    """B's side with its checks: secrets, A's certificate."""
    medium = mediums.get(prefix.medium_id)
    if medium is None:
        raise Refused("AGR-2")
    one_time = None
    if prefix.one_time_id != bytes(4):
        one_time = one_times.get(prefix.one_time_id)
        if one_time is None:
            raise Refused("AGR-3")
    ek = prefix.data[10:42]
    for secret in [b.dh, medium.x] + ([one_time.x] if one_time else []):
        dh(secret, ek, "AGR-4")
    try:
        cert = k.open_identity(b, medium, one_time, prefix.data)
    except InvalidTag:
        raise Refused("AGR-5") from None
    if cert[0] != 1:
        raise Refused("COD-3")
    verify_cert(cert)
    return k.respond(b, medium, one_time, prefix.data)


# 04 · Ratchet


@dataclass
class Header:
    ratchet_pk: bytes
    n: int
    pn: int
    mixed: int
    fields: bytes


def parse_header(data):
    reader = Reader(data)
    header = Header(reader.take(32), reader.number(4), reader.number(4), reader.number(4), data[44:])
    kind, epoch, frags = reader.number(1), reader.number(4), reader.number(1)
    if kind > 2:
        raise Refused("RAT-5")
    if frags not in (1, 10):
        raise Refused("RAT-3")
    for _ in range(frags):
        if reader.take(129)[0] == 255:
            raise Refused("RAT-4")
    idle = epoch == 0 and frags == 1 and data[50:179] == bytes(129)
    if (not idle) if kind == 0 else epoch == 0:
        raise Refused("RAT-6")
    reader.finish()
    return header


class PostQuantum(k.PostQuantum):
    """The ML-KEM ratchet with its checks; works on a copy, like everything that receives."""

    def receive(self, fields):
        kind, epoch = fields[0], int.from_bytes(fields[1:5], "big")
        if kind == 0 or epoch < self.epoch:
            return
        if epoch > self.epoch:
            raise Refused("RAT-18")
        if kind != (2 if self.key_side else 1):
            raise Refused("RAT-19")
        if self.state == "SendEk":
            self.state = "RecvCt"
        for i in range(6, len(fields), 129):
            self.collect(fields[i], fields[i + 1 : i + 129])

    def collect(self, x, data):
        if self.state not in ("RecvEk", "RecvCt"):
            return
        if self.points.setdefault(x, data) != data:
            raise Refused("RAT-20")
        k_needed, length = (10, 1216) if self.state == "RecvEk" else (9, 1120)
        if len(self.points) < k_needed:
            return
        obj = b"".join(self.points.get(i) or k.interpolate(self.points, i) for i in range(k_needed))
        if obj[length:] != bytes(len(obj) - length):
            raise Refused("RAT-23")
        self.take_key(obj[:length]) if k_needed == 10 else self.take_ciphertext(obj[:length])

    def take_key(self, obj):
        if obj[1184:] != k.ek_mac(self.pqs, self.epoch, obj[:1184]):
            raise Refused("RAT-21")
        if not mlkem.passes_modulus_check(768, obj[:1184]):
            raise Refused("RAT-21")
        self.encapsulate(obj)

    def take_ciphertext(self, obj):
        try:
            self.decapsulate(obj)
        except AssertionError:
            raise Refused("RAT-22") from None


# 05 · Messages


@dataclass
class Message:
    kind: int
    prefix: Prefix
    hnonce: bytes
    eh: bytes
    salt: bytes
    com: bytes
    fc: bytes
    ct: bytes


def parse_envelope(data):
    if len(data) > 72 * 1024:
        raise Refused("MSG-10")
    reader = Reader(data)
    kind, version = reader.number(1), reader.number(1)
    if version != 1:
        raise Refused("COD-3")
    if kind not in (1, 2):
        raise Refused("COD-4")
    prefix = parse_prefix(reader) if kind == 1 else None
    hnonce, eh_len = reader.take(12), reader.number(2)
    if eh_len not in (195, 1356):
        raise Refused("RAT-2")
    eh, salt, com, fc, ct = (*(reader.take(n) for n in (eh_len, 16, 32, 32)), reader.rest())
    if not 272 <= len(ct) <= 65_552:
        raise Refused("MSG-16")
    return Message(kind, prefix, hnonce, eh, salt, com, fc, ct)


def unpad(padded):
    frame = padded.rstrip(b"\0")
    if not frame.endswith(b"\x80"):
        raise Refused("MSG-3")
    if k.pad(frame[:-1]) != padded:
        raise Refused("MSG-4")
    return frame[:-1]


def open_message(mk, m):
    ctx = m.salt + k.HL("msg-ad", k.u8(m.kind) + k.u8(1) + m.hnonce + m.eh + m.fc)
    if m.com != k.XL(mk, "msg-commit", ctx, 32):
        raise Refused("MSG-1")
    try:
        padded = k.AD(k.XL(mk, "msg-key", ctx, 32), k.NONCE, b"", m.ct)
    except InvalidTag:
        raise Refused("MSG-2") from None
    frame = unpad(padded)
    if m.fc != k.HM(k.XL(mk, "msg-frank", m.salt, 32), "frank", frame):
        raise Refused("MSG-8")
    return frame


def parse_frame(data):
    """type, body"""
    if len(data) < 34:
        raise Refused("MSG-5")
    if not 1 <= data[0] <= 6:
        raise Refused("MSG-6")
    if data[1]:
        raise Refused("MSG-7")
    if int.from_bytes(data[30:34], "big") != len(data) - 34 or len(data) > 65_535:
        raise Refused("MSG-5")
    return data[0], data[34:]


def check_body(kind, body):
    if kind == 1:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("MSG-9") from None
    if kind in (2, 3):
        reader = Reader(body)
        try:
            (check_receipt if kind == 2 else check_control)(reader)
            reader.finish()
        except Refused:
            raise Refused("MSG-9") from None


def check_receipt(reader):
    kind, count = reader.number(1), reader.number(1)
    if kind not in (1, 2) or not 1 <= count <= 64:
        raise Refused("MSG-9")
    reader.take(16 * count)


def check_control(reader):
    code = reader.number(1)
    if code not in (1, 2, 4, 5, 6):
        raise Refused("MSG-9")
    if code == 2:
        reader.take(16)
    if code == 5:
        check_mailbox(reader)
    if code == 6:
        count = reader.number(2)
        if count > 1000:
            raise Refused("COD-5")
        reader.take(16 * count)


def check_mailbox(reader):
    reader.take(32)
    has_token = reader.number(1)
    if has_token > 1:
        raise Refused("MSG-9")
    reader.take(16 * has_token)
    if not reader.take(reader.number(1)).isascii():
        raise Refused("MSG-9")
