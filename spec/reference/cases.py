"""The single steps: one file of vectors for each chapter, positives and negatives."""

import kuvert as k
import mlkem
import ops
import patches
import strict
from kuvert import u8, u16, u32, u64
from strict import DAY, Refused

NOW = 1_760_000_000_000
NAMES = ("alice", "bob", "carol")


class Random:
    """n bytes at a time of SHA-256(name || u32 counter). It has to be the same every time, and nothing more."""

    def __init__(self, name):
        self.name, self.counter = name.encode(), 0

    def __call__(self, n):
        blocks = b""
        while len(blocks) < n:
            blocks += k.sha256(self.name + u32(self.counter))
            self.counter += 1
        return blocks[:n]


class File:
    """The cases of one file. What is expected is computed, what is refused has to be refused by the named check."""

    def __init__(self, name, about):
        self.name, self.about, self.cases, self.plain = name, about, [], {}

    def good(self, name, op, like=None, **inputs):
        case = {"op": op, **as_json(inputs)}
        self.add(name, case, ops.answer(case), None, like)

    def bad(self, name, op, refusal, like=None, **inputs):
        case = {"op": op, **as_json(inputs)}
        check = refusal if "-" in refusal else None
        try:
            answered = ops.answer(case)
        except Refused as refused:
            assert refusal in (refused.check, refused.error), f"{name}: {refused} instead of {refusal}"
            return self.add(name, case, {"error": refused.error}, check, like)
        raise AssertionError(f"{name}: not refused, but {answered}")

    def add(self, name, case, expect, check, like):
        assert name not in self.plain, name
        base = self.plain.get(like, {})
        self.plain[name] = case
        short = {field: patches.shorten(value, base.get(field), like) for field, value in case.items()}
        self.cases.append({"name": name, **short, "expect": expect, **({"check": check} if check else {})})

    def misshapen(self, name, fields):
        """Three ways in which a known-answer question can be malformed: a byte short, a byte long, missing."""
        op = self.plain[name]["op"]
        case = {field: value for field, value in self.plain[name].items() if field != "op"}
        first = fields[0]
        value = case[first]
        shapes = [(case | {first: value[2:]}, f"{first}, a byte short")] if isinstance(value, str) else []
        shapes += [(case | {first: value + "00"}, f"{first}, a byte long")] if isinstance(value, str) else []
        for field in fields:
            shapes.append(({f: v for f, v in case.items() if f != field}, f"without {field}"))
            shapes.append((case | {field: "zz"}, f"{field} is not what it should be"))
        for shaped, how in shapes:
            self.bad(f"{name}: {how}", op, "Malformed", like=name, **shaped)

    def document(self):
        return {"about": self.about, "cases": self.cases}


def as_json(inputs):
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in inputs.items()}


def conventions():
    f = File("00-conventions", "Chapter 00: labels, hashes, MACs, key derivation, addresses")
    r = Random("conventions")
    for s in ("test", "a b", "no-such-label", ""):
        f.good(f"label {s!r}", "label", s=s)
        f.bad(f"label {s!r} and too long", "label", "Malformed", s=s.ljust(246, "x"))
        f.bad(f"label {s!r} and not ASCII", "label", "Malformed", s=s + "é")
        f.bad(f"label {s!r} as a list", "label", "Malformed", s=[s])
    for n in (0, 3, 64, 200):
        f.good(f"hl of {n} bytes", "hl", s="test", x=r(n))
        f.bad(f"hl of {n} bytes: label too long", "hl", "Malformed", s="t" * 246, x=r(n))
        f.bad(f"hl of {n} bytes: x is not hex", "hl", "Malformed", s="test", x="x" * (2 * n + 2))
        f.bad(f"hl of {n} bytes: odd hex", "hl", "Malformed", s="test", x=r(n).hex() + "0")
    for n in (0, 16, 32, 64, 65, 200):
        f.good(f"hm with a key of {n} bytes", "hm", k=r(n), s="test", x=r(20))
        f.bad(f"hm with a key of {n} bytes: label too long", "hm", "Malformed", k=r(n), s="t" * 246, x=r(20))
        f.bad(f"hm with a key of {n} bytes: x is missing", "hm", "Malformed", k=r(n), s="test")
        f.bad(f"hm with a key of {n} bytes: odd hex", "hm", "Malformed", k=r(n).hex() + "0", s="test", x=b"")
    for n in (0, 1, 16, 32, 33, 500):
        key = r(32)
        f.good(f"xl of {n} bytes", "xl", k=key, s="test", ctx=r(n % 7), n=n)
        f.bad(f"xl of {n} bytes: key a byte short", "xl", "Malformed", k=key[1:], s="test", ctx=b"", n=n)
        f.bad(f"xl of {n} bytes: key a byte long", "xl", "Malformed", k=key + b"\0", s="test", ctx=b"", n=n)
        f.bad(f"xl of {n} bytes and too many", "xl", "Malformed", k=key, s="test", ctx=b"", n=8161 + n)
    addresses(f, r)
    return f


