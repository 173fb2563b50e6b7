"""Two or more devices of the reference, a network that loses and reorders, and a pen.

Every event that the reference takes is written down with all its secrets, and with what has to come of it.
"""

import copy

import kuvert as k
import patches
import strict
from cases import NOW, Random, flipped, resealed, seeds
from device import Session
from kuvert import u8, u16, u32
from recovery import Recoverer
from strict import DAY, Refused

MINUTE, HOUR = 60_000, 3_600_000


class Drawn:
    """Randomness for one event, noted under names as it is drawn."""

    NAMES = {8: "jitter", 12: "hnonce", 16: "salt", 64: "kem_seed"}

    def __init__(self, source, name32):
        self.source, self.name32, self.noted = source, name32, {}

    def __call__(self, n, name=None):
        name = name or self.NAMES.get(n, self.name32)
        assert name not in self.noted, f"{name} is drawn twice"
        value = self.noted[name] = self.source(n)
        return value

    def json(self):
        return {name: value.hex() for name, value in self.noted.items()}

    def as_field(self):
        return {"random": self.json()} if self.noted else {}


class Talk:
    """A conversation, written down while it is played."""

    def __init__(self, name, about, names=("alice", "bob")):
        self.name, self.about, self.now = name, about, NOW
        self.devices, self.events, self.sent, self.random = {}, [], [], Random(f"conversation {name}")
        self.numbers = 0
        for who in names:
            self.create(who, **seeds(who))

    def create(self, who, **secrets):
        self.devices[who] = Recoverer(secrets["account"], secrets["device"], secrets["dh"], secrets["issued"])
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

    def send(self, who, peer, text, heal=False, expect_error=None, again=None):
        """The number of the event, which names the envelope from then on. `again` is the number of an earlier
        one, whose frame is sent once more."""
        frame = self.frame(b"\1" if heal else text) if again is None else self.events[again]["inner"]
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
        self.events[number] |= {"bytes": envelope, "inner": frame, "msg_id": frame[10:26]}
        return number

    def send_too_long(self, who, peer, like, length):
        """A text that makes the frame `length` bytes long; it is written as what differs from another frame."""
        inner, drawn = self.events[like]["inner"], Drawn(self.random, "ratchet_key")
        frame = inner[:30] + u32(length - 34) + bytes(length - 34)
        patch = {"of": like} | patches.difference(inner, frame)
        try:
            self.devices[who].send(self.devices[peer].id, frame, self.now, drawn)
        except Refused as refused:
            fields = dict(now=self.now, to=self.devices[peer].id.hex(), frame=patch, check=refused.check)
            return self.note("send", who, {"error": refused.error}, **fields)
        raise AssertionError(f"{length} bytes were sent")

    def wind(self, who, peer, ns):
        """Puts the number of the next message forward, the chain key left as it is: a million messages later."""
        session = self.session(who, peer)
        session.ns = ns
        self.note("wind", who, {}, ratchet_key=session.dhs.hex(), ns=ns)

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
        return self.note("receive", who, expect, **drawn.as_field(), **fields)

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

    def spoils(self, who, envelope):
        """Bytes of a forger's, with one changed in the header's nonce, the header, and the text."""
        for name, at in (("header's nonce", 5), ("header", 100), ("text", len(envelope) - 20)):
            device, data = copy.deepcopy(self.devices[who]), flipped(envelope, at)
            try:
                device.receive(data, self.now, Drawn(self.random, "kem_coins"))
            except Refused as refused:
                fields = dict(name=f"{name} altered", now=self.now, envelope=data.hex(), check=refused.check)
                self.note("receive", who, {"error": refused.error}, **fields)
                continue
            raise AssertionError(f"{self.name}, {name}: opened")

    def passes(self, who, peer, text, heal=False, tampering=True):
        number = self.send(who, peer, text, heal)
        if tampering:
            self.tampered(peer, number)
        self.receive(peer, number)
        return number

    # Recovery

    def handle(self, who, number, via=None, **options):
        return self.handle_bytes(who, self.envelope(number), via, of=number, **options)

    def handle_bytes(self, who, envelope, via=None, of=None, name=None, on_copy=False):
        """What comes of an envelope, and of those that wait. `via` names whose session's mailbox it came to."""
        device = copy.deepcopy(self.devices[who]) if on_copy else self.devices[who]
        drawn = Drawn(self.random, "kem_coins")
        fields = {"name": name} if name else {}
        fields |= {"now": self.now, "envelope": shown(envelope, of, self)}
        fields |= {"on_copy": True} if on_copy else {}
        fields |= {"via": self.devices[via].id.hex()} if via else {}
        came = device.handle(envelope, via and self.devices[via].id, self.now, drawn)
        mark_shown(device, came)
        self.note("handle", who, {"outcomes": came}, **drawn.as_field(), **fields)
        return [each["outcome"] for each in came]

    def arrives(self, who, peer, text):
        """A message is sent, comes altered, and comes."""
        number = self.send(who, peer, text)
        self.spoiled(peer, number)
        assert self.handle(peer, number)[0] == "Message"
        return number

    def spoiled(self, who, number):
        """The same envelope cut, longer, and with its header altered: nothing comes of it, and nobody is told."""
        envelope = self.envelope(number)
        start = 1805 if envelope[0] == 1 else 2
        for name, data in (
            ("cut in its tag", envelope[:-1]),
            ("a byte longer", envelope + b"\0"),
            ("header altered", flipped(envelope, start + 14 + number % 195)),
        ):
            came = self.handle_bytes(who, data, of=number, name=name, on_copy=True)
            assert "Message" not in came, came

    def retry(self, who):
        drawn = Drawn(self.random, "kem_coins")
        came = self.devices[who].retry(self.now, drawn)
        mark_shown(self.devices[who], came)
        self.note("retry", who, {"outcomes": came}, **drawn.as_field(), now=self.now)
        return [each["outcome"] for each in came]

    def reset(self, who, bundle, held=(), automatic=True, expect_error=None):
        """The number of the event: the envelope that it makes goes to the owner of the bundle."""
        data, event = bundle
        ephemeral, coins = self.random(32), self.random(32)
        drawn = Drawn(self.random, "ratchet_key")
        held = [self.events[number]["msg_id"] for number in held]
        common = dict(now=self.now, bundle=event, held=[name.hex() for name in held], automatic=automatic)
        account = k.account_id(data[1:33])
        try:
            made = self.devices[who].reset(data, account, held, automatic, self.now, ephemeral, coins, drawn)
        except Refused as refused:
            assert refused.check == expect_error, refused
            return self.note("reset", who, {"error": refused.error}, check=refused.check, **common)
        assert expect_error is None
        envelope, session = made
        random = {"ephemeral": ephemeral.hex(), "kem_coins": coins.hex()} | drawn.json()
        number = self.note(
            "reset", who, {"envelope": envelope.hex(), "session": session.hex()}, random=random, **common
        )
        self.events[number]["bytes"] = envelope
        return number

    def roll_back(self, who):
        drawn = Drawn(self.random, "kem_coins")
        had = self.devices[who].roll_back(self.now, drawn)
        self.note("roll_back", who, {"peers": [peer.hex() for peer in had]}, **drawn.as_field(), now=self.now)

    def accept(self, who, peer, accepted=True):
        self.devices[who].accept(self.devices[peer].id, accepted)
        self.note("accept", who, {}, peer=self.devices[peer].id.hex(), accepted=accepted)

    def ask(self, who, bundle):
        came = self.devices[who].ask(bundle[0])
        self.note("ask", who, {"outcomes": came}, bundle=bundle[1], now=self.now)
        return [each["outcome"] for each in came]

    def answer(self, who, newcomer, accept):
        device = self.devices[newcomer]
        account = k.account_id(device.identity.cert[1:33])
        self.devices[who].answer(account, device.id, accept)
        self.note("answer", who, {}, account=account.hex(), newcomer=device.id.hex(), accept=accept)

    def copy_state(self, who):
        """Takes a copy of a device, to be put back later by its number."""
        number = self.note("copy", who, {})
        self.events[number]["kept"] = copy.deepcopy(self.devices[who])
        return number

    def put_back(self, who, number):
        self.devices[who] = copy.deepcopy(self.events[number]["kept"])
        self.note("put_back", who, {}, copy=number)

    def due(self, who):
        """Whose session is to be replaced now."""
        due = [peer.hex() for peer in self.devices[who].resets_due(self.now)]
        self.note("due", who, {"peers": due}, now=self.now)
        return due

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
        ours = ("bytes", "inner", "msg_id", "kept")
        events = [{field: value for field, value in event.items() if field not in ours} for event in self.events]
        return {"name": self.name, "about": self.about, "events": events}


def mark_shown(device, came):
    """A program shows each `msg_id` of a peer once: what it has shown before is marked (MSG-15)."""
    for message in [each for each in came if each["outcome"] == "Message"]:
        name = message["frame"][20:52]
        if name in device.shown:
            message["again"] = True
        device.shown.add(name)


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
