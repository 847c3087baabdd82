"""Distances between two tables of features, against brute force; what is found, and what refuses a run."""

import jinja2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from evaluation.report.wording import FILTERS
from evaluation.skew import MAX_EDGES, Histogram, Profile, check_skew, skew, skew_section

few = st.lists(st.sampled_from([-2.5, 0.0, 1.0, 3.0, 3.5, 7.0, np.nan]), min_size=1, max_size=40)
MISSING = 1e9  # where ks_2samp is to see what is missing


def matrix(*columns, names=None, categorical=()):
    values = np.ascontiguousarray(np.array(columns, np.float32).T)
    return FeatureMatrix(values, names or tuple(f"x.{at}" for at in range(len(columns))), categorical)


def moved(then, now, **facts):
    profile = Profile.of(matrix(then, **facts))
    return skew(profile, profile.count(matrix(now, **facts)))["x.0"]


def psi_of(then, now):
    """From counts by part, as the formula is written."""
    parts = [part for part in range(len(then)) if then[part] or now[part]]
    p = [(then[part] + 0.5) / (sum(then) + 0.5 * len(parts)) for part in parts]
    q = [(now[part] + 0.5) / (sum(now) + 0.5 * len(parts)) for part in parts]
    return sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))


@settings(max_examples=60)
@given(then=few, now=st.lists(st.sampled_from([-9.0, -2.5, 0.5, 1.0, 3.5, 8.0, np.nan]), min_size=1))
def test_the_distance_is_exact_for_few_values_whatever_comes_at_work(then, now):
    known = [np.nan_to_num(np.float32(values), nan=MISSING) for values in (then, now)]
    assert moved(then, now)["ks"] == pytest.approx(ks_2samp(*known).statistic, abs=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), ties=st.sampled_from([1, 7, 300]), shift=st.sampled_from([0, 0.1, 2]))
def test_for_many_values_it_is_too_low_by_less_than_a_bin(seed, ties, shift):
    rng = np.random.default_rng(seed)
    then, now = rng.normal(size=900).astype(np.float32), rng.normal(shift, 1, 500).astype(np.float32)
    then[:ties] = then[0]  # a heavy value, which values at work fall beside
    exact = ks_2samp(then, now).statistic
    assert exact - 1 / MAX_EDGES < moved(then, now)["ks"] <= exact + 1e-12


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0, 200]), shift=st.sampled_from([0, 0.3, 9]))
def test_the_index_is_that_between_deciles(seed, missing, shift):
    rng = np.random.default_rng(seed)
    then, now = rng.normal(size=1000).astype(np.float32), rng.normal(shift, 1, 300).astype(np.float32)
    ends = np.sort(then)[99:900:100]
    counts = [np.bincount(np.searchsorted(ends, values), minlength=10) for values in (then, now)]
    expected = psi_of([*counts[0], missing], [*counts[1], 0])
    found = moved(np.append(then, np.full(missing, np.nan)), now)["psi"]
    assert found == pytest.approx(expected, rel=1e-9)


