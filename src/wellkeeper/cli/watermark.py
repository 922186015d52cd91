"""`wellkeeper watermark`: keys, marked text, and what text carries a mark."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    id_option,
    json_option,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    text_option,
    workers_option,
)

if TYPE_CHECKING:
    from wellkeeper.watermark.keys import WatermarkKey

_SCHEMES = ("synthid", "kgw-lefthash", "kgw-selfhash", "unigram", "gumbel", "textseal")

_TOKENIZER = click.option(
    "--tokenizer",
    type=click.Path(),
    metavar="PATH",
    help="The model's tokenizer.json, a folder with it, or a GGUF file.",
)
_KEYS = click.option(
    "--key", "keys", multiple=True, required=True, metavar="KEY.json", help="Key file; repeatable."
)
_ANY = click.option("--any-tokenizer", is_flag=True, help="Accept a tokeniser that a key was not made for.")
_IDS = click.option("--ids", metavar="COL", help="Column of token ids, in place of text and tokeniser.")
_STRICT = click.option("--strict", is_flag=True, help="Stop at the first bad record.")
_ZERO = click.option("--exit-zero", is_flag=True, help="Exit with 0 even if a mark is found.")


@click.group()
def watermark() -> None:
    """Mark what a model writes, and find the marks in text.

    A mark is found with its key and the model's tokeniser; the model is not needed. Marks of others, whose keys you
    lack, cannot be found by anyone, and text without a mark is not thereby human.
    """


@watermark.command()
@click.option("--scheme", type=click.Choice(_SCHEMES), required=True, help="How text is marked.")
@_TOKENIZER
@click.option(
    "--vocabulary",
    type=click.IntRange(2),
    help="Width of the model's logits, which may be more than its tokens.  [default: the tokeniser's]",
)
@click.option("--seed", metavar="N|random", default="random", show_default=True, help="Seed of the secret.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Parameter of the scheme; repeatable."
)
@click.option(
    "--out", type=click.Path(dir_okay=False), required=True, metavar="KEY.json", help="The key file."
)
@json_option
def new(
    *,
    scheme: str,
    tokenizer: str | None,
    vocabulary: int | None,
    seed: str,
    settings: tuple[str, ...],
    out: str,
    as_json: bool,
) -> None:
    """Make a key, in a file that only you can read.

    Keep it as you keep a password: whoever has it can place and remove the mark. A key made with --seed N is as secret
    as N.
    """
    with plain_errors():
        from wellkeeper.errors import DataError
        from wellkeeper.watermark.keys import cautions_of, new_key
        from wellkeeper.watermark.tokens import open_tokenizer

        if tokenizer is None and vocabulary is None:
            raise DataError(
                "Neither a tokeniser nor a vocabulary is given. Name the model's with --tokenizer PATH, or the width "
                "of its logits with --vocabulary N."
            )
        if seed != "random" and not seed.isdecimal():
            raise DataError(f"seed is {seed!r}. Give a whole number from 0, or random.")
        coder = None if tokenizer is None else open_tokenizer(Path(tokenizer))
        size = vocabulary if vocabulary is not None else coder.size if coder is not None else 0
        if coder is not None and size < coder.size:
            raise DataError(
                f"The tokeniser has {coder.size:,} tokens and --vocabulary says {size:,}. Give the width of the "
                "model's logits, which is no less."
            )
        key = new_key(
            scheme,
            vocabulary=size,
            tokenizer=None if coder is None else coder.fingerprint,
            seed=None if seed == "random" else int(seed),
            parameters=dict(_setting(one) for one in settings),
        )
        key.save(Path(out))
        if as_json:
            print_json({**key.public(), "path": out})
        else:
            click.echo(f"{out}: {key.scheme}, vocabulary {key.vocabulary:,}, id {key.id}")
        for caution in cautions_of([key.scheme]):
            click.echo(caution, err=True)
    sys.exit(CLEAN)


def _setting(written: str) -> tuple[str, int | float]:
    from wellkeeper.errors import DataError

    name, sign, value = written.partition("=")
    try:
        number = int(value) if value.lstrip("-").isdecimal() else float(value)
    except ValueError:
        sign = ""
    if not sign:
        raise DataError(f"--set {written} is no setting. Write --set NAME=NUMBER, such as --set bias=2.0.")
    return name, number


@watermark.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_KEYS
@_TOKENIZER
@text_option
@_IDS
@id_option
@click.option(
    "--fdr",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Expected share of unmarked documents among those called marked, at most.",
)
@click.option(
    "--control",
    type=click.Choice(["bh", "by", "e-bh"]),
    default="bh",
    show_default=True,
    help="How it is held: bh for documents that share little, by or e-bh for any.",
)
@click.option(
    "--ties",
    type=click.Choice(["whole", "random"]),
    default="whole",
    show_default=True,
    help="p-values of counts: at most the level, or just the level, with the last tie broken at random.",
)
@_ANY
@click.option(
    "--out", type=click.Path(file_okay=False), help="Folder for watermarks.parquet, one row a document."
)
@_ZERO
@workers_option
@_STRICT
@json_option
@quiet_option
def detect(
    paths: tuple[str, ...],
    *,
    keys: tuple[str, ...],
    id_: str | None,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Find the documents that carry the mark of a key; exit code 1 if there are any.

    PATH is a file, a folder, a glob or a URL, as for `audit`. Texts are read by the tokeniser of the model that may
    have written them. Each document gets an exact p-value; which of many are called marked is decided with a bound on
    false calls.
    """
    keep_memory()
    with plain_errors():
        from wellkeeper.recipe.watermarks import detect as run
        from wellkeeper.report.terminal import print_lines, print_paths
        from wellkeeper.report.watermarks import detection_lines

        with progress(quiet=quiet or as_json) as listener:
            found = run(list(paths), keys, id=id_, listener=listener, **options)
        document = found.to_json()
        if as_json:
            print_json(document)
        elif not quiet:
            print_lines(detection_lines(document), console())
            print_paths({name: str(path) for name, path in found.paths.items()}, console())
    sys.exit(FINDINGS if document["marked"] and not exit_zero else CLEAN)