def addresses(f, r):
    hosts = ["relay.example", "relay.example:8443", "127.0.0.1:4000", "localhost", "[::1]:9000", "10.0.0.7:80"]
    for host in hosts:
        name = k.base32(r(32))
        text = f"kuvert://{host}/{name}"
        f.good(f"address at {host}", "address", text=text)
        wrong = {
            "upper case": text.upper(),
            "id in upper case": f"kuvert://{host}/{name.upper()}",
            "another scheme": "https" + text[6:],
            "a character short": text[:-1],
            "a character long": text + "a",
            "unused bits": text[:-1] + chr(ord(name[-1]) + 1) if name[-1] != "q" else text[:-1] + "b",
            "a slash behind": text + "/",
            "an empty host": f"kuvert:///{name}",
            "a zero before the port": f"kuvert://{host.split(':')[0].strip('[') or 'x'}:08/{name}",
            "port 65536": f"kuvert://relay.example:65536/{name}",
        }
        for how, spelling in list(wrong.items())[: 10 if host == hosts[0] else 7]:
            f.bad(f"address at {host}: {how}", "address", "COD-6", text=spelling)
    for host in (
        "relay.example:443",
        "localhost:80",
        "127.0.0.1:80",
        "Relay.example",
        "user@relay.example",
        "a b",
    ):
        f.bad(f"address at {host}", "address", "COD-6", text=f"kuvert://{host}/{name}")


def identities():
    f = File("01-identity", "Chapter 01: identifiers, certificates, safety numbers")
    r = Random("identities")
    a, b = r(32), r(32)
    f.good("account id", "account_id", account_pk=a)
    f.misshapen("account id", ["account_pk"])
    f.good("device id", "device_id", sig_pk=a, dh_pk=b)
    f.misshapen("device id", ["sig_pk", "dh_pk"])
    for name, (x, y) in {
        "safety number": (a, b),
        "the same from the other side": (b, a),
        "with oneself": (a, a),
    }.items():
        f.good(name, "safety", a=x, b=y)
        f.misshapen(name, ["a", "b"])
    digits = k.safety_number(a, b)
    for name, typed in {
        "as shown": digits,
        "in one piece": digits.replace(" ", ""),
        "lines": digits.replace(" ", "\n"),
    }.items():
        f.good(f"compared {name}", "safety_compare", a=a, b=b, digits=typed)
        last = "1" if typed[-1] == "0" else "0"
        wrong = {
            "last digit": typed[:-1] + last,
            "half": typed[: len(typed) // 2],
            "twice": typed * 2,
            "another": k.safety_number(a, r(32)),
        }
        for how, other in wrong.items():
            f.bad(f"compared {name}: {how}", "safety_compare", "IDN-5", a=a, b=b, digits=other)
    for name in NAMES[:2]:
        certificate(f, name)
    return f


def certificate(f, name):
    who = seeds(name)
    f.good(f"identity of {name}", "identity", **who)
    f.misshapen(f"identity of {name}", ["account", "device", "issued"])
    own = ops.owner(ops.Inputs(as_json(who))).cert
    title = f"certificate of {name}"
    f.good(title, "cert", cert=own)

    def signed(body, seed=who["account"]):
        return body + k.Sig(seed, "sig device", body)

    wrong = {
        "a byte short": ("COD-1", own[:-1]),
        "a byte long": ("COD-2", own + b"\0"),
        "empty": ("COD-1", b""),
        "version 2": ("COD-3", signed(b"\2" + own[1:113])),
        "issued changed": ("IDN-1", flipped(own, 104, 1)),
        "signature changed": ("IDN-1", flipped(own, 113, 1)),
        "signed by another": ("IDN-1", signed(own[:113], seeds("carol")["account"])),
        "signed under another label": ("IDN-1", own[:113] + k.Sig(who["account"], "sig medium-prekey", own[:113])),
        "signed without the label": ("IDN-1", own[:113] + raw_signature(who["account"], own[:113])),
        "another account": ("IDN-1", own[:1] + k.sig_pk(seeds("carol")["account"]) + own[33:]),
        "S not reduced": (
            "IDN-1",
            own[:145] + (int.from_bytes(own[145:], "little") + strict.ED_L).to_bytes(32, "little"),
        ),
        "small-order account key": ("IDN-1", small_order_signature(own)),
    }
    for how, (check, data) in wrong.items():
        f.bad(f"{title}: {how}", "cert", check, like=title, cert=data)
    for i, point in enumerate(SMALL_ORDER_X25519):
        f.bad(
            f"{title}: dh_pk of small order {i}",
            "cert",
            "IDN-4",
            like=title,
            cert=signed(own[:65] + point + own[97:113]),
        )


SMALL_ORDER_X25519 = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
    bytes(31) + b"\x80",
]


