"""What a report tells, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.brief import Told


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """What the report tells; plain values, so that any run folder can be reported again.

    Parameters
    ----------
    metrics : mapping
        As in `metrics.json`. Its "dataset" and "split" are shown as they are, a line an entry.
    config : str
        The resolved configuration as YAML.
    title : str
        Name of the run.
    question : str
        What was asked, in a sentence or two.
    headline : int
        Cut-off of the figures that stand in front.
    brief : Told or None
    model : mapping of str to value
        What was built: the ranker, the sources and the like, for the model card.
    importance : mapping of str to float
        Gain of each feature, "family.feature".
    groups : mapping of grouping to run to label to figures
        From `evaluate_groups`, of nDCG at `headline`.
    stage_peak_rss_mb : mapping of stage to float
        Peak memory of each stage in MB, where it was measured.
    quarantine : mapping of table to reason to rows
        What cleaning set aside.
    notes, warnings : sequence of str
    provenance : mapping of str to value
        Code revision, versions, seed and the like; shown at the end.
    """

    metrics: Mapping[str, Any]
    config: str
    title: str = "Experiment"
    question: str = ""
    headline: int = 10
    brief: Told | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    stage_peak_rss_mb: Mapping[str, float] = field(default_factory=dict)
    quarantine: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
