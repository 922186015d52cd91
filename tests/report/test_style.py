"""Colours that everyone can read, computed and not guessed: WCAG 2.2 contrast, light and dark."""

import re
from pathlib import Path

import pytest

import wellkeeper.report

CSS = (Path(wellkeeper.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
}
GROUNDS = ("page", "card")
TEXTS = ("ink", "soft", "link", "error", "warning", "info", "good")
DRAWN = ("human", "assisted", "generated", "translated", "programmatic", "unknown", "own", "base")
ON_TINT = (("error", "error-sunk"), ("warning", "warning-sunk"), ("info", "info-sunk"), ("soft", "sunk"))
ORIGINS = DRAWN[:6]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def lab(colour: str) -> tuple[float, float, float]:
    """Oklab (Ottosson 2020), in which distance is what an eye sees."""
    r, g, b = (((int(colour[at : at + 2], 16) / 255) + 0.055) / 1.055 for at in (1, 3, 5))
    r, g, b = r**2.4, g**2.4, b**2.4
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def test_the_measure_knows_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_text_has_contrast_of_4_5_on_every_ground(text, ground, mode):
    assert contrast(COLOURS[text][mode], COLOURS[ground][mode]) >= 4.5


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), ON_TINT)
def test_text_on_a_tint_has_contrast_of_4_5(text, ground, mode):
    assert contrast(COLOURS[text][mode], COLOURS[ground][mode]) >= 4.5


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("drawn", DRAWN)
def test_what_is_drawn_stands_3_to_1_off_the_page(drawn, mode):
    assert contrast(COLOURS[drawn][mode], COLOURS["page"][mode]) >= 3


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_origins_differ_in_what_eyes_without_red_or_green_still_see(mode):
    """Lightness and the blue-yellow axis are what protanopes and deuteranopes keep."""
    seen = [lab(COLOURS[name][mode]) for name in ORIGINS]
    for index, (light, _, blue) in enumerate(seen):
        for other_light, _, other_blue in seen[index + 1 :]:
            assert ((light - other_light) ** 2 + (blue - other_blue) ** 2) ** 0.5 > 0.04


def test_no_rule_uses_a_colour_that_is_not_named_once():
    rules = CSS[CSS.index("* { box-sizing") : CSS.index("@media print")]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", rules)


def test_the_sheet_loads_nothing():
    assert "url(" not in CSS
    assert "@import" not in CSS
