"""Rights to a text: licences as SPDX expressions, and whether the rights holder agrees to training.

A licence name is folded to the SPDX licence list where its meaning is certain, and kept as written where it is not:
"cc" and "GPL" name families, and a guess would be worth nothing to whoever relies on it. Folded names may stand in
expressions [1]: "CC-BY-4.0 AND MIT", "GPL-2.0-only WITH Classpath-exception-2.0". Licences that SPDX does not list and
that everyone means by one name are `LicenseRef-` names: LicenseRef-llama3.

[1] SPDX specification 3.0.1, annex B, SPDX licence expressions.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from itertools import chain

from wellkeeper.errors import did_you_mean


class Consent(IntEnum):
    """What is known of the rights holder's will that models are trained on a text."""

    UNKNOWN = 0
    GRANTED = 1  # said yes, to the user or to everyone
    LICENSED = 2  # by an agreement
    NOT_ASKED = 3  # known not to have been asked
    OPT_OUT_SIGNAL = 4  # a machine-readable signal says no
    REVOKED = 5  # said yes once and took it back

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


CONSENTS = tuple(consent.label for consent in Consent)


def declared_consent(label: str | None) -> Consent | None:
    """The consent that a label names; None for a label that names none.

    >>> declared_consent("opt_out signal"), declared_consent(None), declared_consent("perhaps")
    (<Consent.OPT_OUT_SIGNAL: 4>, <Consent.UNKNOWN: 0>, None)
    """
    folded = "-".join(re.findall(r"[a-z]+", (label or "").lower()))
    if folded in _UNKNOWN:
        return Consent.UNKNOWN
    folded = {"opt-out": "opt-out-signal", "optout": "opt-out-signal", "withdrawn": "revoked"}.get(
        folded, folded
    )
    return Consent(CONSENTS.index(folded)) if folded in CONSENTS else None


def no_consent(label: str) -> str:
    """What is wrong with a label that names no consent, and what to do."""
    return (
        f"{label!r} is no consent.{did_you_mean(label.lower(), CONSENTS)} Give one of: {', '.join(CONSENTS)}."
    )


_NAMES = (
    1 << 14
)  # licence names remembered: a parse takes some 50 us, and a corpus has few names and many documents
_UNKNOWN = frozenset(
    {"", "unknown", "none", "noassertion", "null", "na", "n/a", "n-a", "other", "unspecified"}
)


