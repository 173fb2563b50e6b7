"""Chapter 06 in plain Python: transcripts made, verified and reported. A second verifier.

`python3 transcript.py FILE…` verifies files: one line each, exit code 3 if one is refused. `--check` compares the
chapter's example bytes, and the files in `vectors/transcripts`, with what is computed here; `--write` writes these.
"""

import base64
import json
import pathlib
import re
import sys

import kuvert as k
import strict
from kuvert import HL, HM, XL, ZERO, Sig, extract, sha256, u8, u16, u32, u64
from strict import SPEC, Reader, Refused

SIGNED, DENIABLE = 1, 2
MAX_LINE = 131_072
LOGGED = (1, 4, 5, 6)

# 2 · Start and stop


def start(mode, identity, peer_account, nonce, tsk_seed):
    """The 129 bytes of a start; in mode 2 without a key."""
    if mode == DENIABLE:
        return u8(mode) + nonce + bytes(96)
    tsk = k.sig_pk(tsk_seed)
    signed = u8(mode) + identity.cert[1:33] + peer_account + nonce + tsk
    return u8(mode) + nonce + tsk + Sig(identity.device, "sig transcript-key", signed)


def parse_start(data):
    if len(data) != 129:
        raise Refused("TRA-1")
    if data[0] not in (SIGNED, DENIABLE) or data[0] == DENIABLE and any(data[33:]):
        raise Refused("TRA-2")
    return data


def check_start(data, cert, peer_account):
    signed = u8(data[0]) + cert[1:33] + peer_account + data[1:33] + data[33:65]
    if data[0] == SIGNED and not strict.verify(cert[33:65], "sig transcript-key", signed, data[65:]):
        raise Refused("TRA-3")


def conversation(certs, starts):
    """conv_id of two certificates and starts, in any order, once both are checked."""
    (_, low), (_, high) = pairs = sorted(zip((c[1:33] for c in certs), zip(certs, starts)))
    same = [low[0][1:33] == high[0][1:33], k.device_id(low[0]) == k.device_id(high[0])]
    same += [low[1][1:33] == high[1][1:33], low[1][0] == SIGNED and low[1][33:65] == high[1][33:65]]
    if any(same):
        raise Refused("TRA-4")
    if low[1][0] != high[1][0]:
        raise Refused("TRA-2")
    for (_, (cert, begun)), (_, (peer, _)) in (pairs, pairs[::-1]):
        check_start(begun, cert, peer[1:33])
    accounts, nonces = low[0][1:33] + high[0][1:33], low[1][1:33] + high[1][1:33]
    return HL("tr-conv", low[1][:1] + accounts + nonces)


def mac_key(conv_id, nonce_lo, nonce_hi):
    return XL(extract(conv_id, nonce_lo + nonce_hi), "tr-mac-key", b"", 32)


# 3 · Commitments


def part_salt(salt, j):
    return XL(salt, "tr-salt", u16(j), 32)


def part_commitment(j, s_j, part):
    return HL("tr-part", u16(j) + s_j + u64(len(part)) + part)


def cm_of(commitments):
    if not 1 <= len(commitments) <= 16:
        raise Refused("TRA-42")
    return HL("tr-parts", u16(len(commitments)) + b"".join(commitments))


def parts_of(frame_type, msg_id, body):
    head = u8(frame_type) + msg_id
    return [head, body] if frame_type == 4 else [head + body]


# 4 · Logs and trees


def leaf(conv_id, device, seq, prev, seen, seen_hash, time, cm):
    return u8(1) + conv_id + device + u64(seq) + prev + u64(seen) + seen_hash + u64(time) + cm


def leaf_hash(data):
    return sha256(b"\0" + data)


def node(left, right):
    return sha256(b"\1" + left + right)


def half(n):
    return 1 << (n - 1).bit_length() - 1


