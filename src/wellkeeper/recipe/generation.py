"""Have a model make AI references from human ones, and never ask it twice for the same."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wellkeeper.core.refusal import is_refusal
from wellkeeper.engine.completions import (
    Answer,
    Asker,
    Client,
    Endpoint,
    Journal,
    RejectedError,
    Writer,
    at_once,
)
from wellkeeper.engine.progress import Listener, Progress
from wellkeeper.engine.yaml_document import read_document
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.origin.anchors import Making
from wellkeeper.origin.prompts import (
    CHAT_PROMPTS,
    PLAIN_PROMPTS,
    Prompt,
    cleaned,
    digest_of,
    filled,
    prompts_of,
    tokens_for,
)
from wellkeeper.recipe.references import Pool, Pools, Scored, Text, text_of

if TYPE_CHECKING:
    from wellkeeper.engine.language_models import LocalModel

PER_SLICE = 100
"""AI references that a model is asked for, for each slice."""
_REJECTED_FROM_THE_START = 5  # requests rejected before any was answered: the fault is not in the texts


@contextmanager
def writer_for(given: str, model: str | None, *, key_env: str | None, seed: int) -> Iterator[Writer]:
    """What `--generate-with` names: an endpoint, or a model in a GGUF file.

    Raises:
        RecipeError: an endpoint without the name of a model, or a file with one.
        InputError: the address is none, the variable with the key is not set, or the file holds no model.
        MissingExtraError: a file was given and the engine that runs it is not installed.
    """
    if Path(given).exists() or given.lower().endswith(".gguf"):
        if model or key_env:
            raise RecipeError(
                f"{given} is a file, and --model and --key-env are for servers. Leave them out, or give an address."
            )
        if Path(given).is_dir():
            raise InputError(
                f"{given} is a folder. Give a GGUF file, or the address of a server that runs the model."
            )
        from wellkeeper.engine.language_models import LocalModel  # its engine is an extra

        local = _OnThisMachine(LocalModel(Path(given)), seed)
        try:
            yield local
        finally:
            local.close()
        return
    if not model:
        raise RecipeError("--generate-with needs the name of the server's model. Give it with --model NAME.")
    yield Client(Endpoint.at(given, model, key_env=key_env, seed=seed))


class _OnThisMachine:
    """A model in this process: a `Writer`."""

    at_once = 1

    def __init__(self, model: "LocalModel", seed: int) -> None:
        self._model, self._seed = model, seed
        self._busy = threading.Lock()
        self.is_chat = model.is_chat
        self.identity = (model.fingerprint, seed)
        self.record = {"endpoint": "this machine", "model": model.name}

    def ask(self, prompt: str, *, tokens: int) -> Answer:
        asked = [{"role": "user", "content": prompt}] if self.is_chat else prompt
        with self._busy:
            return self._model.answer(asked, tokens=tokens, seed=self._seed)

    def stop(self) -> None:
        """There is no wait to end."""

    def close(self) -> None:
        """Free the memory, once the answer under way is written: a run that was stopped does not wait for it."""
        with self._busy:
            self._model.close()


def prompts_from(file: str | Path | None, *, is_chat: bool) -> tuple[Prompt, ...]:
    """The prompts of a file, or those built in.

    Raises:
        RecipeError: the file cannot be read.
        InputError: it does not hold prompts.
    """
    if file is None:
        return CHAT_PROMPTS if is_chat else PLAIN_PROMPTS
    try:
        content = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(
            f"{file} cannot be read: {error.strerror}. Give a YAML or JSON file with --prompts."
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{file} is not UTF-8 at byte {error.start}. Save it as UTF-8.") from error
    return prompts_of(read_document(content, str(file)).values, str(file))


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    human: Text
    prompt: Prompt


def generate(
    people: Mapping[str, Scored],
    writer: Writer,
    prompts: Sequence[Prompt],
    journal: Path,
    *,
    per_slice: int,
    seed: int,
    listener: Listener,
) -> tuple[Pools, Making]:
    """AI references that a model makes from the human ones, `per_slice` of each slice, prompts in turn.

    Raises:
        WorkError: the model cannot be asked, or rejects all that it is asked.
    """
    asker = Asker(writer, Journal(journal))
    tasks = [
        _Task(name, human, prompts[number % len(prompts)])
        for name, one in people.items()
        for number, human in enumerate(sorted(one.texts, key=lambda text: text.order)[:per_slice])
    ]
    pools: Pools = {name: Pool() for name in people}
    counts: Counter[str] = Counter()
    outcomes = at_once(lambda task: _made(task, asker), tasks, most=writer.at_once, stop=writer.stop)
    with closing(outcomes) as done:
        for number, (task, (kind, said)) in enumerate(done, 1):
            listener(
                Progress(stage="generating", done=number, total=len(tasks), unit="texts", documents=number)
            )
            counts[kind] += 1
            if kind == "text":
                pools[task.name].add(text_of(said, seed))
            else:
                pools[task.name].left_out[kind] += 1
            if counts["failed"] == number == min(_REJECTED_FROM_THE_START, len(tasks)):
                raise WorkError(
                    f"{writer.record['endpoint']} rejected the first {number} requests ({said}). "
                    "Check --model and the prompts."
                )
    return pools, Making(
        how="generated",
        endpoint=writer.record["endpoint"],
        model=writer.record["model"],
        prompts=digest_of(prompts),
        asked=len(tasks),
        refused=counts["refused"],
        empty=counts["empty"],
        failed=counts["failed"],
    )


def _made(task: _Task, asker: Asker) -> tuple[str, str]:
    """("text", the reference), or why there is none and what was said about it."""
    previous = ""
    for step in task.prompt.steps:
        prompt = filled(step, task.human.text, previous=previous)
        try:
            answer = asker(prompt, tokens=tokens_for(task.human.text))
        except RejectedError as error:
            return "failed", str(error)
        previous = cleaned(answer.text, answer.finish)
        if is_refusal(previous, answer.finish):
            return "refused", ""
        if not previous:
            return "empty", ""
    return "text", previous
