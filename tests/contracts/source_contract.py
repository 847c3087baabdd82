"""What every retrieval source must keep: a new one gets all these tests by naming itself.

class TestMine(SourceContract):
    source = Mine(quota=10)
"""

import re
from dataclasses import fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from dataset.errors import ParameterError
from dataset.persistence import load
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from pipeline.artefacts import checksums
from pipeline.fingerprint import fingerprint
from retrieval.source import FittedSource, Source
from tests.contracts import shops

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]  # the others in CI
SCANT: tuple[dict[str, Any], ...] = (
    {"n_items": 1},
    {"n_items": 3},
    {"n_users": 1, "n_events": 6},
    {"n_users": 2, "n_items": 3, "n_events": 4},
    {"n_events": 0},
    {"share_in_stock": 0.0},
)
WRONG: dict[type, tuple[Any, ...]] = {
    int: ("ten", None, True, 1.5, -1),
    float: ("ten", None, True, float("nan"), float("inf"), -1.0),
    dict: ("ten", None, 3, {1: 1.0}),
}

# Made once for all sources, none of which may change them.
a_shop = cache(shops.snapshot)
_ALLOWED: dict[int, tuple[Snapshot, npt.NDArray[np.bool_]]] = {}


def allowed_in(snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """`shops.allowed`, by loops over users and items, once for each shop; not to be written to."""
    if id(snapshot) not in _ALLOWED:
        allowed = shops.allowed(snapshot)
        allowed.flags.writeable = False
        _ALLOWED[id(snapshot)] = (snapshot, allowed)
    return _ALLOWED[id(snapshot)][1]


class SourceContract:
    """Inherit, and name the specification.

    Attributes
    ----------
    source : Source
    fills : bool
        Whether every user gets all there is to get, those without a past too; else these get nothing.
    exact : bool
        Whether scores are equal to the bit however they are asked for. Products of matrices are not:
        BLAS adds up in an order that hangs on their shapes, so lists are compared by their scores.
    optional : tuple of str
        Parameters that may be None beside what they are.
    """

    source: ClassVar[Source]
    fills: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    optional: ClassVar[tuple[str, ...]] = ()

    def fitted(self, snapshot: Snapshot) -> FittedSource:
        """The source, fitted with the embeddings of `shops.vectors`."""
        return self.source.fit(snapshot, shops.vectors(snapshot))

    def assert_same_lists(self, found: Ranked, expected: Ranked) -> None:
        """Equal, or for inexact scores equal to about six digits."""
        assert found.items.shape == expected.items.shape
        np.testing.assert_array_equal(found.lengths, expected.lengths)
        if self.exact:
            np.testing.assert_array_equal(found.items, expected.items)
            np.testing.assert_array_equal(found.scores, expected.scores)
        else:
            np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-5)

    def assert_same_scores(self, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
        """Equal, or for inexact scores equal to about six digits."""
        if self.exact:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_nobody_gets_what_is_barred(self, seed):
        snapshot = a_shop(seed)
        allowed = allowed_in(snapshot)
        assert allowed.any()
        assert not snapshot.catalogue.all()
        assert not snapshot.items.in_stock.all()
        found = self.fitted(snapshot).retrieve(snapshot.requests(), 15)
        assert (found.items >= 0).any()
        for row, items in enumerate(found.items):
            assert allowed[row, items[items >= 0]].all()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_lists_are_in_order(self, seed):
        snapshot = a_shop(seed)
        assert_in_order(self.fitted(snapshot).retrieve(snapshot.requests(), 12), len(snapshot.queries), 12)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_lists_beyond_the_catalogue_end(self, seed):
        snapshot = a_shop(seed)
        k = len(snapshot.items) + 30
        found = self.fitted(snapshot).retrieve(snapshot.requests(), k)
        assert_in_order(found, len(snapshot.queries), k)
        allowed = allowed_in(snapshot).sum(axis=1)
        if self.fills:
            np.testing.assert_array_equal(found.lengths, allowed)
        else:
            assert (found.lengths <= allowed).all()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_short_list_begins_a_long_one(self, seed):
        snapshot = a_shop(seed)
        model, requests = self.fitted(snapshot), snapshot.requests()
        long = model.retrieve(requests, 20)
        self.assert_same_lists(model.retrieve(requests, 5), Ranked(long.items[:, :5], long.scores[:, :5]))

    def test_users_without_a_past(self):
        snapshot = a_shop(1)
        cold = np.flatnonzero(~snapshot.is_warm)
        assert len(cold)
        model, requests = self.fitted(snapshot), snapshot.requests(cold)
        lengths = model.retrieve(requests, 5).lengths
        offsets, items = every_pair(snapshot, cold)
        scores = model.score(requests, offsets, items)
        if self.fills:
            np.testing.assert_array_equal(lengths, np.minimum(5, allowed_in(snapshot)[cold].sum(axis=1)))
            assert not np.isnan(scores[snapshot.catalogue[items]]).any()
        else:
            assert not lengths.any()
            assert np.isnan(scores).all()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_scores_are_those_of_the_lists(self, seed):
        snapshot = a_shop(seed)
        model, requests = self.fitted(snapshot), snapshot.requests()
        offsets, items = every_pair(snapshot, np.arange(len(requests)))
        scores = model.score(requests, offsets, items)
        assert scores.dtype == np.float32
        assert scores.shape == items.shape
        assert not np.isinf(scores).any()
        table = scores.reshape(len(requests), -1)
        found = model.retrieve(requests, 15)
        row, at = np.nonzero(found.items >= 0)
        self.assert_same_scores(table[row, found.items[row, at]], found.scores[row, at])

    @pytest.mark.parametrize("seed", SEEDS)
    def test_no_eligible_item_scores_above_the_list(self, seed):
        snapshot = a_shop(seed)
        model, requests = self.fitted(snapshot), snapshot.requests()
        offsets, items = every_pair(snapshot, np.arange(len(requests)))
        table = model.score(requests, offsets, items).reshape(len(requests), -1)
        table[~allowed_in(snapshot)] = np.nan
        found = model.retrieve(requests, 6)
        for row, listed in enumerate(found.items):
            table[row, listed[listed >= 0]] = np.nan
        full = found.lengths == 6
        left = np.nan_to_num(table, nan=-np.inf).max(axis=1)
        assert (left[full] <= found.scores[full, -1] + (0 if self.exact else 1e-5)).all()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_blocks_change_nothing(self, seed):
        snapshot = a_shop(seed)
        model = self.fitted(snapshot)
        whole = model.retrieve(snapshot.requests(), 10)
        offsets, items = every_pair(snapshot, np.arange(len(whole)))
        scores = model.score(snapshot.requests(), offsets, items).reshape(len(whole), -1)
        for row in range(len(whole)):
            alone = snapshot.requests(np.array([row]))
            self.assert_same_lists(model.retrieve(alone, 10), whole.take(np.array([row])))
            self.assert_same_scores(model.score(alone, *every_pair(snapshot, np.array([row]))), scores[row])

    def test_nothing_asked_nothing_given(self):
        snapshot = a_shop()
        model, nobody = self.fitted(snapshot), snapshot.requests(np.zeros(0, np.int64))
        assert model.retrieve(nobody, 4).items.shape == (0, 4)
        assert model.score(nobody, np.zeros(1, np.int64), np.zeros(0, np.int32)).shape == (0,)
        no_candidates = np.zeros(len(snapshot.queries) + 1, np.int64)
        assert model.score(snapshot.requests(), no_candidates, np.zeros(0, np.int32)).shape == (0,)

    def test_asking_changes_neither_question_nor_model(self, tmp_path):
        snapshot = a_shop(2)
        model, requests = self.fitted(snapshot), snapshot.requests()
        before = fingerprint(requests), saved(model, tmp_path / "before")
        first = model.retrieve(requests, 10)
        model.score(requests, *every_pair(snapshot, np.arange(len(requests))))
        again = model.retrieve(requests, 10)
        np.testing.assert_array_equal(first.items, again.items)
        np.testing.assert_array_equal(first.scores, again.scores)
        assert before == (fingerprint(requests), saved(model, tmp_path / "after"))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_future_leaves_no_trace(self, seed, tmp_path):
        clean, poisoned = a_shop(seed), a_shop(seed, poisoned=True)
        assert fingerprint(clean.items) != fingerprint(poisoned.items)
        stored = [
            saved(self.fitted(snapshot), tmp_path / str(at)) for at, snapshot in enumerate((clean, poisoned))
        ]
        assert stored[0] == stored[1]

    def test_fitting_twice_gives_the_same(self, tmp_path):
        snapshot = a_shop(3)
        first, again = (saved(self.fitted(snapshot), tmp_path / name) for name in ("first", "again"))
        assert first == again

    @pytest.mark.parametrize("seed", SEEDS)
    def test_what_was_saved_comes_back(self, seed, tmp_path):
        snapshot = a_shop(seed)
        model, requests = self.fitted(snapshot), snapshot.requests()
        stored = saved(model, tmp_path / "one")
        assert {Path(name).suffix for name in stored} <= {".json", ".npy", ".faiss"}
        loaded = load(tmp_path / "one")
        assert saved(loaded, tmp_path / "two") == stored
        found, expected = loaded.retrieve(requests, 10), model.retrieve(requests, 10)
        np.testing.assert_array_equal(found.items, expected.items)
        np.testing.assert_array_equal(found.scores, expected.scores)
        pairs = every_pair(snapshot, np.arange(len(requests)))
        np.testing.assert_array_equal(loaded.score(requests, *pairs), model.score(requests, *pairs))

    @pytest.mark.parametrize("change", SCANT, ids=str)
    def test_scant_data_is_no_error(self, change):
        for seed in range(3):
            snapshot = a_shop(seed, **change)
            for vectors in (shops.vectors(snapshot), {}):
                model, requests = self.source.fit(snapshot, vectors), snapshot.requests()
                assert_barred(snapshot, model.retrieve(requests, 5))
                assert_scores(snapshot, model, requests)

    def test_wrong_parameters_are_refused(self):
        checked = 0
        for entry in fields(self.source):  # type: ignore[arg-type]
            value = getattr(self.source, entry.name)
            for wrong in WRONG.get(type(value), ()):
                if wrong is None and entry.name in self.optional:
                    continue
                sentence = f"The '{entry.name}' parameter of {type(self.source).__name__} must be "
                with pytest.raises(ParameterError, match=f"^{re.escape(sentence)}.* Got .* instead\\.$"):
                    self.changed(**{entry.name: wrong})
                checked += 1
        assert checked
        with pytest.raises(ParameterError, match=r"'quota' parameter .* at least 0.* Got -1 instead"):
            self.changed(quota=-1)

    def test_the_quota_is_no_matter_of_the_fit(self, tmp_path):
        """A pure scorer, with a quota of 0, says what a nominator says."""
        snapshot = a_shop(1)
        scorer = self.changed(quota=0).fit(snapshot, shops.vectors(snapshot))
        assert saved(scorer, tmp_path / "scorer") == saved(self.fitted(snapshot), tmp_path / "nominator")

    def changed(self, **parameters: object) -> Source:
        """The specification with other parameters."""
        given = {entry.name: getattr(self.source, entry.name) for entry in fields(self.source)}  # type: ignore[arg-type]
        return type(self.source)(**{**given, **parameters})


def every_pair(
    snapshot: Snapshot, rows: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """All items as candidates of each query: offsets and items."""
    n = len(snapshot.items)
    return np.arange(len(rows) + 1, dtype=np.int64) * n, np.tile(np.arange(n, dtype=np.int32), len(rows))


def saved(model: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Checksums of the files of a fitted value."""
    model.save(folder)
    return checksums(folder)


def assert_in_order(found: Ranked, m: int, k: int) -> None:
    """Score descending, then code ascending, nothing twice, and nothing behind the end."""
    assert found.items.shape == found.scores.shape == (m, k)
    assert (found.items.dtype, found.scores.dtype) == (np.int32, np.float32)
    for items, scores, length in zip(found.items.tolist(), found.scores.tolist(), found.lengths, strict=True):
        assert items[length:] == [-1] * (k - length)
        assert scores[length:] == [-np.inf] * (k - length)
        assert len(set(items[:length])) == length
        assert np.isfinite(scores[:length]).all()
        order = [(-score, item) for score, item in zip(scores[:length], items, strict=False)]
        assert all(one < other for one, other in pairwise(order))


def assert_barred(snapshot: Snapshot, found: Ranked) -> None:
    """In order, and only what each user may get."""
    assert_in_order(found, len(snapshot.queries), found.items.shape[1])
    allowed = allowed_in(snapshot)
    for row, items in enumerate(found.items):
        assert allowed[row, items[items >= 0]].all()


def assert_scores(snapshot: Snapshot, model: FittedSource, requests: Requests) -> None:
    """A finite number or NaN for every pair."""
    offsets, items = every_pair(snapshot, np.arange(len(requests)))
    scores = model.score(requests, offsets, items)
    assert scores.shape == items.shape
    assert not np.isinf(scores).any()
