"""A study on disk: made or taken up again, and its trials one after the other."""

import fcntl
import hashlib
import io
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from dataset.errors import ArtefactError, ConfigurationError, DataContractError, ResourceError
from pipeline.tuning.objective import Objective
from pipeline.tuning.specification import Tuning
from ranking.ranker import Watch, nobody

FILE: Final = "study.sqlite"
STRIDE: Final = 1_000_000  # steps a rehearsal, more than there are trees
_IDENTITY: Final = "identity"
_NAME: Final = "study"
_VALUES: Final = "values"
_DIGEST_BYTES: Final = 32  # of sha256, behind the array in its file


@contextmanager
def opened(folder: Path, identity: Mapping[str, Any]) -> Iterator[optuna.Study]:
    """The study of a folder, made if there is none, for this process alone.

    Trials that were under way when an earlier process ended are marked as failed and queued again.

    Parameters
    ----------
    folder : Path
    identity : mapping of str to plain value
        All that must be the same whenever the study goes on.

    Raises
    ------
    ConfigurationError
        If the folder holds something else, or a study of another identity.
    ArtefactError
        If the study cannot be read.
    ResourceError
        If the folder cannot be written, or another process is at it.
    """
    _claim_folder(folder)
    with _locked(folder), _explained(folder):
        # As a connection, since a path may hold signs that mean something in an address.
        connect = partial(sqlite3.connect, folder / FILE)
        storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})
        study = optuna.create_study(
            storage=storage, study_name=_NAME, direction="maximize", load_if_exists=True
        )
        try:
            _identify(study, folder, json.loads(json.dumps(identity)))
            _queue_again(study)
            yield study
        finally:
            storage.engine.dispose()


def run(
    study: optuna.Study, tuning: Tuning, objective: Objective, folder: Path, after: Callable[[int], None]
) -> None:
    """Trials until there are as many as wanted; the first is the configuration as given.

    What the sampler draws depends on the trials before and on nothing else, so that a study that was
    interrupted and taken up again is the one that would have come of a single call.

    Parameters
    ----------
    after : callable
        Called with the number of each trial that is done.
    """
    latest = None if tuning.timeout_minutes is None else time.monotonic() + 60 * tuning.timeout_minutes
    space = objective.space
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(dict(space.start), user_attrs={"start": True})
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=tuning.prune_after_trials)
    while (n_done := len(done(study))) < tuning.n_trials and (latest is None or time.monotonic() < latest):
        seed = np.random.SeedSequence([tuning.seed, n_done]).generate_state(1)[0]
        study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        trial = study.ask(dict(space.distributions))
        _try(study, trial, tuning, objective, folder)
        after(trial.number)


