"""`wellkeeper steps` and `wellkeeper schema`: what a recipe may say, and what an audit promises."""

import json
from importlib.resources import files

import click

from wellkeeper.cli.support import json_option, plain_errors, print_json


@click.command()
@json_option
def steps(*, as_json: bool) -> None:
    """List the steps a recipe can name, with their options and defaults."""
    with plain_errors():
        from wellkeeper.recipe.steps import registered_steps

        found = {name: dict(step.check({})) for name, step in registered_steps().items()}
        if as_json:
            print_json({"schema": "wellkeeper.steps/1", "steps": found})
            return
        for name, options in found.items():
            click.echo(name)
            for option, default in options.items():
                click.echo(f"    {option}: {default}")


_DOCUMENTS = (
    "recipe",
    "audit",
    "audit-images",
    "anchors",
    "compare",
    "compare-runs",
    "feedback-plan",
    "forecast",
    "lab",
    "plan",
    "prove",
    "recommend",
    "trend",
    "watch",
)


@click.command()
@click.argument("document", type=click.Choice(_DOCUMENTS), default="recipe")
def schema(document: str) -> None:
    """Print the JSON schema of recipes or plans of feedback, for editors, of anchor packs, or of what a command prints.

    What a command prints is what it prints with --json.
    """
    text = (files("wellkeeper.recipe") / f"{document}.schema.json").read_text(encoding="utf-8")
    print_json(json.loads(text))