# What people write -> SPDX. The names are those seen most on the Hugging Face Hub (its list of licence identifiers,
# 2026-06) and on GitHub (licensee's keys), folded by `_fold`; identifiers of SPDX themselves need no entry.
_SPELLINGS: Mapping[str, str] = {
    "0BSD": "bsd0 bsd-zero-clause",
    "AFL-3.0": "afl academic-free-license-3.0",
    "AGPL-3.0-only": "agpl-3.0 agpl3 agplv3 gnu-agpl-3.0 gnu-agplv3 gnu-affero-general-public-license-v3.0",
    "AGPL-3.0-or-later": "agpl-3.0+ agplv3+",
    "Apache-2.0": "apache2 apache-2 apache-2.0-license apachev2 apache-v2.0 apache-license-2.0 apache-license-v2.0 "
    "apache-license-version-2.0 apache-software-license-2.0 asl-2.0 apl-2.0 the-apache-license-version-2.0 "
    "http://www.apache.org/licenses/license-2.0 https://www.apache.org/licenses/license-2.0 "
    "https://www.apache.org/licenses/license-2.0.txt https://opensource.org/licenses/apache-2.0",
    "Artistic-2.0": "artistic2 artistic-license-2.0 perl-artistic-2.0",
    "BSD-2-Clause": "bsd2 bsd-2 bsd-2-clause-license simplified-bsd 2-clause-bsd freebsd "
    "https://opensource.org/licenses/bsd-2-clause",
    "BSD-3-Clause": "bsd3 bsd-3 bsd-3-clause-license new-bsd modified-bsd 3-clause-bsd bsd-new "
    "https://opensource.org/licenses/bsd-3-clause",
    "BSL-1.0": "boost boost-1.0 boost-software-license-1.0",
    "CC0-1.0": "cc0 cc-0 cczero cc-zero cc0-1 cc0-v1.0 cc0-1.0-universal creative-commons-zero creative-commons-cc0 "
    "creative-commons-zero-v1.0-universal cc0-1.0-universal-public-domain-dedication cc0-public-domain "
    "public-domain-cc0",
    "CC-PDM-1.0": "public-domain-mark public-domain-mark-1.0 pdm cc-pdm pdm-1.0",
    "CDLA-Permissive-1.0": "community-data-license-agreement-permissive-1.0",
    "CDLA-Permissive-2.0": "community-data-license-agreement-permissive-2.0",
    "CDLA-Sharing-1.0": "community-data-license-agreement-sharing-1.0",
    "C-UDA-1.0": "c-uda computational-use-of-data-agreement",
    "DL-DE-BY-2.0": "datenlizenz-deutschland-namensnennung-2.0 dl-de/by-2-0 dl-de-by-2-0",
    "DL-DE-ZERO-2.0": "datenlizenz-deutschland-zero-2.0 dl-de/zero-2-0 dl-de-zero-2-0",
    "ECL-2.0": "educational-community-license-2.0",
    "EPL-1.0": "eclipse-1.0 eclipse-public-license-1.0",
    "EPL-2.0": "eclipse-2.0 eclipse-public-license-2.0",
    "etalab-2.0": "etalab licence-ouverte-2.0 licence-ouverte-v2.0 lov2 open-licence-2.0",
    "EUPL-1.1": "eupl-v1.1",
    "EUPL-1.2": "eupl-v1.2 european-union-public-licence-1.2",
    "GFDL-1.2-or-later": "gfdl-1.2 gnu-fdl-1.2",
    "GFDL-1.3-or-later": "gfdl gfdl-1.3 gnu-fdl gnu-free-documentation-license gnu-fdl-1.3",
    "GPL-2.0-only": "gpl2 gpl-2 gpl-2.0 gplv2 gpl-v2 gnu-gpl-2.0 gnu-gplv2 gnu-gpl-v2.0 "
    "gnu-general-public-license-v2.0",
    "GPL-2.0-or-later": "gpl-2.0+ gpl2+ gplv2+ gnu-general-public-license-v2.0-or-later",
    "GPL-3.0-only": "gpl3 gpl-3 gpl-3.0 gplv3 gpl-v3 gnu-gpl-3.0 gnu-gplv3 gnu-gpl-v3.0 "
    "gnu-general-public-license-v3.0 https://www.gnu.org/licenses/gpl-3.0 https://www.gnu.org/licenses/gpl-3.0.html "
    "https://www.gnu.org/licenses/gpl-3.0.en.html",
    "GPL-3.0-or-later": "gpl-3.0+ gpl3+ gplv3+ gnu-general-public-license-v3.0-or-later",
    "ISC": "isc-license",
    "LGPL-2.1-only": "lgpl2.1 lgpl-2.1 lgplv2.1 gnu-lgpl-2.1",
    "LGPL-2.1-or-later": "lgpl-2.1+ lgplv2.1+",
    "LGPL-3.0-only": "lgpl3 lgpl-3 lgpl-3.0 lgplv3 gnu-lgpl-3.0 gnu-lesser-general-public-license-v3.0",
    "LGPL-3.0-or-later": "lgpl-3.0+ lgplv3+",
    "LGPLLR": "lgpl-lr",
    "MIT": "mit-license the-mit-license expat expat-license mit-expat https://opensource.org/licenses/mit "
    "https://opensource.org/license/mit http://opensource.org/licenses/mit",
    "MIT-0": "mit-no-attribution",
    "MPL-2.0": "mpl2 mpl-2 mplv2 mozilla-public-license-2.0 https://www.mozilla.org/mpl/2.0",
    "MS-PL": "microsoft-public-license",
    "NCSA": "uiuc university-of-illinois-ncsa",
    "NLOD-2.0": "norwegian-licence-for-open-government-data-2.0",
    "ODbL-1.0": "odbl odbl-1 open-database-license open-database-license-1.0 "
    "https://opendatacommons.org/licenses/odbl https://opendatacommons.org/licenses/odbl/1-0 "
    "https://opendatacommons.org/licenses/odbl/1.0",
    "ODC-By-1.0": "odc-by odcby-1 open-data-commons-attribution open-data-commons-attribution-license "
    "open-data-commons-attribution-license-v1.0 https://opendatacommons.org/licenses/by "
    "https://opendatacommons.org/licenses/by/1-0 https://opendatacommons.org/licenses/by/1.0",
    "OFL-1.1": "ofl sil-ofl-1.1 sil-open-font-license-1.1",
    "OGL-Canada-2.0": "ogl-canada open-government-licence-canada",
    "OGL-UK-1.0": "ogl-1.0 open-government-licence-v1.0",
    "OGL-UK-2.0": "ogl-2.0 open-government-licence-v2.0",
    "OGL-UK-3.0": "ogl ogl-3 ogl-3.0 ogl-v3 ogl-v3.0 uk-ogl ogl-uk open-government-licence "
    "open-government-licence-v3.0 open-government-licence-3.0 open-government-license-v3.0 "
    "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3 "
    "http://www.nationalarchives.gov.uk/doc/open-government-licence/version/3",
    "OSL-3.0": "open-software-license-3.0",
    "PDDL-1.0": "pddl open-data-commons-public-domain-dedication https://opendatacommons.org/licenses/pddl "
    "https://opendatacommons.org/licenses/pddl/1-0 https://opendatacommons.org/licenses/pddl/1.0",
    "PostgreSQL": "postgresql-license",
    "Unlicense": "the-unlicense https://unlicense.org",
    "WTFPL": "do-what-the-fuck-you-want",
    "Zlib": "zlib-license",
    "LicenseRef-Public-Domain": "public-domain pd in-the-public-domain public-domain-us pd-us us-public-domain "
    "us-government-work",
    # Model and data licences with use restrictions, by the Hub's own identifiers.
    "LicenseRef-apple-amlr": "apple-amlr",
    "LicenseRef-apple-ascl": "apple-ascl",
    "LicenseRef-bigcode-openrail-m": "bigcode-openrail-m bigcode-openrail-m-v1",
    "LicenseRef-bigscience-bloom-rail-1.0": "bigscience-bloom-rail-1.0 bloom-rail-1.0",
    "LicenseRef-bigscience-openrail-m": "bigscience-openrail-m",
    "LicenseRef-creativeml-openrail-m": "creativeml-openrail-m",
    "LicenseRef-deepfloyd-if": "deepfloyd-if-license",
    "LicenseRef-fair-noncommercial-research": "fair-noncommercial-research-license",
    "LicenseRef-gemma": "gemma gemma-terms-of-use",
    "LicenseRef-grok2-community": "grok2-community",
    "LicenseRef-h-research": "h-research",
    "LicenseRef-intel-research": "intel-research",
    "LicenseRef-llama2": "llama2 llama-2 llama-2-community-license",
    "LicenseRef-llama3": "llama3 llama-3 llama-3-community-license",
    "LicenseRef-llama3.1": "llama3.1 llama-3.1 llama-3.1-community-license",
    "LicenseRef-llama3.2": "llama3.2 llama-3.2 llama-3.2-community-license",
    "LicenseRef-llama3.3": "llama3.3 llama-3.3 llama-3.3-community-license",
    "LicenseRef-llama4": "llama4 llama-4 llama-4-community-license",
    "LicenseRef-open-mdw": "open-mdw openmdw openmdw-1.0",
    "LicenseRef-openrail": "openrail openrail-m",
    "LicenseRef-openrail++": "openrail++ openrail++-m",
    "LicenseRef-All-Rights-Reserved": "all-rights-reserved copyright-all-rights-reserved arr proprietary",
}


