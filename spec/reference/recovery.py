"""What comes of an envelope, and how sessions are mended: chapter 05, sections 10 to 12.

A `Recoverer` is a device whose every operation ends in outcomes. Where `Device.receive` refuses, this one says
what follows: whether the envelope waits, whether a reset is due, whether a person is to be asked.
"""

import copy
from dataclasses import dataclass

import kuvert as k
import strict
from device import Device, Session, is_close, suspect
from kuvert import u8, u16
from strict import DAY, Refused

SECOND, MINUTE = 1000, 60_000
PATIENCE = {
    "Undecryptable": DAY,
    "TooManySkipped": 30 * DAY,
    "TooManySessions": 2 * DAY,
    "IdentityChanged": 30 * DAY,
}


@dataclass
class Waiting:
    name: bytes
    peer: bytes
    cause: str
    since: int
    deadline: int
    envelope: bytes


def outcome(name, **fields):
    hexed = {field: value.hex() if isinstance(value, bytes) else value for field, value in fields.items()}
    return {"outcome": name, **hexed}


def rejected(cause, peer):
    return [outcome("Rejected", cause=cause, **({"peer": peer} if peer else {}))]


def counted(peer, now):
    """Automatic resets that still count. One in the future was noted by a clock that has been put right."""
    return [at for at in peer.resets if abs(now - at) < DAY]


def earliest(peer, now):
    """The first moment of the next automatic reset, without chance."""
    resets = counted(peer, now)
    after = [resets[-1] + 10 * MINUTE] if resets else []
    after += [resets[0] + DAY] if len(resets) == 4 else []
    return max([now + 5 * SECOND, *after])


def spend(peer, now):
    """Takes one automatic reset out of the budget."""
    if not peer.accepted:
        raise Refused("MSG-18", "NoSession")
    resets = counted(peer, now)
    if len(resets) == 4 or (resets and now - resets[-1] < 10 * MINUTE):
        raise Refused("MSG-17")
    peer.resets = [*resets, now]


