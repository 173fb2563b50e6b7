"""Conversations that break and are mended: what waits, resets within the budget, old copies, other devices."""

import kuvert as k
from cases import flipped, seeds
from kuvert import u8, u32
from strict import DAY
from talk import HOUR, MINUTE, Talk, forge

HEALING = ["Pending", "HealingStarted"]


def talking(name, about, names=("alice", "bob")):
    """Alice and Bob have heard and accepted each other."""
    t = Talk(name, about, names)
    t.begin("alice", "bob")
    t.arrives("alice", "bob", "hello")
    t.arrives("bob", "alice", "hello yourself")
    return t


def reset_after_loss():
    t = talking(
        "reset after loss",
        "Bob loses what he had since a copy: he cannot open, waits, resets and says what he holds; "
        "Alice sends the rest again, and what he has seen is not shown twice",
    )
    kept = t.arrives("alice", "bob", "you have this one")
    t.arrives("bob", "alice", "yes")
    copied = t.copy_state("bob")
    lost = []
    for i in range(2):
        lost.append(t.arrives("alice", "bob", f"lost with the state {i}"))
        t.arrives("bob", "alice", "got it")
        t.wait(MINUTE)
    t.put_back("bob", copied)
    held_back = t.send("alice", "bob", "you cannot read this")
    expect(t.handle("bob", held_back, "alice", name="in the mailbox of a session that is older here"), HEALING)
    expect(t.handle("bob", held_back, "alice", name="once more"), ["Pending"])
    expect(t.handle("bob", held_back, name="in the front door, from nobody"), ["Rejected"])
    another = t.send("alice", "bob", "nor this")
    expect(t.handle("bob", another, name="nothing says whose it is"), ["Rejected"])
    t.state("bob")
    assert not t.due("bob")
    t.wait(MINUTE)
    assert t.due("bob")
    reset = t.reset("bob", t.bundle("alice"), [kept])
    t.state("bob")
    t.spoiled("alice", reset)
    expect(t.handle("alice", reset), ["Message"])
    expect(t.handle("alice", reset, name="the reset, repeated"), ["AlreadyReceived"])
    again = [t.send("alice", "bob", None, again=number) for number in [*lost, held_back, another]]
    t.spoiled("bob", again[0])
    expect(t.handle("bob", again[0]), ["Message", "Healed"])
    t.state("bob")
    for number in again[1:]:
        t.spoiled("bob", number)
        expect(t.handle("bob", number), ["Message"])
    t.wait(MINUTE)
    twice = t.send("alice", "bob", None, again=again[2])
    t.spoiled("bob", twice)
    expect(t.handle("bob", twice, name="sent again though it had arrived: not shown (MSG-15)"), ["Message"])
    t.arrives("bob", "alice", "now I have all")
    t.states()
    return t


def expect(came, wanted):
    assert came == wanted, (came, wanted)


def one_place():
    t = talking(
        "clone in one place",
        "An old copy of Alice's state speaks: two authentic messages in one place, which the network cannot make",
    )
    t.arrives("alice", "bob", "the chain is begun")
    copied = t.copy_state("alice")
    tea = t.arrives("alice", "bob", "tea")
    t.put_back("alice", copied)
    coffee = t.send("alice", "bob", "coffee")
    for at, what in ((2, "nonce"), (40, "header"), (205, "tag of the header")):
        came = t.handle_bytes("bob", flipped(t.envelope(coffee), at), of=coffee, name=f"another {what}")
        expect(came, ["Rejected"])
    expect(t.handle("bob", coffee, name="its place is taken", on_copy=True), ["CloneSuspected", "HealingStarted"])
    altered = flipped(t.envelope(coffee), 300)
    came = t.handle_bytes("bob", altered, of=coffee, name="its text is altered, its header speaks", on_copy=True)
    expect(came, ["CloneSuspected", "HealingStarted"])
    expect(t.handle("bob", coffee), ["CloneSuspected", "HealingStarted"])
    expect(t.handle("bob", coffee, name="told once"), ["Rejected"])
    expect(t.handle("bob", tea, name="the network repeats the other"), ["AlreadyReceived"])
    t.state("bob")
    mended(t, "bob", "alice")
    return t


