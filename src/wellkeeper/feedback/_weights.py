"""Weights of a trained model, as a file in its folder, in torch. Imported by the students that need it, not before."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import WorkError
from wellkeeper.lab.worlds._torch import Tensor, device

_WEIGHTS = "weights.npz"


def save_weights(weights: Mapping[str, Tensor], folder: Path) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: weight.cpu().numpy() for name, weight in weights.items()})
    write_atomic(folder / _WEIGHTS, file.getvalue(), lasting=False)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """What `save_weights` wrote, on the device that models run on.

    Raises:
        WorkError: the file is not there or damaged.
    """
    try:
        with np.load(folder / _WEIGHTS, allow_pickle=False) as stored:
            return {name: torch.from_numpy(stored[name]).to(device()) for name in stored.files}
    except (OSError, ValueError, EOFError) as error:
        raise WorkError(f"{folder / _WEIGHTS} is damaged. Begin anew with --fresh.") from error
