"""From a composed configuration to the work: what the commands in `scripts` call."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from dataset.cleaning import Cleaning
from dataset.errors import ConfigurationError
from evaluation.losses import losses_table
from evaluation.skew import check_skew
from evaluation.table import results_table
from pipeline.ablation import left_out, reduced
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.experiment import Experiment
from pipeline.preparation import prepare
from pipeline.preparation.shown import show
from pipeline.progress import Stopwatch, output
from pipeline.run_folder import RunFolder
from pipeline.sweep import is_one_of_many, others_go_on
from pipeline.two_stage import TwoStage

Value = TypeVar("Value")


@others_go_on()
def run_experiment(config: DictConfig) -> dict[str, Any]:
    """The main job; prints the table of results and the path of the report."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    absent, config = checked(lambda: (left_out(config), reduced(config)))
    text = resolved(config)
    experiment = experiment_of(config)
    watch = experiment.recommender.stopwatch
    metrics = _left(experiment, folder, text) if is_one_of_many() else None
    if metrics is None:
        run = RunFolder.begin(folder, text)
        if absent:
            run.log("left_out", parts=absent)
        metrics = experiment.run(run, text, str(config.run.name))
        console = output()
        console.print(results_table(metrics, experiment.evaluation.headline))
        console.print(losses_table(metrics["losses"]))
        console.print(f"{watch.total:.1f} s, peak {metrics['peak_rss_mb']:,.0f} MB", highlight=False)
        console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
    check_skew(metrics["skew"])  # last, so that what fails can be looked at
    return metrics


def _left(experiment: Experiment, folder: Path, config: str) -> dict[str, Any] | None:
    """What this very run left in its folder before the sweep was cut off; None where it has to be run."""
    metrics = experiment.left(RunFolder(folder), config)
    if metrics is not None:
        why = "whole, of the same configuration, data, code and libraries; it is not run again"
        output().print(f"{folder} is there, {why}.", highlight=False, markup=False, soft_wrap=True)
    return metrics


def run_prepare(config: DictConfig) -> Mapping[str, Any]:
    """Bring a source into the canonical tables; prints what became of its rows."""
    source, cleaning = build(config, "dataset"), cleaning_of(config)
    out = checked(lambda: Path(str(config.out)))
    outcome = prepare(source, out, cleaning, Stopwatch(Console(stderr=True)))
    show(outcome, out, output())
    return outcome.report


def cleaning_of(config: DictConfig) -> Cleaning:
    """What a configuration says of cleaning; a run from before there was a choice had the default."""
    if config.get("cleaning") is None:
        return Cleaning.default(checked(lambda: config.max_quarantined_share))
    cleaning: Cleaning = build(config, "cleaning")
    return cleaning


def experiment_of(config: DictConfig) -> Experiment:
    """The specification that a configuration describes, without what it leaves out."""
    config = checked(lambda: reduced(config))
    cache_dir = config.cache_dir
    recommender = checked(
        lambda: TwoStage(
            retrieval=build(config, "retrieval"),
            features=build(config, "features"),
            ranking=build(config, "ranking"),
            ladder=None if config.get("ladder") is None else build(config, "ladder"),
            engine=build(config, "engine"),
            scorer=build(config, "scorer"),
            cache=Cache(Path(cache_dir) if cache_dir else None),
            block_size=config.block_size,
            stopwatch=Stopwatch(Console(stderr=True)),
        )
    )
    return checked(
        lambda: Experiment(
            source=build(config, "dataset"),
            splitter=build(config, "split"),
            recommender=recommender,
            baselines={name: build(config, f"baselines.{name}") for name in config.baselines},
            evaluation=build(config, "evaluation"),
            brief=build(config, "brief"),
            seed=config.seed,
            cleaning=cleaning_of(config),
        )
    )


def resolved(config: DictConfig) -> str:
    """The configuration as YAML, every reference resolved."""
    return checked(lambda: OmegaConf.to_yaml(config, resolve=True))


def checked(read: Callable[[], Value]) -> Value:
    """Turn what OmegaConf says of a missing or mistyped value into one sentence."""
    try:
        return read()
    except OmegaConfBaseException as error:
        raise ConfigurationError(str(error).splitlines()[0]) from error
