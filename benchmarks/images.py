"""Images: what an audit finds of what was planted, how long it takes, and how well copies are found by eye.

    python benchmarks/images.py --files 1000           # a made folder, audited by the command
    python benchmarks/images.py --copies [--photos D]  # recall of copies and false pairs, by kind of subject

`--files` makes a folder (benchmarks/made_images.py) with marks, copies and damage whose names say what they are, runs
`wellkeeper audit` on it and compares its report, ledger and images.parquet with what was planted. It ends with exit
code 1 if anything planted was missed, or anything was found that was not planted.

`--copies` takes pairs of a picture and its copy, and all pairs of unrelated pictures of one kind. Photographs are those
of installed packages, whole and cut into pieces of 200 x 200 pixels; `--photos` names a folder with more.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from made_images import (
    COPIES,
    Planted,
    drawing,
    encoded,
    gradient,
    make_folder,
    noise,
    page,
    photographs,
    sign,
    tiles,
    trusted_certificates,
)
from measuring import machine, measured
from PIL import Image

from wellkeeper.images.duplicates import duplicates_of
from wellkeeper.images.pictures import Fingerprints, careful_decoder, fingerprints, opened


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--each", type=int, default=60, help="pictures of a kind whose copies are made")
    options = parser.parse_args()
    print(machine())
    missed = folder_report(options.files, options.photos) if options.files else 0
    if options.copies:
        copies_report(options.photos, options.each)
    sys.exit(int(bool(missed)))


# --- a folder --------------------------------------------------------------------------------------


def folder_report(files: int, photos: Path | None) -> int:
    """Print planted against found; returns how many differ."""
    with tempfile.TemporaryDirectory() as place:
        folder, out, trust = Path(place) / "pictures", Path(place) / "out", Path(place) / "trust.pem"
        planted = make_folder(folder, files, extra=photos)
        trust.write_bytes(trusted_certificates())
        command = [
            sys.executable,
            "-m",
            "wellkeeper",
            "audit",
            str(folder),
            "--trust",
            str(trust),
            "--out",
            str(out),
        ]
        usage = measured([*command, "--quiet"], good=(0, 1))
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(
            f"{files:,} files, {size / 1e6:.0f} MB: {usage.wall_s:.1f} s, {usage.cpu_s:.1f} CPU-seconds, "
            f"{usage.peak_mb:.0f} MB of memory at most; report.html {(out / 'report.html').stat().st_size / 1e3:.0f} kB"
        )
        rows = list(compared(planted, out))
    print(f"\n{'planted':<34}{'files':>7}{'found':>7}")
    for name, count, found in rows:
        print(f"{name:<34}{count:>7}{found:>7}{'' if count == found else '  <-- differs'}")
    return sum(count != found for _, count, found in rows)


def compared(planted: Planted, out: Path) -> Iterator[tuple[str, int, int]]:
    """What was planted, of it so many, and so many found as they were planted; last what nobody planted."""
    ledger = {row["id"]: row for row in pq.read_table(out / "ledger" / "documents").to_pylist()}
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in pq.read_table(out / "ledger" / "evidence").to_pylist():
        kinds[row["id"]].add(row["kind"])
    by_mark: dict[str, list[bool]] = defaultdict(list)
    for name, mark in planted.marked.items():
        row = ledger[name]
        found = (frozenset(kinds[name]), row["origin"], row["generator"])
        by_mark[mark.name].append(found == (mark.kinds, mark.origin, mark.generator))
    for name, hits in by_mark.items():
        yield name, len(hits), sum(hits)
    images = {row["id"]: row for row in pq.read_table(out / "images.parquet").to_pylist()}
    first = {row["row"]: name for name, row in images.items()}
    for what, column, pairs in (
        ("copies: the same bytes", "same_bytes", planted.same_bytes),
        ("copies: the same pixels", "same_pixels", planted.same_pixels),
    ):
        yield (
            what,
            len(pairs),
            sum(first[images[copy][column]] == original for copy, original in pairs.items()),
        )
    ways = Counter(way for _, way in planted.alike.values())
    hits_by_way = Counter(
        way for copy, (original, way) in planted.alike.items() if first[images[copy]["alike"]] == original
    )
    for way, count in ways.items():
        yield f"copies: {way}", count, hits_by_way[way]
    quarantine = {
        row["file"]: row["code"] for row in pq.read_table(out / "ledger/quarantine.parquet").to_pylist()
    }
    yield "damaged", len(planted.bad), sum(quarantine.get(name) == code for name, code in planted.bad.items())
    refused = {name for name, row in ledger.items() if row["consent"] == "opt-out-signal"}
    yield "refuse training", len(planted.refused), len(refused & planted.refused)
    unmarked = [name for name in ledger if name not in planted.marked]
    copies = {*planted.same_bytes, *planted.same_pixels, *planted.alike}
    grouped = [name for name, row in images.items() if row["alike"] != row["row"] and name not in copies]
    yield "not planted: marks", 0, sum(bool(kinds[name]) for name in unmarked)
    yield "not planted: copies", 0, len(grouped)
    yield (
        "not planted: damage, refusals",
        0,
        len(set(quarantine) - set(planted.bad)) + len(refused - planted.refused),
    )
    sealed = json.loads((out / "manifest.dsse.json").read_bytes())
    yield "sealed", 1, int(sealed["payloadType"] == "application/vnd.in-toto+json")


# --- copies by eye ---------------------------------------------------------------------------------


def copies_report(photos: Path | None, each: int) -> None:
    rng = np.random.default_rng(0)
    found = photographs(photos)

    def many(make: Callable[[np.random.Generator], Image.Image], count: int) -> list[Image.Image]:
        return [make(rng) for _ in range(count)]

    subjects = {
        "photographs": found,
        "pieces of photographs": tiles(found),
        "noise": many(noise, 150),
        "drawings": many(drawing, 150),
        "pages of text": many(page, 100),
        "signs": many(sign, 60),
        "gradients": many(gradient, 60),
    }
    print(f"\n{'':<24}" + "".join(f"{name.split()[0]:>13}" for name in subjects))
    with careful_decoder():
        prints = {name: [taken(picture) for picture in pictures] for name, pictures in subjects.items()}
        plain = {name: duplicates_of(_numbers(of), of).plain for name, of in prints.items()}
        print(f"{'pictures':<24}" + "".join(f"{len(of):>13,}" for of in prints.values()))
        print(f"{'too plain':<24}" + "".join(f"{int(of.sum()):>13,}" for of in plain.values()))
        for way, make in COPIES.items():
            cells = []
            for name, pictures in subjects.items():
                tried = [k for k in range(min(each, len(pictures))) if not plain[name][k]]
                hits = sum(_alike(prints[name][k], taken(make(pictures[k]))) for k in tried)
                cells.append(f"{hits}/{len(tried)}")
            print(f"{way:<24}" + "".join(f"{cell:>13}" for cell in cells), flush=True)
    pairs = {name: int((~of).sum() * ((~of).sum() - 1) // 2) for name, of in plain.items()}
    print(f"{'unrelated pairs':<24}" + "".join(f"{count:>13,}" for count in pairs.values()))
    print(f"{'taken for copies':<24}" + "".join(f"{_false_pairs(of):>13,}" for of in prints.values()))


def taken(picture: Image.Image) -> Fingerprints:
    with opened(encoded(picture)) as image:
        return fingerprints(image)


def _numbers(prints: list[Fingerprints]) -> list[bytes]:
    """Digests that are all different, so that only the eye finds anything."""
    return [number.to_bytes(32, "big") for number in range(len(prints))]


def _alike(first: Fingerprints, second: Fingerprints) -> bool:
    return duplicates_of(_numbers([first, second]), [first, second]).near.redundant == 1


def _false_pairs(prints: list[Fingerprints]) -> int:
    return sum(
        _alike(prints[a], prints[b])
        for a in range(len(prints))
        for b in range(a)
        if _may_be(prints[a], prints[b])
    )


def _may_be(first: Fingerprints, second: Fingerprints) -> bool:
    """A quick look, wider than any threshold: pairs beyond it cannot be taken for copies."""
    return (first.perceptual ^ second.perceptual).bit_count() <= 16 and first.pixels != second.pixels


if __name__ == "__main__":
    main()
