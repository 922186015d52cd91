"""Better answers from one model by more samples: votes, and the best of several.

A vote draws as many samples of an item as it takes (`wellkeeper.measure.votes`), and answers what most of them say. It
asks at once for as many samples as it needs before it could stop, and for no more, so that none is paid for in vain.
Sample k of an item is the same one by whichever rule the vote stops, and whatever else is asked: through a cache
(`wellkeeper.infer.cache.Cached`), a vote that was stopped goes on, and a longer one pays for the rest alone.

All of this is for answers that are served. An answer by vote is the model's likeliest, and a set of them lacks
what the model says seldom: who trains on it trains on a model at a low temperature, which is how tails are lost.
"""

import json
import math
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.completions import at_once
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import DataError, DisciplineWarning, InputError
from wellkeeper.infer.equivalence import ByStatement, ByText, Classes, Equivalence
from wellkeeper.infer.sampling import Item, Rejections, Sampler, collect, item_seed, refuse_twins
from wellkeeper.measure.votes import LEVEL, MOST, Rule, Stopping, leader

Purpose: TypeAlias = Literal["serve", "train"]
Stopped: TypeAlias = Literal["lead", "certified", "most"]
Verifier: TypeAlias = Callable[[Item, Output], float | None]
"""What an answer to an item is worth, in [0, 1]; None: unknown, as when a check ran out of time."""

UNREAD = ("empty", "refused", "length", "error", "unreadable")
"""Samples that do not vote: how they ended, or that no answer was read out of them."""
THINK = "Think step by step. Then write one last line: The answer is ..., with the answer alone."
_STOPPED: Mapping[Rule, Stopped] = {"beta": "lead", "certificate": "certified", "fixed": "most"}


# --- votes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A vote among samples of one item."""

    name: str  # of the item
    answer: str | None  # what the winner says, in a few words; None: no sample could be read
    output: Output  # the first sample that says so; the first that came at all where there is no answer
    outputs: tuple[Output, ...]  # all samples, in the order of their numbers
    classes: tuple[int | None, ...]  # place in `counts` of what each sample says; None: it does not vote
    counts: tuple[tuple[str, int], ...]  # answers and their votes, in the order first seen
    stopped: Stopped  # why: the rule was sure of the leader, had its certificate, or all samples were drawn
    certified: bool  # whether the leader has a certificate, by whichever rule the vote stopped
    unread: Mapping[str, int]  # samples that do not vote, by `UNREAD`
    unknown: (
        int  # pairs of answers of which nobody could tell whether they are the same; they count as different
    )

    @property
    def samples(self) -> int:
        """Drawn."""
        return len(self.outputs)

    @property
    def votes(self) -> int:
        """For the answer."""
        return max((votes for _, votes in self.counts), default=0)

    @property
    def read(self) -> int:
        """Samples that voted."""
        return sum(votes for _, votes in self.counts)

    @property
    def share(self) -> float | None:
        """Of the votes that the answer has, in (0, 1]; None: there are none. It is no chance of being right."""
        return self.votes / self.read if self.read else None

    @property
    def note(self) -> str:
        """The outcome in a few words."""
        if self.answer is None:
            return f"no vote in {self.samples} samples"
        return f"{self.votes} of {self.read} votes" + (", certified" if self.certified else "")


