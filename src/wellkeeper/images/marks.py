"""From what a picture's metadata and its credential say to evidence of origin and the name of its generator.

Three kinds of statements count. A credential, by its validity and whether its signer is trusted. A disclosure that a
standard defines: IPTC's digital source type and AI system, a credit line of the form that Google prescribes, China's
AIGC label. And traces of a generator: its parameters, or its name where the writing software names itself. Anyone can
write or delete all of them but a trusted signature; none of them ever speaks for a human, and neither do the fields of
a camera, which are as easily written.

Formats: AUTOMATIC1111's infotext; ComfyUI's graph, as nodes with `class_type` (in WebP in EXIF's Make and Model);
InvokeAI, NovelAI, Fooocus, SwarmUI, Easy Diffusion and Draw Things as their releases write them; Midjourney's job line;
IPTC Photo Metadata 2025.1; GB 45438-2025, appendix E (label 1: is AI-made; 2 and 3 only suspect it).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.marks import Credential, RawSignal, Validity
from wellkeeper.core.origin import AI_MADE, Origin, declared_origin
from wellkeeper.core.rights import is_recognised, licence_expression
from wellkeeper.images.metadata import CAMERA, GENERATOR, LICENCE

_QUOTED = 160  # characters of a statement that the ledger quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One piece of evidence that a picture carries with it."""

    kind: str  # a name of core.evidence.KINDS
    origin: Origin  # what it says of the whole picture; UNKNOWN if nothing
    generator: str | None  # model and tool, as far as they are named
    matched: str  # where it stands and how it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """All evidence that a picture carries with it, and what follows from it together."""

    statements: tuple[Statement, ...]
    generator: str | None  # the most exact of those that are named
    origin: Origin  # by the statements towards AI, or a trusted signature; else UNKNOWN
    trusted: bool  # whether that origin is signed by somebody the user trusts

    @property
    def mask(self) -> int:
        """The kinds, as bits of an `evidence_mask`."""
        return sum({1 << BY_NAME[statement.kind].bit for statement in self.statements})


def marks_of(signals: Iterable[RawSignal], credential: Credential) -> Marks:
    """Judge the statements of one picture."""
    signed = list(_of_credential(credential))
    written = [statement for signal in _with_versions(signals) for statement in _of_signal(signal)]
    statements = tuple(dict.fromkeys((*signed, *written)))
    trusted = [s for s in statements if s.kind.startswith("credential-trusted")]
    said = {s.origin for s in trusted or statements if trusted or s.origin in AI_MADE} - {Origin.UNKNOWN}
    named = [s.generator for s in statements if s.generator]
    return Marks(
        statements=statements,
        generator=max(named, key=_exactness) if named else None,
        origin=_together(said),
        trusted=bool(trusted),
    )


def _together(origins: set[Origin]) -> Origin:
    """One origin for several statements: whoever says `assisted` knows more of it than who says `generated`."""
    if not origins:
        return Origin.UNKNOWN
    return Origin.AI_ASSISTED if Origin.AI_ASSISTED in origins else max(origins)


def _exactness(generator: str) -> tuple[bool, bool, int]:
    """A model named beside its tool is more exact than a version, and a version than a bare name."""
    return "(" in generator, any(letter.isdigit() for letter in generator), -len(generator)


def _of_credential(credential: Credential) -> Iterator[Statement]:
    kind, origin = credential.evidence, credential.stated
    if kind == "credential-broken":
        problems = ", ".join(credential.problems) or credential.validity.label
        yield _statement(kind, Origin.UNKNOWN, None, f"c2pa: {problems}")
    elif kind is not None:
        signer = credential.signer or "a nameless certificate"
        tool = known_generator(credential.generator) or credential.generator
        named = ", ".join((*credential.source_types, *credential.inherited))
        said = f"c2pa: {named}; signed by {signer}"
        yield _statement(kind, origin, tool if origin in AI_MADE else None, said)


def signals_of_credential(credential: Credential) -> tuple[RawSignal, ...]:
    """What a credential says, as raw signals: also of one that is broken, which proves nothing and is kept."""
    if credential.validity is Validity.NONE:
        return ()
    values = (
        (GENERATOR, "claim_generator", credential.generator),
        ("iptc", "digitalSourceType", ", ".join((*credential.source_types, *credential.inherited))),
        ("c2pa", "validity", credential.validity.label),
        ("c2pa", "trust", credential.trust.label),
        ("c2pa", "signer", credential.signer),
        ("c2pa", "signed_at", credential.signed_at),
        ("c2pa", "problems", ", ".join(credential.problems)),
        ("c2pa", "ingredients", ", ".join(credential.parents)),
        ("c2pa-mining", "training", credential.mining),
    )
    return tuple(RawSignal(kind, "c2pa", name, value) for kind, name, value in values if value)