def mth(hashes):
    """MTH over leaves that are hashed already."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    m = half(len(hashes))
    return node(mth(hashes[:m]), mth(hashes[m:]))


def run_nodes(hashes, first, end):
    """The nodes beside first..end, from the leaves up."""
    n = len(hashes)
    if first <= 0 and end >= n:
        return []
    m, nodes = half(n), []
    if first < m:
        nodes += run_nodes(hashes[:m], first, min(end, m))
    if end > m:
        nodes += run_nodes(hashes[m:], max(first - m, 0), end - m)
    if end <= m:
        nodes.append(mth(hashes[m:]))
    elif first >= m:
        nodes.append(mth(hashes[:m]))
    return nodes


def root_of_run(run, first, size, nodes):
    """The root that a run and the nodes beside it give; None if there are too few or too many."""
    nodes, end = list(nodes), first + len(run)

    def root(lo, hi):
        if hi - lo == 1:
            return run[lo - first]
        m = lo + half(hi - lo)
        left = root(lo, m) if first < m else None
        right = root(m, hi) if end > m else None
        return node(left or nodes.pop(0), right or nodes.pop(0))

    try:
        found = root(0, size) if run and end <= size else None
    except IndexError:
        return None
    return None if nodes else found


def subproof(hashes, m, known=True):
    n = len(hashes)
    if m == n:
        return [] if known else [mth(hashes)]
    middle = half(n)
    if m <= middle:
        return subproof(hashes[:middle], m, known) + [mth(hashes[middle:])]
    return subproof(hashes[middle:], m - middle, False) + [mth(hashes[:middle])]


def roots_of_subproof(m, n, nodes, known=None):
    """(root over m, root over n), or None."""
    nodes = list(nodes)

    def roots(m, n, known):
        if m == n:
            return (known or nodes.pop(0),) * 2
        middle = half(n)
        if m <= middle:
            old, new = roots(m, middle, known)
            return old, node(new, nodes.pop(0))
        old, new = roots(m - middle, n - middle, None)
        left = nodes.pop(0)
        return node(left, old), node(left, new)

    try:
        found = roots(m, n, known) if 1 <= m <= n else None
    except IndexError:
        return None
    return None if nodes else found


# 5 · Heads


def claim(own, peer, time):
    """own and peer: (size, root)."""
    return u64(own[0]) + own[1] + u64(peer[0]) + peer[1] + u64(time)


def head_auth(mode, key, data):
    return Sig(key, "tr-head", data) if mode == SIGNED else HM(key, "tr-head-mac", data) + ZERO


class Head:
    def __init__(self, data, auth):
        self.data, self.auth, self.conv_id, self.device = data, auth, data[:32], data[32:48]
        r = Reader(data[48:])
        self.own, self.peer = (r.number(8), r.take(32)), (r.number(8), r.take(32))
        self.time = r.number(8)

    @property
    def place(self):
        return self.own[0], self.peer[0], self.time


def contradict(one, other):
    pairs = ((one.own, other.own), (one.peer, other.peer))
    two_roots = any(a[0] == b[0] and a[1] != b[1] for a, b in pairs)
    own, peer = one.own[0] - other.own[0], one.peer[0] - other.peer[0]
    return two_roots or own * peer < 0


# 2, 8 · Bodies of type 5, blocks


def body(data):
    """Checks a body of type 5 and gives its code."""
    r = Reader(data)
    code = r.number(1)
    readers = {1: read_start, 2: lambda r: r.take(32), 3: read_request, 4: read_leaf}
    readers |= {5: lambda r: r.take(152), 6: read_redaction, 7: read_receipt, 8: read_consent}
    if code not in readers:
        raise Refused("TRA-1")
    value = readers[code](r)
    r.finish()
    return code, value


def read_start(r):
    return parse_start(r.take(129))


def read_request(r):
    seq, count = r.number(8), r.number(2)
    if not 1 <= count <= 1000 or seq + count >= 1 << 64:
        raise Refused("TRA-6")
    return seq, count


def read_leaf(r):
    data = r.take(169)
    if data[0] != 1:
        raise Refused("TRA-1", "UnsupportedVersion")
    return data


def choice(r, most):
    value = r.number(1)
    if not 1 <= value <= most:
        raise Refused("TRA-7")
    return value


def read_policy(r):
    text = r.take(r.number(1))
    if len(text) > 64 or not all(33 <= c <= 126 for c in text):
        raise Refused("TRA-7")
    return text


def read_redaction(r):
    number, asked_by, reason = r.number(4), choice(r, 3), choice(r, 5)
    policy, count = read_policy(r), choice(r, 64)
    targets = [read_target(r) for _ in range(count)]
    behind = zip(targets, targets[1:])
    if number == 0 or not all(a[0] < b[0] or a[0] == b[0] and a[1] + a[2] <= b[1] for a, b in behind):
        raise Refused("TRA-7")
    return {"number": number, "targets": targets}


def read_target(r):
    log, first, count, parts = choice(r, 2), r.number(8), r.number(4), r.number(2)
    if not count or not parts or first + count >= 1 << 64:
        raise Refused("TRA-7")
    return log, first, count, parts


def read_receipt(r):
    seq, policy, count = r.number(8), read_policy(r), choice(r, 64)
    return seq, policy, [choice(r, 4) for _ in range(count)]


def read_consent(r):
    step, policy, what = choice(r, 3), read_policy(r), r.take(r.number(1))
    try:
        return step, policy, what.decode()
    except UnicodeDecodeError:
        raise Refused("TRA-7") from None


def block(data):
    """seq, seen, seen_hash, salt, and the head's 152 bytes or nothing."""
    r = Reader(data)
    seq, seen, seen_hash, salt, has_head = r.number(8), r.number(8), r.take(32), r.take(32), r.number(1)
    if has_head > 1:
        raise Refused("TRA-5")
    head = r.take(152 * has_head)
    r.finish()
    return seq, seen, seen_hash, salt, head


