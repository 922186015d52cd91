"""Does `wellkeeper vet` catch a filter that eats the tail of texts that name no cells, and let neutral ones pass?

    python benchmarks/vet/tail_eater.py                      # 120 sets a row, about two CPU-minutes
    python benchmarks/vet/tail_eater.py --worlds 10 --json   # the same, small, as JSON

Each world has 24 topics: 15 common ones, which four fifths of the documents are about, and 9 rare ones. 600 human
documents and 500 generated texts of 90 words are drawn of it, a third of the words from the 60 of the topic. Topics are
found as in the command, and nobody tells the test which are rare. Three draws of every filter in each world:

*even*     every text is kept at .9.
*uneven*   topics are kept at about .8, with a standard deviation of .4 of the log odds, rare or common.
*eats*     uneven, and texts of rare topics are kept at .4, .5 or .7 of that.

*text*     neutral filters of real text. 480 passages of people (examples/vet) and 320 others (examples/reference) stand
           for human text and a set; the articles they are from are kept unevenly.

The verdict is that of the gate: `tail_condition` on rare topics and rare words, Holm's adjustment for both. Seeded.
"""

import argparse
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import verdict_counts
import zstandard
from numpy.typing import NDArray

from wellkeeper.recipe.curate import Human
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, prepare_work, read_corpus
from wellkeeper.recipe.tail_cost import TOPICS, WORDS, Removal, TailWatch
from wellkeeper.recipe.tails import word_sample
from wellkeeper.recipe.topics import topics_of
from wellkeeper.recipe.vetting_tail import rare_topics_cost
from wellkeeper.vet.gate import tail_condition

if TYPE_CHECKING:
    from wellkeeper.measure.tail_cost import Kept

EXAMPLES = Path(__file__).parents[2] / "examples"
TOPICS_OF, RARE, WORDS_OF, OWN, COMMON = 24, 15, 90, 60, 1500
FILTERS = {"even": 1.0, "uneven": 1.0, "eats .7": 0.7, "eats .5": 0.5, "eats .4": 0.4}
DRAWS, SPREAD, SIMILARITY = 3, 0.4, 0.8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--human", type=int, default=600)
    parser.add_argument("--made", type=int, default=500)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    begun = time.process_time()
    found: dict[str, Counter[str]] = {}
    for name, verdict in verdicts(given.worlds, given.seed, given.human, given.made):
        found.setdefault(name, Counter())[verdict] += 1
    told = verdict_counts.told(found, vars(given), ("worlds", "seed", "human", "made"), begun=begun)
    if given.as_json:
        print(json.dumps(told, indent=1))
        return
    for name, counts in found.items():
        shares = ", ".join(f"{verdict} {many / counts.total():.3f}" for verdict, many in counts.most_common())
        print(f"{name:8} {counts.total()} sets: {shares}")
    print(
        f"{given.human} human documents, {given.made} texts, seed {given.seed}, {told['cpu_seconds']} CPU-s"
    )


