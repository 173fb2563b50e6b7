"""Whole conversations: two or more devices of the reference, a network that loses and reorders, and a script.

Every event that the reference takes is written down with all its secrets, and with what has to come of it.
"""

import copy

import kuvert as k
import patches
import strict
from cases import NOW, Random, flipped, resealed, seeds
from device import Device, Session
from kuvert import u8, u16, u32
from strict import DAY, Refused

MINUTE, HOUR = 60_000, 3_600_000


class Drawn:
    """Randomness for one event, noted under names as it is drawn."""

    NAMES = {12: "hnonce", 16: "salt", 64: "kem_seed"}

    def __init__(self, source, name32):
        self.source, self.name32, self.noted = source, name32, {}

    def __call__(self, n):
        name = self.NAMES.get(n, self.name32)
        assert name not in self.noted, f"{name} is drawn twice"
        value = self.noted[name] = self.source(n)
        return value

    def json(self):
        return {name: value.hex() for name, value in self.noted.items()}


class Talk:
    """A conversation, written down while it is played."""

    def __init__(self, name, about, names=("alice", "bob")):
        self.name, self.about, self.now = name, about, NOW
        self.devices, self.events, self.sent, self.random = {}, [], [], Random(f"conversation {name}")
        self.numbers = 0
        for who in names:
            self.create(who, **seeds(who))

    def create(self, who, **secrets):
        self.devices[who] = Device(secrets["account"], secrets["device"], secrets["dh"], secrets["issued"])
        shown = {field: value.hex() if isinstance(value, bytes) else value for field, value in secrets.items()}
        self.note("create", who, **shown, expect={"device_id": self.devices[who].id.hex()})

    def note(self, do, who, expect, **fields):
        self.events.append({"do": do, "at": who, **fields, "expect": expect})
        return len(self.events) - 1

    def wait(self, span):
        self.now += span

    # Prekeys

    def bundle(self, who, one_time=True):
        """A bundle with fresh prekeys; a new medium prekey if there is none, or the newest is 7 days old."""
        device, secrets = self.devices[who], {}
        newest = max(device.mediums.values(), key=lambda m: m.public[4:12], default=None)
        if newest is None or self.now >= int.from_bytes(newest.public[4:12], "big") + 7 * DAY:
            made = self.prekey()
            newest = device.add_medium(made["id"], self.now, bytes.fromhex(made["x"]), bytes.fromhex(made["seed"]))
            secrets["medium"] = made | {"created": self.now}
        data = device.identity.cert + newest.public
        if one_time:
            made = secrets["one_time"] = self.prekey()
            data += (
                b"\1"
                + device.add_one_time(made["id"], bytes.fromhex(made["x"]), bytes.fromhex(made["seed"])).public
            )
        else:
            data += b"\0"
        signatures = [data[start:end].hex() for start, end in ((1797, 1861), (3466, 3530)) if end <= len(data)]
        self.note("bundle", who, {"signatures": signatures}, now=self.now, **secrets)
        return data, len(self.events) - 1

    def prekey(self):
        self.numbers += 1
        return {"id": 1000 + self.numbers, "x": self.random(32).hex(), "seed": self.random(64).hex()}

    # Sessions

    def initiate(self, who, bundle):
        data, event = bundle
        ephemeral, coins = self.random(32), self.random(32)
        drawn = Drawn(self.random, "ratchet_key")
        account = k.account_id(data[1:33])
        common = dict(now=self.now, bundle=event)
        try:
            session = self.devices[who].initiate(data, account, self.now, ephemeral, coins, drawn)
        except Refused as refused:
            return self.note("initiate", who, {"error": refused.error}, check=refused.check, **common)
        random = {"ephemeral": ephemeral.hex(), "kem_coins": coins.hex()} | drawn.json()
        self.note("initiate", who, {"session": session.id.hex()}, random=random, **common)

    def begin(self, who, peer, one_time=True):
        self.initiate(who, self.bundle(peer, one_time))

    def frame(self, text):
        if isinstance(text, bytes):
            return k.frame(3, self.now, self.random(16), text)
        return k.frame(1, self.now, self.random(16), text.encode())

    def send(self, who, peer, text, heal=False, expect_error=None):
        """The number of the event, which names the envelope from then on."""
        frame = self.frame(b"\1" if heal else text)
        drawn = Drawn(self.random, "ratchet_key")
        common = dict(now=self.now, to=self.devices[peer].id.hex(), frame=frame.hex())
        if heal:
            common["heal"] = True
        try:
            envelope = self.devices[who].send(self.devices[peer].id, frame, self.now, drawn, heal)
        except Refused as refused:
            assert refused.check == expect_error, refused
            return self.note("send", who, {"error": refused.error}, check=refused.check, **common)
        assert expect_error is None
        number = self.note("send", who, {"envelope": envelope.hex()}, random=drawn.json(), **common)
        self.events[number]["bytes"] = envelope
        return number

    def envelope(self, number):
        return self.events[number]["bytes"]

    # Receiving

    def receive(self, who, number, check=None, **options):
        return self.deliver(who, self.envelope(number), check, of=number, **options)

    def deliver(self, who, envelope, check=None, of=None, name=None, on_copy=False, error=None, breaks=None):
        """Delivers bytes. With `check` they have to be refused by it; on a copy the device does not change.

        `breaks` is the check that is meant where another one is the first to notice.
        """
        device = copy.deepcopy(self.devices[who]) if on_copy or check else self.devices[who]
        drawn = Drawn(self.random, "kem_coins")
        fields = {"name": name} if name else {}
        fields |= {"now": self.now, "envelope": shown(envelope, of, self)}
        fields |= {"on_copy": True} if on_copy else {}
        try:
            opened = device.receive(envelope, self.now, drawn)
        except Refused as refused:
            assert refused.check == check or (check, error) == (
                "AGR-7",
                refused.error,
            ), f"{self.name}, {name}: {refused} instead of {check}"
            expect = {"error": refused.error} | ({"frame": refused.frame.hex()} if refused.frame else {})
            if refused.frame and not on_copy:
                self.devices[who] = device
            return self.note("receive", who, expect, check=breaks or refused.check, **fields)
        assert check is None, f"{self.name}, {name}: opened instead of {check}"
        expect = {"frame": opened.frame.hex(), "session": opened.session.hex()}
        expect |= {"begins": True} if opened.begins else {}
        return self.note("receive", who, expect, **({"random": drawn.json()} if drawn.noted else {}), **fields)

    def tampered(self, who, number, count=3):
        """The same envelope with a byte changed, cut, and longer: each is refused and changes nothing."""
        envelope = self.envelope(number)
        regions = regions_of(envelope)
        for i in range(count):
            part, start, end = regions[(number + i * 3) % len(regions)]
            at = start + (number * 7 + i) % (end - start)
            self.refuse(who, number, flipped(envelope, at, 1 << (number + i) % 8), f"{part} altered")

    def refuse(self, who, number, envelope, name):
        """Delivers what has to be refused, whatever the check that finds it."""
        device = copy.deepcopy(self.devices[who])
        try:
            device.receive(envelope, self.now, Drawn(self.random, "kem_coins"))
        except Refused as refused:
            fields = dict(name=name, now=self.now, envelope=shown(envelope, number, self), check=refused.check)
            return self.note("receive", who, {"error": refused.error}, **fields)
        raise AssertionError(f"{self.name}, event {number}, {name}: opened")

    def passes(self, who, peer, text, heal=False, tampering=True):
        number = self.send(who, peer, text, heal)
        if tampering:
            self.tampered(peer, number)
        self.receive(peer, number)
        return number

    def state(self, who):
        self.note("state", who, self.devices[who].facts(), now=self.now)

    def states(self):
        for who in self.devices:
            self.state(who)

    def tidy(self, who):
        self.devices[who].tidy(self.now)
        self.note("tidy", who, {}, now=self.now)

    def session(self, who, peer):
        device = self.devices[who]
        return device.sessions[device.peers[self.devices[peer].id].active]

    def document(self):
        events = [{field: value for field, value in event.items() if field != "bytes"} for event in self.events]
        return {"name": self.name, "about": self.about, "events": events}


