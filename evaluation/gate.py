"""Whether a run may be promoted: the checks, and the decision that follows from them.

References
----------
Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982
(intersection-union test: where every part must hold, each is tested at the level of the whole).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.errors import ParameterError
from dataset.parameters import check_bool, check_int, check_names, check_number
from evaluation.comparison import Paired, paired
from evaluation.groups import UNKNOWN
from evaluation.intervals import Interval, bootstrap
from evaluation.sections import MAIN_RUN
from evaluation.significance import ALPHA, randomisation_test
from evaluation.simultaneous import simultaneous
from evaluation.standing import ORACLE
from evaluation.table import signed

FUSION: Final = "reciprocal_rank_fusion"
CHANCE: Final = "random"
N_DRAWS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The specification of what a run must show to be promoted. Every parameter may change the decision.

    Parameters
    ----------
    metric : str or None
        By which it is judged, of users with history; None: nDCG at the run's own headline cut-off.
    margin : float
        Share of the reference's mean in a group, within 0 and 1, by which the group may fall.
    max_psi : float or None
        Population stability index above which a feature has shifted; None: the run's own verdict alone.
    max_shifted_gain : float
        Share of the ranker's gain, within 0 and 1, that may rest on features that have shifted.
    min_users : int
        Groups of fewer users are listed, not judged: they would widen the intervals of all.
    need_audit : bool
        Whether the run must have passed `glowrank audit`.
    audit_checks : sequence of str
        What the audit must have looked at; more does not matter.
    n_resamples, seed : int
        Of all intervals.
    """

    metric: str | None = None
    margin: float = 0.1
    max_psi: float | None = 0.25
    max_shifted_gain: float = 0.2
    min_users: int = 50
    need_audit: bool = True
    audit_checks: Sequence[str] = ()
    n_resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metric is not None and not (isinstance(self.metric, str) and self.metric):
            raise ParameterError("Gate", "metric", "the name of a metric, like ndcg@10", self.metric)
        check_number(self, "margin", low=0, high=1)
        if self.max_psi is not None:
            check_number(self, "max_psi", low=0)
        check_number(self, "max_shifted_gain", low=0, high=1)
        check_int(self, "min_users", low=2)
        check_bool(self, "need_audit")
        check_names(self, "audit_checks")
        check_int(self, "n_resamples", low=200, high=100_000)
        check_int(self, "seed", low=0)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a run and of the one in use.

    Parameters
    ----------
    metric : str
        By which the run is judged.
    values, incumbent : DataFrame; the second may be None
        As in `queries.parquet`: a row a user with `FACTS`, then "run/metric". None: there is none in use.
    groups : DataFrame or None
        As in `groups.parquet`: a row a user with `user`, then a column of labels for each grouping.
    skew : mapping or None
        The section "skew" of `metrics.json`.
    audit : mapping or None
        As in `audit.json`.
    sha256 : str
        Of the run's manifest, by which the audit must name it.
    """

    metric: str
    values: pd.DataFrame
    incumbent: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None
    skew: Mapping[str, Any] | None = None
    audit: Mapping[str, Any] | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
    passed : bool
    why : str
        What was found, as the rest of a sentence.
    figures : mapping
        Behind `why`; empty where there are none.
    warning : bool
        Whether it passed, and should be looked at all the same.
    """

    name: str
    passed: bool
    why: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    warning: bool = False