def done(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that came to an end, good or bad; those of a process that was killed did not."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    trials = study.get_trials(deepcopy=False, states=ended)
    return [trial for trial in trials if trial.state != TrialState.FAIL or "error" in trial.user_attrs]


def values_of(folder: Path, number: int) -> npt.NDArray[np.float64] | None:
    """What `Objective.judge` gave in each rehearsal, float64 of shape (n_users, R); None if not kept.

    Raises
    ------
    ArtefactError
        If they are not what was written.
    """
    path = folder / _VALUES / f"{number}.npy"
    if not path.is_file():
        return None
    content = path.read_bytes()
    array, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(array).digest() != digest:
        raise ArtefactError(
            f"{path} is not what was written; it was cut or changed. Remove it, and the best trial is shown "
            "without its difference to the first."
        )
    values: npt.NDArray[np.float64] = np.load(io.BytesIO(array))
    return values


def keep_values(folder: Path, numbers: set[int]) -> None:
    """Remove the values of all other trials."""
    for path in (folder / _VALUES).iterdir():
        if path.name not in {f"{number}.npy" for number in numbers}:
            path.unlink()


def _try(
    study: optuna.Study, trial: optuna.Trial, tuning: Tuning, objective: Objective, folder: Path
) -> None:
    """One trial from its parameters to its figure.

    A combination of values that is refused is a failed trial; where the first fails, so do all.
    """
    started = time.perf_counter()
    try:
        values = _judged(trial, tuning, objective)
        figure = objective.figure(values)
        _write(folder / _VALUES / f"{trial.number}.npy", values)
        trial.set_user_attr("interval", [figure.low, figure.high])
        trial.set_user_attr("rehearsals", np.nanmean(values, axis=0).tolist())
        value, state = figure.mean, TrialState.COMPLETE
    except optuna.TrialPruned:
        value, state = None, TrialState.PRUNED
    except (ConfigurationError, DataContractError) as error:
        if "start" in trial.user_attrs:
            raise
        trial.set_user_attr("error", str(error))
        value, state = None, TrialState.FAIL
    trial.set_user_attr("seconds", round(time.perf_counter() - started, 3))
    study.tell(trial, value, state=state)


def _judged(trial: optuna.Trial, tuning: Tuning, objective: Objective) -> npt.NDArray[np.float64]:
    """The values of all rehearsals, float64 of shape (n_users, R); `TrialPruned` if it looks bad before."""
    by_tree = objective.space.shares_tables
    columns: list[npt.NDArray[np.float64]] = []
    for rehearsal in range(len(objective.splits)):
        watch = _pruning(trial, tuning, rehearsal) if by_tree else nobody
        columns.append(objective.judge(rehearsal, trial.params, watch))
        if not by_tree:  # where trees cannot be compared, rehearsals can
            _report(trial, float(np.nanmean(columns, axis=1).mean()), (rehearsal + 1) * STRIDE)
    return np.stack(columns, axis=1)


def _pruning(trial: optuna.Trial, tuning: Tuning, rehearsal: int) -> Watch:
    """Reports the nDCG of some trees and ends the trial where it lags behind."""

    def watch(n_trees: int, ndcg: float) -> None:
        since = n_trees - tuning.prune_after_trees
        if since >= 0 and since % tuning.prune_every == 0:
            _report(trial, ndcg, rehearsal * STRIDE + n_trees)

    return watch


def _report(trial: optuna.Trial, value: float, step: int) -> None:
    trial.report(value, step)
    if "start" not in trial.user_attrs and trial.should_prune():
        raise optuna.TrialPruned


def _write(path: Path, values: npt.NDArray[np.float64]) -> None:
    path.parent.mkdir(exist_ok=True)
    array = io.BytesIO()
    np.save(array, values)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(array.getvalue() + hashlib.sha256(array.getvalue()).digest())
    temporary.replace(path)


def _claim_folder(folder: Path) -> None:
    strangers = folder.is_dir() and any(folder.iterdir()) and not (folder / FILE).is_file()
    if strangers or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(f"tune.dir must be new, empty or the folder of a study. Got {folder}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"{folder} must be a folder that can be written. Got: {error.strerror}."
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock ends with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResourceError(
                f"One process at a time can work on a study. Got another at {folder}; wait for it, or take "
                "another tune.dir."
            ) from error
        yield
    finally:
        os.close(handle)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What the database says, in a sentence."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", None) or cause).splitlines()[0]
        raise ArtefactError(
            f"{folder / FILE} must be a study that can be read and written. Got: {reason}."
        ) from error


def _queue_again(study: optuna.Study) -> None:
    """Mark as failed what nobody works on any more, and queue the same parameters."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        parameters = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        # Queued first: killed in between, it is run twice rather than never.
        study.enqueue_trial(parameters, user_attrs={"start": True} if "start" in trial.user_attrs else None)
        study.tell(trial.number, state=TrialState.FAIL)


def _identify(study: optuna.Study, folder: Path, identity: Mapping[str, Any]) -> None:
    """Note what the study is of, or compare it with what it was of."""
    before = study.user_attrs.get(_IDENTITY)
    if before is None:
        study.set_user_attr(_IDENTITY, dict(identity))
        return
    for key in (*before, *identity):
        old, new = (facts.get(key, "nothing") for facts in (before, identity))
        if old != new:
            raise ConfigurationError(
                f"The study in {folder} was begun with {key}={old}. Got {new}; go on with the old settings, "
                "or take another tune.dir."
            )
