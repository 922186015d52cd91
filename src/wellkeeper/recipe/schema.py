"""Recipes at the edge: what a YAML file may say, checked at once and in full, and its JSON schema.

Relative paths start at the recipe file's own folder and never at the current one, so that a recipe means the
same wherever it is run. `--set a.b=value` replaces one value before anything is checked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails

from wellkeeper.core.lineage import DEEPEST
from wellkeeper.core.origin import LABELS, Origin, declared_origin
from wellkeeper.core.rights import CONSENTS, declared_consent, no_consent
from wellkeeper.engine.yaml_document import Document, dotted_name, read_document, set_value
from wellkeeper.engine.yaml_document import Path as KeyPath
from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.mix.plan import CAPPED, MOST_EPOCHS, UNITS, Cap, Diversity, Epochs, MixPlan, Size
from wellkeeper.recipe.model import Given, Guard, Recipe, Reference, Signing, Source, StepCall, Watermarks

VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _tagged(kinds: Mapping[type, str], otherwise: str) -> Discriminator:
    """Choose a branch by the value's type: a wrong value gets one message and not one for each branch."""

    def choose(value: Any) -> str:
        return next((tag for kind, tag in kinds.items() if isinstance(value, kind)), otherwise)

    return Discriminator(choose)


Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name: TypeAlias = Annotated[str, Field(min_length=1)]
# Tags begin with a bracket, which tells them from keys in the locations that pydantic reports.
_OneOrMany: TypeAlias = Annotated[
    Annotated[Name, Tag("(one)")] | Annotated[list[Name], Field(min_length=1), Tag("(many)")],
    _tagged({list: "(many)"}, "(one)"),
]


class _GivenPart(_Part):
    column: Name | None = Field(None, description="Column that holds it, one value a document.")
    value: Name | None = Field(None, description="One value for all documents of the source.")


_NameOrGiven: TypeAlias = Annotated[
    Annotated[Name, Tag("(name)")] | Annotated[_GivenPart, Tag("(given)")],
    _tagged({dict: "(given)"}, "(name)"),
]


_DepthOrGiven: TypeAlias = Annotated[
    Annotated[Annotated[int, Field(ge=0, le=DEEPEST)], Tag("(depth)")]
    | Annotated[_GivenPart, Tag("(given)")],
    _tagged({dict: "(given)"}, "(depth)"),
]


class _SourcePart(_Part):
    path: _OneOrMany = Field(
        description="File, folder, glob or URL, or a list of them; relative to the recipe."
    )
    text: Name | None = Field(None, description="Column of the text; guessed and said aloud if not given.")
    id: Name | None = Field(None, description="Column of a document's own id.")
    source: Name | None = Field(None, description="Column of finer source names, such as sites or boards.")
    domain: Name | None = Field(None, description="Column of the domain, or of a URL whose host it is.")
    embedding: Name | None = Field(
        None, description="Column of vectors, lists of numbers of any model, for semantic-duplicates.v1."
    )
    date: _NameOrGiven | None = Field(
        None, description="Column of the date, or {value: DATE} for all documents."
    )
    licence: _NameOrGiven | None = Field(None, description="Licence of all documents, or {column: NAME}.")
    origin: _NameOrGiven | None = Field(
        None, description=f"What wrote all documents ({', '.join(LABELS)}), or {{column: NAME}}."
    )
    generator: _NameOrGiven | None = Field(
        None, description="Model that wrote all documents, or {column: NAME}."
    )
    language: _NameOrGiven | None = Field(None, description="Language of all documents, or {column: NAME}.")
    consent: _NameOrGiven | None = Field(
        None,
        description=f"Consent to training with all documents ({', '.join(CONSENTS)}), or {{column: NAME}}.",
    )
    signals: Name | None = Field(
        None,
        description="Column of statements beside the documents: JSON, a list of [kind, where, name, value].",
    )
    parents: Name | None = Field(
        None, description="Column of ids or SHA-256 of the documents that a model made each one from."
    )
    depth: _DepthOrGiven | None = Field(
        None,
        description="Generations of models behind all documents, or {column: NAME}, where parents do not tell.",
    )
    site_files: Name | None = Field(
        None, description="Folder with HOST/robots.txt and the like, which hold for documents of that host."
    )
    trust: Literal["reference", "archive", "none"] = Field(
        "none",
        description="reference: human text to rely on; archive: captured by others on the dates given.",
    )
    format: Literal["jsonl", "parquet", "arrow", "csv", "tsv", "text", "warc"] | None = Field(
        None, description="Read the files as this, whatever they are called."
    )


