"""What holds for every amount, fraction and allocation."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ringfence.money import (
    LARGEST_MINOR,
    UNITS,
    Rate,
    allocate,
    apply_rate,
    grouped,
    parse,
    render,
    round_down,
    round_half_up,
    round_up,
)

amounts = st.integers(-LARGEST_MINOR, LARGEST_MINOR)
units = st.sampled_from(list(UNITS.values()))
numerators = st.integers(-(10**30), 10**30)
denominators = st.integers(1, 10**12)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


@given(amounts, units)
def test_text_and_back_is_the_same_amount(amount, unit):
    assert parse(render(amount, unit), unit) == amount
    assert parse(grouped(amount, unit).replace(",", ""), unit) == amount


@given(amounts, units)
def test_rendering_is_the_decimal_shifted(amount, unit):
    assert Decimal(render(amount, unit)) * 10**unit.scale == amount


@given(numerators, denominators)
def test_half_up_is_the_nearest_and_never_the_smaller_half(numerator, denominator):
    exact, rounded = Fraction(numerator, denominator), round_half_up(numerator, denominator)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)


@given(numerators, denominators)
def test_down_and_up_enclose_the_fraction_from_the_side_of_zero(numerator, denominator):
    exact = abs(Fraction(numerator, denominator))
    down, up = round_down(numerator, denominator), round_up(numerator, denominator)
    assert abs(down) <= exact < abs(down) + 1
    assert abs(up) - 1 < exact <= abs(up)


@given(numerators, denominators)
def test_every_rounding_is_symmetric(numerator, denominator):
    for rounding in (round_half_up, round_down, round_up):
        assert rounding(-numerator, denominator) == -rounding(numerator, denominator)


@given(st.integers(-(10**15), 10**15), weights)
def test_an_allocation_adds_up_and_is_within_one_of_proportion(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(st.integers(0, 10**15), weights)
def test_of_two_equal_weights_the_earlier_gets_no_less(total, weights):
    parts = allocate(total, weights + weights)
    for first, second in zip(parts[: len(weights)], parts[len(weights) :], strict=True):
        assert first - second in (0, 1)


@given(st.integers(0, 10**12), st.integers(0, 10**10))
def test_a_rate_is_its_exact_proportion_rounded(amount, parts):
    exact = Fraction(amount) * Fraction(parts, 10**8)
    assert 0 <= exact - apply_rate(amount, Rate(parts), round_down) < 1


@given(st.integers(0, 10**12 - 1))
def test_rate_text_and_back_is_the_same_rate(parts):
    assert Rate.parse(str(Rate(parts))).parts == parts
