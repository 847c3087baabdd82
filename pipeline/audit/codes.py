"""Whether the codes of users and products tell anything: they settle ties, so they must not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from dataset.dataset import Dataset
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_number
from dataset.vocabulary import Vocabulary
from pipeline.audit.audited import Audited, Finding


@dataclass(frozen=True, kw_only=True)
class CodesSayNothing:
    """Codes follow the seeded hash of the ids, and correlate with neither time nor popularity.

    Parameters
    ----------
    limit : float
        Standard deviations by which a rank correlation may differ from 0; chance gives 5 once in two million
        times.
    """

    limit: float = 5.0

    def __post_init__(self) -> None:
        check_number(self, "limit", low=0)

    def check(self, audited: Audited) -> Finding:
        """Compare the order of the codes with that of the hash, of first events and of counts."""
        dataset, seed = audited.dataset, audited.experiment.seed
        sentences, figures = [], {}
        for what, ids in (("user", dataset.user_ids), ("item", dataset.item_ids)):
            hashed = Vocabulary.of(ids.ids, seed).ids
            n_others = sum(given != right for given, right in zip(ids.ids, hashed, strict=True))
            if n_others:
                sentences.append(
                    f"{n_others:,} of {len(ids):,} {what} codes are not in the order of the hash of their ids"
                )
            z = {name: standard_score(values) for name, values in _orders(dataset, what).items()}
            sentences += [
                f"The codes of the {what}s follow {name.replace('_', ' ')} ({score:+.1f} standard deviations)"
                for name, score in z.items()
                if abs(score) >= self.limit
            ]
            figures[what] = {"not_hashed": n_others, "z": z}
        fine = "Codes of users and items are in the order of a hash, and tell neither age nor popularity."
        return Finding(not sentences, f"{'; '.join(sentences)}." if sentences else fine, figures)


def standard_score(values: npt.NDArray[np.number]) -> float:
    """Rank correlation of values with their position, in standard deviations of chance.

    Under every order of the positions alike, Spearman's coefficient has mean 0 and variance 1 / (n - 1), with
    ties too. 0 where there is nothing to correlate.

    References
    ----------
    Kendall and Gibbons, "Rank Correlation Methods", 5th edition, 1990, section 4.14.
    """
    n = len(values)
    if n < 3 or (values == values[0]).all():
        return 0.0
    return float(np.corrcoef(np.arange(n), rankdata(values))[0, 1] * np.sqrt(n - 1))


def _orders(dataset: Dataset, what: str) -> Mapping[str, npt.NDArray[np.number]]:
    """What the codes could follow: numbers of those that have one, in the order of the codes."""
    events = dataset.interactions
    code, n = (events.user, len(dataset.users)) if what == "user" else (events.item, len(dataset.items))
    first = np.full(n, UNKNOWN_TIME)
    np.minimum.at(first, code, events.time)
    orders: dict[str, npt.NDArray[np.number]] = {
        "first_event": first[first != UNKNOWN_TIME],
        "number_of_events": np.bincount(code, minlength=n),
    }
    if what == "item":
        launched = dataset.items.launched
        orders["launch"] = launched[launched != UNKNOWN_TIME]
    return orders
