"""datatrove's four MinHash stages with its local executor, as its example `minhash_deduplication.py` runs them.

    python -m peers.run_datatrove CORPUS OUT CORES default|split

`default` tokenises English as the library does unless told otherwise, with spaCy; `split` with `str.split`.
"""

import json
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor  # type: ignore[import-not-found]
from datatrove.pipeline.dedup import (  # type: ignore[import-not-found]
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig  # type: ignore[import-not-found]
from datatrove.pipeline.readers import JsonlReader  # type: ignore[import-not-found]
from datatrove.pipeline.writers import JsonlWriter  # type: ignore[import-not-found]
from datatrove.utils.word_tokenizers import WordTokenizer  # type: ignore[import-not-found]

from peers.settings import BANDS, ROWS, SHINGLE_WORDS, write_kept


class Split(WordTokenizer):  # type: ignore[misc]
    """Words between white space."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError(text)


def main() -> None:
    corpus, out = map(Path, sys.argv[1:3])
    cores, words = int(sys.argv[3]), sys.argv[4]
    config = MinhashConfig(n_grams=SHINGLE_WORDS, num_buckets=BANDS, hashes_per_bucket=ROWS)
    language = {"default": "eng", "split": Split()}[words]

    def reader() -> JsonlReader:
        return JsonlReader(str(corpus.parent), glob_pattern=corpus.name)

    signatures, buckets, removed, kept = (
        str(out / name) for name in "signatures buckets removed kept".split()
    )
    stages = {
        "signatures": (1, [reader(), MinhashDedupSignature(signatures, config, language=language)]),
        "buckets": (BANDS, [MinhashDedupBuckets(signatures, buckets, config=config)]),
        "clusters": (1, [MinhashDedupCluster(buckets, removed, config=config)]),
        "filter": (1, [reader(), MinhashDedupFilter(removed), JsonlWriter(kept, compression=None)]),
    }
    for name, (tasks, pipeline) in stages.items():
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=cores, logging_dir=str(out / "logs" / name)
        ).run()
    ids: list[str] = []
    for path in sorted(Path(kept).glob("*.jsonl")):
        with path.open(encoding="utf-8") as stream:
            ids += [json.loads(line)["id"] for line in stream]
    write_kept(out, ids)


if __name__ == "__main__":
    main()
