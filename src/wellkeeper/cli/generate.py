"""`wellkeeper generate`: a model writes texts for the topics that are rare in human text, with the origin of each."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    json_option,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    sampler_options,
    text_option,
)

if TYPE_CHECKING:
    from wellkeeper.engine.progress import Listener
    from wellkeeper.recipe.generating_wanted import Wanted
    from wellkeeper.recipe.samplers import ModelPlace

_ASKED = (
    "documents",
    "tail_share",
    "temperature",
    "seeds",
    "seed_words",
    "words",
    "hold_out",
    "topics",
    "tries",
    "seed",
)
"""Options that are fields of `Wanted` as they stand."""


@click.command()
@click.argument("human", nargs=-1, required=True)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the set; the same command goes on where it stopped.",
)
@sampler_options
@click.option(
    "--documents", type=click.IntRange(1), required=True, metavar="N", help="Texts that the set is to have."
)
@click.option(
    "--tail-share",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    help="Share of them for topics that are rare in HUMAN, spread evenly.",
)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="TOPIC=N",
    help="Texts for this topic, in place of its share; repeatable. --dry-run names the topics.",
)
@click.option(
    "--topics", type=click.IntRange(2), metavar="N", help="Topics to find.  [default: one for 25 documents]"
)
@click.option(
    "--template",
    "template_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of prompts with {seed}, {topic} and {words}.  [default: those built in]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Human documents that a prompt shows.",
)
@click.option(
    "--seed-words",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Words of each that it shows at most.",
)
@click.option(
    "--words",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Rare words that a prompt asks for.",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the human documents that no prompt shows.",
)
@click.option(
    "--tokens", type=click.IntRange(1), default=256, show_default=True, help="Most tokens of a text."
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of all draws.",
)
@click.option(
    "--tries",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Times that a text is asked for where an answer is empty, refused or there already.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every draw.")
@click.option(
    "--watermark",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="KEY.json",
    help="Mark what is written by this key; with --folder.",
)
@click.option("--key", metavar="KEY", help="Sign the label: a PEM file, or env:NAME.  [default: not signed]")
@text_option
@click.option("--work", type=click.Path(file_okay=False), help="Folder for sidecars of HUMAN.")
@click.option("--dry-run", is_flag=True, help="Say what each topic would get, and ask nothing.")
@click.option("--fresh", is_flag=True, help="Forget the set in --out, its answers and what they cost.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if texts are missing.")
@json_option
@quiet_option
def generate(
    human: tuple[str, ...],
    *,
    out: Path,
    quotas: tuple[str, ...],
    dry_run: bool,
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Have a model write texts where the human text in HUMAN is thin, labelled when they are made.

    Name the model by --endpoint URL --model NAME, by --gguf FILE or by --folder DIR. Each prompt shows the beginning of
    human documents of one topic, and rare words of theirs. No answer is paid for twice: a command that was stopped or
    killed goes on. Exits with 1 where texts are missing.
    """
    with plain_errors(resume=""):
        from wellkeeper.recipe.generating import plan_of
        from wellkeeper.recipe.samplers import ModelPlace

        reading = {"out": out, "text": options["text"], "work": options["work"]}
        place = None if dry_run else ModelPlace.of(options)
        with progress(quiet=quiet or as_json) as listener:
            wanted = _wanted(place, quotas, options)
            if place is None:
                document = plan_of(list(human), wanted, **reading, listener=listener)
                paths: dict[str, str] = {}
            else:
                document, paths = _generated(list(human), place, wanted, reading, options, listener)
        if as_json:
            print_json(document)
        elif not quiet:
            from wellkeeper.report.generate import print_generated

            print_generated(document, console(), paths)
    sys.exit(FINDINGS if document.get("verdict") == "findings" and not exit_zero else CLEAN)


def _wanted(place: "ModelPlace | None", quotas: tuple[str, ...], options: dict[str, Any]) -> "Wanted":
    from wellkeeper.recipe.generating_wanted import Wanted, follows_instructions, templates_from

    is_chat = place is None or options["template_file"] is not None or follows_instructions(place)
    return Wanted(
        **{name: options[name] for name in _ASKED},
        quotas=dict(map(_quota, quotas)),
        templates=templates_from(options["template_file"], is_chat=is_chat),
    )


def _generated(
    human: list[str],
    place: "ModelPlace",
    wanted: "Wanted",
    reading: dict[str, Any],
    options: dict[str, Any],
    listener: "Listener",
) -> tuple[dict[str, Any], dict[str, str]]:
    from wellkeeper.ledger.signature import SigningKey
    from wellkeeper.recipe.generating import generate as generate_set
    from wellkeeper.recipe.generating import writer_at
    from wellkeeper.recipe.samplers import budget_of
    from wellkeeper.watermark.keys import load_key

    if options["key"] is not None:
        warn_of_exposed(options["key"])
    signing = None if options["key"] is None else SigningKey.load(options["key"])
    marking = None if options["watermark"] is None else load_key(options["watermark"])
    with writer_at(place, tokens=options["tokens"], watermark=marking) as sampler:
        made = generate_set(
            human,
            sampler,
            wanted,
            **reading,
            generator=place.name,
            template_file=options["template_file"],
            watermark=None if marking is None else marking.id,
            key=signing,
            budget=budget_of(options),
            fresh=options["fresh"],
            listener=listener,
        )
    return made.document, {name: str(path) for name, path in made.paths.items()}


def _quota(given: str) -> tuple[str, int]:
    name, equals, many = given.rpartition("=")
    if not equals or not many.strip().isdecimal():
        from wellkeeper.errors import InputError

        raise InputError(
            f"--quota {given} is no quota. Give a topic and a number, such as 'court, judge, appeal=20'."
        )
    return name.strip(), int(many)
