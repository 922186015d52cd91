"""p-values that meet every level, of statistics that are whole numbers.

No number of green tokens among 200 has a chance of exactly 1 in 100: the largest chance below it may be .74 of it, and
a test that must not pass the level gives the rest away. Breaking the tie at the last number at random gives it back:
of documents with just the statistic s, the share that is called is such that the chance of a call is the level,

    p = P(S > s) + U P(S = s),        U uniform in (0, 1),

which is uniform where there is no watermark (Lehmann and Romano, Testing Statistical Hypotheses, 3rd ed. 2005, section
3.2). U is hashed from the document's own tokens: the same document always gets the same answer, in any order and
beside any others. What is paid is that two documents of one statistic may get two answers.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.tokens import Tokens


def uniforms_of(tokens: Tokens, *, seed: int = 0) -> NDArray[np.float64]:
    """A number in (0, 1) for each document, shape (documents,), that hangs on its tokens and the seed alone."""
    start = hashlib.sha256(f"ties {seed} ".encode())
    numbers = np.empty(len(tokens), np.uint64)
    for document in range(len(tokens)):
        begin, end = tokens.offsets[document : document + 2]
        hashed = start.copy()
        hashed.update(tokens.ids[begin:end].astype("<i4").tobytes())
        numbers[document] = int.from_bytes(hashed.digest()[:8], "little")
    return np.asarray(((numbers >> np.uint64(11)) + 0.5) / 2.0**53, np.float64)


def randomised_p_values(
    detector: Detector, scores: Scores, uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`Detector.p_values` with ties broken by `uniforms`, in (0, 1), all of shape (documents,).

    Uniform without a watermark, and never above the plain p-value. Real-valued statistics have no ties: theirs stay as
    they are, as does the 1 of a document of which nothing counts.

    Raises:
        DataError: there is not one number in (0, 1) for each document.
    """
    if uniforms.shape != scores.statistic.shape or not ((uniforms > 0) & (uniforms < 1)).all():
        raise DataError(
            f"uniforms has shape {uniforms.shape}. Give a number in (0, 1) for each of {len(scores)} documents."
        )
    at_least = detector.p_values(scores)
    if scores.statistic.dtype == np.float64:
        return at_least
    above = detector.p_values(Scores(scored=scores.scored, statistic=scores.statistic + 1))
    return np.asarray(above + uniforms * (at_least - above), np.float64)
