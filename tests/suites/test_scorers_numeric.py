"""Numbers as people write them, and which number of an answer is meant."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorer_helpers import scored, value

from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.numeric import number_meant, numbers

CENTS = st.integers(-(10**12), 10**12)


def read(text, **options):
    number = number_meant(text, **options)
    return None if number is None else number.value


# --- what is printed is read back ---------------------------------------------------------------------------------


@given(CENTS)
def test_a_number_is_read_back_as_it_is_printed_in_english(cents):
    number = Fraction(cents, 100)
    for printed in (
        f"{float(number):.2f}",
        f"{float(number):,.2f}",
        f"It is {float(number):,.2f}.",
        f"({float(number):.2f})",
    ):
        assert read(printed) == number


@given(CENTS)
def test_a_number_is_read_back_as_it_is_printed_on_the_continent(cents):
    number = Fraction(cents, 100)
    english = f"{float(number):,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert read(continental, separators="continental") == number
    if abs(number) >= 1000:  # two kinds of separators leave no doubt
        assert read(continental) == number
    for thousands in ("\u00a0", "\u202f", "'", "\u2019"):
        assert read(english.replace(",", thousands)) == number


@given(st.integers(-(10**6), 10**6), st.integers(-300, 300))
def test_a_number_is_read_back_as_it_is_printed_in_scientific_form(digits, power):
    number = digits * Fraction(10) ** power
    for printed in (
        f"{digits}e{power}",
        f"{digits}E{power:+}",
        f"{digits} × 10^{power}",
        f"{digits}\\times 10^{{{power}}}",
    ):
        assert read(printed) == number


@given(st.integers(-999, 999), st.integers(1, 999))
def test_a_fraction_is_read_back(top, bottom):
    assert read(f"{top}/{bottom}") == Fraction(top, bottom)
    assert read(f"\\frac{{{top}}}{{{bottom}}}") == Fraction(top, bottom)


@given(CENTS)
def test_percent_and_currency_are_read_back(cents):
    number = Fraction(cents, 100)
    for printed in (f"{float(number):.2f}%", f"{float(number):.2f} percent", f"{float(number):.2f}\u202f%"):
        found = number_meant(printed)
        assert (found.value, found.percent) == (number, True)
    sign = "-" if cents < 0 else ""
    for printed in (
        f"{sign}${abs(float(number)):,.2f}",
        f"${sign}{abs(float(number)):,.2f}",
        f"{sign}€ {abs(float(number)):.2f}",
    ):
        assert read(printed) == number


@given(st.text(st.sampled_from("0123456789.,'-+/%$e x^{}½⁸\\()= \n"), max_size=40))
def test_any_text_gives_numbers_or_none(text):
    for number in numbers(text):
        assert isinstance(number.value, Fraction)
        assert number.written in text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("½", "1/2"),
        ("2½ cups", "5/2"),
        ("1 3/4", "7/4"),
        ("\u22127", "-7"),
        (".5", "1/2"),
        ("1.5×10⁸", "150000000"),
        ("1,00,000", "100000"),
        ("1,234", "1234"),
        ("1.234", "617/500"),
        ("0,123", "123/1000"),
        ("12,5 kg", "25/2"),
        ("1.234.567", "1234567"),
        ("1,2,3", "3"),
        ("答案是5。", "5"),
        ("10-3", "3"),
        ("5.", "5"),
        ("1/0 or 4", "4"),
        ("10^3", "1000"),
        ("2^{10}", "1024"),
        ("7\u00b2", "49"),
        ("2^-1", "1/2"),
        ("1{,}000", "1000"),
        ("1,\\!000", "1000"),
        ("12\\,000", "12000"),
        ("\\frac12", "1/2"),
        ("1\\frac{1}{2}", "3/2"),
        ("x^2 is 3", "3"),
    ],
)
def test_a_number_in_words_of_people_is_read(text, number):
    assert read(text) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    ["", "none", "H2O and x5", "1e999999999", "9" * 500, "1/0", "٣", "x^2", "s^{-1}", "9^9999", "0^-1"],
)
def test_what_is_no_number_or_too_long_for_one_is_none(text):
    assert number_meant(text) is None


# --- which number -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("I add 2 and 3 and get 5", 5),
        ("The answer is 5, since 2 + 3 = 5 and 7 is more", 5),
        ("The answer is 2 + 3 = 5, in 1 step", 5),
        ("The answer is 18 - 6 = 12.", 12),
        ("The final answer is: **1,234**. It took 3 steps.", 1234),
        ("Answer: 4\nWait, 3 of them left. Answer: 7 apples, not 4", 7),
        ("6 * 7 = 42\n#### 42", 42),
        ("#### 42 (by 2 ways)", 42),
        ("So \\boxed{-4} in 2 steps", -4),
        ("The answer is 5 - 3 apples of 9", 5),
        ("3 apples. The answer is unclear", 3),
        ("Therefore, the answer is $5 * 20 = $100.", 100),
        ("The answer is 5*20 = 100 dollars", 100),
        ("The answer is (3 + 4)*2 = 14", 14),
        ("Answer: 2(3+4) = 14", 14),
        ("Answer: 4! = 24", 24),
        ("Answer: 5 apples + 3 apples = 8 apples", 8),
        ("The answer is 5 miles = 8 km", 5),
        ("The answer is 5 (2 + 3 = 5, 7 is more)", 5),
        ("<answer>7</answer> in 2 steps", 7),
        ("The area is 49 m^2.", 49),
        ("The area is 49 cm^{2}, or 49 cm\u00b2", 49),
    ],
)
def test_the_number_that_is_announced_is_meant_and_the_last_where_none_is(text, number):
    assert read(text) == number


def test_the_suite_says_which_number_and_what_announces_it():
    assert value({"kind": "numeric", "which": "first"}, "5, from 2 and 3", "5") == 1
    assert value({"kind": "numeric", "after": "Ergebnis"}, "Das Ergebnis ist 5, in 3 Schritten", "5") == 1
    assert value({"kind": "numeric", "separators": "continental"}, "1.234", "1234") == 1


# --- how near -----------------------------------------------------------------------------------------------------


def test_numbers_are_compared_without_rounding():
    assert value("numeric", "0.30", "0.3") == 1
    assert value("numeric", "0.33", "1/3") == 0
    assert value("numeric", "10000000000000000000000001", "10000000000000000000000000") == 0


@pytest.mark.parametrize(
    ("spec", "answer", "right"),
    [
        ({"tolerance": 0.01}, "3.15", True),
        ({"tolerance": 0.01}, "3.1501", False),
        ({"relative": 0.1}, "3.454", True),
        ({"relative": 0.1}, "3.455", False),
        ({"tolerance": 0.01, "relative": 0.1}, "2.9", True),
    ],
)
def test_an_answer_may_be_as_far_off_as_the_suite_says(spec, answer, right):
    assert value({"kind": "numeric", **spec}, answer, "3.14") == right


def test_a_percentage_is_as_it_is_written_or_hundredths():
    assert value("numeric", "50%", "50") == 1
    assert value("numeric", "50%", "0.5") == 1
    assert value("numeric", "0.5", "50%") == 1
    assert value("numeric", "0.5", "50") == 0
    assert value("numeric", "0.5%", "50%") == 0


def test_an_answer_without_a_number_is_wrong_and_a_reference_without_one_is_refused():
    assert scored("numeric", "many", "5") == scored("numeric", "", "5")
    assert scored("numeric", "many", "5").note == "no number in the answer"
    assert scored("numeric", "$1,234.50!", "5").note == "read $1,234.50"
    with pytest.raises(
        InputError, match=r"The reference of the item one has no number: 'five'\. Give one in digits"
    ):
        scored("numeric", "5", "five")


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "1," * 100_000, "answer is " * 20_000, "-" * 200_000, "1/" * 100_000]
)
def test_long_answers_take_no_long_time(text):
    numbers_read = numbers(text[-50_000:])
    assert len(numbers_read) <= 50_000
    number_meant(text)
