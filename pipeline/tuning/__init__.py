"""Studies: the search for good hyper-parameters on validation. To import this package needs Optuna."""

from dataset.errors import ConfigurationError

try:
    import optuna
except ImportError as error:
    raise ConfigurationError(
        "glowrank tune needs Optuna, which is not installed; install glowrank[tune]."
    ) from error

optuna.logging.set_verbosity(optuna.logging.WARNING)
