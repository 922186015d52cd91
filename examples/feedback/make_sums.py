"""Make the example of `wellkeeper feedback`: additions of two numbers below 100, told apart into four files.

    python examples/feedback/make_sums.py

All 10,000 sums are put in an order that hangs on a seed. The first 500 are held out, the next 400 are what people
answered, 4,000 more are asked in rounds. A sum is rare if one of its numbers has a single digit: 19 of 100 are. The
labelled answers that the verifier's card is measured on are 150 right ones, and 150 wrong ones of the kinds that a weak
model writes.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SEED = 9
HELD_OUT, HUMAN, ASKED, LABELLED = 500, 400, 4_000, 150


def main() -> None:
    random = np.random.default_rng(SEED)
    sums = [divmod(int(number), 100) for number in random.permutation(10_000)]
    parts = np.split(np.array(sums), np.cumsum([HELD_OUT, HUMAN, ASKED, 2 * LABELLED]))
    for name, part in zip(("held-out", "human", "problems"), parts, strict=False):
        write(f"{name}.jsonl", (record(int(a), int(b)) for a, b in part))
    labelled = []
    for at, (a, b) in enumerate(parts[3].tolist()):
        right = at < LABELLED
        labelled.append(
            {
                "id": f"{a}+{b}",
                "prompt": f"{a}+{b}=",
                "references": [str(a + b)],
                "text": str(a + b) if right else wrong(a + b, random),
                "label": "right" if right else "wrong",
            }
        )
    write("labelled.jsonl", labelled)


def record(a: int, b: int) -> dict[str, str]:
    return {
        "name": f"{a}+{b}",
        "prompt": f"{a}+{b}=",
        "answer": str(a + b),
        "rare": "true" if min(a, b) < 10 else "false",
    }


def wrong(total: int, random: np.random.Generator) -> str:
    """A digit off, a forgotten carry, or a digit too many."""
    kind = int(random.integers(3))
    if kind == 0:
        return str(total + int(random.choice([-2, -1, 1, 2])))
    return str(total - 10) if kind == 1 and total >= 20 else f"{total}{int(random.integers(10))}"


def write(name: str, records: Iterable[dict[str, object]]) -> None:
    (HERE / name).write_text("".join(json.dumps(entry) + "\n" for entry in records), encoding="utf-8")


if __name__ == "__main__":
    main()