class _Ballot:
    """The vote on one item, while it goes on."""

    def __init__(self, name: str, stopping: Stopping, equivalence: Equivalence, *, cut_votes: bool) -> None:
        # of how many answers there can be, the threshold of a certificate hangs
        self._stopping = replace(stopping, answers=stopping.answers or equivalence.answers)
        self._name, self._cut_votes = name, cut_votes
        self._classes = Classes(equivalence)
        self._labels: list[int | None] = []
        self._unread: Counter[str] = Counter()
        self._outputs: dict[int, Output] = {}
        self._asked = 0
        self._stopped: Stopped | None = None

    def wanted(self) -> range:
        """Numbers of the samples to ask for now: as many as it takes before the vote could stop."""
        if self._stopped is not None or len(self._outputs) < self._asked:
            return range(0)
        top, runner_up = self._lead
        many = self._stopping.needed(top, runner_up, left=self._stopping.most - self._asked)
        begin, self._asked = self._asked, self._asked + many
        return range(begin, self._asked)

    def take(self, sample: int, output: Output) -> bool:
        """Count a sample; whether the vote is over. Samples are read in their order, whenever they come."""
        self._outputs[sample] = output
        if len(self._outputs) < self._asked:
            return False
        for number in range(len(self._labels), self._asked):
            self._labels.append(self._read(self._outputs[number]))
        if self._stopping.ends(*self._lead):
            self._stopped = _STOPPED[self._stopping.rule]
        elif self._asked == self._stopping.most:
            self._stopped = "most"
        return self._stopped is not None

    def result(self) -> Vote:
        assert self._stopped is not None
        counts, said = self._classes.counts, self._classes.said
        place = leader(counts)[0] if counts else None
        outputs = tuple(self._outputs[number] for number in range(self._asked))
        if place is None:
            came = next((output for output in outputs if output.finish != "error"), outputs[0])
        return Vote(
            name=self._name,
            answer=None if place is None else said[place],
            output=came if place is None else outputs[self._labels.index(place)],
            outputs=outputs,
            classes=tuple(self._labels),
            counts=tuple(zip(said, counts, strict=True)),
            stopped=self._stopped,
            certified=bool(self._stopping.certified(*self._lead)),
            unread={why: self._unread[why] for why in UNREAD},
            unknown=self._classes.unknown,
        )

    @property
    def _lead(self) -> tuple[int, int]:
        counts = self._classes.counts
        if not counts:
            return 0, 0
        place, runner_up = leader(counts)
        return counts[place], runner_up

    def _read(self, output: Output) -> int | None:
        if output.finish != "stop" and not (output.finish == "length" and self._cut_votes):
            self._unread[output.finish] += 1
            return None
        place = self._classes.add(output.text)
        self._unread["unreadable"] += place is None
        return place


