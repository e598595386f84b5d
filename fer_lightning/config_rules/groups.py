"""Rules for the config groups, one table for each folder of ``conf/``."""

import re
from itertools import pairwise
from typing import Any

from fer_lightning.config_rules.rules import (
    BOOLEAN,
    NULL,
    Group,
    Rule,
    anything,
    integer,
    list_of,
    number,
    one_of,
    text,
)
from fer_lightning.constants import IMAGE_SIZE

SEED = integer(0, largest=2**32 - 1)  # the limit of NumPy and Lightning
ACCELERATOR = one_of("auto", "cpu", "gpu", "cuda", "mps")
FOLDER = text("the path of a folder")
FACES = 1_000_000  # limit for synthetic faces, which are kept in memory
_SIDE = integer(1, IMAGE_SIZE)
_TARGET = text("the dotted path of a class or function")
_PARTIAL = one_of(True)
_FRACTION = number(0, 1)
_LOGGED = re.compile(r"(train|val)_(loss|accuracy)|val_macro_f1|val_recall_\w+")
_MONITORED = {
    "monitor": Rule(
        "val_accuracy, val_loss, val_macro_f1, val_recall_LABEL, train_accuracy or train_loss",
        lambda value: isinstance(value, str) and _LOGGED.fullmatch(value) is not None,
    ),
    "mode": one_of("min", "max"),
}

DATA = Group(
    {
        "_target_": _TARGET,
        "dir": FOLDER,
        "split": one_of("official", "random"),
        "split_seed": SEED,
        "val_fraction": number(above=0, below=1),
        "drop_leaks": BOOLEAN,
        "deduplicate": BOOLEAN,
        "exclude": text("the path of a CSV file") | NULL,
        "batch_size": integer(1, largest=FACES),
        "eval_batch_size": integer(1, largest=FACES),
        "preload_to_device": BOOLEAN,
        "num_workers": integer(0, largest=1000),
        "shuffle_seed": SEED,
        "target": one_of("majority", "soft"),
        "train": integer(1, largest=FACES),
        "val": integer(1, largest=FACES),
        "test": integer(0, largest=FACES),
        "seed": SEED,
    }
)

_DROPOUT = number(0, below=1)
_SIZE = integer(1, largest=65_536)
MODEL = Group(
    {
        "_target_": _TARGET,
        "channels": list_of(_SIZE, 1),
        "dense": list_of(_SIZE),
        "dropout": _DROPOUT,
        "dense_dropout": _DROPOUT | NULL,
        "bn_momentum": _FRACTION,
        "bn_eps": number(above=0, most=1),
        "initialisation": one_of("keras", "torch"),
    }
)

OPTIMIZER = Group(
    {
        "_target_": _TARGET,
        "_partial_": _PARTIAL,
        "lr": number(0),
        "betas": list_of(number(0, below=1), 2, 2),
        "eps": number(0),
        "weight_decay": number(0),
        "momentum": number(0),
        "nesterov": BOOLEAN,
    }
)

SCHEDULER = Group(
    {
        "_target_": _TARGET,
        "_partial_": _PARTIAL,
        "factor": _FRACTION,
        "total_iters": integer(0),
        "patience": integer(0),
        "threshold": number(0),
        "threshold_mode": one_of("abs", "rel"),
        "warmup": number(0, below=1),
        "decay": _FRACTION,
    }
)


def _is_size_schedule(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(entry, list) and len(entry) == 2 for entry in value):
        return False
    share_rule, side_rule = number(above=0, most=1), integer(33, IMAGE_SIZE)
    valid = all(share_rule.accepts(share) and side_rule.accepts(side) for share, side in value)
    return valid and all(first[0] < second[0] for first, second in pairwise(value))


_SIZE_SCHEDULE = Rule(
    "a list of [share of the epochs, side in pixels >= 33] with increasing shares, such as [[0.3, 36], [0.6, 40]]",
    _is_size_schedule,
)
AUGMENT = Group(
    {
        "_target_": _TARGET,
        "degrees": number(0, 180),
        "translate": _FRACTION,
        "scale": number(0, 0.9),
        "flip": _FRACTION,
        "size": _SIDE,
        "size_schedule": _SIZE_SCHEDULE,
        "contrast": _FRACTION,
        "brightness": _FRACTION,
        "random_erasing": _FRACTION,
        "erasing_size": _SIDE,
        "mixup": number(0, 100),
        "cutmix": number(0, 100),
        "degrade": _FRACTION,
    }
)

