"""Answers that are JSON, checked against a JSON Schema [1].

A schema may hold regular expressions, so that it is checked in the worker, within a limit of CPU time. References to
schemas elsewhere are not fetched.

[1] JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12; the drafts before it by their `$schema`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.suites.scorers.fences import fenced_blocks
from wellkeeper.suites.scorers.rule import Options, Rule, right_or_wrong
from wellkeeper.suites.scorers.texts import shown
from wellkeeper.suites.scorers.workers import WORKER, Unknown
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

SECONDS = 5.0
"""CPU time for one answer."""


@dataclass(frozen=True, kw_only=True)
class JsonSchema(Rule):
    """1 where the JSON of the answer is valid, else 0."""

    kind: ClassVar[str] = "json-schema"
    schema: Mapping[str, Any]
    strict: bool  # whether the answer must be JSON and nothing else
    seconds: float  # of CPU time for one answer

    @classmethod
    def of(cls, options: Options) -> "JsonSchema":
        schema = options.mapping("schema")
        if schema is None:
            raise InputError(
                "The scorer json-schema has no schema. Give one: scorer: {kind: json-schema, schema: {type: object}}."
            )
        if find_spec("jsonschema") is None:
            raise MissingExtraError("The scorer json-schema", extra="scorers")
        _check(schema, options)
        return cls(
            schema=schema,
            strict=options.flag("strict", default=False),
            seconds=options.number("seconds", default=SECONDS, least=0.01, most=600),
        )

    def worth(self, item: SuiteItem, output: Output) -> Score:  # noqa: ARG002 - the schema says all
        blocks = [block.text for block in fenced_blocks(output.text)]
        try:
            found = WORKER.ask(
                "check_json",
                seconds=self.seconds,
                texts=[output.text, *([] if self.strict else reversed(blocks))],
                schema=self.schema,
                strict=self.strict,
            )
        except Unknown as error:
            return Score(value=None, note=str(error))
        return right_or_wrong(right=found["valid"], note=shown(found["note"]))


def _check(schema: Mapping[str, Any], options: Options) -> None:
    import jsonschema

    draft = schema.get("$schema", "")
    if not isinstance(draft, str):
        raise options.wrong("schema", shown(str(schema)), "Its $schema is no text. Put it in quotes.")
    try:
        jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator).check_schema(
            schema
        )
    except jsonschema.SchemaError as error:
        raise options.wrong(
            "schema", shown(str(schema)), f"It is no JSON Schema: {error.message}."
        ) from error
