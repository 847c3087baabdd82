"""From a grid to the cells that there will be, in order, each composed, checked and named by its content."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from dataset.errors import ConfigurationError
from dataset.sources.shop import Shop
from pipeline.ablation import reduced
from pipeline.applications import checked, experiment_of, resolved
from pipeline.benchmarking.grid import Point, file_name, points_of
from pipeline.benchmarking.specification import Benchmark
from pipeline.configuration import build
from pipeline.fingerprint import fingerprint
from pipeline.preparation.streams import inputs_of

Compose = Callable[[Sequence[str]], DictConfig]
OF_DATA: Final = ("dataset", "cleaning", "split", "seed", "max_quarantined_share")
OF_NO_CELL: Final = ("run", "cache_dir", "baselines", "brief", "without")
OF_NO_MODEL: Final = (*OF_NO_CELL, "scorer", "evaluation")
ASKED: Final = ("scorer", "block_size", "ranking.keep", "ranking.max_loss")
"""What a query may change, beside how an index is searched."""
SEARCHED: Final = ("probes", "effort", "rerank")


@dataclass(frozen=True)
class PlannedCell:
    """A cell to come.

    Parameters
    ----------
    name, kind : str
        As of a line; see `pipeline.benchmarking.cell`.
    build, query : mapping
        Labels.
    overrides : tuple of str
    config : str
        The composed configuration as YAML.
    data, model : str
        Keys of what it answers from; no model for references without a stage two.
    reference : str
        Name of the source, for those.
    key : str
        Fingerprint of all that decides the line.
    """

    name: str
    kind: str
    build: Mapping[str, Any]
    query: Mapping[str, Any]
    overrides: tuple[str, ...]
    config: str
    data: str
    model: str
    reference: str
    key: str


@dataclass(frozen=True)
class Plan:
    """All that a benchmark will measure.

    Parameters
    ----------
    cells : tuple of PlannedCell
    data, models : mapping of str to str
        Configuration of each data set and build, as YAML, by key.
    references : mapping
        Sources as configured.
    base : tuple of str
        Overrides of every cell.
    """

    cells: tuple[PlannedCell, ...]
    data: Mapping[str, str]
    models: Mapping[str, str]
    references: Mapping[str, Any]
    base: tuple[str, ...]

    @classmethod
    def of(
        cls, benchmark: Benchmark, references: Mapping[str, Any], base: Sequence[str], compose: Compose
    ) -> "Plan":
        """Compose and check every cell, before anything is computed.

        Parameters
        ----------
        benchmark : Benchmark
        references : mapping
            Its sources, as configured.
        base : sequence of str
            Overrides of every cell.
        compose : callable
            What `glowrank experiment` would compose of overrides.

        Raises
        ------
        ConfigurationError
            If an override is refused, or one of a query needs another build.
        """
        configured = [_Configured.of(point, base, compose) for point in points_of(benchmark)]
        planner = _Planner(benchmark, references)
        by_data: dict[str, list[_Configured]] = {}
        for one in configured:
            by_data.setdefault(planner.data_key(one.built), []).append(one)
        cells: list[PlannedCell] = []
        common = _common([one.point.build.label for one in configured])
        for group in by_data.values():
            cells += planner.references_of(group, common)
            cells += [planner.cell(one) for one in group]
        data = {key: resolved(group[0].built) for key, group in by_data.items()}
        models = {planner.model_key(one.built): resolved(one.built) for one in configured}
        return cls(tuple(cells), data, models, references, tuple(base))


@dataclass(frozen=True)
class _Configured:
    """A point with its configurations: as its model is built, and as it is asked."""

    point: Point
    built: DictConfig
    asked: DictConfig

    @classmethod
    def of(cls, point: Point, base: Sequence[str], compose: Compose) -> "_Configured":
        built = checked(lambda: reduced(compose([*base, *point.build.overrides])))
        asked = built
        if point.query.overrides:
            asked = checked(lambda: reduced(compose([*base, *point.overrides])))
            _check_query(point, built, asked)
        experiment_of(asked)
        if not hasattr(experiment_of(built).splitter, "set_aside"):
            raise ConfigurationError(
                "A benchmark needs a split that can set the test aside, split=temporal or "
                "split=leave_last_out."
            )
        return cls(point, built, asked)


@dataclass(frozen=True)
class _Planner:
    benchmark: Benchmark
    references: Mapping[str, Any]
    inputs: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def data_key(self, config: DictConfig) -> str:
        """Name of a data set: the configuration, and the files as they are now, read once."""
        configured = fingerprint(_parts(config, OF_DATA))
        if configured not in self.inputs:
            self.inputs[configured] = inputs_of(build(config, "dataset"))
        return fingerprint(configured, self.inputs[configured], self.references)[:16]

    def model_key(self, config: DictConfig) -> str:
        """Name of a build."""
        return fingerprint(_without(config, OF_NO_MODEL), self.data_key(config))[:16]

    def cell(self, one: _Configured) -> PlannedCell:
        """A configuration of the grid."""
        point = one.point
        labels = point.build.label, point.query.label
        return self._planned("two_stage", point.name, labels, point.overrides, one)

    def references_of(self, group: Sequence[_Configured], common: Mapping[str, Any]) -> Iterator[PlannedCell]:
        """The reference points of a data set, those without a stage two first; `common` to all data sets."""
        first = replace(group[0], asked=group[0].built)
        shared = _common([one.point.build.label for one in group])
        label = {key: value for key, value in shared.items() if key not in common}
        suffix = ",".join(["", *(f"{key.rpartition('.')[2]}={value}" for key, value in label.items())])
        half = first.point.build
        of_data = tuple(word for word in half.overrides if _is_of_data(word))
        for name in self.references:
            yield self._planned("source", name + suffix, (label, {}), of_data, first, name)
        if isinstance(build(first.built, "dataset"), Shop):
            yield self._planned("oracle", "oracle" + suffix, (label, {}), of_data, first)
        if self.benchmark.exhaustive:
            yield self._planned("exhaustive", "exhaustive" + suffix, (half.label, {}), half.overrides, first)

    def _planned(
        self,
        kind: str,
        name: str,
        labels: tuple[Mapping[str, Any], Mapping[str, Any]],
        overrides: tuple[str, ...],
        one: _Configured,
        reference: str = "",
    ) -> PlannedCell:
        has_model = kind in ("two_stage", "exhaustive")
        data = self.data_key(one.built)
        if has_model:
            decisive = _without(one.asked, OF_NO_CELL)
        else:
            decisive = _parts(one.asked, (*OF_DATA, "evaluation", "engine", "threads", "block_size"))
        facts = self.benchmark.facts
        return PlannedCell(
            name=file_name(name),
            kind=kind,
            build=labels[0],
            query=labels[1],
            overrides=overrides,
            config=resolved(one.asked),
            data=data,
            model=self.model_key(one.built) if has_model else "",
            reference=reference,
            key=fingerprint(kind, name, decisive, data, self.references.get(reference), facts)[:32],
        )


def _check_query(point: Point, built: DictConfig, asked: DictConfig) -> None:
    """Refuse a query that needs another build: its model would be another than it says."""
    one, other = (dict(_flat("", _without(config, OF_NO_CELL))) for config in (built, asked))
    changed = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    for key in changed:
        *above, name = key.split(".")
        is_search = above[:1] == ["retrieval"] and above[-1:] == ["index"] and name in SEARCHED
        if not is_search and not any(key == free or key.startswith(f"{free}.") for free in ASKED):
            raise ConfigurationError(
                f"benchmark.query must change only how a model is asked: {', '.join(ASKED)}, and of an index "
                f"{', '.join(SEARCHED)}. Got {key} in {point.name}; put it into benchmark.build."
            )


def _parts(config: DictConfig, names: Sequence[str]) -> dict[str, Any]:
    plain = checked(lambda: OmegaConf.to_container(config, resolve=True))
    assert isinstance(plain, dict)
    return {name: plain.get(name) for name in names}


def _without(config: DictConfig, names: Sequence[str]) -> dict[str, Any]:
    return _parts(config, [str(name) for name in config if name not in names])


def _flat(key: str, node: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict) or not node:
        yield key, node
        return
    for name, part in node.items():
        yield from _flat(f"{key}.{name}" if key else str(name), part)


def _common(labels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all labels say alike."""
    return {
        key: value for key, value in labels[0].items() if all(other.get(key) == value for other in labels)
    }


def _is_of_data(override: str) -> bool:
    return override.lstrip("+~").partition("=")[0].partition(".")[0] in OF_DATA
