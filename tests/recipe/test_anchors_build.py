"""Who may be a reference, who is drawn, what is made by a model, and what is said about it."""

import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
import zstandard
from anchor_texts import Style, archive, by_model, prose, write
from language_model_files import needs_lm, smollm2

from wellkeeper.engine.progress import nobody
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.origin.anchors import AnchorPack
from wellkeeper.origin.prompts import Prompt
from wellkeeper.recipe import generation, references
from wellkeeper.recipe.anchors import ANSWERS, build_anchors


@pytest.fixture
def build(tmp_path):
    def run(human: object, **options: object):
        return build_anchors(human, **{"style": Style(), "out": tmp_path / "anchors.json", **options})

    return run


@pytest.fixture
def human(tmp_path) -> Path:
    return write(tmp_path / "human.jsonl", archive("human", 60))


@pytest.fixture
def ai(tmp_path) -> Path:
    return write(tmp_path / "ai.jsonl", by_model(archive("ai", 60)))


def codes(pack: AnchorPack, name: str = "all") -> list[str]:
    return [caution.code for caution in (*pack.slices[name].warnings, *pack.warnings)]


# --- who is a reference ---------------------------------------------------------------------------------


def test_a_pack_holds_the_scores_and_digests_of_both_sides_and_no_text(build, human, ai) -> None:
    built = build(human, ai=ai)
    one = built.pack.slices["all"]
    assert (one.human.documents, one.ai.documents) == (60, 60)
    assert one.separation.estimate > 0.99
    assert codes(built.pack) == []
    assert AnchorPack.load(built.path, style_model="made") == built.pack
    stored = built.path.read_text()
    for row in (*archive("human", 60), *archive("ai", 60)):
        assert row["text"][:40] not in stored


def test_what_is_dated_later_than_chatgpt_is_no_human_reference_unless_trusted(build, tmp_path) -> None:
    dates = ["2022-11-29", "2022-11-30", "2023-05-01", None, "2019", "2022-11"]
    rows = archive("a", 300, date=lambda row: dates[row % 6])
    file = write(tmp_path / "a.jsonl", rows)
    one = build(file).pack.slices["all"].human
    assert (one.documents, one.by_date, one.by_claim) == (150, 100, 50)
    assert one.left_out == {"dated-later": 150}
    assert (one.first, one.last) == ("2019-12-31", "2022-11-29")
    assert codes(build(file).pack) == ["dated-later"]
    trusted = build(file, trust_human=True).pack.slices["all"].human
    assert (trusted.documents, trusted.by_date, trusted.by_claim) == (300, 100, 200)


def test_a_date_that_stands_for_none_makes_nothing_old(build, tmp_path) -> None:
    file = write(tmp_path / "a.jsonl", archive("a", 40, date="1970-01-01"))
    one = build(file).pack.slices["all"].human
    assert (one.by_date, one.by_claim, one.first) == (0, 40, None)


def test_labels_keep_ai_text_out_of_the_human_side_and_human_text_out_of_the_other(build, tmp_path) -> None:
    labels = ["human", "ai", "ai-assisted", "unheard of"]
    rows = archive("a", 160, origin=lambda row: labels[row % 4])
    file = write(
        tmp_path / "both.jsonl", [row if row["origin"] != "ai" else by_model([row])[0] for row in rows]
    )
    one = build(file, ai=file).pack.slices["all"]
    assert one.human.left_out == {"declared-ai": 80}
    assert one.human.documents == 80
    assert one.ai.left_out["declared-human"] == 40


def test_a_date_says_nothing_of_what_a_model_wrote(build, tmp_path, human) -> None:
    file = write(tmp_path / "ai.jsonl", by_model(archive("ai", 40, date="2024-01-01")))
    sample = build(human, ai=file).pack.slices["all"].ai
    assert (sample.documents, sample.by_date, sample.first) == (40, 0, None)


def test_short_texts_and_unreadable_records_are_counted(build, tmp_path) -> None:
    file = write(tmp_path / "a.jsonl", [*archive("a", 40), *({"text": f"Short {row}."} for row in range(7))])
    with file.open("a") as stream:
        stream.write('{"text": 5}\n{"text"\n')
    pack = build(file).pack
    assert pack.slices["all"].human.left_out == {"abstained": 7}
    assert [caution.code for caution in pack.warnings] == ["quarantined"]
    assert pack.warnings[0].message.startswith(
        "2 records could not be read and are left out. `wellkeeper audit`"
    )