class _SizePart(_Part):
    documents: Annotated[int, Field(ge=1)] | None = None
    words: Annotated[int, Field(ge=1)] | None = None
    bytes: Annotated[int, Field(ge=1)] | None = None


class _SyntheticPart(_Part):
    max: Share = Field(description="Largest share of AI-generated, machine-translated and programmatic text.")


_Cap: TypeAlias = Annotated[
    Annotated[Share, Tag("(share)")] | Annotated[dict[str, Share], Field(min_length=1), Tag("(named)")],
    _tagged({dict: "(named)"}, "(share)"),
]
_Often: TypeAlias = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
_DEFAULT = "default"  # stands for every name that has no entry of its own


class _CapsPart(_Part):
    source: _Cap | None = Field(
        None, description="Largest share of one source, or {default: SHARE, NAME: SHARE}, as for the others."
    )
    month: Share | None = Field(None, description="Largest share of one month; undated documents are exempt.")
    domain: _Cap | None = Field(None, description="Largest share of one domain.")
    licence: _Cap | None = Field(None, description="Largest share of one licence.")
    generator: _Cap | None = Field(None, description="Largest share of one generator.")
    language: _Cap | None = Field(None, description="Largest share of one language.")


class _DiversityPart(_Part):
    by: Literal["ngram-clusters", "embedding"] = Field(
        "ngram-clusters", description="What makes documents alike: their words, or the sources' embedding."
    )
    keep_tail: Share | None = Field(
        None, description="Of each rare topic's share of the reference, the part that the mix has at least."
    )
    choose: Literal["hash", "spread"] = Field(
        "hash", description="Documents of a kind are taken at random, or unlike ones first."
    )


class _MixPart(_Part):
    size: (
        Annotated[
            Annotated[Literal["all"], Tag("(all)")] | Annotated[_SizePart, Tag("(size)")],
            _tagged({dict: "(size)"}, "(all)"),
        ]
        | None
    ) = Field(None, description="How much to take: {documents: N}, {words: N}, {bytes: N} or all.")
    synthetic_share: _SyntheticPart | None = None
    human_floor: Share | None = Field(None, description="Least share of text known to be human.")
    caps: _CapsPart | None = None
    epochs: (
        Annotated[
            Annotated[_Often, Tag("(often)")]
            | Annotated[dict[str, _Often], Field(min_length=1), Tag("(named)")],
            _tagged({dict: "(named)"}, "(often)"),
        ]
        | None
    ) = Field(
        None,
        description="How often a document may be taken where the size needs it, or {default: N, SOURCE: N}.",
    )
    temperature: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None,
        description="Shares of sources aim at those of the corpus to this power; below 1, small ones gain.",
    )
    diversity: _DiversityPart | None = None
    weights: Literal["draw", "keep"] = Field(
        "draw",
        description="Sampling weights: draw each document as often as its weight says, or keep them beside the texts.",
    )


class _GuardPart(_Part):
    tail: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        description="Least retention of the reference's tail by each step and the mix; chance leaves 1."
    )
    action: Literal["refuse", "relax"] = Field(
        "refuse",
        description="refuse: stop and name the step; relax: have steps that judge quality put documents back.",
    )


class _SignPart(_Part):
    key: Name = Field(description="env:NAME for a key in the environment, or the path of a key file.")
    public_proofs: bool = Field(
        default=False, description="Let a proof of one document show nothing of other documents."
    )


class _WatermarksPart(_Part):
    keys: _OneOrMany = Field(
        description="Key file of `wellkeeper watermark new`, or a list of them; relative to the recipe."
    )
    tokenizer: Name = Field(
        description="tokenizer.json of the model that may have written, its folder, or a GGUF file; relative to the "
        "recipe."
    )


_Options: TypeAlias = dict[str, Any] | None


