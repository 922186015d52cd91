"""The pages of a watch: one file that stands alone, or a dashboard that follows the watch as it grows."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.engine.store import write_atomic
from wellkeeper.report.watch import assets, render_notice, render_watch, weeks_to_look_at
from wellkeeper.report.watch_document import Links
from wellkeeper.report.watch_week import render_week
from wellkeeper.watch import config, store
from wellkeeper.watch.monitor import paired_outputs, read_timeline
from wellkeeper.watch.store import WatchStore
from wellkeeper.watch.timeline import PairedOutput
from wellkeeper.watch.web import Pages, WeekAsked, dashboard, plain

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Document = Mapping[str, Any]


def write_watch_pages(folder: Path, out: Path) -> dict[str, Path]:
    """Write where a watch stands as `report.html` and `report.json`: what each is -> its path.

    Raises:
        InputError: there is no watch.
    """
    document = json.loads(
        json.dumps(read_timeline(folder).to_json())
    )  # lists, as whoever reads the file has it
    with WatchStore(folder) as kept:
        pairs = {
            week: [plain(pair) for pair in paired_outputs(kept, week)] for week in weeks_to_look_at(document)
        }
    paths = {"report": out / "report.html", "json": out / "report.json"}
    out.mkdir(parents=True, exist_ok=True)
    page = render_watch(document, pairs=pairs)
    write_atomic(paths["report"], page.encode("utf-8", "replace"))
    written = json.dumps(document, ensure_ascii=False, indent=2)
    write_atomic(paths["json"], written.encode("utf-8", "surrogatepass"))
    return paths


def watch_dashboard(folder: Path, *, token: str) -> "ASGIApp":
    """The dashboard of a watch, which shows weeks as they come.

    Raises:
        InputError: there is no watch.
        MissingExtraError: starlette is not installed.
    """

    @lru_cache(maxsize=1)
    def read(_state: object) -> Document:
        return read_timeline(folder).to_json()

    def timeline() -> Document:
        return read(_state_of(folder))

    def pairs(week: int) -> Sequence[PairedOutput]:
        with WatchStore(folder) as kept:
            return paired_outputs(kept, week)

    timeline()  # a folder that holds no watch is said now, not in a browser
    return dashboard(timeline, pairs, pages=served_pages(), token=token)


def served_pages() -> Pages:
    """What draws the pages of a dashboard."""

    def week(document: Document, mark: str, pairs: Sequence[Document], asked: WeekAsked) -> str:
        return render_week(
            document,
            asked.week,
            pairs,
            links=Links(mark=mark),
            part=asked.part,
            show=asked.show,
            at=asked.page,
        )

    return Pages(
        timeline=lambda document, mark: render_watch(document, links=Links(mark=mark)),
        week=week,
        notice=render_notice,
        assets=assets(),
    )


def _state_of(folder: Path) -> tuple[tuple[int, int], ...]:
    """Times and sizes of the files of a watch: it is read anew when one of them changed."""
    found = []
    for name in (config.FILE, store.FILE, f"{store.FILE}-wal"):
        try:
            state = (folder / name).stat()
        except FileNotFoundError:
            continue
        found.append((state.st_mtime_ns, state.st_size))
    return tuple(found)
