"""Build an anchor pack: read the user's references, make AI ones if asked to, score them, and say what is wrong.

The pack holds no text. What a model answered is kept in one file beside it, so that a run that stopped goes on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.measure.quantify import ComponentLike, contaminated
from wellkeeper.origin.anchors import (
    FEWEST,
    AnchorPack,
    Caution,
    Making,
    Slice,
    cautions_of,
    separation_of,
)
from wellkeeper.origin.shortcuts import Shortcut, features_of, shortcuts
from wellkeeper.recipe.generation import PER_SLICE, generate, prompts_from, writer_for
from wellkeeper.recipe.references import Pools, Read, Scored, Side, read_side, scored
from wellkeeper.report.anchors import reasons

SUSPECTS = 5
"""Human references that are named where a slice's may hold AI text: those that read most like it."""
ANSWERS = ".answers"
"""Ends the name of the file beside a pack that keeps what a model answered. No reader takes a file of that name for
input."""


class StyleModel(Protocol):
    """What scores texts; see `wellkeeper.origin.style`."""

    @property
    def version(self) -> str: ...

    @property
    def components(self) -> Sequence[ComponentLike]: ...

    def score(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], /) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A pack, where it lies, and what to say aloud."""

    pack: AnchorPack
    path: Path
    said: tuple[str, ...]  # columns that were guessed
    suspects: Mapping[
        str, tuple[str, ...]
    ]  # slice that may hold AI text -> human references that read most like it


def build_anchors(
    human: Any,
    *,
    ai: Any = (),
    generate_with: str | None = None,
    model: str | None = None,
    prompts: str | Path | None = None,
    key_env: str | None = None,
    per_slice: int = PER_SLICE,
    slice: str | None = None,  # noqa: A002  the option's name
    text: str | None = None,
    date: str | None = None,
    origin: str | None = None,
    trust_human: bool = False,
    out: str | Path = "anchors.json",
    seed: int = 0,
    style: StyleModel | None = None,
    listener: Listener = nobody,
) -> Built:
    """Build an anchor pack and write it.

    Args:
        human: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of these: texts that
            people wrote.
        ai: the same, for texts that models wrote, of the same kinds.
        generate_with: what makes AI references from the human ones: the address of an OpenAI-compatible endpoint, or
            the path of a GGUF file.
        model: name of the endpoint's model.
        prompts: YAML or JSON file with prompts of your own.
        key_env: name of the environment variable with the endpoint's key.
        per_slice: AI references to make for each slice.
        slice: column whose values name the slices; None: all is one slice.
        text: column with the text, of both inputs; guessed and said aloud where it is not given.
        date: column with the date of each human text.
        origin: column with labels such as human and ai: texts of the wrong side are left out.
        trust_human: accept human references that are dated 2022-11-30 or later.
        out: file to write; what a model answers is kept beside it, in `<out>.answers`.
        seed: of the draw where there are many references, and of the model.
        style: model to score with; None: the one shipped here.
        listener: is told of progress.

    Raises:
        InputError: an input cannot be read, or no slice has enough human references.
        RecipeError: the options contradict each other, or the prompts cannot be used.
        WorkError: the endpoint cannot be used, or the pack not be written.
    """
    sides = {
        name: Side(name=name, inputs=_many(given), slice=slice, text=text, date=date if name == "human" else None,
                   origin=origin, trust=trust_human, seed=seed)
        for name, given in (("human", human), ("ai", ai))
    }  # fmt: skip
    generated = generate_with is not None
    _check_options(sides, per_slice, generated=generated, options=(model, prompts, key_env))
    place = _place(out)
    if style is None:
        from wellkeeper.origin.style import load_model

        style = load_model()
    with ExitStack() as stack:
        writer = None
        if generate_with is not None:
            writer = stack.enter_context(writer_for(generate_with, model, key_env=key_env, seed=seed))
            asked = prompts_from(prompts, is_chat=writer.is_chat)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="wellkeeper-anchors-")))
        read = {name: read_side(side, folder, listener) for name, side in sides.items() if side.inputs}
        people = scored(read["human"].pools, style)
        enough = {name: one for name, one in people.items() if len(one.texts) >= FEWEST}
        if not enough:
            raise InputError(_too_few(people, read["human"]))
        made: Making | None = None
        pools: Pools = {}
        if writer is not None:
            journal = place.with_name(place.name + ANSWERS)
            pools, made = generate(
                enough, writer, asked, journal, per_slice=per_slice, seed=seed, listener=listener
            )
        elif "ai" in read:
            made, pools = Making(how="files"), read["ai"].pools
    machines = scored(pools, style)
    slices = _slices(enough, machines, style.components)
    short = {name: FEWEST - len(one.texts) for name, one in people.items() if name not in enough}
    pack = AnchorPack(
        style_model=style.version,
        seed=seed,
        slice_column=slice,
        made=made,
        slices=slices,
        short=short,
        warnings=tuple(_pack_cautions(short, read, people, enough, machines)),
    )
    _written(place, pack)
    return Built(
        pack=pack,
        path=place,
        said=tuple(sentence for one in read.values() for sentence in one.said),
        suspects={
            name: enough[name].most_like_ai(SUSPECTS)
            for name, one in slices.items()
            if any(caution.code == "contaminated" for caution in one.warnings)
        },
    )


def _many(given: Any) -> Sequence[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _check_options(
    sides: Mapping[str, Side], per_slice: int, *, generated: bool, options: Sequence[object]
) -> None:
    if not sides["human"].inputs:
        raise InputError("There are no human references. Give texts that people wrote with --human PATH.")
    if generated and sides["ai"].inputs:
        raise RecipeError(
            "AI references are given by --ai and made by --generate-with. Choose one of the two."
        )
    if not generated and any(options):
        raise RecipeError("--model, --prompts and --key-env go with --generate-with ENDPOINT. Give that too.")
    if per_slice < FEWEST:
        raise RecipeError(
            f"--per-slice is {per_slice}; fewer than {FEWEST} tell nothing. Give {FEWEST} or more."
        )


def _place(out: str | Path) -> Path:
    """Where the pack goes; refused before any work is done if it cannot go there."""
    place = Path(out)
    if place.is_dir():
        raise WorkError(f"{place} is a folder. Name a file with --out, such as {place / 'anchors.json'}.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(
            f"{place.parent} cannot be made: {error.strerror}. Choose another place with --out FILE."
        ) from error
    return place


def _written(place: Path, pack: AnchorPack) -> None:
    try:
        write_atomic(place, pack.to_bytes())
    except OSError as error:
        raise WorkError(
            f"{place} cannot be written: {error.strerror}. Choose another with --out FILE."
        ) from error


# --- judging -----------------------------------------------------------------------------------------------------


def _slices(
    people: Mapping[str, Scored], machines: Mapping[str, Scored], components: Sequence[ComponentLike]
) -> dict[str, Slice]:
    pairs = {name: (one, _beside(one, machines.get(name))) for name, one in people.items()}
    comparisons = sum(ai is not None and len(ai.texts) >= FEWEST for _, ai in pairs.values())
    return {name: _slice(one, ai, comparisons, components) for name, (one, ai) in pairs.items()}


_NO_WORD = re.compile(r"\W+")


def _beside(human: Scored, ai: Scored | None) -> Scored | None:
    """The AI references less those that say word for word what a human one says: one of the two labels is wrong."""
    if ai is None:
        return None
    known = {_NO_WORD.sub("", one.text.lower()) for one in human.texts}
    same = [index for index, one in enumerate(ai.texts) if _NO_WORD.sub("", one.text.lower()) in known]
    return ai.without(same, "same-as-human") if same else ai


def _slice(human: Scored, ai: Scored | None, comparisons: int, components: Sequence[ComponentLike]) -> Slice:
    cautions: list[Caution] = []
    if ai is not None and len(ai.texts) < FEWEST:
        cautions.append(_too_few_ai(ai))
        ai = None
    found: tuple[Shortcut, ...] = ()
    separation = None
    if ai is not None:
        features = (features_of([one.text for one in side.texts]) for side in (human, ai))
        found = shortcuts(*features, comparisons=comparisons)
        separation = separation_of(human.scores.tolist(), ai.scores.tolist())
    first, second = human.sample(), None if ai is None else ai.sample()
    cautions += cautions_of(first, second, found, separation)
    cautions += _suspicions(human, ai, components)
    return Slice(human=first, ai=second, shortcuts=found, separation=separation, warnings=tuple(cautions))


def _suspicions(human: Scored, ai: Scored | None, components: Sequence[ComponentLike]) -> Iterator[Caution]:
    """What there is to say of AI text among the human references."""
    found = contaminated(human.scores, components, None if ai is None else ai.scores)
    if found is not None:
        yield Caution(code="contaminated", message=found.message())


def _too_few_ai(ai: Scored) -> Caution:
    found = len(ai.texts)
    return Caution(
        code="ai-references-left-out",
        message=(
            f"Only {found} AI references can be scored{_reasons(ai.left_out)}: they are left out of this slice. "
            f"Add {FEWEST - found} or more and build again."
        ),
    )


def _too_few(people: Mapping[str, Scored], read: Read) -> str:
    lines = [
        f"{name!r} has {len(one.texts)} and needs {FEWEST - len(one.texts)} more{_reasons(one.left_out)}"
        for name, one in sorted(people.items(), key=lambda pair: (-len(pair[1].texts), pair[0]))
    ]
    if read.unsliced:
        lines.append(f"{read.unsliced:,} texts name no slice")
    if read.quarantined:
        plural = "record" if read.quarantined == 1 else "records"
        lines.append(f"{read.quarantined:,} {plural} could not be read")
    if not lines:
        lines.append("all texts are declared AI-made")
    shown = "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
    later = any("dated-later" in one.left_out for one in people.values())
    trust = (
        "; texts dated 2022-11-30 or later that you know to be human are accepted with --trust-human"
        if later
        else ""
    )
    return (
        f"No slice has {FEWEST} human references that can be scored: {shown}. Add texts that you know people wrote, "
        f"such as an archive from before 2022-11-30, of 50 words or more each{trust}."
    )


def _reasons(left_out: Mapping[str, int]) -> str:
    told = reasons(left_out)
    return f" (left out: {told})" if told else ""


def _pack_cautions(
    short: Mapping[str, int],
    read: Mapping[str, Read],
    people: Mapping[str, Scored],
    enough: Mapping[str, Scored],
    machines: Mapping[str, Scored],
) -> Iterator[Caution]:
    if short:
        told = ", ".join(f"{name!r} ({missing} more)" for name, missing in list(short.items())[:8])
        yield Caution(
            code="slice-refused",
            message=(
                f"{_slices_have(len(short))} fewer than {FEWEST} human references and {_is(len(short))} not in the "
                f"pack: {told}{_rest(len(short))}. Add references and build again."
            ),
        )
    later = sum(one.left_out.get("dated-later", 0) for one in people.values())
    if later:
        yield Caution(
            code="dated-later",
            message=(
                f"{later:,} texts given as human are dated 2022-11-30 or later, when chat models were public, and are "
                "left out. If you know that people wrote them, build again with --trust-human."
            ),
        )
    strangers = sorted(set(machines) - set(enough))
    if strangers:
        yield Caution(
            code="ai-without-human",
            message=(
                f"AI references of {', '.join(map(repr, strangers[:8]))}{_rest(len(strangers))} have too few human "
                "ones beside them and are left out. Add human references of the same slices."
            ),
        )
    unsliced = sum(one.unsliced for one in read.values())
    if unsliced:
        yield Caution(
            code="no-slice",
            message=(
                f"{unsliced:,} texts have nothing in the slice column and are left out. Fill it in, or build without "
                "--slice."
            ),
        )
    quarantined = sum(one.quarantined for one in read.values())
    if quarantined:
        yield Caution(
            code="quarantined",
            message=(
                f"{quarantined:,} records could not be read and are left out. `wellkeeper audit` of the same files "
                "lists each with its line and reason."
            ),
        )


def _slices_have(count: int) -> str:
    return "1 slice has" if count == 1 else f"{count:,} slices have"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _rest(count: int, shown: int = 8) -> str:
    return f" and {count - shown} more" if count > shown else ""
