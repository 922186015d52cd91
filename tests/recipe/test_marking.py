"""What is labelled when it is made comes back as made by a model, or is refused; never as human."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wellkeeper
from credential_files import chain, picture
from wellkeeper.core.marks import Validity, origin_of_source_types
from wellkeeper.core.origin import Origin, declared_origin
from wellkeeper.engine.files import LABEL_SUFFIX, label_path
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.signature import SigningKey, envelope, open_envelope
from wellkeeper.recipe.marking import (
    KINDS,
    PREDICATE,
    SOURCE_TYPES,
    STATEMENT,
    Label,
    disclosure,
    label_of,
    mark,
    put_credentials,
    read_label,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEXTS = [f"The heron of pond {n} stood in the shallow water until evening, {n} times." for n in range(30)]


def write_set(path: Path, texts: list[str] = TEXTS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


def said_of(corpus: Path, out: Path) -> dict[str, Any]:
    return wellkeeper.audit(corpus, out=out).document["origin"]["declared"]  # type: ignore[no-any-return]


def test_a_labelled_file_is_read_as_ai_made_with_its_generator_and_refused_once_it_changed(
    tmp_path: Path,
) -> None:
    made = write_set(tmp_path / "made" / "part.jsonl")
    people = write_set(tmp_path / "people" / "part.jsonl", [text[::-1] for text in TEXTS])
    assert said_of(tmp_path, tmp_path / "before")["ai-generated"] == 0
    mark(made, generator="smollm2@v1", parents="human")
    audit = wellkeeper.audit([made, people], out=tmp_path / "after")
    declared = audit.document["origin"]["declared"]
    assert (declared["ai-generated"], declared["human"], declared["unknown"]) == (30, 0, 30)
    assert "1 of 1 files labelled ai-generated, by smollm2@v1" in " ".join(
        audit.document["inputs"]["columns"]
    )

    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "wellkeeper: 1\nsources:\n  made: {path: made/}\n  people: {path: people/, origin: human}\n"
    )
    wellkeeper.curate(recipe, out=tmp_path / "set")
    rows = open_part_tables(tmp_path / "set", "documents").to_table().to_pylist()
    kinds = {(row["group"], row["origin_declared"], row["generator"], row["depth"]) for row in rows}
    assert kinds == {("made", "ai-generated", "smollm2@v1", 1), ("people", "human", None, 0)}

    data = bytearray(made.read_bytes())
    data[20] ^= 1
    made.write_bytes(data)
    says = (
        r"part\.jsonl: file changed since it was labelled ai-generated, by smollm2@v1 "
        r"\(part\.jsonl\.wellkeeper-label\.json\)\. Restore the file, or label it anew: wellkeeper mark\.$"
    )
    with pytest.raises(InputError, match=says):
        wellkeeper.audit(made, out=tmp_path / "after")
    with pytest.raises(InputError, match=says):
        wellkeeper.curate(recipe, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_document_that_says_more_itself_is_believed_before_the_label(tmp_path: Path) -> None:
    table = pa.table({"text": TEXTS[:2], "origin": ["ai-assisted", None], "generator": ["other", None]})
    pq.write_table(table, tmp_path / "made.parquet")
    mark(tmp_path / "made.parquet", generator="smollm2")
    declared = said_of(tmp_path / "made.parquet", tmp_path / "out")
    assert (declared["ai-assisted"], declared["ai-generated"]) == (1, 1)


def test_a_recipe_that_calls_labelled_text_human_is_refused(tmp_path: Path) -> None:
    mark(write_set(tmp_path / "made.jsonl"), generator="smollm2")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("wellkeeper: 1\nsources:\n  made: {path: made.jsonl, origin: human}\n")
    says = r"made\.jsonl is labelled ai-generated, by smollm2, and the recipe's source made says origin: human\. Corr"
    with pytest.raises(RecipeError, match=says):
        wellkeeper.curate(recipe, out=tmp_path / "set")


def test_a_labelled_folder_of_texts_is_one_input_with_its_label(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number:02}.txt").write_text(text)
    mark(folder, generator="smollm2", kind="machine-translated")
    assert said_of(folder, tmp_path / "out")["machine-translated"] == 30
    label_path(folder).unlink()
    mark(folder / "00.txt", generator="smollm2")
    with pytest.raises(
        InputError, match=r"made: of its 30 texts some are labelled and others not, or otherwise\."
    ):
        said_of(folder, tmp_path / "out")


def test_a_label_is_never_taken_for_data(tmp_path: Path) -> None:
    write_set(tmp_path / "set" / "a.json")
    mark(tmp_path / "set" / "a.json", generator="x")
    for path in ("set", "set/*.json", "set/**/*.json"):
        files = find_files([str(tmp_path / path)], group="set")
        assert [file.name for file in files] == ["a.json"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_label_says_what_was_said_of_the_set(tmp_path: Path, name: str) -> None:
    path = write_set(tmp_path / name)
    (tmp_path / "prompt.txt").write_text("Write about {topic}.")
    key = SigningKey.new()
    marked = mark(
        path,
        generator="smollm2@v1",
        kind="ai-assisted",
        prompt_template=tmp_path / "prompt.txt",
        temperature=0.7,
        seed=3,
        parents=["human", "doc-9"],
        key=key,
        created=NOON,
    )
    assert marked.file == tmp_path / f"{name}{LABEL_SUFFIX}"
    assert label_of(path) == read_label(marked.file, key=key.public) == marked.label
    label = marked.label
    assert (label.origin, label.made_by, label.temperature, label.seed) == (
        Origin.AI_ASSISTED,
        "smollm2@v1",
        0.7,
        3,
    )
    assert (label.parents, label.depth, label.signed_by) == (("human", "doc-9"), 255, (key.keyid,))
    assert label.created == "2026-01-01T12:00:00+00:00"
    with pytest.raises(InputError, match=r"is not signed by the key .{16}\. Ask who labelled"):
        label_of(path, key=SigningKey.new().public)
    mark(path, generator="x")
    with pytest.raises(InputError, match="is not signed by the key"):
        label_of(path, key=key.public)


def test_the_same_label_has_the_same_bytes(tmp_path: Path) -> None:
    path, key = write_set(tmp_path / "a.jsonl"), SigningKey.new()
    marks = [mark(path, generator="x", key=key, created=NOON).file.read_bytes() for _ in range(2)]
    assert marks[0] == marks[1]


def test_depth_is_one_more_than_that_of_the_deepest_parent(tmp_path: Path) -> None:
    first, second, third = (write_set(tmp_path / f"{n}.jsonl", [f"Set {n}."]) for n in "abc")
    assert mark(first, generator="x", parents="human").label.depth == 1
    assert mark(second, generator="x", parents=["human", first]).label.depth == 2
    marked = mark(third, generator="x", parents=[first, second]).label
    assert marked.depth == 3
    digests = [next(iter(read_label(label_path(path)).files.values())) for path in (first, second)]
    assert marked.parents == tuple(f"sha256:{digest}" for digest in digests)
    assert mark(third, generator="x").label.depth == 255, "nobody said what it was made from"
    assert mark(third, generator="x", parents=["human", "doc-9"]).label.depth == 255
    assert mark(first, generator="x", parents=[third]).label.depth == 255


def test_depth_of_a_curated_set_is_that_of_the_deepest_document_it_kept(tmp_path: Path) -> None:
    mark(write_set(tmp_path / "made.jsonl"), generator="x", parents="human")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("wellkeeper: 1\nsources:\n  made: {path: made.jsonl}\n")
    wellkeeper.curate(recipe, out=tmp_path / "set")
    label = mark(write_set(tmp_path / "next.jsonl", ["More."]), generator="x", parents=tmp_path / "set").label
    digest = json.loads((tmp_path / "set" / "manifest.json").read_text())["digest"]
    assert (label.depth, label.parents) == (2, (f"wellkeeper:{digest}",))


def test_parents_can_be_a_list_of_ids(tmp_path: Path) -> None:
    path = write_set(tmp_path / "a.jsonl")
    (tmp_path / "ids.txt").write_text("doc-1\ndoc-2\n")
    assert mark(path, generator="x", parents=tmp_path / "ids.txt").label.parents == ("doc-1", "doc-2")
    with pytest.raises(
        InputError, match=r"b\.jsonl is not labelled, and is no list of ids, one a line\. Label it"
    ):
        mark(path, generator="x", parents=write_set(tmp_path / "b.jsonl"))
    with pytest.raises(
        InputError, match=r"says nothing of how it was made: it is neither labelled nor an output"
    ):
        mark(path, generator="x", parents=tmp_path)


def test_every_file_of_a_labelled_folder_bears_its_label_and_others_none(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    files = [write_set(folder / name) for name in ("a.jsonl", "deep/b.jsonl")]
    label = mark(folder, generator="x").label
    assert sorted(label.files) == ["a.jsonl", "deep/b.jsonl"]
    assert [label_of(path) for path in (*files, folder, folder / "deep")] == [label] * 4
    later = write_set(folder / "c.jsonl")
    assert label_of(later) is None
    assert label_of(write_set(tmp_path / "other.jsonl")) is None
    files[1].write_text("{}\n")
    assert label_of(files[0]) == label
    for path in (files[1], folder / "deep", folder):
        with pytest.raises(InputError, match="file changed since it was labelled"):
            label_of(path)
    files[1].unlink()
    with pytest.raises(InputError, match=r"b\.jsonl is gone since it was labelled .*\. Restore it, or label"):
        label_of(folder)


def test_looking_up_the_files_of_a_large_folder_reads_its_label_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wellkeeper.recipe import marking

    files = [write_set(tmp_path / "made" / f"{n:03}.jsonl", [f"Set {n}."]) for n in range(200)]
    mark(tmp_path / "made", generator="x")
    read: list[Path] = []
    checked: list[Path] = []
    real_read, real_digest = marking.read_label, marking.sha256_of_file
    monkeypatch.setattr(
        marking, "read_label", lambda file, **rest: read.append(file) or real_read(file, **rest)
    )
    monkeypatch.setattr(marking, "sha256_of_file", lambda path: checked.append(path) or real_digest(path))
    assert {label_of(path) is not None for path in files} == {True}
    assert (len(read), checked) == (1, files)


def test_a_files_own_label_counts_before_that_of_its_folder(tmp_path: Path) -> None:
    path = write_set(tmp_path / "made" / "a.jsonl")
    mark(path, generator="own")
    mark(tmp_path / "made", generator="folder")
    found = label_of(path)
    assert found is not None
    assert found.generator == "own"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "human"}, r"A label cannot say 'human'\. Give one of: ai-assisted, ai-generated,"),
        ({"generator": "@v1"}, r"The generator has no name\. Name the model: --generator NAME"),
        ({"temperature": -1.0}, r"The temperature is -1\.0\. Give a number from 0 up\."),
        ({"temperature": float("nan")}, r"The temperature is nan\."),
        ({"prompt_template": "none.txt"}, r"none\.txt is no file\. Give the file that holds the prompt"),
    ],
)
def test_what_cannot_be_said_is_refused_and_leaves_no_label(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = write_set(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match=says):
        mark(path, **{"generator": "x"} | changes)
    assert not label_path(path).exists()


def test_nothing_cannot_be_labelled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none does not exist\. Give the file or folder to label\."):
        mark(tmp_path / "none", generator="x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty is a folder without files\. Label it when"):
        mark(tmp_path / "empty", generator="x")


def _statement(**changes: Any) -> bytes:
    said = {"origin": "ai-generated", "generator": {"name": "x"}, "depth": 1, "created": "2026-01-01"}
    whole = {"_type": STATEMENT, "predicateType": PREDICATE, "subject": [], "predicate": said}
    return json.dumps(whole | changes).encode()


def _said(**changes: Any) -> bytes:
    said = {"origin": "ai-generated", "generator": {"name": "x"}, "depth": 1, "created": "2026-01-01"}
    return _statement(predicate=said | changes, subject=_named("a.jsonl"))


def _named(name: str, digit: str = "0") -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": digit * 64}}]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"{", "Expecting property name"),
        (
            _statement(predicateType="https://slsa.dev/provenance/v1"),
            "it is a https://slsa.dev/provenance/v1",
        ),
        (_statement(predicate={}), "it has no 'origin'"),
        (_statement(predicate={"origin": "human"}), "its origin is 'human'"),
        (_statement(subject=[{"name": "a"}]), "it has no 'digest'"),
        (_statement(subject=[]), "it names no file"),
        (_statement(subject=[{"name": "a", "digest": {"sha256": "AA"}}]), "the digest of 'a' is no SHA-256"),
        (
            _statement(subject=_named("../a.jsonl")),
            r"it names '\.\./a\.jsonl', which is no file below what was",
        ),
        (_statement(subject=_named("b/../../a")), "which is no file below what was labelled"),
        (_statement(subject=_named("/etc/passwd")), "it names '/etc/passwd', which is no file below"),
        (_statement(subject=[*_named("a"), *_named("a", "1")]), "it names 'a' twice"),
        (_said(depth=0), "its depth is 0"),
        (_said(depth=True), "its depth is True"),
        (_said(depth=10**9), "its depth is 1000000000"),
        (_said(depth="1"), "its depth is '1'"),
        (_said(generator={"name": "x\x1b[2J"}), r"its generator is 'x\\x1b\[2J'"),
        (_said(generator={"name": "x" * 513}), "its generator is no text of 1 to 512 letters"),
        (_said(generator={"name": "x", "revision": 1}), "its revision is no text"),
        (_said(parents=[7]), "its parent is no text"),
        (b"[" * 100_000, "maximum recursion depth"),
        (b"[]", "list indices"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path: Path, payload: bytes, says: str) -> None:
    path = write_set(tmp_path / "a.jsonl")
    label_path(path).write_bytes(envelope(payload))
    with pytest.raises(InputError, match=says) as raised:
        label_of(path)
    assert str(raised.value).endswith("Label the set anew: wellkeeper mark.")
    label_path(path).write_bytes(payload)
    with pytest.raises(InputError, match="is not a DSSE envelope"):
        label_of(path)


def test_a_label_speaks_of_no_other_file_than_the_one_it_lies_beside(tmp_path: Path) -> None:
    ours, other = write_set(tmp_path / "a.jsonl"), write_set(tmp_path / "b.jsonl", ["Another."])
    mark(other, generator="x")
    label_path(ours).write_bytes(label_path(other).read_bytes())
    says = r"a\.jsonl\.wellkeeper-label\.json names 'b\.jsonl', and lies beside a\.jsonl\. A label speaks of"
    with pytest.raises(InputError, match=says):
        label_of(ours)


def test_a_file_that_its_nearest_label_does_not_name_may_be_named_by_another(tmp_path: Path) -> None:
    inner = tmp_path / "made" / "deep"
    first = write_set(inner / "a.jsonl")
    mark(inner, generator="inner")
    later = write_set(inner / "b.jsonl", ["Later."])
    mark(tmp_path / "made", generator="outer")
    found = [label_of(path) for path in (first, later)]
    assert [label and label.generator for label in found] == ["inner", "outer"]


def test_a_link_to_a_labelled_file_bears_its_label(tmp_path: Path) -> None:
    made = write_set(tmp_path / "made" / "a.jsonl")
    mark(tmp_path / "made", generator="x")
    link = tmp_path / "people" / "b.jsonl"
    link.parent.mkdir()
    link.symlink_to(made)
    assert label_of(link) == label_of(made) is not None
    assert said_of(tmp_path / "people", tmp_path / "out")["ai-generated"] == 30


def test_an_id_may_be_longer_than_a_path_and_not_than_an_id(tmp_path: Path) -> None:
    path = write_set(tmp_path / "a.jsonl")
    assert mark(path, generator="x", parents="i" * 500).label.parents == ("i" * 500,)
    label_path(path).unlink()
    with pytest.raises(
        InputError, match=r"This cannot be said in a label: its parent is no text of 1 to 512"
    ):
        mark(path, generator="x", parents="i" * 513)
    with pytest.raises(InputError, match=r"its generator is 'x\\ny'\. Say it in plain words\.$"):
        mark(path, generator="x\ny")
    assert not label_path(path).exists()


@given(st.sampled_from(KINDS), st.text(min_size=1, max_size=20), st.none() | st.text(min_size=1, max_size=9))
def test_markup_says_the_same_whatever_the_generator_is_called(
    origin: Origin, generator: str, revision: str | None
) -> None:
    label = Label(origin=origin, generator=generator, revision=revision, created="2026-01-01", files={})
    page = disclosure(label)
    head, _, rest = page.partition('<script type="application/ld+json">')
    body, _, after = rest.partition("</script>")
    assert (head.count("<"), after) == (1, "\n"), "nothing of a name may end the element"
    told = json.loads(body)
    assert told["creator"]["name"] == generator
    term = told["digitalSourceType"].rpartition("/")[2].removesuffix("DigitalSource")
    assert declared_origin(term) == origin_of_source_types([SOURCE_TYPES[origin]])


def test_source_types_lead_back_to_the_origin_but_for_translations() -> None:
    """IPTC has no term for a translation by machine: it is output of a trained model."""
    back = {origin: origin_of_source_types([SOURCE_TYPES[origin]]) for origin in KINDS}
    assert back.pop(Origin.MACHINE_TRANSLATED) == Origin.AI_GENERATED
    assert all(origin == found for origin, found in back.items())


def test_in_totos_own_library_accepts_the_statement(tmp_path: Path) -> None:
    statement = pytest.importorskip("in_toto_attestation.v1.statement")
    protobuf = pytest.importorskip("google.protobuf.json_format")
    marked = mark(write_set(tmp_path / "a.jsonl"), generator="x@v1", temperature=0.5, parents="human")
    payload = open_envelope(marked.file.read_bytes()).payload
    theirs = protobuf.Parse(payload, statement.spb.Statement())
    statement.Statement.copy_from_pb(theirs).validate()
    assert json.loads(protobuf.MessageToJson(theirs)) == json.loads(payload)


def test_stock_tools_alone_find_a_changed_file(tmp_path: Path) -> None:
    """securesystemslib and a digest: all that somebody without wellkeeper needs."""
    import hashlib

    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    path, key = write_set(tmp_path / "a.jsonl"), SigningKey.new()
    label = mark(path, generator="x", key=key).file

    def verifies() -> bool:
        theirs = dsse.Envelope.from_dict(json.loads(label.read_bytes()))
        theirs.verify([signer.SSlibKey.from_crypto(key.public.key, keyid=key.keyid)], 1)
        subjects = json.loads(theirs.payload)["subject"]
        return all(
            hashlib.sha256((tmp_path / row["name"]).read_bytes()).hexdigest() == row["digest"]["sha256"]
            for row in subjects
        )

    assert verifies()
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert not verifies()


@pytest.mark.parametrize("in_place", [False, True])
def test_a_picture_gets_a_credential_that_says_what_made_it(tmp_path: Path, in_place: bool) -> None:
    pytest.importorskip("c2pa")
    from wellkeeper.engine.credentials import read_media

    path, signer = tmp_path / "a.png", chain("painter")
    path.write_bytes(picture())
    before = path.stat().st_size
    (tmp_path / "chain.pem").write_bytes(signer.certificates)
    key = SigningKey(key=signer.key)
    signing: dict[str, Any] = {"certificates": tmp_path / "chain.pem", "key": key, "in_place": in_place}
    made = put_credentials(path, generator="smollm2@v1", **signing)
    assert made == (path if in_place else tmp_path / "a-labelled.png")
    found = read_media(made.read_bytes(), "image/png", anchors=signer.anchors)
    assert (found.validity, found.trust.label, found.origin) == (
        Validity.VALID,
        "trusted",
        Origin.AI_GENERATED,
    )
    assert found.generator == "smollm2 v1"
    assert made.stat().st_size < before + 20_000, "without a thumbnail"
    with pytest.raises(InputError, match="bears a credential already, and a second one would take its place"):
        put_credentials(made, generator="x", **signing)
    if not in_place:
        with pytest.raises(InputError, match=r"a-labelled\.png is there already\. Move it away"):
            put_credentials(path, generator="x", **signing)


def test_a_folder_of_pictures_is_copied_with_credentials_and_all_else_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    from wellkeeper.engine.credentials import read_media

    folder, signer = tmp_path / "made", chain("painter")
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(picture())
    (folder / "deep" / "b.jpg").write_bytes(picture("JPEG"))
    (folder / "captions.jsonl").write_text("{}\n")
    before = (folder / "a.png").read_bytes()
    (tmp_path / "chain.pem").write_bytes(signer.certificates)
    made = put_credentials(
        folder, generator="x", certificates=tmp_path / "chain.pem", key=SigningKey(key=signer.key)
    )
    assert (folder / "a.png").read_bytes() == before
    assert (made / "captions.jsonl").read_text() == "{}\n"
    for name, media_type in (("a.png", "image/png"), ("deep/b.jpg", "image/jpeg")):
        assert read_media((made / name).read_bytes(), media_type).validity is Validity.VALID
    assert len(mark(made, generator="x").label.files) == 3


def test_credentials_that_cannot_be_made_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    signer, picture_file, text = chain("painter"), tmp_path / "a.png", write_set(tmp_path / "a.jsonl")
    picture_file.write_bytes(picture())
    pem = tmp_path / "chain.pem"
    pem.write_bytes(signer.certificates)
    key = SigningKey(key=signer.key)
    with pytest.raises(
        InputError, match=r"no file that a credential can be put into\. Leave out --certificate"
    ):
        put_credentials(text, generator="x", certificates=pem, key=key)
    with pytest.raises(
        InputError, match=r"No credential can be put into the file: .*Check that the certificates"
    ):
        put_credentials(picture_file, generator="x", certificates=pem, key=SigningKey.new("p256"))
    with pytest.raises(InputError, match=r"a\.jsonl holds no certificate in PEM form\. Give the chain"):
        put_credentials(picture_file, generator="x", certificates=text, key=key)
    with pytest.raises(InputError, match=r"none\.pem cannot be read: No such file"):
        put_credentials(picture_file, generator="x", certificates=tmp_path / "none.pem", key=key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.png", "chain.pem"]
