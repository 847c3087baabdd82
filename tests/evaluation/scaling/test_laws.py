"""Laws of growth: what was planted is found, and intervals cover as often as they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.scaling.laws import AFFINE, POWER, better_form, fitted

SIZES = np.array([[a, b] for a in (1e3, 3e3, 1e4) for b in (2e2, 1e3)])


@settings(max_examples=40)
@given(st.floats(1e-6, 1e6), st.floats(-0.5, 2), st.floats(-0.5, 2))
def test_a_power_is_found_and_continued(scale: float, one: float, other: float) -> None:
    costs = scale * SIZES[:, 0] ** one * SIZES[:, 1] ** other
    law = fitted(POWER, SIZES, costs)
    assert law.interval(0).mean == pytest.approx(one, abs=1e-9)
    assert law.interval(1).mean == pytest.approx(other, abs=1e-9)
    assert law.predicted([4e4, 4e3]).mean == pytest.approx(scale * 4e4**one * 4e3**other, rel=1e-7)


@settings(max_examples=40)
@given(st.floats(0, 1e9), st.floats(0, 1e5), st.floats(0, 1e5))
def test_a_basis_and_shares_are_found_and_continued(basis: float, one: float, other: float) -> None:
    costs = 1.0 + basis + SIZES @ [one, other]
    found = fitted(AFFINE, SIZES, costs).predicted([4e4, 4e3])
    assert found.mean == pytest.approx(1.0 + basis + one * 4e4 + other * 4e3, rel=1e-6)


def test_nothing_costs_less_than_nothing() -> None:
    sizes = np.array([[1e3], [1e4], [1e5]])
    law = fitted(AFFINE, sizes, np.array([10.0, 9.0, 8.0]))
    assert (law.coefficients >= 0).all()
    assert 8 < law.predicted([1e9]).mean < 10


@pytest.mark.parametrize("form", [POWER, AFFINE])
def test_intervals_hold_as_often_as_they_say(form: str) -> None:
    random = np.random.default_rng(7)
    size = np.geomspace(1e3, 3e4, 5)[:, None]
    truth = (lambda x: 2e-4 * x**0.3) if form == POWER else (lambda x: 5e8 + 3e4 * x)
    inside = exponents = 0
    for _ in range(400):
        costs = truth(size[:, 0]) * np.exp(random.normal(0, 0.05, len(size)))
        law = fitted(form, size, costs)
        found = law.predicted([1.2e5])
        inside += found.low <= truth(1.2e5) * np.exp(random.normal(0, 0.05)) <= found.high
        exponents += law.interval(0).low <= (0.3 if form == POWER else 3e4) <= law.interval(0).high
    assert 0.92 < inside / 400 < 0.98
    assert 0.92 < exponents / 400 < 0.98


def test_what_is_not_determined_is_not_fitted_and_what_leaves_nothing_over_has_no_interval() -> None:
    together = np.array([[1e3, 1e3], [2e3, 2e3], [4e3, 4e3]])
    assert fitted(POWER, together, np.array([1.0, 2.0, 4.0])) is None
    assert fitted(POWER, together[:1], np.array([1.0])) is None
    law = fitted(POWER, together[:2, :1], np.array([1.0, 2.0]))
    assert law.interval(0).mean == pytest.approx(1)
    assert np.isnan([law.interval(0).low, law.predicted([9e3]).high]).all()


@pytest.mark.parametrize("otherwise", [POWER, AFFINE])
def test_the_form_that_foretells_better_is_taken(otherwise: str) -> None:
    size = np.array([[1e3], [1e4], [1e5], [1e6]])
    assert better_form(size, 3 * size[:, 0] ** 0.4, otherwise) == POWER
    assert better_form(size, 5e8 + 3e3 * size[:, 0], otherwise) == AFFINE
    assert better_form(size, 3 * size[:, 0], otherwise) == otherwise  # both say the same
    assert better_form(size[:2], np.array([1.0, 2.0]), otherwise) == otherwise
