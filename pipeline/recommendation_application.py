"""From a composed configuration to a folder of lists: what `glowrank recommend` calls."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from dataset.dataset import Dataset
from dataset.errors import ArtefactError, ConfigurationError
from dataset.snapshot import Snapshot
from pipeline.applications import checked, cleaning_of
from pipeline.artefacts import MANIFEST, sha256
from pipeline.asked_users import codes_of, read_names
from pipeline.block_sizes import BytesAUser
from pipeline.cache import Cache
from pipeline.certificate import certify
from pipeline.configuration import build
from pipeline.costs import Costs
from pipeline.engines import Threads
from pipeline.fingerprint import fingerprint_of_code
from pipeline.lists_folder import CERTIFICATE, ListsFolder, Part, totals
from pipeline.preparation import load
from pipeline.progress import Stopwatch, peak_rss_mb
from pipeline.recommendation import Recommendation
from pipeline.run_folder import LIBRARIES, RunFolder
from pipeline.stage_one import StageOneFitter
from pipeline.two_stage import FittedTwoStage

_CODE: Final = ("dataset", "features", "retrieval", "ranking", "pipeline")


def run_recommend(config: DictConfig) -> dict[str, int]:
    """Write the lists of every user with the model of a run, or what is missing of them; prints where."""
    run, out, cache_dir = checked(lambda: (Path(str(config.run)), Path(str(config.out)), config.cache_dir))
    only = checked(lambda: None if config.only is None else read_names(Path(str(config.only))))
    job = _recommendation(config)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    manifest = RunFolder(run).read()
    with ListsFolder.at(out).locked() as folder:
        made = OmegaConf.create((run / "config.yaml").read_text(encoding="utf-8"))
        assert isinstance(made, DictConfig)  # the manifest vouches for it
        job.policy.check(checked(lambda: tuple(made.features.vectors)))
        cache = Cache(Path(cache_dir) if cache_dir else None)
        with job.stopwatch.stage("preparation"):
            dataset = load(build(made, "dataset"), cache, made.seed, cleaning_of(made)).dataset
            dataset = replace(dataset, oracle=None)  # lists are made without the truth, which is large
        if only is not None:
            job = replace(job, only=codes_of(only, dataset.user_ids))
        if dataset.digest != manifest.get("data"):
            if job.as_of == "test":
                raise ArtefactError(
                    f"as_of=test needs the data that {run} was made with. Got other data; "
                    "bring the old files back, or take as_of=latest."
                )
            console.print("The data has changed since the run: the lists are made of it as it is now.")
        snapshot = _snapshot(made, job, dataset)
        memory_gb = _memory_gb(config)
        if memory_gb is not None:
            job = _within(memory_gb, job, FittedTwoStage.load(run / "model"), snapshot)
        counts = Batch(run, made, job, cache, dataset, snapshot, console).write(folder)
        _tell_cost(console, job.stopwatch, memory_gb)
        return counts


def _memory_gb(config: DictConfig) -> float | None:
    """The memory that a night may take, if that is said.

    Raises
    ------
    ConfigurationError
        If it is no number above 0.
    """
    wanted = checked(lambda: config.memory_gb)
    if wanted is None:
        return None
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 0 < wanted < float("inf"):
        raise ConfigurationError(f"memory_gb must be a number above 0, or null. Got {wanted!r}.")
    return float(wanted)


def _within(
    memory_gb: float, job: Recommendation, model: FittedTwoStage, snapshot: Snapshot
) -> Recommendation:
    """The same job with blocks and parts, and so many of them at once, that they leave room for the data."""
    size = BytesAUser.of(model, snapshot, job.n)
    job = replace(
        job,
        block_size=size.block_size(memory_gb, job.block_size),
        part_size=size.part_size(memory_gb, job.part_size),
    )
    if isinstance(job.engine, Threads):
        threads = min(job.engine.budget, size.at_once(memory_gb, job.block_size))
        return replace(job, engine=Threads(threads=threads))
    return job


def _tell_cost(console: Console, watch: Stopwatch, memory_gb: float | None) -> None:
    """Seconds and memory, and whether the memory was more than was to be taken."""
    peak = peak_rss_mb()
    console.print(f"{watch.total:.1f} s, peak {peak:,.0f} MB")
    if memory_gb is not None and peak * 2**20 > memory_gb * 1e9:
        console.print(
            f"That is above memory_gb={memory_gb:g}: smaller blocks do not shrink what the data and the "
            "model take."
        )


def _recommendation(config: DictConfig) -> Recommendation:
    """The specification that the settings of `recommend` describe."""
    engine = build(config, "engine")
    names = ("n", "as_of", "users", "part_size", "block_size", "resume", "reasons")
    settings = checked(lambda: {name: config[name] for name in names})
    settings |= {
        "constraints": build(config, "constraints"),
        "policy": build(config, "policy"),
        "scorer": build(config, "scorer"),
        "costs": checked(lambda: config.certificate.costs),
    }
    return Recommendation(engine=engine, stopwatch=Stopwatch(Console(stderr=True)), **settings)


def _snapshot(made: DictConfig, job: Recommendation, dataset: Dataset) -> Snapshot:
    """The moment that is asked for, with its users."""
    splitter = build(made, "split")
    return job.asked(splitter.split(dataset).test if job.as_of == "test" else splitter.latest(dataset))


@dataclass(frozen=True)
class Batch:
    """All that the lists of a folder are made from.

    Parameters
    ----------
    run : Path
    made : DictConfig
        The configuration of the run.
    job : Recommendation
    cache : Cache
    dataset : Dataset
    snapshot : Snapshot
    console : Console
    """

    run: Path
    made: DictConfig
    job: Recommendation
    cache: Cache
    dataset: Dataset
    snapshot: Snapshot
    console: Console

    def write(self, folder: ListsFolder) -> dict[str, int]:
        """Fill the folder where it has gaps, certify and mark it; returns counts.

        Raises
        ------
        DataContractError
            If the lists break a promise; the certificate says which, and they are not marked as complete.
        """
        plan, job = self.plan, self.job
        parts = folder.kept(plan) if job.resume else {}
        missing = set(range(plan["parts"])) - set(parts)
        is_finished = folder.is_finished(self._facts(plan, parts)) and self._is_told(folder)
        if job.resume and not missing and is_finished:
            self.console.print("These lists are finished; resume=false would write them again.")
        else:
            if parts:
                self.console.print(f"{len(parts)} of {plan['parts']} parts are there and are kept.")
            folder.begin(plan, parts)
            if missing:
                parts |= self._written(folder, plan["run"], missing)
            self._certify(folder, parts)
            folder.finish(parts, self._facts(plan, parts))
        counts = totals(list(parts.values()))
        self._tell(folder, counts)
        return counts

    @property
    def plan(self) -> dict[str, Any]:
        """All that the bytes of the parts depend on, in the order in which differences are told."""
        job, digest = self.job, sha256(self.run / MANIFEST)
        settings = ("n", "as_of", "users", "part_size", "block_size", "reasons")
        return {
            "run": f"{self.run.resolve().name}-{digest[:8]}",
            "run_manifest": digest,
            **{name: getattr(job, name) for name in settings},
            "constraints": json.loads(json.dumps(asdict(job.constraints))),
            "policy": json.loads(json.dumps(asdict(job.policy))),
            "only": None if job.only is None else hashlib.sha256(job.only.data).hexdigest(),
            "data": self.dataset.digest,
            "lists": len(self.snapshot.queries),
            "parts": job.n_parts(self.snapshot),
            "glowrank": version("glowrank"),
            "code": fingerprint_of_code(*_CODE),
            "libraries": {name: version(name) for name in LIBRARIES},
        }

    def _facts(self, plan: Mapping[str, Any], parts: Mapping[int, Part]) -> dict[str, Any]:
        """What `_SUCCESS` says."""
        said = {"run_id": plan["run"], **{name: plan[name] for name in ("n", "as_of", "data")}}
        return {**said, **totals(list(parts.values()))}

    def _written(self, folder: ListsFolder, run_id: str, missing: set[int]) -> dict[int, Part]:
        model, job = self._model(), self.job
        with job.stopwatch.stage("lists"), terminated_between_parts() as after_part:
            return job.write(model, self.snapshot, self.dataset, folder, run_id, missing, after_part)

    def _model(self) -> FittedTwoStage:
        """The model at the moment that is asked for."""
        job = self.job
        model = replace(FittedTwoStage.load(self.run / "model"), scorer=job.scorer)
        if job.as_of == "test":
            return model
        retrieval, features = build(self.made, "retrieval"), build(self.made, "features")
        fitter = StageOneFitter(retrieval, features, job.engine, self.cache, job.stopwatch)
        return replace(model, stage_one=fitter.fit([self.snapshot])[0])

    def _certify(self, folder: ListsFolder, parts: Mapping[int, Part]) -> None:
        """Check what was written, read back from the disk."""
        job = self.job
        tables = (folder.read(parts[number]) for number in sorted(parts))
        with job.stopwatch.stage("certificate"):
            certificate = certify(tables, self.snapshot, self.dataset, job.n, job.part_size, job.block_size)
            told = certificate.as_json()
            folder.certify(told)
        certificate.check()
        if job.measures_costs:
            with job.stopwatch.stage("costs"):
                folder.certify(told | {"costs": self._costs()})

    def _is_told(self, folder: ListsFolder) -> bool:
        """Whether the certificate says what promises cost, where it is to."""
        if not self.job.measures_costs:
            return True
        told = json.loads((folder.path / CERTIFICATE).read_text(encoding="utf-8"))
        return "costs" in told

    def _costs(self) -> dict[str, Any]:
        """What each promise costs on the test of the run, which is known only of the run's own data."""
        if self.dataset.digest != RunFolder(self.run).read().get("data"):
            why = "the data has changed since the run, so its test is not known any more"
            self.console.print(f"What promises cost was not measured: {why}.")
            return {"not_measured": why}
        job, splitter = self.job, build(self.made, "split")
        return Costs(
            model=FittedTwoStage.load(self.run / "model"),
            test=splitter.split(self.dataset).test,
            repeats=replace(splitter, repurchase=True).split(self.dataset).test,
            constraints=job.constraints,
            policy=job.policy,
            evaluation=build(self.made, "evaluation"),
            n=job.n,
            engine=job.engine,
            block_size=job.block_size,
        ).measure()

    def _tell(self, folder: ListsFolder, counts: Mapping[str, int]) -> None:
        if counts["short_lists"]:
            self.console.print(
                f"{counts['short_lists']:,} of {counts['users']:,} lists are shorter than n={self.job.n}: "
                f"{int(self.snapshot.available.sum()):,} items are on offer, fewer where some are owned or "
                "avoided."
            )
        self.console.print(f"{counts['rows']:,} rows for {counts['users']:,} users. Lists: {folder.path}")


@contextmanager
def terminated_between_parts() -> Iterator[Callable[[], None]]:
    """Hold SIGTERM back until the function that is given out is called, after a part.

    A second SIGTERM is not held back.
    """
    before = signal.getsignal(signal.SIGTERM)
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGTERM, before)

    def after_part() -> None:
        if asked:
            Console(stderr=True, markup=False).print(
                "The part under way was finished; the same command goes on from here.", soft_wrap=True
            )
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, note)
    try:
        yield after_part
    finally:
        signal.signal(signal.SIGTERM, before)
