"""The oracle of the synthetic shop tells the truth: what it says is what happens."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chi2

from dataset.canonical import Tables
from dataset.errors import DataContractError
from dataset.shop.choice import (
    DUE_FROM,
    DUE_TO,
    MEMORY,
    OWNED_AGAIN,
    Purchases,
    draw_epoch,
    people_of,
    shelf_of,
)
from dataset.shop.mixtures import AT_BASE, AT_FASHION, AT_ROUTINE, N_OWN
from dataset.shop.oracle import ShopOracle
from dataset.sources.shop import Shop

_START = 18_993
_DAY = 86_400
_OF_USERS = ("components", "weights", "tier", "habit", "avoids")


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Shop(n_users=500, n_items=150, n_days=600, events_per_user=130, seed=11).read()


@pytest.fixture(scope="module")
def oracle(tables: Tables) -> ShopOracle:
    assert isinstance(tables.oracle, ShopOracle)
    return tables.oracle


@pytest.fixture(scope="module")
def told(oracle: ShopOracle) -> npt.NDArray[np.float32]:
    """What the oracle says at the moment of each purchase."""
    return oracle.probabilities(purchase_users(oracle), oracle.purchase_time)


def purchase_users(oracle: ShopOracle) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(len(oracle.user_rows)), np.diff(oracle.purchase_offsets))


def plainly(oracle: ShopOracle, user: int, time: int) -> npt.NDArray[np.float64]:
    """P(i | u, t) as `dataset.shop` writes it, spelt out with loops."""
    parts, mixtures = oracle.components, oracle.mixtures
    n_items, epoch = parts.n_items, int(parts.epoch_of(np.array([time]))[0])
    sales = parts.sales(epoch)
    past = slice(oracle.purchase_offsets[user], oracle.purchase_offsets[user + 1])
    before = oracle.purchase_time[past] < time
    items = oracle.purchase_item[past][before][-MEMORY:].tolist()
    times = oracle.purchase_time[past][before][-MEMORY:].tolist()

    def component(c: int) -> npt.NDArray[np.float64]:
        density = np.zeros(n_items)
        entries = slice(parts.offsets[c], parts.offsets[c + 1])
        np.add.at(density, parts.item[entries], parts.affinity[entries] * sales[parts.item[entries]])
        return density / density.sum() if density.sum() > 0 else density

    weights = mixtures.weights[user].astype(np.float64)
    mixed = np.zeros(n_items)
    for slot in range(N_OWN):
        mixed = mixed + weights[slot] * component(int(mixtures.components[user, slot]))
    for trend, heat in enumerate(parts.heat[epoch]):
        mixed = mixed + weights[AT_FASHION] * heat * component(parts.fashion + trend)
    last = parts.category[items[-1]] if items else len(mixtures.replenish_days)
    for category, share in enumerate(mixtures.transitions[last]):
        step = parts.routine + 4 * category + int(mixtures.tier[user])
        mixed = mixed + weights[AT_ROUTINE] * share * component(step)
    mixed = mixed + weights[AT_BASE] * component(parts.base)
    mixed[(parts.avoidable & mixtures.avoids[user]) != 0] = 0
    mixed[list(set(items))] *= OWNED_AGAIN
    due = np.zeros(n_items)
    for item, when in dict(zip(items, times, strict=True)).items():  # the newest purchase wins
        x = (time - when) / (mixtures.replenish_days[parts.category[item]] * _DAY)
        due[item] = max(0.0, min((x - DUE_FROM) / (1 - DUE_FROM), (DUE_TO - x) / (DUE_TO - 1)))
    total = due.sum()
    habit = mixtures.habit[user] * total / (total + 1)
    chosen = (1 - habit) * mixed + (habit * due / total if total else 0)
    return np.asarray(chosen / chosen.sum())


def test_it_is_the_formula(oracle: ShopOracle, told: npt.NDArray[np.float32]) -> None:
    users = purchase_users(oracle)
    for row in range(0, len(users), len(users) // 40):
        expected = plainly(oracle, int(users[row]), int(oracle.purchase_time[row]))
        np.testing.assert_allclose(told[row], expected, atol=2e-6)


def test_rows_are_distributions(told: npt.NDArray[np.float32]) -> None:
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
    assert (told >= 0).all()


def test_what_is_likely_happens_that_often(oracle: ShopOracle, told: npt.NDArray[np.float32]) -> None:
    """Calibration: in twenty bands of probability the purchases are as many as foretold, within chance."""
    hit = np.zeros(told.shape, bool)
    hit[np.arange(len(told)), oracle.purchase_item] = True
    p, hit_flat = told.ravel().astype(np.float64), hit.ravel()
    assert hit_flat[p == 0].sum() == 0
    bands = np.searchsorted(np.quantile(p[p > 0], np.linspace(0, 1, 21)[1:-1]), p)
    expected = np.bincount(bands, p, 20)
    variance = np.bincount(bands, p * (1 - p), 20)
    deviation = (np.bincount(bands, hit_flat, 20) - expected) / np.sqrt(variance)
    assert (deviation**2).sum() < 45.3  # chi-square, 20 degrees of freedom, one in a thousand


@pytest.mark.parametrize("part", ["habit", "weights", "heat", "transitions", "available_epoch", "affinity"])
def test_another_model_explains_the_purchases_worse(
    oracle: ShopOracle, told: npt.NDArray[np.float32], part: str
) -> None:
    """The likelihood of the truth is beyond that of a neighbour by more than four standard errors."""
    parts, mixtures = oracle.components, oracle.mixtures
    if part == "habit":
        other = replace(oracle, mixtures=replace(mixtures, habit=mixtures.habit * np.float32(0.6)))
    elif part == "weights":
        other = replace(oracle, mixtures=replace(mixtures, weights=np.roll(mixtures.weights, 1, axis=0)))
    elif part == "transitions":
        other = replace(
            oracle, mixtures=replace(mixtures, transitions=np.roll(mixtures.transitions, 1, axis=0))
        )
    elif part == "heat":
        other = replace(oracle, components=replace(parts, heat=np.roll(parts.heat, 3, axis=0)))
    elif part == "available_epoch":
        early = np.maximum(parts.available_epoch - 1, 0)
        other = replace(oracle, components=replace(parts, available_epoch=early))
    else:
        other = replace(oracle, components=replace(parts, affinity=np.ones_like(parts.affinity)))
    rows = np.arange(len(told)), oracle.purchase_item
    wrong = other.probabilities(purchase_users(oracle), oracle.purchase_time)
    gain = np.log(told[rows].astype(np.float64)) - np.log(np.maximum(wrong[rows].astype(np.float64), 1e-9))
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize("which", ["avoids", "habit", "first"])
def test_draws_follow_the_oracle(oracle: ShopOracle, told: npt.NDArray[np.float32], which: str) -> None:
    """One moment lived twenty thousand times: the kernel draws each item as often as the oracle says."""
    users, n_clones = purchase_users(oracle), 20_000
    parts, mixtures, begin = oracle.components, oracle.mixtures, oracle.purchase_offsets
    age = np.arange(len(users)) - begin[users]
    bought = oracle.purchase_item
    repeated = np.array([bought[row] in bought[begin[user] : row] for row, user in enumerate(users)])
    wanted = {
        "avoids": (mixtures.avoids[users] > 0) & (age == 3),
        "habit": repeated & (age == 9),
        "first": age == 0,
    }
    row = int(np.flatnonzero(wanted[which])[1])
    user, n_past = int(users[row]), int(age[row])
    past = slice(row - n_past, row + 1)
    item = np.tile(oracle.purchase_item[past], n_clones)
    offsets = np.arange(n_clones + 1) * (n_past + 1)
    rows = offsets[1:] - 1
    item[rows] = -1
    lived = Purchases(offsets, item, np.tile(oracle.purchase_time[past], n_clones))
    clones = {
        name: np.repeat(getattr(mixtures, name)[user : user + 1], n_clones, axis=0) for name in _OF_USERS
    }
    epoch = int(parts.epoch_of(oracle.purchase_time[row : row + 1])[0])
    draw_epoch(
        shelf_of(parts, mixtures, epoch),
        people_of(replace(mixtures, **clones)),
        lived,
        rows,
        np.repeat(np.arange(n_clones, dtype=np.int32), n_past + 1),
        np.zeros(len(item) + 1, np.int64),
        np.zeros(0, np.int32),
        np.random.default_rng(1),
    )
    expected = told[row].astype(np.float64) * n_clones
    observed = np.bincount(item[rows], minlength=len(expected))
    assert observed[expected == 0].sum() == 0
    often = expected > 5
    statistic = ((observed - expected)[often] ** 2 / expected[often]).sum()
    assert statistic < chi2.ppf(0.9999, often.sum())


@pytest.mark.parametrize("which", ["item", "category", "repeat"])
def test_marginals_agree(oracle: ShopOracle, told: npt.NDArray[np.float32], which: str) -> None:
    """Sums of the probabilities agree with counts: by item, by category after category, for repurchases."""
    p = told.astype(np.float64)
    n, n_items = p.shape
    bought = np.zeros(p.shape)
    bought[np.arange(n), oracle.purchase_item] = 1
    if which == "item":
        groups = np.broadcast_to(np.arange(n_items), p.shape)
    elif which == "category":
        category = oracle.components.category
        previous = np.where(np.arange(n) == oracle.purchase_offsets[purchase_users(oracle)], 18, 0)
        previous[previous == 0] = category[oracle.purchase_item[np.flatnonzero(previous == 0) - 1]]
        groups = previous[:, None] * 18 + category
    else:
        users = purchase_users(oracle)
        owned = np.zeros((len(oracle.user_rows), n_items), bool)
        groups = np.empty(p.shape, np.int64)
        for row, (user, item) in enumerate(zip(users, oracle.purchase_item, strict=True)):
            groups[row] = owned[user]
            owned[user, item] = True
    size = int(groups.max()) + 1
    expected, variance = (np.bincount(groups.ravel(), x.ravel(), size) for x in (p, p * (1 - p)))
    observed = np.bincount(groups.ravel(), bought.ravel(), size)
    seen = variance > 3
    deviation = (observed - expected)[seen] / np.sqrt(variance[seen])
    assert abs(deviation).max() < 5
    assert (deviation**2).mean() < 1 + 5 * np.sqrt(2 / seen.sum())


def test_it_knows_the_shelf_and_what_is_avoided(oracle: ShopOracle, tables: Tables) -> None:
    launched = tables.items["launched_at"].dt.as_unit("s").astype("int64").to_numpy()
    user = np.arange(500)
    for day in (0, 100, 333, 600, 900):
        moment = (_START + day) * _DAY
        p = oracle.probabilities(user, np.full(500, moment))
        assert p[:, launched > moment].sum() == 0
        for row in range(0, 500, 25):
            avoids = set(tables.users["avoids"][row])
            refused = [bool(avoids & set(names)) for names in tables.items["ingredients"]]
            assert p[row, refused].sum() == 0


def test_it_does_not_look_ahead(oracle: ShopOracle) -> None:
    moment = (_START + 300) * _DAY
    past = oracle.purchase_time < moment
    kept = np.bincount(purchase_users(oracle)[past], minlength=500)
    blind = replace(
        oracle,
        purchase_offsets=np.concatenate([[0], np.cumsum(kept)]),
        purchase_item=oracle.purchase_item[past],
        purchase_time=oracle.purchase_time[past],
    )
    user, time = np.arange(500), np.full(500, moment)
    np.testing.assert_array_equal(blind.probabilities(user, time), oracle.probabilities(user, time))


def test_it_beats_popularity_by_far_on_new_items(oracle: ShopOracle) -> None:
    cutoff = (_START + 600 - 182) * _DAY
    users, items = purchase_users(oracle), oracle.purchase_item
    past = oracle.purchase_time < cutoff
    owned, later = np.zeros((2, 500, 150), bool)
    owned[users[past], items[past]] = True
    later[users[~past], items[~past]] = True
    later &= ~owned
    asked = np.flatnonzero(owned.any(axis=1) & later.any(axis=1))
    sales = np.bincount(items[past], minlength=150).astype(np.float64)
    popularity = np.broadcast_to(sales, (len(asked), 150))
    truth = oracle.probabilities(asked, np.full(len(asked), cutoff))
    recall = {}
    for name, scores in (("popularity", popularity), ("oracle", truth)):
        top = np.argsort(-np.where(owned[asked], -1, scores), axis=1, kind="stable")[:, :10]
        hits = np.take_along_axis(later[asked], top, axis=1).sum(axis=1)
        recall[name] = float((hits / later[asked].sum(axis=1)).mean())
    assert recall["oracle"] > 1.6 * recall["popularity"], recall


def test_recode_renames_and_refuses_nonsense(oracle: ShopOracle) -> None:
    rng = np.random.default_rng(0)
    users, items = rng.permutation(500), rng.permutation(150)
    time = np.full(500, (_START + 200) * _DAY)
    direct = oracle.probabilities(np.arange(500), time)
    coded = oracle.recode(users, items)
    np.testing.assert_array_equal(coded.probabilities(np.arange(500), time), direct[users][:, items])
    again = coded.recode(np.argsort(users), np.argsort(items))
    np.testing.assert_array_equal(again.probabilities(np.arange(500), time), direct)
    fewer = oracle.recode(users[:9], items[:100])
    expected = direct[users[:9]][:, items[:100]]
    np.testing.assert_array_equal(fewer.probabilities(np.arange(9), time[:9]), expected)
    bad: tuple[tuple[Any, Any], ...] = ((users, items - 1), (users + 1, items), (users, np.zeros(150, int)))
    for user_rows, item_rows in bad:
        with pytest.raises(DataContractError):
            oracle.recode(user_rows, item_rows)
