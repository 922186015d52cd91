"""Where the tests find each other's helpers, and how long a property may take."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
for folder in (HERE, HERE / "kernels", HERE / "engine", HERE / "filter", HERE / "recipe"):
    sys.path.insert(0, str(folder))

# Shared machines stall: a deadline would measure them and not us.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("default")
