"""How long a reader waits for the server, with a long queue and several readers who never pause.

    python benchmarks/review/decisions.py [--items 100000] [--readers 4] [--decisions 250] [--answered 50000] [--json]

The items are the example texts in turn, each with its number; a tenth for two readers, 7 % shown twice, 5 % gold.
First the queue is made, then so many answers are imported from a reader who is not there, so that the others begin in
the middle of it. Then the readers answer at random, one label after the other:

threads    in one process, as the server does, over one open file
processes  each with the file opened by itself
HTTP       `review serve` in a process of its own, and a client a reader, over one connection each

A decision is the answer and all that the page needs of the server until it shows the next item: what is revealed, how
far the queue is, the next item and the one after it. Over HTTP that is POST /answer, then GET /next.json, whose times
are told apart too. Percentiles are over all decisions of all readers.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import make_corpus
import numpy as np
from measuring import load, machine

from wellkeeper.review.item import Hidden, Item, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

LABELS = ("human", "ai", "mixed", "unsure")
JSON = "application/json"


def placed(items: int) -> Iterator[Placed]:
    chance, texts = random.Random(0), make_corpus.texts_of(make_corpus.EXAMPLES)
    for at in range(items):
        item = Item(
            id=f"document-{at}",
            texts=(f"{texts[at % len(texts)]}\n{at}",),
            hidden=Hidden(facts={"source": f"site {at % 20}", "decision": "review"}),
            score=chance.random(),
            gold=LABELS[at % 2] if chance.random() < 0.05 else "",
        )
        yield Placed(item=item, readers=1 + (chance.random() < 0.1), repeated=chance.random() < 0.07)


def made(path: Path, items: int, answered: int) -> dict[str, float]:
    """Make the queue, and answer its first items; what that took."""
    begun = time.perf_counter()
    ReviewQueue.create(
        path,
        question=QUESTIONS["origin"],
        placed=placed(items),
        pool=pool_of([0.5] * items),
        settings=Settings(),
        about={"from": "origin"},
    )
    took = {"make_s": time.perf_counter() - begun, "file_mb": path.stat().st_size / 1e6}
    begun, chance = time.perf_counter(), random.Random(1)
    with ReviewQueue(path) as queue:
        earlier = ((f"document-{at}", chance.choice(LABELS), "", 5.0) for at in range(answered))
        queue.take_in("somebody else", earlier, source="the benchmark")
    return took | {"import_s": time.perf_counter() - begun}


def decide(queue: ReviewQueue, reader: str, decisions: int) -> list[dict[str, float]]:
    """What a reader's page asks of the store, over and over."""
    took, chance = [], random.Random(reader)
    shown = queue.assign(reader)
    for _ in range(decisions):
        if shown is None:
            break
        begun = time.perf_counter()
        queue.answer(reader, shown.ticket, chance.choice(LABELS), seconds=3.0)
        shown = queue.assign(reader)
        queue.last(reader)
        queue.standing(reader)
        if shown is not None:
            queue.ahead(reader, shown.ticket)
        took.append({"decision": 1000 * (time.perf_counter() - begun)})
    return took


def in_threads(path: Path, readers: list[str], decisions: int) -> list[dict[str, float]]:
    with ReviewQueue(path) as queue:
        return at_once(lambda reader: decide(queue, reader, decisions), readers)


def in_processes(path: Path, readers: list[str], decisions: int) -> list[dict[str, float]]:
    with multiprocessing.get_context("spawn").Pool(len(readers)) as pool:
        found = pool.starmap(opened, [(path, reader, decisions) for reader in readers], chunksize=1)
    return [one for took in found for one in took]


def opened(path: Path, reader: str, decisions: int) -> list[dict[str, float]]:
    with ReviewQueue(path) as queue:
        return decide(queue, reader, decisions)


def over_http(path: Path, readers: list[str], decisions: int) -> list[dict[str, float]]:
    context = multiprocessing.get_context("spawn")
    addresses: Any = context.Queue()
    server = context.Process(target=serve, args=(path, readers, addresses))
    server.start()
    try:
        links = dict(addresses.get(timeout=120))
        return at_once(lambda reader: click(links[reader], reader, decisions), readers)
    finally:
        server.terminate()
        server.join()


