"""A part of the work as it travels to another process, and what comes back."""

import json
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Generic, TypeVar

from dataset import errors, persistence
from dataset.errors import ArtefactError, ConfigurationError, GlowrankError, ResourceError
from dataset.persistence import Saved
from pipeline.artefacts import MANIFEST, read_manifest, sha256, verify
from pipeline.cache import place_of
from pipeline.engines.engine import Part, Result, prepare_process
from pipeline.engines.scratch import RESULTS, Scratch, seal, written
from pipeline.fingerprint import fingerprint_of_code
from pipeline.progress import Stopwatch

CODE: Final = ("dataset", "features", "retrieval", "ranking", "evaluation", "pipeline")
_CONTEXTS: Final = 3  # kept open by a worker: stages follow one another, and few overlap

Value = TypeVar("Value")


@dataclass(frozen=True)
class Job(Generic[Part, Result]):
    """A function with its context, as every process can find them.

    Parameters
    ----------
    function : callable
    kind : type
        Of the context.
    plan : str
        See `Scratch.plan`.
    scratch : str
        The folder that the plan speaks of.
    code : str or None
        Fingerprint of the packages, where workers are on machines of their own: results are equal only where
        the code is. Such a worker may also keep its cache on a disk that this process does not see.
    """

    function: Callable[[Any, Part], Result]
    kind: type
    plan: str
    scratch: str
    code: str | None

    @classmethod
    def of(
        cls,
        function: Callable[[Any, Part], Result],
        context: Any,
        scratch: Scratch,
        *,
        is_elsewhere: bool = False,
    ) -> "Job[Part, Result]":
        """Write what is missing of the context."""
        code = fingerprint_of_code(*CODE) if is_elsewhere else None
        return cls(function, type(context), scratch.plan(context), str(scratch.folder), code)


@dataclass(frozen=True)
class Answer:
    """What a worker sends back: a result, or the place where it lies, or why there is none.

    Parameters
    ----------
    result : object
    place : Path or None
        Of a saved value, which never travels itself.
    is_ours : bool
        Whether the place is taken away once it is read.
    seconds : mapping of str to float
        Spent inside blocks.
    refusal : tuple of str or None
        Class and sentence of one of our own errors.
    """

    result: Any = None
    place: Path | None = None
    is_ours: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)
    refusal: tuple[str, str] | None = None

    def taken(self, context: Any) -> Any:
        """The result, in the process that asked; seconds are added to the context's stopwatch.

        Raises
        ------
        GlowrankError
            What ended the part.
        """
        if self.refusal is not None:
            raise _error(*self.refusal)
        watch = getattr(context, "stopwatch", None)
        if isinstance(watch, Stopwatch):
            for name, seconds in self.seconds.items():
                watch.inside_blocks[name] = watch.inside_blocks.get(name, 0.0) + seconds
        if self.place is None:
            return self.result
        value = opened(self.place)
        if self.is_ours:
            rmtree(self.place, ignore_errors=True)
        return value


def run(job: Job[Part, Any], part: Part) -> Answer:
    """Do a part, in a worker."""
    try:
        if job.code is not None and job.code != fingerprint_of_code(*CODE):
            raise ConfigurationError(
                "Workers must run the same version of Glowrank as the command. Got another; install the "
                "same one on every worker."
            )
        context = _context(job)
        if getattr(_thread, "plan", None) != job.plan:  # it takes tens of milliseconds, so not for each part
            prepare_process()  # after the context, with which libraries are loaded
            _thread.plan = job.plan
        result = job.function(context, part)
        watch = getattr(context, "stopwatch", None)
        seconds = _counted(watch) if isinstance(watch, Stopwatch) else {}
        if not isinstance(result, Saved):
            return Answer(result, seconds=seconds)
        place = place_of(result) if job.code is None else None
        if place is not None:
            return Answer(place=place, is_ours=False, seconds=seconds)
        place = Path(job.scratch) / RESULTS / uuid.uuid4().hex
        with written(place.parent):
            seal(result, place)
        return Answer(place=place, seconds=seconds)
    except GlowrankError as error:
        return Answer(refusal=(type(error).__name__, str(error)))


def opened(folder: Path, manifest: str | None = None) -> Any:
    """The value in a sealed folder, verified.

    Parameters
    ----------
    folder : Path
    manifest : str or None
        sha256 that the manifest itself must have.
    """
    if manifest is not None and sha256(folder / MANIFEST) != manifest:
        raise ArtefactError(f"{folder / MANIFEST} is not what was written; it was cut or changed.")
    verify(folder, read_manifest(folder)["files"])
    return persistence.load(folder / "value")


_lock: Final = threading.Lock()
_thread: Final = threading.local()
_contexts: Final[OrderedDict[tuple[str, str], Any]] = OrderedDict()
# A value stays open as long as a context that holds it: the snapshot of one stage serves the next one too.
_values: Final[weakref.WeakValueDictionary[str, Any]] = weakref.WeakValueDictionary()


def _context(job: Job[Any, Any]) -> Any:
    """The context of a job; the last few stay open."""
    key = (job.scratch, job.plan)
    with _lock:
        if key not in _contexts:
            scratch = Path(job.scratch)
            if not scratch.is_dir():
                raise ResourceError(
                    f"Every worker must see {scratch}, through which it is handed data and models. Got a "
                    "worker that does not; name a folder that all machines share: engine.scratch=DIR."
                )
            fields = json.loads(job.plan)
            _contexts[key] = job.kind(**{name: _grown(tree, scratch) for name, tree in fields.items()})
            while len(_contexts) > _CONTEXTS:
                _contexts.popitem(last=False)
        _contexts.move_to_end(key)
        return _contexts[key]


def _grown(tree: Any, scratch: Path) -> Any:
    """What `Scratch.plan` made a tree of; arrays are mapped, so that workers share their pages."""
    if not isinstance(tree, dict):
        return tree
    if "stopwatch" in tree:
        return Stopwatch()
    if "tuple" in tree:
        return tuple(_grown(part, scratch) for part in tree["tuple"])
    if "mapping" in tree:
        return {key: _grown(part, scratch) for key, part in tree["mapping"].items()}
    name = tree["value"]["folder"]
    value = _values.get(name)
    if value is None:
        with persistence.memory_mapped():
            value = opened(scratch / name, tree["value"]["sha256"])
        _values[name] = value
    return value


def _counted(watch: Stopwatch) -> dict[str, float]:
    """What a stopwatch has counted inside blocks since it was asked last."""
    seconds = dict(watch.inside_blocks)
    watch.inside_blocks.clear()
    return seconds


def _error(name: str, sentence: str) -> GlowrankError:
    """One of our errors, made again from its sentence; some are made from other things than that."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, GlowrankError) and kind is not errors.ParameterError:
        return kind(sentence)
    return ConfigurationError(sentence) if name == "ParameterError" else GlowrankError(sentence)
