"""Parts of the synthetic shop: draws, labels, moments of purchase."""

import numpy as np
import pytest

from dataset.ragged import Ragged
from dataset.shop.activity import make_schedule
from dataset.shop.catalogue import Catalogue, make_catalogue
from dataset.shop.draws import draw_by_row, draw_distinct, draw_index
from dataset.shop.labels import avoidable_bits, make_functions, make_ingredients
from dataset.shop.population import make_population
from dataset.shop.words import AVOIDABLE, CATEGORIES, CONCERNS, FUNCTIONS, INGREDIENTS, STYLES


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return make_catalogue(2_000, 365, np.random.default_rng(5))


@pytest.fixture(scope="module")
def ingredients(catalogue: Catalogue) -> Ragged:
    return make_ingredients(catalogue, np.random.default_rng(6))


def test_draws_follow_their_weights() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([0.0, 1.0, 3.0, 0.0, 6.0])
    expected = weights / weights.sum()
    for drawn in (
        draw_index(rng, weights, 20_000),
        draw_by_row(rng, np.tile(weights, (20_000, 1))),
    ):
        np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 20_000, expected, atol=0.015)
    pairs = draw_distinct(rng, np.tile([1.0, 2.0, 7.0], (20_000, 1)), 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    np.testing.assert_allclose(np.bincount(pairs[:, 0]) / 20_000, [0.1, 0.2, 0.7], atol=0.015)
    second_after_last = pairs[pairs[:, 0] == 2, 1]
    shares = np.bincount(second_after_last) / len(second_after_last)
    np.testing.assert_allclose(shares, [1 / 3, 2 / 3], atol=0.02)


def test_labels_are_lists_in_label_order(ingredients: Ragged) -> None:
    assert ingredients.lengths.min() >= 8
    assert ingredients.lengths.max() <= 30
    water, fragrance = INGREDIENTS.index("water"), INGREDIENTS.index("fragrance")
    first = ingredients.values[ingredients.offsets[:-1]]
    has_water = np.bincount(ingredients.rows[ingredients.values == water], minlength=2_000) > 0
    assert has_water.mean() > 0.7
    assert (first[has_water] == water).all()
    place = (np.arange(len(ingredients.values)) - ingredients.offsets[ingredients.rows]) / (
        ingredients.lengths[ingredients.rows] - 1
    )
    assert place[ingredients.values == fragrance].mean() > 0.85


def test_content_tells_of_need_and_taste(catalogue: Catalogue, ingredients: Ragged) -> None:
    functions = make_functions(catalogue, np.random.default_rng(7))
    claims = np.zeros((2_000, len(FUNCTIONS)), bool)
    claims[functions.rows, functions.values] = True
    treats = catalogue.strength > 0
    assert treats.any(axis=1).all()
    said = claims[:, [FUNCTIONS.index(word) for word in CONCERNS]]
    assert said[treats].mean() > 0.85
    assert said[~treats].mean() < 0.05
    contents = np.zeros((2_000, len(INGREDIENTS)), np.float32)
    contents[ingredients.rows, ingredients.values] = 1
    style = np.eye(len(STYLES), dtype=np.float32)[catalogue.style]
    half = slice(0, 1_000), slice(1_000, 2_000)
    centre = (style[half[0]].T @ contents[half[0]]) / style[half[0]].sum(axis=0)[:, None]
    guess = ((centre - centre.mean(axis=0)) @ contents[half[1]].T).argmax(axis=0)
    assert (guess == catalogue.style[half[1]]).mean() > 0.25  # by chance 1 in 24


def test_everybody_can_buy_the_plain_product(catalogue: Catalogue, ingredients: Ragged) -> None:
    bits = avoidable_bits(ingredients)
    assert bits[catalogue.plain] == 0
    assert catalogue.launch_day[catalogue.plain] < 0
    for place, word in enumerate(AVOIDABLE):
        holders = np.unique(ingredients.rows[ingredients.values == INGREDIENTS.index(word)])
        np.testing.assert_array_equal(np.flatnonzero(bits >> np.uint64(place) & np.uint64(1)), holders)
        assert len(holders) > 5


def test_prices_follow_brand_tiers_and_stock_runs_out_now_and_then(catalogue: Catalogue) -> None:
    dear, cheap = catalogue.brand_tier[catalogue.brand] == 3, catalogue.brand_tier[catalogue.brand] == 0
    assert np.median(catalogue.price[dear]) > 2.5 * np.median(catalogue.price[cheap])
    assert 0.01 < (~catalogue.in_stock).mean() < 0.06
    assert (catalogue.launch_day < 0).mean() == pytest.approx(0.6, abs=0.05)
    assert catalogue.launch_day.max() < 365
    assert set(catalogue.category) == set(range(len(CATEGORIES)))


def test_moments_rise_strictly_and_stay_within_the_days(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(1)
    for n_days, rate in ((1, 300.0), (2, 40.0), (365, 20.0)):
        population = make_population(300, n_days, 0.13, catalogue, rng)
        schedule = make_schedule(population, rate, 86_400_000, n_days, rng)
        same = schedule.user[1:] == schedule.user[:-1]
        assert (np.diff(schedule.time)[same] > 0).all()
        assert (np.diff(schedule.user) >= 0).all()
        first = 86_400_000 + population.first_day[schedule.user].astype(np.int64) * 86_400
        assert (schedule.time >= first).all()
        assert schedule.time.max() < 86_400_000 + n_days * 86_400
        assert len(schedule.time) == pytest.approx(300 * rate, rel=0.35)
        assert schedule.offsets[-1] == len(schedule.time)
