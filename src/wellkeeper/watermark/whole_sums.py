"""Tails of sums of independent whole numbers, all drawn from one distribution given as a table.

Few terms are convolved, many are left to a saddlepoint. A plain convolution by Fourier transform is right to 1 part in
10^16 of its largest chance, which says nothing of a chance of 1e-20. A tilted one, with chances p(v) e^(tv) instead of
p(v), has its largest chances at larger sums; divided by the tilt they are those of the sum, right in a window of some
standard deviations (Esscher 1932; Daniels, Annals of Mathematical Statistics 25 (1954) 631-650). Windows from the mean
to the largest sum make a tail that is right everywhere.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.watermark.nulls import Draw, Floats, discrete, sum_tail

CONVOLVED_BITS, CONVOLVED_TERMS = 512, 24
"""Sums of at most so many bits, or terms, are convolved. Beyond, the saddlepoint is off by less than 1 in 1,000."""

_TRANSFORM_ERROR = 1e-15  # of one chance, in parts of the largest; more than tests find
_SOUND = 1e-8  # what a chance may be off by, in parts of it


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeSum:
    """Sums of draws that take each of `values` with the same chance."""

    values: NDArray[np.int64]  # from 0, two or more that differ
    bits: int  # that a value is made of, 1 or more

    def tail(self, statistic: NDArray[np.int64], terms: NDArray[np.int64]) -> Floats:
        """Chance that so many terms add up to `statistic` or more, in [0, 1]; arguments share a shape.

        Convolved ones are right to 1 part in 10^7, others to 1 in 1,000, where the chance is above 1e-300.
        """
        out = np.ones(len(terms), np.float64)
        few = (terms * self.bits <= CONVOLVED_BITS) | (terms <= CONVOLVED_TERMS)
        for count in np.unique(terms[few & (terms > 0)]).tolist():
            here = terms == count
            tail = self._convolved(count)
            out[here] = tail[np.clip(statistic[here], 0, tail.size - 1)]
        out[~few] = sum_tail(statistic[~few], terms[~few], self._draw)
        out[statistic <= 0] = 1.0
        return out

    def _convolved(self, count: int) -> Floats:
        """Chance of each sum or more of `count` terms, from 0 to one more than the largest, which has chance 0."""
        if count not in self._known:
            self._known[count] = _tail(self._chances, count)
        return self._known[count]

    @cached_property
    def _known(self) -> dict[int, Floats]:
        return {}

    @cached_property
    def _chances(self) -> Floats:
        return np.bincount(self.values) / self.values.size

    @cached_property
    def _draw(self) -> Draw:
        return discrete(self.values, step=1.0)


class _Tilted(NamedTuple):
    """A sum whose terms have chances p(v) e^(tilt v), divided by what they add up to."""

    pmf: Floats  # from 0 to the largest sum
    tilt: float
    log_scale: float  # logarithm of what the sum's chances were divided by
    deviation: float


def _tail(chances: Floats, count: int) -> Floats:
    largest = count * (chances.size - 1)
    tail = np.zeros(largest + 2)
    tilted = _tilted(chances, count, 0.0)
    window = _window(tilted, 0)
    begin = 0
    while True:
        tail[begin : begin + window.size] = window
        begin += window.size
        if begin > largest:
            return tail
        for reach in (4.0, 2.0, 1.0, 0.0):  # the further, the fewer windows; too far, and none is sound
            mean = min(begin + reach * tilted.deviation, largest - 0.25)
            tilted = _tilted(chances, count, _tilt_for(chances, mean / count))
            window = _window(tilted, begin)
            if window.size:
                break
        else:
            window = np.zeros(1)  # no chance that a float could hold


def _window(tilted: _Tilted, begin: int) -> Floats:
    """The tail from `begin` on, as far as it is large beside what the transform gets wrong."""
    # divided by the tilt at `begin`, so that nothing overflows
    decay = np.exp(-tilted.tilt * np.arange(tilted.pmf.size - begin))
    sums = np.cumsum((tilted.pmf[begin:] * decay)[::-1])[::-1]
    wrong = _TRANSFORM_ERROR * tilted.pmf.max() * np.cumsum(decay[::-1])[::-1]
    sound = sums > wrong / _SOUND
    end = sums.size if sound.all() else int(np.argmin(sound))
    window: Floats = np.exp(np.log(sums[:end]) + tilted.log_scale - tilted.tilt * begin)
    return np.minimum(window, 1.0)


def _tilted(chances: Floats, count: int, tilt: float) -> _Tilted:
    values = np.arange(chances.size)
    one = chances * np.exp(tilt * (values - values[-1]))
    total = one.sum()
    one /= total
    size = count * (chances.size - 1) + 1
    room = 1 << (size - 1).bit_length()
    pmf = np.fft.irfft(np.fft.rfft(one, room) ** count, room)[:size]
    return _Tilted(
        pmf=np.maximum(pmf, 0.0),
        tilt=tilt,
        log_scale=count * float(np.log(total) + tilt * values[-1]),
        deviation=float(np.sqrt(count * (one @ (values - one @ values) ** 2))),
    )


def _tilt_for(chances: Floats, mean: float) -> float:
    """The tilt from 0 on that gives one term this mean, by halving."""
    values = np.arange(chances.size)
    low, high = 0.0, 64.0
    for _ in range(60):
        tilt = (low + high) / 2
        one = chances * np.exp(tilt * (values - values[-1]))
        low, high = (tilt, high) if one @ values < mean * one.sum() else (low, tilt)
    return (low + high) / 2
