"""glowrank audit: try to find out whether a run's figures can be believed."""

import hydra
from omegaconf import DictConfig

from pipeline.audit.application import run_audit
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="audit")
def main(config: DictConfig) -> None:
    """Check the run."""
    with told_in_a_sentence():
        run_audit(config)


if __name__ == "__main__":
    main()
