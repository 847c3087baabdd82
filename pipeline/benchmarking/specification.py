"""What a benchmark measures: the grid, the reference points, how many users, and within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataset.errors import ParameterError
from dataset.parameters import check_bool, check_int, check_mapping, check_number


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The specification of a grid.

    Parameters
    ----------
    name : str
    build, query : mapping
        Axes of the grid, whose product it is: settings with a list of values, `retrieval.budget: [100, 250]`,
        and names with points, each a list of overrides, `ranker: {one: [], three: [ranking=bagged]}`. All
        are overrides that `glowrank experiment` takes. `build` needs a model of its own for each point;
        `query` holds what changes only how a model is asked.
    cells : mapping
        Further cells by name: `{build: [...], query: [...]}`, lists of overrides.
    references : mapping
        Sources whose lists are measured without a stage two, by name; null takes one away.
    exhaustive : bool
        Whether the ranker of the first build of each data set orders all that each user may get.
    set_aside : int
        `split.set_aside` of all cells: 1 judges on the window before the test, 0 on the test itself.
    queries : int or None
        Users with history whom the figures are of, at most; more are drawn by `seed`. None: every query, as
        `glowrank experiment`. Changes results.
    exhaustive_queries : int
        The same for the exhaustive cell; the first of those that `queries` draws.
    timed_blocks, timed_users : int
        Blocks whose seconds are measured, after one that warms up, and users in all of them together; a block
        is not larger than `block_size`. Changes how steady the seconds are.
    compared_users : int
        Users for whom the index is compared with exact search, at most.
    build_minutes, cell_minutes : float or None
        After which a build, and a cell, is given up.
    memory_gb : float or None
        Resident memory, in units of 10^9 bytes, beyond which a build or cell is given up.
    retry : bool
        Whether cells that failed before are tried again.
    keep_models : bool
        Whether the models of the grid stay on disk when their cells are done.
    seed : int
        Of the draw of users.
    """

    name: str = "quick"
    build: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)
    exhaustive: bool = True
    set_aside: int = 1
    queries: int | None = None
    exhaustive_queries: int = 200
    timed_blocks: int = 4
    timed_users: int = 2048
    compared_users: int = 256
    build_minutes: float | None = None
    cell_minutes: float | None = None
    memory_gb: float | None = None
    retry: bool = False
    keep_models: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ParameterError("Benchmark", "name", "a text", self.name)
        for name in ("build", "query", "cells", "references"):
            check_mapping(self, name)
        for name in ("exhaustive", "retry", "keep_models"):
            check_bool(self, name)
        for name in ("exhaustive_queries", "timed_blocks", "timed_users", "compared_users"):
            check_int(self, name, low=1)
        for name in ("set_aside", "seed"):
            check_int(self, name, low=0)
        if self.queries is not None:
            check_int(self, "queries", low=1)
        for name in ("build_minutes", "cell_minutes", "memory_gb"):
            if getattr(self, name) is not None:
                check_number(self, name, low=0)

    @property
    def facts(self) -> dict[str, Any]:
        """What decides figures beside the configuration of a cell."""
        names = ("queries", "exhaustive_queries", "timed_blocks", "timed_users", "compared_users", "seed")
        return {name: getattr(self, name) for name in names}
