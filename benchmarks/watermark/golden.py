"""Write tests/watermark/golden: documents, settings, and what transformers' classes count in them.

    python benchmarks/watermark/golden.py

No vectors are published for either scheme. The files let tests compare without torch, and say which versions made them.
Run this again only to add cases: what the classes count must not change.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from oracles import Case, flat, kgw_cases, kgw_reference, synthid_cases, synthid_processor, synthid_reference

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "watermark" / "golden"
DOCUMENTS, ROWS = 96, 8
TABLES = (1, 2)  # seeds whose tables are written out; the others' show in the sums


def write(name: str, cases: Iterable[Case], count: Callable[[dict[str, Any], Any], Any]) -> None:
    arrays: dict[str, Any] = {}
    settings = []
    for number, case in enumerate(cases):
        settings.append(case.settings)
        arrays[f"tokens_{number}"], arrays[f"offsets_{number}"] = flat(case.batch)
        arrays[f"scored_{number}"], arrays[f"sums_{number}"] = count(case.settings, case.batch)
        if case.settings.get("table_seed") in TABLES:
            table = synthid_processor(case.settings).sampling_table.numpy().astype(np.uint8)
            arrays[f"table_{case.settings['table_seed']}"] = np.packbits(table)
    made_by = {"torch": torch.__version__, "transformers": transformers.__version__}
    text = json.dumps({"made_by": made_by, "settings": settings})
    np.savez_compressed(GOLDEN / name, about=np.array(text), **arrays)
    print(f"{name}: {len(settings)} batches, {(GOLDEN / name).stat().st_size:,} bytes")


def main() -> None:
    torch.set_num_threads(1)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write("synthid.npz", synthid_cases(DOCUMENTS, seed=5, rows=ROWS), synthid_reference)
    write("kgw.npz", kgw_cases(DOCUMENTS, seed=5, rows=ROWS), kgw_reference)


if __name__ == "__main__":
    main()
