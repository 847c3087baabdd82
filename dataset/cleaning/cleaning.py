"""From tables as they came to tables that keep their contracts; nothing is dropped without a trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataset.cleaning.reconciling import POLICIES
from dataset.cleaning.step import Step
from dataset.errors import ParameterError
from dataset.parameters import check_mapping, check_number


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What is done to the tables of a source between reading and use.

    Parameters
    ----------
    steps : mapping of str to Step
        In their order, each on its table; the key names the step in the report.
    max_quarantined_share : float
        0 to 1; a table that loses a greater share of its rows is refused.
    reconcile : mapping of str to str
        Of users and items, where several rows or streams tell of one id: "last" (default) or "first",
        cell by cell, in the order of the streams and of their rows. A missing cell never overwrites.
    """

    steps: Mapping[str, Step]
    max_quarantined_share: float = 0.05
    reconcile: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping(self, "steps")
        check_number(self, "max_quarantined_share", low=0, high=1)
        check_mapping(self, "reconcile")
        if not set(self.reconcile) <= {"users", "items"} or not set(self.reconcile.values()) <= set(POLICIES):
            raise ParameterError(
                "Cleaning", "reconcile", "a mapping from users or items to last or first", self.reconcile
            )

    @classmethod
    def default(cls, max_quarantined_share: float = 0.05) -> "Cleaning":
        """Repeated events are one, returns take back purchases: conf/cleaning/default.yaml."""
        from dataset.cleaning.steps.duplicate_events import DuplicateEvents
        from dataset.cleaning.steps.returns import ReturnsNetted

        steps: dict[str, Step] = {"duplicate_events": DuplicateEvents(), "returns": ReturnsNetted()}
        return cls(steps=steps, max_quarantined_share=max_quarantined_share)

    def of(self, table: str) -> dict[str, Step]:
        """The steps of one table, in their order."""
        return {name: step for name, step in self.steps.items() if step.table == table}