def test_copies_count_once_and_all_of_them_are_known(build, tmp_path) -> None:
    rows = archive("a", 40)
    copies = [{"text": row["text"].replace(". ", ".\n") + " "} for row in rows[:10]]
    pack = build(write(tmp_path / "a.jsonl", [*rows, *copies, rows[0]])).pack
    sample = pack.slices["all"].human
    assert (sample.documents, len(sample.copies)) == (40, 10)
    assert sample.left_out == {"copy": 11}
    assert len(pack.digests) == 50


def test_of_copies_the_oldest_is_the_reference(build, tmp_path) -> None:
    rows = archive("a", 40, date="2021-01-01")
    earlier = [{"text": row["text"] + " ", "date": "2009-01-01"} for row in rows[:1]]
    for order in ([*rows, *earlier], [*earlier, *rows]):
        sample = build(write(tmp_path / "a.jsonl", order)).pack.slices["all"].human
        assert sample.first == "2009-01-01"


def test_what_stands_on_both_sides_is_no_ai_reference(build, human, tmp_path, ai) -> None:
    mixed = write(
        tmp_path / "mixed.jsonl", [*archive("human", 10), *map(json.loads, ai.read_text().splitlines())]
    )
    sample = build(human, ai=mixed).pack.slices["all"].ai
    assert sample.documents == 60
    assert sample.left_out == {"same-as-human": 10}


# --- who is drawn ---------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(references.Pool, "__init__", _small(references.Pool.__init__))


def _small(init):
    return lambda self, *rest, **more: init(self, *rest, **{"most": 50, **more})


def test_the_draw_does_not_depend_on_the_order_of_documents_and_files(build, tmp_path, few) -> None:
    rows = [
        *archive("a", 200, date=lambda row: f"20{10 + row % 10}-01-01"),
        *archive("a", 20, date="2008-01-01"),
    ]
    whole = build(write(tmp_path / "1" / "a.jsonl", rows)).pack
    halves = [
        write(tmp_path / "2" / name, part) for name, part in (("z.jsonl", rows[:90]), ("b.jsonl", rows[90:]))
    ]
    back = build(write(tmp_path / "3" / "a.jsonl", rows[::-1])).pack
    assert whole == build(halves).pack == back
    sample = whole.slices["all"].human
    assert sample.documents == 50
    assert sample.documents + sum(sample.left_out.values()) == 220


def test_another_seed_draws_another_sample(build, tmp_path, few) -> None:
    file = write(tmp_path / "a.jsonl", archive("a", 200))
    drawn = [set(build(file, seed=seed).pack.slices["all"].human.sha256) for seed in (0, 1)]
    assert 0 < len(drawn[0] & drawn[1]) < 50


def test_no_more_of_a_long_text_is_kept_than_a_score_reads(build, tmp_path) -> None:
    style = Style()
    rows = [{"text": prose(row) + " x" * 100_000} for row in range(30)]
    build(write(tmp_path / "long.jsonl", rows), style=style)
    assert style.read == [30 * 10_000]


def test_the_shipped_model_scores_what_was_cut_as_it_scores_the_whole() -> None:
    import numpy as np

    from wellkeeper.origin.style import load_model

    texts = [prose(row, 5000) for row in range(3)] + ["\u2014 \u201cthe lake\u201d was in it, " * 2000]

    def scores(cut):
        data = [text[:cut].encode() for text in texts]
        return load_model().score(np.frombuffer(b"".join(data), np.uint8), np.cumsum([0, *map(len, data)]))

    assert scores(references._READ_CHARS).tolist() == scores(None).tolist()


# --- slices ---------------------------------------------------------------------------------------------


def test_every_value_of_the_column_is_a_slice_and_short_ones_are_refused_by_name(build, tmp_path) -> None:
    names = ["letters"] * 40 + ["posts"] * 30 + ["notes"] * 20 + [None] * 5 + [""] * 2
    file = write(tmp_path / "a.jsonl", archive("a", len(names), board=lambda row: names[row]))
    pack = build(file, slice="board").pack
    assert {name: one.human.documents for name, one in pack.slices.items()} == {"letters": 40, "posts": 30}
    assert pack.short == {"notes": 5}
    assert [caution.message for caution in pack.warnings] == [
        (
            "1 slice has fewer than 25 human references and is not in the pack: 'notes' (5 more). Add references and "
            "build again."
        ),
        "7 texts have nothing in the slice column and are left out. Fill it in, or build without --slice.",
    ]
    assert pack.slice_column == "board"


