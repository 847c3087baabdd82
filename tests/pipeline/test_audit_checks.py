"""The parts that checks are made of, each against a way that is longer and plainer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.canonical import Tables
from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.errors import ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.sources.shop import Shop
from pipeline.audit.codes import CodesSayNothing, standard_score
from pipeline.audit.duplicated_rows import DuplicatedRows, repeated
from pipeline.audit.future import Future
from pipeline.audit.label_copies import LabelCopies, areas_within_queries
from pipeline.audit.permuted_ids import PermutedIds, permuted
from pipeline.audit.shuffled_labels import ShuffledLabels, TaughtNonsense, shuffled
from ranking.lambdamart import LambdaMart
from ranking.sampling import Sampling
from ranking.table import RankingTable


def table(seed: int, m: int, n_columns: int) -> RankingTable:
    """Pools of 0 to 6 candidates with few distinct values, some unknown, some infinite."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 7, m))]).astype(np.int64)
    values = rng.integers(0, 4, (int(offsets[-1]), n_columns)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    values[rng.random(values.shape) < 0.1] = -np.inf
    grade = rng.integers(0, 3, len(values)).astype(np.int8)
    names = tuple(f"some.{at}" for at in range(n_columns))
    return RankingTable(offsets, FeatureMatrix(values, names), grade)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), m=st.integers(0, 6))
def test_areas_are_those_of_all_pairs(seed: int, m: int) -> None:
    made = table(seed, m, 3)
    won: dict[str, list[float]] = {name: [] for name in made.features.names}
    for query in range(m):
        rows = range(made.offsets[query], made.offsets[query + 1])
        for taken in (row for row in rows if made.grade[row] > 0):
            for other in (row for row in rows if made.grade[row] == 0):
                for at, name in enumerate(won):
                    pair = made.features.values[[taken, other], at].tolist()
                    a, b = (((0, 0.0) if value != value else (1, value)) for value in pair)  # unknown: least
                    won[name].append(1.0 if a > b else 0.5 if a == b else 0.0)
    expected = {name: np.mean(pairs) if pairs else np.nan for name, pairs in won.items()}
    np.testing.assert_allclose(list(areas_within_queries(made).values()), list(expected.values()))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), m=st.integers(0, 6))
def test_labels_are_shuffled_within_queries(seed: int, m: int) -> None:
    made = table(seed, m, 1)
    once, twice = shuffled(made, seed), shuffled(made, seed)
    np.testing.assert_array_equal(once.grade, twice.grade)
    for query in range(m):
        rows = slice(made.offsets[query], made.offsets[query + 1])
        assert sorted(once.grade[rows]) == sorted(made.grade[rows])


def test_shuffled_labels_lie_elsewhere() -> None:
    made = table(1, 400, 1)
    copied = replace(made, features=FeatureMatrix(made.grade.astype(np.float32)[:, None], ("copy.label",)))
    assert areas_within_queries(copied)["copy.label"] == 1
    lost = replace(copied, grade=shuffled(copied, 0).grade)
    assert abs(areas_within_queries(lost)["copy.label"] - 0.5) < 0.1


class Remembers:
    """Stands for a ranker: keeps the tables that it is handed."""

    def fit(self, tables, threads, watch=None):
        self.tables = tables()
        return self


def test_a_ranker_taught_nonsense_is_the_same_ranker_otherwise() -> None:
    past, validation, ranker = [table(1, 50, 2), table(2, 50, 2)], table(3, 50, 2), Remembers()
    nonsense = TaughtNonsense(of=ranker, seed=4)  # type: ignore[arg-type]
    nonsense.fit(lambda: (past, validation), 1)
    for given_, seen in zip([*past, validation], [*ranker.tables[0], ranker.tables[1]], strict=True):
        np.testing.assert_array_equal(seen.features.values, given_.features.values)
        assert (seen.grade != given_.grade).any()
    sampling = Sampling(negatives=0.7)
    assert TaughtNonsense(of=LambdaMart(sampling=sampling)).sampling == sampling
    assert nonsense.sampling == Sampling()