def has_camera_fields(signals: Iterable[RawSignal]) -> bool:
    """Whether a camera is named; told, and never counted for anything."""
    return any(
        signal.kind == CAMERA and not signal.value.startswith(("workflow:", "prompt:")) for signal in signals
    )


def licence_named(signals: Iterable[RawSignal]) -> str | None:
    """The licence whose address at Creative Commons the metadata give; None: there is none, or more than one.

    >>> licence_named([RawSignal("licence", "xmp", "license", "https://creativecommons.org/licenses/by-sa/4.0/")])
    'CC-BY-SA-4.0'
    """
    found = {
        licence_expression(address.rstrip("."))
        for signal in signals
        if signal.kind == LICENCE
        for address in _CC.findall(signal.value)
    }
    named = found.pop() if len(found) == 1 else None
    return named if named is not None and is_recognised(named) else None


_CC = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/[\w./-]+", re.IGNORECASE
)

Parsed: TypeAlias = tuple[Origin, str | None]  # what a value says of the picture, and the generator it names


def _of_signal(signal: RawSignal) -> Iterator[Statement]:
    quoted = f"{signal.where} {signal.name}: {signal.value}"
    for kind, reader in _READERS:
        found = reader(signal)
        if found is not None:
            yield _statement(kind, *found, quoted)
            return


def _statement(kind: str, origin: Origin, generator: str | None, matched: str) -> Statement:
    plain = " ".join(matched.split())
    short = plain if len(plain) <= _QUOTED else f"{plain[: _QUOTED - 1]}\u2026"
    return Statement(kind=kind, origin=origin, generator=generator and generator[:120], matched=short)


def _with_versions(signals: Iterable[RawSignal]) -> list[RawSignal]:
    """The signals, with the version of an AI system, for which IPTC has a field of its own, behind its name."""
    found = list(signals)
    version = next((signal.value for signal in found if signal.name == "AISystemVersionUsed"), "")
    return [
        signal._replace(value=f"{signal.value} {version}".strip())
        if signal.name == "AISystemUsed" and version not in signal.value
        else signal
        for signal in found
    ]


def _source_type(signal: RawSignal) -> Parsed | None:
    if signal.name.lower() != "digitalsourcetype" or signal.where == "c2pa":
        return None
    origin = declared_origin(signal.value.rstrip("/"))
    return (origin, None) if origin in AI_MADE else None


def _ai_system(signal: RawSignal) -> Parsed | None:
    if signal.name != "AISystemUsed":
        return None
    return Origin.AI_GENERATED, known_generator(signal.value) or signal.value


def _credit(signal: RawSignal) -> Parsed | None:
    if signal.name not in {"Credit", "Source"} or signal.kind != "iptc":
        return None
    found = _CREDIT.search(signal.value)
    if found is None:
        return None
    edited = found[1].lower() == "edited"
    return (Origin.AI_ASSISTED if edited else Origin.AI_GENERATED), known_generator(signal.value)


# "AI" in capitals: there are artists called Ai. "With no AI" says the opposite.
_CREDIT = re.compile(
    r"\b((?i:made|created|generated|edited|imagined)) (?i:with|by|using) "
    r"(?:(?!(?i:no|not|zero) )\w+(?:\.\w+)* ){0,3}AI\b(?!-free)"
)


def _aigc(signal: RawSignal) -> Parsed | None:
    if signal.name != "AIGC" and '"AIGC"' not in signal.value:
        return None
    label = _object(signal.value)
    label = _object(label["AIGC"]) if "AIGC" in label else label
    if str(label.get("Label")) != "1":
        return None
    producer = label.get("ContentProducer")
    return Origin.AI_GENERATED, f"AIGC producer {producer}" if producer else None


def _infotext(signal: RawSignal) -> Parsed | None:
    """AUTOMATIC1111's last line, which forks and many other tools write, too."""
    if signal.kind != GENERATOR or not _INFOTEXT.search(signal.value):
        return None
    fields = dict(_FIELD.findall(signal.value[signal.value.rfind("Steps: ") :]))
    tool, version = "Stable Diffusion web UI", fields.get("Version", "").strip()
    for name in ("ComfyUI", "Fooocus", "SD.Next"):
        if version.startswith(name):
            tool, version = name, version.removeprefix(name).strip()
    origin = (
        Origin.AI_ASSISTED if "Mask blur" in fields else Origin.AI_GENERATED
    )  # painted into a given picture
    return origin, _named(fields.get("Model"), f"{tool} {version}".strip())


