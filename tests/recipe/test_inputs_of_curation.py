import json

import wellkeeper


def lines(*texts: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def test_of_an_output_folder_of_curate_every_verb_reads_the_set_and_not_what_was_rejected(tmp_path) -> None:
    curated = tmp_path / "curated"
    (curated / "data").mkdir(parents=True)
    (curated / "rejected").mkdir()
    (curated / "manifest.json").write_text("{}")
    (curated / "data" / "part.jsonl").write_text(
        lines("a kept text of some words", "another text that was kept")
    )
    (curated / "rejected" / "part.jsonl").write_text(lines("a text that was rejected"))
    audit = wellkeeper.audit(curated, out=tmp_path / "audit")
    assert audit.document["inputs"]["documents"] == 2
