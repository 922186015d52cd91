"""Licence names as people write them, folded to SPDX expressions where the meaning is certain."""

from collections.abc import Mapping

# SPDX License List 3.27 identifiers. Aliases are folded by `_fold`; a name without a certain meaning
# ("cc", "free") is kept as written and counted as not recognised.
_SPDX = (
    "Apache-2.0 MIT BSD-2-Clause BSD-3-Clause ISC MPL-2.0 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only "
    "GPL-3.0-or-later LGPL-2.1-only LGPL-3.0-only AGPL-3.0-only Unlicense CC0-1.0 PDDL-1.0 ODbL-1.0 ODC-By-1.0 "
    "CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-1.0 CC-BY-SA-2.0 CC-BY-SA-2.5 CC-BY-SA-3.0 "
    "CC-BY-SA-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-NC-ND-4.0 "
    "CC-BY-ND-4.0 GFDL-1.3-or-later CDLA-Permissive-2.0 OGL-UK-3.0 LicenseRef-Public-Domain"
).split()


def _fold(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == ".").removesuffix(".")


_ALIASES: Mapping[str, str] = {
    **{_fold(spdx): spdx for spdx in _SPDX},
    "apache2": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "apachelicense2.0": "Apache-2.0",
    "mitlicense": "MIT",
    "cc0": "CC0-1.0",
    "ccby4": "CC-BY-4.0",
    "ccby3": "CC-BY-3.0",
    "ccbysa4": "CC-BY-SA-4.0",
    "ccbysa3": "CC-BY-SA-3.0",
    "creativecommonsattribution4.0": "CC-BY-4.0",
    "odcby": "ODC-By-1.0",
    "publicdomain": "LicenseRef-Public-Domain",
    "pd": "LicenseRef-Public-Domain",
    "gpl3": "GPL-3.0-only",
    "gpl3.0": "GPL-3.0-only",
}

_UNKNOWN = frozenset({"", "unknown", "none", "null", "na", "n/a", "other", "unspecified"})


def licence_expression(name: str | None) -> str | None:
    """The SPDX expression for a licence name, the name itself if it is not recognised, None if unknown.

    >>> licence_expression("cc by 4.0"), licence_expression("House licence"), licence_expression("unknown")
    ('CC-BY-4.0', 'House licence', None)
    """
    if name is None or name.strip().lower() in _UNKNOWN:
        return None
    return _ALIASES.get(_fold(name), name.strip())


def is_open(expression: str | None) -> bool:
    """Whether a licence is a recognised one that allows redistribution of the text."""
    return expression in _SPDX and "-ND" not in expression if expression else False