class _RecipePart(_Part):
    wellkeeper: int = Field(ge=VERSION, le=VERSION, description="Version of the recipe format.")
    sources: dict[str, _SourcePart] = Field(min_length=1, description="Inputs by name.")
    reference: Name | None = Field(
        None, description="Human text to compare with: a source's name, or a path."
    )
    anchors: Name | None = Field(
        None,
        description="Pack of references of known origin, by `wellkeeper anchors build`; relative to the recipe.",
    )
    trust: Name | None = Field(
        None,
        description="PEM file of certificates whose holders' credentials are trusted; relative to the recipe.",
    )
    watermarks: _WatermarksPart | None = Field(
        None, description="Watermarks to look for in every document; what is found is evidence of its origin."
    )
    steps: list[
        Annotated[
            Annotated[Name, Tag("(name)")]
            | Annotated[dict[str, _Options], Field(min_length=1, max_length=1), Tag("(call)")],
            _tagged({dict: "(call)"}, "(name)"),
        ]
    ] = Field(default_factory=list, description="Steps in order: a name, or {name: options}.")
    against: _OneOrMany | None = Field(
        None, description="Earlier curated set or work folder, or a list of them: what they have is left out."
    )
    mix: _MixPart | None = None
    review: _OneOrMany | None = Field(
        None,
        description="Queue of `wellkeeper review`, or its exported log, or a list of them: what people said counts.",
    )
    guard: _GuardPart | None = Field(None, description="What a curation may cost the reference's tail.")
    sign: _SignPart | None = None
    out: Name | None = Field(None, description="Output folder, relative to the recipe.")
    seed: int = Field(0, ge=0, description="Seed of every draw.")


_PARTS: Mapping[KeyPath, type[_Part]] = {
    (): _RecipePart,
    ("sources", "*"): _SourcePart,
    ("sources", "*", "*"): _GivenPart,
    ("mix",): _MixPart,
    ("mix", "size"): _SizePart,
    ("mix", "synthetic_share"): _SyntheticPart,
    ("mix", "caps"): _CapsPart,
    ("mix", "diversity"): _DiversityPart,
    ("guard",): _GuardPart,
    ("sign",): _SignPart,
    ("watermarks",): _WatermarksPart,
}
"""The part of the schema that stands at each place; `*` is any key."""


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a recipe, the same that the package carries as recipe.schema.json."""
    schema = _RecipePart.model_json_schema()
    schema["title"] = "wellkeeper recipe"
    for definition in schema["$defs"].values():
        definition.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, apply `--set` overrides in order, and check all of it, the steps' options included.

    Raises:
        RecipeError: the file cannot be read, or the recipe has problems; the message lists them all.
    """
    file = Path(path)
    return recipe_of(_text_of(file), name=file.name, folder=file.resolve().parent, overrides=overrides)


