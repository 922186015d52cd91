"""Worlds for vetting: people's documents on common and rare topics, generated texts of the same kind, verifiers and cards."""

import json

import numpy as np

from wellkeeper.recipe.vetting import vet
from wellkeeper.vet.cards import measured, write_cards
from wellkeeper.vet.labels import read_labelled
from wellkeeper.vet.verifiers import read_verifiers, verdicts_of

SYLLABLES = "ba ke mi so tu ra ne di lo pu ve ga zo fi hu".split()
WORDS = [f"{a}{b}{c}" for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES]
TOPICS, RARE = 24, 15
"""Topics, and the first of the rare ones, which a fifth of the documents are about."""
VERIFIERS = "verifiers:\n  - name: the word\n    kind: contains\n"


class World:
    """Words by Zipf's law, with topics that Zipf's law makes rare, too; a topic's own words are seen in no other."""

    def __init__(self, seed=0, words=90):
        self.rng = np.random.default_rng(seed)
        common = 1500
        self.base = 1 / np.arange(1, common + 1) ** 1.05
        self.base /= self.base.sum()
        self.common = WORDS[:common]
        self.own = [WORDS[common + 60 * k : common + 60 * (k + 1)] for k in range(TOPICS)]
        weight = 1 / np.arange(1, TOPICS + 1) ** 0.7
        self.topics = weight / weight.sum()
        self.words = words

    def text(self):
        """A topic and a text of it."""
        topic = int(self.rng.choice(TOPICS, p=self.topics))
        own = self.words // 3
        words = [
            *self.rng.choice(self.common, self.words - own, p=self.base),
            *self.rng.choice(self.own[topic], own),
        ]
        self.rng.shuffle(words)
        return topic, " ".join(words)

    def generated(self, many, *, wrong=0.0, name="made"):
        """Rows of generated texts; a share of them lacks the word that was asked for."""
        rows = []
        for number in range(many):
            topic, text = self.text()
            word = "xxwrongxx" if self.rng.random() < wrong else text.split()[0]
            rows.append(
                {
                    "id": f"{name}-{number}",
                    "text": text,
                    "prompt": f"Write about {word}.",
                    "references": [word],
                    "generator": "toy@1",
                    "depth": 1,
                    "cell": f"topic {topic}",
                    "rare": topic >= RARE,
                }
            )
        return rows


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def lay_out(folder, *, seed=0, human=260, made=90, wrong=0.1, labelled=110):
    """A world's files: human.jsonl, made.jsonl, verifiers.yaml and card.json."""
    world = World(seed)
    write_rows(folder / "human.jsonl", [{"id": f"h{k}", "text": world.text()[1]} for k in range(human)])
    write_rows(folder / "made.jsonl", world.generated(made, wrong=wrong))
    rows = world.generated(labelled, name="right")
    for row in world.generated(labelled, wrong=1.0, name="wrong"):
        rows.append(row)
    write_rows(folder / "labelled.jsonl", [{**row, "right": row["id"].startswith("right")} for row in rows])
    (folder / "verifiers.yaml").write_text(VERIFIERS)
    card_of(folder)
    return folder


def card_of(folder, verifiers="verifiers.yaml"):
    """Measure the card of a file of verifiers on the folder's labelled texts."""
    found = read_verifiers(folder / verifiers)
    labelled = read_labelled(folder / "labelled.jsonl")
    said = verdicts_of(found, [one.item for one in labelled])
    write_cards(measured(found, labelled, said), folder / "card.json")


def vetted_by_card(folder, synthetic, *, human="human.jsonl", **more):
    """A set at the gate, held against the reference, the verifiers and the card of a folder."""
    return vet(
        folder / synthetic,
        reference=folder / human,
        verifiers=folder / "verifiers.yaml",
        card=folder / "card.json",
        no_evaluation=True,
        workers=1,
        **more,
    )
