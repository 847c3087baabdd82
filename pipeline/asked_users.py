"""Some users by name: whom `glowrank recommend` is asked for, where it is not everybody."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError, DataContractError
from dataset.vocabulary import Vocabulary


def read_names(path: Path) -> list[str]:
    """The ids in a text file, an id a line, UTF-8 with a byte order mark or without; blank lines say nothing.

    Raises
    ------
    ConfigurationError
        If there is no such file, or nobody in it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"only must be a file of user ids, one a line. Got {error}.") from error
    names = [line for line in lines if line.strip()]
    if not names:
        raise ConfigurationError(f"only must name at least one user. Got none in {path}.")
    return names


def codes_of(names: Sequence[str], ids: Vocabulary) -> npt.NDArray[np.int32]:
    """Codes of named users, ascending and distinct, int32 of shape (m,).

    Raises
    ------
    DataContractError
        If somebody is unknown.
    """
    codes = ids.encode(names)
    unknown = np.flatnonzero(codes < 0)
    if len(unknown):
        raise DataContractError(
            f"Users that are asked for must be known. Got {names[unknown[0]]!r}, and {len(unknown) - 1:,} "
            f"more of {len(names):,} that are not: lists of users without any event need them in the users' "
            "table."
        )
    return np.unique(codes)
