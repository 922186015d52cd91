"""Data-Juicer's own command `dj-process` with `document_minhash_deduplicator`.

python -m peers.run_data_juicer CORPUS OUT CORES
"""

import json
import subprocess
import sys
from pathlib import Path

from peers.settings import BANDS, HASHES, ROWS, SHINGLE_WORDS, SIMILARITY, documents, write_kept


def main() -> None:
    corpus, out = map(Path, sys.argv[1:3])
    operator = {
        "tokenization": "space",
        "window_size": SHINGLE_WORDS,
        "lowercase": True,
        "num_permutations": HASHES,
        "jaccard_threshold": SIMILARITY,
        "num_bands": BANDS,
        "num_rows_per_band": ROWS,
    }
    recipe = {
        "project_name": "benchmark",
        "dataset_path": str(corpus),
        "export_path": str(out / "kept" / "kept.jsonl"),
        "work_dir": str(out / "work"),
        "ds_cache_dir": str(out / "cache"),
        "np": int(sys.argv[3]),
        "text_keys": "text",
        "open_tracer": False,
        "process": [{"document_minhash_deduplicator": operator}],
    }
    place = out / "recipe.yaml"
    place.write_text(json.dumps(recipe))  # JSON is YAML
    process = Path(sys.executable).with_name("dj-process")
    subprocess.run([str(process), "--config", str(place)], check=True)
    write_kept(out, (id_ for id_, _ in documents(out / "kept" / "kept.jsonl")))


if __name__ == "__main__":
    main()
