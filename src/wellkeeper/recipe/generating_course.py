"""The course of a set that is generated: what is asked for next, what came, and what is asked for again.

Texts are asked for a part at a time. All of a part is known before any of it is asked, and all of it has come before
the next is made up, so that nothing hangs on the order in which answers arrive.
"""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Finish, Output, Prompt
from wellkeeper.core.generated import Generated
from wellkeeper.core.lineage import DEEPEST
from wellkeeper.engine.progress import Listener
from wellkeeper.infer.sampling import Item, Sampler, collect
from wellkeeper.infer.seeding import RareWords, dealt, slots_of, waves_of
from wellkeeper.infer.templates import BETWEEN, Template, filled, opening
from wellkeeper.origin.prompts import cleaned
from wellkeeper.recipe.generating_wanted import Wanted
from wellkeeper.recipe.seed_cells import SeedCells, Shown, spelled_words

_WRITTEN: tuple[Finish, ...] = ("stop", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: what it shows, and which place of the plan it is for."""

    cell: int
    number: int  # within the cell
    attempt: int
    template: str
    prompt: Prompt
    shown: tuple[Shown, ...]  # none where the template shows no document

    @property
    def item(self) -> Item:
        return Item(name=f"{self.cell}.{self.number}.{self.attempt}", prompt=self.prompt)

    @property
    def prompt_text(self) -> str:
        if isinstance(self.prompt, str):
            return self.prompt
        return BETWEEN.join(message["content"] for message in self.prompt)


class Asking:
    """The course of a set: what was asked, what came, and what is still to be asked."""

    def __init__(self, source: SeedCells, wanted: Wanted, quotas: NDArray[np.int64], generator: str) -> None:
        self._cells, self._wanted, self._generator = source.cells, wanted, generator
        self.slots = slots_of(quotas)
        most = wanted.seeds * wanted.tries
        self._documents = {
            cell: source.seeds[cell][: most * int(quotas[cell])].tolist()
            for cell in np.flatnonzero(quotas).tolist()
        }
        self._shown = source.shown(
            np.array([one for some in self._documents.values() for one in some], np.int64)
        )
        self._words = {
            cell: RareWords(source.rare_words([self._shown[one].text for one in some]))
            for cell, some in self._documents.items()
        }
        self._turns: Counter[int] = Counter()
        self._order = {slot: place for place, slot in enumerate(self.slots)}
        self.made: dict[tuple[int, int], tuple[Generated, Asked]] = {}
        self._texts: set[str] = set()
        self.written_words: set[str] = set()  # of the texts that came, in lower case
        self.finishes: Counter[Finish] = Counter()
        self.left_out: Counter[str] = Counter()
        self.errors: list[str] = []

    def run(self, sampler: Sampler, listener: Listener) -> None:
        """Ask for all, a part at a time, and again for what did not come."""
        waves = waves_of(self.slots)
        again: list[tuple[tuple[int, int], int]] = []
        while waves or again:
            now = [(slot, 0) for slot in (waves.pop(0) if waves else [])] + again
            asked = [self._asked(slot, attempt) for slot, attempt in now]
            outputs = collect(
                sampler,
                [one.item for one in asked],
                run=f"seed {self._wanted.seed}",
                temperature=self._wanted.temperature,
                listener=listener,
            )
            came = [self._took(one, output) for one, (output,) in zip(asked, outputs, strict=True)]
            again = [
                (slot, attempt + 1)
                for (slot, attempt), good in zip(now, came, strict=True)
                if not good and attempt + 1 < self._wanted.tries
            ]
            new = spelled_words([self.made[slot][0].text for slot, _ in now if slot in self.made])
            self.written_words |= new
            for words in self._words.values():
                words.cover(new)

    def _asked(self, slot: tuple[int, int], attempt: int) -> Asked:
        cell, number = slot
        wanted, template = self._wanted, self._template(slot, attempt)
        shown: tuple[Shown, ...] = ()
        if "seed" in template.fields:
            documents = dealt(self._documents[cell], self._turns[cell], wanted.seeds)
            self._turns[cell] += 1
            shown = tuple(self._shown[one] for one in documents)
        topic = self._cells[cell].name.partition(" (")[0]  # without the number of a namesake
        words = self._words[cell].deal(wanted.words) if "words" in template.fields else []
        return Asked(
            cell=cell,
            number=number,
            attempt=attempt,
            template=template.name,
            prompt=filled(
                template,
                seed=BETWEEN.join(opening(one.text, wanted.seed_words) for one in shown),
                topic=topic,
                words=", ".join(words) or topic,
            ),
            shown=shown,
        )

    def _template(self, slot: tuple[int, int], attempt: int) -> Template:
        return self._wanted.templates[(self._order[slot] + attempt) % len(self._wanted.templates)]

    def _took(self, asked: Asked, output: Output) -> bool:
        """Whether an answer becomes a document of the set."""
        self.finishes[output.finish] += 1
        text = cleaned(output.text, output.finish)
        why = self._why_not(output, text)
        if why:
            self.left_out[why] += 1
            if output.note and output.note not in self.errors:
                self.errors.append(output.note)
            return False
        self._texts.add(text)
        cell = self._cells[asked.cell]
        record = Generated(
            id=sha256(text.encode(errors="replace")).hexdigest()[:32],
            text=text,
            prompt=asked.prompt,
            finish=output.finish,
            generator=self._generator,
            depth=min(1 + max((one.depth for one in asked.shown), default=0), DEEPEST),
            parents=tuple(one.name for one in asked.shown),
            template=asked.template,
            cell=cell.name,
            rare=cell.rare,
            temperature=float(self._wanted.temperature),
            seed=output.seed,
        )
        self.made[asked.cell, asked.number] = record, asked
        return True

    def _why_not(self, output: Output, text: str) -> str:
        """Why an answer is no document of the set; "" if it is one."""
        if output.finish not in _WRITTEN:
            return output.finish
        return "empty" if not text else "repeated" if text in self._texts else ""

    @property
    def in_order(self) -> list[tuple[Generated, Asked]]:
        """What came, as it was planned."""
        return [self.made[slot] for slot in self.slots if slot in self.made]

    @property
    def dealt_words(self) -> set[str]:
        """Rare words that prompts asked for."""
        return set().union(*(words.dealt for words in self._words.values()))
