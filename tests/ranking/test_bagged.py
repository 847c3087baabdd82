"""The mean of several trainings."""

from dataclasses import replace

import numpy as np

from ranking.bagged import Bagged
from ranking.lambdamart import LambdaMart
from tests.contracts import rows

OF = LambdaMart(num_trees=12, stop_after=5, min_rows_a_leaf=10, feature_fraction=0.5)


def tables():
    return [rows.table(1), rows.table(2)], rows.table(3)


def test_the_score_is_the_mean_of_members_that_differ_in_their_seed() -> None:
    bag = Bagged(of=OF, members=3).fit(tables, 1)
    candidates = rows.candidates(0)
    matrix = rows.features(len(candidates), 0)
    alone = [replace(OF, seed=seed).fit(tables, 1).score(candidates, matrix) for seed in range(3)]
    assert not np.array_equal(alone[0], alone[1])
    np.testing.assert_allclose(bag.score(candidates, matrix), np.mean(alone, axis=0), rtol=1e-6)


def test_the_tables_are_built_once_and_the_first_member_is_watched() -> None:
    built, seen = [], []

    def counted():
        built.append(1)
        return tables()

    Bagged(of=OF, members=2).fit(counted, 1, lambda n, ndcg: seen.append(n))
    assert len(built) == 1
    assert seen == sorted(set(seen))
    assert seen


def test_importance_is_a_share() -> None:
    shares = Bagged(of=OF, members=2).fit(tables, 1).importance()
    assert abs(sum(shares.values()) - 1) < 1e-9


def test_where_none_stops_a_few_are_judged_and_all_are_what_they_would_be_alone() -> None:
    of = replace(OF, stop_after=None)
    judged = Bagged(of=of, members=4).stopped(tables, 1)
    bag = Bagged(of=of, members=4).refitted(judged, tables, 1)
    assert list(judged.members) == ["member_0", "member_1", "member_2"]
    assert [member.model for member in bag.members.values()] == [
        replace(of, seed=seed).fit(tables, 1).model for seed in range(4)
    ]


def test_without_a_second_training_all_members_are_in_the_bag_that_is_judged() -> None:
    of = replace(OF, stop_after=None, refit=False)
    judged = Bagged(of=of, members=4).stopped(tables, 1)
    assert len(judged.members) == 4
    assert Bagged(of=of, members=4).refitted(judged, tables, 1) == judged