# 9 · Export


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def line(value):
    return json.dumps(value, separators=(",", ":"))


def opening(mode, certs, starts):
    keys = [{"key": b64(s[33:65]), "sig": b64(s[65:])} for s in starts] if mode == SIGNED else []
    conv = {"accounts": [b64(c[1:33]) for c in certs], "nonces": [b64(s[1:33]) for s in starts]}
    return {"v": 1, "mode": mode, "conv": conv | {"certs": [b64(c) for c in certs], "tsks": keys}}


def document(begin, heads, items, growths):
    """A file from its entries, with the digest that fits."""
    sections = [(line(begin)[:-1] + ',"heads":[', heads), ('],"items":[', items), ('],"consistency":[', growths)]
    lines = []
    for title, entries in sections:
        lines += [title, *[line(entry) + "," * (entry is not entries[-1]) for entry in entries]]
    data = "".join(text + "\n" for text in lines).encode()
    return data + f'],"digest":"{b64(digest_of(data))}"}}\n'.encode()


def digest_of(data):
    digest = ZERO
    for text in lines_of(data):
        digest = HL("tr-file", digest + text)
    return digest


def lines_of(data):
    """With their ends; the last may have none."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


class Talk:
    """Two people with a transcript: everything that both know. For vectors."""

    def __init__(self, mode, people, nonces, seeds):
        self.mode, self.people = mode, sorted(people, key=lambda p: p.cert[1:33])
        self.certs = [p.cert for p in self.people]
        both = zip(self.people, self.people[::-1], nonces, seeds)
        self.starts = [start(mode, p, q.cert[1:33], nonce, seed) for p, q, nonce, seed in both]
        self.conv_id = conversation(self.certs, self.starts)
        key = mac_key(self.conv_id, nonces[0], nonces[1])
        self.keys = seeds if mode == SIGNED else [key, key]
        self.logs, self.parts, self.heads = ([], []), ([], []), []

    def device(self, side):
        return self.people[side].device_id

    def hashes(self, side):
        return [leaf_hash(entry) for entry in self.logs[side]]

    def say(self, side, frame_type, msg_id, text, time, salt, **changes):
        own, other = self.hashes(side), self.hashes(1 - side)
        parts = [(part_salt(salt, j), part) for j, part in enumerate(parts_of(frame_type, msg_id, text))]
        fields = dict(seq=len(own), prev=own[-1] if own else ZERO, seen=len(other))
        fields |= dict(seen_hash=other[-1] if other else ZERO, time=time)
        fields |= dict(cm=cm_of([part_commitment(j, s, part) for j, (s, part) in enumerate(parts)])) | changes
        self.logs[side].append(leaf(self.conv_id, self.device(side), **fields))
        self.parts[side].append(parts)

    def head(self, side, time, **changes):
        own, peer = self.hashes(side), self.hashes(1 - side)
        said = dict(own=(len(own), mth(own)), peer=(len(peer), mth(peer)), time=time) | changes
        data = self.conv_id + self.device(side) + claim(**said)
        return Head(data, head_auth(self.mode, self.keys[side], data))

    def seal(self, time, sides=(0, 1)):
        for side in sides:
            self.heads = [h for h in self.heads if h.device != self.device(side)] + [self.head(side, time)]
        self.heads.sort(key=lambda h: (h.device != self.device(0), h.place))

    def sizes(self, side):
        named = {h.own if h.device == self.device(side) else h.peer for h in self.heads}
        return sorted(named)

    def item(self, side, seq, end_of_run, hidden):
        entry = {"device": b64(self.device(side)), "seq": seq, "leaf": b64(self.logs[side][seq])}
        if end_of_run is not None:
            size = self.sizes(side)[-1][0]
            entry["proof"] = [b64(n) for n in run_nodes(self.hashes(side)[:size], end_of_run, seq + 1)]
        shown = []
        for j, (salt, data) in enumerate(self.parts[side][seq]):
            closed = {"j": j, "pc": b64(part_commitment(j, salt, data))}
            shown.append(closed if (side, seq, j) in hidden else {"j": j, "salt": b64(salt), "data": b64(data)})
        return entry | {"parts": shown}

    def items(self, chosen=None, hidden=()):
        found = []
        for side in (0, 1):
            size = self.sizes(side)[-1][0]
            seqs = [seq for seq in range(size) if chosen is None or (side, seq) in chosen]
            for seq in seqs:
                first = first if seq - 1 in seqs else seq
                found.append(self.item(side, seq, None if seq + 1 in seqs else first, hidden))
        return found

    def growths(self):
        found = []
        for side in (0, 1):
            sizes = [size for size, _ in self.sizes(side) if size]
            for old, new in zip(sizes, sizes[1:]):
                nodes = subproof(self.hashes(side)[:new], old)
                entry = {"device": b64(self.device(side)), "from": old, "to": new}
                found.append(entry | {"proof": [b64(n) for n in nodes]})
        return found

    def file(self, chosen=None, hidden=()):
        heads = [{"head": b64(h.data), "auth": b64(h.auth)} for h in self.heads]
        begin = opening(self.mode, self.certs, self.starts)
        return document(begin, heads, self.items(chosen, hidden), self.growths())

    def fork(self, heads, nodes=()):
        heads = [{"head": b64(h.data), "auth": b64(h.auth)} for h in heads]
        begin = opening(self.mode, self.certs, self.starts)
        return (line(begin | {"fork": heads, "proof": [b64(n) for n in nodes]}) + "\n").encode()


# 10 · Verification


def canonical(text, shape):
    """The value of a line, if it is written as `shape` has it."""
    try:
        value = json.loads(text)
    except ValueError:
        raise Refused("TRA-30") from None
    decoded = shape(value)
    if line(value).encode() != text:
        raise Refused("TRA-30")
    return decoded


def fields(value, *names):
    if not isinstance(value, dict) or tuple(value) != names:
        raise Refused("TRA-30")
    return [value[name] for name in names]


def raw(value, n=None):
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_-]*", value):
        raise Refused("TRA-30")
    try:
        data = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        raise Refused("TRA-30") from None
    if b64(data) != value or n not in (None, len(data)):
        raise Refused("TRA-30")
    return data


def raws(values, n, least=0, most=128):
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise Refused("TRA-30")
    return [raw(value, n) for value in values]


def integer(value, bits=64):
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise Refused("TRA-30")
    return value


def read_leaf_field(value):
    data = raw(value, 169)
    if data[0] != 1:
        raise Refused("TRA-30")
    return data


def shape_of_item(value):
    names = ["device", "seq", "leaf", "parts"]
    if isinstance(value, dict) and "proof" in value:
        names.insert(3, "proof")
    found = dict(zip(names, fields(value, *names)))
    parts = found["parts"]
    if not isinstance(parts, list):
        raise Refused("TRA-30")
    return {
        "device": raw(found["device"], 16),
        "seq": integer(found["seq"]),
        "leaf": read_leaf_field(found["leaf"]),
        "proof": raws(found["proof"], 32) if "proof" in found else None,
        "parts": [shape_of_part(j, part) for j, part in enumerate(parts)],
    }


def shape_of_part(j, value):
    if isinstance(value, dict) and "pc" in value:
        found, pc = fields(value, "j", "pc")
        shaped = raw(pc, 32), None, None
    else:
        found, salt, data = fields(value, "j", "salt", "data")
        shaped = None, raw(salt, 32), raw(data)
    if type(found) is not int or found != j:
        raise Refused("TRA-30")
    return shaped


def shape_of_head(value):
    data, auth = fields(value, "head", "auth")
    return Head(raw(data, 136), raw(auth, 64))


def shape_of_growth(value):
    device, old, new, proof = fields(value, "device", "from", "to", "proof")
    return raw(device, 16), integer(old), integer(new), raws(proof, 32)


def read_opening(value):
    """Mode, certificates and starts of a file's first line; nothing is verified."""
    v, mode, conv = value["v"], value["mode"], value["conv"]
    accounts, nonces, certs, tsks = fields(conv, "accounts", "nonces", "certs", "tsks")
    if integer(mode) not in (SIGNED, DENIABLE):
        raise Refused("TRA-30")
    accounts, nonces, certs = raws(accounts, 32, 2, 2), raws(nonces, 32, 2, 2), raws(certs, 177, 2, 2)
    if any(cert[0] != 1 for cert in certs) or not isinstance(tsks, list):
        raise Refused("TRA-30")
    if len(tsks) != (2 if mode == SIGNED else 0):
        raise Refused("TRA-30")
    keys = [raw(key, 32) + raw(sig, 64) for key, sig in (fields(tsk, "key", "sig") for tsk in tsks)]
    keys = keys or [bytes(96)] * 2
    return mode, accounts, certs, [u8(mode) + nonce + key for nonce, key in zip(nonces, keys)]


