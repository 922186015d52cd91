"""Licence names fold to SPDX where they are certain, and expressions mean what SPDX says they mean."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from license_expression import get_spdx_licensing

from wellkeeper.core import rights
from wellkeeper.core.rights import (
    CONSENTS,
    FAMILIES,
    Consent,
    declared_consent,
    in_family,
    is_allowed,
    is_open,
    is_recognised,
    licence_expression,
    licences_of,
)

SPDX = get_spdx_licensing()
SPELLINGS = [(name, spdx) for spdx, names in rights._SPELLINGS.items() for name in names.split()]


@pytest.mark.parametrize(("name", "spdx"), SPELLINGS)
def test_every_spelling_folds_to_its_licence_in_any_case_and_with_any_marks_between(name, spdx):
    assert {
        licence_expression(form)
        for form in (
            name,
            name.upper(),
            f" {name} ",
            *([] if "/" in name else [name.replace("-", " "), name.replace("-", "_")]),
        )
    } == {spdx}


def test_every_target_is_on_the_spdx_list():
    targets = [spdx for spdx in rights._SPELLINGS if not spdx.startswith("LicenseRef-")]
    assert len(SPELLINGS) > 200
    assert SPDX.validate(" AND ".join(targets)).errors == []
    assert [SPDX.parse(spdx).key for spdx in targets] == targets


def test_every_identifier_of_spdx_is_recognised_in_any_case():
    listed = [
        key
        for key, symbol in SPDX.known_symbols.items()
        if not key.startswith("LicenseRef") and not symbol.is_exception
    ]
    assert len(listed) > 600
    assert {key: found for key in listed if (found := licence_expression(key.lower())) != key} == {}
    assert all(is_recognised(key) for key in listed)


@pytest.mark.parametrize(
    ("address", "spdx"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("http://www.creativecommons.org/licenses/by-nc-sa/2.5", "CC-BY-NC-SA-2.5"),
        ("creativecommons.org/licenses/by-sa/3.0/de/legalcode", "CC-BY-SA-3.0-DE"),
        (
            "https://creativecommons.org/licenses/by-sa/3.0/es/deed.ca",
            "CC-BY-SA-3.0",
        ),  # SPDX has no Spanish one
        ("https://creativecommons.org/licenses/by-sa/2.1/jp/", "CC-BY-SA-2.1-JP"),
        ("https://creativecommons.org/licenses/by/3.0/igo/", "CC-BY-3.0-IGO"),
        ("https://creativecommons.org/publicdomain/zero/1.0/deed.en", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
    ],
)
def test_addresses_of_creative_commons_are_licences_with_any_jurisdiction(address, spdx):
    assert licence_expression(address) == spdx


@pytest.mark.parametrize(
    "name", ["cc", "cc-by", "GPL", "bsd", "free", "House licence", "CC-BY-5.0", "creative commons"]
)
def test_a_name_without_a_certain_meaning_stays_as_written(name):
    assert licence_expression(f" {name} ") == name
    assert not is_recognised(name)
    assert not is_open(name)


@pytest.mark.parametrize("name", [None, "", " unknown", "None", "N/A", "other", "NOASSERTION"])
def test_words_for_no_licence_are_none(name):
    assert licence_expression(name) is None


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("mit or apache2", "MIT OR Apache-2.0"),
        ("(CC BY 4.0 AND mit) or gpl3", "(CC-BY-4.0 AND MIT) OR GPL-3.0-only"),
        ("gpl-2.0 with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Own AND mit", "LicenseRef-Own AND MIT"),
        ('["mit"]', "MIT"),
        ("gpl-3.0-or-later and mit", "GPL-3.0-or-later AND MIT"),
        ("eupl-1.1+ or (Apache-2.0+ and mit)", "EUPL-1.1+ OR (Apache-2.0+ AND MIT)"),
        ("MIT AND", "MIT AND"),
        ("MIT and/or GPL-2.0", "MIT and/or GPL-2.0"),
        ("mit or House licence", "mit or House licence"),
        ("Books and letters", "Books and letters"),
        ('["mit", "cc-by-4.0"]', '["mit", "cc-by-4.0"]'),
    ],
)
def test_an_expression_is_folded_where_each_part_is_certain(written, expression):
    assert licence_expression(written) == expression


NAMES = ("MIT", "CC-BY-4.0", "GPL-3.0-only", "CC-BY-ND-4.0")
TREES = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=8,
)


def written(tree):
    return tree if isinstance(tree, str) else "(" + f" {tree[0]} ".join(map(written, tree[1])) + ")"


def holds(tree, allowed):
    if isinstance(tree, str):
        return tree in allowed
    return (all if tree[0] == "AND" else any)(holds(part, allowed) for part in tree[1])


@given(TREES)
def test_an_expression_is_allowed_exactly_where_its_logic_says_so(tree):
    text = written(tree)
    assert licence_expression(text) is not None
    for chosen in product([False, True], repeat=len(NAMES)):
        allowed = {name for name, yes in zip(NAMES, chosen, strict=True) if yes}
        assert is_allowed(text, allowed.__contains__) == holds(tree, allowed)
    assert set(licences_of(text)) <= set(NAMES)
    assert is_open(text) == holds(tree, set(NAMES) - {"CC-BY-ND-4.0"})


def test_an_exception_adds_to_its_licence():
    text = "GPL-2.0-only WITH Classpath-exception-2.0"
    assert is_allowed(text, {"GPL-2.0-only"}.__contains__)
    assert is_allowed(text, {text}.__contains__)
    assert not is_allowed(text, {"Classpath-exception-2.0"}.__contains__)
    assert is_recognised(text)
    assert not is_recognised("GPL-2.0-only WITH House-exception")


@given(st.text(max_size=40))
def test_folding_any_name_twice_changes_nothing_more(name):
    once = licence_expression(name)
    assert licence_expression(once) == once


def test_open_licences_allow_the_text_to_be_passed_on():
    assert [is_open(name) for name in ("CC-BY-NC-4.0", "CC-BY-SA-3.0-DE", "CC-BY-NC-ND-4.0", "LicenseRef-llama3", "MIT")] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert {family for family in FAMILIES if in_family("CC-BY-NC-ND-3.0", family)} == {
        "non-commercial",
        "no-derivatives",
    }


def test_consent_is_read_from_its_label_in_any_spelling_and_odd_labels_are_none():
    for consent, label in zip(Consent, CONSENTS, strict=True):
        assert declared_consent(label) is declared_consent(label.upper().replace("-", "_")) is consent
        assert consent.label == label
    assert declared_consent("opt-out") is Consent.OPT_OUT_SIGNAL
    assert declared_consent("certainly") is None
    assert rights.no_consent("grantd") == (
        "'grantd' is no consent. Did you mean granted? Give one of: unknown, granted, licensed, not-asked, "
        "opt-out-signal, revoked."
    )


def test_a_list_that_is_no_json_is_a_name():
    assert licence_expression("[House licence") == "[House licence"
    assert licence_expression(json.dumps(["House licence"])) == "House licence"


def test_what_stands_after_with_adds_permissions_only_if_spdx_knows_it():
    assert is_allowed("MIT WITH Classpath-exception-2.0", {"MIT"}.__contains__)
    assert not is_allowed("MIT WITH Commons-Clause", {"MIT"}.__contains__)
    assert is_allowed("MIT WITH Commons-Clause", {"MIT WITH Commons-Clause"}.__contains__)
    assert not is_open("MIT WITH Commons-Clause")


@given(TREES)
def test_what_is_denied_cannot_be_chosen(tree):
    text = written(tree)
    for name in NAMES:
        others = set(NAMES) - {name}
        assert is_allowed(text, lambda _: True, denied={name}.__contains__) == holds(tree, others)