def test_ai_references_stay_in_their_slice_and_strangers_are_named(build, tmp_path) -> None:
    human = write(tmp_path / "h.jsonl", archive("h", 80, board=lambda row: "ab"[row % 2]))
    ai = write(tmp_path / "m.jsonl", by_model(archive("m", 90, board=lambda row: "abz"[min(row // 40, 2)])))
    pack = build(human, ai=ai, slice="board").pack
    assert {name: one.ai.documents for name, one in pack.slices.items()} == {"a": 40, "b": 40}
    assert pack.warnings[0].code == "ai-without-human"
    assert pack.warnings[0].message.startswith("AI references of 'z' have too few human ones beside them")


def test_a_slice_of_one_label_alone_is_no_slice_of_the_other_side(build, tmp_path) -> None:
    rows = [
        *archive("a", 40, board="letters", origin="human"),
        *by_model(archive("b", 40, board="made", origin="ai")),
        *archive("c", 10, board="few", origin="human"),
    ]
    file = write(tmp_path / "both.jsonl", rows)
    pack = build(file, ai=file, slice="board").pack
    assert codes(pack, "letters") == ["few-human-references", "slice-refused", "ai-without-human"]
    assert pack.short == {"few": 15}
    assert "'made'" in pack.warnings[1].message


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("board", r"can be scored: all texts are declared AI-made\. Add texts"),
        (None, r"can be scored: 'all' has 0 and needs 25 more \(left out: 40 declared AI-made\)\. Add texts"),
    ],
)
def test_texts_that_are_all_declared_ai_are_refused_as_such(build, tmp_path, column, says: str) -> None:
    file = write(tmp_path / "ai.jsonl", archive("b", 40, board="made", origin="ai"))
    with pytest.raises(InputError, match=says):
        build(file, slice=column)


def test_too_few_ai_references_are_left_out_with_their_reason(build, human, tmp_path) -> None:
    rows = [*by_model(archive("ai", 20)), *({"text": f"Short {row}."} for row in range(9))]
    one = build(human, ai=write(tmp_path / "ai.jsonl", rows)).pack.slices["all"]
    assert one.ai is None
    assert one.separation is None
    assert one.warnings[0].message == (
        "Only 20 AI references can be scored (left out: 9 too short, or of a kind that is not scored): they are left "
        "out of this slice. Add 5 or more and build again."
    )


def test_without_a_column_all_is_one_slice_even_where_a_source_could_be_guessed(build, tmp_path) -> None:
    file = write(tmp_path / "a.jsonl", archive("a", 40, source=lambda row: f"s{row % 4}"))
    built = build(file)
    assert list(built.pack.slices) == ["all"]
    assert built.said == (
        "human references, a: text column: 'text' (guessed from 2 columns; --text COL overrides)",
    )


def test_columns_that_are_named_are_not_said_to_be_guessed(build, tmp_path) -> None:
    rows = archive("a", 40, published="2001-01-01", board="x", origin="human", url="http://a.org")
    file = write(tmp_path / "a.jsonl", rows)
    assert build(file, text="text", date="published", slice="board", origin="origin").said == ()
    assert [sentence.split(":")[1] for sentence in build(file).said] == [
        " text column",
        " date column",
        " origin column",
    ]


# --- what is refused ------------------------------------------------------------------------------------


def test_no_slice_with_enough_references_is_an_error_that_says_what_is_missing(build, tmp_path) -> None:
    rows = [
        *archive("a", 20),
        *archive("b", 30, date="2024-02-02"),
        *({"text": f"Short {row}"} for row in range(3)),
    ]
    with pytest.raises(InputError) as refused:
        build(write(tmp_path / "a.jsonl", rows))
    assert str(refused.value) == (
        "No slice has 25 human references that can be scored: 'all' has 20 and needs 5 more (left out: 3 too short, or "
        "of a kind that is not scored; 30 dated 2022-11-30 or later). Add texts that you know people wrote, such as an "
        "archive from before 2022-11-30, of 50 words or more each; texts dated 2022-11-30 or later that you know to be "
        "human are accepted with --trust-human."
    )
    assert not (tmp_path / "anchors.json").exists()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"ai": "x", "generate_with": "http://a"}, RecipeError, r"Choose one of the two\."),
        ({"generate_with": "http://a"}, RecipeError, r"needs the name of the server's model\. Give it with --model NAME\."),
        ({"model": "m"}, RecipeError, r"go with --generate-with ENDPOINT\. Give that too\."),
        ({"prompts": "p"}, RecipeError, r"go with --generate-with"),
        ({"key_env": "K"}, RecipeError, r"go with --generate-with"),
        ({"per_slice": 24}, RecipeError, r"--per-slice is 24; fewer than 25 tell nothing\. Give 25 or more\."),
        ({"generate_with": "a.org", "model": "m"}, InputError, r"a\.org is no http or https address"),
        ({"slice": "bord"}, InputError, r"There is no column 'bord' for the source; .* with --slice COL\."),
        ({"text": "txt"}, InputError, r"There is no column 'txt' for the text; .*Did you mean 'text'.*--text COL\."),
        ({"ai": "no/such"}, InputError, r"no/such does not exist"),
        ({"generate_with": "http://a", "model": "m", "prompts": "no.yaml"}, RecipeError, r"no\.yaml cannot be read: No such"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(
    build, human, options: dict, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        build(human, **options)


def test_a_place_where_no_pack_can_go_is_refused_before_any_work(build, human, tmp_path) -> None:
    with pytest.raises(WorkError, match=r"is a folder\. Name a file with --out, such as .*anchors\.json\."):
        build(human, out=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"file cannot be made: .*\. Choose another place with --out FILE\."):
        build(human, out=tmp_path / "file" / "anchors.json")
    with pytest.raises(
        InputError, match=r"There are no human references\. Give texts that people wrote with --human"
    ):
        build([])


def test_tables_in_memory_are_read_as_files_are(build, human) -> None:
    assert build(pa.Table.from_pylist(archive("human", 60))).pack == build(human).pack


def test_a_folder_of_text_files_is_a_reference(build, tmp_path) -> None:
    for number, row in enumerate(archive("t", 30)):
        file = tmp_path / "letters" / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(row["text"])
    assert build(tmp_path / "letters").pack.slices["all"].human.documents == 30


# --- what a model makes ---------------------------------------------------------------------------------


@pytest.fixture
def generate(build, server):
    server.plan()

    def run(human: object, **options: object):
        return build(human, generate_with=server.url, model="small", **options)

    return run


def test_every_reference_is_asked_about_by_the_prompts_in_turn(generate, server, human) -> None:
    pack = generate(human, per_slice=30).pack
    assert pack.slices["all"].ai.documents == 30
    assert pack.made.how == "generated"
    assert (pack.made.asked, pack.made.model, pack.made.refused) == (30, "small", 0)
    assert pack.made.endpoint == f"{server.url}/chat/completions"
    first = [request["asked"]["messages"][0]["content"].split(" ")[0] for request in server.requests()]
    assert {word: first.count(word) for word in set(first)} == {"Condense": 10, "Write": 10, "Continue": 10, "Rewrite": 10}  # fmt: skip


def test_a_pack_does_not_depend_on_the_order_in_which_answers_come(generate, server, human, tmp_path) -> None:
    first = generate(human, out=tmp_path / "1.json").pack
    server.plan(*[{"wait": wait} for wait in (0.05, 0, 0.03, 0)] * 8)
    assert generate(human, out=tmp_path / "2.json").pack == first


def test_the_same_command_again_asks_nothing(generate, server, human) -> None:
    first = generate(human)
    asked = len(server.requests())
    assert asked == 60 + 20
    assert generate(human).pack == first.pack
    assert len(server.requests()) == asked


def test_answers_are_no_input_of_a_later_run(generate, build, tmp_path) -> None:
    folder = tmp_path / "corpus"
    write(folder / "human.jsonl", archive("human", 60))
    first = generate(folder, out=folder / "anchors.json")
    assert (folder / f"anchors.json{ANSWERS}").stat().st_size > 10_000
    again = build(folder, out=tmp_path / "other.json")
    assert again.pack.slices["all"].human == first.pack.slices["all"].human
    assert codes(again.pack) == []


def test_refusals_and_empty_answers_are_counted_and_left_out(generate, server, human, tmp_path) -> None:
    prompts = tmp_path / "prompts.yaml"
    prompts.write_text(yaml.safe_dump({"prompts": [{"name": "copy", "steps": ["Rewrite: {text}"]}]}))
    refusal = {"content": "I'm sorry, but I can't help with that."}
    server.plan(*[refusal] * 5, *[{"content": " "}] * 4, *[{"status": 400, "body": "too long"}] * 3)
    pack = generate(human, prompts=prompts).pack
    assert (pack.made.asked, pack.made.refused, pack.made.empty, pack.made.failed) == (60, 5, 4, 3)
    assert pack.slices["all"].ai.documents == 48
    assert pack.slices["all"].ai.left_out == {"empty": 4, "failed": 3, "refused": 5}


def test_a_model_that_repeats_the_human_text_makes_no_references(
    generate, server, human, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("wellkeeper.recipe.generation.cleaned", lambda answer, _: answer)
    monkeypatch.setattr("wellkeeper.recipe.generation._made", lambda task, _: ("text", task.human.text))
    one = generate(human).pack.slices["all"]
    assert one.ai is None
    assert "60 the same as a human one" in one.warnings[0].message


def test_a_model_that_rejects_all_is_given_up_early(generate, server, human) -> None:
    server.always(status=400, body="unknown model")
    with pytest.raises(
        WorkError, match=r"rejected the first 5 requests \(HTTP 400: unknown model\)\. Check --model"
    ):
        generate(human)
    assert len(server.requests()) < 15


def test_an_error_keeps_what_was_answered_and_the_next_run_goes_on(generate, server, human) -> None:
    server.plan(*[{}] * 20, *[{"status": 404, "body": "gone"}] * 40)
    with pytest.raises(WorkError, match="HTTP 404: gone"):
        generate(human)
    before = {json.dumps(request["asked"]) for request in server.requests()[:20]}
    server.plan()
    pack = generate(human).pack
    assert pack.slices["all"].ai.documents == 60
    assert not before & {json.dumps(request["asked"]) for request in server.requests()}


def test_a_model_that_only_continues_text_is_given_openings(build, server, human) -> None:
    server.plan()
    pack = build(human, generate_with=f"{server.url}/completions", model="base").pack
    assert pack.slices["all"].ai.documents == 60
    openings = [request["asked"]["prompt"] for request in server.requests()]
    assert all(any(row["text"].startswith(opening) for row in archive("human", 60)) for opening in openings)


def test_no_secret_reaches_the_pack_or_the_journal(generate, server, human, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MODEL_KEY", "gsk_secret")
    generate(human, key_env="MODEL_KEY")
    assert server.requests()[0]["key"] == "Bearer gsk_secret"
    written = [path.read_text() for path in tmp_path.iterdir() if path != human]
    assert len(written) == 2
    assert not any("secret" in text or "MODEL_KEY" in text for text in written)


@pytest.mark.slow
@needs_lm
def test_a_model_in_a_file_makes_references_and_is_never_asked_twice(tmp_path) -> None:
    style = Style()
    people = {"all": references.scored({"all": _pool([{"text": prose("short", 60)}])}, style)["all"]}
    prompts = (Prompt(name="short", steps=("Write two sentences about this:\n{text}",)),)
    made, journals = [], []
    for _ in range(2):
        with generation.writer_for(str(smollm2()), None, key_env=None, seed=3) as writer:
            pools, making = generation.generate(
                people, writer, prompts, tmp_path / "answers", per_slice=1, seed=3, listener=nobody
            )
        made.append(sorted(one.text for one in pools["all"].texts()))
        journals.append((tmp_path / "answers").read_bytes())
    assert made[0] == made[1]
    assert journals[0] == journals[1]
    assert journals[0].count(b"\n") == 1
    assert len(made[0]) == 1
    assert all(len(text.split()) > 5 for text in made[0])
    assert (making.endpoint, making.asked) == ("this machine", 1)
    assert "smollm" in making.model.lower()


def _pool(rows: list[dict]) -> references.Pool:
    pool = references.Pool()
    for row in rows:
        pool.add(references.text_of(row["text"], 0))
    return pool


def test_a_path_that_holds_no_model_is_refused(build, human, tmp_path) -> None:
    with pytest.raises(InputError, match=r"is a folder\. Give a GGUF file, or the address of a server"):
        build(human, generate_with=str(tmp_path))
    with pytest.raises(RecipeError, match=r"is a file, and --model and --key-env are for servers\."):
        build(human, generate_with=str(human), model="m")


# --- what is said ---------------------------------------------------------------------------------------


def test_a_planted_newline_artefact_is_warned_of(build, human, tmp_path) -> None:
    rows = [{"text": row["text"].replace(". ", ".\n")} for row in by_model(archive("ai", 60))]
    one = build(human, ai=write(tmp_path / "ai.jsonl", rows)).pack.slices["all"]
    assert one.shortcuts[0].feature == "line feeds"
    assert "Line feeds alone tell the AI references from the human ones" in one.warnings[0].message


def test_a_tenth_of_ai_text_among_the_human_references_is_warned_of_and_shown(build, tmp_path, human) -> None:
    foreign = by_model(archive("smuggled", 9))
    file = write(tmp_path / "mixed.jsonl", [*archive("human", 81), *foreign])
    for machines in ((), write(tmp_path / "ai.jsonl", by_model(archive("ai", 60)))):
        built = build(file, ai=machines)
        (caution,) = [one for one in built.pack.slices["all"].warnings if one.code == "contaminated"]
        assert re.match(r"About 1[0-3]% of these 90 human references score like AI text", caution.message)
        assert caution.message.endswith("or take texts from before 2022-11-30.")
        assert len(built.suspects["all"]) == 5
        assert set(built.suspects["all"]) <= {f"mixed.jsonl:{line}" for line in range(82, 91)}


def test_pure_references_are_not_warned_of_and_nobody_is_suspected(build, human, ai) -> None:
    for machines in ((), ai):
        built = build(human, ai=machines)
        assert codes(built.pack) == []
        assert built.suspects == {}


def test_a_suspect_in_a_folder_of_text_files_is_named_by_its_file(build, tmp_path) -> None:
    rows = [*archive("human", 60), *by_model(archive("smuggled", 15))]
    for number, row in enumerate(rows):
        file = tmp_path / "letters" / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(row["text"])
    assert set(build(tmp_path / "letters").suspects["all"]) <= {f"{number}.txt" for number in range(60, 75)}


DATA = os.environ.get("WELLKEEPER_ORIGIN_DATA")


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="WELLKEEPER_ORIGIN_DATA names no folder with labelled texts")
def test_a_tenth_of_ai_text_among_real_references_is_warned_of_with_the_shipped_model(tmp_path) -> None:
    """Answers and stories of DetectRL, which the shipped weights were not trained on."""
    lines = zstandard.open(Path(DATA) / "detectrl.jsonl.zst", "rt", encoding="utf-8").readlines()
    rows = [row for row in map(json.loads, lines) if len(row["text"].split()) >= 80]
    human = [row for row in rows if row["label"] == "human" and row["domain"] == "document"]
    people = [{"text": row["text"]} for row in human[:120]]
    machines = [{"text": row["text"]} for row in rows if row["label"] == "ai"][::100][:12]
    pure = build_anchors(write(tmp_path / "pure.jsonl", people), out=tmp_path / "pure.json")
    mixed = build_anchors(
        write(tmp_path / "mixed.jsonl", [*people[12:], *machines]), out=tmp_path / "mixed.json"
    )
    assert "contaminated" not in codes(pure.pack)
    assert "contaminated" in codes(mixed.pack)
    assert sum(int(place.rpartition(":")[2]) > 108 for place in mixed.suspects["all"]) >= 4


def test_references_given_the_wrong_way_round_are_warned_of(build, human, ai) -> None:
    assert "reversed" in codes(build(ai, ai=human).pack)


def test_every_warning_ends_with_what_to_do(build, tmp_path) -> None:
    human = archive("h", 60, board=lambda row: "ab"[row % 2], date=lambda row: "2024" if row > 55 else "2001")
    extra = [{"text": prose("x"), "board": None}, {"text": prose("y"), "board": "c"}]
    ai = [
        {**row, "text": row["text"].replace(". ", ".\n")}
        for row in archive("m", 80, board=lambda row: "ab"[row % 2])
    ]
    pack = build(
        write(tmp_path / "h.jsonl", [*human, *extra]), ai=write(tmp_path / "m.jsonl", ai), slice="board"
    ).pack
    messages = [one.message for name in pack.slices for one in pack.slices[name].warnings]
    messages += [one.message for one in pack.warnings]
    assert len(messages) >= 8
    for message in messages:
        assert re.search(r"(Add|again|check|Check|Fill|build)[^.]*\.$", message), message
