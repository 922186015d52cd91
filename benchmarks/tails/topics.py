"""Topics against labels: how well clusters of documents agree with the domains that people gave them.

    python benchmarks/tails/topics.py --data TEXTS.jsonl[.zst] [--field domain] [--seeds 5]
    python benchmarks/tails/topics.py --data TEXTS.jsonl[.zst] --halves 200     # false alarms of an audit's topics

Rows of the data have a text and a domain; of those that have a label, texts by people are taken. Compared are our
topics and scikit-learn's usual ways on the same texts: TF-IDF of hashed words, reduced to 64 dimensions by truncated
SVD or by random projection, or with no document frequencies at all (what a pass that sees each document once could
keep), and MiniBatchKMeans with as many clusters.

Columns: normalised mutual information and adjusted Rand index, mean and range over seeds, at as many clusters as there
are domains and at as many as we choose; clusters of one document or two; CPU seconds, with one thread, of everything
from texts to labels: for us the text pass with all it makes, topics and their names.

With `--halves`, texts are split at random into a corpus and its reference, and counted are the splits in which an audit
tells of any topic that its share differs (nominal .05), and those in which any figure beside human text has p < .05.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.random_projection import SparseRandomProjection

from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus
from wellkeeper.recipe.topic_gaps import describe_topics
from wellkeeper.recipe.topics import topics_for, topics_of

DIMENSIONS = 64
FEATURES = 1 << 18

Labels = NDArray[np.integer]
Method = Callable[[list[str], int, int], Labels]  # texts, clusters, seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One clustering against the domains."""

    nmi: float
    rand: float
    tiny: int  # clusters of one document or two
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--field", default="domain")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--halves", type=int, default=0)
    arguments = parser.parse_args()
    texts, domains = texts_of(arguments.data, arguments.field)
    if arguments.halves:
        false_alarms(texts, arguments.halves)
        return
    truth = np.unique(domains, return_inverse=True)[1]
    number = int(truth.max()) + 1
    print(f"{arguments.data.name}: {len(texts):,} documents of {number} domains, {arguments.seeds} seeds")
    counts = (number, topics_for(len(texts)))
    print("| topics |", " | ".join(f"{count} clusters: NMI | Rand | tiny" for count in counts), "| CPU-s |")
    print("| --- |", " | ".join("--: | --: | --:" for _ in counts), "| --: |")
    for name, method in METHODS.items():
        method(texts[:200], 2, 0)  # loops are linked and modules loaded
        columns = [
            [scored(method, texts, truth, count, seed) for seed in range(arguments.seeds)] for count in counts
        ]
        cells = [cell for scores in columns for cell in told(scores)]
        cpu = np.mean([score.cpu_s for scores in columns for score in scores])
        print(f"| {name} |", " | ".join(cells), f"| {cpu:.2f} |", flush=True)


def false_alarms(texts: list[str], splits: int) -> None:
    alarms = np.zeros(2, np.int64)
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(texts))
        halves = np.array_split(order, 2)
        with tempfile.TemporaryDirectory() as folder:
            corpus, reference = (
                loaded([texts[row] for row in half.tolist()], Path(folder) / str(which), seed)
                for which, half in enumerate(halves)
            )
            topics = topics_of(corpus, reference=reference, seed=seed)
            found = describe_topics(corpus, reference, topics, seed=seed)
        assert found is not None, "there are enough documents"
        figures = [row["p"] < 0.05 for row in found["against_human"]]
        alarms += [bool(found["gaps"]), any(figures)]
    print(f"{len(texts):,} documents, {splits} splits: any topic {alarms[0]}, any figure {alarms[1]}")


def texts_of(path: Path, field: str) -> tuple[list[str], list[str]]:
    """Texts by people, and the domain of each."""
    texts, domains = [], []
    for row in rows_of(path):
        if row.get("label", "human") == "human" and row.get(field):
            texts.append(row["text"])
            domains.append(row[field])
    return texts, domains


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        yield from map(json.loads, io.TextIOWrapper(stream, "utf-8"))


def scored(method: Method, texts: list[str], truth: Labels, clusters: int, seed: int) -> Score:
    begun = time.process_time()
    labels = method(texts, clusters, seed)
    cpu_s = time.process_time() - begun
    known = labels >= 0
    sizes = np.bincount(labels[known])
    return Score(
        nmi=float(normalized_mutual_info_score(truth[known], labels[known])),
        rand=float(adjusted_rand_score(truth[known], labels[known])),
        tiny=int(np.count_nonzero((sizes > 0) & (sizes <= 2))),
        cpu_s=cpu_s,
    )


def told(scores: list[Score]) -> list[str]:
    nmi = [score.nmi for score in scores]
    rand, tiny = np.mean([score.rand for score in scores]), np.mean([score.tiny for score in scores])
    return [f"{np.mean(nmi):.3f} ({min(nmi):.2f}-{max(nmi):.2f})", f"{rand:.3f}", f"{tiny:.0f}"]


def ours(texts: list[str], clusters: int, seed: int) -> Labels:
    with tempfile.TemporaryDirectory() as folder:
        topics, _ = topics_of(loaded(texts, Path(folder), seed), seed=seed, count=clusters)
        return topics.of


def loaded(texts: list[str], folder: Path, seed: int) -> LoadedCorpus:
    folder.mkdir(exist_ok=True)
    path, work = folder / "texts.jsonl", folder / "work"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    groups, _ = groups_of([str(path)], {"text": "text"}, work)
    return read_corpus(groups, Running(work=work, workers=1), similarity=0.8, seed=seed, topics=True)


def svd(texts: list[str], clusters: int, seed: int) -> Labels:
    reduced = make_pipeline(tf_idf(), TruncatedSVD(DIMENSIONS, random_state=seed), Normalizer(copy=False))
    return clustered(reduced.fit_transform(texts), clusters, seed)


def projected(texts: list[str], clusters: int, seed: int) -> Labels:
    random = SparseRandomProjection(DIMENSIONS, dense_output=True, random_state=seed)
    return clustered(
        make_pipeline(tf_idf(), random, Normalizer(copy=False)).fit_transform(texts), clusters, seed
    )


def fixed(texts: list[str], clusters: int, seed: int, *, dimensions: int) -> Labels:
    """Logarithms of counts alone, by one fixed projection, less their mean."""
    random = SparseRandomProjection(dimensions, dense_output=True, random_state=seed)
    vectors = make_pipeline(
        hashed(), TfidfTransformer(sublinear_tf=True, use_idf=False), random, Normalizer(copy=False)
    ).fit_transform(texts)
    return clustered(Normalizer().transform(vectors - vectors.mean(axis=0)), clusters, seed)


def tf_idf() -> object:
    return make_pipeline(hashed(), TfidfTransformer(sublinear_tf=True))


def hashed() -> HashingVectorizer:
    return HashingVectorizer(n_features=FEATURES, alternate_sign=False, norm=None, token_pattern=r"\w+")


def clustered(vectors: NDArray[np.float64], clusters: int, seed: int) -> Labels:
    found = MiniBatchKMeans(clusters, random_state=seed, n_init=3).fit_predict(vectors)
    return np.asarray(found, np.int64)


METHODS: dict[str, Method] = {
    "ours": ours,
    "scikit-learn, TF-IDF and SVD": svd,
    "scikit-learn, TF-IDF and random projection": projected,
    "random projection of counts, 64": partial(fixed, dimensions=64),
    "random projection of counts, 128": partial(fixed, dimensions=128),
}


if __name__ == "__main__":
    main()