def mended(t, who, peer):
    """`who` resets when it is due; the next thing that comes on the new session mends it."""
    t.wait(HOUR)
    assert t.due(who)
    reset = t.reset(who, t.bundle(peer))
    t.spoiled(peer, reset)
    came = t.handle(peer, reset)
    assert came[0] == "Message", came
    answer = t.send(peer, who, "here I am")
    t.spoiled(who, answer)
    assert t.handle(who, answer) == ["Message", "Healed"]
    t.arrives(who, peer, "good")
    t.states()


def begun_twice():
    t = talking("clone of a chain", "Two copies of Alice's state begin the same chain with different ratchet keys")
    t.arrives("bob", "alice", "your turn")
    copied = t.copy_state("alice")
    t.arrives("alice", "bob", "my chain")
    t.arrives("bob", "alice", "heard")
    t.arrives("alice", "bob", "the next one")
    t.put_back("alice", copied)
    other = t.send("alice", "bob", "my chain, too")
    came = t.handle("bob", other, name="the header key of a kept chain, another ratchet key")
    expect(came, ["CloneSuspected", "HealingStarted"])
    more = t.send("alice", "bob", "and another of it")
    expect(t.handle("bob", more, name="the same chain: told once"), ["Rejected"])
    expect(t.handle("bob", other, name="repeated"), ["Rejected"])
    mended(t, "bob", "alice")
    return t


def fewer_sent():
    t = talking(
        "clone between the turns",
        "A copy of Alice's state speaks and Bob answers; her own next chain says that she did not send it",
    )
    t.arrives("alice", "bob", "the chain is begun")
    copied = t.copy_state("alice")
    t.arrives("alice", "bob", "by the copy")
    t.put_back("alice", copied)
    answer = t.send("bob", "alice", "answer")
    t.spoiled("alice", answer)
    expect(t.handle("alice", answer), ["Message"])
    t.wait(MINUTE)
    mine = t.send("alice", "bob", "what is that an answer to?")
    t.spoiled("bob", mine)
    expect(t.handle("bob", mine), ["Message", "CloneSuspected", "HealingStarted"])
    expect(t.handle("bob", mine, name="repeated"), ["AlreadyReceived"])
    t.arrives("bob", "alice", "somebody spoke in your name")
    t.state("bob")
    mended(t, "bob", "alice")
    return t


def set_back():
    t = Talk(
        "set back to before",
        "Alice is set back to before the session and begins another without a word: she has forgotten what she had",
    )
    copied = t.copy_state("alice")
    t.begin("alice", "bob")
    t.arrives("alice", "bob", "hello")
    t.arrives("bob", "alice", "hello yourself")
    last = t.arrives("alice", "bob", "good")
    t.put_back("alice", copied)
    t.begin("alice", "bob")
    first = t.send("alice", "bob", "hello, for the first time")
    t.spoiled("bob", first)
    expect(t.handle("bob", first), ["Message", "CloneSuspected"])
    expect(t.handle("bob", first, name="repeated"), ["AlreadyReceived"])
    expect(t.handle("bob", last, name="of the session before, repeated"), ["AlreadyReceived"])
    t.state("bob")
    t.arrives("bob", "alice", "have you forgotten me?")
    t.arrives("alice", "bob", "so it seems")
    t.states()
    return t


