"""How a command ends: errors in one sentence, stable exit codes, never a traceback for a user's mistake."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from dataset.errors import GlowrankError

CONFIGURATION: Final = 2
RESOURCES: Final = 5
INTERRUPTED: Final = 128 + signal.SIGINT
TERMINATED: Final = 128 + signal.SIGTERM


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """End the process with the right exit code when something known goes wrong inside."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except GlowrankError as error:
        stop(str(error), error.exit_code)
    except (HydraException, OmegaConfBaseException) as error:
        stop(_sentence(error), CONFIGURATION)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        stop(f"A folder and a file stand in each other's way: {_os_sentence(error)}.", CONFIGURATION)
    except OSError as error:
        stop(f"The system refused a file: {_os_sentence(error)}.", RESOURCES)
    except MemoryError:
        stop("There was not enough memory; lower block_size or threads.", RESOURCES)
    except KeyboardInterrupt:
        stop("Interrupted; finished stages are kept in the cache.", INTERRUPTED)


def stop(message: str, exit_code: int) -> NoReturn:
    """End with a message on standard error."""
    Console(stderr=True, highlight=False, markup=False).print(message, soft_wrap=True)
    sys.exit(exit_code)


def _terminate(number: int, frame: object) -> NoReturn:
    stop("Terminated; finished stages are kept in the cache.", TERMINATED)


def _os_sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def _sentence(error: BaseException) -> str:
    """The message of an error without its layout, and without Hydra's hints."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = ("Config search path", "See https", "Set the environment", "full_key", "object_type")
    end = next((at for at, line in enumerate(lines) if line.startswith(hints)), len(lines))
    said = _joined(lines[:end]) if end else type(error).__name__
    if isinstance(error, OverrideParseException):
        return f"The override {error.override!r} cannot be read: {said}."
    return said


def _joined(lines: list[str]) -> str:
    """Sentences in one line; what follows a line that ends in a colon is a list."""
    said, listing = lines[0], False
    for line in lines[1:]:
        if said.endswith(":"):
            said, listing = f"{said} {line}", True
        else:
            said += (", " if listing else " " if said.endswith((".", ",")) else ". ") + line
    return said
