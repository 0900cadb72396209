"""Known units, and what an unknown one gets."""

import pytest

from ringfence.errors import BadInput
from ringfence.money import UNITS, unit


@pytest.mark.parametrize(
    ("code", "scale", "measure"),
    [("CNY", 2, "CNY"), ("JPY", 0, "JPY"), ("AU9999", 3, "g"), ("AU9995", 3, "g"), ("AG9999", 3, "g")],
)
def test_a_known_unit_has_its_scale_and_measure(code: str, scale: int, measure: str) -> None:
    found = unit(code)
    assert (found.code, found.scale, found.measure) == (code, scale, measure)


def test_metals_are_told_from_currencies() -> None:
    assert {code for code, known in UNITS.items() if known.is_metal} == {
        "AU9999",
        "AU9995",
        "AG9999",
        "AG999",
        "PT9995",
    }


@pytest.mark.parametrize("code", ["XAU", "cny", "", "Au99.99"])
def test_an_unknown_unit_is_refused_with_the_known_ones(code: str) -> None:
    with pytest.raises(BadInput) as refused:
        unit(code)
    assert refused.value.figures["value"] == code
    assert "CNY" in str(refused.value)
    assert "AU9999" in str(refused.value)
