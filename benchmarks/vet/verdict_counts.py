"""How often each verdict came, as the simulations of vetting tell it."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any


def told(
    found: Mapping[str, Counter[str]], settings: Mapping[str, Any], names: tuple[str, ...], *, begun: float
) -> dict[str, Any]:
    """The settings of these names, the verdicts of each row, and the CPU-seconds since `begun`."""
    return {
        **{name: settings[name] for name in names},
        "verdicts": {name: dict(counts) for name, counts in found.items()},
        "cpu_seconds": round(time.process_time() - begun, 1),
    }
