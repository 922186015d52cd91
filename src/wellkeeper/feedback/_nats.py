"""Surprise of rows of pieces, in torch. Imported by the students that need it, and not before."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

NOTHING = -100
"""Of targets: nobody is asked for this piece."""


def nats_a_piece(logits: Any, targets: Any) -> NDArray[np.float64]:
    """Mean negative log-likelihood of each row's targets, shape (rows,), in nats; NaN of a row without any.

    Args:
        logits: shape (rows, pieces, vocabulary).
        targets: shape (rows, pieces), `NOTHING` where nobody is asked.
    """
    lost = functional.cross_entropy(
        logits.flatten(0, 1).double(), targets.flatten(), ignore_index=NOTHING, reduction="none"
    ).reshape(targets.shape)
    asked = (targets != NOTHING).sum(1).cpu().numpy()
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = lost.sum(1).cpu().numpy() / asked
    return found
