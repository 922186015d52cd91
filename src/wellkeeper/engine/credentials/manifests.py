"""What a verified manifest store says, as both libraries report it: JSON after c2pa-rs, codes after the standard.

Whoever made the manifest chose all of it but the codes: assertions of any shape, names of any length, and chains of
ingredients as long as they please. So nothing is taken to have the shape that the standard gives it, and nothing is
kept at any length.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from wellkeeper.core.marks import Credential, Trust, Validity

_STATES: Mapping[str | None, Validity] = {
    "Valid": Validity.VALID,
    "Trusted": Validity.VALID,
    "Invalid": Validity.INVALID,
}
_STRICTEST = ("notAllowed", "constrained", "allowed")  # first of them that training is under
_TRAINING = ("ai_generative_training", "ai_training")
_MINING = ("cawg.training-mining", "c2pa.training-mining")
_LONGEST = 300  # letters of a name that are kept
_MOST = 100  # names of a kind that are kept


def credential_of(report: Mapping[str, Any], *, anchored: bool, store: bytes) -> Credential:
    """The credential that a report tells of.

    Args:
        report: `active_manifest`, `manifests`, `validation_state` and `validation_results`, as in C2PA's JSON.
        anchored: whether certificates were given to judge the signer by.
        store: the manifest store as it was found.
    """
    manifests = _object(report.get("manifests"))
    active = _object(manifests.get(str(report.get("active_manifest"))))
    results = _object(_object(report.get("validation_results")).get("activeManifest"))
    signature = _object(active.get("signature_info"))
    own = _few(_source_types(active))
    return Credential(
        validity=_STATES.get(report.get("validation_state"), Validity.NONE),
        trust=_trust(_codes(results, "success"), anchored=anchored),
        source_types=own,
        inherited=_few(
            term
            for part in _ingredients(active, manifests)
            for term in _source_types(part)
            if term not in own
        ),
        generator=_name(
            _agent(active) or _generator(active.get("claim_generator_info")) or active.get("claim_generator")
        ),
        signer=_name(signature.get("common_name") or signature.get("issuer")),
        signed_at=_name(signature.get("time")),
        problems=_few(sorted(_codes(results, "failure"))),
        mining=_mining(active),
        parents=_few(_names(active)),
        store=store,
    )


def shortened(text: str) -> str:
    """A text by a stranger, as long as a ledger keeps it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\u2026"


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(map(shortened, names)), _MOST))


def _name(value: Any) -> str | None:
    return shortened(value) if isinstance(value, str) and value else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())


def _codes(results: Mapping[str, Any], outcome: str) -> frozenset[str]:
    return frozenset(str(check["code"]) for check in _objects(results.get(outcome)) if "code" in check)


def _trust(passed: frozenset[str], *, anchored: bool) -> Trust:
    """Who signed is known only where the signature itself verifies."""
    if not anchored or "claimSignature.validated" not in passed:
        return Trust.UNKNOWN
    return Trust.TRUSTED if "signingCredential.trusted" in passed else Trust.UNTRUSTED


def _ingredients(manifest: Mapping[str, Any], manifests: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The manifests of what it was made from, and of what that was made from, nearest first; each once."""
    waiting, seen = [manifest], {id(manifest)}
    while waiting:
        found = [
            _object(manifests.get(str(part.get("active_manifest"))))
            for part in _objects(waiting.pop(0).get("ingredients"))
        ]
        for part in found:
            if part and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
                yield part


def _source_types(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Last part of each digital source type, wherever in an assertion of the manifest it stands, in its order."""
    waiting: list[Any] = [assertion.get("data") for assertion in _objects(manifest.get("assertions"))][::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, tuple):
            key, inner = value
            if key.rpartition(":")[2].lower() == "digitalsourcetype" and isinstance(inner, str):
                yield inner.rstrip("/").rpartition("/")[2]
            else:
                waiting.append(inner)
        elif isinstance(value, Mapping):
            waiting += reversed(list(value.items()))


def _agent(manifest: Mapping[str, Any]) -> str | None:
    """The software that an action with a source type names: what made the content, and not what made the manifest."""
    for assertion in _objects(manifest.get("assertions")):
        for action in _objects(_object(assertion.get("data")).get("actions")):
            agent = action.get("softwareAgent")
            if agent and action.get("digitalSourceType"):  # a text in actions of version 1
                return agent if isinstance(agent, str) else _generator(agent)
    return None


def _generator(info: Any) -> str | None:
    """The first generator, with its version; the standard has a list in claims of version 1, one object in 2."""
    first = _object(info[0] if isinstance(info, list) and info else info)
    if not first.get("name"):
        return None
    return " ".join(str(first[key]) for key in ("name", "version") if first.get(key))


def _mining(manifest: Mapping[str, Any]) -> str | None:
    """The strictest of what the manifest says of training models.

    A permission for models that are not generative is none for those that are.
    """
    uses = [
        (name.rpartition(".")[2], _object(entry).get("use", entry))
        for assertion in _objects(manifest.get("assertions"))
        if str(assertion.get("label", "")).startswith(_MINING)
        for name, entry in _object(_object(assertion.get("data")).get("entries")).items()
        if name.rpartition(".")[2] in _TRAINING
    ]
    strictest = next((use for use in _STRICTEST if any(use == said for _, said in uses)), None)
    return None if strictest == "allowed" and (_TRAINING[0], strictest) not in uses else strictest


def _names(manifest: Mapping[str, Any]) -> Iterator[str]:
    for ingredient in _objects(manifest.get("ingredients")):
        name = ingredient.get("title") or ingredient.get("hash") or ingredient.get("instance_id")
        if name:
            yield str(name)