class _Tasks(Iterator[tuple[int, int]]):
    """Samples to ask for: more come while those before them are answered, so that an empty queue is no end."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, int]] = deque()

    def add(self, place: int, samples: range) -> None:
        self._waiting.extend((place, sample) for sample in samples)

    def __next__(self) -> tuple[int, int]:
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()


def vote_on_each(
    sampler: Sampler,
    items: Sequence[Item],
    *,
    run: str,
    stopping: Stopping | None = None,
    temperature: float = 1.0,
    equivalence: Equivalence | Sequence[Equivalence] | None = None,
    cut_votes: bool = False,
    logprobs: bool = False,
    purpose: Purpose = "serve",
    listener: Listener = nobody,
) -> list[Vote]:
    """A vote on each item, in the items' order, with as many requests at a time as the sampler takes.

    What comes out does not depend on the order in which answers arrive, nor on how many are asked for at a time.

    Args:
        sampler: the model, best in a cache (`wellkeeper.infer.cache.Cached`).
        items: their names differ.
        run: name of the run, as in `collect`: the samples are those that `collect` draws.
        stopping: when a vote stops; None: by `beta`, at 40 samples.
        temperature: of all draws, above 0. 1 asks what the model says most often.
        equivalence: which answers are the same; one for all items, or one for each. None: equal texts, less case,
            punctuation, articles and spaces.
        cut_votes: whether answers that were cut at the limit of tokens vote. Of a chain of thoughts the end is missing;
            of a model that continues a text, the answer came first.
        logprobs: whether to give log-probabilities of the tokens written.
        purpose: "train" warns: such answers lack the tail of the model's own.
        listener: is told of each vote that is over.

    Raises:
        InputError: two items have one name, a prompt is none or cannot be given to this model, the temperature is 0, or
            equivalences are not as many as items.
        WorkError: the model cannot be asked, or rejects all.
    """
    refuse_twins(items)
    check_temperature(temperature)
    _warn_of_training(purpose)
    ballots = [
        _Ballot(item.name, stopping or Stopping(), same, cut_votes=cut_votes)
        for item, same in zip(items, _each(equivalence, len(items)), strict=True)
    ]
    tasks, rejections, over = _Tasks(), Rejections(), 0
    for place, ballot in enumerate(ballots):
        tasks.add(place, ballot.wanted())

    def work(task: tuple[int, int]) -> Output:
        place, sample = task
        seed = item_seed(run, items[place].name)
        return sampler.sample(items[place].prompt, 1, temperature, seed, logprobs, first=sample)[0]

    for (place, sample), output in at_once(work, tasks, most=sampler.at_once, stop=sampler.stop):
        rejections.hear(output)
        over += ballots[place].take(sample, output)
        tasks.add(place, ballots[place].wanted())
        listener(Progress(stage="voting", done=over, total=len(items), unit="items"))
    return [ballot.result() for ballot in ballots]


def vote(
    sampler: Sampler,
    item: Item | Prompt,
    *,
    run: str = "vote",
    stop: Rule = "beta",
    most: int = MOST,
    level: float = LEVEL,
    answers: int | None = None,
    temperature: float = 1.0,
    equivalence: Equivalence | None = None,
    cut_votes: bool = False,
    purpose: Purpose = "serve",
) -> Vote:
    """A vote on one item.

    Args:
        sampler: as in `vote_on_each`.
        item: what is asked; random numbers hang on its name, and of a prompt alone on the prompt.
        run: as in `vote_on_each`.
        stop: "fixed", "beta" or "certificate" (`wellkeeper.measure.votes`).
        most: samples.
        level: how sure of the leader the rule is before it stops, in (0.5, 1).
        answers: how many there can be, such as choices. Where it is known a certificate holds for all models; else it
            does for up to three, and was checked by simulation for more.
        temperature: as in `vote_on_each`.
        equivalence: likewise.
        cut_votes: likewise.
        purpose: likewise.

    Raises:
        DataError: there is no such rule, or a number makes no sense.
        InputError, WorkError: as in `vote_on_each`.
    """
    (found,) = vote_on_each(
        sampler,
        [_item(item)],
        run=run,
        stopping=Stopping(rule=stop, most=most, level=level, answers=answers),
        temperature=temperature,
        equivalence=equivalence,
        cut_votes=cut_votes,
        purpose=purpose,
    )
    return found


def self_consistency(
    sampler: Sampler,
    item: Item | Prompt,
    *,
    instruction: str = THINK,
    equivalence: Equivalence | None = None,
    run: str = "vote",
    stop: Rule = "beta",
    most: int = MOST,
    level: float = LEVEL,
    temperature: float = 1.0,
    purpose: Purpose = "serve",
) -> Vote:
    """A vote among answers that are thought out first: each votes for what it says at its end [1].

    [1] Wang et al., Self-consistency improves chain of thought reasoning in language models, ICLR 2023, arXiv
        2203.11171.

    Args:
        sampler: as in `vote`; an answer that is cut before its end does not vote, so give it enough tokens.
        item: likewise.
        instruction: is put after the prompt; "" leaves the prompt as it is.
        equivalence: None: by what an answer announces, as in "the answer is 5".
        run: as in `vote`.
        stop: likewise.
        most: likewise.
        level: likewise.
        temperature: likewise.
        purpose: likewise.

    Raises:
        DataError, InputError, WorkError: as in `vote`.
    """
    asked = _item(item)
    return vote(
        sampler,
        replace(asked, prompt=_with(asked.prompt, instruction)),
        run=run,
        stop=stop,
        most=most,
        level=level,
        temperature=temperature,
        equivalence=equivalence or ByStatement(),
        purpose=purpose,
    )


def _item(given: Item | Prompt) -> Item:
    if isinstance(given, Item):
        return given
    return Item(name=given if isinstance(given, str) else json.dumps(given, default=str), prompt=given)


def _with(prompt: Prompt, instruction: str) -> Prompt:
    """A prompt with an instruction after it, in the last message of a conversation."""
    if not instruction:
        return prompt
    if isinstance(prompt, str):
        return f"{prompt}\n\n{instruction}"
    last = prompt[-1]
    return [*prompt[:-1], {**last, "content": f"{last['content']}\n\n{instruction}"}]


def _each(equivalence: Equivalence | Sequence[Equivalence] | None, many: int) -> Sequence[Equivalence]:
    if not isinstance(equivalence, Sequence):
        return [equivalence or ByText()] * many
    if len(equivalence) != many:
        raise InputError(
            f"There are {len(equivalence)} equivalences for {many} items. Give one for each, or one for all."
        )
    return equivalence


def check_temperature(temperature: float) -> None:
    """Refuse a temperature at which all samples are the same.

    Raises:
        InputError: it is 0, or none.
    """
    if not 0 < temperature < math.inf:
        raise InputError(
            f"At a temperature of {temperature:g} there is nothing to vote on: all samples are the same, or none is "
            "drawn. Give a temperature above 0, such as 1."
        )


def _warn_of_training(purpose: Purpose) -> None:
    if purpose == "train":
        warnings.warn(
            DisciplineWarning(
                "Answers by vote are to be trained on. They are what the model says most often: what it says seldom is "
                "gone from them, and a model that learns from them loses its tail as at a low temperature. Train on "
                "samples at a temperature of 1 that a verifier accepts, and keep human text beside them."
            ),
            stacklevel=3,
        )


# --- best of n ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best of several answers by a verifier."""

    name: str  # of the item
    output: Output
    score: (
        float | None
    )  # in [0, 1]; None: the verifier could tell of no answer, and the first that came was taken
    outputs: tuple[Output, ...]
    scores: tuple[float | None, ...]

    @property
    def unknown(self) -> int:
        """Answers without a score; they never win over one that has one."""
        return sum(score is None for score in self.scores)

    @property
    def divergence(self) -> float:
        """Most that the choice can move the model's answers, a Kullback-Leibler divergence in nats: ln n - (n-1)/n [1].

        [1] Beirami et al., Theoretical guarantees on the best-of-n alignment policy, arXiv 2401.01879.
        """
        n = len(self.outputs)
        return math.log(n) - (n - 1) / n