def no_clone():
    t = talking("no clone", "What the network can do does not look like a clone: repeat, reorder, alter")
    sent = [t.send("alice", "bob", f"A{i}") for i in range(4)]
    for i in (2, 0, 3):
        t.spoiled("bob", sent[i])
        expect(t.handle("bob", sent[i]), ["Message"])
    for i in (0, 2, 3):
        expect(t.handle("bob", sent[i], name="repeated"), ["AlreadyReceived"])
        for at in (3, 30, 100, 206):
            came = t.handle_bytes("bob", flipped(t.envelope(sent[i]), at), of=sent[i], name="header altered")
            expect(came, ["AlreadyReceived"])
        came = t.handle_bytes("bob", flipped(t.envelope(sent[i]), 196), of=sent[i], name="its tag altered")
        expect(came, ["Rejected"])
        for at in (215, 230, 260, 300):
            came = t.handle_bytes("bob", flipped(t.envelope(sent[i]), at), of=sent[i], name="body altered")
            expect(came, ["AlreadyReceived"])
    t.states()
    return t


def what_waits():
    t = talking("what waits", "Envelopes that cannot be opened yet wait, a bounded number for a bounded time")
    session = t.session("alice", "bob")
    random = lambda n: k.sha256(b"what waits") if n == 32 else t.random(n)
    ahead = forge(session, random, t.frame("number 1,500"), skip=1500)
    middle = forge(session, random, t.frame("number 700"), skip=700)
    came = t.handle_bytes("bob", ahead, name="1,500 ahead")
    expect(came, HEALING)
    t.wait(MINUTE)
    expect(t.handle_bytes("bob", ahead, name="again, and its time does not begin anew"), ["Pending"])
    t.state("bob")
    expect(t.handle_bytes("bob", middle, name="the gap is smaller"), ["Message", "Message"])
    t.state("bob")
    far = forge(session, random, t.frame("number 4,000"), skip=4000)
    expect(t.handle_bytes("bob", far, name="too far"), HEALING)
    t.wait(30 * DAY)
    expect(t.retry("bob"), [])
    t.wait(1)
    expect(t.retry("bob"), ["Rejected"])
    return t


