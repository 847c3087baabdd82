"""What users of the same age and kind take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import ParameterError
from dataset.parameters import check_ascending, check_mapping, check_names, check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.users import Users
from dataset.vectors import Vectors
from features.lift import Lift
from features.lookup import Lookup


@dataclass(frozen=True)
class FittedGroup(Saved):
    """The group of each known user, and what each group takes.

    Parameters
    ----------
    items, users : Lookup
    group : int32 array of shape (len(users),)
        -1 for users of whom nothing is known.
    lift : Lift
    """

    items: Lookup
    users: Lookup
    group: npt.NDArray[np.int32]
    lift: Lift

    @property
    def names(self) -> tuple[str, ...]:
        """See `Lift.fill`."""
        return ("lift", "log_count")

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The item in the user's group; NaN where the user has no group or the item is unknown."""
        out = np.empty((len(candidates), 2), np.float32)
        group = np.append(self.group, np.int32(-1))[self.users.rows(requests.queries.user)]
        self.lift.fill(candidates.offsets, self.items.rows(candidates.item), group, out)
        return out


def _age_bands() -> dict[str, Sequence[float]]:
    return {"age": (18, 25, 35, 45, 55, 65)}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Popularity within the combination of the user's attributes.

    Columns: `lift` and `log_count`, see `Lift.fill`. Attributes that the data lacks are left out of the
    combination; one that only the user lacks counts as a label of its own.

    Parameters
    ----------
    attributes : list of str
        Attributes of users that together make a group; numeric ones need `bands`. Changes results.
    bands : mapping of str to list of float
        For numeric attributes, the ascending limits of the bands; a limit opens the upper band. Changes
        results.
    smoothing : float
        See `Lift`. Changes results.
    """

    attributes: Sequence[str] = ("age", "skin_type")
    bands: Mapping[str, Sequence[float]] = field(default_factory=_age_bands)
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_names(self, "attributes", may_be_empty=False)
        check_mapping(self, "bands")
        for limits in self.bands.values():
            check_ascending(self, "bands", limits, low=-1e30)
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedGroup:
        """Form the groups and count their events."""
        items, users = Lookup.of_items(snapshot), Lookup.of_users(snapshot)
        group = self._groups(snapshot.users, users)
        return FittedGroup(items, users, group, Lift.of(snapshot, items, users, group, self.smoothing))

    def _groups(self, users: Users, known: Lookup) -> npt.NDArray[np.int32]:
        """Group of each known user, int32 of shape (len(known),); -1 where no attribute is known."""
        labels = [codes for name in self.attributes if (codes := self._labels(users, name)) is not None]
        if not labels:
            return np.full(len(known), -1, np.int32)
        table = np.column_stack(labels)[known.codes]
        stated = (table >= 0).any(axis=1)
        group = np.full(len(known), -1, np.int32)
        if stated.any():
            group[stated] = np.unique(table[stated], axis=0, return_inverse=True)[1].reshape(-1)
        return group

    def _labels(self, users: Users, name: str) -> npt.NDArray[np.int32] | None:
        """Label of every user in one attribute, -1 where missing; None if the data has no such attribute."""
        if name in users.categorical:
            return users.categorical[name].codes
        if name not in users.numeric:
            return None
        if name not in self.bands:
            raise ParameterError("Group", "bands", f"a mapping with limits for '{name}'", dict(self.bands))
        values = users.numeric[name]
        band = np.searchsorted(np.asarray(self.bands[name], np.float64), values, side="right")
        return np.where(np.isnan(values), -1, band).astype(np.int32)
