"""Names that choose in a log that holds several runs or metrics: `results#gsm8k#exact_match,strict-match`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from wellkeeper.errors import InputError, did_you_mean


def split_choices(path: Path | str) -> tuple[Path, list[str]]:
    """A path and the names behind it, each after a `#`; a `#` that belongs to a file's own name stays there.

    >>> split_choices("absent#gsm8k#acc")
    (PosixPath('absent'), ['gsm8k', 'acc'])
    """
    place, names = str(path), []
    while "#" in place and not _exists(place):
        place, _, name = place.rpartition("#")
        names.append(name)
    return (Path(place), names[::-1]) if place else (Path(path), [])


def _exists(place: str) -> bool:
    try:
        return Path(place).exists()
    except (OSError, ValueError):  # too long for a path, or with a byte that no path has
        return False


class Choices:
    """The names that the user gave for one log. A reader takes from them in turn; none may be left in the end."""

    def __init__(self, place: Path, names: Sequence[str] = ()) -> None:
        self._place = place
        self._left = [name for name in dict.fromkeys(names) if name]
        self._known: dict[str, list[str]] = {}

    def one_of(self, kind: str, options: Iterable[str]) -> str | None:
        """The first of the user's names that is an option, taken; None: the user named none.

        Args:
            kind: what the options are, such as "task".
            options: their names, which `refuse_unused` lists.
        """
        known = self._known[kind] = [*options]
        name = next((name for name in self._left if name in known), None)
        if name is not None:
            self._left.remove(name)
        return name

    def must_choose(self, kind: str, options: Sequence[str]) -> str:
        """As `one_of`, where a log with several options is no one run.

        Raises:
            InputError: there are several and the user named none, or a name that is none of them.
        """
        name = self.one_of(kind, options)
        if name is not None:
            return name
        if len(options) == 1:
            return options[0]
        self.refuse_unused()
        raise InputError(
            f"{self._place} holds {len(options)} {kind}s: {', '.join(options)}. "
            f"Choose one after the path: '{self._place}#{options[0]}'."
        )

    def refuse_unused(self) -> None:
        """End with what there was to choose from.

        Raises:
            InputError: a name that the user gave chose nothing.
        """
        if not self._left:
            return
        name = self._left[0]
        known = [option for options in self._known.values() for option in options if option]
        lists = "; ".join(
            f"{kind}s: {', '.join(options)}" for kind, options in self._known.items() if any(options)
        )
        raise InputError(
            f"{self._place} has no {name} to choose.{did_you_mean(name, known)} "
            f"Give one of its {lists or 'names: it has none, so leave it out'}."
        )
