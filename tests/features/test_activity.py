"""User statistics against a loop over the histories."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.interactions import KINDS, SECONDS_PER_DAY
from features.activity import Activity


def test_statistics_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Activity().fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    history = snapshot.history
    for query, row in zip(candidates.query, values, strict=True):
        got = dict(zip(fitted.names, row, strict=True))
        user = requests.queries.user[query]
        own = history.take(history.user == user)
        assert got["n_events"] == len(own)
        assert got["n_items"] == len(set(own.item))
        days = sorted(set(own.time[own.is_kind(("purchase", "rating"))] // SECONDS_PER_DAY))
        np.testing.assert_allclose(
            got["days_between"], np.diff(days).mean() if len(days) > 1 else np.nan, rtol=1e-6
        )
        now = requests.queries.time[query]
        np.testing.assert_equal(
            got["days_since_last"], (now - own.time.max()) / 86_400 if len(own) else np.nan
        )
        np.testing.assert_equal(got["tenure_days"], (now - own.time.min()) / 86_400 if len(own) else np.nan)
        ratings = own.value[own.kind == KINDS.index("rating")]
        np.testing.assert_allclose(got["rating_mean"], ratings.mean() if len(ratings) else np.nan, rtol=1e-6)
        np.testing.assert_allclose(got["rating_std"], ratings.std() if len(ratings) else np.nan, atol=1e-6)
        np.testing.assert_equal(got["attribute_age"], snapshot.users.numeric["age"][user])
        code = snapshot.users.categorical["skin_type"].codes[user]
        np.testing.assert_equal(got["attribute_skin_type"], code if code >= 0 else np.nan)
    assert fitted.categorical == ("attribute_skin_type",)


def test_users_never_heard_of_have_no_attributes(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    asked = np.flatnonzero(snapshot.is_warm)[:3]
    fitted = Activity().fit(replace(snapshot, queries=snapshot.queries.take(asked)), {}, ())
    assert len(fitted.users) == snapshot.is_warm.sum()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = fitted.transform(requests, candidates)
    cold = ~snapshot.is_warm[candidates.query]
    assert cold.any()
    assert np.isnan(values[cold][:, 2:]).all()
    assert (values[cold][:, :2] == 0).all()


def test_kinds_are_checked() -> None:
    with pytest.raises(ParameterError, match="'transaction_kinds' parameter of Activity must be"):
        Activity(transaction_kinds=["bought"])