def verified_parties(mode, accounts, certs, starts):
    try:
        for cert in certs:
            strict.verify_cert(cert)
    except Refused:
        raise Refused("TRA-32") from None
    if [cert[1:33] for cert in certs] != accounts or accounts[0] >= accounts[1]:
        raise Refused("TRA-32")
    try:
        return conversation(certs, starts)
    except Refused as refused:
        raise Refused("TRA-33" if refused.check == "TRA-3" else "TRA-32") from None


class Verifier:
    """One file, line by line."""

    def __init__(self):
        self.stage, self.more, self.digest = "opening", None, ZERO
        self.heads, self.items, self.steps, self.tallied = [], ([], []), None, []
        self.side, self.run, self.numbers = 0, None, [0, 0]
        self.targets, self.misnumbered = [], ([], [])

    def feed(self, data):
        for text in lines_of(data):
            if len(text) > MAX_LINE:
                raise Refused("TRA-47")
            if not text.endswith(b"\n"):
                raise Refused("TRA-49")
            self.take(text)
        if self.stage != "done":
            raise Refused("TRA-49")
        return self.report()

    def take(self, text):
        inner = text[:-1]
        if self.stage == "consistency" and inner.startswith(b"]"):
            return self.take_end(inner)
        self.digest = HL("tr-file", self.digest + text)
        if inner.startswith(b"{") and self.stage != "opening":
            return self.take_entry(inner)
        if self.more:
            raise Refused("TRA-30")
        self.more = None
        self.take_section(inner)

    def take_entry(self, inner):
        if self.more is False:
            raise Refused("TRA-30")
        self.more = inner.endswith(b",")
        entry = inner[:-1] if self.more else inner
        takers = {"heads": self.take_head, "items": self.take_item, "consistency": self.take_growth}
        if self.stage not in takers:
            raise Refused("TRA-49")
        takers[self.stage](entry)

    def take_section(self, inner):
        if self.stage == "opening":
            self.open(inner)
            self.stage = "heads"
        elif self.stage == "heads" and inner == b'],"items":[':
            self.close_heads()
            self.stage = "items"
        elif self.stage == "items" and inner == b'],"consistency":[':
            self.end_log()
            self.steps = [step for side in (0, 1) for step in self.growths(side)]
            self.stage = "consistency"
        else:
            raise Refused("TRA-49" if self.stage == "done" else "TRA-30")

    def open(self, inner):
        version = re.match(rb'\{"v":(0|[1-9][0-9]*)', inner)
        if not version or int(version[1]) >= 1 << 64:
            raise Refused("TRA-30")
        if version[1] != b"1":
            raise Refused("TRA-31")
        tail = b',"heads":['
        if not inner.endswith(tail):
            # What stands before the tail decides first.
            self.read_parties(inner.split(tail)[0] + b"}")
            raise Refused("TRA-30")
        self.read_parties(inner[: -len(tail)] + b"}")

    def read_parties(self, text):
        def shape(value):
            fields(value, "v", "mode", "conv")
            return read_opening(value)

        self.mode, accounts, self.certs, self.starts = canonical(text, shape)
        self.conv_id = verified_parties(self.mode, accounts, self.certs, self.starts)
        self.devices = [k.device_id(cert) for cert in self.certs]
        self.mac = mac_key(self.conv_id, self.starts[0][1:33], self.starts[1][1:33])

    def is_authentic(self, side, head):
        if self.mode == SIGNED:
            return strict.verify(self.starts[side][33:65], "tr-head", head.data, head.auth)
        return head_auth(DENIABLE, self.mac, head.data) == head.auth

    def take_head(self, entry):
        head = canonical(entry, shape_of_head)
        if head.device not in self.devices or head.conv_id != self.conv_id:
            raise Refused("TRA-35")
        side = self.devices.index(head.device)
        if not self.is_authentic(side, head):
            raise Refused("TRA-34")
        if self.heads:
            last_side, last = self.heads[-1]
            if (last_side, last.place) >= (side, head.place):
                raise Refused("TRA-36")
            if last_side == side and contradict(last, head):
                raise Refused("TRA-37")
        self.heads.append((side, head))

    def named(self, side):
        return sorted({head.own if speaker == side else head.peer for speaker, head in self.heads})

    def close_heads(self):
        if not self.heads:
            raise Refused("TRA-36")
        self.trees = [self.named(side) for side in (0, 1)]
        for trees in self.trees:
            if len({size for size, _ in trees}) < len(trees) or (0, sha256(b"")) < min(trees) < (1, b""):
                raise Refused("TRA-37")
            if trees[0][0] == 0 and trees[0][1] != sha256(b""):
                raise Refused("TRA-37")
        most = lambda sizes: max(sizes, default=0)
        self.signed = [most(h.own[0] for s, h in self.heads if s == side) for side in (0, 1)]
        self.acknowledged = [most(h.peer[0] for s, h in self.heads if s != side) for side in (0, 1)]

    def take_item(self, entry):
        item = canonical(entry, shape_of_item)
        seq, data = item["seq"], item["leaf"]
        if item["device"] not in self.devices:
            raise Refused("TRA-39")
        side = self.devices.index(item["device"])
        if side < self.side:
            raise self.at("TRA-38", seq, side)
        if side > self.side:
            self.end_log()
            self.side = side
        r = Reader(data[1:])
        conv_id, device, number, prev = r.take(32), r.take(16), r.number(8), r.take(32)
        seen, seen_hash, time, cm = r.number(8), r.take(32), r.number(8), r.take(32)
        if (conv_id, device, number) != (self.conv_id, item["device"], seq):
            raise self.at("TRA-39", seq)
        self.check_parts(item["parts"], cm, seq)
        log = self.items[side]
        if log and log[-1]["seq"] >= seq:
            raise self.at("TRA-38", seq)
        if seq >= self.trees[side][-1][0]:
            raise self.at("TRA-43", seq)
        if seq == 0 and prev != ZERO:
            raise self.at("TRA-40", 0)
        self.go_on(log, seq, prev)
        log.append({"seq": seq, "hash": leaf_hash(data), "seen": seen, "seen_hash": seen_hash, "time": time})
        log[-1]["closed"] = sum(1 << j for j, (pc, _, _) in enumerate(item["parts"]) if pc)
        if item["proof"] is not None:
            self.close_run(log, item["proof"])
        self.count_redaction(item["parts"], seq)

    def at(self, check, seq, side=None):
        refused = Refused(check)
        refused.entry = self.devices[self.side if side is None else side], seq
        return refused

    def check_parts(self, parts, cm, seq):
        try:
            found = cm_of([pc or part_commitment(j, salt, data) for j, (pc, salt, data) in enumerate(parts)])
        except Refused:
            raise self.at("TRA-42", seq) from None
        if found != cm:
            raise self.at("TRA-41", seq)
        if not self.is_message([data for _, _, data in parts]):
            raise self.at("TRA-42", seq)

    def is_message(self, parts):
        if len(parts) > 2:
            return False
        first = parts[0]
        if first is None:
            return True
        if len(first) < 17 or first[0] not in LOGGED or (first[0] == 4) != (len(parts) == 2):
            return False
        if first[0] == 4:
            return len(first) == 17
        if first[0] != 5:
            return True
        try:
            return body(first[17:])[0] >= 6
        except Refused:
            return False

    def go_on(self, log, seq, prev):
        follows = bool(log) and log[-1]["seq"] + 1 == seq
        if self.run is not None and not follows:
            raise self.at("TRA-43", log[-1]["seq"] + 1)
        if self.run is None and follows:
            raise self.at("TRA-43", seq)
        if self.run is None:
            self.run = {"start": len(log), "broken": None}
        elif log[-1]["hash"] != prev and not self.run["broken"]:
            self.run["broken"] = len(log), prev

    def close_run(self, log, nodes):
        start, broken, self.run = self.run["start"], self.run["broken"], None
        size, root = self.trees[self.side][-1]
        first, hashes = log[start]["seq"], [entry["hash"] for entry in log[start:]]
        if broken:
            place, prev = broken
            hashes[place - 1 - start] = prev
            is_before = root_of_run(hashes, first, size, nodes) == root
            raise self.at("TRA-40", log[place - 1 if is_before else place]["seq"])
        if root_of_run(hashes, first, size, nodes) != root:
            raise self.at("TRA-43", log[-1]["seq"])

    def count_redaction(self, parts, seq):
        data = parts[0][2]
        if data is None or data[:1] != u8(5) or data[17] != 6:
            return
        redaction = body(data[17:])[1]
        if redaction["number"] <= self.numbers[self.side]:
            self.misnumbered[self.side].append(seq)  # TRA-46
        self.numbers[self.side] = max(redaction["number"], self.numbers[self.side])
        for log, first, count, mask in redaction["targets"]:
            self.targets.append((self.side if log == 1 else 1 - self.side, first, count, mask))

    def end_log(self):
        if self.run is not None:
            raise self.at("TRA-43", self.items[self.side][-1]["seq"] + 1)

    def growths(self, side):
        trees = [tree for tree in self.trees[side] if tree[0]]
        return [(self.devices[side], *pair) for pair in zip(trees, trees[1:])]

    def take_growth(self, entry):
        device, old, new, nodes = canonical(entry, shape_of_growth)
        if not self.steps:
            raise Refused("TRA-44")
        due, (old_size, old_root), (new_size, new_root) = self.steps.pop(0)
        if (device, old, new) != (due, old_size, new_size):
            raise Refused("TRA-44")
        if roots_of_subproof(old, new, nodes, old_root) != (old_root, new_root):
            raise Refused("TRA-44")

    def take_end(self, inner):
        if self.more:
            raise Refused("TRA-30")
        found = re.fullmatch(rb'\],"digest":"([A-Za-z0-9_-]*)"\}', inner)
        digest = raw(found[1].decode(), 32) if found else raw(None)
        if self.steps:
            raise Refused("TRA-44")
        if digest != self.digest:
            raise Refused("TRA-45")
        self.stage = "done"

    def report(self):
        entries = [(side, entry) for side in (0, 1) for entry in self.items[side]]
        closed = [(side, entry) for side, entry in entries if entry["closed"]]
        times = [entry["time"] for _, entry in entries]
        count = lambda sizes: sum(entry["seq"] < sizes[side] for side, entry in entries)
        return {
            "mode": self.mode,
            "conv_id": self.conv_id.hex(),
            "accounts": [cert[1:33].hex() for cert in self.certs],
            "devices": [device.hex() for device in self.devices],
            "has_signed": [any(speaker == side for speaker, _ in self.heads) for side in (0, 1)],
            "entries": len(entries),
            "redacted": len(closed),
            "announced": sum(self.is_announced(side, entry) for side, entry in closed),
            "redactions": self.numbers,
            "span": [min(times), max(times)] if times else None,
            "signed": count(self.signed),
            "acknowledged": count(self.acknowledged),
            "checkpoint": [trees[-1][0] for trees in self.trees],
            "missing": [range_ for side in (0, 1) for range_ in self.missing(side)],
            "contradictions": [found for side in (0, 1) for found in self.contradictions(side)],
            "digest": self.digest.hex(),
        }

    def is_announced(self, side, entry):
        covering = [t for t in self.targets if t[0] == side and 0 <= entry["seq"] - t[1] < t[2]]
        covered = 0
        for *_, mask in covering:
            covered |= mask
        return covered & entry["closed"] == entry["closed"]

    def missing(self, side):
        found, following = [], 0
        for seq in [entry["seq"] for entry in self.items[side]] + [self.trees[side][-1][0]]:
            if seq > following:
                found.append([side, following, seq - following])
            following = seq + 1
        return found

    def contradictions(self, side):
        other = {entry["seq"]: entry["hash"] for entry in self.items[1 - side]}
        found, last, told = set(self.misnumbered[side]), 0, None
        for entry in self.items[side]:
            seen, seen_hash = entry["seen"], entry["seen_hash"]
            if seen < last:
                found.add(entry["seq"])
                continue
            last = seen
            expected = other.get(seen - 1, seen_hash) if seen else ZERO
            if seen_hash != expected and (seen, seen_hash) != told:
                found.add(entry["seq"])
            if seen or seen_hash != ZERO:
                told = seen, seen_hash
        return [[side, seq] for seq in sorted(found)]