def shown(envelope, of, talk):
    """An envelope as bytes, or as the one of an event, or as what differs from that."""
    if of is None:
        return envelope.hex()
    return {"of": of} | patches.difference(talk.envelope(of), envelope)


def regions_of(envelope):
    prefix = [
        ("suite", 2, 4),
        ("medium id", 4, 8),
        ("one-time id", 8, 12),
        ("EK", 12, 44),
        ("CT", 44, 1612),
        ("EID", 1612, 1805),
    ]
    start = 1805 if envelope[0] == 1 else 2
    eh = int.from_bytes(envelope[start + 12 : start + 14], "big")
    sizes = [("hnonce", 12), ("eh_len", 2), ("EH", eh), ("salt", 16), ("com", 32), ("fc", 32)]
    regions, at = [("kind", 0, 1), ("version", 1, 2)] + (prefix if start > 2 else []), start
    for name, size in sizes:
        regions.append((name, at, at + size))
        at += size
    return regions + [("ct", at, len(envelope) - 16), ("tag", len(envelope) - 16, len(envelope))]


def forge(session, random, frame, **changed):
    """What a peer makes that has the keys and does not keep to the rules. Works on a copy of its session.

    `changed` may name header fields (ratchet_pk, n, pn, mixed, fields), the whole `header`, `padded` bytes, the
    `franked` frame, the envelope's `kind`, or `skip`: message keys to leave out first.
    """
    s = copy.deepcopy(session)
    s.random = s.pq.random = random
    s.begin_chain()
    for _ in range(changed.get("skip", 0)):
        _, s.cks = k.chain_step(s.cks, s.ns)
        s.ns += 1
    mk, _ = k.chain_step(s.cks, s.ns)
    fields = changed.get("fields", s.pq.fields(changed.get("burst", False)))
    header = changed.get("ratchet_pk", k.dh_pk(s.dhs)) + u32(changed.get("n", s.ns)) + u32(changed.get("pn", s.pn))
    header = changed.get("header", header + u32(changed.get("mixed", s.sending_mixed)) + fields)
    kind, hnonce = 1 if s.prefix is not None else 2, random(12)
    eh = k.AE(s.hks, hnonce, u8(kind) + u8(1), header)
    common = dict(mk=mk, kind=kind, hnonce=hnonce, eh=eh, salt=random(16))
    body = resealed(common, changed.get("franked", frame), changed.get("padded", k.pad(frame)))
    return (
        u8(kind)
        + u8(1)
        + (s.prefix or b"")
        + hnonce
        + u16(len(eh))
        + eh
        + common["salt"]
        + body["com"]
        + body["fc"]
        + body["ct"]
    )


