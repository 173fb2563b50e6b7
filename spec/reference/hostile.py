"""Conversations with a peer that has the keys and breaks the rules, one rule at a time."""

import copy

import kuvert as k
import mlkem
from cases import NOW, SMALL_ORDER_X25519, seeds
from kuvert import u8, u16, u32
from strict import DAY
from talk import Talk, forge


def forged(t, who, peer, check, name, frame=None, error=None, **changed):
    """`who` forges, `peer` refuses. A forger's randomness is of no interest to anybody."""
    session = t.session(who, peer)
    frame = frame if frame is not None else k.frame(1, t.now, t.random(16), b"Tea?")
    envelope = forge(session, t.random, frame, **changed)
    t.deliver(peer, envelope, check, name=name, on_copy=True, error=error)


def talking(name, about):
    t = Talk(name, about)
    t.begin("alice", "bob")
    t.passes("alice", "bob", "hello")
    t.passes("bob", "alice", "hello yourself")
    t.passes("alice", "bob", "well?")
    return t


def headers():
    t = talking("forged headers", "Every rule for headers, broken by a peer in the current chain and in a new one")
    idle = u8(0) + u32(0) + u8(1) + bytes(129)
    pk = k.dh_pk(t.session("alice", "bob").dhs)
    head = lambda fields: pk + u32(1) + u32(1) + u32(0) + fields
    for name, check, fields in (
        ("kind 3", "RAT-5", u8(3) + idle[1:]),
        ("2 fragments announced", "RAT-3", idle[:5] + u8(2) + idle[6:]),
        ("index 255", "RAT-4", u8(1) + u32(1) + u8(1) + u8(255) + bytes(128)),
        ("nothing, with an epoch", "RAT-6", u8(0) + u32(1) + idle[5:]),
        ("nothing, with a byte", "RAT-6", idle[:-1] + u8(1)),
        ("a fragment of epoch 0", "RAT-6", u8(1) + u32(0) + u8(1) + bytes(129)),
        ("1 fragment where 10 stand", "COD-2", idle + bytes(9 * 129)),
        ("10 fragments where 1 stands", "COD-1", u8(1) + u32(1) + u8(10) + bytes(129)),
    ):
        forged(t, "alice", "bob", check, name, header=head(fields))
    forged(t, "alice", "bob", "RAT-7", "another ratchet key in the current chain", ratchet_pk=k.dh_pk(bytes(32)))
    forged(t, "alice", "bob", "RAT-16", "another count in the current chain", mixed=1)
    forged(t, "alice", "bob", "RAT-11", "number 2^20", n=2**20)
    forged(t, "alice", "bob", "RAT-11", "number 2^32 - 1", n=2**32 - 1)
    forged(t, "alice", "bob", "RAT-11", "previous chain of 2^20 + 1", pn=2**20 + 1)
    forged(t, "alice", "bob", "RAT-12", "a jump of 1001", n=1002)
    forged(t, "alice", "bob", "RAT-10", "number 0 again", n=0)
    forged(t, "alice", "bob", "MSG-1", "a number it has no key for", n=5)
    t.passes("bob", "alice", "my turn")
    current = t.devices["bob"].sessions[t.session("bob", "alice").id].receiving.ratchet_pk
    forged(t, "alice", "bob", "RAT-8", "the old ratchet key for a new chain", ratchet_pk=current)
    for i, point in enumerate(SMALL_ORDER_X25519):
        forged(t, "alice", "bob", "RAT-14", f"a new ratchet key of small order {i}", ratchet_pk=point)
    forged(t, "alice", "bob", "RAT-15", "a count one ahead", mixed=1)
    forged(t, "alice", "bob", "RAT-15", "a count far ahead", mixed=2**32 - 1)
    forged(t, "alice", "bob", "RAT-12", "a new chain 1001 on", n=1001)
    forged(t, "alice", "bob", "RAT-12", "500 of the old and 600 of the new", pn=502, n=600)
    forged(t, "alice", "bob", "MSG-1", "a secret of its own in the root", ratchet_pk=k.dh_pk(b"\x31" * 32))
    t.states()
    t.passes("alice", "bob", "never mind")
    t.states()
    return t