def recipe_of(text: str, *, name: str, folder: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The same of a recipe's text, which messages call `name` and whose relative paths start at `folder`.

    Raises:
        RecipeError: the recipe has problems; the message lists them all.
    """
    document = read_document(text, name)
    for assignment in overrides:
        set_value(document, assignment)
    problems = list(document.problems)
    part = _validated(document, problems)
    recipe = None if part is None else _recipe(part, folder, problems)
    if recipe is None or problems:
        raise RecipeError(_listed(name, document, problems))
    return recipe


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RecipeError(f"There is no recipe at {file}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{file} is not UTF-8 at byte {error.start}. Save it as UTF-8.") from error
    except OSError as error:
        raise RecipeError(
            f"{file} cannot be read: {error.strerror}. Pass the path of a YAML file."
        ) from error


def _validated(document: Document, problems: list[tuple[KeyPath, str]]) -> _RecipePart | None:
    try:
        return _RecipePart.model_validate(document.values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = tuple(key for key in detail["loc"] if not str(key).startswith("("))
            if detail["loc"][-1:] == ("[key]",):
                path = path[:-1]
            problems.append((path, _problem(path, detail)))
        return None


def _problem(path: KeyPath, detail: ErrorDetails) -> str:
    """One sentence of what was found, and the next step."""
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return _missing(path)
    return _bad_value(path, detail)


def _bad_value(path: KeyPath, detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    # The key's value is not repeated: it may be the secret itself.
    found = dotted_name(path) + ("" if path == ("sign", "key") else f" is {_shown(value)}")
    if path == ("wellkeeper",):
        return f"{found}, and this version reads format {VERSION}. Write wellkeeper: {VERSION}."
    if kind == "literal_error" and path != ("mix", "size"):
        allowed = str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{found}.{did_you_mean(str(value), allowed.split(', '))} Give one of: {allowed}."
    if kind in {"greater_than", "greater_than_equal", "less_than_equal", "finite_number"}:
        return f"{found}. Give {_range_at(path)}."
    return f"{found}. Give {_WANTED.get(kind, detail['msg'])}."


def _range_at(path: KeyPath) -> str:
    if path == ("seed",):
        return "a whole number of at least 0"
    if path[-1] == "depth":
        return f"a whole number from 0 to {DEEPEST}"
    if path == ("guard", "tail"):
        return "a share above 0, up to 1"
    if path == ("mix", "temperature"):
        return "a power above 0, up to 1"
    if path[:2] == ("mix", "epochs"):
        return f"a whole number from 1 to {MOST_EPOCHS}"
    return "a whole number of at least 1" if path[:2] == ("mix", "size") else "a share from 0 to 1"


_WANTED: Mapping[str, str] = {
    "string_type": "text; put it into quotes if it looks like a number",
    "string_too_short": "a name that is not empty",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "literal_error": "all, or an amount such as {documents: 100000}",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
    "too_short": "at least one entry",
    "too_long": "one step an entry; begin a new entry with a dash",
}


def _unknown_key(path: KeyPath) -> str:
    *above, key = path
    known = list(_part_at(tuple(above)).model_fields)
    where = dotted_name(tuple(above)) or "a recipe"
    meant = did_you_mean(str(key), known)
    return f"{dotted_name(path)} is not a key of {where}.{meant} Keys: {', '.join(known)}."


def _missing(path: KeyPath) -> str:
    if path == ("wellkeeper",):
        return f"The recipe does not say its format. Add the line wellkeeper: {VERSION}."
    where = dotted_name(path[:-1]) or "The recipe"
    return f"{where} has no {path[-1]}. Add {path[-1]}: to it."


def _part_at(path: KeyPath) -> type[_Part]:
    return next(
        part
        for pattern, part in _PARTS.items()
        if len(pattern) == len(path)
        and all(want in ("*", key) for want, key in zip(pattern, path, strict=True))
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict | list) and not value:
        return "empty"
    if value is None:
        return "empty"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _listed(name: str, document: Document, problems: Sequence[tuple[KeyPath, str]]) -> str:
    lines = []
    for path, message in problems:
        place = document.place(path)
        lines.append(f"{place}: {message}" if place else message)
    lines = list(dict.fromkeys(lines))
    if len(lines) == 1:
        separator = ", " if lines[0].startswith(("line ", "--set ")) else ": "
        return f"{name}{separator}{lines[0]}"
    return "\n".join([f"{name} has {len(lines)} problems:", *(f"  {line}" for line in lines)])


def _recipe(part: _RecipePart, folder: Path, problems: list[tuple[KeyPath, str]]) -> Recipe:
    names = list(part.sources)
    return Recipe(
        folder=folder,
        sources=tuple(_source(name, source, problems) for name, source in part.sources.items()),
        steps=tuple(_step(number, call, problems) for number, call in enumerate(part.steps)),
        mix=_mix(part, problems),
        reference=_reference(part.reference, names, folder, problems),
        anchors=part.anchors,
        trust=part.trust,
        watermarks=_watermarks(part.watermarks),
        against=None if part.against is None else _many(part.against),
        review=None if part.review is None else _many(part.review),
        guard=_guard(part, problems),
        sign=_sign(part.sign, problems),
        out=part.out,
        seed=part.seed,
    )


def _many(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _holds_password(address: str) -> bool:
    """Whether a password stands before the host of a URL."""
    authority = address.partition("://")[2].partition("/")[0]
    return ":" in authority.rpartition("@")[0]


def _source(name: str, part: _SourcePart, problems: list[tuple[KeyPath, str]]) -> Source:
    path: KeyPath = ("sources", name)
    if not name.strip():
        problems.append((path, "A source has an empty name. Give it one."))
    if any(map(_holds_password, _many(part.path))):
        where = dotted_name((*path, "path"))
        message = (
            f"{where} holds a password, and a recipe is written into the card and the manifest of what it makes. Take "
            "it out, and give it by fsspec's configuration: ~/.config/fsspec or FSSPEC_* variables."
        )
        problems.append(((*path, "path"), message))

    def given(role: str, plain: Callable[[str], Given]) -> Given | None:
        value = getattr(part, role)
        if isinstance(value, _GivenPart):
            if (value.column is None) == (value.value is None):
                where = dotted_name((*path, role))
                problems.append(
                    ((*path, role), f"{where} needs a column or a value. Give exactly one of them.")
                )
            return Given(column=value.column, value=value.value)
        return None if value is None else plain(value)

    return Source(
        name=name,
        paths=_many(part.path),
        text=part.text,
        id=part.id,
        source=part.source,
        domain=part.domain,
        embedding=part.embedding,
        date=_column_not_date(given("date", lambda column: Given(column=column)), path, problems),
        licence=given("licence", lambda value: Given(value=value)),
        origin=_known_origin(given("origin", lambda value: Given(value=value)), path, problems),
        generator=given("generator", lambda value: Given(value=value)),
        language=given("language", lambda value: Given(value=value)),
        consent=_known_consent(given("consent", lambda value: Given(value=value)), path, problems),
        signals=part.signals,
        parents=part.parents,
        depth=given("depth", lambda value: Given(value=str(value))),
        site_files=part.site_files,
        trust=part.trust,
        format=part.format,
    )


def _column_not_date(given: Given | None, path: KeyPath, problems: list[tuple[KeyPath, str]]) -> Given | None:
    if given is not None and given.column is not None and re.fullmatch(r"\d{4}(-\d\d){0,2}", given.column):
        message = (
            f"{dotted_name((*path, 'date'))} is {given.column!r}, and would be a column of that name. For "
            f"one date for all its documents write {{value: {given.column}}}."
        )
        problems.append(((*path, "date"), message))
    return given


def _known_origin(given: Given | None, path: KeyPath, problems: list[tuple[KeyPath, str]]) -> Given | None:
    """A constant origin under its own label; a slip here would make a whole source unknown."""
    if given is None or given.value is None:
        return given
    origin = declared_origin(given.value)
    if origin is Origin.UNKNOWN and given.value.strip().lower() != Origin.UNKNOWN.label:
        meant = did_you_mean(given.value.lower(), LABELS)
        message = (
            f"{dotted_name((*path, 'origin'))} is {given.value!r}, which is no origin.{meant} Give one of: "
            f"{', '.join(LABELS)}; or {{column: {given.value}}} if that is a column."
        )
        problems.append(((*path, "origin"), message))
    return Given(value=origin.label)


def _known_consent(given: Given | None, path: KeyPath, problems: list[tuple[KeyPath, str]]) -> Given | None:
    """A constant consent under its own label."""
    if given is None or given.value is None:
        return given
    consent = declared_consent(given.value)
    if consent is None:
        problems.append(((*path, "consent"), f"{dotted_name((*path, 'consent'))}: {no_consent(given.value)}"))
        return given
    return Given(value=consent.label)


def _step(number: int, call: str | dict[str, _Options], problems: list[tuple[KeyPath, str]]) -> StepCall:
    from wellkeeper.recipe.steps import step_named  # loads every step's kernels

    ((name, options),) = [(call, None)] if isinstance(call, str) else call.items()
    step = StepCall(name=name, options=options or {})
    try:
        step_named(name).check(step.options)
    except RecipeError as error:
        problems.append((("steps", number), str(error)))
    return step


def _mix(recipe: _RecipePart, problems: list[tuple[KeyPath, str]]) -> MixPlan:
    part = recipe.mix
    if part is None:
        return MixPlan()
    if part.diversity is not None and part.diversity.keep_tail is not None and recipe.reference is None:
        message = (
            "mix.diversity.keep_tail keeps the tail of the human reference, and the recipe names none. Add reference: "
            "with a source's name or a path."
        )
        problems.append((("mix", "diversity"), message))
    try:
        return MixPlan(
            size=_size(part.size, problems),
            synthetic_share_max=part.synthetic_share.max if part.synthetic_share else None,
            human_floor=part.human_floor,
            caps=_caps(part.caps),
            epochs=_epochs(part.epochs, list(recipe.sources), problems),
            temperature=part.temperature,
            diversity=_diversity(part.diversity),
            weights="keep" if part.weights == "keep" else None,
        )
    except RecipeError as error:  # keys that do not go together
        problems.append((("mix",), str(error)))
        return MixPlan()


def _caps(part: _CapsPart | None) -> dict[str, Cap]:
    given = {kind: getattr(part, kind, None) for kind in CAPPED}
    return {kind: _cap(cap) for kind, cap in given.items() if cap is not None}


def _cap(given: float | dict[str, float]) -> Cap:
    if not isinstance(given, dict):
        return Cap(share=given)
    named = {name: share for name, share in given.items() if name != _DEFAULT}
    return Cap(share=given.get(_DEFAULT), named=named)


def _epochs(
    given: int | dict[str, int] | None, sources: Sequence[str], problems: list[tuple[KeyPath, str]]
) -> Epochs | None:
    if not isinstance(given, dict):
        return None if given is None else Epochs(most=given)
    named = {name: most for name, most in given.items() if name != _DEFAULT}
    for name in named:
        if name not in sources:
            message = (
                f"mix.epochs.{name} is no source of the recipe.{did_you_mean(name, sources)} "
                f"Sources: {', '.join(sources)}; or default."
            )
            problems.append((("mix", "epochs", name), message))
    return Epochs(most=given.get(_DEFAULT, 1), named=named)


def _diversity(part: _DiversityPart | None) -> Diversity | None:
    return None if part is None else Diversity(by=part.by, keep_tail=part.keep_tail, choose=part.choose)


def _size(part: str | _SizePart | None, problems: list[tuple[KeyPath, str]]) -> Size:
    if not isinstance(part, _SizePart):
        return Size()
    amounts = {unit: amount for unit in UNITS if (amount := getattr(part, unit)) is not None}
    if len(amounts) != 1:
        found = " and ".join(amounts) or "no unit"
        message = f"mix.size has {found}. Give exactly one of {', '.join(UNITS)}; or all."
        problems.append((("mix", "size"), message))
        return Size()
    ((unit, amount),) = amounts.items()
    return Size(unit=unit, amount=amount)


def _reference(
    value: str | None, names: Sequence[str], folder: Path, problems: list[tuple[KeyPath, str]]
) -> Reference | None:
    if value is None:
        return None
    if value in names:
        return Reference(source=value)
    if not re.search(r"[/*\\.]", value) and not (folder / value).exists():
        message = (
            f"reference is {value!r}, which is no source and no path that exists."
            f"{did_you_mean(value, names)} Sources: {', '.join(names)}."
        )
        problems.append((("reference",), message))
    return Reference(path=value)


def _guard(part: _RecipePart, problems: list[tuple[KeyPath, str]]) -> Guard | None:
    if part.guard is None:
        return None
    if part.reference is None:
        problems.append((("guard",), GUARD_WITHOUT_REFERENCE))
    return Guard(tail=part.guard.tail, action=part.guard.action)


GUARD_WITHOUT_REFERENCE = (
    "guard watches the tail of the human reference, and the recipe names none. Add reference: with a source's name or "
    "a path."
)


def guard_of(written: str) -> Guard:
    """A guard as it is written on a command line, `tail=0.95` or `tail=0.95:relax`.

    >>> guard_of("tail=0.95:relax")
    Guard(tail=0.95, action='relax')

    Raises:
        RecipeError: it is written otherwise, or the retention is no share above 0.
    """
    found = re.fullmatch(r"tail=([0-9.]+)(?::(refuse|relax))?", written)
    try:
        part = _GuardPart(tail=float(found[1]), action=found[2] or "refuse") if found else None  # type: ignore[arg-type]
    except ValueError:  # pydantic's own errors are of this kind, too
        part = None
    if part is None:
        raise RecipeError(
            f"The guard is {written!r}. Give tail=R or tail=R:relax, R a retention above 0 and up to 1: tail=0.95."
        )
    return Guard(tail=part.tail, action=part.action)


def _watermarks(part: _WatermarksPart | None) -> Watermarks | None:
    return None if part is None else Watermarks(keys=_many(part.keys), tokenizer=part.tokenizer)


def _sign(part: _SignPart | None, problems: list[tuple[KeyPath, str]]) -> Signing | None:
    if part is None:
        return None
    path: KeyPath = ("sign", "key")
    if "\n" in part.key or "PRIVATE KEY" in part.key:
        message = (
            "sign.key holds a key itself. Keep it out of the recipe: give env:NAME, or a key file's path."
        )
        problems.append((path, message))
    elif part.key.startswith("env:") and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", part.key):
        problems.append(
            (path, "sign.key names no variable after env:. Write, for example, env:WELLKEEPER_KEY.")
        )
    return Signing(key=part.key, public_proofs=part.public_proofs)
