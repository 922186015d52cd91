"""The documentation says what the code does: nothing undocumented, no dead link, no example that does not run."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path

import click
import pytest

import wellkeeper
from wellkeeper.cli.main import cli
from wellkeeper.core import signals
from wellkeeper.core.evidence import KINDS
from wellkeeper.filter.quality import SETS
from wellkeeper.ledger.rows import DOCUMENTS, EVIDENCE, OVERLAPS, QUARANTINE, SPANS
from wellkeeper.mix.plan import REASONS, RECIPE_KEYS
from wellkeeper.origin import artefacts
from wellkeeper.recipe import findings, image_document
from wellkeeper.recipe.schema import json_schema, load_recipe
from wellkeeper.recipe.steps import registered_steps
from wellkeeper.report.anchors import LEFT_OUT

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
VARIABLES = {
    name
    for path in (ROOT / "src/wellkeeper").rglob("*.py")
    for name in re.findall(r"""(?:environ\.get\(|environ\[|getenv\()"(WELLKEEPER_\w+)\"""", path.read_text())
}
READERS = sorted((ROOT / "src/wellkeeper/engine/readers").glob("*.py"))


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def code_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


# --- completeness --------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_every_verb_and_each_of_its_options_is_in_the_reference(verb):
    section = page("reference/cli.md").split(f"\n## wellkeeper {verb}\n")[1].split("\n## ")[0]
    unbroken = "".join(section.split())
    below = getattr(cli.commands[verb], "commands", {})
    assert [name for name in below if f"$ wellkeeper {verb} {name} --help" not in section] == []
    for parameter in (given for command in (cli.commands[verb], *below.values()) for given in command.params):
        shown = (
            parameter.opts
            if isinstance(parameter, click.Option)
            else [parameter.make_metavar(click.Context(cli))]
        )
        for name in shown:  # which a terminal's width may break
            assert "".join(name.split()) in unbroken, f"wellkeeper {verb}: {name}. Run: make docs"


@pytest.mark.parametrize(
    "verb",
    sorted({"anchors", "audit", "compare", "curate", "lab", "prove", "recommend", "why"} & set(cli.commands)),
)
def test_every_verb_that_does_work_has_a_page_that_the_index_names(verb):
    assert (DOCS / f"{verb}.md").exists()
    assert f"({verb}.md)" in page("index.md")


def test_every_finding_code_has_a_section_and_none_is_left_over():
    sources = (findings, image_document)
    raised = {
        code for source in sources for code in re.findall(r'"(WK\d{3})"', Path(source.__file__).read_text())
    }
    explained = set(re.findall(r"^## (WK\d{3})$", page("findings.md"), re.MULTILINE))
    listed = set(re.findall(r"^\| \[(WK\d{3})\]", page("findings.md"), re.MULTILINE))
    assert raised == explained == listed


KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
CARRIERS = {"Damage", "_DamagedError", "_Fault", "Quarantined", "refuse"}


def quarantine_codes(source):
    """Codes in a reader: first words of faults, arguments of what carries a fault, values of a name `code`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in CARRIERS:
                found = [*arguments[:2], *(keyword.value for keyword in keywords if keyword.arg == "code")]
            case ast.Tuple(elts=[first, ast.Constant(value=str(sentence)), *_]) if " " in sentence:
                found = [first]
            case ast.Tuple(
                elts=[first, ast.JoinedStr() | ast.Name(id="reason") | ast.Call(func=ast.Name(id="str")), *_]
            ):
                found = [first]
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.IfExp(body=one, orelse=other)):
                found = [one, other]
            case _:
                continue
        for value in found:
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and KEBAB.fullmatch(value.value)
            ):
                yield value.value


def test_every_quarantine_code_of_the_readers_is_explained_with_what_to_do():
    raised = {code for path in READERS for code in quarantine_codes(path.read_text())}
    assert {"json-syntax", "utf8", "text-missing", "text-null", "truncated", "corrupt-row-group"} <= raised
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page("inputs.md"), re.MULTILINE))
    assert raised <= explained, f"docs/inputs.md does not explain {sorted(raised - explained)}"
    everything = "".join(path.read_text() for path in READERS)
    assert not [code for code in explained if f'"{code}"' not in everything], "a code that no reader gives"


def test_every_warning_of_an_anchor_pack_and_every_reason_to_leave_a_text_out_is_explained():
    sources = [ROOT / "src/wellkeeper" / place / "anchors.py" for place in ("origin", "recipe")]
    raised = {code for path in sources for code in re.findall(r'code="([a-z-]+)"', path.read_text())}
    raised |= {"few-human-references", "few-ai-references"}
    rows = " ".join(line.split("|")[1] for line in page("anchors.md").splitlines() if line.startswith("| `"))
    assert {"shortcut", "contaminated", "slice-refused"} <= raised == set(re.findall(r"`([a-z-]+)`", rows))
    assert [reason for reason in LEFT_OUT if f"`{reason}`" not in page("anchors.md")] == []


def test_every_step_of_ours_and_each_of_its_options_is_explained():
    guides = "".join(
        page(name)
        for name in (
            "quality.md",
            "duplicates.md",
            "passages.md",
            "templates.md",
            "decontamination.md",
            "evidence.md",
            "rights.md",
            "vet.md",
        )
    )
    for name, step in registered_steps().items():
        if type(step).__module__.startswith("wellkeeper."):
            assert f"## {name}" in page("reference/steps.md")
            assert f"`{name}`" in page("curate.md")
            for option in step.check({}):
                assert f"| `{option}` |" in guides, f"{name}: {option}"


def test_every_signal_is_in_the_reference():
    groups = (
        signals.COUNTS,
        signals.QUALITY,
        signals.DECLARED,
        signals.EVIDENCE,
        signals.IDENTITY,
        signals.DERIVED,
    )
    listed = page("reference/signals.md")
    for signal in (signal for group in groups for signal in group):
        assert f"| `{signal.name}` | `{signal.type}` |" in listed


def test_every_evidence_kind_and_quality_rule_is_listed():
    for kind in KINDS:
        assert f"| `{kind.name}` | {kind.bit} |" in page("evidence.md")
    for rule in (rule for rules in SETS.values() for rule in rules):
        assert f"| `{rule.name}` |" in page("quality.md")


@pytest.mark.parametrize(
    "schema", [DOCUMENTS, EVIDENCE, QUARANTINE], ids=["documents", "evidence", "quarantine"]
)
def test_every_column_of_the_ledger_is_explained(schema):
    explained = " ".join(
        line.split("|")[1] for line in page("ledger.md").splitlines() if line.startswith("| `")
    )
    assert [name for name in schema.names if f"`{name}`" not in explained] == []


def test_every_column_of_the_spans_is_explained():
    explained = " ".join(
        line.split("|")[1] for line in page("passages.md").splitlines() if line.startswith("| `")
    )
    assert [name for name in SPANS.names if f"`{name}`" not in explained] == []


def test_every_column_of_the_overlaps_is_explained():
    rows = [line.split("|")[1] for line in page("decontamination.md").splitlines() if line.startswith("| `")]
    assert [name for name in OVERLAPS.names if f"`{name}`" not in " ".join(rows)] == []


def test_every_key_of_a_recipe_is_explained():
    schema = json_schema()
    text = page("curate.md")
    for part in (schema, schema["$defs"]["_SourcePart"]):
        for key in part["properties"]:
            assert f"| `{key}` |" in text, key
    for key in RECIPE_KEYS.values():
        assert f"| `{key.removeprefix('mix.')}` |" in text, key


@pytest.mark.parametrize(
    "function",
    [
        wellkeeper.apply_reviews,
        wellkeeper.ask,
        wellkeeper.audit,
        wellkeeper.best_of_n,
        wellkeeper.build_anchors,
        wellkeeper.compare_runs,
        wellkeeper.curate,
        wellkeeper.forget,
        wellkeeper.make_queue,
        wellkeeper.prove,
        wellkeeper.recommend,
        wellkeeper.standing_of,
        wellkeeper.verify,
        wellkeeper.vote,
    ],
    ids=lambda function: function.__name__,
)
def test_every_keyword_of_the_python_api_is_named(function):
    section = page("api.md").split(f"\n## {function.__name__}\n")[1].split("\n## ")[0]
    keywords = {
        name for name, given in signature(function).parameters.items() if given.kind == given.KEYWORD_ONLY
    }
    assert sorted(name for name in keywords if f"`{name}`" not in section) == []


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_every_environment_variable_that_is_read_is_explained(variable):
    assert f"| `{variable}` |" in page("architecture.md")


def test_every_reason_of_the_mix_is_named():
    for reason in REASONS:
        assert f"`{reason}`" in page("mix.md")


def test_the_recipe_in_full_names_every_key_and_can_be_loaded(tmp_path):
    (whole,) = [
        block for block in code_blocks(page("curate.md"), "yaml") if block.startswith("wellkeeper: 1")
    ]
    file = tmp_path / "whole.yaml"
    file.write_text(whole)
    recipe = load_recipe(file)
    assert {step.name for step in recipe.steps} == {
        name for name, step in registered_steps().items() if type(step).__module__.startswith("wellkeeper.")
    }
    keys = set(re.findall(r"(\w+):", whole))
    schema = json_schema()
    assert set(schema["properties"]) - keys == {"sign"}
    assert set(schema["$defs"]["_SourcePart"]["properties"]) <= keys


# --- truth ---------------------------------------------------------------------------------------


def anchors(text):
    """Anchors that GitHub gives the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_internal_link_leads_somewhere(path):
    text = prose(path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        assert file.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{target}: no such heading"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_shows_a_path_or_a_name_of_the_machine_it_was_made_on(path):
    text = path.read_text(encoding="utf-8")
    for word in (str(ROOT), f"{Path.home()}/", "/tmp/"):
        assert word not in text, word
    assert not re.search(rf"@{re.escape(os.uname().nodename)}\b", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_that_a_command_fills_is_closed_and_filled(path):
    text = path.read_text(encoding="utf-8")
    opened = re.findall(r"^<!-- (?:run|python|table)\b", text, re.MULTILINE)
    whole = re.findall(
        r"^<!-- (?:run|python|table)\b.*?-->\n.*?\S.*?^<!-- end -->$", text, re.MULTILINE | re.DOTALL
    )
    assert len(opened) == len(whole) == text.count("\n<!-- end -->")
    assert "-->\n<!-- end -->" not in text, "an empty block. Run: make docs"


@pytest.mark.parametrize("name", ["evidence.md", "LOG.md"])
def test_figures_of_the_trace_measurement_are_those_of_the_code(name):
    measured = set(re.findall(r"\d{1,3}(?:,\d{3})+", artefacts.__doc__))
    assert {"30,887", "11,442", "54,822"} <= measured
    for figure in measured:
        assert figure in page(name), figure


def test_the_index_of_decisions_names_every_record_and_its_status():
    records = {path.name: path.read_text() for path in (DOCS / "decisions").glob("0*.md")}
    index = page("decisions/README.md")
    assert set(re.findall(r"\((0\d{3}-[\w-]+\.md)\)", index)) == set(records)
    for name, text in records.items():
        status = text.splitlines()[2:4]
        assert re.match(r"\d{4}-\d\d-\d\d, (accepted|superseded)\.", status[0]), name
        changed = {number for number in re.findall(r"\[(0\d{3})\]", " ".join(status)) if number > name[:4]}
        (row,) = [line for line in index.splitlines() if f"({name})" in line]
        assert changed == set(re.findall(r": (0\d{3}) \|", row)), name


def test_every_guide_is_named_in_the_index():
    guides = {path.name for path in DOCS.glob("*.md")} - {"index.md"}
    assert [
        name
        for name in sorted(guides)
        if f"({name})" not in page("index.md") + (ROOT / "README.md").read_text()
    ] == []


# --- examples run --------------------------------------------------------------------------------


def test_the_python_of_the_api_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "api"}
    for block in code_blocks(page("api.md"), "python"):
        exec(compile(block, "docs/api.md", "exec"), names)


def test_the_step_of_the_extending_page_passes_its_own_test(tmp_path, monkeypatch):
    module, test = code_blocks(page("extending.md"), "python")
    (tmp_path / "shouting.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    import shouting

    try:
        exec(compile(test, "docs/extending.md", "exec"), vars(shouting).copy())
    finally:
        del sys.modules["shouting"]


def test_the_step_of_the_extending_page_is_found_once_its_package_is_installed(tmp_path):
    module, _ = code_blocks(page("extending.md"), "python")
    (registration,) = code_blocks(page("extending.md"), "toml")
    group, entry = re.fullmatch(
        r'\[project\.entry-points\."([\w.]+)"\]\n"(.+)"\n', registration.replace('" = "', " = ")
    ).groups()
    (tmp_path / "shouting.py").write_text(module)
    metadata = tmp_path / "shouting-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
    result = subprocess.run(
        [sys.executable, "-m", "wellkeeper", "steps"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert "long-words.v1\n    longest: 9.0\n" in result.stdout


def load_script(name):
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_that_fresh_human_text_stops_the_loss():
    script = load_script("make_picture")
    _, lost = script.kept(0.0)
    _, held = script.kept(script.FRESH)
    assert lost[0] == held[0]  # both begin with the same human sample
    assert (lost[1:] < held[1:]).all()
    assert held[-2] - held[-1] < 0.02 < lost[-2] - lost[-1]
    assert f"{lost[-1]:.0%}" in (DOCS / "images/tails.svg").read_text()


def test_the_picture_loads_nothing_from_elsewhere():
    drawn = (DOCS / "images/tails.svg").read_text()
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", drawn) == []
    assert not re.search(r"@import|url\(|<script|<image", drawn)


def test_a_block_is_filled_with_the_command_and_what_it_printed(tmp_path):
    generate = load_script("generate")
    bench = generate.Bench(tmp_path)
    text = "# A\n\n<!-- run: echo one && pwd -->\nold\n<!-- end -->\n\n<!-- python:\nx = 20\nx + 1\n-->\n<!-- end -->\n"
    filled = generate.filled(text, bench)
    assert "```console\n$ echo one && pwd\none\n.\n```" in filled
    assert "```pycon\n>>> x = 20\n>>> x + 1\n21\n```" in filled
    assert generate.filled(filled, bench) == filled


def test_a_command_with_another_exit_code_than_stated_stops_the_generator(tmp_path):
    generate = load_script("generate")
    bench = generate.Bench(tmp_path)
    with pytest.raises(generate.StaleError, match="exit code 3 of: exit 3"):
        generate.filled("<!-- run: exit 3 -->\n<!-- end -->\n", bench)
    assert "$ exit 2" in generate.filled("<!-- run exits 2: exit 2 -->\n<!-- end -->\n", bench)
