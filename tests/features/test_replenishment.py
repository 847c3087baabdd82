"""Columns against loops, and what they say of items that the user never bought."""

from pathlib import Path

import numpy as np
import yaml

from dataset.hazard import Hazard
from dataset.interactions import KINDS, SECONDS_PER_DAY
from features.replenishment import Replenishment

SPECIFICATION = Replenishment(
    horizon_days=10, hazard=Hazard(bin_days=5, longest_days=60, smoothing=1.0, user_smoothing=1.5)
)


def days_of(history, mine):  # type: ignore[no-untyped-def]
    """Distinct days of the events at `mine`, ascending."""
    return np.unique(history.time[mine] // SECONDS_PER_DAY)


def expected_of(hazard, group, days, today, multiplier):  # type: ignore[no-untyped-def]
    """The columns of something bought on `days`."""
    if not len(days):
        return [np.nan] * 4 + [0, multiplier]
    since = today - 1 - days[-1]
    return [
        since / hazard.quantiles(0.5)[group],
        hazard.hazard(group, since),
        hazard.probability(group, since, 10, multiplier),
        hazard.is_due(group, since),
        len(days) - 1,
        multiplier,
    ]


def test_columns_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_items=10, n_events=1200)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = SPECIFICATION.fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    history, category = requests.history, snapshot.items.category.codes
    is_purchase = history.kind == KINDS.index("purchase")
    today = snapshot.cutoff // SECONDS_PER_DAY
    multipliers = {}
    for query in range(len(requests)):
        own = (history.query == query) & is_purchase
        for things, of, hazard in (
            (range(len(category)), history.item, fitted.of_item),
            (range(max(category) + 1), category[history.item], fitted.of_category),
        ):
            seen, hoped = 0, 0.0
            for thing in things:
                days = days_of(history, own & (of == thing))
                if len(days):
                    group = category[thing] if hazard is fitted.of_item else thing
                    gaps = [*np.diff(days), today - 1 - days[-1]]
                    seen += len(gaps) - 1
                    hoped += sum(float(hazard.cumulative(group, gap)) for gap in gaps)
            multipliers[query, hazard is fitted.of_item] = (seen + 1.5) / (hoped + 1.5)
    n_known = 0
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        own = (history.query == query) & is_purchase
        group = category[item]
        days = days_of(history, own & (history.item == item))
        n_known += len(days) > 1
        item_columns = expected_of(fitted.of_item, group, days, today, multipliers[query, True])
        if not snapshot.catalogue[item]:
            group = -1
        days = days_of(history, own & (category[history.item] == group)) if group >= 0 else []
        category_columns = expected_of(fitted.of_category, group, days, today, multipliers[query, False])
        np.testing.assert_allclose(row, [*item_columns, *category_columns], rtol=1e-5)
    assert n_known > 10


def test_the_category_speaks_of_items_never_bought(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_events=900)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = SPECIFICATION.fit(snapshot, {}, ())
    columns = dict(zip(fitted.names, fitted.transform(requests, candidates).T, strict=True))
    never = np.isnan(columns["item_probability"])
    assert (columns["item_n_repeats"][never] == 0).all()
    assert (columns["category_probability"][never] > 0).sum() > 10


def test_other_kinds_can_count(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_events=900)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    both = [
        Replenishment(kinds=kinds).fit(snapshot, {}, ()).transform(requests, candidates)
        for kinds in (["purchase"], ["purchase", "rating"])
    ]
    assert (~np.isnan(both[1][:, 0])).sum() > (~np.isnan(both[0][:, 0])).sum() > 0


def test_the_configuration_states_the_defaults(repository: Path) -> None:
    text = (repository / "conf" / "features" / "replenishment.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)["families"]["replenishment"]
    hazard = written.pop("hazard")
    assert (written.pop("_target_"), hazard.pop("_target_")) == (
        "features.replenishment.Replenishment",
        "dataset.hazard.Hazard",
    )
    written["kinds"] = tuple(written["kinds"])
    assert {**written, "hazard": Hazard(**hazard)} == vars(Replenishment())
