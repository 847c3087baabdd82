"""Connection strings: taken from the environment, never shown."""

import os
import re
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from dataset.errors import ConfigurationError

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/\s]*@|(?<=password=)('[^']*'|[^\s&]+)", re.IGNORECASE)


def variable_named(value: object, where: str) -> str:
    """`value` as the name of an environment variable; what came is not shown, as it may be a secret.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ConfigurationError(
            f"{where}.url must be the name of an environment variable that holds the connection string. "
            "Got something else, which is not shown, as it may be a secret."
        )
    return value


def from_environment(variable: str) -> str:
    """The connection string in an environment variable.

    Raises
    ------
    ConfigurationError
        If it is unset or empty.
    """
    found = os.environ.get(variable, "")
    if not found:
        raise ConfigurationError(
            f"The environment variable {variable} must hold a connection string such as "
            "postgresql+psycopg://reader@host/shop or sqlite:////exports/shop.db. Got nothing."
        )
    return found


def without_secrets(text: str, connection_string: str) -> str:
    """The first line of what a server or a driver said, without the secrets of the connection string."""
    said = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    said = said.replace(connection_string, "...")
    for secret in sorted(_secrets(connection_string), key=len, reverse=True):
        said = said.replace(secret, "...")
    return _CREDENTIALS.sub("...", said).rstrip(".")


def _secrets(connection_string: str) -> set[str]:
    """Passwords in a URL or its arguments, as they stand there and decoded."""
    found = {part.strip("'") for part in re.findall(r"password\s*=\s*('[^']*'|[^\s&]+)", connection_string)}
    try:
        found.add(urlsplit(connection_string).password or "")
    except ValueError:
        found.add(connection_string.rpartition("@")[0].rpartition(":")[2])
    return {form for one in found if one for form in (one, unquote(one), quote(unquote(one), safe=""))}
