"""What a sampler is: it is given a prompt, and gives so many answers drawn at a temperature.

Each answer is one request with a seed of its own, hashed from the seed of the item and the number of the sample.
Servers that are asked for n answers at once give their children the seeds s, s + 1, ... [1, 2]: with seeds that count
up from item to item, the second answer to one item and the first to the next come from the same random numbers. So no
sampler here asks for several answers in one request, and no seed here is the neighbour of another by design.

An answer that is empty, cut off or a refusal is an answer, and says so: its share is a figure of its own, and no
distance between texts can stand for it.

[1] llama.cpp, tools/server: the tasks of one request get the seed of the request plus their number.
[2] vLLM, v1/engine/parallel_sampling.py: `child_sampling_params.seed = seed + index`.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wellkeeper.core.answers import FAILED, FINISHES, Finish, Output, Prompt, finish_of
from wellkeeper.engine.completions import Reply, at_once
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import InputError, WorkError

TOKENS = 256
"""Most tokens of an answer, where nothing else is said: a long paragraph of English."""
_FILTERS = ("content_filter", "content management policy", "content policy")
"""What a server says that rejects a prompt for what it is about, and not for its form."""
_REJECTED_FROM_THE_START = 5  # requests rejected before any was answered: the fault is not in the items


class Sampler(Protocol):
    """A model that answers, as it is asked by comparisons and votes. Several threads may ask at the same time."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits, of all besides prompt and parameters that decides answers. No secrets."""

    @property
    def tokens(self) -> int:
        """Most tokens of one answer."""

    @property
    def at_once(self) -> int:
        """Answers that it works on at the same time."""

    def sample(
        self,
        prompt: Prompt,
        n: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
        logprobs: bool = False,  # noqa: FBT001, FBT002
        *,
        first: int = 0,
    ) -> list[Output]:
        """Samples number `first` to `first + n - 1` of this prompt.

        A sample depends on its own number, not on how many are asked for with it.

        Args:
            prompt: text or messages.
            n: how many.
            temperature: 1 draws from the model's own distribution, 0 takes the likeliest token each time.
            seed: of the item; `sample_seed` makes each sample's from it.
            logprobs: whether to give log-probabilities of the tokens written.
            first: number of the first sample.

        Raises:
            InputError: the prompt cannot be given to this model.
            WorkError: the model cannot be asked.
        """

    def stop(self) -> None:
        """End all waiting, so that threads come back soon."""


# --- seeds -------------------------------------------------------------------------------------------------------


def item_seed(run: str, item: str) -> int:
    """The seed of an item in a run, below 2**63. Another run's name gives other samples of the same item."""
    return _hashed(run, item) >> 1


def sample_seed(seed: int, sample: int) -> int:
    """The seed of one request, below 2**31, which all engines take, from its item's seed and the sample's number.

    Two of N requests share a seed with a probability of about N² / 2**32: 0.02 for 10,000 requests.
    """
    return _hashed(seed, sample) >> 33


def _hashed(*names: str | int) -> int:
    said = json.dumps(names).encode()  # not joined by a letter: that could be part of a name
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big")


# --- answers -----------------------------------------------------------------------------------------------------


def finishes(outputs: Iterable[Output]) -> dict[Finish, int]:
    """How many answers ended in each of the five ways, all of them named."""
    counts = dict.fromkeys(FINISHES, 0)
    for output in outputs:
        counts[output.finish] += 1
    return counts


def output_of(reply: Reply, *, seed: int, milliseconds: float, logprobs: bool) -> Output:
    """An answer of an engine as an output; an error where log-probabilities were asked for and did not come."""
    text, said = reply.answer.text, reply.answer.finish
    missing = logprobs and reply.logprobs is None and text != ""
    return Output(
        text=text,
        finish=finish_of(text, FAILED if missing else said),
        tokens=reply.tokens,
        prompt_tokens=reply.prompt_tokens,
        logprobs=(reply.logprobs or ()) if logprobs and not missing else None,
        first_tokens=reply.first_tokens if logprobs and not missing else None,
        seed=seed if reply.seeded else None,
        milliseconds=milliseconds,
        note="log-probabilities were asked for and did not come" if missing else "",
    )


