"""What a verified manifest store says, as both libraries report it: JSON after c2pa-rs, codes after the standard."""

from collections.abc import Iterator, Mapping
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


def credential_of(report: Mapping[str, Any], *, anchored: bool, store: bytes) -> Credential:
    """The credential that a report tells of.

    Args:
        report: `active_manifest`, `manifests`, `validation_state` and `validation_results`, as in C2PA's JSON.
        anchored: whether certificates were given to judge the signer by.
        store: the manifest store as it was found.
    """
    manifests = report.get("manifests") or {}
    active = manifests.get(report.get("active_manifest")) or {}
    results = (report.get("validation_results") or {}).get("activeManifest") or {}
    signature = active.get("signature_info") or {}
    return Credential(
        validity=_STATES.get(report.get("validation_state"), Validity.NONE),
        trust=_trust(_codes(results, "success"), anchored=anchored),
        source_types=tuple(dict.fromkeys(_source_types(active, manifests, set()))),
        generator=_agent(active)
        or _generator(active.get("claim_generator_info"))
        or active.get("claim_generator"),
        signer=signature.get("common_name") or signature.get("issuer"),
        signed_at=signature.get("time"),
        problems=tuple(sorted(_codes(results, "failure"))),
        mining=_mining(active),
        parents=tuple(_names(active.get("ingredients") or ())),
        store=store,
    )


def _codes(results: Mapping[str, Any], outcome: str) -> frozenset[str]:
    return frozenset(check["code"] for check in results.get(outcome) or ())


def _trust(passed: frozenset[str], *, anchored: bool) -> Trust:
    """Who signed is known only where the signature itself verifies."""
    if not anchored or "claimSignature.validated" not in passed:
        return Trust.UNKNOWN
    return Trust.TRUSTED if "signingCredential.trusted" in passed else Trust.UNTRUSTED


def _source_types(manifest: Mapping[str, Any], manifests: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    """Source types of a manifest's actions and metadata, then of the manifests of what it was made from."""
    for assertion in manifest.get("assertions") or ():
        yield from _terms(assertion.get("data"))
    for ingredient in manifest.get("ingredients") or ():
        label = ingredient.get("active_manifest")
        if label in manifests and label not in seen:
            seen.add(label)
            yield from _source_types(manifests[label], manifests, seen)


def _terms(value: Any) -> Iterator[str]:
    """Last part of each digital source type, wherever in an assertion it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.rpartition(":")[2].lower() == "digitalsourcetype" and isinstance(inner, str):
                yield inner.rstrip("/").rpartition("/")[2]
            else:
                yield from _terms(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _terms(inner)


def _agent(manifest: Mapping[str, Any]) -> str | None:
    """The software that an action with a source type names: what made the content, and not what made the manifest."""
    for assertion in manifest.get("assertions") or ():
        data = assertion.get("data")
        actions = data.get("actions") if isinstance(data, Mapping) else None
        for action in actions if isinstance(actions, list) else ():
            agent = action.get("softwareAgent") if isinstance(action, Mapping) else None
            if agent and action.get("digitalSourceType"):  # a text in actions of version 1
                return agent if isinstance(agent, str) else _generator(agent)
    return None


def _generator(info: Any) -> str | None:
    """The first generator, with its version; the standard has a list in claims of version 1, one object in 2."""
    first = info[0] if isinstance(info, list) and info else info
    if not isinstance(first, Mapping) or not first.get("name"):
        return None
    return " ".join(str(first[key]) for key in ("name", "version") if first.get(key))


def _mining(manifest: Mapping[str, Any]) -> str | None:
    """The strictest of what the manifest says of training models."""
    uses = set()
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith(_MINING):
            entries = (assertion.get("data") or {}).get("entries") or {}
            uses |= {_use(entry) for name, entry in entries.items() if name.rpartition(".")[2] in _TRAINING}
    return next((use for use in _STRICTEST if use in uses), None)


def _use(entry: Any) -> Any:
    return entry.get("use") if isinstance(entry, Mapping) else entry


def _names(ingredients: Any) -> Iterator[str]:
    for ingredient in ingredients:
        name = ingredient.get("title") or ingredient.get("hash") or ingredient.get("instance_id")
        if name:
            yield str(name)