@settings(max_examples=40)
@given(st.permutations(list(range(40))))
def test_codes_in_any_drawn_order_score_low(order: list[int]) -> None:
    """The coefficient is Spearman's, and its square is at most n - 1 in standard deviations."""
    expected = pd.Series(order).corr(pd.Series(range(40)), method="spearman") * np.sqrt(39)
    assert standard_score(np.array(order)) == pytest.approx(expected)


def test_codes_in_order_score_high_and_ties_lower() -> None:
    assert standard_score(np.arange(401)) == pytest.approx(20)
    assert standard_score(-np.arange(401)) == pytest.approx(-20)
    assert 10 < standard_score(np.arange(401) // 100) < 20
    assert standard_score(np.ones(401)) == 0
    assert standard_score(np.arange(2)) == 0
    scores = [standard_score(np.random.default_rng(seed).integers(0, 9, 300)) for seed in range(300)]
    assert 0.85 < np.std(scores) < 1.15
    assert np.abs(scores).max() < 5


@pytest.fixture(scope="module")
def tables() -> Tables:
    return replace(Shop(n_users=40, n_items=30, n_days=100, events_per_user=20).read(), oracle=None)


@pytest.mark.slow
@pytest.mark.parametrize(("share", "seed"), [(0.01, 0), (0.3, 1), (1.0, 2)])
def test_repeated_rows_are_merged_again(tables: Tables, share: float, seed: int) -> None:
    """Of a repeated id the last row counts, so the user who is there twice with another age must stay so."""
    older = tables.users.iloc[[0]].assign(age=99.0)
    twice = replace(tables, users=pd.concat([older, tables.users], ignore_index=True))
    more, n_rows = repeated(twice, share, seed)
    assert n_rows == sum(
        len(getattr(more, name)) - len(getattr(twice, name)) for name in ("users", "items", "interactions")
    )
    assert n_rows >= 3
    assert len(more.interactions) > len(twice.interactions)
    digests = {encode(clean(made)[0], "shop").digest for made in (tables, twice, more)}
    assert len(digests) == 1


def test_other_ids_in_another_order_are_the_same_data(tables: Tables) -> None:
    cleaned, _ = clean(tables)
    other, users = permuted(cleaned, seed=3)
    assert set(users) == set(cleaned.users["user"])
    assert set(users.values()) == set(other.users["user"])
    assert other.interactions["user"].tolist() != cleaned.interactions["user"].map(users).tolist()
    assert other.items["item"].tolist() != cleaned.items["item"].tolist()
    back = {new: old for old, new in users.items()}
    one, two = (
        frame.assign(rows=1).groupby(["user", "timestamp"])["rows"].sum().to_dict()
        for frame in (
            cleaned.interactions,
            other.interactions.assign(user=other.interactions["user"].map(back)),
        )
    )
    assert one == two
    ages = cleaned.users.set_index("user")["age"]
    np.testing.assert_array_equal(
        other.users.set_index("user")["age"].loc[[users[user] for user in ages.index]], ages
    )
    counts = [np.sort(made.interactions["item"].value_counts().to_numpy()) for made in (cleaned, other)]
    np.testing.assert_array_equal(*counts)


@pytest.mark.parametrize(
    ("check", "setting"),
    [
        (Future, {"queries": 0}),
        (Future, {"seed": -1}),
        (CodesSayNothing, {"limit": "5"}),
        (DuplicatedRows, {"share": 0}),
        (DuplicatedRows, {"share": 1.5}),
        (LabelCopies, {"limit": 0.4}),
        (LabelCopies, {"noise": -1}),
        (ShuffledLabels, {"n_resamples": 0}),
        (PermutedIds, {"tolerance": -0.1}),
        (PermutedIds, {"copies": 0}),
    ],
)
def test_a_wrong_setting_is_named(check: type, setting: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(setting))):
        check(**setting)