@dataclass(frozen=True)
class Decision:
    """What follows from all checks.

    Parameters
    ----------
    checks : tuple of Check
    not_judged : mapping of group to users
        Groups that were too small.
    """

    checks: tuple[Check, ...]
    not_judged: Mapping[str, int] = field(default_factory=dict)

    @property
    def promoted(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """The decision in a sentence."""
        failed = [check.name for check in self.checks if not check.passed]
        if failed:
            return f"Refused: {len(failed)} of {len(self.checks)} checks failed: {', '.join(failed)}."
        n_warnings = sum(check.warning for check in self.checks)
        warned = f", {n_warnings} with a warning" if n_warnings else ""
        return f"Promoted: all {len(self.checks)} checks passed{warned}."


def decide(gate: Gate, evidence: Evidence) -> Decision:
    """Look at everything; a run is promoted if all of it holds.

    `fusion` and `source X`: the paired interval of the main run minus reciprocal-rank fusion, and minus each
    other run except the oracle and random order, lies above zero, and the randomisation test agrees. It is
    asked too because the interval is too narrow where few users differ: with 25 of 1,000 it lay above zero
    for 3.5 % of equal models (`benchmarks/results/interval_coverage.json`). The test is exact there, so both
    together err in at most 2.5 %. All must hold, so none needs a correction for being several: a run that is
    no better than one of them passes all no more often than it passes that one (Berger 1982).

    `against`: the same of the run minus the incumbent, where there is one.

    `group X`: within each group the run is compared with the incumbent, or with reciprocal-rank fusion where
    there is none, by intervals that hold for all groups at once. A group fails if its fall is certain, the
    upper end below zero, and larger than the margin. A fall beyond the margin that is merely not excluded is
    a warning: to demand that it is excluded in dozens of groups would refuse nearly every run that is good,
    for want of users.

    `skew`, `audit`: what the ranker sees at work is what it learnt on, and the run's figures withstood
    `glowrank audit`.

    Parameters
    ----------
    gate : Gate
    evidence : Evidence
    """
    checks = _beats_its_own(gate, evidence)
    reference = _reference(evidence)
    if evidence.incumbent is not None:
        checks.append(_against(gate, reference))
    of_groups, not_judged = _groups(gate, evidence, reference)
    checks += [*of_groups, _skew(gate, evidence.skew)]
    if gate.need_audit:
        checks.append(_audited(gate, evidence))
    return Decision(tuple(checks), not_judged)


def _beats_its_own(gate: Gate, evidence: Evidence) -> list[Check]:
    """The main run against every other one of its own folder."""
    metric, values = evidence.metric, evidence.values
    ending = f"/{metric}"
    runs = [name.removesuffix(ending) for name in map(str, values) if name.endswith(ending)]
    others = sorted(
        (run for run in runs if run not in (MAIN_RUN, ORACLE, CHANCE)), key=lambda run: run != FUSION
    )
    asked = values[values["is_warm"] & (values["n_relevant"] > 0)]
    main, *columns = (asked[f"{run}/{metric}"].to_numpy(np.float64) for run in (MAIN_RUN, *others))
    names = ["fusion" if run == FUSION else f"source {run}" for run in others]
    differences = np.array([main - column for column in columns]).reshape(len(columns), len(main)).T
    found = _better(gate, differences, dict(zip(names, others, strict=True)))
    if FUSION not in others:
        found.insert(0, Check("fusion", False, f"the run has no {FUSION} to be compared with"))
    return found


def _reference(evidence: Evidence) -> Paired | str:
    """The run beside what its groups are compared with, or why it cannot be."""
    values, metric = evidence.values, evidence.metric
    if evidence.incumbent is not None:
        return paired(values, evidence.incumbent, [metric])
    if f"{FUSION}/{metric}" not in values:
        return f"the run has no {FUSION} to compare its groups with"
    fusion = values.assign(**{f"{MAIN_RUN}/{metric}": values[f"{FUSION}/{metric}"]})
    return paired(values, fusion, [metric])


def _against(gate: Gate, reference: Paired | str) -> Check:
    if isinstance(reference, str):
        return Check("against", False, f"the two cannot be compared: {reference}")
    return _better(gate, reference.differences, {"against": "the incumbent"})[0]


def _better(gate: Gate, differences: npt.NDArray[np.float64], against: Mapping[str, str]) -> list[Check]:
    """Whether the mean of each column is above 0 for sure; by name of the check, what the run is against."""
    intervals = bootstrap(differences, n_resamples=gate.n_resamples, seed=gate.seed).intervals()
    p_values = randomisation_test(differences, n_draws=N_DRAWS, seed=gate.seed)
    checks = []
    for (name, other), interval, p in zip(against.items(), intervals, p_values, strict=True):
        figures = {**interval.as_json(), "p": float(p)}
        passed = bool(interval.low > 0 and p <= ALPHA)
        said = f"{signed(figures)} against {other}, p {p:.4f}"
        checks.append(Check(name, passed, said if passed else f"{said}: not shown to be better", figures))
    return checks


def _groups(gate: Gate, evidence: Evidence, reference: Paired | str) -> tuple[list[Check], Mapping[str, int]]:
    """A check for each group of enough users, and the sizes of the others."""
    if isinstance(reference, str):
        return [Check("groups", False, f"not judged: {reference}")], {}
    if evidence.groups is None:
        return [Check("groups", False, "the run has no groups.parquet; run it again")], {}
    if set(reference.user) - set(evidence.groups["user"]):
        return [Check("groups", False, "groups.parquet labels other users; run it again")], {}
    differences, before = reference.differences[:, 0], reference.others[:, 0]
    names, members = _members(evidence.groups, reference.user)
    members &= ~np.isnan(differences)[:, None]
    sizes = members.sum(axis=0)
    judged = np.flatnonzero(sizes >= gate.min_users)
    small = {names[at]: int(sizes[at]) for at in np.flatnonzero((sizes > 0) & (sizes < gate.min_users))}
    if not len(judged):
        why = f"none has {gate.min_users} users, so none was judged"
        return [Check("groups", True, why, warning=True)], small
    joint = simultaneous(differences, members[:, judged], n_resamples=gate.n_resamples, seed=gate.seed)
    of = "incumbent" if evidence.incumbent is not None else FUSION
    return [
        _group(gate, names[at], int(sizes[at]), interval, float(before[members[:, at]].mean()), of)
        for at, interval in zip(judged, joint.intervals, strict=True)
    ], small


def _group(gate: Gate, name: str, n: int, interval: Interval, before: float, of: str) -> Check:
    allowed = -gate.margin * before
    failed = interval.high < 0 and interval.mean < allowed
    excluded = interval.low >= allowed
    said = f"{signed(interval.as_json())} against {of}'s {before:.4f}, {n:,} users"
    if failed:
        said += f": falls by more than {gate.margin:.0%}"
    elif not excluded:
        said += f": a fall of more than {gate.margin:.0%} is not excluded"
    figures = {**interval.as_json(), "n": n, "reference": before, "allowed": allowed}
    return Check(f"group {name}", not failed, said, figures, warning=not failed and not excluded)


def _members(groups: pd.DataFrame, user: npt.NDArray[np.object_]) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Names of all groups, "grouping: label", and who is in them, bool of shape (users, groups)."""
    labels = groups.set_index("user").loc[pd.Index(user)].drop(columns="is_warm", errors="ignore")
    names: list[str] = []
    columns: list[npt.NDArray[np.bool_]] = []
    for grouping in labels:
        own = labels[grouping].astype(object).where(labels[grouping].notna(), UNKNOWN).astype(str).to_numpy()
        for label in sorted(set(own)):
            names.append(f"{grouping}: {label}")
            columns.append(own == label)
    return names, np.stack(columns, axis=1) if columns else np.zeros((len(user), 0), np.bool_)


def _skew(gate: Gate, skew: Mapping[str, Any] | None) -> Check:
    """The run's own verdict, and that of the gate's limits on features that the ranker uses, chance apart."""
    if skew is None:
        return Check("skew", False, "the run has no skew figures; run it again")
    worst = skew.get("worst")
    figures = {"limit": skew.get("limit"), "worst": worst}
    said = f"worst is {worst['feature']} with a PSI of {_psi(worst):.3f}" if worst else "no feature has moved"
    if not skew["passed"]:
        return Check("skew", False, f"{said}, limit {skew.get('limit')}", figures)
    if gate.max_psi is None:
        unlimited = skew.get("limit") is None and worst is not None
        return Check("skew", True, f"{said}, limit {skew.get('limit')}", figures, warning=unlimited)
    above = {n: f for n, f in skew["features"].items() if _counts(f) and _psi(f) > gate.max_psi}
    gain = sum(float(f["importance"]) for f in above.values())
    figures |= {"limit": gate.max_psi, "above": sorted(above), "gain_above": gain}
    allowed = f"{gain:.1%} of the gain is above {gate.max_psi:g}, {gate.max_shifted_gain:.0%} may be"
    passed = gain <= gate.max_shifted_gain
    return Check("skew", passed, f"{allowed}; {said}", figures, warning=passed and bool(above))


def _psi(feature: Mapping[str, Any]) -> float:
    return float("inf") if feature["psi"] is None else float(feature["psi"])


def _counts(feature: Mapping[str, Any]) -> bool:
    """Whether the ranker uses a feature, as far as it tells, and its PSI is more than chance."""
    return feature.get("importance") != 0 and _psi(feature) > (feature.get("by_chance") or 0.0)


def _audited(gate: Gate, evidence: Evidence) -> Check:
    audit = evidence.audit
    if audit is None:
        return Check("audit", False, "the run was not audited; glowrank audit RUN")
    if audit.get("run") != evidence.sha256:
        return Check("audit", False, "the audit is of another run; glowrank audit RUN")
    if not audit.get("complete"):
        return Check("audit", False, "the audit is under way or was ended early; glowrank audit RUN")
    lacking = [name for name in gate.audit_checks if name not in audit.get("checks", {})]
    if lacking:
        return Check("audit", False, f"the audit left out {', '.join(lacking)}; glowrank audit RUN")
    if not audit.get("passed"):
        return Check("audit", False, "the audit found something; see audit.json")
    return Check("audit", True, "nothing was found")
