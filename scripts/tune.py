"""glowrank tune: search for good hyper-parameters on validation."""

import hydra
from omegaconf import DictConfig

from pipeline.tuning.application import run_tune
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="tune")
def main(config: DictConfig) -> None:
    """Run a study."""
    with told_in_a_sentence():
        run_tune(config)


if __name__ == "__main__":
    main()
