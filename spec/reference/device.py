"""A device: prekeys, peers and sessions, with everything that chapters 03 to 05 ask of a receiver.

Each operation either changes the device or raises `Refused` and changes nothing. Secrets are never random here:
`random(n)` is given by the caller for each operation, so that a conversation can be played again.
"""

import copy
from dataclasses import dataclass, field

import kuvert as k
import strict
from strict import DAY, Refused

MONTH = 30 * DAY


class Session(k.Session):
    """One side of a session, with the checks of chapter 04."""

    post_quantum = strict.PostQuantum

    def __init__(self, keys, random, now, prefix=None):
        super().__init__(keys, random, prefix)
        self.created = self.epoch_since = now
        self.state = "Established" if prefix is None else "AwaitReply"
        self.by_us = prefix is not None
        self.chains_heard = 0
        self.seen = []
        self.crossed = False
        self.heal_until = self.last_heard = 0

    def entering(self, now, epoch):
        if self.pq.epoch != epoch:
            self.epoch_since = now

    # Sending

    def seal(self, frame, now, burst=False):
        """The envelope. A burst goes out when asked for, after `heal`, or when the epoch is over 24 h old."""
        if len(frame) > 65_535:
            raise Refused("MSG-11")
        burst, epoch = burst or self.pq.mixed < self.heal_until, self.pq.epoch
        self.begin_chain()
        self.entering(now, epoch)
        if self.ns >= 2**20:
            raise Refused("RAT-17")
        return self.encrypt(frame, burst or now - self.epoch_since > DAY)

    # Receiving

    def try_keys(self, m):
        """The header under the first header key that opens it, and its chain (None for a new one); or None."""
        current = [(self.receiving, self.receiving.hk)] if self.receiving else []
        next_chain = [(None, self.nhkr)] if self.dhs else []
        for chain, hk in current + next_chain + [(c, c.hk) for c in self.old]:
            try:
                return chain, k.AD(hk, m.hnonce, k.u8(m.kind) + k.u8(1), m.eh)
            except k.InvalidTag:
                continue
        return None

    def open(self, m, now):
        """The frame, on a copy of the session that the caller throws away on failure."""
        found = self.try_keys(m)
        if found is None:
            raise Refused("RAT-1")
        chain, header = found[0], strict.parse_header(found[1])
        if header.n >= 2**20 or header.pn > 2**20:
            raise Refused("RAT-11")
        self.forget_old_keys(now)
        self.forked = False
        if chain is None:
            chain = self.follow(header, now)
        else:
            self.check_chain(chain, header)
        frame = strict.open_message(self.message_key(chain, header.n, now, m.eh), m)
        self.seen = [*self.seen[-63:], (chain.hk, header.n, m.eh[-16:-12])]
        kind, body = strict.parse_frame(frame)
        strict.check_body(kind, body)
        self.bound_kept_keys()
        self.heard(int.from_bytes(frame[2:10], "big"))
        try:
            self.pq.receive(header.fields)
        except Refused as failed:
            raise Refused(failed.check, frame=frame) from None
        return frame

    def check_chain(self, chain, header):
        if chain.ratchet_pk is None:
            if strict.is_small_order(header.ratchet_pk):
                raise Refused("RAT-14")
            chain.ratchet_pk = header.ratchet_pk
        if header.ratchet_pk != chain.ratchet_pk:
            raise Refused("RAT-7", forked=True)
        if header.mixed != chain.mixed:
            raise Refused("RAT-16")
        if chain is self.receiving and header.n - chain.n > 1000:
            raise Refused("RAT-12")

    def follow(self, header, now):
        """A new chain of the peer's."""
        known = [self.receiving] if self.receiving else []
        if header.ratchet_pk in [chain.ratchet_pk for chain in known + self.old]:
            raise Refused("RAT-8")
        if strict.is_small_order(header.ratchet_pk):
            raise Refused("RAT-14")
        may_mix = header.mixed == self.pq.mixed + 1 and self.pq.state == "SendCt"
        if header.mixed != self.pq.mixed and not may_mix:
            raise Refused("RAT-15")
        rest = max(header.pn - self.receiving.n, 0) if self.receiving else 0
        self.forked = self.receiving is not None and header.pn < self.receiving.n
        if rest + header.n > 1000:
            raise Refused("RAT-12")
        epoch = self.pq.epoch
        if self.receiving:
            self.keep_until(self.receiving, header.pn, now)
        chain = self.new_chain(header.ratchet_pk, header.pn, header.mixed)
        chain.kept_at = {}
        self.old = self.old[-5:]
        self.chains_heard += 1
        self.entering(now, epoch)
        return chain

    def keep_until(self, chain, n, now):
        at = chain.__dict__.setdefault("kept_at", {})
        at.update({i: now for i in range(chain.n, n)})
        self.skip(chain, n)

    def message_key(self, chain, n, now, eh):
        if chain.ck and n >= chain.n:
            self.keep_until(chain, n, now)
            self.skip(chain, n + 1)
        if n not in chain.skipped:
            raise Refused("RAT-10", forked=self.is_taken(chain, n, eh))
        return chain.skipped.pop(n)

    def has_seen(self, m):
        """Whether this header was received lately, in a chain that may be gone."""
        return any(place[2] == m.eh[-16:-12] for place in self.seen)

    def is_taken(self, chain, n, eh):
        """Whether another message was received in this place, as far as is remembered."""
        return any(place[:2] == (chain.hk, n) and place[2] != eh[-16:-12] for place in self.seen)

    def chains(self):
        return self.old + ([self.receiving] if self.receiving else [])

    def forget_old_keys(self, now):
        for chain in self.chains():
            at = chain.__dict__.setdefault("kept_at", {})
            for n in [n for n in chain.skipped if now - at[n] > MONTH]:
                del chain.skipped[n]

    def bound_kept_keys(self):
        for chain in self.chains():
            while chain.skipped and self.kept() > 2000:
                del chain.skipped[min(chain.skipped)]

    def kept(self):
        return sum(len(chain.skipped) for chain in self.chains())

    def heard(self, sent):
        self.prefix, self.last_heard = None, max(self.last_heard, sent)
        if self.state == "AwaitReply":
            self.state = "Established"

    @property
    def weak_start(self):
        """Until the round trip is complete: an answer for the initiator, its second chain for the responder."""
        return self.weak and self.chains_heard == 0

    def facts(self):
        return {
            "session": self.id.hex(),
            "state": self.state,
            "weak_start": self.weak_start,
            "ns": self.ns,
            "pn": self.pn,
            "nr": self.receiving.n if self.receiving else 0,
            "pq_mixed": self.pq.mixed,
            "skipped": self.kept(),
            "old_chains": len(self.old),
        }