@settings(max_examples=60)
@given(then=few, now=st.lists(st.sampled_from([-9.0, -2.5, 0.5, 1.0, 3.5, 8.0, np.nan]), min_size=1))
def test_equal_deciles_are_taken_once(then, now):
    known = sorted(value for value in then if not np.isnan(value))
    ends = sorted({known[-(-len(known) * tenth // 10) - 1] for tenth in range(1, 10)}) if known else []
    counts = [
        [*np.bincount(np.searchsorted(ends, [v for v in values if v == v]), minlength=11), 0]
        for values in (then, now)
    ]
    for count, values in zip(counts, (then, now), strict=True):
        count[-1] = len(values) - sum(count)
    assert moved(then, now)["psi"] == pytest.approx(psi_of(*counts), rel=1e-9)


@settings(max_examples=40)
@given(then=few, now=few)
def test_of_codes_each_has_its_part_and_no_order(then, now):
    codes = [-2.5, 0.0, 1.0, 3.0, 3.5, 7.0]
    counts = [[values.count(code) for code in codes] for values in (then, now)]
    unseen = sum(b for a, b in zip(*counts, strict=True) if not a)
    seen = [at for at in range(6) if counts[0][at]]
    p, q = [
        [*(count[at] for at in seen), rest, len(values) - sum(count)]
        for count, rest, values in ((counts[0], 0, then), (counts[1], unseen, now))
    ]
    found = moved(then, now, categorical=("x.0",))
    assert found["psi"] == pytest.approx(psi_of(p, q))
    shares = np.array(p) / len(then) - np.array(q) / len(now)
    assert found["ks"] == pytest.approx(np.abs(shares).sum() / 2)


def test_of_many_codes_the_frequent_ones_are_told_apart():
    then = np.repeat(np.arange(500), np.r_[np.full(300, 1), np.full(200, 3)])
    assert (Profile.of(matrix(then, categorical=("x.0",))).edges == np.arange(300, 500)).all()
    swapped = np.where(then == 499, 0, then)  # a frequent one gives way to a rare one
    assert moved(then, swapped, categorical=("x.0",))["ks"] == pytest.approx(3 / 900)


def test_nine_codes_have_a_part_of_their_own():
    then = np.repeat(np.arange(12), np.r_[[2, 3, 4], np.full(9, 20)])
    within = np.where(then < 3, 2 - then, then)  # among the rare ones, which are counted as one
    assert moved(then, within, categorical=("x.0",))["psi"] == 0
    assert moved(then, np.where(then == 3, 0, then), categorical=("x.0",))["psi"] > 0.1


@given(then=few)
def test_the_same_table_has_not_moved(then):
    assert moved(then, then) | {"by_chance": 0} == {"psi": 0, "ks": 0, "by_chance": 0}
    assert moved(then, then * 3)["ks"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("now", [-1, 1, np.nan])
def test_a_constant_that_is_another_at_work_is_seen(now):
    found = moved([0.0] * 50, [now] * 50)
    assert found["ks"] == 1


def test_what_was_never_known_in_training_and_is_at_work():
    assert moved([np.nan] * 50, [5.0] * 50)["psi"] > 5
    assert moved([np.nan] * 50, [np.nan] * 50) | {"by_chance": 0} == {"psi": 0, "ks": 0, "by_chance": 0}


def test_half_a_query_is_added_not_half_a_row():
    then, now = matrix([0.0, 1.0] * 500), matrix([1.0] * 1000)
    profile = Profile.of(then, n_queries=20)
    found = skew(profile, profile.count(now, n_queries=10))["x.0"]
    assert found["psi"] == pytest.approx(psi_of([10, 10], [0, 10]))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_blocks_add_up_to_the_whole(seed, cuts):
    rng = np.random.default_rng(seed)
    then, now = (matrix(*rng.choice([*rng.normal(size=250), np.nan], (3, n))) for n in (500, 300))
    profile, weight = Profile.of(then), rng.integers(1, 5, 300).astype(float)
    parts = np.split(np.arange(300), sorted(cuts))
    blocks = [profile.count(now.take(part), weight[part], n_queries=2) for part in parts]
    whole = profile.count(now, weight, n_queries=2 * len(parts))
    of_rows = profile.count(now, weight[::3], rows=np.arange(0, 300, 3))
    np.testing.assert_array_equal(Histogram.total(blocks).counts, whole.counts)
    assert Histogram.total(blocks).n_queries == whole.n_queries
    np.testing.assert_array_equal(
        of_rows.counts, profile.count(now.take(np.arange(0, 300, 3)), weight[::3]).counts
    )


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), n_values=st.sampled_from([5, 400]))
def test_a_weight_is_a_row_repeated(seed, n_values):
    rng = np.random.default_rng(seed)
    values = np.append(rng.normal(size=n_values), np.nan)
    rows, weight = rng.choice(values, 600).astype(np.float32), rng.integers(1, 4, 600)
    weighted = Profile.of(matrix(rows), weight.astype(float))
    repeated = Profile.of(matrix(np.repeat(rows, weight)))
    np.testing.assert_array_equal(weighted.edges, repeated.edges)
    np.testing.assert_array_equal(weighted.reference.counts, repeated.reference.counts)


def test_chance_is_what_equal_distributions_seldom_exceed():
    rng = np.random.default_rng(0)
    then, now = (matrix(*rng.normal(size=(400, n))) for n in (300, 200))
    profile = Profile.of(then, n_queries=300)
    found = skew(profile, profile.count(now, n_queries=200)).values()
    assert np.mean([f["psi"] > f["by_chance"] for f in found]) < 0.01
    assert np.mean([f["psi"] > f["by_chance"] / 2 for f in found]) > 0.01
    assert np.mean([f["psi"] for f in found]) == pytest.approx(9 * (1 / 300 + 1 / 200), rel=0.1)


@pytest.fixture(scope="module")
def compared():
    """Three features of 500 queries, of which the second has moved by a standard deviation."""
    rng = np.random.default_rng(1)
    names = ("price.log", "popularity.count_30d", "repeat.share")
    then, now = rng.normal(size=(3, 2000)), rng.normal(size=(3, 2000))
    now[1] += 1
    profile = Profile.of(matrix(*then, names=names), n_queries=500)
    return profile, profile.count(matrix(*now, names=names), n_queries=500)


SHARES = {"price.log": 0.5, "popularity.count_30d": 0.3, "repeat.share": 0.2}


def test_the_shifted_feature_is_the_worst_and_refuses_the_run(compared):
    section = skew_section(*compared, SHARES, limit=0.25)
    assert not section["passed"]
    assert section["worst"]["feature"] == next(iter(section["features"])) == "popularity.count_30d"
    assert 0.6 < section["worst"]["psi"] < 1.4
    assert section["queries"] == {"training": 500, "inference": 500}
    expected = (
        r"^Features must .* above 0\.25 \(evaluation\.max_psi\) may carry 5% .* Got 30\.0% on "
        r"popularity\.count_30d, whose index is [\d.]+; leave it out with "
        r"\+features\.exclude\.skewed=popularity\.count_30d, [^.]*\.$"
    )
    with pytest.raises(DataContractError, match=expected) as raised:
        check_skew(section)
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    ("importance", "limit", "tolerated", "passed"),
    [
        (SHARES, None, 0.0, True),
        (SHARES, 5.0, 0.0, True),
        (SHARES, 0.25, 0.3, True),
        (SHARES, 0.25, 0.29, False),
        (SHARES | {"popularity.count_30d": 0.0}, 0.25, 0.0, True),
        (SHARES | {"popularity.count_30d": 1e-6}, 0.25, 0.0, False),
        ({}, 0.25, 0.3, False),
        ({}, 0.25, 0.4, True),
    ],
)
def test_what_passes(compared, importance, limit, tolerated, passed):
    section = skew_section(*compared, importance, limit, tolerated)
    assert section["passed"] is passed
    if passed:
        check_skew(section)


def test_what_the_ranker_does_not_use_is_not_the_worst(compared):
    section = skew_section(*compared, SHARES | {"popularity.count_30d": 0.0}, limit=0.25)
    assert (section["worst"], section["above"]) == (None, 0)
    assert next(iter(section["features"])) == "popularity.count_30d"


def test_what_may_be_chance_does_not_count(compared):
    profile, histogram = compared
    section = skew_section(profile, Histogram(histogram.counts, 3), SHARES, limit=0.1, tolerated=0.0)
    assert section["passed"]
    assert section["worst"] is None


def test_nothing_at_work_is_no_skew(compared):
    nothing = compared[0].count(matrix([], [], [], names=compared[0].names), n_queries=0)
    section = skew_section(compared[0], nothing, SHARES, limit=0.25)
    assert (section["passed"], section["worst"], section["features"]) == (True, None, {})


def test_a_profile_comes_back_as_it_was_saved(compared, tmp_path):
    profile, histogram = compared
    profile.save(tmp_path / "profile")
    again = Profile.load(tmp_path / "profile")
    assert (again.names, again.categorical) == (profile.names, profile.categorical)
    assert skew(again, histogram) == skew(profile, histogram)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a"), ("a",)])
def test_other_columns_are_refused(names):
    profile = Profile.of(matrix([1, 2], [3, 4], [5, 6], names=("a", "b", "c")))
    with pytest.raises(DataContractError, match=r"the 3 of training\. Got \d, with a difference in .*c"):
        profile.count(matrix(*[[1, 2]] * len(names), names=names))
    with pytest.raises(DataContractError, match="their order"):
        profile.count(matrix([1, 2], [3, 4], [5, 6], names=("c", "b", "a")))


def test_the_report_tells_the_worst_and_shows_every_feature(compared):
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= FILTERS
    template = environment.get_template("skew.html.j2")
    section = skew_section(*compared, SHARES, limit=0.25)
    html = template.render(metrics={"skew": section}).replace("<wbr>", "")
    assert "popularity.count_30d has moved most" in html
    assert "30.0 % of the ranker" in html
    assert "refused" in html
    assert all(name in html for name in SHARES)
    assert "<details>" not in html
    features = {f"a.{n}": {"psi": 0.3, "ks": 0.1, "by_chance": 0.1, "importance": 0.05} for n in range(20)}
    many = template.render(metrics={"skew": section | {"features": features}})
    assert many.index("a.<wbr>14<") < many.index("The other 5 features") < many.index("a.<wbr>15<")
    for empty in ({}, {"skew": section | {"features": {}}}):
        assert "<section" not in template.render(metrics=empty)