_INFOTEXT = re.compile(r"\bSteps: \d+, [^\n]{0,500}\b(?:Sampler|Seed|CFG scale): ")
_FIELD = re.compile(r"(?:^|, )([A-Z][\w ]*): (\"[^\"]*\"|[^,\n]*)")


def _comfy(signal: RawSignal) -> Parsed | None:
    value = signal.value
    if signal.where == "exif" and signal.name in {"Make", "Model", "ImageDescription", "Software"}:
        value = re.sub(r"^(?i:workflow|prompt):\s*", "", value)
    elif signal.name.lower() not in {"prompt", "workflow"}:
        return None
    graph = _object(value)
    nodes = [node for node in graph.values() if isinstance(node, Mapping) and "class_type" in node]
    if nodes:
        return Origin.AI_GENERATED, _named(_comfy_model(nodes), "ComfyUI")
    drawn = graph.get("nodes")
    is_workflow = isinstance(drawn, list) and any(
        isinstance(node, Mapping) and "type" in node for node in drawn
    )
    # a graph cut to the longest value that is kept is no JSON any more
    is_cut = '"class_type"' in value[:4096] and not graph
    return (Origin.AI_GENERATED, "ComfyUI") if is_workflow or is_cut else None


def _comfy_model(nodes: Iterable[Mapping[str, Any]]) -> str | None:
    for name in ("ckpt_name", "unet_name", "model_name"):
        for node in nodes:
            inputs = node.get("inputs")
            value = inputs.get(name) if isinstance(inputs, Mapping) else None
            if isinstance(value, str):
                return value
    return None


def _invoke(signal: RawSignal) -> Parsed | None:
    if signal.name.lower() not in {"invokeai_metadata", "sd-metadata", "dream", "invokeai_graph"}:
        return None
    written = _object(signal.value)
    model = written.get("model") or written.get("model_weights")
    if isinstance(model, Mapping):
        model = model.get("model_name") or model.get("name")
    version = written.get("app_version") or ""
    return Origin.AI_GENERATED, _named(model, f"InvokeAI {version}".strip())


def _own_json(signal: RawSignal) -> Parsed | None:
    """Parameters as a JSON object: SwarmUI, Fooocus, NovelAI, Draw Things, and others by what every sampler needs."""
    if signal.kind != GENERATOR or "{" not in signal.value[:64]:
        return None
    written = _object(signal.value)
    if isinstance(written.get("sui_image_params"), Mapping):
        inner = written["sui_image_params"]
        return Origin.AI_GENERATED, _named(
            inner.get("model"), f"SwarmUI {inner.get('swarm_version', '')}".strip()
        )
    keys = {str(key).lower() for key in written}
    if len(keys & _SAMPLING) < _SAMPLING_LEAST:
        return None
    if str(written.get("version", "")).startswith("Fooocus"):
        return Origin.AI_GENERATED, _named(written.get("base_model"), str(written["version"]))
    model = written.get("model") or written.get("base_model")
    return Origin.AI_GENERATED, str(model) if model else None


_SAMPLING = frozenset(
    {"steps", "sampler", "seed", "cfg_scale", "scale", "guidance_scale", "negative_prompt", "uc"}
)
_SAMPLING_LEAST = 3


def _easy_diffusion(signal: RawSignal) -> Parsed | None:
    if signal.name != "use_stable_diffusion_model":
        return None
    return Origin.AI_GENERATED, _named(signal.value, "Easy Diffusion")


def _midjourney(signal: RawSignal) -> Parsed | None:
    if signal.name.lower() not in {"description", "imagedescription"} or not _JOB.search(signal.value):
        return None
    version = _VERSION.search(signal.value)
    if version is None:
        return Origin.AI_GENERATED, "Midjourney"
    return Origin.AI_GENERATED, f"{'Niji' if version[1] == 'niji' else 'Midjourney'} {version[2]}"


_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_VERSION = re.compile(r"--(v|niji) (\d+(?:\.\d+)?)\b")


def _software(signal: RawSignal) -> Parsed | None:
    """The software that wrote the file names itself, and it is a generator and nothing else."""
    if (signal.where, signal.name.lower()) not in _WRITERS:
        return None
    found = known_generator(signal.value)
    return None if found is None else (Origin.AI_GENERATED, found)