def _fold(name: str) -> str:
    """What is left of a name when case, spaces and most marks go; "+" stays, for it means "or later"."""
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter in ".+").removesuffix(".")


_ALIASES: Mapping[str, str] = {
    **{_fold(name): spdx for spdx, names in _SPELLINGS.items() for name in names.split()},
    **{_fold(spdx): spdx for spdx in _SPELLINGS},
}

_CC_URL = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(?P<parts>by(?:-nc)?(?:-nd|-sa)?)/(?P<version>\d\.\d)(?:/(?P<place>[a-z]{2,3}(?![a-z])))?"
    r"|publicdomain/(?P<public>zero|mark)/1\.0)(?:/.*)?",
    re.IGNORECASE,
)
_CC_PARTS = {
    "attribution": "by", "by": "by", "noncommercial": "nc", "nc": "nc", "noderivatives": "nd", "noderivs": "nd",
    "noderivative": "nd", "nd": "nd", "sharealike": "sa", "sa": "sa",
}  # fmt: skip
_CC_FILLERS = frozenset(
    "the a v version license licence licensed under creative commons cc international intl unported generic public "
    "deed".split()
)
_CC_ORDER = ("by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa")
_CC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
_CC = re.compile(r"CC-BY(?:-NC)?(?:-ND|-SA)?-(?:1\.0|2\.[015]|3\.0|4\.0)(?:-[A-Z]{2,3})?")


