"""Owned items in the order of their probability to be bought again, found the long way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from dataset.constraints import Constraints
from dataset.errors import ParameterError
from dataset.hazard import Hazard
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.repurchase import Repurchase
from dataset.snapshot import Snapshot
from retrieval.replenishment import Replenishment
from tests.contracts import shops

DAY = SECONDS_PER_DAY
SOURCE = Replenishment(horizon_days=20, hazard=Hazard(bin_days=10, longest_days=60, user_smoothing=1.0))


def open_shop(seed: int = 0, **changes: int) -> Snapshot:
    """Where anything may be bought again."""
    return replace(shops.snapshot(seed, **changes), owned_kinds=())


def bought(snapshot: Snapshot, user: int) -> dict[int, list[int]]:
    """Distinct days on which a user bought each item."""
    events, days = snapshot.history, {}
    for at in np.flatnonzero((events.user == user) & (events.kind == KINDS.index("purchase"))):
        days.setdefault(int(events.item[at]), set()).add(int(events.time[at]) // DAY)
    return {item: sorted(own) for item, own in days.items()}


def test_probabilities_are_those_of_a_loop_over_users() -> None:
    snapshot = open_shop(n_items=12, n_events=2500)
    fitted = SOURCE.fit(snapshot, {})
    requests, category = snapshot.requests(), snapshot.items.category.codes
    found = fitted.retrieve(requests, 12)
    scores = fitted.score(requests, *every_pair(snapshot)).reshape(len(requests), -1)
    today, repeated = snapshot.cutoff // DAY, 0
    for user in range(len(requests)):
        expected, seen, hoped = {}, 0, 0.0
        own = bought(snapshot, user)
        for item, days in own.items():
            gaps = [*np.diff(days), today - 1 - days[-1]]
            hoped += sum(float(fitted.hazard.cumulative(category[item], gap)) for gap in gaps)
            seen += len(gaps) - 1
        for item, days in own.items():
            stays = 1.0
            for day in range(today - 1 - days[-1], today - 1 - days[-1] + 20):
                stays *= 1 - float(fitted.hazard.hazard(category[item], day))
            expected[item] = 1 - stays ** ((seen + 1) / (hoped + 1))
        repeated += seen
        for item in range(len(snapshot.items)):
            np.testing.assert_allclose(scores[user, item], expected.get(item, np.nan), rtol=1e-5)
        allowed = requests.eligibility.mask(user)
        order = sorted((item for item in expected if allowed[item]), key=lambda item: -expected[item])
        listed = found.items[user, : found.lengths[user]]
        np.testing.assert_allclose([expected[i] for i in listed], [expected[i] for i in order], rtol=1e-5)
    assert repeated > 30


def every_pair(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    n, m = len(snapshot.items), len(snapshot.queries)
    return np.arange(m + 1, dtype=np.int64) * n, np.tile(np.arange(n, dtype=np.int32), m)


def test_nothing_is_nominated_where_nothing_may_be_bought_again() -> None:
    snapshot = shops.snapshot(n_items=12, n_events=1500)
    fitted, requests = SOURCE.fit(snapshot, {}), snapshot.requests()
    assert not fitted.retrieve(requests, 10).lengths.any()
    assert (fitted.score(requests, *every_pair(snapshot)) > 0).any()  # of others' candidates it has a say


def test_only_what_is_due_is_nominated_under_a_learnt_interval() -> None:
    again = Repurchase(quantile=0.5, min_gaps=3, otherwise="shop")
    snapshot = replace(
        shops.snapshot(n_items=12, n_events=1500),
        constraints=Constraints(repurchase=again),
        owned_kinds=("purchase",),
    )
    interval = again.intervals(snapshot.history, snapshot.items)
    found = SOURCE.fit(snapshot, {}).retrieve(snapshot.requests(), 12)
    assert found.lengths.sum() > 20
    for user, listed in enumerate(found.items):
        days = bought(snapshot, user)
        for item in listed[listed >= 0].tolist():
            newest = max(
                snapshot.history.time[
                    (snapshot.history.user == user)
                    & (snapshot.history.item == item)
                    & (snapshot.history.kind == KINDS.index("purchase"))
                ]
            )
            assert item in days
            assert snapshot.cutoff - newest >= interval[item]


def test_what_is_due_comes_before_what_was_just_bought() -> None:
    """Everybody buys every item 30 days after the last time; one user bought one 28 days ago, one 3 ago."""
    shop = open_shop(n_items=5, n_users=30)
    rows = [(user, 0, day) for user in range(25) for day in (1, 31, 61)]
    rows += [(26, 1, 80 - 28), (26, 2, 80 - 3), (26, 3, 80 - 29)]
    user, item, day = np.array(rows).T
    events = Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        kind=np.zeros(len(rows), np.int8),
        value=np.full(len(rows), np.nan, np.float32),
        time=shops.START + day * DAY,
    ).sorted()
    catalogue, in_stock = np.ones(5, bool), np.ones(5, bool)
    shop = replace(
        shop,
        history=events,
        request_history=events,
        catalogue=catalogue,
        items=replace(shop.items, in_stock=in_stock),
        constraints=Constraints(dropped=("avoided_ingredient",)),
    )
    source = Replenishment(horizon_days=7, hazard=Hazard(bin_days=1, longest_days=60))
    found = source.fit(shop, {}).retrieve(shop.requests(np.array([26])), 3)
    assert sorted(found.items[0, :2].tolist()) == [1, 3]
    assert found.items[0, 2] in (2, -1)


def test_the_configuration_states_the_defaults(repository: Path) -> None:
    text = (repository / "conf" / "retrieval" / "replenishment.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)["sources"]["replenishment"]
    hazard = written.pop("hazard")
    assert (written.pop("_target_"), hazard.pop("_target_")) == (
        "retrieval.replenishment.Replenishment",
        "dataset.hazard.Hazard",
    )
    written["kinds"] = tuple(written["kinds"])
    assert {**written, "hazard": Hazard(**hazard)} == vars(Replenishment())


@pytest.mark.parametrize(("name", "value"), [("kinds", []), ("kinds", ["bought"]), ("horizon_days", 0)])
def test_wrong_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' parameter of Replenishment"):
        Replenishment(**{name: value})  # type: ignore[arg-type]
