"""Parts side by side on the workers of a Dask cluster: one of this machine, or one that is there."""

import logging
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from dataset.errors import ConfigurationError, ParameterError, ResourceError
from dataset.parameters import check_int
from pipeline.engines.engine import Context, Part, Result, in_order, prepare_process, processors
from pipeline.engines.processes import check_scratch
from pipeline.engines.scratch import Scratch
from pipeline.engines.tasks import Answer, Job, run

PATIENCE_SECONDS: Final = 30.0
"""How long a cluster may be without workers, or its scheduler without an answer."""
_GLANCE_SECONDS: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Dask:
    """As many parts at a time as the cluster has threads; what a dead worker had in hand is done again.

    Without an address, the cluster is started on this machine when first needed, one thread a worker and
    reachable from this machine alone, and ends with the engine.

    Parameters
    ----------
    address : str or None
        Of the scheduler of a cluster: "tcp://10.0.0.5:8786".
    workers : int or None
        Workers of a cluster of this machine; None takes the processors that this process may use. Changes
        only speed and memory.
    scratch : str or None
        Folder for what the workers share, which all of them must see at the same path; None takes the
        system's folder of temporary files, as suits a cluster of this machine.
    """

    address: str | None = None
    workers: int | None = None
    scratch: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            check_int(self, "workers", low=1, high=1024)
        if self.address is not None and (not isinstance(self.address, str) or "://" not in self.address):
            expected = "the address of a scheduler, as tcp://HOST:8786, or null"
            raise ParameterError("Dask", "address", expected, self.address)
        check_scratch(self, self.scratch)

    @property
    def budget(self) -> int:
        """As many threads as there are workers here, or all processors where they are elsewhere."""
        return (None if self.address else self.workers) or processors()

    def map(
        self, function: Callable[[Context, Part], Result], context: Context, parts: Sequence[Part]
    ) -> Iterator[Result]:
        """Results in order; at most twice as many parts as threads are under way or waiting to be taken.

        Raises
        ------
        ResourceError
            If no worker is left, the scheduler is gone, or one part was the end of too many workers.
        ConfigurationError
            If distributed is not installed here, or something else is on the workers.
        """
        prepare_process()
        if not parts:
            return
        cluster = self._cluster
        is_elsewhere = self.address is not None
        job: Job[Part, Result] = Job.of(function, context, cluster.scratch, is_elsewhere=is_elsewhere)

        def submit(part: Part) -> Any:
            return cluster.client.submit(run, job, part, pure=False)

        ahead = 2 * max(1, cluster.n_threads())
        for answer in in_order(submit, cluster.answer, cluster.cancel, parts, ahead):
            yield answer.taken(context)

    @cached_property
    def _cluster(self) -> "_Cluster":
        cluster = _Cluster(self)
        weakref.finalize(self, cluster.close)
        return cluster


class _Cluster:
    """A connection, and the cluster itself where it is ours."""

    def __init__(self, engine: Dask) -> None:
        distributed = imported()
        self.scratch = Scratch(Path(engine.scratch) if engine.scratch else None)
        self._local: Any = None
        try:
            if engine.address is None:
                self._local = local_cluster(engine.workers or processors(), self.scratch.folder)
            self.client = distributed.Client(
                engine.address if self._local is None else self._local, timeout=PATIENCE_SECONDS
            )
        except (OSError, RuntimeError) as error:  # a TimeoutError is an OSError
            self.scratch.close()
            where = engine.address or "this machine"
            raise ResourceError(
                f"A Dask cluster must answer within {PATIENCE_SECONDS:.0f} s. Got none at {where}: {error}."
            ) from error
        self._lonely_since: float | None = None

    def n_threads(self) -> int:
        """Threads of all workers at this moment."""
        return sum(self.client.nthreads().values())

    def answer(self, future: Any) -> Answer:
        """Wait for a part; not for ever where nobody is left to do it."""
        distributed = imported()
        try:
            while not future.done():
                try:
                    distributed.wait(future, timeout=_GLANCE_SECONDS)
                except TimeoutError:
                    self._check_company()
            answer: Answer = future.result()
        except distributed.KilledWorker as error:
            raise ResourceError(
                f"A worker must live as long as its part. Got several that died at one part, the last being "
                f"{error.last_worker.address}; if memory is short, lower block_size."
            ) from error
        except distributed.CancelledError as error:
            raise ResourceError(
                "A Dask cluster must stay until the work is done. Got one that left."
            ) from error
        except ImportError as error:
            raise ConfigurationError(
                f"Workers must have Glowrank installed, in the same version. Got: {error}."
            ) from error
        return answer

    def _check_company(self) -> None:
        try:
            is_alone = self.client.status != "running" or not self.client.nthreads()
        except (OSError, RuntimeError):
            is_alone = True
        now = time.monotonic()
        if not is_alone:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = now
        elif now - self._lonely_since > PATIENCE_SECONDS:
            raise ResourceError(
                f"A Dask cluster must have a worker. Got none for {PATIENCE_SECONDS:.0f} s; start workers, "
                "or take engine=processes."
            )

    def cancel(self, future: Any) -> None:
        if self.client.status == "running":
            future.cancel()

    def close(self) -> None:
        self.client.close(timeout=5)
        if self._local is not None:
            self._local.close(timeout=10)
        self.scratch.close()


def local_cluster(workers: int, folder: Path) -> Any:
    """A cluster of this machine: processes that are started anew, one thread each, ports on loopback only."""
    distributed = imported()
    import dask

    settings = {"worker.multiprocessing-method": "spawn", "scheduler.allowed-failures": 2}
    with dask.config.set({f"distributed.{name}": value for name, value in settings.items()}):
        return distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # of a page that says whether the scheduler lives
            scheduler_kwargs={"dashboard": False},
            worker_dashboard_address=None,
            memory_limit=0,  # mapped pages would count, although they are shared; blocks set the memory
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
        )


def imported() -> Any:
    """The package distributed.

    Raises
    ------
    ConfigurationError
        If it is not installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigurationError(
            "engine=dask needs the package distributed, which is not installed: pip install 'glowrank[dask]'."
        ) from error
    return distributed
