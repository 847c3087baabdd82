"""LambdaMART whose trees several workers grow together, for tables that one machine does not hold."""

import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError, ParameterError, ResourceError
from dataset.parameters import check_int
from ranking.boosting import usable
from ranking.lambdamart import FittedLambdaMart, LambdaMart, _fitted
from ranking.partitions import partitions
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.table import RankingTable

PATIENCE_SECONDS: Final = 30.0
"""How long workers may take to be there."""
_LOG: Final = logging.getLogger(__name__)
_GLANCE_SECONDS: Final = 0.5
_LAST_WORDS_SECONDS: Final = 5.0  # a survivor tells of a broken line before the scheduler misses the dead
# scikit-learn's names, which have defaults of their own and would stand beside LightGBM's.
_NAMES: Final = {
    "min_data_in_leaf": "min_child_samples",
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "lambda_l2": "reg_lambda",
    "seed": "random_state",
}
_NOT_FOR_WORKERS: Final = {"num_threads", "metric", "eval_at"}  # theirs are their own, and nothing is judged


class _WorkerLostError(Exception):
    """A worker left in the middle."""


@dataclass(frozen=True, kw_only=True)
class DistributedLambdaMart:
    """A `LambdaMart` trained by LightGBM on the workers of a Dask cluster; what is fitted is the same type.

    Each worker holds some queries whole and the histograms are added up over the network, so the trees are
    near those of one machine and not the same: bins are found in a part of the rows, and sums round
    otherwise. All `num_trees` are grown; where to stop is then read off validation on this machine, as
    `LambdaMart` does. A worker that dies ends the attempt, and the training is begun again.

    Parameters
    ----------
    of : LambdaMart
        What is trained.
    workers : int
        Workers that take part, a partition of the queries each. Changes results a little.
    address : str or None
        Of the scheduler of a cluster; None starts one on this machine and ends it after the training.
    retries : int
        How often the training is begun again after a worker died.

    References
    ----------
    LightGBM documentation, "Distributed Learning Guide", sections "Data Parallel" and "Dask".
    """

    of: LambdaMart = field(default_factory=LambdaMart)
    workers: int = 2
    address: str | None = None
    retries: int = 2

    def __post_init__(self) -> None:
        check_int(self, "workers", low=1, high=1024)
        check_int(self, "retries", low=0, high=100)
        if self.address is not None and (not isinstance(self.address, str) or "://" not in self.address):
            expected = "the address of a scheduler, as tcp://HOST:8786, or null"
            raise ParameterError("DistributedLambdaMart", "address", expected, self.address)

    @property
    def sampling(self) -> Sampling:
        """Which queries and candidates the tables hold."""
        return self.of.sampling

    @property
    def facts(self) -> dict[str, Any]:
        """What a run says of its training."""
        return {"distributed": True, "workers": self.workers, "partitions": self.workers}

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedLambdaMart:
        """Train on the past snapshots, stop on validation, and train again on all of them.

        Parameters
        ----------
        tables : callable
        threads : int
            Of this machine, shared by the workers of a cluster that is started here. Changes only speed.
        watch : Watch
            Told of each tree when all are grown.

        Raises
        ------
        ResourceError
            If workers are missing, or died more than `retries` times.
        ConfigurationError
            If distributed is not installed.
        """
        built = tables()
        return self.refitted(self.stopped(lambda: built, threads, watch), lambda: built, threads)

    def stopped(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedLambdaMart:
        """Train on the past snapshots alone, and stop on validation."""
        training, validation = tables()
        past = RankingTable.concatenate(usable(training))
        every = self._trained(past, self.of.num_trees, threads)
        if not validation.grade.any():
            return _fitted(every, ())
        curve = self._curve(every, validation, threads, watch)
        best = len(curve) if self.of.stop_after is None else int(np.argmax(curve)) + 1
        return _fitted(lgb.Booster(model_str=every.model_to_string(num_iteration=best)), tuple(curve))

    def refitted(self, stopped: FittedLambdaMart, tables: TrainingTables, threads: int) -> FittedLambdaMart:
        """Train once more on validation too, as many trees; what was given, without `refit` or validation."""
        training, validation = tables()
        if not self.of.refit or not stopped.validation_curve:
            return stopped
        everything = RankingTable.concatenate([validation, *usable(training)])
        return _fitted(self._trained(everything, stopped.n_trees, threads), stopped.validation_curve)

    def _curve(
        self, booster: lgb.Booster, validation: RankingTable, threads: int, watch: Watch
    ) -> list[float]:
        """nDCG after each tree, up to the one where training on one machine would have stopped."""
        scores, curve = np.zeros(len(validation)), list[float]()
        best = 0
        for tree in range(booster.num_trees()):
            scores += booster.predict(
                validation.features.values, start_iteration=tree, num_iteration=1, num_threads=threads
            )
            curve.append(round(ndcg(validation, scores, self.of.stop_at), 9))
            watch(tree + 1, curve[-1])
            if curve[-1] > curve[best] + 1e-6:
                best = tree
            if self.of.stop_after is not None and tree - best >= self.of.stop_after:
                break
        return curve

    def _trained(self, table: RankingTable, n_trees: int, threads: int) -> lgb.Booster:
        """Trees grown by the workers, whatever becomes of some of them."""
        parts = partitions(table, self.workers)
        for attempt in range(self.retries + 1):
            try:
                with self._client(threads) as client:
                    _LOG.info("Training on %d workers of a Dask cluster.", self.workers)
                    return _booster(client, parts, self._parameters(table, n_trees), self.workers)
            except _WorkerLostError as lost:
                reason = lost
                if attempt < self.retries:
                    _LOG.warning("A worker was lost in training, which is begun again. %s", lost)
        raise ResourceError(
            f"Workers must live until the training is done. Got {self.retries + 1} attempts in which one was "
            f"lost, the last: {reason}; if memory is short, lower ranking.of.sampling.max_queries."
        )

    def _parameters(self, table: RankingTable, n_trees: int) -> dict[str, Any]:
        own = self.of._parameters(table.features.names, 1)
        kept = {_NAMES.get(name, name): value for name, value in own.items() if name not in _NOT_FOR_WORKERS}
        return {**kept, "n_estimators": n_trees, "time_out": 1}  # minutes

    @contextmanager
    def _client(self, threads: int) -> Iterator[Any]:
        """A connection of one attempt: nothing of one that failed is left to the next."""
        distributed = _distributed()
        local = None if self.address else _local_cluster(self.workers, max(1, threads // self.workers))
        try:
            client = distributed.Client(local or self.address, timeout=PATIENCE_SECONDS, set_as_default=False)
        except OSError as error:  # a TimeoutError is one
            raise ResourceError(
                f"A Dask cluster must answer within {PATIENCE_SECONDS:.0f} s. Got none at {self.address}."
            ) from error
        try:
            yield client
        except _WorkerLostError:
            if local is None:  # the survivors still wait for the dead one
                client.restart_workers(
                    list(client.nthreads()), timeout=PATIENCE_SECONDS, raise_for_error=False
                )
            raise
        finally:
            client.close(timeout=5)
            if local is not None:
                local.close(timeout=10)


def ndcg(table: RankingTable, scores: npt.NDArray[np.float64], k: int) -> float:
    """Mean nDCG@k over the queries of a table, as LightGBM counts it: one without a positive counts as 1.

    References
    ----------
    Burges, "From RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82, section 1.
    """
    lengths = np.diff(table.offsets)
    query = np.repeat(np.arange(len(lengths)), lengths)
    gain = np.exp2(table.grade.astype(np.float64)) - 1
    place = np.arange(len(query)) - table.offsets[query]
    discount = np.where(place < k, 1 / np.log2(place + 2), 0)

    def dcg(by: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        order = np.lexsort((-by, query))
        total: npt.NDArray[Any] = np.bincount(query, weights=gain[order] * discount, minlength=len(lengths))
        return total

    found, best = dcg(scores), dcg(gain)
    has_rows = lengths > 0
    return float(np.where(best > 0, found / np.where(best > 0, best, 1), 1.0)[has_rows].mean())


def _booster(
    client: Any, parts: Sequence[RankingTable], parameters: Mapping[str, Any], n_workers: int
) -> lgb.Booster:
    """Train on partitions, each laid on a worker of its own, and watch that all of them stay."""
    try:
        client.wait_for_workers(n_workers, timeout=PATIENCE_SECONDS)
    except TimeoutError as error:
        raise ResourceError(
            f"Distributed training needs {n_workers} workers within {PATIENCE_SECONDS:.0f} s. Got "
            f"{len(client.nthreads())}; start more, or lower ranking.workers."
        ) from error
    addresses = sorted(client.nthreads())[:n_workers]
    features, X, y, group = parts[0].features, *_collections(client, parts, addresses)
    ranker = lgb.DaskLGBMRanker(client=client, **parameters)

    def train() -> lgb.Booster:
        with client.as_current():  # of this thread: LightGBM waits for what lies on the workers
            ranker.fit(
                X,
                y,
                group=group,
                feature_name=list(features.names),
                categorical_feature=list(features.categorical),
            )
        text = ranker.booster_.model_to_string()
        return lgb.Booster(model_str=_without_network(text))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter n_jobs will be ignored")  # it is not ours
        return _watched(client, addresses, train)


def _collections(client: Any, parts: Sequence[RankingTable], addresses: Sequence[str]) -> tuple[Any, ...]:
    """Features, grades and sizes of the partitions as Dask arrays whose chunks lie on the workers."""
    import dask.array
    from dask.delayed import delayed

    da: Any = dask.array  # it has no types
    columns: tuple[list[Any], ...] = ([], [], [])
    for part, address in zip(parts, addresses, strict=True):
        arrays = (part.features.values, part.grade.astype(np.float32), np.diff(part.offsets))
        for column, array in zip(columns, arrays, strict=True):
            there = client.scatter(array, workers=[address], hash=False)
            chunk = da.from_delayed(delayed(there), array.shape, array.dtype)
            column.append(chunk)
    return tuple(da.concatenate(column) for column in columns)


def _watched(client: Any, addresses: Sequence[str], train: Callable[[], lgb.Booster]) -> lgb.Booster:
    """The outcome of a training; `_WorkerLostError` once a worker is gone, for whom LightGBM would wait."""
    outcome: list[lgb.Booster | Exception] = []

    def run() -> None:
        try:
            outcome.append(train())
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that asked
            outcome.append(error)

    # A daemon: where LightGBM hangs, nobody waits for it.
    thread = threading.Thread(target=run, daemon=True, name="distributed training")
    thread.start()
    while thread.is_alive():
        thread.join(_GLANCE_SECONDS)
        if thread.is_alive():
            _check_company(client, addresses)
    if isinstance(outcome[0], Exception):
        until = time.monotonic() + _LAST_WORDS_SECONDS
        while time.monotonic() < until:
            _check_company(client, addresses)
            time.sleep(_GLANCE_SECONDS)
        if isinstance(outcome[0], lgb.basic.LightGBMError) and re.search(
            "[Ss]ocket|[Pp]ort", str(outcome[0])
        ):
            raise _WorkerLostError(str(outcome[0])) from outcome[0]
        raise outcome[0]
    return outcome[0]


def _check_company(client: Any, addresses: Sequence[str]) -> None:
    try:
        gone = set(addresses) - set(client.nthreads())
    except (OSError, RuntimeError) as error:
        raise _WorkerLostError("the scheduler does not answer") from error
    if gone:
        raise _WorkerLostError(f"{min(gone)} is gone")


def _without_network(model: str) -> str:
    """The text model without the addresses of those who trained it."""
    settings = {"machines": "", "num_machines": "1", "local_listen_port": "12400", "time_out": "120"}
    for name, value in settings.items():
        model = re.sub(rf"^\[{name}: .*\]$", f"[{name}: {value}]", model, flags=re.MULTILINE)
    return model


def _local_cluster(workers: int, threads: int) -> Any:
    """A cluster of this machine; LightGBM itself opens a port a worker, on all interfaces, to train."""
    distributed = _distributed()
    import dask

    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):
        return distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            worker_dashboard_address=None,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ConfigurationError(
            "ranking=lambdamart_distributed needs the package distributed, which is not installed: "
            "pip install 'glowrank[dask]'."
        ) from error
    return distributed
