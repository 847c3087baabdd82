"""What every ranker must keep: a new one gets all these tests by naming itself.

class TestMine(RankerContract):
    ranker = Mine()
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import load
from pipeline.artefacts import checksums
from ranking.ranker import FittedRanker, Ranker
from tests.contracts import rows

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]  # the others in CI


class RankerContract:
    """Inherit, and name the specification."""

    ranker: ClassVar[Ranker]

    def fitted(self, threads: int = 1) -> FittedRanker:
        """The ranker, fitted on tables with a planted signal."""
        return self.ranker.fit(lambda: ([rows.table(1), rows.table(2)], rows.table(3)), threads)

    @staticmethod
    def question(seed: int, model: FittedRanker) -> tuple[Candidates, FeatureMatrix | None]:
        """Candidates and, if the model reads them, their features."""
        candidates = rows.candidates(seed)
        return candidates, rows.features(len(candidates), seed) if model.features else None

    @pytest.mark.parametrize("seed", SEEDS)
    def test_every_candidate_gets_a_finite_score(self, seed):
        model = self.fitted()
        candidates, matrix = self.question(seed, model)
        scores = model.score(candidates, matrix)
        assert (scores.dtype, scores.shape) == (np.float32, (len(candidates),))
        assert np.isfinite(scores).all()
        assert len(np.unique(scores)) > 1

    def test_no_candidates_no_scores(self):
        model = self.fitted()
        none = rows.candidates(0).take(np.zeros(0, np.int64))
        scores = model.score(none, rows.features(0) if model.features else None)
        assert (scores.dtype, scores.shape) == (np.float32, (0,))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_blocks_change_nothing(self, seed):
        model = self.fitted()
        candidates, matrix = self.question(seed, model)
        whole = model.score(candidates, matrix)
        for query in range(candidates.n_queries):
            own = np.arange(candidates.offsets[query], candidates.offsets[query + 1])
            part = candidates.take(own).of_queries(np.array([query]))
            np.testing.assert_array_equal(model.score(part, taken(matrix, own)), whole[own])

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_order_of_rows_changes_nothing(self, seed):
        model = self.fitted()
        candidates, matrix = self.question(seed, model)
        order = np.random.default_rng(seed).permutation(len(candidates))
        moved = Candidates(
            candidates.offsets[[0, -1]],
            candidates.item[order],
            candidates.sources,
            candidates.scores[order],
            candidates.ranks[order],
        )
        found = model.score(moved, taken(matrix, order))
        np.testing.assert_array_equal(found, model.score(candidates, matrix)[order])

    def test_threads_and_repetition_change_nothing(self, tmp_path):
        stored = []
        for at, threads in enumerate((1, 1, 2)):
            self.fitted(threads).save(tmp_path / str(at))  # type: ignore[attr-defined]
            stored.append(checksums(tmp_path / str(at)))
        assert stored[0] == stored[1] == stored[2]

    def test_what_was_saved_comes_back_and_nothing_is_pickled(self, tmp_path):
        model = self.fitted()
        model.save(tmp_path / "one")  # type: ignore[attr-defined]
        files = checksums(tmp_path / "one")
        assert {Path(name).suffix for name in files} <= {".json", ".npy", ".txt"}
        loaded = load(tmp_path / "one")
        assert type(loaded) is type(model)
        assert loaded.features == model.features
        candidates, matrix = self.question(0, model)
        np.testing.assert_array_equal(loaded.score(candidates, matrix), model.score(candidates, matrix))
        loaded.save(tmp_path / "two")
        assert checksums(tmp_path / "two") == files


def taken(matrix: FeatureMatrix | None, at: npt.NDArray[np.integer]) -> FeatureMatrix | None:
    """The rows named, if there are any features."""
    return None if matrix is None else matrix.take(at)
