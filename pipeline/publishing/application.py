"""From the settings of `glowrank publish` to lists that are served."""

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from dataset.errors import ConfigurationError
from pipeline.configuration import build
from pipeline.progress import Stopwatch
from pipeline.publishing.lists import FinishedLists
from pipeline.publishing.target import Published, Target, publish, roll_back


def run_publish(config: DictConfig) -> Published:
    """Serve the lists of a folder, or those that were served before; prints what is served now."""
    target: Target = build(config, "target")
    folder, back = config.lists, config.rollback
    if not isinstance(back, bool):
        raise ConfigurationError(f"rollback must be true or false. Got {back!r}.")
    if back == (folder is not None):
        expected = "no lists with rollback=true" if back else "a folder of lists, or rollback=true"
        raise ConfigurationError(f"glowrank publish must be given {expected}. Got {folder or 'neither'}.")
    stopwatch = Stopwatch(Console(stderr=True))
    if back:
        done = roll_back(target)
    else:
        with stopwatch.stage("verification"):
            lists = FinishedLists.at(Path(str(folder)))
        done = publish(target, lists, stopwatch)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for sentence in _said(done, target, back):
        console.print(sentence)
    return done


def _said(done: Published, target: Target, back: bool) -> list[str]:
    said = []
    if done.lists:
        said.append(f"{done.rows:,} rows in {done.lists:,} lists written.")
    elif not back and done.before == done.edition:
        said.append("These lists are served already; nothing was written.")
    elif not back:
        said.append("These lists were there already, whole; nothing was written.")
    if done.removed:
        said.append(f"Removed: {', '.join(done.removed)}.")
    if done.busy:
        said.append(f"In use, to be removed with the next publication: {', '.join(done.busy)}.")
    before = "" if done.before in (None, done.edition) else f" in place of {done.before}"
    said.append(f"Served: {done.edition}{before}, from {target.place}.")
    said.append(f"One user's list: {target.reading}")
    return said
