"""Concerns served, and lift by attribute, against loops."""

import numpy as np
import pytest

from features.concern import Concern


def test_concerns_served_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = Concern(attributes=[]).fit(snapshot, {}, ()).transform(requests, candidates)
    assert np.nanmax(values[:, 0]) >= 1
    for query, item, got in zip(candidates.query, candidates.item, values, strict=True):
        needs = set(snapshot.users.concerns.words_of(requests.queries.user[query]))
        serves = set(snapshot.items.functions.words_of(item))
        if not needs or not serves or not snapshot.catalogue[item]:
            assert np.isnan(got).all()
        else:
            np.testing.assert_allclose(
                got, [len(needs & serves), len(needs & serves) / len(needs)], rtol=1e-6
            )


def test_lift_is_observed_over_expected(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Concern(smoothing=2.0).fit(snapshot, {}, ())
    assert fitted.names[2:] == ("skin_type_lift", "skin_type_log_count")
    values = fitted.transform(requests, candidates)[:, 2:]
    history, weight = snapshot.history, snapshot.history_weight
    skin = snapshot.users.categorical["skin_type"].codes
    stated = skin[history.user] >= 0
    for query, item, got in zip(candidates.query, candidates.item, values, strict=True):
        own = skin[requests.queries.user[query]]
        if own < 0 or not snapshot.catalogue[item]:
            assert np.isnan(got).all()
            continue
        alike, mine = skin[history.user] == own, history.item == item
        observed = weight[alike & mine].sum()
        expected = weight[stated & mine].sum() * weight[alike].sum() / weight[stated].sum()
        assert got[0] == pytest.approx(np.log((observed + 2) / (expected + 2)), abs=1e-5)
        assert got[1] == pytest.approx(np.log1p(observed), abs=1e-5)


def test_an_attribute_that_the_data_lacks_keeps_its_columns(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Concern(attributes=["tone"]).fit(snapshot, {}, ())
    assert fitted.names[2:] == ("tone_lift", "tone_log_count")
    assert np.isnan(fitted.transform(requests, candidates)[:, 2:]).all()
