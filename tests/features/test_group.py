"""Groups of users and what they take."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from features.concern import Concern
from features.group import Group


def test_groups_combine_bands_and_labels(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    fitted = Group(bands={"age": [30, 50]}).fit(snapshot, {}, ())
    users = snapshot.users

    def label(user: int) -> tuple[int, int] | None:
        age, skin = users.numeric["age"][user], int(users.categorical["skin_type"].codes[user])
        band = -1 if np.isnan(age) else int(age >= 30) + int(age >= 50)
        return None if band < 0 and skin < 0 else (band, skin)

    labels = [label(user) for user in fitted.users.codes]
    assert len({group for group in fitted.group if group >= 0}) == len(set(labels) - {None})
    for one, a in zip(fitted.group, labels, strict=True):
        assert (one < 0) == (a is None)
        for other, b in zip(fitted.group, labels, strict=True):
            assert (one == other) == (a == b)


def test_one_attribute_gives_the_lift_of_that_attribute(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    group = Group(attributes=["skin_type"]).fit(snapshot, {}, ()).transform(requests, candidates)
    concern = Concern(attributes=["skin_type"]).fit(snapshot, {}, ()).transform(requests, candidates)
    np.testing.assert_array_equal(group, concern[:, 2:])


def test_data_without_the_attributes_gives_nothing(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    snapshot = replace(snapshot, users=replace(snapshot.users, numeric={}, categorical={}))
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    assert np.isnan(Group().fit(snapshot, {}, ()).transform(requests, candidates)).all()


def test_numbers_need_bands(shop) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParameterError, match="limits for 'age'"):
        Group(bands={}).fit(shop.snapshot(), {}, ())
    with pytest.raises(ParameterError, match="'bands' parameter of Group"):
        Group(bands={"age": [30, 20]})
