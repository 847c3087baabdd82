"""Lists that can be foretold: finished folders of any size, and what must be read back for a user."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.lists_folder import ListsFolder, Part, totals

LENGTH: Final = 50
PART_USERS: Final = 50_000
CATALOGUE: Final = 100_000
SOURCES: Final = ("transitions|ease", "ease|content|popular_month", "popular_year")

Answer = tuple[list[str], bytes, list[str]]
"""Items, float32 scores as bytes, sources: a list as a reader gets it, in order."""


def numbers(run: str, users: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Items of users in a run, int64 of shape (len(users), LENGTH): each user's own, none twice."""
    first = users * 7919 + (31 if run == "new" else 0)
    result: npt.NDArray[np.int64] = (first[:, None] + 1009 * np.arange(LENGTH)) % CATALOGUE
    return result


def scores(users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Scores that fall, float32 of shape (len(users), LENGTH)."""
    return (np.float32(3.0) / (1 + np.arange(LENGTH)) + users[:, None] % 997 / 1e4).astype(np.float32)


def expected(run: str, user: int) -> Answer:
    """The list of a user in a run."""
    users = np.array([user])
    items = [f"{run}-{item:06d}" for item in numbers(run, users)[0].tolist()]
    return items, scores(users).tobytes(), [SOURCES[rank % len(SOURCES)] for rank in range(LENGTH)]


def user_id(user: int) -> str:
    """What a shop calls a user; in no order, as the codes of users are in none."""
    return f"u{user * 2_654_435_761 % 2**32:010d}"


def write_lists(path: Path, run: str, n_users: int) -> None:
    """A folder of finished lists, as `recommend` leaves it."""
    items = pa.array([f"{run}-{item:06d}" for item in range(CATALOGUE)])
    parts: dict[int, Part] = {}
    with ListsFolder.at(path).locked() as folder:
        folder.begin({"run": run}, {})
        for start in range(0, n_users, PART_USERS):
            users = np.arange(start, min(start + PART_USERS, n_users))
            counts = {"users": len(users), "short_lists": 0, "filled_up": 0}
            number = start // PART_USERS
            parts[number] = folder.add(number, _table(run, users, items), counts)
        folder.certify({"lists": n_users})
        folder.finish(parts, {"run_id": run, **totals(list(parts.values()))})


def _table(run: str, users: npt.NDArray[np.int64], items: pa.Array) -> pa.Table:
    n = len(users)
    ids = pa.array([user_id(user) for user in users.tolist()])
    return pa.table(
        {
            "user": _coded(np.repeat(np.arange(n), LENGTH), ids),
            "rank": pa.array(np.tile(np.arange(1, LENGTH + 1), n), pa.int32()),
            "item": _coded(numbers(run, users).reshape(-1), items),
            "score": scores(users).reshape(-1),
            "sources": _coded(np.tile(np.arange(LENGTH) % len(SOURCES), n), pa.array(SOURCES)),
            "run_id": _coded(np.zeros(n * LENGTH, np.int64), pa.array([run])),
        }
    )


def _coded(codes: npt.NDArray[np.int64], texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), texts)
