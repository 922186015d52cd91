"""Documents of schema `wellkeeper.calibrate/1`, from made-up scores."""

import numpy as np

from wellkeeper.infer.temperature import Tasks, calibrate_temperature

GRID = (0.0, 0.5, 1.0)


def document(means, *, items=240, grid=GRID, purpose="serve", seed=0, **changed):
    """What a calibration finds where the three groups have these mean scores, (groups, temperatures)."""
    rng = np.random.default_rng(seed)
    group = np.arange(items) % 3
    scores = rng.binomial(4, np.array(means)[group]) / 4
    unlike = rng.binomial(6, np.tile([0.0, 0.4, 0.8], (items, 1))) / 6
    shares = np.array([0.1, 0.5, 0.9])[group]
    tasks = Tasks(
        names=tuple(f"item {number}" for number in range(items)),
        scores=scores,
        difficulty=shares,
        agreement=shares,
        vote=scores[:, 0],
        diversity={"unlike": unlike, "distance": unlike * 0.9},
    )
    found = calibrate_temperature(tasks, grid)
    return {
        "schema": "wellkeeper.calibrate/1",
        "version": "0.1.0",
        "model": {"name": "small", "fingerprint": "f"},
        "suite": {"name": "sums", "digest": "d", "items": items},
        "metric": "numeric",
        "purpose": purpose,
        "samples": 4,
        "seed": 0,
        "left_out": 0,
        "calibration": found.to_json(),
        "recommended": found.recommended(purpose),
        "spent": {
            "calls": 3120,
            "calls_now": 3120,
            "prompt_tokens": 42_000,
            "tokens": 9_000,
            "money": 0.25,
            "judge_tokens": None,
        },
        "notes": [],
        "created": "2026-11-22T07:30:00+00:00",
        "verdict": "clean",
        **changed,
    }


BETTER = [[0.05, 0.1, 0.25], [0.9, 0.7, 0.5], [1.0, 0.95, 0.85]]
EVEN = [[0.2] * 3, [0.5] * 3, [0.9] * 3]