def many_wait():
    t = talking("too many wait", "Sixteen envelopes of one peer may wait, for a day; the next one does not")
    one = t.send("alice", "bob", "the network makes many of this")
    for i in range(18):
        altered = flipped(t.envelope(one), 195 + i % 4, 1 << i // 4)
        came = t.handle_bytes("bob", altered, "alice", of=one, name=f"altered, number {i}")
        expect(came, HEALING if i == 0 else ["Pending"] if i < 16 else ["Rejected"])
    t.state("bob")
    came = t.handle_bytes("bob", flipped(t.envelope(one), 195), "alice", of=one, name="one that waits, again")
    expect(came, ["Pending"])
    t.spoiled("bob", one)
    expect(t.handle("bob", one, "alice", name="the true one opens"), ["Message"])
    t.wait(DAY)
    expect(t.retry("bob"), [])
    t.wait(1)
    expect(t.retry("bob"), ["Rejected"] * 16)
    t.state("bob")
    next_one = t.send("alice", "bob", "altered on its way")
    altered = flipped(t.envelope(next_one), 20)
    expect(t.handle_bytes("bob", altered, "alice", of=next_one, name="its header altered"), ["Pending"])
    came = t.handle("bob", next_one, name="the true one: what waited was a copy of it")
    expect(came, ["Message", "AlreadyReceived"])
    t.state("bob")
    return t


def strangers_wait_for_nothing():
    t = Talk("nothing for strangers", "For a peer that nobody has accepted nothing waits and nothing is automatic")
    t.begin("alice", "bob")
    hello = t.send("alice", "bob", "hello, stranger")
    t.spoiled("bob", hello)
    expect(t.handle("bob", hello), ["Message"])
    one = t.send("alice", "bob", "more")
    for at in (20, 40, 60):
        came = t.handle_bytes("bob", flipped(t.envelope(one), 1805 + at), "alice", of=one, name="altered")
        expect(came, ["Rejected"])
    bundle = t.bundle("alice")
    t.reset("bob", bundle, expect_error="MSG-18")
    t.create("carol", **seeds("carol"))
    t.reset("bob", t.bundle("carol"), automatic=False, expect_error="MSG-13")
    t.accept("bob", "alice")
    came = t.handle_bytes("bob", flipped(t.envelope(one), 1900), "alice", of=one, name="once accepted")
    expect(came, HEALING)
    t.state("bob")
    t.accept("bob", "alice", False)
    t.state("bob")
    t.reset("bob", bundle, expect_error="MSG-18")
    expect(t.handle("bob", one), ["Message"])
    t.states()
    return t


def budget():
    t = talking("budget", "Four automatic resets in a day, ten minutes apart; a person may always")
    bundle = t.bundle("alice", False)
    t.reset("bob", bundle)
    t.wait(10 * MINUTE - 1)
    t.reset("bob", bundle, expect_error="MSG-17")
    t.wait(1)
    t.reset("bob", bundle)
    for _ in range(2):
        t.wait(HOUR)
        t.reset("bob", bundle)
    t.wait(10 * MINUTE)
    t.reset("bob", bundle, expect_error="MSG-17")
    fifth = t.send("alice", "bob", "on the old session")
    t.wait(DAY - 3 * HOUR)
    t.reset("bob", bundle, expect_error="MSG-17")
    by_hand = t.reset("bob", bundle, automatic=False)
    t.spoiled("alice", by_hand)
    expect(t.handle("alice", by_hand), ["Message"])
    t.spoiled("bob", fifth)
    expect(t.handle("bob", fifth, name="the first of five sessions has been dropped"), ["Rejected"])
    t.wait(3 * HOUR)
    t.reset("bob", bundle)
    t.states()
    return t


def pq_failed():
    t = talking("post-quantum failure", "A contradiction ends the session, its message is shown, and healing begins")
    two = u8(2) + u32(1) + u8(1) + bytes(129)
    envelope = forge(t.session("alice", "bob"), t.random, t.frame("the last word"), fields=two)
    for at in (8, 90, 300):
        came = t.handle_bytes("bob", flipped(envelope, at), name="altered", on_copy=True)
        expect(came, ["Rejected"] if at < 210 else HEALING)
    came = t.handle_bytes("bob", envelope, name="a ciphertext from the key's side")
    expect(came, ["Message", "HealingStarted"])
    expect(t.handle_bytes("bob", envelope, name="repeated"), ["Rejected"])
    t.state("bob")
    t.send("bob", "alice", "no", expect_error="MSG-14")
    mended(t, "bob", "alice")
    return t


def sixth_takeover():
    t = talking("a place for the sixth", "The sixth takeover in a day waits until there is a place")
    for i in range(5):
        t.wait(MINUTE)
        t.begin("alice", "bob", False)
        taking = t.send("alice", "bob", f"takeover {i + 1}")
        t.spoiled("bob", taking)
        expect(t.handle("bob", taking), ["Message"])
    t.begin("alice", "bob", False)
    sixth = t.send("alice", "bob", "one too many")
    t.spoiled("bob", sixth)
    expect(t.handle("bob", sixth), ["Pending"])
    expect(t.handle("bob", sixth, name="again"), ["Pending"])
    expect(t.retry("bob"), [])
    t.wait(DAY)
    expect(t.retry("bob"), ["Message"])
    expect(t.handle("bob", sixth, name="it came and waited"), ["AlreadyReceived"])
    t.states()
    return t


def another_device():
    t = talking(
        "another device",
        "A second device speaks for Alice's account: a person is asked, and nothing is sent before the answer",
    )
    t.create("phone", **seeds("phone") | {"account": seeds("alice")["account"]})
    t.create("thief", **seeds("alice") | {"account": seeds("mallory")["account"]})
    t.begin("thief", "bob")
    stolen = t.send("thief", "bob", "Alice's device, another account")
    expect(t.handle("bob", stolen, name="no answer would make this good"), ["Rejected"])
    expect(t.handle("bob", stolen, "alice", name="nor in her mailbox"), ["Rejected"])
    bundle = t.bundle("phone")
    t.initiate("bob", bundle)
    expect(t.ask("bob", bundle), ["IdentityChanged"])
    t.send("bob", "alice", "is that yours?", expect_error="IDN-7")
    t.answer("bob", "phone", False)
    t.begin("phone", "bob")
    first = t.send("phone", "bob", "I am Alice, with a new phone")
    t.receive("bob", first, "IDN-7", name="strictly: refused")
    t.spoiled("bob", first)
    expect(t.handle("bob", first, name="a person has said no: nobody is asked again"), ["Rejected"])
    forget(t)
    expect(t.handle("bob", first), ["Pending", "IdentityChanged"])
    expect(t.handle("bob", first, name="repeated"), ["Pending"])
    t.send("bob", "alice", "which of you?", expect_error="IDN-7")
    t.reset("bob", t.bundle("alice"), automatic=False, expect_error="IDN-7")
    expect(t.retry("bob"), [])
    t.state("bob")
    t.answer("bob", "phone", False)
    expect(t.retry("bob"), [])
    t.arrives("bob", "alice", "no, it is not you")
    t.arrives("alice", "bob", "right")
    second = t.send("phone", "bob", "it is me")
    expect(t.handle("bob", second, name="a person has said no again"), ["Rejected"])
    forget(t)
    expect(t.handle("bob", second), ["Pending", "IdentityChanged"])
    t.wait(MINUTE)
    third = t.send("phone", "bob", "really")
    expect(t.handle("bob", third), ["Pending"])
    t.answer("bob", "phone", True)
    expect(t.retry("bob"), ["Message", "Message"])
    expect(t.handle("bob", second, name="repeated after the answer"), ["AlreadyReceived"])
    t.arrives("bob", "phone", "good to see you")
    late = t.send("alice", "bob", "and I am still here")
    expect(t.handle("bob", late, name="the device before: its session is over"), ["Rejected"])
    t.send("bob", "alice", "who?", expect_error="MSG-13")
    t.states()
    return t


def forget(t):
    """The contact is removed and added again, and with it the answers about it."""
    t.accept("bob", "alice", False)
    t.accept("bob", "alice")


def old_store():
    t = talking(
        "an old store",
        "Bob's store was put back and its anchor says so: nothing is sealed with the old state",
    )
    copied = t.copy_state("bob")
    t.arrives("alice", "bob", "forgotten")
    t.arrives("bob", "alice", "forgotten, too")
    t.put_back("bob", copied)
    t.roll_back("bob")
    t.state("bob")
    t.send("bob", "alice", "with an old key", expect_error="MSG-14")
    late = t.send("alice", "bob", "to a session that is over")
    t.spoiled("bob", late)
    expect(t.handle("bob", late), ["Rejected"])
    mended(t, "bob", "alice")
    return t


def both_reset():
    t = talking("both reset at once", "Each side begins anew before it hears the other; in the end both have one session")
    to_alice, to_bob = t.bundle("alice"), t.bundle("bob")
    by_bob, by_alice = t.reset("bob", to_alice), t.reset("alice", to_bob)
    t.spoiled("alice", by_bob)
    came = t.handle("alice", by_bob)
    assert came[0] == "Message", came
    t.spoiled("bob", by_alice)
    came = t.handle("bob", by_alice)
    assert came[0] == "Message", came
    t.states()
    for i in range(2):
        t.wait(MINUTE)
        t.arrives("alice", "bob", f"A{i}")
        t.wait(MINUTE)
        t.arrives("bob", "alice", f"B{i}")
    t.states()
    assert t.session("alice", "bob").id == t.session("bob", "alice").id
    return t


def mending_talks():
    return [
        reset_after_loss(),
        one_place(),
        begun_twice(),
        fewer_sent(),
        set_back(),
        no_clone(),
        what_waits(),
        many_wait(),
        strangers_wait_for_nothing(),
        budget(),
        pq_failed(),
        sixth_takeover(),
        another_device(),
        old_store(),
        both_reset(),
    ]