def verify(data):
    """What a file proves."""
    return Verifier().feed(data)


def verify_fork(data):
    """The device that has forked, of a proof of one line."""
    if not data.endswith(b"\n"):
        raise Refused("TRA-30")
    verifier = Verifier()

    def shape(value):
        fields(value, "v", "mode", "conv", "fork", "proof")
        return value

    version = re.match(rb'\{"v":(0|[1-9][0-9]*)', data)
    if not version:
        raise Refused("TRA-30")
    value = canonical(data[:-1], shape)
    if value["v"] != 1 or not isinstance(value["fork"], list) or len(value["fork"]) != 2:
        raise Refused("TRA-30")
    begin = {name: value[name] for name in ("v", "mode", "conv")}
    verifier.read_parties(line(begin).encode())
    heads = [shape_of_head(head) for head in value["fork"]]
    nodes = raws(value["proof"], 32)
    if heads[0].device not in verifier.devices:
        raise Refused("TRA-35")
    if any((h.device, h.conv_id) != (heads[0].device, verifier.conv_id) for h in heads):
        raise Refused("TRA-35")
    side = verifier.devices.index(heads[0].device)
    if not all(verifier.is_authentic(side, head) for head in heads) or not proves(heads, nodes):
        raise Refused("TRA-48")
    return heads[0].device


