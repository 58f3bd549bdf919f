"""Counter-based random streams: every draw is a pure function of seed, stream name and counter.

Belongs here: the hash and the draws made from it. Does not belong here: what is drawn.
No generator object carries state, so any row of any day can be made without the rows before it,
and neither chunk sizes nor threads change a byte. The mixing function is SplitMix64's finaliser
(Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Counters: TypeAlias = npt.ArrayLike

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Stream:
    """One named stream of independent draws, addressed by counters.

    `stream["name"]` is an independent child stream. Counters may be any integers; the same counter
    always gives the same draw.
    """

    def __init__(self, seed: int, *names: str) -> None:
        self._seed = seed
        self._names = names
        text = "\x1f".join((str(seed), *names)).encode()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        self._key = np.uint64(int.from_bytes(digest, "little"))
        self._children: dict[str, Stream] = {}

    def __getitem__(self, name: str) -> Stream:
        if name not in self._children:
            self._children[name] = Stream(self._seed, *self._names, name)
        return self._children[name]

    def bits(self, counters: Counters) -> npt.NDArray[np.uint64]:
        """64 random bits per counter, same shape as `counters`."""
        mixed = np.atleast_1d(np.asarray(counters, dtype=np.int64)).astype(np.uint64)
        mixed *= _GAMMA
        mixed += self._key
        mixed ^= mixed >> np.uint64(30)
        mixed *= _FIRST
        mixed ^= mixed >> np.uint64(27)
        mixed *= _SECOND
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def uniform(self, counters: Counters) -> Floats:
        """Uniform over [0, 1)."""
        return (self.bits(counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, counters: Counters, low: int, high: int | Integers) -> Integers:
        """Uniform integers in [low, high); `high` may be an array, one bound per counter."""
        return low + (self.uniform(counters) * (high - low)).astype(np.int64)

    def chance(self, counters: Counters, probability: float) -> Booleans:
        """True with the given probability."""
        return self.uniform(counters) < probability

    def permutation(self, count: int, salt: int = 0) -> Integers:
        """A permutation of 0..count-1; another `salt` gives another one."""
        keys = self.bits(np.arange(count, dtype=np.int64) + (np.int64(salt) << np.int64(36)))
        return np.argsort(keys, kind="stable").astype(np.int64)

    def sample(self, count: int, size: int, salt: int = 0) -> Integers:
        """`size` different positions of 0..count-1 in random order (fewer if there are fewer)."""
        if count < 4 * size + 32:
            return self.permutation(count, salt)[:size]
        base = np.int64(salt) << np.int64(36)
        drawn = self.integers(base + np.arange(2 * size + 16, dtype=np.int64), 0, count)
        _, first = np.unique(drawn, return_index=True)
        chosen = drawn[np.sort(first)][:size]
        return chosen if len(chosen) == size else self.permutation(count, salt)[:size]