def raw_signature(seed, x):
    return k.Ed25519PrivateKey.from_private_bytes(seed).sign(x)


def small_order_signature(own):
    """The account key is the neutral element: with R neutral and S = 0, the equation holds for every message."""
    neutral = b"\1" + bytes(31)
    return own[:1] + neutral + own[33:113] + neutral + bytes(32)


def flipped(data, at, xor=1):
    return data[:at] + bytes([data[at] ^ xor]) + data[at + 1 :]


def seeds(name):
    r = Random(f"identity of {name}")
    return {"account": r(32), "device": r(32), "dh": r(32), "issued": NOW}


def prekeys():
    f = File("02-prekeys", "Chapter 02: bundles, made and verified")
    r = Random("prekeys")
    for name in NAMES[:2]:
        who, medium, one_time = seeds(name), prekey_secrets(r, 7, NOW), prekey_secrets(r, 9)
        for kind, extra in (("both prekeys", {"one_time": one_time}), ("the medium prekey", {})):
            title = f"{name}'s bundle with {kind}"
            f.good(title, "bundle", **who, medium=medium, **extra)
            f.misshapen(title, ["account", "dh"])
            made = bytes.fromhex(ops.answer(f.plain[title])["bundle"])
            verified(f, f"verified: {title}", made, ops.owner(ops.Inputs(as_json(who))))
    return f


def prekey_secrets(r, number, created=None):
    secrets = {"id": number, "x": r(32).hex(), "seed": r(64).hex()}
    return secrets | ({"created": created} if created is not None else {})


def verified(f, title, made, who):
    account, ot = k.account_id(who.cert[1:33]), len(made) > 1862
    f.good(title, "bundle_verify", bundle=made, account_id=account, now=NOW)
    for how, now in {"on its last day": NOW + 15 * DAY, "by a slow clock": NOW - DAY}.items():
        f.good(f"{title}: {how}", "bundle_verify", like=title, bundle=made, account_id=account, now=now)

    def bad(how, check, data=made, now=NOW, expected=account):
        f.bad(f"{title}: {how}", "bundle_verify", check, like=title, bundle=data, account_id=expected, now=now)

    def with_medium(body, label="sig medium-prekey", seed=who.device, device=who.device_id):
        return made[:177] + body + k.Sig(seed, label, device + body) + made[1861:]

    body = made[177:1797]
    bad("a byte short", "COD-1", made[:-1])
    bad("a byte long", "COD-2", made + b"\0")
    bad("cut within the certificate", "COD-1", made[:100])
    bad("has_ot is 2", "PRE-3", made[:1861] + b"\2" + made[1862:])
    bad("has_ot turned", "COD-2" if ot else "COD-1", flipped(made, 1861))
    bad("certificate altered", "IDN-1", flipped(made, 100))
    bad("of another account", "IDN-2", expected=bytes(32))
    bad("medium prekey altered", "PRE-1", flipped(made, 500))
    bad("medium signature altered", "PRE-1", flipped(made, 1800))
    bad("medium prekey of another device", "PRE-1", with_medium(body, device=bytes(16)))
    bad("medium prekey signed as one-time", "PRE-1", with_medium(body, "sig onetime-prekey"))
    bad("medium id 0", "PRE-4", with_medium(bytes(4) + body[4:]))
    bad("a moment too late", "PRE-7", now=NOW + 15 * DAY + 1)
    bad("a moment too early", "PRE-8", now=NOW - DAY - 1)
    bad("term of 14 days and a moment", "PRE-9", with_medium(body[:12] + u64(NOW + 14 * DAY + 1) + body[20:]))
    bad("term that ends before it begins", "PRE-9", with_medium(body[:12] + u64(NOW - 1) + body[20:]))
    bad("medium ek over the modulus", "PRE-10", with_medium(body[:52] + b"\xff\xff\xff" + body[55:]))
    for i, point in enumerate(SMALL_ORDER_X25519[:3] + SMALL_ORDER_X25519[-1:]):
        bad(f"medium x of small order {i}", "PRE-12", with_medium(body[:20] + point + body[52:]))
    if ot:
        bad_one_times(bad, made, who)