def serve(path: Path, readers: list[str], addresses: Any) -> None:
    from wellkeeper.recipe.reviewing import serve_queue

    serve_queue(path, reviewers=readers, told=addresses.put)


def click(link: str, reader: str, decisions: int) -> list[dict[str, float]]:
    """A page that answers at once, over one connection."""
    address, took, chance = urlsplit(link), [], random.Random(reader)
    own = {"Authorization": f"Bearer {parse_qs(address.query)['token'][0]}"}
    connection = http.client.HTTPConnection(address.netloc)

    def ask(method: str, where: str, form: dict[str, str] | None = None, *, accept: str = JSON) -> bytes:
        asked = {"Accept": accept, "Content-Type": "application/x-www-form-urlencoded", **own}
        connection.request(method, where, urlencode(form) if form else None, asked)
        reply = connection.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{method} {where}: {reply.status} {content[:500]!r}")
        return content

    found = re.search(rb'name="ticket" value="([^"]+)"', ask("GET", "/", accept="text/html"))
    ticket = found[1].decode() if found else ""
    for _ in range(decisions):
        if not ticket:
            break
        begun = time.perf_counter()
        form = {"ticket": ticket, "label": chance.choice(LABELS), "seconds": "3"}
        ticket = json.loads(ask("POST", "/answer", form))["next"]
        between = time.perf_counter()
        ask("GET", f"/next.json?{urlencode({'ticket': ticket})}")
        ended = time.perf_counter()
        took.append(
            {
                "decision": 1000 * (ended - begun),
                "POST /answer": 1000 * (between - begun),
                "GET /next.json": 1000 * (ended - between),
            }
        )
    return took


def at_once(session: Callable[[str], list[dict[str, float]]], readers: list[str]) -> list[dict[str, float]]:
    """What the sessions of all readers took, each in a thread."""
    with ThreadPoolExecutor(len(readers)) as pool:
        return [one for took in pool.map(session, readers) for one in took]


WAYS = {"threads": in_threads, "processes": in_processes, "HTTP": over_http}


def summary(took: list[dict[str, float]], seconds: float) -> dict[str, Any]:
    """Percentiles of milliseconds, by what was asked."""
    figures = {
        name: {
            f"p{level}": round(float(np.percentile([one[name] for one in took], level)), 1)
            for level in (50, 95, 99)
        }
        | {"max": round(max(one[name] for one in took), 1)}
        for name in took[0]
    }
    return {"decisions": len(took), "a_second": round(len(took) / seconds, 1), "ms": figures}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--decisions", type=int, default=250, help="Of each reader, each way.")
    parser.add_argument("--answered", type=int, default=50_000, help="Items that are answered before.")
    parser.add_argument("--folder", type=Path, help="Where the file is made; its disk is what is measured.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        path = Path(name) / "review.sqlite"
        told: dict[str, Any] = {"machine": machine(), "load": load(), "items": arguments.items}
        told |= {
            name: round(value, 2) for name, value in made(path, arguments.items, arguments.answered).items()
        }
        for way, session in WAYS.items():
            readers = [f"{way} {at + 1}" for at in range(arguments.readers)]
            since = time.perf_counter()
            took = session(path, readers, arguments.decisions)
            told[way] = summary(took, time.perf_counter() - since)
        since = time.perf_counter()
        with ReviewQueue(path) as queue:
            told |= {"answers": queue.standing().answers, "problems": queue.problems()}
        told["check_s"] = round(time.perf_counter() - since, 2)
    told["seconds"] = round(time.perf_counter() - begun, 1)
    if arguments.json:
        print(json.dumps(told))
        return
    print(
        f"{told['items']:,} items, {told['file_mb']} MB, made in {told['make_s']} s; {told['machine']}, "
        f"load {told['load']}"
    )
    print(f"{arguments.answered:,} answers imported in {told['import_s']} s")
    for way in WAYS:
        found = told[way]
        print(f"{way}: {found['decisions']:,} decisions, {found['a_second']} a second")
        for asked, figures in found["ms"].items():
            print(
                f"  {asked:<16}" + "".join(f"{level:>5} {value:>7.1f} ms" for level, value in figures.items())
            )
    print(f"{told['answers']:,} answers, {len(told['problems'])} problems; checked in {told['check_s']} s")
    print(f"{told['seconds']} s in all")


if __name__ == "__main__":
    main()
