"""Whole conversations, from the first words to the last."""

import kuvert as k
import strict
from cases import NOW, seeds
from device import Session
from hostile import hostile_talks
from mending import mending_talks
from strict import DAY
from talk import MINUTE, Talk


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
            t.tampered("alice", lost)
            t.receive("alice", lost)
    t.begin("alice", "bob")
    sixth = t.send("alice", "bob", "one too many")
    t.receive("bob", sixth, "MSG-12", name="the sixth takeover within a day")
    t.state("bob")
    t.wait(DAY)
    t.tampered("bob", sixth)
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


def begun_by_one():
    t = Talk(
        "begun twice by one",
        "Alice begins two sessions and the second overtakes the first: Bob sends on the first until her newest "
        "message says otherwise; of two sessions that one side began, the other follows (rule 2)",
    )
    t.begin("alice", "bob")
    first = t.send("alice", "bob", "the first session")
    t.wait(MINUTE)
    t.begin("alice", "bob")
    second = t.send("alice", "bob", "the second session")
    t.tampered("bob", second)
    t.receive("bob", second)
    t.tampered("bob", first)
    t.receive("bob", first)
    t.states()
    t.wait(MINUTE)
    t.passes("bob", "alice", "on the first")
    t.states()
    t.wait(MINUTE)
    t.passes("alice", "bob", "on the second, and newer")
    t.states()
    t.wait(MINUTE)
    t.passes("bob", "alice", "so do I")
    t.states()
    assert t.session("alice", "bob").id == t.session("bob", "alice").id
    return t


def senders():
    t = Talk("what is not sent", "The checks of a sender: frames too long, no session, a chain that is exhausted")
    t.create("carol", **seeds("carol"))
    t.send("alice", "carol", "hello", expect_error="MSG-13")
    t.send("alice", "carol", "", heal=True, expect_error="MSG-13")
    t.send("alice", "carol", b"\4", expect_error="MSG-13")
    t.begin("alice", "bob")
    t.send("alice", "carol", "hello", expect_error="MSG-13")
    hello = t.passes("alice", "bob", "hello")
    t.passes("bob", "alice", "hello yourself")
    for length in (65_536, 65_537, 70_000):
        t.send_too_long("alice", "bob", hello, length)
    t.passes("alice", "bob", "a chain begins")
    t.wind("alice", "bob", 2**20 - 1)
    last = t.send("alice", "bob", "the last of this chain")
    t.receive("bob", last, "RAT-12", name="a million ahead")
    t.send("alice", "bob", "one more", expect_error="RAT-17")
    t.send("alice", "bob", "", heal=True, expect_error="RAT-17")
    t.send("alice", "bob", b"\4", expect_error="RAT-17")
    t.passes("bob", "alice", "your turn")
    turn = t.send("alice", "bob", "a new chain")
    t.receive("bob", turn, "RAT-12", name="a million before it")
    t.states()
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
    talks += [both_at_once("crossing"), both_at_once("answer first"), begun_by_one(), senders(), strangers()]
    return [
        Conversations("10-conversations", "Whole conversations, with header encryption", talks),
        Conversations("11-hostile", "Conversations with a peer that breaks the rules", hostile_talks()),
        Conversations("12-mending", "Conversations that break and are mended", mending_talks()),
    ]


class Conversations:
    """One file of conversations."""

    def __init__(self, name, about, talks):
        self.name, self.about, self.talks = name, about, [talk.document() for talk in talks]

    def document(self):
        return {"about": self.about, "conversations": self.talks}