def _creative_commons(name: str) -> str | None:
    """A Creative Commons licence by its address or its name, if it says which version.

    A licence ported to a jurisdiction is SPDX's own where SPDX has it, and the unported one of its version otherwise.
    """
    if found := _CC_URL.fullmatch(name.strip()):
        if found["public"]:
            return "CC0-1.0" if found["public"].lower() == "zero" else "CC-PDM-1.0"
        return _cc_identifier(found["parts"].lower(), found["version"], (found["place"] or "").upper())
    words = re.findall(
        r"[a-z]+|\d+(?:\.\d+)?",
        re.sub(r"\b(non|no|share)[\s-]+(?=commercial|deriv|alike)", r"\1", name.lower()),
    )
    parts = [_CC_PARTS[word] for word in words if word in _CC_PARTS]
    versions = [word for word in words if word[0].isdigit()]
    others = [
        word for word in words if word not in _CC_PARTS and not word[0].isdigit() and word not in _CC_FILLERS
    ]
    named = {"cc", "creative", "attribution"} & set(words)
    if others or not named or not parts or len(versions) != 1 or len(set(parts)) != len(parts):
        return None
    version = versions[0] if "." in versions[0] else f"{versions[0]}.0"
    return _cc_identifier("-".join(sorted(parts, key=("by", "nc", "nd", "sa").index)), version, "")


def _cc_identifier(parts: str, version: str, place: str) -> str | None:
    if parts not in _CC_ORDER or (version not in _CC_VERSIONS and not place):
        return None
    plain = f"CC-{parts.upper()}-{version}"
    if place and (ported := _listed(f"{plain}-{place}")):
        return ported
    return plain if version in _CC_VERSIONS else None


@cache
def _spdx_list() -> Mapping[str, str]:
    """Folded identifier -> identifier, of the licences and exceptions on SPDX's list."""
    from license_expression import (
        get_spdx_licensing,
    )  # reads a list of 2,000 names, which common ones do not need

    symbols = get_spdx_licensing().known_symbols
    return {_fold(key): key for key in symbols if not key.startswith("LicenseRef-")}


def _listed(name: str) -> str | None:
    return _spdx_list().get(_fold(name))


_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.+-]+")
_OPERATORS = re.compile(r"(\(|\)|(?<![^\s()])(?:and|or|with)(?![^\s()]))", re.IGNORECASE)  # not of "or-later"


def _leaf(name: str) -> str | None:
    """The identifier of one licence or exception; None if the name's meaning is not certain."""
    name = name.strip()
    if _REFERENCE.fullmatch(name):
        return name
    known = _ALIASES.get(_fold(name.rstrip("/"))) or _creative_commons(name)
    if known or " " in name:  # identifiers have no spaces
        return known
    if name.endswith("+") and (version := _listed(name[:-1])):
        return f"{version}+"
    return _listed(name)


@lru_cache(_NAMES)
def licence_expression(name: str | None) -> str | None:
    """The SPDX expression for a licence as people write it, the name itself if it is not certain, None if unknown.

    >>> licence_expression("cc by 4.0"), licence_expression("House licence"), licence_expression("unknown")
    ('CC-BY-4.0', 'House licence', None)
    >>> licence_expression("mit or (apache2 and https://creativecommons.org/licenses/by-sa/3.0/de/)")
    'MIT OR (Apache-2.0 AND CC-BY-SA-3.0-DE)'
    >>> licence_expression('["cc-by-4.0"]'), licence_expression("cc")
    ('CC-BY-4.0', 'cc')
    """
    if name is None or name.strip().lower() in _UNKNOWN:
        return None
    name = _only(name.strip())
    return _leaf(name) or _folded_expression(name) or name