def bodies():
    t = talking("forged bodies", "Every rule for what is inside, broken by a peer")
    frame = k.frame(1, t.now, t.random(16), b"Tea at four?")

    def bad(check, name, inner=frame, **changed):
        forged(t, "alice", "bob", check, name, inner, **changed)

    bad("MSG-3", "padded with nothing but zeros", padded=bytes(256))
    bad("MSG-3", "padded with 01", padded=(frame + b"\x80").ljust(255, b"\0") + b"\1")
    bad("MSG-4", "padded to 512", padded=k.pad(frame) + bytes(256))
    bad("MSG-4", "padded to 272", padded=k.pad(frame) + bytes(16))
    bad("MSG-8", "another frame franked", franked=frame + b"?")
    bad("MSG-5", "a frame of 33 bytes", frame[:33])
    bad("MSG-5", "a body a byte short", frame[:-1])
    bad("MSG-5", "a body a byte long", frame + b"!")
    bad("MSG-5", "nothing", b"")
    for kind in (0, 7, 255):
        bad("MSG-6", f"type {kind}", u8(kind) + frame[1:])
    for bit in (0, 1, 7):
        bad("MSG-7", f"flag {bit}", frame[:1] + u8(1 << bit) + frame[2:])
    for name, kind, body in (
        ("text that is not UTF-8", 1, b"\xff\xfe"),
        ("a surrogate", 1, b"\xed\xa0\x80"),
        ("an empty receipt", 2, b"\1\0"),
        ("a receipt of kind 3", 2, b"\3\1" + bytes(16)),
        ("control 0", 3, b"\0"),
        ("control 3", 3, b"\3"),
        ("a closing with a byte more", 3, b"\4\0"),
        ("a token of 15 bytes", 3, b"\2" + bytes(15)),
        ("a resend of 1001", 3, b"\6\x03\xe9" + bytes(16)),
    ):
        bad("MSG-9", name, k.frame(kind, t.now, bytes(16), body))
    t.states()
    t.passes("alice", "bob", "never mind")
    return t


def fragments():
    t = talking(
        "forged fragments",
        "Authenticated messages that contradict the post-quantum ratchet: PqFailed, and the session is over",
    )
    alice = t.session("alice", "bob").pq
    key_object, ten = alice.obj, lambda obj, kind, epoch: u8(kind) + u32(epoch) + u8(10) + b"".join(
        u8(i) + k.fragment(obj, i) for i in range(10)
    )
    one = lambda kind, epoch, x, data: u8(kind) + u32(epoch) + u8(1) + u8(x) + data
    zero = bytes(128)
    forged(t, "alice", "bob", "RAT-18", "a fragment of the next epoch", fields=one(1, 2, 0, zero))
    forged(t, "alice", "bob", "RAT-18", "a fragment of the last epoch", fields=one(2, 2**32 - 1, 0, zero))
    forged(t, "alice", "bob", "RAT-19", "a ciphertext from the key's side", fields=one(2, 1, 0, zero))
    forged(t, "alice", "bob", "RAT-20", "other data under an index that is there", fields=one(1, 1, 0, zero))
    forged(
        t,
        "alice",
        "bob",
        "RAT-20",
        "one index twice in a burst",
        fields=u8(1) + u32(1) + u8(10) + b"".join(u8(7) + bytes([i]) * 128 for i in range(10)),
    )
    wrong_mac = key_object[:1184] + bytes(32)
    fill = lambda obj: u8(1) + u32(1) + u8(10) + b"".join(u8(i) + k.fragment(obj, i) for i in range(2, 12))
    first_two = {i: k.fragment(key_object, i) for i in range(2)}
    assert first_two == {i: t.session("bob", "alice").pq.points[i] for i in range(2)}
    same_start = lambda obj: key_object[:256] + obj[256:]
    forged(t, "alice", "bob", "RAT-21", "a key with a wrong MAC", fields=fill(same_start(wrong_mac)))
    big = key_object[:256] + b"\xff\xff\xff" + key_object[259:1184]
    forged(
        t,
        "alice",
        "bob",
        "RAT-21",
        "a key over the modulus, with its MAC",
        fields=fill(big + k.ek_mac(alice.pqs, 1, big)),
    )
    dirty = key_object + bytes(63) + b"\1"
    forged(t, "alice", "bob", "RAT-23", "padding that is not zero", fields=fill(dirty))
    t.states()
    t.passes("alice", "bob", "", heal=True)
    bob = t.session("bob", "alice").pq
    forged(t, "bob", "alice", "RAT-19", "a key from the ciphertext's side", fields=one(1, 1, 0, zero))
    forged(
        t,
        "bob",
        "alice",
        "RAT-22",
        "a confirmation of another secret",
        fields=ten(bob.obj[:1088] + bytes(32), 2, 1),
    )
    forged(
        t,
        "bob",
        "alice",
        "RAT-22",
        "a ciphertext of another secret",
        fields=ten(bytes(1088) + bob.obj[1088:], 2, 1),
    )
    forged(t, "bob", "alice", "RAT-23", "padding that is not zero", fields=ten(bob.obj + b"\1", 2, 1))
    forged(t, "bob", "alice", "RAT-18", "a fragment of the next epoch", fields=one(2, 2, 0, zero))
    t.states()
    envelope = forge(t.session("alice", "bob"), t.random, t.frame("the last word"), fields=one(1, 9, 0, zero))
    t.deliver("bob", envelope, "RAT-18", name="and this one for good")
    t.state("bob")
    t.receive("bob", t.send("alice", "bob", "Are you there?"), "RAT-1", name="after the end")
    t.send("bob", "alice", "No.", expect_error="MSG-14")
    return t


