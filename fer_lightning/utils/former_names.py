"""Names that earlier versions wrote into checkpoints and runs, and what they are called now."""

from typing import Any

_TARGETS = {
    "fer_lightning.data.augmentation.Augmentation": "fer_lightning.data.augmentation.Augmentation",
    "fer_lightning.training.callbacks.progressive_resizing.ProgressiveResizing": (
        "fer_lightning.training.callbacks.progressive_resizing.ProgressiveResizing"
    ),
    "fer_lightning.data.datamodule.FER2013DataModule": "fer_lightning.data.datamodule.FER2013DataModule",
    "fer_lightning.data.datamodule.FERPlusDataModule": "fer_lightning.data.datamodule.FERPlusDataModule",
    "fer_lightning.data.datamodule.FolderDataModule": "fer_lightning.data.datamodule.FolderDataModule",
    "fer_lightning.data.datamodule.SampleDataModule": "fer_lightning.data.datamodule.SampleDataModule",
    "fer_lightning.models.networks.ExpressionCNN": "fer_lightning.models.networks.ExpressionCNN",
    "fer_lightning.models.networks.PhoneCNN": "fer_lightning.models.networks.PhoneCNN",
    "fer_lightning.training.schedules.cosine": "fer_lightning.training.schedules.cosine",
    "fer_lightning.training.schedules.trapezoid": "fer_lightning.training.schedules.trapezoid",
}


def current_target(target: Any) -> Any:
    """The dotted path that ``_target_`` means today; what is not a former name stays as it is."""
    return _TARGETS.get(target, target) if isinstance(target, str) else target
