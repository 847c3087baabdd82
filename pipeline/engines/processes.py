"""Parts side by side in processes of this machine, each on one thread."""

import multiprocessing
import os
import signal
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from dataset.errors import ParameterError, ResourceError
from dataset.parameters import check_int
from pipeline.engines.engine import Context, Part, Result, in_order, prepare_process, processors
from pipeline.engines.scratch import Scratch
from pipeline.engines.tasks import Answer, Job, run

SECONDS_TO_START: Final = 60.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_children: Final = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Processes:
    """As many parts at a time as there are processes, which are started anew and never forked.

    They are started when first needed and stay until the engine is let go. Each reads what a part needs
    from one folder, whose arrays it maps into memory, so that all of them share the same pages.

    Parameters
    ----------
    workers : int or None
        Processes; None takes the processors that this process may use. Changes only speed and memory.
    retries : int
        How often a part is begun again after its process died under it. Changes no result.
    scratch : str or None
        Folder for what the processes share; None takes the system's folder of temporary files.
    """

    workers: int | None = None
    retries: int = 2
    scratch: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None:
            check_int(self, "workers", low=1, high=1024)
        check_int(self, "retries", low=0, high=100)
        check_scratch(self, self.scratch)

    @property
    def budget(self) -> int:
        """As many threads as there are processes, which are idle then."""
        return self.workers or processors()

    def map(
        self, function: Callable[[Context, Part], Result], context: Context, parts: Sequence[Part]
    ) -> Iterator[Result]:
        """Results in order; at most twice as many parts as processes are under way or waiting to be taken.

        Raises
        ------
        ResourceError
            If a part's process died more than `retries` times under it, or none can be started.
        """
        prepare_process()
        if not parts:
            return
        crew, given_up = self._crew, threading.Event()
        job: Job[Part, Result] = Job.of(function, context, crew.scratch)
        with ThreadPoolExecutor(self.budget) as pool:

            def submit(part: Part) -> Future[Answer]:
                return pool.submit(crew.answer, job, part, self.retries, given_up)

            try:
                for answer in in_order(submit, Future.result, Future.cancel, parts, 2 * self.budget):
                    yield answer.taken(context)
            except BaseException:
                given_up.set()
                crew.stop()  # nobody waits for the parts under way, and the pool would
                raise

    @cached_property
    def _crew(self) -> "_Crew":
        crew = _Crew(Path(self.scratch) if self.scratch else None)
        weakref.finalize(self, crew.close)
        return crew


class _Crew:
    """Processes that are idle, and those at work."""

    def __init__(self, scratch: Path | None) -> None:
        self.scratch = Scratch(scratch)
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._all: set[_Worker] = set()

    def answer(self, job: Job[Any, Any], part: Any, retries: int, given_up: threading.Event) -> Answer:
        """Have a part done, by another process where one dies, until nobody waits for it any more."""
        code = None
        for _ in range(retries + 1):
            worker = self._worker()
            try:
                answer = worker.answer(job, part)
            except (EOFError, OSError):
                code = worker.end()
                self._all.discard(worker)
                if given_up.is_set():
                    break
            else:
                self._idle.put(worker)
                if isinstance(answer, Answer):
                    return answer
                raise answer
        raise ResourceError(
            f"A worker must live as long as its part. Got {retries + 1} that died at one part, the last with "
            f"exit code {code}; if memory is short, lower block_size or threads."
        )

    def _worker(self) -> "_Worker":
        while not self._idle.empty():
            worker = self._idle.get()
            if worker.is_alive:
                return worker
            worker.end()
            self._all.discard(worker)
        worker = _Worker()
        self._all.add(worker)
        worker.greet()
        return worker

    def stop(self) -> None:
        """End all processes, those at work too."""
        for worker in list(self._all):
            worker.end()
        self._all.clear()

    def close(self) -> None:
        self.stop()
        self.scratch.close()


class _Worker:
    """A process with a pipe of its own: where it dies, its end closes, and whoever waits for it is told."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs,), daemon=True, name="glowrank worker")
        with _children, _environment_of_workers():
            self._process.start()
        theirs.close()

    def greet(self) -> None:
        """Wait until it is ready."""
        with suppress(EOFError, OSError):
            if self._pipe.poll(SECONDS_TO_START):
                self._pipe.recv()
                return
        raise ResourceError(
            f"A worker must be ready within {SECONDS_TO_START:.0f} s. Got none, exit code {self.end()}; "
            "engine=threads needs none."
        )

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def answer(self, job: Job[Any, Any], part: Any) -> Answer | Exception:
        self._pipe.send((job, part))
        answer: Answer | Exception = self._pipe.recv()
        return answer

    def end(self) -> int | None:
        """Kill the process if it lives; its exit code."""
        with _children:
            self._process.kill()
            self._process.join(5.0)
            return self._process.exitcode


def _serve(pipe: Connection) -> None:
    """What a worker does until the other end of its pipe is closed, however that came about."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            job, part = pipe.recv()
            pipe.send(_answer(job, part))


def _answer(job: Job[Any, Any], part: Any) -> Answer | Exception:
    """What came of a part; an exception of a library is told, as it may not survive the way."""
    try:
        return run(job, part)
    except Exception as error:  # noqa: BLE001  # the parent raises it
        told = error if type(error).__module__ == "builtins" else RuntimeError(repr(error))
        told.add_note("In a worker:\n" + "".join(traceback.format_exception(error)))
        return told


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """Libraries that a worker loads later obey these too; this process has loaded its own long since."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def check_scratch(owner: object, scratch: object) -> None:
    """Raise `ParameterError` unless `scratch` is a path or None."""
    if scratch is not None and (not isinstance(scratch, str) or not scratch or "\0" in scratch):
        raise ParameterError(type(owner).__name__, "scratch", "the path of a folder, or null", scratch)
