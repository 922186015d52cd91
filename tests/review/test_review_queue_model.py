"""The store held against a plain model: whatever three people and a clock do, in any order."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from plain_queue import PlainQueue, Showing
from queue_files import NOW, make_queue

from wellkeeper.review.queue import ReviewQueue

READERS = ("anna", "ben", "carl")
SIZE = 6

readers = st.sampled_from(READERS)
labels = st.sampled_from(("human", "ai", "unsure"))


class Session(RuleBasedStateMachine):
    """Three people before one queue."""

    @initialize(
        size=st.integers(2, SIZE),
        overlap=st.integers(0, 4),
        repeated=st.integers(0, 4),
        gold=st.integers(0, 2),
        repeat_after=st.integers(0, 3),
        third_reader=st.booleans(),
    )
    def begin(self, **given):
        self.folder = tempfile.mkdtemp()
        self.queue = ReviewQueue(make_queue(Path(self.folder), lease_seconds=100.0, **given))
        self.queue._database.rows("PRAGMA synchronous = OFF")  # nobody cuts the power here
        self.plain = PlainQueue(dict(self.queue.items()), self.queue.settings)
        self.number = {placed.item.digest: number for number, placed in self.plain.placed.items()}
        self.now = NOW

    def teardown(self):
        if hasattr(self, "queue"):
            assert self.queue.problems() == []
            self.everybody_finishes()
            self.queue.close()
            shutil.rmtree(self.folder)

    def meet(self, who, found, expected):
        """Check what a reader is shown against what the model would show."""
        if expected is None:
            assert found is None
        elif isinstance(expected, Showing):
            assert found.ticket == expected.ticket
        else:
            number, turn, skips = expected
            assert found.ticket not in self.plain.showings
            assert self.number[found.shown] == number
            self.plain.show(who, found.ticket, number, turn, self.now, skips=skips)

    def at_hand(self, who, *states):
        return [one.ticket for one in self.plain.mine(who, *states)]

    @rule(who=readers)
    def assign(self, who):
        self.meet(who, self.queue.assign(who, now=self.now), self.plain.expected(who, self.now))

    @rule(who=readers)
    def ahead(self, who):
        for ticket in self.at_hand(who, "open", "stale")[:1]:
            self.meet(
                who, self.queue.ahead(who, ticket, now=self.now), self.plain.expected(who, self.now, ticket)
            )

    @rule(who=readers, label=labels)
    def answer(self, who, label):
        for ticket in self.at_hand(who, "open")[:1]:
            self.submit(who, ticket, label)

    @rule(who=readers, label=labels, at=st.integers(0, 20))
    def answer_from_an_old_page(self, who, label, at):
        tickets = [one.ticket for one in self.plain.showings.values() if one.who == who]
        if tickets:
            self.submit(who, tickets[at % len(tickets)], label)

    def submit(self, who, ticket, label):
        before = self.queue.head
        entry = self.queue.answer(who, ticket, label, seconds=2.0, now=self.now)
        is_new = self.plain.answer(who, ticket, label)
        assert (entry.hash == self.queue.head != before) == is_new
        assert self.queue.answer(who, ticket, "unsure", now=self.now) == entry

    @rule(who=readers, at=st.integers(0, 1))
    def skip(self, who, at):
        for ticket in self.at_hand(who, "open", "stale")[at : at + 1]:
            self.queue.skip(who, ticket, now=self.now)
            self.plain.skip(ticket)

    @rule(who=readers)
    def undo(self, who):
        found, expected = self.queue.undo(who, now=self.now), self.plain.undo(who)
        if expected is None:
            assert found is None
            return
        number, turn = expected
        assert self.number[found.shown] == number
        assert found.ticket not in self.plain.showings
        self.plain.show(who, found.ticket, number, turn, self.now, is_first=True)

    @rule(seconds=st.sampled_from([1.0, 60.0, 101.0, -5.0, -1_000.0]))
    def wait(self, seconds):  # or set the clock right
        self.now += seconds

    @rule(who=readers, number=st.integers(1, SIZE), label=labels)
    def take_in(self, who, number, label):
        number = min(number, len(self.plain.placed))
        name = self.plain.placed[number].item.id
        taken = self.queue.take_in(who, [(name, label, "", 1.0)] * 2, source="elsewhere", now=self.now)
        assert taken == self.plain.record(who, number, 1, label)

    # --- what holds --------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_left_is_what_is_left(self):
        if hasattr(self, "queue"):
            for who in READERS:
                assert self.queue.standing(who).left == self.plain.left(who)

    def everybody_finishes(self):
        """From wherever they are, everybody is done after no more looks than there are."""
        self.now += 1_000
        looks = 0
        for _ in range(3):  # conflicts come up for those who were done before
            for who in READERS:
                while (found := self.queue.assign(who, now=self.now)) is not None:
                    self.meet(who, found, self.plain.expected(who, self.now))
                    self.submit(who, found.ticket, "human" if who == "anna" else "ai")
                    looks += 1
        assert looks <= 2 * SIZE * len(READERS)
        assert [self.queue.standing(who).left for who in READERS if not self.at_hand(who, "declined")] == [
            0
        ] * sum(not self.at_hand(who, "declined") for who in READERS)
        for outcome in self.queue.outcomes():
            assert [one.label for one in outcome.answers] == self.plain.labels(outcome.number)
        assert self.queue.problems() == []


def test_whatever_three_people_do_the_store_shows_and_counts_as_the_plain_model_does():
    run_state_machine_as_test(
        Session, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )


@pytest.mark.nightly
def test_so_it_does_in_long_sessions():
    run_state_machine_as_test(
        Session, settings=settings(max_examples=400, stateful_step_count=120, deadline=None)
    )