@dataclass
class Peer:
    account_pk: bytes
    active: bytes = None
    inactive: list = field(default_factory=list)
    takeovers: list = field(default_factory=list)
    closed: bool = False
    accepted: bool = False
    healing: tuple = None
    resets: list = field(default_factory=list)
    suspected: bool = False
    question: tuple = None


@dataclass
class Opened:
    frame: bytes
    session: bytes
    begins: bool
    forked: bool = False


class Device:
    def __init__(self, account, device, dh_secret, issued):
        self.identity = k.make_identity(account, device, dh_secret, issued)
        self.mediums, self.one_times = {}, {}
        self.peers, self.sessions = {}, {}
        self.begun, self.prefixes, self.peer_of, self.replays = {}, {}, {}, set()

    @property
    def id(self):
        return self.identity.device_id

    def add_medium(self, number, created, x, seed):
        prekey = k.medium_prekey(self.identity, number, created, x, seed)
        self.mediums[prekey.public[:4]] = prekey
        return prekey

    def add_one_time(self, number, x, seed):
        prekey = k.one_time_prekey(self.identity, number, x, seed)
        self.one_times[prekey.public[:4]] = prekey
        return prekey

    def tidy(self, now):
        for number in [
            i for i, m in self.mediums.items() if now >= int.from_bytes(m.public[4:12], "big") + 44 * DAY
        ]:
            del self.mediums[number]
            self.replays = {entry for entry in self.replays if entry[0] != number}
        for peer in self.peers.values():
            for session, since in list(peer.inactive):
                if now - since > MONTH:
                    self.end(session)
            active = self.sessions.get(peer.active)
            if active and active.state == "AwaitReply" and now - active.created > MONTH:
                self.end(active.id)

    # Sessions

    def check_pin(self, cert):
        if cert[1:33] == self.identity.cert[1:33] or k.device_id(cert) == self.id:
            raise Refused("IDN-6")
        pinned = self.peers.get(k.device_id(cert))
        if pinned and pinned.account_pk != cert[1:33]:
            raise Refused("IDN-3")

    def initiate(self, bundle, account_id, now, ephemeral, coins, random):
        cert, medium, one_time = strict.verify_bundle(bundle, account_id, now)
        self.check_pin(cert)
        self.check_settled(cert)
        if not self.may_speak(cert):
            raise Refused("IDN-7", newcomer=cert)
        keys, prefix = k.initiate(self.identity, cert, medium, one_time, ephemeral, coins)
        session = Session(keys, random, now, prefix)
        session.weak = not one_time
        peer = self.peers.setdefault(k.device_id(cert), Peer(cert[1:33]))
        self.give_way(k.device_id(cert))
        self.add(session, k.device_id(cert))
        self.activate(peer, session, now)
        peer.accepted = True
        peer.healing = peer.healing and ("begun", session.id)
        return session

    def devices_of(self, account_pk):
        return [peer for peer in self.peers.values() if peer.account_pk == account_pk]

    def check_settled(self, cert):
        """A person is being asked about this account."""
        if any(peer.question and peer.question[0] == "asked" for peer in self.devices_of(cert[1:33])):
            raise Refused("IDN-7")

    def may_speak(self, cert):
        """The device is known, or no accepted one of its account is, or a person has said yes."""
        newcomer = k.device_id(cert)
        before = [peer for peer in self.devices_of(cert[1:33]) if peer.accepted]
        return newcomer in self.peers or all(peer.question == ("accepted", newcomer) for peer in before)

    def give_way(self, newcomer):
        """The devices before one that a person has accepted, with their sessions."""
        yielding = [i for i, peer in self.peers.items() if peer.question == ("accepted", newcomer)]
        for device in yielding:
            self.peers[newcomer].accepted |= self.peers[device].accepted
            self.close(device)
            del self.peers[device]

    def close(self, peer_id):
        for session in [s for s, of in self.peer_of.items() if of == peer_id and s in self.sessions]:
            self.end(session)
        self.peers[peer_id].closed, self.peers[peer_id].healing = True, None

    def add(self, session, peer_id):
        self.sessions[session.id], self.peer_of[session.id] = session, peer_id

    def activate(self, peer, session, now):
        old, peer.active, peer.closed = peer.active, session.id, False
        peer.inactive = [entry for entry in peer.inactive if entry[0] != session.id]
        if old in self.sessions:
            self.put_aside(peer, self.sessions[old], now)

    def put_aside(self, peer, session, now):
        session.state = "Inactive"
        peer.inactive.append((session.id, now))
        if len(peer.inactive) > 3:
            self.end(peer.inactive[0][0])

    def end(self, session_id):
        self.sessions.pop(session_id)
        peer = self.peers[self.peer_of[session_id]]
        peer.inactive = [entry for entry in peer.inactive if entry[0] != session_id]
        if peer.active == session_id:
            peer.active, peer.closed = None, True
        if peer.healing == ("begun", session_id):
            peer.healing = None
        self.begun = {init: session for init, session in self.begun.items() if session != session_id}

    # Sending

    def sendable(self, peer_id, now):
        peer = self.peers.get(peer_id)
        if peer is None:
            raise Refused("MSG-13")
        self.check_settled(bytes(1) + peer.account_pk)
        session = self.sessions.get(peer.active)
        if session is None:
            raise Refused("MSG-14" if peer.closed else "MSG-13")
        if session.state == "AwaitReply" and now - session.created > MONTH:
            raise Refused("MSG-14")
        return session

    def send(self, peer_id, frame, now, random, heal=False):
        session = self.sendable(peer_id, now)
        step = copy.deepcopy(session)
        step.random = step.pq.random = random
        if heal:
            step.heal_until = step.pq.mixed + 1
        envelope = step.seal(frame, now, burst=heal)
        self.sessions[session.id] = step
        self.peers[peer_id].accepted |= frame[0] == 1
        return envelope

    # Receiving

    def receive(self, envelope, now, random, hint=None):
        """`hint` is the one peer whose sessions are to be tried, if the mailbox says so."""
        m = strict.parse_envelope(envelope)
        if m.prefix is None:
            return self.receive_on(self.find(m, hint), m, now, random)
        if m.prefix.init_id in self.begun:
            session = self.sessions[self.begun[m.prefix.init_id]]
            if self.prefixes[session.id] != m.prefix.data:
                raise self.from_peer(session, m, Refused("AGR-9"))
            return self.receive_on(session, m, now, random)
        if (m.prefix.medium_id, m.prefix.init_id) in self.replays:
            raise Refused("AGR-8")
        return self.receive_first(m, now, random)

    def from_peer(self, session, m, refused):
        """A refusal that is known to be of the session's peer if the header is."""
        refused.peer = self.peer_of[session.id] if session.try_keys(m) else None
        return refused

    def find(self, m, hint):
        meant = [session for session in self.sessions.values() if hint in (None, self.peer_of[session.id])]
        for session in meant:
            if session.try_keys(m):
                return session
        raise Refused("RAT-10" if any(session.has_seen(m) for session in meant) else "RAT-1")

    def receive_on(self, session, m, now, random):
        step = copy.deepcopy(session)
        step.random = step.pq.random = random
        try:
            frame = step.open(m, now)
        except Refused as refused:
            if refused.frame:
                self.end(session.id)
            raise self.from_peer(session, m, refused) from None
        self.sessions[session.id] = step
        peer = self.peers[self.peer_of[session.id]]
        forked = suspect(peer, step.forked and not is_close(frame))
        if is_close(frame):
            self.end(session.id)
        elif self.is_followed(peer, step, frame):
            step.state = "Established"
            self.activate(peer, step, now)
        return Opened(frame, step.id, False, forked)

    def is_followed(self, peer, session, frame):
        """Rule 2: the peer's newest message says where it sends; one of the two follows."""
        active = self.sessions.get(peer.active)
        if active is None or active.state != "Established" or session.state != "Inactive":
            return False
        if int.from_bytes(frame[2:10], "big") <= active.last_heard:
            return False
        if session.by_us == active.by_us:
            return not session.by_us
        return self.peer_of[session.id] < self.id

    def receive_first(self, m, now, random):
        keys, cert = strict.respond(self.identity, self.mediums, self.one_times, m.prefix)
        self.check_pin(cert)
        session = Session(keys, random, now)
        session.weak = m.prefix.one_time_id == bytes(4)
        failed = None
        try:
            frame = session.open(m, now)
        except Refused as refused:
            if refused.frame is None:
                raise Refused("AGR-7", refused.error) from None
            failed, frame = refused, refused.frame
        if not self.may_speak(cert):
            raise Refused("IDN-7", newcomer=cert)
        peer_id = k.device_id(cert)
        peer = self.peers.get(peer_id) or Peer(cert[1:33])
        if not (failed or is_close(frame)):
            self.check_takeover(peer, peer_id, now)
        self.spend(m.prefix)
        if failed:
            failed.peer = peer_id
            raise failed
        forked = suspect(peer, self.is_set_back(peer, session, frame))
        if not is_close(frame):
            self.peers[peer_id] = peer
            self.give_way(peer_id)
            self.add(session, peer_id)
            self.begun[m.prefix.init_id], self.prefixes[session.id] = session.id, m.prefix.data
            self.place(peer, peer_id, session, now)
        return Opened(frame, session.id, True, forked)

    def is_set_back(self, peer, session, frame):
        """A peer whose session we are in, to its knowledge, begins another, and does not say what it holds."""
        active = self.sessions.get(peer.active)
        is_resend = frame[0] == 3 and frame[34] == 6
        return active is not None and not active.by_us and active.chains_heard > 0 and session.receiving.n == 1 and not is_resend

    def is_crossing(self, peer):
        active = self.sessions.get(peer.active)
        return active is not None and active.state == "AwaitReply" and not active.crossed

    def check_takeover(self, peer, peer_id, now):
        if peer.active is None or self.is_crossing(peer):
            return
        recent = [at for at in peer.takeovers if abs(now - at) < DAY]
        if len(recent) >= 5:
            refused = Refused("MSG-12")
            refused.peer = peer_id
            raise refused
        peer.takeovers = recent + [now]

    def place(self, peer, peer_id, session, now):
        if self.is_crossing(peer) and self.id < peer_id:
            self.sessions[peer.active].crossed = True
            self.put_aside(peer, session, now)
        else:
            self.activate(peer, session, now)

    def spend(self, prefix):
        if prefix.one_time_id != bytes(4):
            del self.one_times[prefix.one_time_id]
        else:
            self.replays.add((prefix.medium_id, prefix.init_id))

    def facts(self):
        sessions = sorted((session.facts() for session in self.sessions.values()), key=lambda f: f["session"])
        active = sorted(peer.active.hex() for peer in self.peers.values() if peer.active)
        return {"sessions": sessions, "active": active, "one_time_prekeys": len(self.one_times)}


def suspect(peer, is_forked):
    """Notes that two copies of the peer's state are in use; whether that is news."""
    is_news = is_forked and not peer.suspected
    peer.suspected |= is_forked
    return is_news


def is_close(frame):
    return frame[0] == 3 and frame[34:] == b"\x04"
