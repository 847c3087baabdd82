"""What targets on servers share: connection strings that are never shown, and the wait for a lock."""

import os
import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from dataset.errors import ConfigurationError, ParameterError

LOCK_SECONDS: Final = 5.0  # a server needs a moment to see that a publication was killed
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/\s]*@|(?<=password=)('[^']*'|\S+)", re.IGNORECASE)


def check_variable(owner: object, name: str) -> None:
    """Raise `ConfigurationError` unless field `name` of `owner` is the name of an environment variable.

    What came is not shown: it may be a connection string in the wrong place.
    """
    value = getattr(owner, name)
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ConfigurationError(
            f"The '{name}' parameter of {type(owner).__name__} must be the name of an environment variable "
            "that holds the connection string. Got something else, which is not shown, as it may be a secret."
        )


def check_identifier(owner: object, name: str) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is up to 48 of a-z, 0-9 and _, no digit first."""
    value = getattr(owner, name)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        expected = "up to 48 letters a-z, digits and _, and begin with no digit"
        raise ParameterError(type(owner).__name__, name, expected, value)


def from_environment(variable: str, example: str) -> str:
    """The connection string in an environment variable; `ConfigurationError` if it is unset or empty."""
    found = os.environ.get(variable, "")
    if not found:
        raise ConfigurationError(
            f"The environment variable {variable} must hold a connection string like {example}. Got nothing."
        )
    return found


def without_secrets(error: BaseException, connection_string: str) -> str:
    """The first line of what a server or a driver said, without the secrets of the connection string."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    said = said.replace(connection_string, "...")
    for secret in sorted(_secrets(connection_string), key=len, reverse=True):
        said = said.replace(secret, "...")
    return _CREDENTIALS.sub("...", said).rstrip(".")


def held_in_time(try_to_hold: Callable[[], bool]) -> bool:
    """Whether a lock could be had within some seconds."""
    until = time.monotonic() + LOCK_SECONDS
    while not (held := try_to_hold()) and time.monotonic() < until:
        time.sleep(0.05)
    return held


def _secrets(connection_string: str) -> set[str]:
    """Passwords in a URL or in key=value form, as they stand there and decoded."""
    found = {part.strip("'") for part in re.findall(r"password\s*=\s*('[^']*'|[^\s&]+)", connection_string)}
    try:
        found.add(urlsplit(connection_string).password or "")
    except ValueError:
        found.add(connection_string.rpartition("@")[0].rpartition(":")[2])
    return {form for one in found if one for form in (one, unquote(one), quote(unquote(one), safe=""))}