def verdicts(worlds: int, seed: int, human: int, made: int) -> Iterator[tuple[str, str]]:
    """The filter, and what the gate's condition of the tail says, for every draw."""
    for world in range(worlds):
        random = np.random.default_rng([seed, 11, world])
        _, theirs = drawn(random, human)
        topics, mine = drawn(random, made)
        with tempfile.TemporaryDirectory() as folder:
            loaded = read(Path(folder), theirs, mine)
            for name, keep in FILTERS.items():
                for _ in range(DRAWS):
                    spread = 0.0 if name == "even" else SPREAD
                    odds = np.log(9.0 if name == "even" else 4.0) + spread * random.standard_normal(TOPICS_OF)
                    rates = np.where(np.arange(TOPICS_OF) >= RARE, keep, 1.0) / (1 + np.exp(-odds))
                    yield name, judged(loaded, random.random(made) >= rates[topics])
    people = passages(EXAMPLES / "vet" / "human.jsonl.zst")
    others = [
        row for row in passages(EXAMPLES / "reference" / "part-0.jsonl.zst") if row[1] not in set(people)
    ]
    for world in range(max(1, worlds // 10)):
        random = np.random.default_rng([seed, 12, world])
        chosen = [others[k] for k in random.permutation(len(others))[:320]]
        articles = np.unique([article for article, _ in chosen], return_inverse=True)[1]
        with tempfile.TemporaryDirectory() as folder:
            loaded = read(Path(folder), [text for _, text in people], [text for _, text in chosen])
            for _ in range(DRAWS * 10):
                odds = np.log(4.0) + SPREAD * random.standard_normal(articles.max() + 1)
                yield "text", judged(loaded, random.random(len(chosen)) >= 1 / (1 + np.exp(-odds[articles])))


def drawn(random: np.random.Generator, many: int) -> tuple[NDArray[np.int64], list[str]]:
    """The topics of so many documents, and the documents; words are numbers, in letters."""
    zipf = 1 / np.arange(1, COMMON + 1) ** 1.05
    weight = 1 / np.arange(1, TOPICS_OF + 1) ** 0.7
    topics = random.choice(TOPICS_OF, many, p=weight / weight.sum())
    own = WORDS_OF // 3
    texts = []
    for topic in topics.tolist():
        words = np.concatenate(
            (
                random.choice(COMMON, WORDS_OF - own, p=zipf / zipf.sum()),
                COMMON + OWN * topic + random.integers(0, OWN, own),
            )
        )
        texts.append(" ".join(spelled(word) for word in random.permutation(words).tolist()))
    return topics, texts


def spelled(number: int) -> str:
    return "w" + "".join("abcdefghij"[int(digit)] for digit in str(number))


def passages(file: Path) -> list[tuple[str, str]]:
    """Passages of 90 words, and the article that each is from."""
    with file.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        rows = [json.loads(line) for line in io.TextIOWrapper(stream, "utf-8")]
    found = []
    for row in rows:
        words = row["text"].split()
        article = "-".join(row["id"].split("-")[:2])
        found += [
            (article, " ".join(words[k : k + WORDS_OF]))
            for k in range(0, max(1, len(words) - WORDS_OF + 1), WORDS_OF)
        ]
    return found


def read(folder: Path, human: list[str], made: list[str]) -> Human:
    """What the command knows of a human reference and a set."""
    for name, texts in (("human", human), ("made", made)):
        lines = (json.dumps({"id": f"{name}-{k:05}", "text": text}) + "\n" for k, text in enumerate(texts))
        (folder / f"{name}.jsonl").write_text("".join(lines))
    run = Running(work=prepare_work(folder, folder / "work", fresh=False), workers=1)
    with run.ready():
        corpora = []
        for name in ("made", "human"):
            groups, _ = groups_of(
                [str(folder / f"{name}.jsonl")], {"text": None}, run.work, reference=name == "human"
            )
            corpora.append(read_corpus(groups, run, similarity=SIMILARITY, seed=0, words=True, topics=True))
        mine, theirs = corpora
        return Human(
            corpus=mine,
            mine=word_sample(mine),
            theirs=word_sample(theirs),
            beside=theirs,
            topics=topics_of(mine, reference=theirs, seed=0),
        )


def judged(human: Human, lost: NDArray[np.bool_]) -> str:
    """What the gate's condition of the tail says of texts that were rejected; texts are in the order of the file."""
    removal = Removal(step="verified.v1", judged=np.ones(len(lost), np.bool_), lost=lost, replaced=0)
    topics = rare_topics_cost(human, removal, seed=0)
    words = TailWatch(human.corpus, human.mine, human.theirs, seed=0).cost(removal).words
    kept: dict[str, Kept] = {} if topics is None else {TOPICS: topics.kept}
    if words is not None:
        kept[WORDS] = words.words_kept
    return tail_condition(kept, rejected=int(lost.sum())).passed


if __name__ == "__main__":
    main()
