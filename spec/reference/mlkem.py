"""ML-KEM (FIPS 203) for the reference: short, slow, not in constant time. Never for real keys.

A key pair is its 64-byte seed (d || z), as everywhere in Kuvert.
"""

from functools import cache
from hashlib import sha3_256, sha3_512, shake_128, shake_256

Q, N = 3329, 256
SETS = {512: (2, 3, 10, 4), 768: (3, 2, 10, 4), 1024: (4, 2, 11, 5)}  # k, eta1, du, dv


def _bit_reversed(i):
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, _bit_reversed(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * _bit_reversed(i) + 1, Q) for i in range(128)]


def ntt(f):
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = ZETAS[i] * f[j + length] % Q
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
            i += 1
        length //= 2
    return f


def inverse_ntt(f):
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % Q
                f[j + length] = ZETAS[i] * (f[j + length] - t) % Q
            i -= 1
        length *= 2
    return [x * 3303 % Q for x in f]


def multiply(f, g):
    h = []
    for i in range(128):
        a0, a1, b0, b1 = *f[2 * i : 2 * i + 2], *g[2 * i : 2 * i + 2]
        h += [(a0 * b0 + a1 * b1 * GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def add(f, g):
    return [(x + y) % Q for x, y in zip(f, g)]


def dot(row, vector):
    total = [0] * N
    for f, g in zip(row, vector):
        total = add(total, multiply(f, g))
    return total


def pack(f, bits):
    return sum(x << (bits * i) for i, x in enumerate(f)).to_bytes(N * bits // 8, "little")


def unpack(data, bits):
    whole = int.from_bytes(data, "little")
    return [(whole >> (bits * i)) & ((1 << bits) - 1) for i in range(N)]


def compress(f, bits):
    return [((x << bits) + Q // 2) // Q % (1 << bits) for x in f]


def decompress(f, bits):
    return [(x * Q + (1 << (bits - 1))) >> bits for x in f]


def sample_uniform(seed):
    stream, out, at = shake_128(seed).digest(168 * 8), [], 0
    while len(out) < N:
        a, b, c = stream[at : at + 3]
        out += [x for x in (a | (b & 15) << 8, b >> 4 | c << 4) if x < Q]
        at += 3
    return out[:N]


def sample_noise(eta, key, counter):
    bits = int.from_bytes(shake_256(key + bytes([counter])).digest(64 * eta), "little")
    out = []
    for i in range(N):
        chunk = bits >> (2 * eta * i)
        x = sum(chunk >> j & 1 for j in range(eta))
        y = sum(chunk >> (eta + j) & 1 for j in range(eta))
        out.append((x - y) % Q)
    return out


@cache
def matrix(rho, k):
    return [[sample_uniform(rho + bytes([j, i])) for j in range(k)] for i in range(k)]


@cache
def _keys(size, d):
    k, eta1, _, _ = SETS[size]
    g = sha3_512(d + bytes([k])).digest()
    rho, sigma = g[:32], g[32:]
    s = [ntt(sample_noise(eta1, sigma, i)) for i in range(k)]
    e = [ntt(sample_noise(eta1, sigma, k + i)) for i in range(k)]
    t = [add(dot(row, s), e[i]) for i, row in enumerate(matrix(rho, k))]
    return b"".join(pack(f, 12) for f in t) + rho, s


@cache
def _encrypt(size, ek, m, coins):
    k, eta1, du, dv = SETS[size]
    t, rho = [unpack(ek[384 * i : 384 * i + 384], 12) for i in range(k)], ek[384 * k :]
    a = matrix(rho, k)
    y = [ntt(sample_noise(eta1, coins, i)) for i in range(k)]
    e1 = [sample_noise(2, coins, k + i) for i in range(k)]
    u = [add(inverse_ntt(dot([a[j][i] for j in range(k)], y)), e1[i]) for i in range(k)]
    v = add(add(inverse_ntt(dot(t, y)), sample_noise(2, coins, 2 * k)), decompress(unpack(m, 1), 1))
    return b"".join(pack(compress(f, du), du) for f in u) + pack(compress(v, dv), dv)


def encapsulation_key(size, seed):
    return _keys(size, seed[:32])[0]


def passes_modulus_check(size, ek):
    k = SETS[size][0]
    if len(ek) != 384 * k + 32:
        return False
    return all(x < Q for i in range(k) for x in unpack(ek[384 * i : 384 * i + 384], 12))


def encapsulate(size, ek, m):
    """Ciphertext and shared secret; `m` is 32 random bytes."""
    g = sha3_512(m + sha3_256(ek).digest()).digest()
    return _encrypt(size, ek, m, g[32:]), g[:32]


def decapsulate(size, seed, ct):
    """The shared secret; for a wrong ciphertext another one, without a sign of it."""
    k, _, du, dv = SETS[size]
    ek, s = _keys(size, seed[:32])
    u = [decompress(unpack(ct[32 * du * i : 32 * du * (i + 1)], du), du) for i in range(k)]
    v = decompress(unpack(ct[32 * du * k :], dv), dv)
    w = add(v, [-x for x in inverse_ntt(dot(s, [ntt(f) for f in u]))])
    m = pack(compress(w, 1), 1)
    g = sha3_512(m + sha3_256(ek).digest()).digest()
    if _encrypt(size, ek, m, g[32:]) == ct:
        return g[:32]
    return shake_256(seed[32:] + ct).digest(32)