class Recoverer(Device):
    def __init__(self, *secrets):
        super().__init__(*secrets)
        self.waiting, self.shown = {}, set()

    # Outcomes

    def handle(self, envelope, via, now, random):
        """All that comes of an envelope, and of those that wait. `via` is the peer for whose session the mailbox
        is in which it was found, or None."""
        return self.handle_one(envelope, via, now, random) + self.retry(now, random)

    def handle_one(self, envelope, via, now, random):
        before = {peer: (known.healing, known.suspected) for peer, known in self.peers.items()}
        try:
            opened = self.receive(envelope, now, random, via)
        except Refused as refused:
            if refused.frame:
                return self.failed(refused, now, random)
            refused.peer = refused.peer or via
            return self.refused(envelope, refused, now, random)
        return self.opened(opened, before, now, random)

    def opened(self, opened, before, now, random):
        came, peer_id = self.told(opened, before), self.peer_of.get(opened.session)
        if opened.forked and self.peers[peer_id].suspected:
            came.append(outcome("CloneSuspected", peer=peer_id))
            came += [] if opened.begins else self.begin_healing(peer_id, now, random)
        return came

    def told(self, opened, before):
        message = outcome("Message", frame=opened.frame, session=opened.session)
        if opened.begins:
            message["begins"] = True
        peer_id = self.peer_of.get(opened.session)
        healing, _ = before.get(peer_id, (None, False))
        is_mended = healing and (opened.begins or healing == ("begun", opened.session))
        if not is_mended or is_close(opened.frame):
            return [message]
        peer = self.peers[peer_id]
        peer.healing, peer.suspected = None, False
        for waiting in [w for w in self.waiting.values() if (w.peer, w.cause) == (peer_id, "Undecryptable")]:
            del self.waiting[waiting.name]
        return [message, outcome("Healed", peer=peer_id)]

    def failed(self, refused, now, random):
        message = outcome("Message", frame=refused.frame, ended="PqFailed")
        return [message] + self.begin_healing(refused.peer, now, random)

    def refused(self, envelope, refused, now, random):
        peer = self.peers.get(refused.peer)
        if refused.forked:
            if not suspect(peer, True):
                return rejected(refused.error, refused.peer)
            return [outcome("CloneSuspected", peer=refused.peer)] + self.begin_healing(refused.peer, now, random)
        if refused.error == "Duplicate":
            return [outcome("AlreadyReceived")]
        is_question = refused.newcomer is not None and not self.is_refused(refused.newcomer)
        may_wait = is_question or (refused.error != "IdentityChanged" and peer and peer.accepted)
        if refused.error not in PATIENCE or not may_wait:
            return rejected(refused.error, refused.peer)
        return self.wait(envelope, refused, now, random)

    # What waits

    def wait(self, envelope, refused, now, random):
        name = k.sha256(envelope)[:8]
        if name in self.waiting:
            known = self.waiting[name]
            return [outcome("Pending", cause=known.cause, deadline=known.deadline, peer=known.peer)]
        deadline = now + PATIENCE[refused.error]
        first, then = outcome("Pending", cause=refused.error, deadline=deadline, peer=refused.peer), []
        if refused.newcomer:
            then = self.ask_about(refused.newcomer)
        elif refused.error != "TooManySessions":
            then = self.begin_healing(refused.peer, now, random)
        if not self.has_room(envelope, refused.peer):
            return rejected(refused.error, refused.peer) + then
        self.waiting[name] = Waiting(name, refused.peer, refused.error, now, deadline, envelope)
        return [first] + then

    def has_room(self, envelope, peer):
        of_peer = sum(waiting.peer == peer for waiting in self.waiting.values())
        size = sum(len(waiting.envelope) for waiting in self.waiting.values()) + len(envelope)
        return len(self.waiting) < 64 and of_peer < 16 and size <= 1 << 20

    def retry(self, now, random):
        """Tries those that wait, in the order in which they came, until none of them opens."""
        for waiting in sorted(self.waiting.values(), key=lambda w: (w.since, w.name)):
            came = self.try_again(waiting, now, random)
            if came:
                return came + self.retry(now, random)
        return []

    def try_again(self, waiting, now, random):
        if waiting.deadline < now:
            del self.waiting[waiting.name]
            return rejected(waiting.cause, waiting.peer)
        before = {peer: (known.healing, known.suspected) for peer, known in self.peers.items()}
        try:
            opened = self.receive(waiting.envelope, now, random, waiting.peer)
        except Refused as refused:
            if refused.error != "Duplicate":
                return []
            del self.waiting[waiting.name]
            self.call_off(waiting.peer)
            return [outcome("AlreadyReceived")]
        del self.waiting[waiting.name]
        came = self.opened(opened, before, now, random)
        self.call_off(self.peer_of.get(opened.session))
        return came

    def call_off(self, peer_id):
        """What was thought lost has opened: if nothing else waits, the session works."""
        peer = self.peers.get(peer_id)
        is_due = peer and peer.healing and peer.healing[0] == "due" and not peer.suspected
        if is_due and not any(waiting.peer == peer_id for waiting in self.waiting.values()):
            peer.healing = None

    # Healing

    def begin_healing(self, peer_id, now, random):
        peer = self.peers.get(peer_id)
        if peer is None or not peer.accepted or peer.healing:
            return []
        not_before = earliest(peer, now) + int.from_bytes(random(8), "big") % (55 * SECOND + 1)
        peer.healing = ("due", not_before)
        return [outcome("HealingStarted", peer=peer_id, not_before=not_before)]

    def resets_due(self, now):
        due = lambda peer: peer.accepted and peer.healing and peer.healing[0] == "due" and peer.healing[1] <= now
        asked = lambda peer: peer.question and peer.question[0] == "asked"
        return sorted(i for i, peer in self.peers.items() if due(peer) and not asked(peer))

    def reset(self, bundle, account_id, held, automatic, now, ephemeral, coins, random):
        """A new session with a known peer, and its first envelope: what is held here, the rest is to come again."""
        step = copy.deepcopy(self)
        envelope, session = step.begin_anew(bundle, account_id, held, automatic, now, ephemeral, coins, random)
        self.__dict__ = step.__dict__
        return envelope, session

    def begin_anew(self, bundle, account_id, held, automatic, now, ephemeral, coins, random):
        cert, medium, one_time = strict.verify_bundle(bundle, account_id, now)
        self.check_pin(cert)
        peer = self.peers.get(k.device_id(cert))
        if peer is None:
            raise Refused("MSG-13")
        self.check_settled(cert)
        if automatic:
            spend(peer, now)
        keys, prefix = k.initiate(self.identity, cert, medium, one_time, ephemeral, coins)
        session = Session(keys, random, now, prefix)
        session.weak = not one_time
        body = u8(6) + u16(min(len(held), 1000)) + b"".join(held[:1000])
        envelope = session.seal(k.frame(3, now, random(16, "msg_id"), body), now)
        self.add(session, k.device_id(cert))
        self.activate(peer, session, now)
        peer.accepted, peer.healing = True, ("begun", session.id)
        return envelope, session.id

    def roll_back(self, now, random):
        """The store was older than its anchor: no session can be gone on with."""
        self.waiting = {}
        had = [i for i, peer in sorted(self.peers.items()) if peer.active or peer.inactive]
        for peer_id in had:
            self.close(peer_id)
            self.begin_healing(peer_id, now, lambda n, i=peer_id: random(n, f"jitter {i.hex()}"))
        return had

    # A person

    def accept(self, peer_id, accepted):
        if peer_id not in self.peers:
            raise Refused("MSG-13")
        peer = self.peers[peer_id]
        if peer.accepted and not accepted:
            peer.healing = peer.question = None
        peer.accepted = accepted

    def is_refused(self, cert):
        """A person has said no to the device."""
        return any(peer.question == ("refused", k.device_id(cert)) for peer in self.devices_of(cert[1:33]))

    def ask_about(self, cert):
        newcomer, unasked = k.device_id(cert), []
        if self.is_refused(cert):
            return []
        for peer in self.devices_of(cert[1:33]):
            if peer.question != ("asked", newcomer):
                peer.question, peer.healing = ("asked", newcomer), None
                unasked.append(peer)
        return [outcome("IdentityChanged", peer=newcomer, account=cert[1:33])] if unasked else []

    def ask(self, bundle):
        """About the owner of a bundle that `initiate` has refused."""
        cert = strict.parse_bundle(bundle)[0]
        return [] if self.may_speak(cert) else self.ask_about(cert)

    def answer(self, account_id, newcomer, accept):
        is_known = lambda i, peer: i != newcomer and k.account_id(peer.account_pk) == account_id
        known = {i: peer for i, peer in self.peers.items() if is_known(i, peer)}
        if not known:
            raise Refused("MSG-13")
        for peer_id, peer in known.items():
            peer.question = ("accepted" if accept else "refused", newcomer)
            if accept:
                self.close(peer_id)
        if not accept:
            self.waiting = {name: w for name, w in self.waiting.items() if w.peer != newcomer}

    def facts(self):
        due = [peer.healing[1] for peer in self.peers.values() if peer.healing and peer.healing[0] == "due"]
        return super().facts() | {"waiting": len(self.waiting), "next_reset": min(due, default=None)}
