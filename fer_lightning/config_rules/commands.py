"""Rules for the keys of each command, as in ``conf/COMMAND.yaml``."""

from dataclasses import replace
from typing import Any

from fer_lightning.config_rules import groups
from fer_lightning.config_rules.groups import ACCELERATOR, FOLDER, SEED
from fer_lightning.config_rules.rules import BOOLEAN, NULL, Group, Rule, integer, list_of, number, one_of, text

EXPORT_FORMATS = (
    "dynamic_range",
    "flip_average",
    "float32",
    "float16",
    "int8",
    "int8_full",
    "uint8_image",
    "mediapipe",
    "onnx",
    "saved_model",
    "coreml",
)
LEAST_VERIFIED = 256  # with fewer faces, rare disagreements would go unnoticed

_SUBSET = one_of("val", "test")
_WEIGHTS = text("pretrained or the path of a checkpoint")


def _is_one_or_several(value: Any) -> bool:
    return _WEIGHTS.accepts(value) or list_of(_WEIGHTS, 1).accepts(value)


def _is_views(value: Any) -> bool:
    if list_of(one_of("flip", "shift", "zoom"), 1).accepts(value):
        return len(set(value)) == len(value)
    return value in ("none", "flip", "ten_crop")


_AVERAGED_OR_RAW = one_of("averaged", "raw")
_ONE_OR_SEVERAL = Rule("pretrained, the path of a checkpoint or a list of these", _is_one_or_several)
# the folder is optional: an export without data uses synthetic faces
_DATA_OR_NONE = replace(groups.DATA, keys={**groups.DATA.keys, "dir": FOLDER | NULL})
_FOLDER_ALONE = Group({"dir": FOLDER})

_TRAIN = Group(
    {
        "data": groups.DATA,
        "model": groups.MODEL,
        "optimizer": groups.OPTIMIZER,
        "scheduler": groups.SCHEDULER,
        "augment": groups.AUGMENT,
        "phases": groups.PHASES,
        "trainer": groups.TRAINER,
        "callbacks": groups.CALLBACKS,
        "logger": groups.LOGGER,
        "ensemble_size": integer(1, largest=1000),
        "seed": SEED,
        "label_smoothing": number(0, 1),
        "no_decay_on_norm_and_bias": BOOLEAN,
        "class_weights": BOOLEAN,
        "vote_weight": number(0, 1000),
        "compile": one_of("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs") | NULL,
        "init_from": _WEIGHTS | NULL,
        "init_weights": _AVERAGED_OR_RAW,
        "teacher": _ONE_OR_SEVERAL | NULL,
        "distillation": Group(
            {
                "weight": number(0, 1),
                "temperature": number(above=0, most=1000),
                "cached_epochs": integer(1) | NULL,
            },
            closed=True,
        ),
        "sam": Group({"last_epochs": integer(0), "rho": number(above=0, most=1000)}, closed=True),
        "select": one_of("best", "last"),
        "resume": text("a run directory") | NULL,
    }
)
_EVALUATE = Group(
    {
        "data": groups.DATA,
        "ckpt": _ONE_OR_SEVERAL,
        "tta": Rule("none, flip, ten_crop or a list of flip, shift and zoom", _is_views),
        "subset": _SUBSET,
        "seed": SEED,
        "accelerator": ACCELERATOR,
    }
)
_EXPLAIN = Group(
    {
        "data": groups.DATA,
        "ckpt": _WEIGHTS,
        "subset": _SUBSET,
        "faces": integer(1, 20),
        "rows": list_of(integer(0), 1) | NULL,
        "seed": SEED,
    }
)
_SOUP = Group(
    {
        "data": groups.DATA,
        "ckpt": Rule("a list of at least two checkpoints, such as [A.ckpt,B.ckpt]", list_of(_WEIGHTS, 2).accepts),
        "out": Rule("a path that ends in .ckpt", lambda value: FOLDER.accepts(value) and value.endswith(".ckpt")),
        "method": one_of("uniform", "greedy"),
        "weights": _AVERAGED_OR_RAW,
        "faces": integer(2),
        "seed": SEED,
        "accelerator": ACCELERATOR,
    }
)
_LIMITS = Group(
    {"max_difference": number(0), "agreement": number(0, 1), "accuracy_loss": number()}, nullable=True, closed=True
)
_EXPORT = Group(
    {
        "data": _DATA_OR_NONE,
        "ckpt": _WEIGHTS,
        "out": FOLDER,
        "seed": SEED,
        "verify": Group(
            {
                "faces": integer(LEAST_VERIFIED, largest=groups.FACES),
                "limits": Group(dict.fromkeys(EXPORT_FORMATS, _LIMITS), nullable=True, closed=True),
            },
            closed=True,
        ),
        "export": Group({"formats": list_of(one_of(*EXPORT_FORMATS)), "notebook": BOOLEAN}, closed=True),
    }
)

COMMANDS = {
    "train": _TRAIN,
    "evaluate": _EVALUATE,
    "explain": _EXPLAIN,
    "export": _EXPORT,
    "soup": _SOUP,
    "audit": Group({"data": _FOLDER_ALONE}),
    "download": Group({"data": _FOLDER_ALONE}),
}
