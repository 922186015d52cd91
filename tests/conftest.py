"""Where the tests find each other's helpers, and how long a property may take."""

import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
for folder in ("", "kernels", "engine", "filter", "recipe", "review", "watch"):
    sys.path.insert(0, str(HERE / folder))

# Shared machines stall: a deadline would measure them and not us. A run gives what the last one gave, so that a red one is
# about the change; new examples are looked for by `make explore`.
STALLS = [HealthCheck.too_slow]
settings.register_profile(
    "default", deadline=None, suppress_health_check=STALLS, max_examples=60, derandomize=True
)
settings.register_profile(
    "explore", deadline=None, suppress_health_check=STALLS, max_examples=2000, derandomize=False
)
settings.load_profile("default")

# What a shell runs in the background ignores Ctrl-C, and so would every process that a test starts and interrupts.
if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def curated_set(tmp_path_factory):
    """The folder of a small curated set; who changes it takes a copy."""
    from curated_sets import curated

    return Path(curated(tmp_path_factory.mktemp("set")).paths["folder"])


@pytest.fixture(scope="session")
def plain_set(tmp_path_factory):
    """The folder of a set whose recipe has no steps."""
    from curated_sets import PLAIN, curated

    return Path(curated(tmp_path_factory.mktemp("plain"), recipe=PLAIN).paths["folder"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A local server that answers as a test plans."""
    from served import Served

    served = Served(tmp_path_factory.mktemp("server"))
    yield served
    served.close()
