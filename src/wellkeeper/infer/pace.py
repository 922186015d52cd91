"""No faster than a provider allows: requests and tokens a minute, spread evenly.

A request starts as soon as the requests and tokens before it have had their time. Spread evenly and without bursts, a
provider's window of a minute is kept to wherever it begins, save for the one request at its edge.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from wellkeeper.errors import InputError, WorkError

_MINUTE = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Most of each in a minute; None: no limit."""

    requests: float | None = None
    tokens: float | None = None

    def __post_init__(self) -> None:
        for name, most in (("requests", self.requests), ("tokens", self.tokens)):
            if most is not None and not most > 0:
                raise InputError(
                    f"{most} {name} a minute lets nothing through. Give a number above 0, or none."
                )


class Pace:
    """Holds threads back until they may ask."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._requests_free = self._tokens_free = clock()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self, tokens: int) -> None:
        """Wait until one more request of so many tokens, prompt and answer, may start.

        Raises:
            WorkError: `stop` was called meanwhile.
        """
        if self._stopped.wait(self._turn(tokens)):
            raise WorkError("The run was stopped before this request. Run the same command again to go on.")

    def _turn(self, tokens: int) -> float:
        """Seconds until the request may start, which is then taken as started."""
        with self._lock:
            now = self._clock()
            begin = max(now, self._requests_free, self._tokens_free)
            if self._rate.requests is not None:
                self._requests_free = begin + _MINUTE / self._rate.requests
            self._tokens_free = begin + self._seconds_of(tokens)
            return begin - now

    def give_back(self, tokens: int) -> None:
        """Tokens that a request was thought to take and did not."""
        with self._lock:
            self._tokens_free -= self._seconds_of(tokens)

    def stop(self) -> None:
        """Let nobody wait any more."""
        self._stopped.set()

    def _seconds_of(self, tokens: int) -> float:
        return 0.0 if self._rate.tokens is None else tokens * _MINUTE / self._rate.tokens
