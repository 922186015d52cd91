"""Scorers by name: what a suite may write, what it is told where it errs, and answers that never came."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from scorer_helpers import item, output, scored

from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.suites.scorers import KINDS, scorer_of

SPECS = {
    "exact": {},
    "contains": {},
    "regex": {},
    "numeric": {},
    "f1": {},
    "choice": {},
    "json-schema": {"schema": {"type": "object"}},
    "python": {},
    "math": {},
    "judge": {},
}


def never_asked(prompt, seed):
    raise AssertionError(f"the judge was asked {prompt!r} with {seed}")


def test_an_item_without_a_scorer_has_none():
    assert scorer_of(None) is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_its_name_and_leaves_an_answer_that_never_came_unknown(kind):
    scorer = scorer_of({"kind": kind, **SPECS[kind]}, ask=never_asked)
    assert scorer.kind == kind
    assert not scorer.needs_logprobs
    score = scorer.score(item("1", choices=("1", "2")), output("", "error", note="HTTP 500"))
    assert (score.value, score.note) == (None, "no answer came: HTTP 500")


@pytest.mark.parametrize(("kind", "spec"), [(kind, spec) for kind, spec in SPECS.items() if kind != "python"])
def test_an_empty_answer_is_wrong_and_asks_nobody(kind, spec):
    scorer = scorer_of({"kind": kind, **spec}, ask=never_asked)
    assert scorer.score(item("1", choices=("1", "2")), output("", "empty")).value == 0


@pytest.mark.parametrize("kind", ["exact", "contains", "f1", "numeric", "choice", "math", "regex", "python"])
def test_an_item_without_a_reference_is_refused(kind):
    told = rf"The item one has no reference, and the scorer {kind} compares with one\. Give"
    with pytest.raises(InputError, match=told):
        scored(kind, "1", choices=("1", "2"))
    with pytest.raises(InputError, match=told):
        scorer_of({"kind": kind}).check(item(choices=("1", "2")))


@pytest.mark.parametrize(
    ("spec", "given", "says"),
    [
        (
            {"kind": "choice"},
            item("cow", choices=("cod", "crow")),
            r"No reference of the item one is one of its",
        ),
        ({"kind": "numeric"}, item("five"), r"The reference of the item one has no number: 'five'"),
        ({"kind": "regex"}, item(".*", "("), r"The reference '\(' of the item one is no regular expression"),
        ({"kind": "contains"}, item(" "), r"A reference of the item one is blank"),
        ({"kind": "regex", "pattern": "(a)", "group": 1}, item(), r"The item one has no reference"),
        ({"kind": "judge", "by": "pair"}, item(), r"The item one has no reference"),
        (
            {"kind": "python", "continues-prompt": True},
            item("pass", prompt=[{"role": "user", "content": "x"}]),
            r"The prompt of the item one is a conversation",
        ),
    ],
)
def test_an_item_that_cannot_be_scored_is_refused_before_anything_is_asked(spec, given, says):
    with pytest.raises(InputError, match=says):
        scorer_of(spec, ask=never_asked).check(given)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "judge"},
        {"kind": "regex", "pattern": "a"},
        {"kind": "python", "tests": "pass"},
        {"kind": "json-schema", "schema": {"type": "object"}},
    ],
)
def test_an_item_needs_no_reference_where_the_suite_says_all(spec):
    scorer_of(spec, ask=never_asked).check(item())


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            {"kind": "exakt"},
            r"There is no scorer exakt\. Did you mean exact\? There are: exact, contains, regex",
        ),
        ({}, r"There is no scorer None\. There are: exact"),
        (
            {"kind": "numeric", "tolerence": 1},
            r"The scorer numeric has no option tolerence\. Did you mean tolerance\? It has: tolerance, relative, which",
        ),
        (
            {"kind": "numeric", "tolerance": -1},
            r"The option tolerance of the scorer numeric is -1\. Give a number from 0\.",
        ),
        ({"kind": "numeric", "tolerance": True}, r"is True\. Give a number from 0\."),
        ({"kind": "numeric", "relative": float("nan")}, r"is nan\. Give a number"),
        ({"kind": "numeric", "which": "lst"}, r"Give one of last, first\. Did you mean last\?"),
        ({"kind": "exact", "ignore": ["cases"]}, r"Give a list of case, punctuation, articles, whitespace\."),
        ({"kind": "exact", "ignore": 1}, r"is 1\. Give a list of case"),
        (
            {"kind": "contains", "whole-words": 1},
            r"The option whole-words of the scorer contains is 1\. Give true or false\.",
        ),
        ({"kind": "regex", "pattern": "("}, r"is '\('\. It is no regular expression: missing \)"),
        (
            {"kind": "regex", "pattern": "(a)", "group": 2},
            r"The pattern's groups are: 1\. Name one of them\.",
        ),
        ({"kind": "regex", "pattern": "a", "group": "x"}, r"The pattern's groups are: none\."),
        ({"kind": "regex", "pattern": "(a)", "group": [1]}, r"is \[1\]\. The pattern's groups are: 1\."),
        ({"kind": "regex", "pattern": "(a)", "group": True}, r"is True\. The pattern's groups are: 1\."),
        ({"kind": "regex", "pattern": "(a)", "group": 1.0}, r"is 1\.0\. The pattern's groups are: 1\."),
        (
            {"kind": "regex", "pattern": "a{99999999999}"},
            r"It is no regular expression: the repetition number",
        ),
        (
            {"kind": "json-schema", "schema": {"$schema": [1]}},
            r"Its \$schema is no text\. Put it in quotes\.",
        ),
        ({"kind": "regex", "group": 1}, r"Give the pattern that has it, too\."),
        ({"kind": "regex", "pattern": " "}, r"Give a text that is not blank\."),
        ({"kind": "choice", "by": "logprobs"}, r"Give one of text, logprob\. Did you mean logprob\?"),
        (
            {"kind": "json-schema"},
            r"The scorer json-schema has no schema\. Give one: scorer: \{kind: json-schema",
        ),
        ({"kind": "json-schema", "schema": "x"}, r"is 'x'\. Give a mapping\."),
        (
            {"kind": "json-schema", "schema": {"type": "objekt"}},
            r"It is no JSON Schema: 'objekt' is not valid",
        ),
        ({"kind": "python", "seconds": 0}, r"Give a number from 0\.1 to 600\."),
        ({"kind": "python", "memory": 99.5}, r"Give a whole number from 64 to 65536\."),
        (
            {"kind": "judge"},
            r"The scorer judge asks a model, and none was given\. Name one, as with --judge-endpoint URL",
        ),
        (
            {"kind": "judge", "by": "pair", "points": 5},
            r"A pair has no points\. Leave it out, or judge by: rubric\.",
        ),
    ],
)
def test_a_wrong_name_or_value_is_said_with_what_to_do(spec, says):
    with pytest.raises(InputError, match=says):
        scorer_of(spec)


@pytest.mark.parametrize(("kind", "package"), [("json-schema", "jsonschema"), ("math", "math_verify")])
def test_a_missing_extra_is_named_before_anything_is_asked(kind, package, monkeypatch):
    monkeypatch.setattr(
        f"wellkeeper.suites.scorers.{'json_schema' if kind == 'json-schema' else 'mathematics'}.find_spec",
        lambda name: None if name == package else pytest.fail(name),
    )
    with pytest.raises(
        MissingExtraError, match=rf"The scorer {kind} needs an optional part\. .*'wellkeeper\[scorers\]'"
    ):
        scorer_of({"kind": kind, **SPECS[kind]})


def test_scorers_load_no_engine_and_start_no_process():
    program = (
        "import sys, wellkeeper.suites.scorers as s; s.scorer_of({'kind': 'math'});"
        "from wellkeeper.suites.scorers.workers import WORKER;"
        "print([n for n in ('numpy', 'pyarrow', 'sympy', 'jsonschema') if n in sys.modules], WORKER.pid)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] None\n"


DOCS = (Path(__file__).parents[2] / "docs" / "scorers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_documented_with_all_its_options(kind):
    (row,) = re.findall(rf"^\| `{kind}` \|.*\| (.*) \|$", DOCS, re.MULTILINE)
    with pytest.raises(InputError) as caught:
        scorer_of({"kind": kind, "zzz": 1, **SPECS[kind]}, ask=never_asked)
    options = str(caught.value).rpartition("It has: ")[2].rstrip(".").split(", ")
    assert sorted(re.findall(r"`([\w-]+)`", row)) == sorted(options)