def bad_one_times(bad, made, who):
    body = made[1862:-64]

    def with_one_time(body, label="sig onetime-prekey"):
        return made[:1862] + body + k.Sig(who.device, label, who.device_id + body)

    bad("one-time prekey altered", "PRE-2", flipped(made, 2500))
    bad("one-time prekey signed as medium", "PRE-2", with_one_time(body, "sig medium-prekey"))
    bad("one-time id 0", "PRE-5", with_one_time(bytes(4) + body[4:]))
    bad("both ids the same", "PRE-6", with_one_time(made[177:181] + body[4:]))
    bad("one-time ek over the modulus", "PRE-11", with_one_time(body[:36] + b"\xff\xff\xff" + body[39:]))
    for i, point in enumerate(SMALL_ORDER_X25519[:2]):
        bad(f"one-time x of small order {i}", "PRE-13", with_one_time(body[:4] + point + body[36:]))


def agreement():
    f = File("03-agreement", "Chapter 03: the key schedule, and the prefix of a first message")
    r = Random("agreement")
    alice, bob = (ops.owner(ops.Inputs(as_json(seeds(name)))) for name in ("alice", "bob"))
    medium = k.medium_prekey(bob, 7, NOW, r(32), r(64))
    one_time = k.one_time_prekey(bob, 9, r(32), r(64))
    for name, ot in (("with a one-time prekey", one_time.public), ("without a one-time prekey", b"")):
        ek, coins = r(32), r(32)
        keys, prefix = k.initiate(alice, bob.cert, medium.public, ot, ek, coins)
        pair = ot[36:1604] if ot else medium.public[52:1620]
        ct, ss = mlkem.encapsulate(1024, pair, coins)
        dhs = {"dh2": k.dh(ek, bob.cert[65:97]), "dh3": k.dh(ek, medium.public[20:52])}
        dhs |= {"dh4": k.dh(ek, ot[4:36])} if ot else {"dh4": ""}
        dhs |= {"dh1": k.dh(alice.dh, medium.public[20:52]), "dh5": k.dh(alice.dh, bob.cert[65:97])}
        inputs = dict(
            suite=1,
            cert_a=alice.cert,
            cert_b=bob.cert,
            medium=medium.public,
            ot=ot,
            ek=k.dh_pk(ek),
            ct=ct,
            ss=ss,
            **dhs,
        )
        title = f"key schedule {name}"
        f.good(title, "kx", **inputs)
        bad_schedules(f, title, inputs, bool(ot))
        bad_prefixes(f, f"prefix {name}", prefix)
    return f


def bad_schedules(f, title, inputs, ot):
    f.bad(f"{title}: suite 2", "kx", "UnsupportedVersion", like=title, **inputs | {"suite": 2})
    for field in ("cert_a", "cert_b", "medium", "ct", "ek", "ss", "dh1", "dh5"):
        f.bad(
            f"{title}: {field} a byte short", "kx", "Malformed", like=title, **inputs | {field: inputs[field][:-1]}
        )
    other = {"dh4": ""} if ot else {"dh4": bytes(32)}
    f.bad(f"{title}: {'no' if ot else 'a'} DH4", "kx", "Malformed", like=title, **inputs | other)
    half = {"ot": b""} if ot else {"ot": inputs["medium"][:1668]}
    f.bad(f"{title}: {'no' if ot else 'a'} prekey beside it", "kx", "Malformed", like=title, **inputs | half)


def bad_prefixes(f, title, prefix):
    f.good(title, "prefix", prefix=prefix)
    wrong = {
        "a byte short": ("COD-1", prefix[:-1]),
        "a byte long": ("COD-2", prefix + b"\0"),
        "suite 0": ("AGR-1", b"\0\0" + prefix[2:]),
        "suite 2": ("AGR-1", b"\0\2" + prefix[2:]),
        "medium id 0": ("PRE-4", prefix[:2] + bytes(4) + prefix[6:]),
    }
    for how, (check, data) in wrong.items():
        f.bad(f"{title}: {how}", "prefix", check, like=title, prefix=data)


