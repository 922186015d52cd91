"""A small set in which every way to be kept, dropped or held back is taken, and some texts are not of ASCII."""

import json

import numpy as np
from corpora import document

import wellkeeper

RECIPE = """\
wellkeeper: 1
sources:
  web: {path: web.jsonl, text: text, source: site, date: day, origin: {column: label}}
  old: {path: old.jsonl, text: text, date: day, trust: archive}
steps:
  - quality.v1: {rules: [gopher]}
  - artefacts.v1: {}
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.6}
  - origin.v1: {drop_above: 0.99, review_between: [0.8, 0.99]}
mix: {size: all, synthetic_share: {max: 0.1}}
"""
PLAIN = "wellkeeper: 1\nsources: {old: {path: old.jsonl, text: text}}\n"

GERMAN = "Übrigens schließt der Bäcker in der Löwengasse, und zwar für ein ganzes Jahr. 🥐 "
VOICE = "As an AI language model, I do not have personal opinions"
MARKER = "citeturn0search3"


def english(number, sentences=14):
    """A text of made-up words that passes for one."""
    rng = np.random.default_rng([7, number])
    return " ".join(f"The {document(rng, 1)} of that and with have to be." for _ in range(sentences))


def rows():
    """What stands in the files: name of the file -> its rows."""
    web = [
        {
            "id": f"plain-{number}",
            "text": english(number),
            "site": f"board {number % 3}",
            "day": "2024-05-01",
            "grade": number,
        }
        for number in range(24)
    ]
    web += [
        {
            "id": f"made-{number}",
            "text": english(100 + number),
            "site": "made",
            "day": "2024-06-01",
            "label": "ai",
        }
        for number in range(8)
    ]
    web += [
        {"id": f"copy-{number}", "text": f"{english(number)} {english(900 + number, 2)}", "site": "board 9",
         "day": "2024-07-01"}
        for number in range(6)
    ]  # fmt: skip
    web += [
        {"id": "same", "text": english(7), "site": "board 1", "day": "2024-08-01"},
        {"id": "short", "text": "Too short.", "site": "board 1", "day": "2024-08-01"},
        {"id": "voice", "text": f"{GERMAN}{english(201)} {VOICE}. {english(202)}", "site": "board 1", "day": "2024-08-01"},
        {"id": "torn", "text": f"{GERMAN}{english(203)} {VOICE}. {english(204)}", "site": "board 2",
         "day": "2024-08-01", "label": "human"},
        {"id": "twice", "text": english(205), "site": "board 2", "day": "2024-08-01"},
        {"id": "twice", "text": english(206), "site": "board 2", "day": "2024-08-01"},
    ]  # fmt: skip
    old = [
        {"id": f"old-{number}", "text": english(300 + number), "day": "2015-02-03"} for number in range(20)
    ]
    return {"web.jsonl": web, "old.jsonl": old}


def curated(folder, *, recipe=RECIPE, **options):
    """The set, curated into `folder/out`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in rows().items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in some))
    (folder / "recipe.yaml").write_text(recipe)
    return wellkeeper.curate(folder / "recipe.yaml", out=folder / "out", workers=1, **options)


def texts():
    """All texts by id; of two with one id, the later one."""
    return {row["id"]: row["text"] for some in rows().values() for row in some}
