"""Answer the queue of the tutorial as two readers would who are right most of the time; nobody has read anything.

    wellkeeper curate recipes/finetune.yaml --out set
    wellkeeper review init set --size 100
    python examples/review/make_answers.py set-review.sqlite

The origin of every text of the example corpus is known (`examples/truth.json`). Alice answers all items and is wrong in
one of 25, bob answers those that two people look at and is wrong in one of 10; both say that they cannot tell where a
text is neither a person's nor a model's. Errors and seconds are drawn by a hash of reader and item.
"""

import argparse
import hashlib
import json
from pathlib import Path

from wellkeeper.review.queue import ReviewQueue

HERE = Path(__file__).parent
ERRORS = {"alice": 0.04, "bob": 0.1}
LABELS = {"human": "human", "ai-generated": "ai"}
WRONG = {"human": "ai", "ai": "human", "unsure": "human"}


def draw(*names: str) -> float:
    """A number in [0, 1) that hangs on the names alone."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("queue", type=Path)
    origins = json.loads((HERE.parent / "truth.json").read_text())["origin"]
    lines = []
    with ReviewQueue(parser.parse_args().queue) as queue:
        for _, placed in queue.items():  # noqa: PERF102  a queue is no dict
            item = placed.item
            right = LABELS.get(origins[item.places[0].id], "unsure")
            for reader in list(ERRORS)[: placed.readers]:
                label = WRONG[right] if draw("error", reader, item.id) < ERRORS[reader] else right
                seconds = round(6 + 34 * draw("seconds", reader, item.id), 1)
                lines.append({"id": item.id, "reviewer": reader, "label": label, "seconds": seconds})
    (HERE / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{len(lines)} answers to {HERE / 'answers.jsonl'}")


if __name__ == "__main__":
    main()
