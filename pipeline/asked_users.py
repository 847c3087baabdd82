"""Some users by name: whom `glowrank recommend` is asked for, where it is not everybody."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError, DataContractError
from dataset.vocabulary import Vocabulary


def read_users(path: Path, ids: Vocabulary) -> npt.NDArray[np.int32]:
    """Codes of the users of a file, ascending and distinct, int32 of shape (m,).

    Parameters
    ----------
    path : Path
        Text in UTF-8, an id a line; blank lines say nothing.
    ids : Vocabulary

    Raises
    ------
    ConfigurationError
        If there is no such file, or nobody in it.
    DataContractError
        If somebody in it is unknown.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"only must be a file of user ids, one a line. Got {error}.") from error
    names = [line for line in lines if line.strip()]
    if not names:
        raise ConfigurationError(f"only must name at least one user. Got none in {path}.")
    codes = ids.encode(names)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        raise DataContractError(
            f"Users of {path} must be known. Got {names[unknown[0]]!r}, and {len(unknown) - 1:,} more of "
            f"{len(names):,} that are not: lists of users without any event need them in the users' table."
        )
    return np.unique(codes)
