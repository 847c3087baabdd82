"""What a study found: `summary.json`, `summary.md`, what the screen shows, the best as an experiment."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import optuna
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, TrialState
from rich import box
from rich.table import Table
from rich.text import Text

from evaluation.intervals import Interval
from evaluation.table import MISSING, number, plain, with_interval
from pipeline.run_folder import provenance
from pipeline.tuning.objective import Objective
from pipeline.tuning.specification import Tuning
from pipeline.tuning.study import STRIDE, done

SHOWN: Final = 10
HEADER: Final = "# @package _global_\n# The best of a study by glowrank tune"
_STATES: Final = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial with the highest figure, of equals the earliest; None if there is none."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: (trial.values[0], -trial.number), default=None)


def start_of(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial of the configuration as given."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in complete if "start" in trial.user_attrs), None)


def summary(
    study: optuna.Study, tuning: Tuning, objective: Objective, difference: Interval | None, test: str
) -> dict[str, Any]:
    """The content of `summary.json`.

    Parameters
    ----------
    difference : Interval or None
        The best trial minus the first, users paired.
    test : str
        How to get the one figure that no study may see.
    """
    start, best = start_of(study), best_of(study)
    return {
        "study": tuning.name,
        "metric": tuning.metric,
        "rehearsals": list(tuning.rehearsals),
        "trials_done": len(done(study)),
        "trials_wanted": tuning.n_trials,
        "best": None if best is None else record(best),
        "start": None if start is None else record(start),
        "best - start": None if difference is None else difference.as_json(),
        "test": test,
        "data": objective.data,
        "space": {key: str(found) for key, found in objective.space.distributions.items()},
        "trials": [record(trial) for trial in study.get_trials(deepcopy=False) if trial.state in _STATES],
        **provenance(),
        "optuna": optuna.__version__,
    }


def record(trial: FrozenTrial) -> dict[str, Any]:
    """What there is to say of a trial that ended."""
    facts = trial.user_attrs
    entry: dict[str, Any] = {
        "number": trial.number,
        "state": _STATES[trial.state],
        "figure": None,
        "parameters": dict(trial.params),
        "seconds": facts.get("seconds"),
    }
    if trial.state == TrialState.COMPLETE:
        entry["figure"] = Interval(trial.values[0], *facts["interval"]).as_json()
        entry["figure_by_rehearsal"] = facts["rehearsals"]
    elif trial.state == TrialState.PRUNED and trial.last_step is not None:
        rehearsal, n_trees = divmod(trial.last_step, STRIDE)
        entry["pruned"] = {"rehearsals_done": rehearsal, "trees": n_trees}
        entry["pruned"]["value"] = trial.intermediate_values[trial.last_step]
    elif trial.state == TrialState.FAIL:
        entry["reason"] = facts.get("error", "interrupted, and begun again as a later trial")
    return entry


def as_markdown(found: Mapping[str, Any]) -> str:
    """The summary to be read."""
    best, difference = found["best"], found["best - start"]
    lines = [
        f"# Study {found['study']}",
        "",
        f"{found['trials_done']} of {found['trials_wanted']} trials, judged by {found['metric']} on users "
        f"with history, at split.set_aside={' and '.join(map(str, found['rehearsals']))}. The test was not "
        "read.",
        "",
    ]
    if best is not None:
        lines.append(f"- Best on validation: trial {best['number']}, {with_interval(best['figure'])}")
    if difference is not None:
        lines.append(f"- Best minus the configuration as given: {with_interval(difference)}, users paired")
    lines += [
        f"- Test: {found['test']}",
        "",
        "The best of many is flattered by having been chosen; the test tells how much of it is true.",
        "",
        f"| trial | state | {found['metric']} | seconds | parameters |",
        "|---:|---|---|---:|---|",
    ]
    for trial in found["trials"]:
        figure = MISSING if trial["figure"] is None else with_interval(trial["figure"])
        cells = (trial["number"], _state(trial), figure, number(trial["seconds"], ",.1f"))
        lines.append("| " + " | ".join(map(str, (*cells, _text(trial["parameters"])))) + " |")
    return "\n".join(lines) + "\n"


def best_trials_table(found: Mapping[str, Any]) -> Table:
    """The best trials, best first."""
    complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
    complete.sort(key=lambda trial: (-trial["figure"]["mean"], trial["number"]))
    table = Table(
        title=f"The best of {found['trials_done']} trials on validation, 95 % intervals",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("trial", justify="right")
    table.add_column(found["metric"], justify="right", min_width=15)
    table.add_column("seconds", justify="right")
    table.add_column("parameters", overflow="fold")
    for trial in complete[:SHOWN]:
        table.add_row(
            str(trial["number"]),
            with_interval(trial["figure"]),
            f"{trial['seconds']:,.1f}",
            Text(_text(trial["parameters"])),
            style="bold" if trial is complete[0] else "",
        )
    return table


def line(found: Mapping[str, Any], of: int) -> str:
    """What the screen says of a trial when it is done."""
    trial = next(trial for trial in found["trials"] if trial["number"] == of)
    start = {} if found["start"] is None else found["start"]["parameters"]
    changed = {key: value for key, value in trial["parameters"].items() if value != start.get(key)}
    figure = _state(trial) if trial["figure"] is None else with_interval(trial["figure"])
    best = plain(None if found["best"] is None else found["best"]["figure"])
    parameters = _text(changed) or "as configured"
    return f"{of:>5}  {figure:<24}  best {best}  {trial['seconds']:>7.1f} s  {parameters}"


def as_experiment(
    trial: FrozenTrial, tuning: Tuning, objective: Objective, experiments: Sequence[str], n_done: int
) -> str:
    """The YAML of an experiment with the values of a trial and nothing else.

    Parameters
    ----------
    experiments : sequence of str
        Those that the study was begun with, which it builds upon.
    """
    figure = with_interval(record(trial)["figure"])
    above = OmegaConf.to_yaml(OmegaConf.create({"defaults": [*experiments, "_self_"]})) if experiments else ""
    return (
        f"{HEADER}: {tuning.name}, trial {trial.number} of {n_done}.\n"
        f"# On validation, {tuning.metric} {figure}; the test has not been read.\n"
        f"{above}{OmegaConf.to_yaml(objective.space.nested(trial.params))}"
    )


def _state(trial: Mapping[str, Any]) -> str:
    """How a trial ended: "complete", "pruned after 120 trees", "failed: why"."""
    if "pruned" in trial:
        at = trial["pruned"]
        past = f"{at['rehearsals_done']} rehearsals" if at["rehearsals_done"] else ""
        return "pruned after " + " and ".join(filter(None, (past, at["trees"] and f"{at['trees']} trees")))
    return f"failed: {trial['reason']}" if "reason" in trial else str(trial["state"])


def _text(parameters: Mapping[str, Any]) -> str:
    """Parameters in a line, by the last part of their keys where that is enough, to three digits."""
    names = [key.rpartition(".")[2] for key in parameters]
    shown = [name if names.count(name) == 1 else key for key, name in zip(parameters, names, strict=True)]
    return ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in zip(shown, parameters.values(), strict=True)
    )
