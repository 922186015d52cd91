"""Make the synthetic set of this example with a small open model: short articles about words of the human reference.

    python examples/vet/make_set.py --model .../SmolLM2-135M-Instruct.Q4_1.gguf

Each request names one word that a document of `examples/reference` uses more than the others do; that document is the
text's parent. Passages of about the length of an article are cut from the same documents: the human text that the set
is held against. The model is SmolLM2-135M-Instruct by HuggingFaceTB (Apache-2.0). The first articles are the set. The
others are labelled by construction, not by people: an article is right for the word that it was asked for, and wrong
for the word of the next one. It takes some half an hour on one core.
"""

import argparse
import io
import json
import math
import re
from collections import Counter
from pathlib import Path

import zstandard

from wellkeeper.core.generated import Generated
from wellkeeper.infer.local import GgufSampler
from wellkeeper.infer.sampling import item_seed

HERE = Path(__file__).parent
REFERENCE = HERE.parent / "reference" / "part-0.jsonl.zst"
GENERATOR = "smollm2-135m-instruct@ab810cf68114990406fdf996510dd3d3c6adbdf5"
LICENCE = "Apache-2.0"
TEMPLATE = "Write an encyclopedia article of three paragraphs about the word: {word}"
SET, LABELLED = 70, 100
PASSAGES, PASSAGE_WORDS = 480, 90
TOKENS = 170
WORD = re.compile(r"\b[a-z]{6,14}\b")
SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)]*(?=\s|$)")


def reference() -> list[dict[str, str]]:
    with REFERENCE.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        return [json.loads(line) for line in io.TextIOWrapper(stream, "utf-8")]


def words_of(documents: list[dict[str, str]]) -> list[tuple[str, str]]:
    """A word for each document, none twice: the one that is most its own, by tf-idf. With the document's id."""
    counts = [Counter(WORD.findall(document["text"])) for document in documents]
    spread = Counter(word for found in counts for word in found)
    taken: set[str] = set()
    chosen = []
    for document, found in zip(documents, counts, strict=True):
        weight = {word: n * math.log(len(documents) / spread[word]) for word, n in found.items() if n > 1}
        ranked = sorted(weight, key=lambda word: (-weight[word], word))
        word = next((word for word in ranked if word not in taken), None)
        if word is not None:
            taken.add(word)
            chosen.append((word, document["id"]))
    return chosen


def passages(documents: list[dict[str, str]]) -> list[dict[str, str]]:
    """The first passage of every document, then the second ones, up to as many as are wanted."""
    found = []
    for place in range(2):
        for document in documents:
            words = document["text"].split()
            part = words[place * PASSAGE_WORDS : (place + 1) * PASSAGE_WORDS]
            if len(part) == PASSAGE_WORDS:
                row = {"id": f"{document['id']}-{place + 1}", "text": " ".join(part)}
                found.append(row | {"license": document["license"]})
    return found[:PASSAGES]


def write_packed(name: str, rows: list[dict[str, object]]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / name).write_bytes(zstandard.ZstdCompressor(19).compress(lines.encode()))


def whole(text: str) -> str:
    """The text up to the end of its last sentence."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    write_packed("human.jsonl.zst", passages(reference()))
    sampler = GgufSampler(parser.parse_args().model, tokens=TOKENS, context=512)
    made = []
    for number, (word, parent) in enumerate(words_of(reference())[: SET + LABELLED]):
        prompt, seed = TEMPLATE.format(word=word), item_seed("vet", f"made-{number:03}")
        (output,) = sampler.sample(prompt, 1, 1.0, seed)
        made.append(
            Generated(
                id=f"made-{number:03}",
                text=whole(output.text),
                prompt=prompt,
                references=(word,),
                finish=output.finish,
                generator=GENERATOR,
                depth=1,
                parents=(parent,),
                template="word",
                temperature=1.0,
                seed=output.seed,
            )
        )
        print(number, word, len(output.text), flush=True)
    write_packed("generated.jsonl.zst", [{**item.to_json(), "license": LICENCE} for item in made[:SET]])
    with (HERE / "labelled.jsonl").open("w", encoding="utf-8") as stream:
        for item, other in zip(made[SET:], [*made[SET + 1 :], made[SET]], strict=True):
            for right, own in ((True, item), (False, other)):
                row = {"id": f"{item.id}-{'own' if right else 'other'}", "text": item.text}
                row |= {"prompt": own.prompt, "references": list(own.references), "right": right}
                row |= {"license": LICENCE}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