def kept_keys():
    t = Talk("kept keys", "The bounds on kept keys: 1,000 in one jump, 2,000 in all, 5 old chains, 30 days")
    t.begin("alice", "bob")
    t.passes("alice", "bob", "0")
    t.passes("bob", "alice", "hello")
    session, late = t.session("alice", "bob"), {}
    for n in (0, 1, 999, 1000, 1001, 2001, 2002):
        late[n] = forge(session, fixed(t, session), t.frame(f"number {n}"), skip=n)
    t.deliver("bob", late[1001], "RAT-12", name="1001 left out at the start of a chain", on_copy=True)
    t.spoils("bob", late[1000])
    t.deliver("bob", late[1000], name="1000 left out")
    t.state("bob")
    t.spoils("bob", late[2001])
    t.deliver("bob", late[2001], name="another 1000 left out")
    t.state("bob")
    t.spoils("bob", late[0])
    t.deliver("bob", late[0], name="the oldest kept", on_copy=True)
    more = forge(session, fixed(t, session), t.frame("one more"), skip=2003)
    t.spoils("bob", more)
    t.deliver("bob", more, name="one more left out: the oldest key goes")
    t.state("bob")
    t.deliver("bob", late[0], "RAT-10", name="the oldest is gone", breaks="RAT-13")
    t.spoils("bob", late[1])
    t.deliver("bob", late[1], name="the next is not")
    t.spoils("bob", late[999])
    t.deliver("bob", late[999], name="nor is the last of the first gap")
    t.deliver("bob", late[999], "RAT-10", name="which opens once")
    t.wait(29 * DAY)
    t.spoils("bob", late[2002])
    t.deliver("bob", late[2002], name="after 29 days", on_copy=True)
    t.wait(2 * DAY)
    later = forge(session, fixed(t, session), t.frame("a month later"), skip=2004)
    t.spoils("bob", later)
    t.deliver("bob", later, name="a month later")
    t.deliver("bob", late[2002], "RAT-10", name="after 31 days", breaks="RAT-13")
    t.state("bob")
    return t


def fixed(t, session):
    """The same ratchet key for every forgery of one chain."""

    def random(n):
        return k.sha256(b"chain" + session.id) if n == 32 else t.random(n)

    return random


def old_chains():
    t = Talk("old chains", "Five old chains are kept, the sixth drops the oldest with its keys")
    t.begin("alice", "bob")
    t.passes("alice", "bob", "hello")
    t.passes("bob", "alice", "hello")
    held = []
    for i in range(7):
        held.append(t.send("alice", "bob", f"held back {i}"))
        t.passes("alice", "bob", f"A{i}")
        t.passes("bob", "alice", f"B{i}")
        if i == 5:
            t.state("bob")
    t.state("bob")
    t.receive("bob", held[0], "RAT-1", name="of a chain that was dropped", breaks="RAT-13")
    for number in held[1:]:
        t.tampered("bob", number)
        t.receive("bob", number)
    t.state("bob")
    return t


def first_messages():
    t = Talk("forged first messages", "Every rule for first messages, broken by whoever begins")
    t.begin("alice", "bob")
    one = t.send("alice", "bob", "hello")
    envelope = t.envelope(one)

    def bad(check, name, data):
        t.deliver("bob", data, check, of=one, name=name, on_copy=True)

    bad("AGR-1", "suite 2", flip_range(envelope, 2, u16(2)))
    bad("PRE-4", "medium id 0", flip_range(envelope, 4, bytes(4)))
    bad("AGR-2", "an unknown medium prekey", flip_range(envelope, 4, u32(5)))
    bad("AGR-3", "an unknown one-time prekey", flip_range(envelope, 8, u32(5)))
    bad("AGR-5", "no one-time prekey", flip_range(envelope, 8, u32(0)))
    for i, point in enumerate(SMALL_ORDER_X25519):
        bad("AGR-4", f"EK of small order {i}", flip_range(envelope, 12, point))
    bad("AGR-5", "another CT", flip_range(envelope, 500, bytes(4)))
    bad("AGR-5", "another EID", flip_range(envelope, 1700, bytes(4)))
    session = t.session("alice", "bob")
    for i, point in enumerate(SMALL_ORDER_X25519[:3]):
        data = forge(session, t.random, t.frame("hello"), ratchet_pk=point)
        t.deliver("bob", data, "AGR-7", name=f"first ratchet key of small order {i}", on_copy=True, error="BadKey")
    t.deliver(
        "bob",
        forge(session, t.random, t.frame("hello"), mixed=1),
        "AGR-7",
        name="first header with a count",
        on_copy=True,
        error="Undecryptable",
    )
    t.deliver(
        "bob",
        forge(session, t.random, t.frame("hello"), n=1001),
        "AGR-7",
        name="number 1001 first",
        on_copy=True,
        error="TooManySkipped",
    )
    t.deliver(
        "bob",
        forge(session, t.random, b"no frame"),
        "AGR-7",
        name="no frame inside",
        on_copy=True,
        error="Undecryptable",
    )
    for name, cert in bad_certificates().items():
        check, data = with_certificate(t, cert)
        t.deliver("bob", data, check, name=f"certificate inside: {name}", on_copy=True)
    t.state("bob")
    t.tampered("bob", one, 9)
    t.receive("bob", one)
    two = t.send("alice", "bob", "once more")
    again = t.envelope(two)
    for name, at, piece in (
        ("suite", 3, u8(3)),
        ("medium id", 4, u32(5)),
        ("one-time id", 8, u32(5)),
        ("EID", 1700, bytes(4)),
    ):
        t.deliver(
            "bob",
            flip_range(again, at, piece),
            {"suite": "AGR-1"}.get(name, "AGR-9"),
            of=two,
            name=f"repeated prefix, another {name}",
            on_copy=True,
        )
    t.receive("bob", two)
    t.states()
    return t