# NovelAI names the model it wrote with in PNG's Source. XMP's Source is the agency, which may be called anything.
_WRITERS = frozenset(
    {
        *(("png-text", name) for name in ("software", "source")),
        *(("exif", name) for name in ("software", "make")),
        *(("xmp", name) for name in ("creatortool", "software")),
        ("iptc", "originatingprogram"),
    }
)

# What releases and claim generators call themselves; text without a version is the name that is kept.
_GENERATORS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("Midjourney", r"\bmidjourney\b"),
        ("Niji", r"\bnijijourney\b"),
        ("DALL-E", r"\bDALL[\s\-\u00b7\u2022.]?E\b"),
        ("GPT Image", r"\bgpt-image\b"),
        ("GPT-4o", r"\bgpt-4o\b"),
        ("ChatGPT", r"\bchatgpt\b"),
        ("OpenAI API", r"\bopenai[-_ ]api\b"),
        ("Adobe Firefly", r"\badobe[_ ]firefly\b"),
        ("Imagen", r"\b(?:google )?imagen(?=[ -]?[2-9])|\bgoogle imagen\b"),
        ("Gemini", r"\bgoogle gemini\b"),
        ("Google AI", r"\bgoogle (?:generative )?ai\b"),
        ("NovelAI", r"\bnovelai\b"),
        ("Stable Diffusion", r"\bstable[\s\-_]?diffusion\b"),
        ("ComfyUI", r"\bcomfyui\b"),
        ("InvokeAI", r"\binvoke[\s\-_]?ai\b"),
        ("Fooocus", r"\bfooocus\b"),
        ("SwarmUI", r"\bswarmui\b"),
        ("Draw Things", r"\bdraw things\b"),
        ("Easy Diffusion", r"\beasy diffusion\b"),
        ("FLUX", r"\bflux[.\-_ ]?1\b|\bblack forest labs\b"),
        ("Ideogram", r"\bideogram\b"),
        ("Leonardo.Ai", r"\bleonardo\.ai\b"),
        ("Recraft", r"\brecraft\b"),
        ("Bing Image Creator", r"\bbing image creator\b"),
        ("Microsoft Responsible AI", r"\bmicrosoft[_ ]responsible[_ ]ai\b"),
        ("Grok", r"\bgrok\b"),
        ("Meta AI", r"\bmeta ai\b"),
    )
)
_AFTER_NAME = re.compile(r"^[\s/_:\-]*(?:diffusion )?v?(\d+(?:\.\d+)*)\b", re.IGNORECASE)


def known_generator(text: str | None) -> str | None:
    """The image generator that a text names, in one spelling and with the version that follows its name.

    >>> known_generator("DALL\u00b7E 3"), known_generator("Adobe_Firefly"), known_generator("Adobe Photoshop 25.0")
    ('DALL-E 3', 'Adobe Firefly', None)
    """
    for name, pattern in _GENERATORS:
        found = pattern.search(text or "")
        if found:
            version = _AFTER_NAME.match((text or "")[found.end() :])
            return f"{name} {version[1]}" if version else name
    return None


def _named(model: Any, tool: str) -> str:
    """`model (tool)`, the tool alone where it names no model.

    >>> _named("sd_xl_base_1.0", "ComfyUI"), _named(None, "ComfyUI")
    ('sd_xl_base_1.0 (ComfyUI)', 'ComfyUI')
    """
    plain = str(model).strip().strip('"') if model else ""
    return f"{plain} ({tool})" if plain else tool


def _object(value: Any) -> Mapping[str, Any]:
    """A JSON object, given as one or as its text; empty if it is neither."""
    if isinstance(value, Mapping):
        return value
    try:
        written = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return {}
    return written if isinstance(written, Mapping) else {}


_READERS: tuple[tuple[str, Callable[[RawSignal], Parsed | None]], ...] = (
    ("machine-disclosure", _source_type),
    ("machine-disclosure", _ai_system),
    ("machine-disclosure", _credit),
    ("machine-disclosure", _aigc),
    ("generator-metadata", _infotext),
    ("generator-metadata", _comfy),
    ("generator-metadata", _invoke),
    ("generator-metadata", _own_json),
    ("generator-metadata", _easy_diffusion),
    ("generator-metadata", _midjourney),
    ("generator-metadata", _software),
)
"""The first that knows a signal decides; one signal is one statement."""