PHASES = Group(
    entries=Group(
        {
            "source": one_of("all", "hard", "random"),
            "augment": BOOLEAN,
            "epochs": integer(1),
            "lr_factor": number(above=0),
            "patience": integer(0),
            "carry": one_of("best", "last"),
            "holdout": number(0, below=1),
        },
        nullable=True,
        closed=True,
    )
)


def _is_device(value: Any) -> bool:
    if isinstance(value, str):
        return value == "auto" or re.fullmatch(r"-1|[1-9][0-9]{0,3}", value) is not None
    return type(value) is int and (value == -1 or 1 <= value <= 9999)


def _is_time(value: Any) -> bool:
    if isinstance(value, dict):
        units = {"days", "hours", "minutes", "seconds"}
        return bool(value) and set(value) <= units and all(map(integer(0, 999_999).accepts, value.values()))
    return isinstance(value, str) and re.fullmatch(r"\d{1,4}(:[0-5]?\d){3}", value) is not None


_DEVICES = Rule("auto, -1 (all) or an integer >= 1", _is_device)
_BATCHES = integer(1) | number(above=0, most=1)
# Lightning checks all other arguments of its Trainer
TRAINER = Group(
    {
        "accelerator": ACCELERATOR,
        "strategy": Rule(
            "the name of one of Lightning's strategies that launch a new process for each device, such as ddp",
            lambda value: isinstance(value, str) and re.search(r"^$|spawn|fork|notebook", value.strip()) is None,
        ),
        "devices": _DEVICES | list_of(integer(0, 9999), 1),
        "num_nodes": integer(1),
        "precision": one_of("auto", "32-true", "bf16-mixed", "16-mixed", 32),
        "fast_dev_run": BOOLEAN | integer(1),
        "max_epochs": integer(1) | NULL,
        "max_steps": integer(1) | one_of(-1),
        "max_time": Rule("a time as days:hours:minutes:seconds, such as 00:12:00:00,", _is_time) | NULL,
        "limit_train_batches": _BATCHES | NULL,
        "limit_val_batches": _BATCHES | NULL,
        "check_val_every_n_epoch": integer(1) | NULL,
        "val_check_interval": number(above=0, below=1) | one_of(1.0) | NULL,
        "num_sanity_val_steps": integer(-1),
        "log_every_n_steps": integer(0),
        "enable_checkpointing": BOOLEAN,
        "enable_progress_bar": BOOLEAN,
        "enable_model_summary": BOOLEAN,
        "accumulate_grad_batches": integer(1),
        "gradient_clip_val": number(0) | NULL,
        "gradient_clip_algorithm": one_of("norm", "value") | NULL,
        "deterministic": BOOLEAN | one_of("warn") | NULL,
        "benchmark": BOOLEAN | NULL,
        "use_distributed_sampler": BOOLEAN,
        "sync_batchnorm": BOOLEAN,
        "profiler": one_of("simple", "advanced", "pytorch") | NULL,
        "detect_anomaly": BOOLEAN,
    }
)


def _named(keys: dict[str, Rule]) -> Group:
    """The group of a callback or logger; null omits it."""
    return Group({"_target_": _TARGET, **keys}, nullable=True)


# the other commands look for these names
_CHECKPOINT = {"save_top_k": one_of(1), "save_on_train_epoch_end": BOOLEAN, "enable_version_counter": BOOLEAN}
CALLBACKS = Group(
    {
        "early_stopping": _named({**_MONITORED, "strict": BOOLEAN}),
        "checkpoint": _named({**_MONITORED, **_CHECKPOINT, "filename": one_of("best")}),
        "last_checkpoint": _named({**_CHECKPOINT, "filename": one_of("last")}),
        "lr_monitor": _named({"logging_interval": one_of("epoch", "step") | NULL}),
        "progress_bar": _named({"refresh_rate": integer(0), "leave": BOOLEAN}),
        "weight_averaging": _named({"decay": _FRACTION}),
    },
    entries=_named({}),
)

LOGGER = Group(
    {
        "csv": _named({"name": text()}),
        "tensorboard": _named({"name": text(), "default_hp_metric": BOOLEAN}),
        "mlflow": _named(
            {"experiment_name": text(), "tracking_uri": text("the address of a server or database") | NULL}
        ),
        "wandb": _named({"project": text(), "offline": BOOLEAN, "reinit": anything("what wandb.init takes")}),
    },
    entries=_named({}),
)