def proves(heads, nodes):
    less, more = heads
    if not nodes:
        return contradict(less, more)
    for (old, root), (new, new_root) in ((less.own, more.own), (less.peer, more.peer)):
        found = roots_of_subproof(old, new, nodes)
        if found and found[1] == new_root and found[0] != root:
            return True
    return False


# 11 · Reports


def tag(kid, key, fc, to, sender, time):
    return u8(kid) + HM(key, "frank-tag", fc + to + sender + u64(time))


def verify_report(data, keys):
    """The frame of a report; `keys` by their ids."""
    if not 169 <= len(data) <= 65_535 + 169:
        raise Refused("TRA-50")
    frame, r = data[:-169], Reader(data[-169:])
    fk, fc, to, sender, time, found = r.take(32), r.take(32), r.take(32), r.take(32), r.number(8), r.take(33)
    if found[0] not in keys or tag(found[0], keys[found[0]], fc, to, sender, time) != found:
        raise Refused("TRA-52")
    if HM(fk, "frank", frame) != fc:
        raise Refused("TRA-51")
    return frame


# 13 · Example


def example():
    """Name and value of the chapter's example bytes."""
    issued = 1_760_000_000_000
    alice = k.make_identity(b"\x11" * 32, b"\x12" * 32, b"\x13" * 32, issued)
    bob = k.make_identity(b"\x21" * 32, b"\x22" * 32, b"\x23" * 32, issued)
    people = sorted((alice, bob), key=lambda person: person.cert[1:33])
    order = [people.index(alice), people.index(bob)]
    nonces, seeds = [b"", b""], [b"", b""]
    for side, nonce, seed in zip(order, (b"\x31" * 32, b"\x32" * 32), (b"\x33" * 32, b"\x34" * 32)):
        nonces[side], seeds[side] = nonce, seed
    talk = Talk(SIGNED, people, nonces, seeds)
    deniable = Talk(DENIABLE, people, nonces, seeds)
    msg_id, salt, text = bytes(range(16)), b"\x35" * 32, b"Tea at four?"
    talk.say(order[0], 1, msg_id, text, issued, salt)
    entry = talk.logs[order[0]][0]
    head = talk.head(order[0], issued)
    s_0 = part_salt(salt, 0)
    return [
        ("Alice's start", talk.starts[order[0]]),
        ("conv_id", talk.conv_id),
        ("mode 2: conv_id", deniable.conv_id),
        ("mode 2: mac_key", deniable.keys[0]),
        ("s_0", s_0),
        ("pc_0", part_commitment(0, s_0, u8(1) + msg_id + text)),
        ("cm", entry[137:]),
        ("leaf", entry),
        ("leaf_hash", leaf_hash(entry)),
        ("head", head.data),
        ("head_auth", head.auth),
    ]