def best_of_each(
    sampler: Sampler,
    items: Sequence[Item],
    n: int,
    verifier: Verifier,
    *,
    run: str,
    temperature: float = 1.0,
    purpose: Purpose = "serve",
    listener: Listener = nobody,
) -> list[Best]:
    """The best of `n` answers to each item, of equals the first.

    A verifier that errs is found out by the choice itself: the more answers it may choose from, the more often it takes
    one that only looks good to it. Against a learned judge the true worth rises, and falls again [1]. Measure how often
    it accepts what is wrong before `n` is raised; an exact check has no such limit.

    [1] Gao, Schulman and Hilton, Scaling laws for reward model overoptimization, ICML 2023, arXiv 2210.10760.

    Args:
        sampler: as in `vote_on_each`.
        items: likewise.
        n: answers to each.
        verifier: what an answer is worth, in [0, 1]; None: unknown. Answers that did not come are not shown to it.
        run: as in `vote_on_each`.
        temperature: likewise.
        purpose: likewise.
        listener: is told of each answer.

    Raises:
        DataError: a score is not in [0, 1].
        InputError, WorkError: as in `collect`; also where the temperature is 0.
    """
    check_temperature(temperature)
    _warn_of_training(purpose)
    drawn = collect(sampler, items, run=run, n=n, temperature=temperature, listener=listener)
    return [_best(item, outputs, verifier) for item, outputs in zip(items, drawn, strict=True)]


def best_of_n(
    sampler: Sampler,
    item: Item | Prompt,
    n: int,
    verifier: Verifier,
    *,
    run: str = "vote",
    temperature: float = 1.0,
    purpose: Purpose = "serve",
) -> Best:
    """The best of `n` answers to one item: see `best_of_each`, also for what too large an `n` does.

    Raises:
        DataError, InputError, WorkError: as in `best_of_each`.
    """
    (found,) = best_of_each(
        sampler, [_item(item)], n, verifier, run=run, temperature=temperature, purpose=purpose
    )
    return found


def _best(item: Item, outputs: Sequence[Output], verifier: Verifier) -> Best:
    scores = [None if output.finish == "error" else verifier(item, output) for output in outputs]
    for score in scores:
        if score is not None and not 0 <= score <= 1:
            raise DataError(
                f"The verifier gave {item.name} a score of {score}. Have it give one in [0, 1], or None."
            )
    known = [score for score in scores if score is not None]
    score = max(known, default=None)
    came = [place for place, output in enumerate(outputs) if output.finish != "error"] or [0]
    place = came[0] if score is None else scores.index(score)
    return Best(
        name=item.name, output=outputs[place], score=score, outputs=tuple(outputs), scores=tuple(scores)
    )
