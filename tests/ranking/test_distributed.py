"""Training on several workers: queries stay whole, trees are near those of one machine, dead ones missed."""

import os
import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError, ParameterError, ResourceError
from dataset.ragged import offsets_of
from ranking import LambdaMart, distributed
from ranking.distributed import DistributedLambdaMart, ndcg
from ranking.lambdamart import FittedLambdaMart
from ranking.partitions import check_partitions, partitions
from ranking.table import RankingTable
from tests.contracts import rows

SMALL = LambdaMart(num_trees=30, stop_after=8, min_rows_a_leaf=10, stop_at=5)
SPREAD = DistributedLambdaMart(of=SMALL)


def ragged(lengths: list[int]) -> RankingTable:
    matrix = rows.features(sum(lengths), 1)
    return RankingTable(offsets_of(np.array(lengths, np.int64)), matrix, rows.grades_of(matrix, 1))


def tables():
    return [rows.table(1, m=200), rows.table(2, m=200)], rows.table(3, m=200)


def scores_of(model, table):
    return model.score(rows.candidates().take(np.zeros(0, np.int64)), table.features)


@settings(max_examples=30)
@example([1, 1, 1, 4], 2)
@example([9, 1, 1], 3)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 5))
def test_partitions_are_the_table_cut_between_queries(lengths, n):
    table = ragged(lengths)
    try:
        parts = partitions(table, n)
    except DataContractError:
        assert sum(length > 0 for length in lengths) < n
        return
    assert sum(length > 0 for length in lengths) >= n
    assert len(parts) == n
    assert all(len(part) for part in parts)
    joined = RankingTable.concatenate(parts)
    np.testing.assert_array_equal(joined.features.values, table.features.values)
    np.testing.assert_array_equal(joined.grade, table.grade)
    np.testing.assert_array_equal(np.diff(joined.offsets), [length for length in lengths if length])
    assert max(map(len, parts)) <= len(table) / n + max(lengths)


@pytest.mark.parametrize(
    ("queries", "named"),
    [
        ([[1, 1, 2], [2, 3]], "query 2 in partition 0 and again in 1"),
        ([[1, 2, 1]], "query 1 in partition 0 and again in 0"),
    ],
)
def test_a_query_that_is_split_is_refused(queries, named):
    with pytest.raises(DataContractError, match=named):
        check_partitions([np.array(query) for query in queries])
    check_partitions([np.array([5, 5, 1]), np.array([2]), np.array([], np.int64)])


def test_the_figure_that_stops_is_the_one_of_lightgbm():
    validation = rows.table(3)
    for k in (1, 5):
        ranker = replace(SMALL, refit=False, stop_at=k)
        model = ranker.fit(lambda: ([rows.table(1)], validation), 1)
        found = ndcg(validation, scores_of(model, validation).astype(np.float64), k)
        assert found == pytest.approx(model.validation_curve[model.n_trees - 1], abs=1e-6)
    assert ndcg(rows.without_positives(rows.table(3)), np.zeros(80 * 12), 5) == 1


def test_where_to_stop_is_what_one_machine_finds(monkeypatch):
    """With its trees grown here, and not by workers, it is the same ranker."""

    def alone(self, table, n_trees, threads):
        parameters = self.of._parameters(table.features.names, threads)
        data = lgb.Dataset(
            table.features.values,
            table.grade.astype(np.float32),
            group=np.diff(table.offsets),
            feature_name=list(table.features.names),
            categorical_feature=list(table.features.categorical),
        )
        return lgb.train(parameters, data, num_boost_round=n_trees)

    monkeypatch.setattr(DistributedLambdaMart, "_trained", alone)
    seen = []
    ours = SPREAD.fit(tables, 1, lambda *told: seen.append(told))
    theirs = SMALL.fit(tables, 1)
    assert ours.n_trees == theirs.n_trees
    assert ours.features == theirs.features
    np.testing.assert_allclose(ours.validation_curve, theirs.validation_curve, atol=1e-6)
    assert seen == list(enumerate(ours.validation_curve, start=1))
    np.testing.assert_allclose(scores_of(ours, rows.table(9)), scores_of(theirs, rows.table(9)), atol=1e-6)