def flip_range(data, at, piece):
    assert data[at : at + len(piece)] != piece
    return data[:at] + piece + data[at + len(piece) :]


def bad_certificates():
    who = seeds("alice")
    own = k.make_identity(who["account"], who["device"], who["dh"], NOW).cert
    signed = lambda body: body + k.Sig(who["account"], "sig device", body)
    return {
        "altered": ("IDN-1", own[:100] + b"\0" + own[101:]),
        "another account's signature": (
            "IDN-1",
            own[:113] + k.Sig(seeds("carol")["account"], "sig device", own[:113]),
        ),
        "dh_pk of small order": ("IDN-4", signed(own[:65] + SMALL_ORDER_X25519[2] + own[97:113])),
    }


def with_certificate(t, case):
    """A first message whose EID is right and has another certificate in it."""
    check, cert = case
    device = t.devices["bob"]
    medium, one_time = (next(iter(keys.values())) for keys in (device.mediums, device.one_times))
    ephemeral, coins = t.random(32), t.random(32)
    public = one_time.public
    ct, ss = mlkem.encapsulate(1024, public[36:1604], coins)
    ek = k.dh_pk(ephemeral)
    t1 = k.th1(device.identity.cert, medium.public, public, ek, ct)
    c0 = k.ck0(
        k.dh(ephemeral, device.identity.cert[65:97]),
        k.dh(ephemeral, medium.public[20:52]),
        k.dh(ephemeral, public[4:36]),
        ss,
    )
    eid = k.AE(k.XL(c0, "kx-identity", t1, 32), k.NONCE, t1, cert)
    prefix = k.SUITE + medium.public[:4] + public[:4] + ek + ct + eid
    return check, u8(1) + u8(1) + prefix + t.random(12) + u16(195) + t.random(195 + 80 + 272)


def half_states():
    t = Talk("half states", "Keys that do not exist yet are not zeros (RAT-9), and nobody is where nobody can be")
    t.begin("alice", "bob")
    one = t.send("alice", "bob", "hello")
    zero_key = zero_header(t, 2)
    t.deliver(
        "alice",
        zero_key,
        "RAT-1",
        breaks="RAT-9",
        name="header key of zeros, to one who has heard nothing",
        on_copy=True,
    )
    t.receive("bob", one)
    t.deliver(
        "bob",
        zero_key,
        "RAT-1",
        breaks="RAT-9",
        name="header key of zeros, to one who has said nothing",
        on_copy=True,
    )
    session = t.session("bob", "alice")
    ahead = copy.deepcopy(t.session("alice", "bob"))
    ahead.prefix, ahead.hks, ahead.dhs, ahead.ns = None, session.nhkr, t.random(32), 0
    t.deliver(
        "bob",
        forge(ahead, t.random, t.frame("too early")),
        "RAT-1",
        breaks="RAT-9",
        name="a second chain before any answer",
        on_copy=True,
    )
    t.states()
    t.passes("bob", "alice", "hello yourself")
    t.states()
    return t


def zero_header(t, kind):
    header = k.dh_pk(t.random(32)) + bytes(12) + bytes(5) + u8(1) + bytes(129)
    hnonce = t.random(12)
    eh = k.AE(bytes(32), hnonce, u8(kind) + u8(1), header)
    return u8(kind) + u8(1) + hnonce + u16(len(eh)) + eh + t.random(80 + 272)


def hostile_talks():
    return [headers(), bodies(), fragments(), kept_keys(), old_chains(), first_messages(), half_states()]
