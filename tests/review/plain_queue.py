"""A queue in plain Python: what the store does, without a file, an index, a sum or a place that it has got to."""

from collections import Counter
from dataclasses import dataclass


@dataclass
class Showing:
    ticket: str
    who: str
    number: int
    turn: int
    position: int
    until: float
    state: str = "open"
    skips: int = 0


@dataclass
class Said:
    who: str
    number: int
    turn: int
    label: str
    ticket: str
    due: int | None = None
    is_live: bool = True


class PlainQueue:
    """Looks at everything, every time. What the store shows is told by `(number, turn)`, since tickets are random."""

    def __init__(self, placed, settings):
        self.placed = placed  # number -> Placed
        self.settings = settings
        self.showings = {}  # ticket -> Showing
        self.said = []
        self.again = {}  # number -> when it opened again
        self.position = Counter()
        self.was_open = dict.fromkeys(placed, True)
        self.events = 0

    # --- what is so --------------------------------------------------------------------------------------------------

    def live(self, **what):
        return [
            one
            for one in self.said
            if one.is_live and all(getattr(one, name) == value for name, value in what.items())
        ]

    def labels(self, number):
        return [one.label for one in self.live(number=number, turn=1)]

    def needed(self, number):
        readers = self.placed[number].readers
        differ = len(set(self.labels(number))) > 1
        return max(readers, 3) if differ and self.settings.third_reader else readers

    def is_wanted(self, number):
        return bool(self.placed[number].item.gold) or len(self.labels(number)) < self.needed(number)

    def is_open(self, number):
        leased = sum(
            one.number == number and one.turn == 1 and one.state == "open" for one in self.showings.values()
        )
        return bool(self.placed[number].item.gold) or len(self.labels(number)) + leased < self.needed(number)

    def mine(self, who, *states):
        found = [one for one in self.showings.values() if one.who == who and one.state in states]
        return sorted(found, key=lambda one: one.position)

    def is_new(self, who, number):
        shown = [
            one
            for one in self.mine(who, "open", "stale", "skipped", "declined")
            if (one.number, one.turn) == (number, 1)
        ]
        return not shown and not self.live(who=who, number=number, turn=1)

    def repeats(self, who):
        """Second looks that were not shown yet: when, and of what."""
        seen = {one.number for one in self.showings.values() if one.who == who and one.turn == 2}
        seen -= {
            one.number
            for one in self.showings.values()
            if one.who == who
            and one.turn == 2
            and all(
                other.state == "dropped"
                for other in self.showings.values()
                if (other.who, other.turn, other.number) == (who, 2, one.number)
            )
        }
        due = [
            (one.due, one.number)
            for one in self.live(who=who, turn=1)
            if one.due is not None and one.number not in seen
        ]
        return sorted(due)

    def left(self, who):
        """Looks that the reader may still be asked for."""
        firsts = [
            number
            for number in self.placed
            if self.is_wanted(number)
            and not self.live(who=who, number=number, turn=1)
            and not any((one.number, one.turn) == (number, 1) for one in self.mine(who, "declined"))
        ]
        seconds = [one for one in self.mine(who, "open", "stale", "skipped") if one.turn == 2]
        return (
            sum(1 + self.placed[number].repeated for number in firsts) + len(seconds) + len(self.repeats(who))
        )

    # --- what is done ------------------------------------------------------------------------------------------------

    def note_what_opened(self):
        for number in self.placed:
            is_open = self.is_open(number)
            if is_open and not self.was_open[number]:
                self.events += 1
                self.again[number] = self.events
            self.was_open[number] = is_open

    def let_go(self, now):
        furthest = now + 2 * self.settings.lease_seconds
        over = [
            one for one in self.showings.values() if one.state == "open" and not now < one.until <= furthest
        ]
        for one in sorted(over, key=lambda one: (one.until, one.ticket)):
            one.state = "stale"
            self.note_what_opened()

    def expected(self, who, now, after=None):
        """What the reader is shown next: a showing that there is, `(number, turn, skips)` of a new one, or nothing."""
        self.let_go(now)
        repeats = self.repeats(who)
        due = [(number, 2, 0) for when, number in repeats if when <= len(self.live(who=who))]
        later = [(number, 2, 0) for _, number in repeats]
        return (
            self.in_front(who, now, after)
            or self.lapsed(who, now)
            or next(iter(due), None)
            or self.new(who)
            or self.skipped(who)
            or next(iter(later), None)
        )

    def in_front(self, who, now, after):
        lease = self.settings.lease_seconds
        reached = None
        if after is not None:
            current = self.showings[after]
            if current.state == "stale" and (current.turn == 2 or self.is_open(current.number)):
                self.lease(current, now)
            reached = current.position
        for one in self.mine(who, "open"):
            if reached is None or one.position > reached:
                if one.until - now < lease / 2:
                    one.until = now + lease
                return one
        return None

    def lapsed(self, who, now):
        for one in self.mine(who, "stale"):
            if one.turn == 2 or self.is_open(one.number):
                self.lease(one, now)
                return one
            if not self.is_wanted(one.number):
                one.state = "dropped"
        return None

    def new(self, who):
        found = [number for number in self.placed if self.is_open(number) and self.is_new(who, number)]
        found.sort(key=lambda number: (number not in self.again, self.again.get(number, number)))
        return (found[0], 1, 0) if found else None

    def skipped(self, who):
        for one in self.mine(who, "skipped"):
            if one.turn == 2 or self.is_open(one.number):
                one.state = "dropped"
                return one.number, one.turn, 1
            if not self.is_wanted(one.number):
                one.state = "dropped"
        return None

    def lease(self, one, now):
        one.state, one.until = "open", now + self.settings.lease_seconds
        self.note_what_opened()

    def show(self, who, ticket, number, turn, now, *, skips=0, is_first=False):
        if is_first:
            position = min([one.position for one in self.mine(who, "open", "stale")], default=1) - 1
        else:
            self.position[who] += 1
            position = self.position[who]
        self.showings[ticket] = Showing(
            ticket, who, number, turn, position, now + self.settings.lease_seconds, "open", skips
        )
        self.note_what_opened()

    def answer(self, who, ticket, label):
        """Whether it is new."""
        one = self.showings[ticket]
        turn = one.turn
        if turn == 2 and not self.live(who=who, number=one.number, turn=1):
            turn = 1
        if any(said.ticket == ticket for said in self.said):
            return False
        return self.record(who, one.number, turn, label, ticket)

    def record(self, who, number, turn, label, ticket=""):
        if self.live(who=who, number=number, turn=turn):
            return False
        said = Said(who, number, turn, label, ticket)
        self.said.append(said)
        if ticket and turn == 1 and self.placed[number].repeated:
            said.due = len(self.live(who=who)) + self.settings.repeat_after
        for one in self.showings.values():
            if one.who == who and one.number == number and (one.turn == turn or one.ticket == ticket):
                one.state = "answered" if one.ticket == ticket else "dropped"
                one.turn = turn
        self.note_what_opened()
        return True

    def skip(self, ticket):
        one = self.showings[ticket]
        if one.state in {"open", "stale"}:
            one.state = "declined" if one.skips else "skipped"
            self.note_what_opened()

    def undo(self, who):
        """Item and turn that are shown again."""
        mine = [one for one in self.live(who=who) if one.ticket]
        if not mine:
            return None
        last = mine[-1]
        last.is_live = False
        for one in self.showings.values():
            if one.who == who and one.number == last.number and one.turn >= last.turn:
                one.state = "dropped"
        return last.number, last.turn