# The conversations


def first_words(one_time):
    kind = "with a one-time prekey" if one_time else "with the medium prekey alone"
    t = Talk(
        f"first words {kind}",
        f"A session is begun {kind}; the prefix is repeated until the answer; each is repeated and altered",
    )
    t.begin("alice", "bob", one_time)
    one = t.send("alice", "bob", "Tea at four?")
    two = t.send("alice", "bob", "Or at five?")
    t.tampered("bob", one, 6)
    t.receive("bob", one)
    t.tampered("bob", two, 6)
    t.receive("bob", two)
    t.states()
    t.receive("bob", one, "RAT-10", name="repeated")
    three = t.passes("bob", "alice", "Tee um vier, gerne!")
    t.receive("alice", three, "RAT-10", name="repeated")
    t.receive("bob", one, "RAT-10", name="repeated after the answer")
    t.states()
    t.passes("alice", "bob", "Good.")
    t.states()
    t.refuse("alice", one, t.envelope(one), "sent back to where it came from")
    t.refuse("bob", three, t.envelope(three), "sent back to where it came from")
    close = t.passes("alice", "bob", b"\4")
    t.states()
    t.receive("bob", close, "RAT-1", name="repeated after the end")
    t.receive("bob", one, "AGR-3" if one_time else "AGR-8", name="first message of a session that is gone")
    t.send("bob", "alice", "Are you there?", expect_error="MSG-14")
    return t