def _only(name: str) -> str:
    """The name in a list of one, as the front matter of cards has it."""
    if name.startswith("["):
        try:
            listed = json.loads(name)
        except ValueError:
            return name
        if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], str):
            return listed[0].strip()
    return name


def _folded_expression(name: str) -> str | None:
    """An expression whose every licence is certain, in its normal spelling; None for anything else."""
    pieces = [piece.strip() for piece in _OPERATORS.split(name) if piece.strip()]
    if len(pieces) < 2:
        return None
    folded = [piece.upper() if _OPERATORS.fullmatch(piece) else _leaf(piece) for piece in pieces]
    if None in folded:
        return None
    text = " ".join(piece for piece in folded if piece is not None).replace("( ", "(").replace(" )", ")")
    return text if _parsed(text) is not None else None


@dataclass(frozen=True, slots=True)
class _Choice:
    """A node of an expression: all of its parts are needed, or any one of them."""

    parts: "tuple[_Choice | str, ...]"
    any_one: bool


@lru_cache(_NAMES)
def _parsed(expression: str) -> "_Choice | str | None":
    """The tree of an expression, a licence WITH its exception as one leaf; None if it is none."""
    from license_expression import ExpressionError, Licensing

    try:
        return _tree(Licensing().parse(expression, strict=False))
    except (ExpressionError, ValueError):
        return None


def _tree_of(expression: str) -> "_Choice | str":
    """The tree of an expression; what is none is one licence."""
    tree = _parsed(expression) if _OPERATORS.search(expression) else None
    return expression if tree is None else tree


def _tree(node: object) -> "_Choice | str":
    name = type(node).__name__
    if name in {"AND", "OR"}:
        return _Choice(tuple(_tree(part) for part in node.args), name == "OR")  # type: ignore[attr-defined]
    return str(node)


def _nothing(_licence: str) -> bool:
    return False


def is_allowed(
    expression: str, allowed: Callable[[str], bool], *, denied: Callable[[str], bool] = _nothing
) -> bool:
    """Whether a text under the expression can be used by a reader to whom only some licences are `allowed`.

    Of licences joined by OR the reader chooses one; of those joined by AND all apply. An exception of SPDX's list adds
    permissions to its licence, so that it passes where the licence does, or where both together are allowed; what else
    stands after WITH may as well take some away. A licence that is `denied`, with its exception or without it, cannot
    be chosen.

    >>> is_allowed("MIT OR (GPL-3.0-only AND CC-BY-4.0)", {"GPL-3.0-only", "CC-BY-4.0"}.__contains__)
    True
    >>> is_allowed("GPL-2.0-only WITH Classpath-exception-2.0", {"GPL-2.0-only"}.__contains__)
    True
    """
    return _holds(_tree_of(expression), allowed, denied)


def _holds(tree: "_Choice | str", allowed: Callable[[str], bool], denied: Callable[[str], bool]) -> bool:
    if not isinstance(tree, str):
        parts = (_holds(part, allowed, denied) for part in tree.parts)
        return any(parts) if tree.any_one else all(parts)
    base, _, exception = tree.partition(" WITH ")
    if denied(tree) or denied(base):
        return False
    return allowed(tree) or (exception != "" and is_recognised(tree) and allowed(base))


def licences_of(expression: str) -> tuple[str, ...]:
    """The single licences that an expression names, in order, each with its exception.

    >>> licences_of("MIT OR (GPL-2.0-only WITH Classpath-exception-2.0 AND MIT)")
    ('MIT', 'GPL-2.0-only WITH Classpath-exception-2.0')
    """
    return tuple(dict.fromkeys(_leaves(_tree_of(expression))))


def _leaves(tree: "_Choice | str") -> tuple[str, ...]:
    return (tree,) if isinstance(tree, str) else tuple(chain.from_iterable(map(_leaves, tree.parts)))


