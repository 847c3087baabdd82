"""The metrics of lists, one by one: coverage, concentration, novelty, diversity, categories, age."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ParameterError
from dataset.interactions import SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from dataset.ragged import Ragged
from dataset.vectors import Vectors
from evaluation.metrics import diversity
from evaluation.metrics.calibration import Calibration
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.diversity import Diversity
from evaluation.metrics.gini import Gini
from evaluation.metrics.membership import is_in_row
from evaluation.metrics.new_items import NewItems
from evaluation.metrics.novelty import Novelty
from evaluation.metrics.popularity_lift import PopularityLift
from evaluation.metrics.repeats import Repeats
from evaluation.profiles import Profiles
from tests.evaluation.samples import ranked_of
from tests.evaluation.worlds import histories_of

METRICS = (Coverage, Gini, Novelty, Diversity, Calibration, NewItems, PopularityLift, Repeats)
_item_lists = st.lists(st.lists(st.integers(0, 7), max_size=6, unique=True), min_size=1, max_size=6)


def pairwise_gini(counts):
    """Mean absolute difference of all pairs over twice the mean, as a share of the largest possible."""
    n, total = len(counts), sum(counts)
    apart = sum(abs(a - b) for a in counts for b in counts)
    return apart / (2 * n * total) * n / (n - 1)


@settings(max_examples=40)
@given(lists=_item_lists, k=st.integers(1, 7), available=st.lists(st.booleans(), min_size=8, max_size=8))
def test_coverage_and_gini_are_what_their_definitions_say(lists, k, available):
    mask = np.array(available)
    counts = [sum(item in chosen[:k] for chosen in lists) for item in range(8) if available[item]]
    coverage, gini = (metric(k)(ranked_of(lists, 6), mask) for metric in (Coverage, Gini))
    expected = sum(count > 0 for count in counts) / len(counts) if counts else math.nan
    assert coverage == pytest.approx(expected, nan_ok=True)
    defined = len(counts) > 1 and sum(counts) > 0
    assert gini == pytest.approx(pairwise_gini(counts) if defined else math.nan, nan_ok=True)


def test_gini_of_equal_shares_and_of_one_item_alone():
    everything = np.ones(4, bool)
    assert Gini(2)(ranked_of([[0, 1], [2, 3]], 2), everything) == 0
    assert Gini(1)(ranked_of([[2], [2], [2]], 1), everything) == 1
    assert Gini(1)(ranked_of([[2], [2], [2]], 1), np.array([True, True, False, True])) != 0  # NaN


@settings(max_examples=40)
@given(lists=_item_lists, k=st.integers(1, 7), popularity=st.lists(st.integers(0, 9), min_size=8, max_size=8))
def test_novelty_is_what_its_definition_says(lists, k, popularity):
    values = Novelty(k)(ranked_of(lists, 6), np.array(popularity), n_users=9)
    for value, chosen in zip(values, lists, strict=True):
        bits = [math.log2(9 / max(popularity[item], 1)) for item in chosen[:k]]
        assert value == pytest.approx(np.mean(bits) if bits else math.nan, nan_ok=True)


@settings(max_examples=40)
@given(
    rows=st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=4),
    values=st.lists(st.integers(-1, 9), min_size=3, max_size=3),
)
def test_membership_is_by_row(rows, values):
    pairs = [(row, value) for row, held in enumerate(rows) for value in held]
    row, value = (
        (np.array(column, np.int64) for column in zip(*pairs, strict=True))
        if pairs
        else [np.zeros(0, np.int64)] * 2
    )
    table = Ragged.from_pairs(row, value, len(rows))
    asked = np.tile(np.array(values), (len(rows), 1))
    found = is_in_row(np.arange(len(rows))[:, None], asked, table)
    np.testing.assert_array_equal(found, [[value in held for value in values] for held in rows])


def calibration_of(events, chosen, category):
    category = np.array(category, np.int32)
    profiles = Profiles.of(histories_of([events]), category, np.ones(len(category), np.int64))
    return Calibration(10)(ranked_of([chosen], 10), category, profiles)[0]


def test_calibration_of_the_same_proportions_and_of_nothing_in_common():
    bought = [(0, "purchase"), (1, "purchase"), (2, "purchase")]
    category = [0, 0, 1, 0, 0, 1, 2]
    assert calibration_of(bought, [3, 4, 5], category) == pytest.approx(0, abs=1e-12)
    assert calibration_of(bought, [6], category) == pytest.approx(math.log(100))
    halved = 2 / 3 * math.log(2 / 3 / (0.99 / 2 + 0.01 * 2 / 3)) + 1 / 3 * math.log(
        1 / 3 / (0.99 / 2 + 0.01 / 3)
    )
    assert calibration_of(bought, [3, 5], category) == pytest.approx(halved)


def test_calibration_with_one_category_alone():
    assert calibration_of([(0, "purchase")], [1], [0, 0]) == 0


@pytest.mark.parametrize(
    ("events", "chosen", "category"),
    [
        ([], [1], [0, 0]),  # no history
        ([(0, "search")], [1], [0, 0]),  # none that says anything: its kind has no weight
        ([(0, "purchase")], [], [0, 0]),
        ([(0, "purchase")], [1], [0, -1]),
        ([(0, "purchase")], [1], [-1, 0]),
        ([(0, "purchase")], [1], [-1, -1]),
    ],
)
def test_calibration_without_a_category_on_both_sides(events, chosen, category):
    assert math.isnan(calibration_of(events, chosen, category))


def test_new_is_what_became_known_within_the_window_or_never_had_an_event():
    now, day = 1000 * SECONDS_PER_DAY, SECONDS_PER_DAY
    known_since = np.array([now - 90 * day, now - 90 * day + 1, UNKNOWN_TIME, now + day])
    values = NewItems(4)(ranked_of([[0], [1], [2], [3], [0, 1], []], 4), known_since, np.full(6, now))
    np.testing.assert_allclose(values, [0, 1, 1, 1, 0.5, math.nan])


def test_repeats_among_the_first_k():
    is_repeat = np.array([[True, False, True], [False, False, False], [True, False, False]])
    np.testing.assert_allclose(Repeats(2)(is_repeat, np.array([3, 0, 1])), [0.5, math.nan, 1])


def test_popularity_is_of_lists_and_histories_of_the_same_users():
    values = PopularityLift(2)(
        ranked_of([[0, 1, 2], [], [2]], 3), np.array([4, 2, 9]), np.array([1.0, 5.0, math.nan])
    )
    np.testing.assert_allclose(values, [[3, 1], [math.nan] * 2, [math.nan] * 2])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [0, "10", 2.0, True])
def test_the_cutoff_is_a_positive_int(metric, k):
    with pytest.raises(ParameterError, match="'k' parameter"):
        metric(k)


def test_the_smoothing_is_a_share():
    for alpha in (0, 1.5, "little"):
        with pytest.raises(ParameterError, match="'alpha' parameter"):
            Calibration(10, alpha)  # type: ignore[arg-type]


def test_coverage_counts_recommendable_items_among_the_first_k():
    ranked = ranked_of([[0, 1, 4], [1, 3], []], 3)
    available = np.array([True, True, True, False, True])
    assert Coverage(2)(ranked, available) == 2 / 4  # items 0 and 1; item 3 may not be recommended
    assert Coverage(3)(ranked, available) == 3 / 4


def test_coverage_of_nothing():
    assert Coverage(2)(ranked_of([], 2), np.ones(3, bool)) == 0
    assert math.isnan(Coverage(2)(ranked_of([[]], 2), np.zeros(3, bool)))


def test_novelty_is_the_mean_of_bits():
    popularity = np.array([8, 4, 1, 0])
    values = Novelty(2)(ranked_of([[0, 1, 3], [2], [3], []], 3), popularity, n_users=8)
    np.testing.assert_allclose(values, [0.5, 3.0, 3.0, math.nan])


def test_rarer_items_are_more_novel():
    values = Novelty(1)(ranked_of([[0], [1]], 1), np.array([50, 5]), n_users=100)
    assert values[0] < values[1]


@settings(max_examples=40)
@given(
    lists=st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), min_size=1, max_size=5),
    k=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_diversity_is_one_minus_the_mean_cosine_of_pairs(lists, k, seed):
    random = np.random.default_rng(seed)
    placed = np.flatnonzero(random.random(8) < 0.7).astype(np.int32)  # items 8 and 9 never have a vector
    matrix = random.normal(size=(len(placed), 3)).astype(np.float32)
    matrix[random.random(len(placed)) < 0.2] = 0
    vector_of = dict(zip(placed.tolist(), matrix.astype(np.float64), strict=True))
    values = Diversity(k)(ranked_of(lists, 6), Vectors(placed, matrix))
    for value, chosen in zip(values, lists, strict=True):
        known = [vector_of[i] for i in chosen[:k] if i in vector_of and np.linalg.norm(vector_of[i]) > 0]
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in itertools.combinations(known, 2)]
        assert value == pytest.approx(1 - np.mean(cosines) if cosines else math.nan, abs=1e-9, nan_ok=True)


def test_diversity_does_not_depend_on_the_block(monkeypatch):
    random = np.random.default_rng(0)
    vectors = Vectors(np.arange(30, dtype=np.int32), random.normal(size=(30, 4)).astype(np.float32))
    ranked = ranked_of([random.permutation(30)[:5].tolist() for _ in range(17)], 5)
    whole = Diversity(5)(ranked, vectors)
    monkeypatch.setattr(diversity, "_BLOCK_BYTES", 1)
    np.testing.assert_array_equal(Diversity(5)(ranked, vectors), whole)


def test_equal_and_opposite_items():
    vectors = Vectors(np.arange(3, dtype=np.int32), np.array([[1, 0], [2, 0], [-1, 0]], np.float32))
    np.testing.assert_allclose(Diversity(2)(ranked_of([[0, 1], [0, 2]], 2), vectors), [0, 2])


def test_diversity_without_any_vector_or_list():
    nothing = Vectors(np.zeros(0, np.int32), np.zeros((0, 4), np.float32))
    assert np.isnan(Diversity(2)(ranked_of([[0, 1]], 2), nothing)).all()
    assert Diversity(2)(ranked_of([], 2), nothing).shape == (0,)
