"""From a composed configuration to the work: what the commands in `scripts` call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from dataset.errors import ConfigurationError
from evaluation.table import results_table
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.experiment import Experiment
from pipeline.run_folder import RunFolder
from pipeline.two_stage import TwoStage


def run_experiment(config: DictConfig) -> dict[str, Any]:
    """The main job; prints the table of results and the path of the report."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    text = resolved(config)
    experiment = experiment_of(config)
    watch = experiment.recommender.stopwatch
    metrics = experiment.run(RunFolder.begin(folder, text), text, str(config.run.name))
    console = Console()
    console.print(results_table(metrics, experiment.evaluation.headline))
    console.print(f"{watch.total:.1f} s, peak {metrics['peak_rss_mb']:,.0f} MB", highlight=False)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
    return metrics


def experiment_of(config: DictConfig) -> Experiment:
    """The specification that a configuration describes."""
    cache_dir = config.cache_dir
    recommender = checked(
        lambda: TwoStage(
            retrieval=build(config, "retrieval"),
            features=build(config, "features"),
            ranking=build(config, "ranking"),
            engine=build(config, "engine"),
            cache=Cache(Path(cache_dir) if cache_dir else None),
            block_size=config.block_size,
        )
    )
    return checked(
        lambda: Experiment(
            source=build(config, "dataset"),
            splitter=build(config, "split"),
            recommender=recommender,
            baselines={name: build(config, f"baselines.{name}") for name in config.baselines},
            evaluation=build(config, "evaluation"),
            seed=config.seed,
            max_quarantined_share=config.max_quarantined_share,
        )
    )


def resolved(config: DictConfig) -> str:
    """The configuration as YAML, every reference resolved."""
    return checked(lambda: OmegaConf.to_yaml(config, resolve=True))


def checked(read: Callable[[], Any]) -> Any:
    """Turn what OmegaConf says of a missing or mistyped value into one sentence."""
    try:
        return read()
    except OmegaConfBaseException as error:
        raise ConfigurationError(str(error).splitlines()[0]) from error