def test_settings_are_checked():
    for settings_, name in (
        ({"workers": 0}, "workers"),
        ({"retries": -1}, "retries"),
        ({"address": "x"}, "address"),
    ):
        with pytest.raises(ParameterError, match=f"'{name}'"):
            DistributedLambdaMart(**settings_)
    assert SPREAD.facts == {"distributed": True, "workers": 2, "partitions": 2}
    assert SPREAD.sampling is SMALL.sampling


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'glowrank\[dask\]'"):
        SPREAD.fit(tables, 1)


def test_a_training_that_always_loses_a_worker_ends_in_a_sentence(monkeypatch, caplog):
    def lost(*arguments):
        raise distributed._WorkerLostError("tcp://10.0.0.5:1 is gone")

    monkeypatch.setattr(distributed, "_booster", lost)
    monkeypatch.setattr(distributed, "_local_cluster", lambda *arguments: nullcontext())
    monkeypatch.setattr(DistributedLambdaMart, "_client", lambda self, threads: distributed._local_cluster())
    with pytest.raises(ResourceError, match=r"Got 3 attempts.*tcp://10\.0\.0\.5:1 is gone"):
        SPREAD.fit(tables, 1)
    assert caplog.text.count("begun again") == 2


@pytest.mark.slow
def test_workers_grow_trees_as_good_as_one_machine(tmp_path):
    pytest.importorskip("distributed")
    ours, theirs = SPREAD.fit(tables, 2), SMALL.fit(tables, 2)
    assert type(ours) is type(theirs) is FittedLambdaMart
    unseen = rows.table(9, m=400)
    found = [ndcg(unseen, scores_of(model, unseen).astype(np.float64), 5) for model in (ours, theirs)]
    noise = ndcg(unseen, unseen.features.values[:, 1].astype(np.float64), 5)
    assert found[0] - noise > 0.9 * (found[1] - noise)
    assert np.corrcoef(scores_of(ours, unseen), scores_of(theirs, unseen))[0, 1] > 0.95
    assert "127.0.0.1" not in ours.model
    ours.save(tmp_path / "model")
    again = FittedLambdaMart.load(tmp_path / "model")
    np.testing.assert_array_equal(scores_of(again, unseen), scores_of(ours, unseen))
    splits = lgb.Booster(model_str=ours.model).trees_to_dataframe()
    assert set(splits.loc[splits["split_feature"] == "item.brand", "decision_type"]) <= {"=="}


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 9])
def test_a_worker_killed_in_training_is_missed(monkeypatch, kills):
    """One is survived; if they go on dying, it ends in a sentence and in time."""
    pytest.importorskip("distributed")
    begun, ended = threading.Event(), threading.Event()
    watched = distributed._watched
    killed, alive = [], []

    def noted(client, addresses, train):
        alive[:] = client.run(os.getpid, workers=list(addresses)).values()
        begun.set()
        return watched(client, addresses, train)

    def kill():
        while not ended.is_set():
            if begun.wait(0.2) and len(killed) < kills:
                begun.clear()
                time.sleep(1.0)
                os.kill(alive[-1], signal.SIGKILL)
                killed.append(time.monotonic())

    monkeypatch.setattr(distributed, "_watched", noted)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    slow = replace(SMALL, num_trees=1500, learning_rate=0.001, stop_after=1500, refit=False)
    ranker = DistributedLambdaMart(of=slow, retries=1)
    try:
        if kills == 1:
            assert ranker.fit(tables, 2).n_trees > 0
            assert len(killed) == 1
        else:
            with pytest.raises(ResourceError, match="Workers must live"):
                ranker.fit(tables, 2)
            assert len(killed) == 2
            assert time.monotonic() - killed[-1] < 60
    finally:
        ended.set()
        killer.join()


@pytest.mark.slow
def test_too_few_workers_end_in_a_sentence(monkeypatch):
    dask = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "PATIENCE_SECONDS", 5.0)
    with dask.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        ranker = DistributedLambdaMart(of=SMALL, workers=2, address=cluster.scheduler_address)
        with pytest.raises(ResourceError, match=r"needs 2 workers.*Got 1"):
            ranker.fit(tables, 1)


def test_the_choice_is_there(repository: Path):
    text = (repository / "conf" / "ranking" / "lambdamart_distributed.yaml").read_text()
    assert "_target_: ranking.distributed.DistributedLambdaMart" in text
