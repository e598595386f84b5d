"""Score a checkpoint on one split."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer_lightning.config_rules.check import check
from fer_lightning.models import checkpoint
from fer_lightning.training.evaluation import evaluate
from fer_lightning.training.evaluator import adopt_split
from fer_lightning.utils.quiet import quiet_libraries


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    hydra_config = HydraConfig.get()
    trained = checkpoint.load(checkpoint.paths_of(cfg.ckpt))
    adopt_split(cfg, trained.settings[0], list(hydra_config.overrides.task))
    check("evaluate", cfg)  # again, because the checkpoint's values are not trusted
    evaluate(cfg, trained, Path(hydra_config.runtime.output_dir))
