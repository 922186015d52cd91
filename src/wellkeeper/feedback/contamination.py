"""Texts of rounds that share a long run of words with a held-out item: they are taken out before training.

That a prompt of the rounds is a held-out one, word for word, is refused before anything begins (`materials.Materials`).
Here prompts and answers together are searched for any 13 words in a row of a held-out prompt or reference, one of them
changed or left out at most (`kernels.overlap`; 13 words: Brown et al., Language models are few-shot learners, NeurIPS
2020, appendix C). Runs that many held-out items share, such as an instruction, do not count
(`filter.evaluation`). Items with no text of 13 words cannot be searched for, since chance alone writes shorter ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wellkeeper.core.answers import Prompt
from wellkeeper.core.evaluation import Evaluation
from wellkeeper.core.generated import Generated
from wellkeeper.engine.readers.evaluation import Item, ItemSet
from wellkeeper.filter.evaluation import evaluation_of
from wellkeeper.kernels import text
from wellkeeper.kernels.overlap import Table, find
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.vet.gate import Condition

WORDS = 13
"""In a row, that chance does not write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Held-out items, ready to be looked for."""

    evaluation: Evaluation
    table: Table
    searched: int  # items with a text that is looked for
    items: int

    @classmethod
    def of(cls, suite: Suite) -> "Search":
        """Prepare the items of a suite."""
        items = tuple(Item(name=item.name, texts=_texts_of(item)) for item in suite.items)
        held_out = ItemSet(name=suite.name, path="", items=items, fields=("prompt", "reference"), said=())
        evaluation, table = evaluation_of([held_out], min_ngram=WORDS, tables=text.load_tables())
        long = np.flatnonzero(np.diff(evaluation.bounds) >= WORDS)
        searched = {int(item) for number in long.tolist() for item in evaluation.holders(number)}
        return cls(evaluation=evaluation, table=table, searched=len(searched), items=len(suite.items))

    def found_in(self, texts: Sequence[Generated]) -> dict[int, str]:
        """Places of the texts that share words with a held-out item, each with the name of the first such item."""
        if not self.searched or not texts:
            return {}
        said = [f"{_plain(item.prompt or '')}\n{item.text}".encode(errors="replace") for item in texts]
        offsets = np.cumsum([0, *map(len, said)]).astype(np.int64)
        words = text.word_hashes(
            np.frombuffer(b"".join(said), np.uint8), offsets, text.load_tables(), np.arange(len(said))
        )
        documents, grams, _ = find(*words, self.table.probe)
        long = self.table.line_words[grams] == 0
        found: dict[int, str] = {}
        for document, gram in zip(documents[long].tolist(), grams[long].tolist(), strict=True):
            number = int(self.evaluation.gram_text[self.evaluation.gram_bounds[gram]])
            found.setdefault(document, self.evaluation.items[int(self.evaluation.holders(number)[0])])
        return found

    def condition(self, *, dropped: int, of: int) -> Condition:
        """What the gate says of it.

        Args:
            dropped: accepted texts that were taken out.
            of: accepted texts that were looked at.
        """
        short = self.items - self.searched
        said = f"No prompt is a held-out one, and no held-out item is in {of:,} accepted answers."
        if dropped:
            said = (
                f"{dropped:,} of {of:,} accepted answers share {WORDS} words in a row with a held-out item, and are "
                "out."
            )
        if short:
            said += (
                f" {short:,} of {self.items:,} held-out items are too short to be looked for inside of texts."
            )
        figures = {"dropped": dropped, "of": of, "searched": self.searched, "items": self.items}
        if of and dropped == of:
            return Condition(
                name="contamination",
                passed="fail",
                said=said,
                next="Ask other prompts: these are made of held-out items.",
                figures=figures,
            )
        return Condition(name="contamination", passed="pass", said=said, figures=figures)


def _plain(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in prompt)


def _texts_of(item: SuiteItem) -> tuple[tuple[str, str], ...]:
    texts = (("prompt", _plain(item.prompt)), *(("reference", said) for said in item.references))
    return tuple((kind, said) for kind, said in texts if said)
