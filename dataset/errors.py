"""The errors a user can meet, each with the exit code of the command that it ends."""


class GlowrankError(Exception):
    """Base of every error that Glowrank raises on purpose; one sentence, shown without a traceback."""

    exit_code = 1


class ConfigurationError(GlowrankError, ValueError):
    """A setting is missing, unknown, of the wrong type or out of range."""

    exit_code = 2


class ArtefactError(GlowrankError, OSError):
    """A file that Glowrank wrote is missing, incomplete or not what its manifest says."""

    exit_code = 3


class DataContractError(GlowrankError, ValueError):
    """Data that was handed in breaks the contract of its table."""

    exit_code = 4


class ResourceError(GlowrankError, RuntimeError):
    """The machine cannot give what the run asked for: memory, disk, a lock."""

    exit_code = 5


class ParameterError(ConfigurationError):
    """A hyper-parameter is of the wrong type or out of its range.

    Parameters
    ----------
    owner, name : str
        The specification and the field.
    expected : str
        What would be accepted, as the rest of a sentence: "an int of at least 1".
    got : object
        The value that came.
    """

    def __init__(self, owner: str, name: str, expected: str, got: object) -> None:
        super().__init__(f"The '{name}' parameter of {owner} must be {expected}. Got {got!r} instead.")