def in_any_order():
    t = Talk("in any order", "Loss, reordering and repetition, within chains and over them")
    t.begin("alice", "bob")
    sent = [t.send("alice", "bob", f"A{i}") for i in range(5)]
    for i in (2, 0, 4):
        t.tampered("bob", sent[i])
        t.receive("bob", sent[i])
        t.receive("bob", sent[i], "RAT-10", name="repeated")
    t.states()
    answers = [t.send("bob", "alice", f"B{i}") for i in range(4)]
    t.receive("alice", answers[3])
    t.receive("alice", answers[1])
    t.state("alice")
    more = [t.send("alice", "bob", f"C{i}") for i in range(3)]
    t.tampered("bob", more[1])
    t.receive("bob", more[1])
    t.state("bob")
    for number in (sent[3], more[0], more[2], sent[1]):
        t.tampered("bob", number)
        t.receive("bob", number)
    for number in (answers[0], answers[2]):
        t.tampered("alice", number)
        t.receive("alice", number)
    for number in sent + more:
        t.receive("bob", number, "RAT-10", name="everything once more")
    t.states()
    return t


def epochs():
    t = Talk(
        "epochs", "Both talk in turn until each side has mixed three post-quantum epochs, with some loss and delay"
    )
    t.begin("alice", "bob")
    late, i = [], 0
    while (
        min(
            t.session(who, peer).pq.mixed
            for who, peer in (("alice", "bob"), ("bob", "alice"))
            if t.devices[who].sessions
        )
        < 3
        or i < 2
    ):
        who, peer = (("alice", "bob"), ("bob", "alice"))[i % 2]
        number = t.send(who, peer, f"word {i}")
        if i % 11 == 7:
            late.append((peer, number))
            number = t.send(who, peer, f"word {i}, again")
        t.tampered(peer, number, 9 if i % 20 == 0 else 3)
        t.receive(peer, number)
        i += 1
        t.wait(MINUTE)
        if i % 20 == 0:
            t.states()
    for peer, number in late:
        try_late(t, peer, number)
    t.states()
    return t


def try_late(t, peer, number):
    """A late message opens while its chain is kept, and is garbage after that (RAT-13)."""
    session = next(iter(t.devices[peer].sessions.values()))
    m = strict.parse_envelope(t.envelope(number))
    t.receive(peer, number, None if session.try_keys(m) else "RAT-1", name="late")


def bursts():
    t = Talk(
        "bursts", "heal() finishes an epoch in three messages; an epoch older than a day does the same by itself"
    )
    t.begin("alice", "bob")
    t.passes("alice", "bob", "hello")
    t.passes("bob", "alice", "hello yourself")
    t.passes("alice", "bob", "", heal=True)
    t.passes("bob", "alice", "", heal=True)
    t.passes("alice", "bob", "healed")
    t.states()
    t.passes("bob", "alice", "and back")
    t.wait(DAY + 1)
    for i in range(3):
        t.passes("alice", "bob", f"a day later, A{i}")
        t.passes("bob", "alice", f"a day later, B{i}")
    t.states()
    return t


def first_burst():
    t = Talk("burst in the first message", "All ten fragments of the key stand in the first message of kind 1")
    t.begin("alice", "bob", False)
    t.passes("alice", "bob", "", heal=True)
    t.passes("bob", "alice", "", heal=True)
    t.passes("alice", "bob", "mixed")
    t.states()
    return t


def rotation():
    t = Talk("rotation", "An old medium prekey still answers, and is gone after 44 days")
    old, older = t.bundle("bob", False), t.bundle("bob", False)
    t.wait(8 * DAY)
    new = t.bundle("bob", False)
    t.create("carol", **seeds("carol"))
    t.initiate("alice", old)
    one = t.send("alice", "bob", "by the old key")
    t.initiate("carol", new)
    two = t.send("carol", "bob", "by the new key")
    for number in (two, one):
        t.tampered("bob", number, 5)
        t.receive("bob", number)
    t.states()
    t.wait(5 * DAY)
    t.create("dave", **seeds("dave"))
    t.initiate("dave", older)
    late = t.send("dave", "bob", "a month under way")
    t.wait(30 * DAY)
    t.tidy("bob")
    t.tampered("bob", late)
    t.receive("bob", late)
    t.create("erin", **seeds("erin"))
    t.now = NOW + 15 * DAY
    t.initiate("erin", older)
    never = t.send("erin", "bob", "too late")
    t.now = NOW + 44 * DAY
    t.tidy("bob")
    t.receive("bob", never, "AGR-2", name="its medium prekey is erased")
    t.state("bob")
    t.initiate("erin", older)
    return t


