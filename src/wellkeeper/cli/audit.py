"""`wellkeeper audit`: what is in this corpus?"""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    reading_options,
    running_options,
)
from wellkeeper.errors import InputError


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--reference", multiple=True, metavar="PATH", help="Human text to compare the tails with; repeatable."
)
@click.option(
    "--anchors",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="References of known origin, to measure the share of AI text with; see `wellkeeper anchors build`.",
)
@click.option(
    "--reviewed",
    type=click.Path(),
    metavar="QUEUE",
    help="Review queue about this corpus: people's labels make the share of AI text; see `wellkeeper review`.",
)
@click.option(
    "--trust",
    type=click.Path(dir_okay=False),
    metavar="CERTS.pem",
    help="Certificates whose holders' credentials are trusted, on texts and on images.",
)
@click.option(
    "--lm",
    type=click.Path(),
    metavar="MODEL",
    help="GGUF file or transformers folder of a language model, to read a sample of every source.",
)
@click.option(
    "--lm-documents", type=click.IntRange(1), metavar="N", help="Documents that it reads.  [default: 200]"
)
@click.option(
    "--lm-budget", type=click.IntRange(0), metavar="TOKENS", help="Most tokens that it reads in this run."
)
@click.option(
    "--watermark-key",
    "watermark_keys",
    multiple=True,
    metavar="KEY.json",
    help="Key of a watermark to look for; repeatable; see `wellkeeper watermark`.",
)
@click.option(
    "--tokenizer", type=click.Path(), metavar="PATH", help="Tokeniser of the model that may have marked."
)
@reading_options
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-audit",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@click.option(
    "--images/--no-images",
    default=None,
    help="Read the paths as images, or as text.  [default: what most of their files are]",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@running_options
def audit(
    paths: tuple[str, ...],
    *,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    id_: str | None,
    images: bool | None,
    trust: str | None,
    **options: Any,
) -> None:
    """Tell what is in a corpus: origin, duplicates, tails, quality, rights, findings.

    PATH is a file, a folder, a glob or a URL: JSON lines, Parquet, Arrow, CSV, text or WARC files, plain or
    compressed, or a Hugging Face dataset folder. Or images: files, Parquet with an image column, WebDataset tars.
    The corpus is only read. The same command resumes a run that was stopped.
    """
    keep_memory()
    if images is None:
        with plain_errors():
            images = _are_images(paths)
    if images:
        _audit_images(paths, trust=trust, as_json=as_json, quiet=quiet, exit_zero=exit_zero, **options)
    with plain_errors(resume=""):
        from wellkeeper.recipe.audit import audit as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(list(paths), id=id_, trust=trust, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.terminal import print_audit

            print_audit(result.to_json(), console(), {name: str(path) for name, path in result.paths.items()})
    sys.exit(FINDINGS if result.verdict == "findings" and not exit_zero else CLEAN)


_OF_TEXT = ("reference", "anchors", "reviewed", "lm", "text")


def _are_images(paths: Sequence[str]) -> bool:
    from wellkeeper.images.readers import holds_images

    of_images = [path for path in paths if holds_images(path)]
    others = [path for path in paths if path not in of_images]
    if of_images and others:
        raise InputError(
            f"{of_images[0]} holds images, and {others[0]} does not. Audit them one after the other, each with an "
            "--out of its own; --images or --no-images reads all of them as the one or the other."
        )
    return not others


def _audit_images(
    paths: Sequence[str],
    *,
    trust: str | None,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    out: str,
    work: str | None,
    workers: int | None,
    strict: bool,
    fresh: bool,
    **options: Any,
) -> NoReturn:
    with plain_errors(resume=""):
        of_text = [f"--{name}" for name in _OF_TEXT if options.get(name)]
        if of_text:
            raise InputError(
                f"{' and '.join(of_text)} is for text, and {paths[0]} holds images. Leave it out, or read the paths as "
                "text with --no-images."
            )
        from wellkeeper.recipe.images import audit_images

        with progress(quiet=quiet or as_json) as listener:
            result = audit_images(
                list(paths),
                trust=trust,
                out=out,
                work=work,
                workers=workers,
                strict=strict,
                fresh=fresh,
                listener=listener,
            )
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.images import print_images

            places = {name: str(path) for name, path in result.paths.items()}
            print_images(result.to_json(), console(), places)
    sys.exit(FINDINGS if result.verdict == "findings" and not exit_zero else CLEAN)
