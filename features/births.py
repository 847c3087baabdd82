"""When items appeared, and how ages are told."""

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.items import UNKNOWN_TIME
from dataset.snapshot import Snapshot
from features.lookup import Lookup


def births(snapshot: Snapshot, items: Lookup) -> npt.NDArray[np.float64]:
    """Launch or first event of each known item, whichever is earlier.

    Returns
    -------
    float64 array of shape (len(items),)
        Seconds since 1970 UTC; NaN where there is neither.
    """
    born = snapshot.items.launched[items.codes]
    row = items.rows(snapshot.history.item)
    known = row >= 0
    np.minimum.at(born, row[known], snapshot.history.time[known])
    return np.where(born != UNKNOWN_TIME, born, np.nan)


def log_days(seconds: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """log1p of days, 0 below; NaN stays."""
    logs: npt.NDArray[np.float64] = np.log1p(np.maximum(seconds, 0) / SECONDS_PER_DAY)
    return logs
