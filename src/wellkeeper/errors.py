"""Every error wellkeeper raises on purpose.

    WellkeeperError
    ├── InputError         what was given to read cannot be read: no such path, no text column, empty
    ├── RecipeError        the recipe says something that cannot be done
    ├── DataError          values handed to a measure do not fit together
    ├── WorkError          a work folder cannot be used or resumed
    └── MissingExtraError  an optional dependency is needed and not installed

A message says what was found and ends with what to do next. The command line prints the message
alone and exits with 2; from Python, catch the root to catch them all.

One warning is no error: `DisciplineWarning`, where answers that were made for users are to be trained on.
"""

from collections.abc import Iterable


class WellkeeperError(Exception):
    """Root of the tree above."""


class InputError(WellkeeperError):
    """What was given to read cannot be read."""


class RecipeError(WellkeeperError):
    """The recipe says something that cannot be done."""


class DataError(WellkeeperError, ValueError):
    """Values handed to a measure do not fit together."""


class WorkError(WellkeeperError):
    """A work folder cannot be used or resumed."""


class MissingExtraError(WellkeeperError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs an optional part. Install it: pip install 'wellkeeper[{extra}]'")
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        return _missing_extra, (str(self), self.extra)


class DisciplineWarning(UserWarning):
    """Answers by vote or at a low temperature are to be trained on: they lack the tail of the model's own."""


def _missing_extra(message: str, extra: str) -> MissingExtraError:
    error = MissingExtraError("", extra=extra)
    error.args = (message,)
    return error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The sentence " Did you mean ...?" with the known name most like this one, or nothing.

    >>> did_you_mean("similarty", ["similarity", "keep"]), did_you_mean("x", ["keep"])
    (' Did you mean similarity?', '')
    """
    from difflib import get_close_matches  # only a wrong name needs it

    close = get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]}?" if close else ""
