"""Prints the example values of every chapter: `python3 examples.py`.

With `--check` it looks for every hexadecimal number of the chapters' examples in what it has computed.
"""

import contextlib
import io
import pathlib
import re
import sys

import kuvert as k
import mlkem
from kuvert import u8, u16, u32, u64

ISSUED = 1_760_000_000_000


def show(name, value):
    text = value if isinstance(value, str) else value.hex()
    print(f"{name:<16} {text}")


def digest(name, value):
    show(name, f"{len(value)} bytes, SHA-256 {k.sha256(value).hex()}")


class Random:
    """n bytes at a time of SHA-256(name || u32 counter): the examples' randomness, nothing more."""

    def __init__(self, name):
        self.name, self.counter = name, 0

    def __call__(self, n):
        blocks = b""
        while len(blocks) < n:
            blocks += k.sha256(self.name + u32(self.counter))
            self.counter += 1
        return blocks[:n]


def conventions():
    key = bytes(range(32))
    show("L(test)", k.L("test"))
    show("HL", k.HL("test", b"abc"))
    show("HM", k.HM(key, "test", b"abc"))
    show("Extract", k.extract(b"salt", b"abc"))
    show("XL 32", k.XL(key, "test", b"abc", 32))
    show("XL 16", k.XL(key, "test", b"abc", 16))
    show("AE", k.AE(key, k.NONCE, b"ad", b"abc"))
    show("padme", " ".join(f"{n}:{max(256, k.padme(max(n, 256)))}" for n in (1, 256, 257, 1000, 5000, 65_536)))


def identities():
    alice = k.make_identity(b"\x11" * 32, b"\x12" * 32, b"\x13" * 32, ISSUED)
    bob = k.make_identity(b"\x21" * 32, b"\x22" * 32, b"\x23" * 32, ISSUED)
    for name, who in (("alice", alice), ("bob", bob)):
        account = who.cert[1:33]
        show(f"{name} cert", who.cert)
        show(f"{name} account", k.account_id(account))
        show(f"{name} device", who.device_id)
        show(f"{name} address", "kuvert://relay.example/" + k.base32(k.account_id(account)))
    show("safety", k.safety_number(alice.cert[1:33], bob.cert[1:33]))
    return alice, bob


def prekeys(bob):
    medium = k.medium_prekey(bob, 7, ISSUED, b"\x24" * 32, b"\x25" * 64)
    one_time = k.one_time_prekey(bob, 9, b"\x26" * 32, b"\x27" * 64)
    show("medium head", medium.public[:60])
    digest("medium", medium.public)
    show("one-time head", one_time.public[:44])
    digest("one-time", one_time.public)
    digest("bundle", bob.cert + medium.public + u8(1) + one_time.public)
    return medium, one_time


def agreement(alice, bob, medium, one_time):
    keys, prefix = k.initiate(alice, bob.cert, medium.public, one_time.public, b"\x14" * 32, b"\x15" * 32)
    theirs, cert = k.respond(bob, medium, one_time, prefix)
    assert theirs == keys and cert == alice.cert
    show("prefix head", prefix[:50])
    digest("prefix", prefix)
    show("init_id", k.HL("kx-replay", prefix[10:1610]))
    for name in ("th1", "eid", "th2", "root", "chain_i", "hdr_i", "hdr_i_next", "hdr_r", "pq_0", "session_id"):
        show(name, getattr(keys, name))
    return keys, prefix


def conversation(keys, prefix):
    alice = k.Session(keys, Random(b"alice"), prefix)
    bob = k.Session(keys, Random(b"bob"))
    first = k.frame(1, ISSUED, bytes(range(16)), b"Tea at four?")
    show("frame 1", first)
    one = alice.encrypt(first)
    digest("envelope 1", one)
    show("session part", one[1805:])
    assert bob.decrypt(one) == first
    second = k.frame(1, ISSUED + 60_000, bytes(range(16, 32)), "Tee um vier, gerne!".encode())
    two = bob.encrypt(second)
    digest("envelope 2", two)
    assert alice.decrypt(two) == second
    show("root after", alice.rk)
    assert alice.rk == bob.rk
    played = play_on(alice, bob)
    show("epoch 1 mixed", f"in message {played}")


def play_on(alice, bob):
    """Both talk in turn until both have mixed the first epoch."""
    for i in range(100):
        sender, receiver = (alice, bob) if i % 2 == 0 else (bob, alice)
        text = k.frame(3, ISSUED, bytes(15) + u8(i), b"\x01")
        assert receiver.decrypt(sender.encrypt(text)) == text
        if alice.pq.mixed == bob.pq.mixed == 1:
            assert alice.rk == bob.rk and alice.pq.pqs == bob.pq.pqs
            digest("pqs_1", alice.pq.pqs)
            return i + 3
    raise AssertionError("the first epoch never ended")


def ratchet():
    secret = bytes(range(32))
    for name, value in zip(("RK'", "CK", "NHK"), k.root_step(secret, b"\x01" * 32, None, b"\x02" * 16, b"\x03" * 32, 0)):
        show(name, value)
    for name, value in zip(("RK' mixed", "CK", "NHK"), k.root_step(secret, b"\x01" * 32, b"\x04" * 32, b"\x02" * 16, b"\x03" * 32, 1)):
        show(name, value)
    for name, value in zip(("MK", "CK'"), k.chain_step(secret, 5)):
        show(name, value)
    obj = bytes(i * i % 251 for i in range(1216))
    digest("object", obj)
    for x in (0, 9, 10, 254):
        show(f"fragment {x}", k.fragment(obj, x)[:16])
    ek = mlkem.encapsulation_key(768, b"\x16" * 64)
    ct, ss = mlkem.encapsulate(768, ek, b"\x28" * 32)
    digest("ek", ek)
    digest("ct", ct)
    show("ss", ss)
    show("ek_mac", k.ek_mac(secret, 1, ek))
    for name, value in zip(("mix_1", "pqs_1", "kc_1"), k.pq_epoch(secret, 1, ek, ct, ss)):
        show(name, value)


def everything():
    for title, part in (("00 conventions", conventions), ("04 ratchet", ratchet)):
        print(f"\n# {title}")
        part()
    print("\n# 01 identity")
    people = identities()
    print("\n# 02 prekeys")
    pairs = prekeys(people[1])
    print("\n# 03 agreement")
    agreed = agreement(*people, *pairs)
    print("\n# 05 messages")
    conversation(*agreed)


def check():
    """Exits with 1 and names the numbers that the chapters have and this program does not compute."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        everything()
    computed = re.sub(r"\s", "", printed.getvalue())
    wrong = []
    for chapter in sorted(pathlib.Path(__file__).parent.parent.glob("0[0-5]-*.md")):
        for block in re.findall(r"^```\n(.*?)^```$", chapter.read_text(), re.S | re.M):
            numbers = re.findall(r"\b[0-9a-f]{12,}", block)
            wrong += [f"{chapter.name}: {number}" for number in numbers if number not in computed]
    print("\n".join(wrong) or "all example numbers are as computed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    check() if "--check" in sys.argv else everything()