@watermark.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_KEYS
@_TOKENIZER
@text_option
@_IDS
@click.option(
    "--without",
    multiple=True,
    metavar="PATH",
    help="Text whose n-grams do not count, such as the model's prompts; repeatable.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.001,
    show_default=True,
    help="Chance of a false alarm, all keys together.",
)
@_ANY
@_ZERO
@workers_option
@_STRICT
@json_option
@quiet_option
def radioactivity(
    paths: tuple[str, ...],
    *,
    keys: tuple[str, ...],
    level: float,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Test whether a corpus as a whole, or what a model wrote, carries a mark above chance.

    For text of a model that may have been trained on marked text: far too little mark for one document shows in all of
    them together. Every n-gram counts once. What a model copies from its prompts is no sign of what it learned: leave
    the prompts out with --without, and the marked set itself to pass over mere quotes of it. Exit code 1 if a mark is
    found.
    """
    keep_memory()
    with plain_errors():
        from wellkeeper.recipe.watermarks import pooled_test
        from wellkeeper.report.terminal import print_lines
        from wellkeeper.report.watermarks import pooled_lines

        with progress(quiet=quiet or as_json) as listener:
            found = pooled_test(list(paths), keys, listener=listener, **options)
        document = found.to_json(level=level)
        if as_json:
            print_json(document)
        elif not quiet:
            print_lines(pooled_lines(document), console())
    hit = any(key["above_chance"] for key in document["keys"])
    sys.exit(FINDINGS if hit and not exit_zero else CLEAN)


@watermark.command()
@click.option("--key", required=True, metavar="KEY.json", help="Key file.")
@click.option(
    "--model", type=click.Path(), metavar="PATH", help="Folder of transformers, or a GGUF file of a Llama."
)
@click.option("--prompt", "prompts", multiple=True, metavar="TEXT", help="Text to continue; repeatable.")
@click.option("--prompts", "file", type=click.Path(dir_okay=False), help="File with one prompt a line.")
@click.option("--chat", is_flag=True, help="Ask prompts as questions, by the model's chat template.")
@click.option(
    "--tokens", type=click.IntRange(1), default=200, show_default=True, help="Most tokens to write."
)
@click.option("--temperature", type=float, default=1.0, show_default=True, help="Of sampling, above 0.")
@click.option("--top-k", type=click.IntRange(0), default=0, show_default=True, help="0: all tokens.")
@click.option("--top-p", type=float, default=1.0, show_default=True, help="Least mass to draw from.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every draw.")
@click.option("--out", type=click.Path(dir_okay=False), help="JSON lines to write.  [default: stdout]")
def embed(
    *,
    key: str,
    model: str | None,
    prompts: tuple[str, ...],
    file: str | None,
    out: str | None,
    **settings: Any,
) -> None:
    """Write marked text with a model on this machine; without --model, show how to mark in your own code.

    Each line of the output has `prompt`, `text` and `ids`, the token ids as they were drawn. Needs the extra lm-torch.
    """
    with plain_errors():
        from wellkeeper.watermark.keys import load_key

        loaded = load_key(Path(key))
        if model is None:
            click.echo(_snippet(key, settings))
            sys.exit(CLEAN)
        asked = [*prompts, *(_lines(file) if file else ())]
        _write(Path(model), loaded, asked, out, settings)
    sys.exit(CLEAN)


def _lines(file: str) -> list[str]:
    from wellkeeper.errors import InputError

    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}). Give a file with one prompt a line."
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 at byte {error.start}. Save it as UTF-8.") from None
    return [line for line in text.splitlines() if line.strip()]


def _write(
    model: Path, key: "WatermarkKey", prompts: list[str], out: str | None, settings: dict[str, Any]
) -> None:
    import orjson

    from wellkeeper.engine.store import write_atomic
    from wellkeeper.errors import InputError
    from wellkeeper.watermark.generation import Generator

    if not prompts:
        raise InputError(
            "No prompt is given. Give one with --prompt TEXT, or a file of them with --prompts FILE."
        )
    lines = (
        orjson.dumps({"prompt": one.prompt, "text": one.text, "ids": one.ids, "key": key.id}) + b"\n"
        for one in Generator(model).write(prompts, key, **settings)
    )
    if out is None:
        for line in lines:
            click.echo(line, nl=False)
    else:
        write_atomic(Path(out), b"".join(lines))


def _snippet(key: str, settings: dict[str, Any]) -> str:
    said = "".join(
        f", {name}={settings[name]}"
        for name, plain in (("temperature", 1.0), ("top_k", 0), ("top_p", 1.0))
        if settings[name] != plain
    )
    return f"""\
from pathlib import Path
from wellkeeper.watermark.keys import load_key
from wellkeeper.watermark.writers import PLAIN_SAMPLING, writer_of

writer = writer_of(load_key(Path({key!r})){said})
model.generate(**inputs, logits_processor=writer, **PLAIN_SAMPLING, max_new_tokens={settings["tokens"]})"""
