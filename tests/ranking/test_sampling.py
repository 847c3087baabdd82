import numpy as np
import pytest

from dataset.errors import ParameterError
from ranking.sampling import Sampling

N = 40_000


def rows(seed=0, n=N):
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(0, [500, 3000], (n, 2)), axis=0)
    grade = (rng.random(len(pairs)) < 0.05).astype(np.int8) * 2
    return pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32), grade


@pytest.mark.parametrize("share", [1e-6, 0.1, 0.3, 0.7, 1.0])
def test_positives_stay_and_negatives_by_their_share(share):
    user, item, grade = rows()
    kept = Sampling(negatives=share).sample(user, item, grade)
    assert (np.diff(kept) > 0).all()
    is_kept = np.zeros(len(user), bool)
    is_kept[kept] = True
    assert is_kept[grade > 0].all()
    negatives = is_kept[grade == 0]
    # Five standard deviations of a binomial share.
    assert abs(negatives.mean() - share) <= 5 * np.sqrt(share * (1 - share) / len(negatives)) + 1e-9


def test_the_draw_favours_no_user_and_no_item():
    user, item, grade = rows()
    kept = np.isin(np.arange(len(user)), Sampling(negatives=0.3).sample(user, item, 0 * grade))
    for code, n in ((user, 500), (item, 3000)):
        count = np.bincount(code, minlength=n)
        share = np.bincount(code, weights=kept, minlength=n)[count > 0] / count[count > 0]
        deviation = (share - 0.3) / np.sqrt(0.21 / count[count > 0])
        assert 0.9 < deviation.std() < 1.1
    assert abs(np.corrcoef(kept, item)[0, 1]) < 0.03


def test_the_draw_hangs_on_the_pair_alone():
    user, item, grade = rows(1, 5000)
    sampling = Sampling(negatives=0.4, seed=7)
    kept = set(sampling.sample(user, item, grade).tolist())
    order = np.random.default_rng(0).permutation(len(user))
    moved = sampling.sample(user[order], item[order], grade[order])
    assert set(order[moved].tolist()) == kept
    half = len(user) // 2
    blocks = [
        sampling.sample(user[part], item[part], grade[part]) for part in (slice(half), slice(half, None))
    ]
    assert set(np.concatenate([blocks[0], blocks[1] + half]).tolist()) == kept


def test_seeds_draw_differently_and_shares_nest():
    user, item, grade = rows(2, 5000)

    def drawn(**parameters):
        return set(Sampling(**parameters).sample(user, item, grade).tolist())

    assert drawn(seed=0) != drawn(seed=1)
    assert drawn(negatives=0.2) < drawn(negatives=0.5) < drawn(negatives=1.0)


def test_no_candidate_no_row():
    empty = np.zeros(0, np.int32)
    assert Sampling().sample(empty, empty, np.zeros(0, np.int8)).shape == (0,)


@pytest.mark.parametrize(
    "wrong", [{"negatives": 0.0}, {"negatives": 1.1}, {"negatives": "all"}, {"seed": -1}], ids=str
)
def test_wrong_parameters_are_refused(wrong):
    name = next(iter(wrong))
    with pytest.raises(ParameterError, match=f"^The '{name}' parameter of Sampling must be"):
        Sampling(**wrong)


def test_queries_without_history_are_left_out_by_default():
    user = np.arange(1000, dtype=np.int32)
    is_warm = user % 3 == 0
    np.testing.assert_array_equal(Sampling().queries(user, is_warm), np.flatnonzero(is_warm))
    some = Sampling(cold_queries=0.5).queries(user, is_warm)
    assert set(np.flatnonzero(is_warm)) < set(some)
    assert abs((~is_warm[some]).sum() / (~is_warm).sum() - 0.5) < 0.1
    np.testing.assert_array_equal(Sampling(cold_queries=1.0).queries(user, is_warm), user)


def test_queries_are_capped_by_user_not_by_place():
    user = np.arange(500, dtype=np.int32)
    sampling = Sampling(max_queries=40)
    rows = sampling.queries(user, np.ones(500, bool))
    assert len(rows) == 40
    assert (np.diff(rows) > 0).all()
    shuffled = np.random.default_rng(0).permutation(user)
    assert set(shuffled[sampling.queries(shuffled, np.ones(500, bool))]) == set(user[rows])
    assert set(rows) < set(Sampling(max_queries=80).queries(user, np.ones(500, bool)))