FAMILIES: Mapping[str, tuple[str, ...]] = {
    "public-domain": ("CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "PDDL-1.0", "Unlicense", "LicenseRef-Public-Domain"),
    "attribution": (
        "CC-BY-[0-9]*", "ODC-By-1.0", "OGL-*", "etalab-2.0", "CDLA-Permissive-*", "DL-DE-*", "NLOD-*",
    ),
    "permissive": (
        "Apache-2.0", "MIT", "MIT-0", "BSD-2-Clause*", "BSD-3-Clause*", "0BSD", "ISC", "Zlib", "BSL-1.0", "PostgreSQL",
        "NCSA", "MS-PL", "ECL-2.0", "AFL-3.0", "Artistic-2.0", "WTFPL", "OFL-1.1", "Python-2.0",
    ),
    "share-alike": (
        "CC-BY-SA-*", "ODbL-1.0", "GFDL-*", "CDLA-Sharing-1.0", "GPL-*", "LGPL-*", "AGPL-*", "MPL-2.0", "EPL-*",
        "EUPL-*", "OSL-3.0",
    ),
    "non-commercial": (
        "CC-BY-NC-*", "NCGL-UK-2.0", "PolyForm-Noncommercial-*", "LicenseRef-fair-noncommercial-research",
    ),
    "no-derivatives": ("CC-BY-ND-*", "CC-BY-NC-ND-*"),
}  # fmt: skip
"""Families of licences by what they ask of whoever passes a text on, as patterns of SPDX identifiers."""

_OPEN = ("public-domain", "attribution", "permissive", "share-alike", "non-commercial")


def in_family(licence: str, family: str) -> bool:
    """Whether one licence belongs to a family.

    >>> in_family("CC-BY-NC-SA-4.0", "non-commercial"), in_family("CC-BY-NC-SA-4.0", "share-alike")
    (True, False)
    """
    return any(fnmatchcase(licence.removesuffix("+"), pattern) for pattern in FAMILIES[family])


@lru_cache(_NAMES)
def is_recognised(licence: str) -> bool:
    """Whether a single licence, exception included, is on SPDX's list or one that everyone means by its name.

    >>> is_recognised("CC-BY-4.0"), is_recognised("House licence")
    (True, False)
    """
    base, _, exception = licence.partition(" WITH ")
    if exception and _listed(exception) != exception:
        return False
    return base in _SPELLINGS or _CC.fullmatch(base) is not None or _listed_exactly(base.removesuffix("+"))


def _listed_exactly(name: str) -> bool:
    return " " not in name and not name.startswith("LicenseRef-") and _listed(name) == name


def any_version(licence: str) -> str:
    """A licence without what it says of later versions: of those it allows, the reader may choose the one it names.

    >>> any_version("GPL-3.0-or-later"), any_version("EUPL-1.1+"), any_version("MIT")
    ('GPL-3.0', 'EUPL-1.1', 'MIT')
    """
    return licence.removesuffix("+").removesuffix("-or-later").removesuffix("-only")


def licences_named_after(name: str) -> tuple[str, ...]:
    """SPDX's licences whose identifiers begin with a name, ascending; none for a name that is a licence itself.

    >>> licences_named_after("MIT"), licences_named_after("CC-BY-ND")[:2]
    ((), ('CC-BY-ND-1.0', 'CC-BY-ND-2.0'))
    """
    if _leaf(name) is not None:
        return ()
    start = name.strip().lower() + "-"
    return tuple(sorted(key for key in _spdx_list().values() if key.lower().startswith(start)))


@lru_cache(_NAMES)
def is_open(expression: str | None) -> bool:
    """Whether a licence is a recognised one that allows redistribution of the text.

    >>> is_open("CC-BY-ND-4.0 OR CC-BY-4.0"), is_open("CC-BY-4.0 AND House-licence"), is_open(None)
    (True, False, False)
    """
    return expression is not None and is_allowed(expression, _is_open)


def _is_open(licence: str) -> bool:
    redistributable = any(in_family(licence, family) for family in _OPEN)
    return redistributable and not in_family(licence, "no-derivatives") and is_recognised(licence)