def rejected(why: str, *, seed: int) -> Output:
    """What there is instead of an answer where a request was rejected. Providers do not bill those."""
    said = "content_filter" if any(word in why.lower() for word in _FILTERS) else FAILED
    return Output(text="", finish=finish_of("", said), tokens=0, prompt_tokens=0, seed=seed, note=why)


def drawn(draw: Callable[[int], Output], n: int, *, seed: int, first: int) -> list[Output]:
    """The samples of one item, each drawn by its own seed."""
    return [draw(sample_seed(seed, sample)) for sample in range(first, first + n)]


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def milliseconds(self) -> float:
        return round(1000 * (time.perf_counter() - self._begun), 3)


# --- many items --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A prompt with a name, which its seed hangs on."""

    name: str
    prompt: Prompt

    def __post_init__(self) -> None:
        if not _is_prompt(self.prompt):
            raise InputError(
                f"The prompt of {self.name} is neither a text nor messages. Give a text, or a list of messages that "
                "each have a role and a content, both texts."
            )


def _is_prompt(given: object) -> bool:
    if not isinstance(given, Sequence) or isinstance(given, str):
        return isinstance(given, str)
    return len(given) > 0 and all(map(_is_message, given))


def _is_message(given: object) -> bool:
    return isinstance(given, Mapping) and all(
        isinstance(given.get(name), str) for name in ("role", "content")
    )


class Rejections:
    """Ends a run in which the model rejects all requests from the start: then the fault is not in the items."""

    def __init__(self) -> None:
        self._rejected, self._answered = 0, False

    def hear(self, output: Output) -> None:
        """Take note of an answer.

        Raises:
            WorkError: the first requests were all rejected.
        """
        self._answered = self._answered or output.finish != "error"
        self._rejected += not self._answered
        if self._rejected >= _REJECTED_FROM_THE_START:
            raise WorkError(
                f"The model rejects every request, {self._rejected} so far ({output.note or 'no reason given'}). Check "
                "the model's name, the temperature and whether it gives log-probabilities."
            )


def collect(
    sampler: Sampler,
    items: Sequence[Item],
    *,
    run: str,
    n: int = 1,
    temperature: float = 1.0,
    logprobs: bool = False,
    listener: Listener = nobody,
) -> list[list[Output]]:
    """`n` answers to each item, in the items' order, as many requests at a time as the sampler takes.

    What comes out does not depend on the order in which answers arrive. A request that the model rejects gives an
    output that says so; where it rejects all from the start, the run ends.

    Args:
        sampler: the model, best in a cache (`wellkeeper.infer.cache.Cached`).
        items: their names differ.
        run: name of the run, such as the version of the model and the week; seeds hang on it.
        n: answers an item.
        temperature: of all draws.
        logprobs: whether to give log-probabilities of the tokens written.
        listener: is told of each answer, kept or new.

    Raises:
        InputError: two items have one name, a prompt is none or cannot be given to this model, or a number is none.
        WorkError: the model cannot be asked, or rejects all.
    """
    refuse_twins(items)
    if n < 1 or not 0 <= temperature < math.inf:
        raise InputError(
            f"{n} answers at a temperature of {temperature} cannot be drawn. Ask for one or more, at 0 or above."
        )
    outputs: dict[tuple[int, int], Output] = {}

    def work(task: tuple[int, int]) -> Output:
        place, sample = task
        item = items[place]
        seed = item_seed(run, item.name)
        return sampler.sample(item.prompt, 1, temperature, seed, logprobs, first=sample)[0]

    tasks = [(place, sample) for place in range(len(items)) for sample in range(n)]
    rejections = Rejections()
    for task, output in at_once(work, tasks, most=sampler.at_once, stop=sampler.stop):
        outputs[task] = output
        listener(Progress(stage="asking", done=len(outputs), total=len(tasks), unit="answers"))
        rejections.hear(output)
    return [[outputs[place, sample] for sample in range(n)] for place in range(len(items))]


def refuse_twins(items: Sequence[Item]) -> None:
    """Refuse items that share a name.

    Raises:
        InputError: two do, and would get the same random numbers.
    """
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise InputError(
                f"Two items have the name {item.name}, and would get the same random numbers. Give each its own name."
            )
        seen.add(item.name)
