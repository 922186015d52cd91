"""What a language model of the user's makes of a sample of the corpus, source by source.

A model reads some hundred documents a minute, so a few of every source are drawn, by the same hash that draws all else,
and their statistics are kept in the work folder: the same command goes on where it stopped.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.engine.gguf import read_gguf
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError
from wellkeeper.origin.lm import DIRECTION, LmScores, lm_scores, load_lm
from wellkeeper.recipe.corpus import LoadedCorpus

DOCUMENTS = 200
"""Documents that are read unless more are asked for: some minutes with a small model."""
TABLE = "lm.parquet"


def refuse_early(model: str | Path, documents: int) -> None:
    """Refuse what needs no text to be refused, before any is read.

    Raises:
        InputError: there is no such model, or its file is torn.
        MissingExtraError: the extra `lm` is not installed.
        DataError: fewer than 1 document is asked for.
    """
    if documents < 1:
        raise DataError(f"{documents} documents are to be read. Give a number of 1 or more.")
    path = Path(model).expanduser()
    if path.is_file():
        read_gguf(path)
    elif not path.exists():
        load_lm(model).close()  # says so


def describe_lm(
    corpus: LoadedCorpus,
    model: str | Path,
    out: Path,
    *,
    documents: int = DOCUMENTS,
    token_budget: int | None = None,
    work: Path | None = None,
    listener: Listener = nobody,
) -> dict[str, Any]:
    """Statistics of the documents drawn, by source; each document's own go to `lm.parquet` in the output folder.

    Raises:
        InputError: there is no such model, or it cannot be read.
        MissingExtraError: the extra `lm` is not installed.
        DataError: fewer than 1 document is asked for.
    """
    refuse_early(model, documents)
    drawn = draw(corpus, documents)
    journal = None if work is None else work / "lm.jsonl"
    with closing(load_lm(model)) as reader:
        texts = corpus.texts(drawn)
        scores = lm_scores(texts, reader, token_budget=token_budget, journal=journal, listener=listener)
    codes, names = corpus.codes("source")
    _write(out, corpus, drawn, [names[code] for code in codes[drawn].tolist()], scores)
    return {
        "model": Path(model).name,
        "fingerprint": scores.fingerprint,
        "drawn": len(drawn),
        "read": int(np.count_nonzero(scored(scores))),
        "too_short": int(np.count_nonzero(scores.reached & ~scored(scores))),
        "left": scores.left,
        "by_source": [
            {
                "source": names[code],
                "documents": int(np.count_nonzero(codes == code)),
                **_summary(scores, mine),
            }
            for code in np.unique(codes[drawn]).tolist()
            if (mine := (codes[drawn] == code) & scored(scores)).any()
        ],
    }


def scored(scores: LmScores) -> NDArray[np.bool_]:
    """Texts that were reached and long enough."""
    return ~np.isnan(scores.log_likelihood)


def draw(corpus: LoadedCorpus, documents: int) -> NDArray[np.int64]:
    """So many documents, ascending, as evenly from the sources as these allow; of each the first by priority."""
    codes, _ = corpus.codes("source")
    order = corpus.column("priority")
    ranked = np.lexsort((order, codes))
    sizes = np.bincount(codes)
    rank = np.empty(len(codes), np.int64)
    rank[ranked] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # the first of every source, then the second of every one, and so on
    chosen: NDArray[np.int64] = np.sort(np.lexsort((order, rank))[:documents])
    return chosen


def _summary(scores: LmScores, mine: NDArray[np.bool_]) -> dict[str, Any]:
    """Median and quartiles of each statistic, of some texts."""
    found: dict[str, Any] = {"read": int(mine.sum())}
    for name in DIRECTION:
        values = getattr(scores, name)[mine]
        known = np.isfinite(values).any()
        low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75]).tolist() if known else [None] * 3
        found[name] = {"estimate": middle, "low": low, "high": high}
    return found


def _write(
    out: Path, corpus: LoadedCorpus, drawn: NDArray[np.int64], sources: Sequence[str], scores: LmScores
) -> None:
    table = pa.table(
        {
            "id": pa.array(corpus.strings("id", drawn.tolist()), pa.string()),
            "source": pa.array(sources, pa.string()),
            "tokens": scores.tokens,
            **{name: getattr(scores, name) for name in DIRECTION},
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(out / TABLE, sink.getvalue().to_pybytes())