def ratchet():
    f = File("04-ratchet", "Chapter 04: chain and root steps, headers, the post-quantum epoch, the erasure code")
    r = Random("ratchet")
    for n in (0, 5, 2**20 - 1):
        f.good(f"chain step {n}", "chain_step", ck=r(32), n=n)
        f.misshapen(f"chain step {n}", ["ck", "n"])
    for name, mix, mixed in (("without a mix", b"", 0), ("with a mix", r(32), 1), ("far on", r(32), 2**32 - 1)):
        inputs = dict(rk=r(32), dh=r(32), mix=mix, session_id=r(16), ratchet_pk=r(32), pq_mixed=mixed)
        f.good(f"root step {name}", "root_step", **inputs)
        f.misshapen(f"root step {name}", ["rk", "session_id"])
    headers(f, r)
    for e in (1, 2):
        ek = mlkem.encapsulation_key(768, r(64))
        ct, ss = mlkem.encapsulate(768, ek, r(32))
        inputs, title = dict(pqs=r(32), e=e, ek=ek, ct=ct, ss=ss), f"epoch {e}"
        f.good(title, "pq_epoch", **inputs)
        f.bad(f"{title}: number 0", "pq_epoch", "Malformed", like=title, **inputs | {"e": 0})
        for field in ("pqs", "ek", "ct", "ss"):
            f.bad(
                f"{title}: {field} a byte short",
                "pq_epoch",
                "Malformed",
                like=title,
                **inputs | {field: inputs[field][:-1]},
            )
            f.bad(
                f"{title}: {field} a byte long",
                "pq_epoch",
                "Malformed",
                like=title,
                **inputs | {field: inputs[field] + b"\0"},
            )
    erasure(f, r)
    return f


def headers(f, r):
    pk = r(32)
    idle = u8(0) + u32(0) + u8(1) + bytes(129)
    one = u8(1) + u32(3) + u8(1) + u8(254) + r(128)
    ten = u8(2) + u32(4) + u8(10) + b"".join(u8(i) + r(128) for i in range(10))
    for name, fields in (("with nothing", idle), ("with a fragment", one), ("of a burst", ten)):
        title, head = f"header {name}", pk + u32(7) + u32(3) + u32(2)
        f.good(title, "header", header=head + fields)

        def bad(how, check, data):
            f.bad(f"{title}: {how}", "header", check, like=title, header=head + data)

        bad("a byte short", "COD-1", fields[:-1])
        bad("a byte long", "COD-2", fields + b"\0")
        bad("kind 3", "RAT-5", u8(3) + fields[1:])
        bad("2 fragments", "RAT-3", fields[:5] + u8(2) + fields[6:])
        bad("no fragments", "RAT-3", fields[:5] + u8(0))
        bad("index 255", "RAT-4", fields[:6] + u8(255) + fields[7:])
        if fields[0]:
            bad("epoch 0", "RAT-6", fields[:1] + u32(0) + fields[5:])
        else:
            bad("nothing, of an epoch", "RAT-6", fields[:1] + u32(1) + fields[5:])
            bad("nothing, with an index", "RAT-6", fields[:6] + u8(1) + fields[7:])
            bad("nothing, with a byte in it", "RAT-6", fields[:-1] + u8(1))
            bad("ten times nothing", "RAT-6", fields[:5] + u8(10) + bytes(1290))