def example_text():
    rows = []
    for name, value in example():
        digits = value.hex()
        pieces = [digits[i : i + 64] for i in range(0, len(digits), 64)]
        rows += [f"{name if i == 0 else '':<16} {piece}" for i, piece in enumerate(pieces)]
    return "\n".join(rows)


def check(writes):
    from transcript_cases import SAMPLES, samples

    differing = [] if example_text() in (SPEC / "06-transcript.md").read_text() else ["the example of chapter 06"]
    for name, data in samples():
        verify(data)
        path = SAMPLES / name
        if writes:
            path.write_bytes(data)
        differing += [] if path.exists() and path.read_bytes() == data else [name]
    print("\n".join(f"differs: {name}" for name in differing) or "the example and the files are as computed")
    return bool(differing)


def main(arguments):
    if arguments[:1] == ["--example"]:
        print(example_text())
        return 0
    if arguments[:1] in (["--check"], ["--write"]):
        return check(arguments[0] == "--write")
    code = 0
    for name in arguments:
        try:
            report = verify(pathlib.Path(name).read_bytes())
            print(f"{name}: {line(report)}")
        except Refused as refused:
            device, seq = getattr(refused, "entry", (b"", ""))
            print(f"{name}: refused {refused.check} {device.hex()} {seq}".rstrip())
            code = 3
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