def takeovers():
    t = Talk(
        "takeovers",
        "Alice loses her state again and again: each new session takes over, the sixth in a day is refused",
    )
    t.begin("alice", "bob")
    t.passes("alice", "bob", "first")
    t.passes("bob", "alice", "answer")
    lost = t.send("bob", "alice", "on the old session")
    for i in range(5):
        t.wait(MINUTE)
        t.begin("alice", "bob", i % 2 == 0)
        t.passes("alice", "bob", f"takeover {i + 1}")
        t.state("bob")
        if i == 0:
            t.receive("alice", lost)
    t.begin("alice", "bob")
    sixth = t.send("alice", "bob", "one too many")
    t.receive("bob", sixth, "MSG-12", name="the sixth takeover within a day")
    t.state("bob")
    t.wait(DAY)
    t.receive("bob", sixth)
    t.states()
    t.passes("bob", "alice", "found you")
    t.states()
    return t


def both_at_once(order):
    t = Talk(
        f"both at once, {order}", "Both begin before either hears the other; in the end both have the same session"
    )
    alice_bundle, bob_bundle = t.bundle("alice"), t.bundle("bob")
    t.initiate("alice", bob_bundle)
    t.initiate("bob", alice_bundle)
    a, b = t.send("alice", "bob", "from Alice"), t.send("bob", "alice", "from Bob")
    if order == "crossing":
        t.tampered("bob", a)
        t.receive("bob", a)
        t.tampered("alice", b)
        t.receive("alice", b)
    else:
        t.tampered("bob", a)
        t.receive("bob", a)
        t.wait(MINUTE)
        answer = t.send("bob", "alice", "answer")
        t.tampered("alice", answer)
        t.receive("alice", answer)
        t.tampered("alice", b)
        t.receive("alice", b)
    t.states()
    for i in range(2):
        t.wait(MINUTE)
        t.passes("alice", "bob", f"A{i}")
        t.wait(MINUTE)
        t.passes("bob", "alice", f"B{i}")
    t.states()
    assert t.session("alice", "bob").id == t.session("bob", "alice").id, t.name
    return t


def strangers():
    t = Talk(
        "identities",
        "Who may begin a session: not oneself, and nobody under another account",
        ("alice", "bob", "carol"),
    )
    own = t.bundle("alice")
    t.initiate("alice", own)
    mallory = seeds("mallory")
    t.create("thief", **seeds("alice") | {"account": mallory["account"]})
    t.begin("alice", "bob")
    t.passes("alice", "bob", "I am Alice")
    t.begin("thief", "bob")
    t.receive(
        "bob", t.send("thief", "bob", "I am Alice, too"), "IDN-3", name="a known device under another account"
    )
    t.deliver("alice", first_from(t, "thief", "alice"), "IDN-6", name="our own device under another account")
    t.create("shadow", **mallory | {"account": seeds("bob")["account"]})
    t.deliver("bob", first_from(t, "shadow", "bob"), "IDN-6", name="our own account on another device")
    t.deliver("alice", first_from(t, "alice", "alice"), "IDN-6", name="ourselves")
    t.states()
    t.passes("bob", "alice", "welcome")
    return t


def first_from(t, who, peer):
    """A first message from a device that does not care to whom it writes."""
    parts = strict.parse_bundle(t.bundle(peer)[0])
    keys, prefix = k.initiate(t.devices[who].identity, *parts, t.random(32), t.random(32))
    return Session(keys, t.random, t.now, prefix).seal(t.frame("I am you"), t.now)


def files():
    from hostile import hostile_talks

    talks = [
        first_words(True),
        first_words(False),
        in_any_order(),
        epochs(),
        bursts(),
        first_burst(),
        rotation(),
        takeovers(),
    ]
    talks += [both_at_once("crossing"), both_at_once("answer first"), strangers()]
    return [
        Conversations("10-conversations", "Whole conversations, with header encryption", talks),
        Conversations("11-hostile", "Conversations with a peer that breaks the rules", hostile_talks()),
    ]


class Conversations:
    """One file of conversations."""

    def __init__(self, name, about, talks):
        self.name, self.about, self.talks = name, about, [talk.document() for talk in talks]

    def document(self):
        return {"about": self.about, "conversations": self.talks}