def erasure(f, r):
    objects = {"ekobj": r(1216), "ctobj": r(1120), "one fragment": r(128), "padding of 127": r(129)}
    for name, obj in objects.items():
        needed = -(-len(obj) // 128)
        for x in (0, needed, 254):
            title = f"fragment {x} of {name}"
            f.good(title, "rs_fragment", like=f"fragment 0 of {name}", obj=obj, x=x)
            for wrong in (255, 256, -1):
                f.bad(
                    f"{title}: {wrong} instead",
                    "rs_fragment",
                    "Malformed",
                    like=f"fragment 0 of {name}",
                    obj=obj,
                    x=wrong,
                )
        points = [254 - 3 * i for i in range(needed)]
        known = [[x, k.fragment(obj, x).hex()] for x in points]
        title, length = f"{name} from late fragments", len(obj)
        f.good(title, "rs_decode", len=length, fragments=known)
        f.good(f"{title}, one of them twice", "rs_decode", len=length, fragments=known[:1] + known)
        padded = obj.ljust(needed * 128, b"\0")
        for how, wrong in {
            "one too few": known[1:],
            "one twice instead of another": known[:-1] + known[:1] if needed > 1 else [],
            "one index with two data": known + [[points[0], flipped(bytes.fromhex(known[0][1]), 5).hex()]],
            "index 255": [[255, known[0][1]]] + known[1:],
            "a short one": [[points[0], known[0][1][:-2]]] + known[1:],
            "a long one": [[points[0], known[0][1] + "00"]] + known[1:],
        }.items():
            f.bad(f"{title}: {how}", "rs_decode", "Malformed", len=length, fragments=wrong)
        if len(padded) != length:
            dirty = padded[:-1] + b"\1"
            f.bad(
                f"{title}: padding",
                "rs_decode",
                "RAT-23",
                len=length,
                fragments=[[x, k.fragment(dirty, x).hex()] for x in points],
            )


def messages():
    f = File("05-messages", "Chapter 05: padding, sealing, franking, envelopes, frames and bodies")
    r = Random("messages")
    for length in (0, 1, 255, 256, 257, 1000, 5000, 65_536):
        f.good(f"class of {length}", "padme", l=length)
        for how, value in (("a text", str(length)), ("negative", -1 - length), ("a fraction", length + 0.5)):
            f.bad(f"class of {length}: {how}", "padme", "Malformed", l=value)
    frames = {
        "a text": k.frame(1, NOW, r(16), b"Tea at four?"),
        "nothing": b"",
        "255 bytes": r(255),
        "256 bytes": r(256),
    }
    for name, content in frames.items():
        sealed(f, r, name, content)
    envelopes(f, r)
    frame_layouts(f, r)
    bodies(f, r)
    return f


def sealed(f, r, name, content):
    mk, salt = r(32), r(16)
    f.good(f"franking of {name}", "frank", mk=mk, salt=salt, frame=content)
    f.misshapen(f"franking of {name}", ["mk", "salt"])
    for kind, eh_len in ((1, 195), (2, 1356)):
        title = f"seal {name}, kind {kind}"
        common = dict(mk=mk, kind=kind, hnonce=r(12), eh=r(eh_len), salt=salt)
        f.good(title, "seal", **common, frame=content)
        f.misshapen(title, ["hnonce", "salt"])
        f.bad(f"{title}: kind 3", "seal", "Malformed", like=title, **common | {"kind": 3}, frame=content)
        opened(f, title.replace("seal", "open"), common, content)


def opened(f, title, common, content):
    out = k.seal(*(common[field] for field in ("mk", "kind", "hnonce", "eh", "salt")), content)
    parts = dict(com=out[16:48], fc=out[48:80], ct=out[80:])
    f.good(title, "open", **common, **parts)

    def bad(how, check, **changed):
        f.bad(f"{title}: {how}", "open", check, like=title, **common | parts | changed)

    for field in ("hnonce", "eh", "salt", "fc", "com", "mk"):
        bad(f"{field} altered", "MSG-1", **{field: flipped((common | parts)[field], 3)})
    bad("the other kind", "MSG-1", kind=3 - common["kind"])
    bad("ciphertext altered", "MSG-2", ct=flipped(parts["ct"], 7))
    bad("tag altered", "MSG-2", ct=flipped(parts["ct"], len(parts["ct"]) - 1))
    bad("ciphertext cut", "MSG-2", ct=parts["ct"][:-1])
    bad("padded with ones", "MSG-3", **resealed(common, content, k.pad(content)[:-1] + b"\1"))
    bad("no padding byte", "MSG-3", **resealed(common, content, bytes(256)))
    bad("padded too far", "MSG-4", **resealed(common, content, k.pad(content) + bytes(256)))
    bad("another frame under fc", "MSG-8", **resealed(common, content + b"!", k.pad(content)))


def resealed(common, franked, padded):
    """com, fc and ct that are right, for any padded bytes, with the franking commitment of `franked`."""
    mk, salt = common["mk"], common["salt"]
    fc = k.HM(k.XL(mk, "msg-frank", salt, 32), "frank", franked)
    ctx = salt + k.HL("msg-ad", u8(common["kind"]) + u8(1) + common["hnonce"] + common["eh"] + fc)
    ct = k.AE(k.XL(mk, "msg-key", ctx, 32), k.NONCE, b"", padded)
    return dict(com=k.XL(mk, "msg-commit", ctx, 32), fc=fc, ct=ct)


def envelopes(f, r):
    def build(kind, eh_len, ct_len):
        prefix = u16(1) + u32(7) + u32(0) + r(1793) if kind == 1 else b""
        return u8(kind) + u8(1) + prefix + r(12) + u16(eh_len) + r(eh_len + 80 + ct_len)

    for kind, eh_len, ct_len in ((1, 195, 272), (2, 195, 272), (2, 1356, 528)):
        title, data = f"envelope of kind {kind}, {eh_len}, {ct_len}", build(kind, eh_len, ct_len)
        f.good(title, "envelope", envelope=data)
        at = (1805 if kind == 1 else 2) + 12
        for how, check, wrong in (
            ("empty", "COD-1", b""),
            ("kind 0", "COD-4", u8(0) + data[1:]),
            ("kind 3", "COD-4", u8(3) + data[1:]),
            ("version 0", "COD-3", data[:1] + u8(0) + data[2:]),
            ("version 2", "COD-3", data[:1] + u8(2) + data[2:]),
            ("the other kind", "RAT-2" if kind == 1 else "UnsupportedVersion", u8(3 - kind) + data[1:]),
            ("a header of 196 bytes", "RAT-2", data[:at] + u16(196) + data[at + 2 :]),
            ("cut in the header", "COD-1", data[: at + 100]),
            ("ciphertext of 271 bytes", "MSG-16", data[: at + 2 + eh_len + 80 + 271]),
            ("no ciphertext", "MSG-16", data[: at + 2 + eh_len + 80]),
        ):
            f.bad(f"{title}: {how}", "envelope", check, like=title, envelope=wrong)
        largest = at + 2 + eh_len + 80 + 65_552
        f.good(f"{title}: as large as can be", "envelope", like=title, envelope=data.ljust(largest, b"\0"))
        for how, check, size in (
            ("a byte larger", "MSG-16", largest + 1),
            ("72 KiB", "MSG-16", 73_728),
            ("larger", "MSG-10", 73_729),
        ):
            f.bad(f"{title}: {how}", "envelope", check, like=title, envelope=data.ljust(size, b"\0"))


def frame_layouts(f, r):
    for kind, content in ((1, b"Tea at four?"), (3, b"\1"), (4, r(40)), (1, b"")):
        title, data = f"frame of type {kind} with {len(content)} bytes", k.frame(kind, NOW, r(16), content, 60)
        f.good(title, "frame", frame=data)
        for how, check, wrong in (
            ("a byte short", "MSG-5", data[:-1]),
            ("a byte long", "MSG-5", data + b"\0"),
            ("type 0", "MSG-6", u8(0) + data[1:]),
            ("type 7", "MSG-6", u8(7) + data[1:]),
            ("flag 0", "MSG-7", flipped(data, 1, 1)),
            ("flag 7", "MSG-7", flipped(data, 1, 128)),
            ("a huge length", "MSG-5", data[:30] + b"\xff\xff\xff\xff" + data[34:]),
        ):
            f.bad(f"{title}: {how}", "frame", check, like=title, frame=wrong)


def bodies(f, r):
    ids = r(16 * 64)
    mailbox = u8(5) + r(32)
    good = {
        "text": (1, "Grüße ☕".encode()),
        "empty text": (1, b""),
        "receipt of one": (2, b"\1\1" + ids[:16]),
        "read receipt of 64": (2, b"\2\x40" + ids),
        "control empty": (3, b"\1"),
        "control token": (3, b"\2" + ids[:16]),
        "control close": (3, b"\4"),
        "control mailbox": (3, mailbox + b"\1" + ids[:16] + b"\x13wss://relay.example"),
        "control mailbox without token": (3, mailbox + b"\0\0"),
        "control resend of none": (3, b"\6\0\0"),
        "control resend of two": (3, b"\6\0\2" + ids[:32]),
        "reserved type 4": (4, r(9)),
        "reserved type 6": (6, b""),
    }
    bad = {
        1: {
            "not UTF-8": b"\xff",
            "a cut character": "é".encode()[:1],
            "a surrogate": b"\xed\xa0\x80",
            "overlong": b"\xc0\x80",
            "beyond Unicode": b"\xf4\x90\x80\x80",
            "half way": b"Tea\xe2\x98",
            "a lone continuation": b"a\x80",
            "a lone lead": b"a\xc3",
            "a byte that never is": b"\xfe",
            "an overlong slash": b"\xe0\x80\xaf",
        },
        2: {
            "empty": b"",
            "kind 0": b"\0\1" + ids[:16],
            "kind 3": b"\3\1" + ids[:16],
            "none": b"\1\0",
            "65": b"\1\x41" + ids + ids[:16],
            "no count": b"\1",
            "two announced": b"\1\2" + ids[:16],
            "a byte short": b"\1\1" + ids[:15],
            "a byte long": b"\1\1" + ids[:17],
        },
        3: {
            "empty": b"",
            "code 0": b"\0",
            "device list": b"\3",
            "code 7": b"\7",
            "empty with a byte": b"\1\0",
            "short token": b"\2" + ids[:15],
            "long token": b"\2" + ids[:17],
            "close with a byte": b"\4\0",
            "has_token 2": mailbox + b"\2" + ids[:16] + b"\0",
            "short mailbox": mailbox[:-1],
            "relay a byte short": mailbox + b"\0\2w",
            "relay a byte long": mailbox + b"\0\1ws",
            "relay not ASCII": mailbox + b"\0\2" + "é".encode(),
            "close twice": b"\4\4",
            "token alone": b"\2",
            "resend without count": b"\6\0",
            "resend a byte short": b"\6\0\1" + ids[:15],
            "resend a byte long": b"\6\0\1" + ids[:17],
            "resend of 1001": b"\6\x03\xe9" + ids[:16] * 1001,
            "resend of 65535 announced": b"\6\xff\xff",
        },
    }
    for name, (kind, content) in good.items():
        f.good(f"body: {name}", "body", type=kind, body=content)
    for kind, wrong in bad.items():
        for how, content in wrong.items():
            f.bad(f"body of type {kind}: {how}", "body", "MSG-9", type=kind, body=content)


def relay():
    f = File("08-relay", "Chapter 08: names of mailboxes and tokens, and what proofs of possession sign")
    r = Random("relay")
    f.good("mailbox id", "mailbox_id", key=r(32))
    f.misshapen("mailbox id", ["key"])
    f.good("token id", "token_id", token=r(16))
    f.misshapen("token id", ["token"])
    bob = ops.owner(ops.Inputs(as_json(seeds("bob"))))
    made = (
        bob.cert
        + k.medium_prekey(bob, 7, NOW, r(32), r(64)).public
        + b"\1"
        + k.one_time_prekey(bob, 9, r(32), r(64)).public
    )
    for s, inputs in {
        "relay mailbox-open": dict(key=r(32), tokens=r(64)),
        "relay mailbox-read": dict(key=r(32)),
        "relay publish": dict(bundle=made),
        "relay stock": dict(key=r(32)),
    }.items():
        f.good(f"proof {s}", "relay_proof", s=s, nonce=r(32), **inputs)
        f.misshapen(f"proof {s}", ["nonce", *inputs])
    return f


def storage():
    f = File("09-storage", "Chapter 09: sealing of records, blinded names")
    r = Random("storage")
    for name, content in (("nothing", b""), ("a record", r(40)), ("a page", r(1000))):
        common = dict(k=r(32), salt=r(16), ad=b"record of " + name.encode())
        f.good(f"seal {name}", "record_seal", **common, m=content)
        f.misshapen(f"seal {name}", ["k", "salt"])
        opened_record(f, name, common, content)
    for parent in (b"", r(16)):
        title = f"name below {len(parent)} bytes"
        f.good(title, "record_name", k=r(32), parent=parent, segment="session")
        f.misshapen(title, ["k", "parent"])
    return f


def opened_record(f, name, common, content):
    title = f"open {name}"
    sealed = k.seal_record(common["k"], common["salt"], common["ad"], content)
    f.good(title, "record_open", **common, sealed=sealed)

    def bad(how, **changed):
        f.bad(f"{title}: {how}", "record_open", "STO-10", like=title, **common | {"sealed": sealed} | changed)

    for field in ("k", "salt", "ad"):
        bad(f"another {field}", **{field: flipped(common[field], 3)})
    bad("commitment altered", sealed=flipped(sealed, 5))
    bad("ciphertext altered", sealed=flipped(sealed, 32))
    bad("tag altered", sealed=flipped(sealed, len(sealed) - 1))
    bad("a byte short", sealed=sealed[:-1])
    bad("a byte long", sealed=sealed + b"\0")
    bad("no tag", sealed=sealed[:40])


def lazily():
    """The files one by one."""
    from transcript_cases import transcripts

    chapters = (conventions, identities, prekeys, agreement, ratchet, messages, transcripts, relay, storage)
    return (make() for make in chapters)


def files():
    return list(lazily())
