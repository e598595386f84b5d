"""python -m fer_lightning.evaluate ckpt=PATH: score a checkpoint on one split."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer_lightning.config_rules.check import check
from fer_lightning.config_rules.command_line import refusing_former_keys
from fer_lightning.errors import exit_on_user_error
from fer_lightning.models import checkpoint
from fer_lightning.training.evaluation import evaluate
from fer_lightning.training.evaluator import adopt_split
from fer_lightning.utils.quiet import quiet_libraries


@refusing_former_keys
@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        hydra_config = HydraConfig.get()
        check("evaluate", cfg)
        trained = checkpoint.load(checkpoint.paths_of(cfg.ckpt))
        adopt_split(cfg, trained.settings[0], list(hydra_config.overrides.task))
        check("evaluate", cfg)  # again, since the checkpoint may say anything
        evaluate(cfg, trained, Path(hydra_config.runtime.output_dir))


if __name__ == "__main__":
    main()
