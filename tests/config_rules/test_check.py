"""Every key has a rule, and no value of any key ends in a traceback."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

import fer_lightning
from fer_lightning.config_rules.check import check
from fer_lightning.config_rules.commands import COMMANDS
from fer_lightning.config_rules.relations import SMALLEST_CROP
from fer_lightning.config_rules.rules import Group, Rule
from fer_lightning.errors import FerError, sentence
from fer_lightning.models.networks import ExpressionCNN, PhoneCNN
from fer_lightning.training.trial import try_out

CONF = Path(fer_lightning.__file__).parents[1] / "conf"
NOT_OURS = {"defaults", "hydra"}
GLOBAL = {"experiment", "hparams"}  # groups whose configs override keys of all others
JUDGED_BY_LIGHTNING_TOO = {
    "callbacks.checkpoint.save_top_k",
    "callbacks.last_checkpoint.save_top_k",
    "trainer.check_val_every_n_epoch",
    "trainer.gradient_clip_algorithm",
    "trainer.val_check_interval",
}


def leaves(path: str, value: object) -> Iterator[str]:
    """The dotted keys of plain values."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(f"{path}.{name}" if path else str(name), each)
    elif value != {}:
        yield path


def packaged_keys() -> Iterator[tuple[str, str]]:
    """(command, key) of everything that a file below conf/ sets."""
    for path in CONF.rglob("*.yaml"):
        content = {name: value for name, value in yaml.safe_load(path.read_text()).items() if name not in NOT_OURS}
        group = path.parent.relative_to(CONF).as_posix()
        if group.startswith("hydra"):
            continue
        if group == ".":
            yield from ((path.stem, key) for key in leaves("", content))
        else:
            command = "export" if group == "export" else "train"
            yield from ((command, key) for key in leaves("" if group in GLOBAL else group, content))


def rule_of(command: str, key: str) -> Rule | Group | None:
    rule: Rule | Group | None = COMMANDS[command]
    for name in key.split("."):
        if not isinstance(rule, Group):
            return rule
        rule = rule.rule_of(name)
    return rule


@pytest.mark.parametrize(("command", "key"), sorted(set(packaged_keys())))
def test_every_key_has_a_rule(command, key):
    assert isinstance(rule_of(command, key), Rule), f"add a rule for {key} to fer_lightning/config_rules"


def test_every_rule_has_a_key():
    def keys_of(group: Group, path: str) -> Iterator[str]:
        for name, rule in group.keys.items():
            if isinstance(rule, Group):
                yield from keys_of(rule, f"{path}{name}.")
            else:
                yield f"{path}{name}"

    ruled = {key for group in COMMANDS.values() for key in keys_of(group, "")}
    packaged = {key for _, key in packaged_keys()}
    limits = {key for key in ruled if key.startswith("verify.limits.")}  # any limit of any format may be added
    assert ruled - limits - packaged == JUDGED_BY_LIGHTNING_TOO


PACKAGED = [
    ("train", []),
    *(
        ("train", [f"+experiment={path.stem}", *(["init_from=a.ckpt"] if path.stem == "decay" else [])])
        for path in sorted((CONF / "experiment").glob("*.yaml"))
    ),
    ("train", ["model=phone", "optimizer=adamw", "scheduler=cosine", "trainer=cpu"]),
    ("train", ["data=folder", "data.dir=faces", "scheduler=constant", "logger=mlflow"]),
    ("train", ["data=sample", "logger=wandb"]),
    ("evaluate", ["ckpt=[a.ckpt,pretrained]"]),
    ("evaluate", ["ckpt=pretrained", "tta=[flip,zoom]"]),
    ("explain", ["ckpt=pretrained", "rows=[1,2]"]),
    ("soup", ["ckpt=[a.ckpt,b.ckpt]", "out=c.ckpt"]),
    ("export", ["ckpt=pretrained", "export=full", "data.dir=data"]),
    ("audit", []),
    ("download", []),
]


@pytest.mark.parametrize("experiment", ["cycle", "ferplus", "sam"])
def test_experiments_that_continue_the_shipped_weights(compose, experiment):
    assert compose("train", f"+experiment={experiment}").init_from == "pretrained"


def verdict(command, cfg):
    """The command's error for ``cfg`` before it reads data; None without one."""
    try:
        check(command, cfg)
        if command == "train":
            try_out(cfg)
            instantiate(cfg.data, augment=instantiate(cfg.augment))
    except Exception as error:
        line = sentence(error)
        if line is None:
            raise
        assert line
        assert "\n" not in line
        return line
    return None


@pytest.fixture(autouse=True)
def without_wandb(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield
    torch.use_deterministic_algorithms(False)  # which trainer.deterministic=true asks for


@pytest.mark.parametrize(("command", "words"), PACKAGED)
def test_packaged_configs_pass(compose, command, words):
    assert verdict(command, compose(command, *words)) is None


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=x", "seed must be an integer >= 0, got 'x'"),
        ("seed=4294967296", "seed must be <= 4294967295, got 4294967296"),
        ("seed=true", "seed must be an integer >= 0, got true"),
        ("seed=null", "seed must be an integer >= 0, got null"),
        ("augment.size=1", "augment.size must be an integer from 33 to 48 for ExpressionCNN, got 1"),
        ("augment.size=15", "augment.size must be an integer from 33 to 48 for ExpressionCNN, got 15"),
        ("augment.size=16", "augment.size must be an integer from 33 to 48 for ExpressionCNN, got 16"),
        *(
            (f"trainer.precision={value}", "trainer.precision must be auto, 32-true, bf16-mixed, 16-mixed or 32, got")
            for value in ("64-true", "bf16-true", "16-true", "transformer-engine")
        ),
        ("label_smoothing=2", "label_smoothing must be a number >= 0 and <= 1, got 2"),
        ("label_smoothing=-1", "label_smoothing must be a number >= 0 and <= 1, got -1"),
        ("label_smoothing=nan", "label_smoothing must be a number >= 0 and <= 1, got nan"),
        ("vote_weight=x", "vote_weight must be a number >= 0 and <= 1000, got 'x'"),
        ("vote_weight=nan", "vote_weight must be a number >= 0 and <= 1000, got nan"),
        ("model.dropout=nan", "model.dropout must be a number >= 0 and < 1, got nan"),
        ("model.bn_eps=0", "model.bn_eps must be a number > 0 and <= 1, got 0"),
        ("model.channels=[64,128]", "model.channels must be a list of 4 integers"),
        ("model.channels=[64,128,0,1]", "model.channels must be a non-empty list, each entry being an integer >= 1"),
        ("+data.train=-5", "data.train must be an integer >= 1, got -5"),
        ("data.batch_size=true", "data.batch_size must be an integer >= 1, got true"),
        ("class_weights=maybe", "class_weights must be true or false, got 'maybe'"),
        ("trainer.limit_train_batches=0", "trainer.limit_train_batches must be an integer >= 1 or a number > 0"),
        ("trainer.accelerator=tpu", "trainer.accelerator must be auto, cpu, gpu, cuda or mps, got 'tpu'"),
        ("trainer.devices=many", "trainer.devices must be auto, -1 (all) or an integer >= 1"),
        ("trainer.strategy=none_such", "the trainer group has a value that Lightning rejects: "),
        ("+trainer.none_such=1", "the trainer group has a value that Lightning rejects: "),
        ("+optimizer.none_such=1", "the optimizer or scheduler group has a value that cannot be used: "),
        ("+model.none_such=1", "the model group has a value that cannot be used: "),
        ("model._target_=none.such", "the model group has a value that cannot be used: "),
        ("optimizer.lr=-1", "optimizer.lr must be a number >= 0, got -1"),
        ("phases.baseline.source=hrad", "phases.baseline.source must be all, hard or random, got 'hrad'"),
        ("phases.baseline.holdout=0.5", "phases.baseline.holdout needs source=hard or random"),
        ("+phases.baseline.sauce=all", "phases.baseline has no key sauce; its keys are source"),
        ("phases.baseline=3", "phases.baseline must be a mapping with the keys source, augment"),
        ("select=worst", "select must be best or last, got 'worst'"),
        ("distillation=5", "distillation must be a mapping with the keys weight, temperature, cached_epochs, got 5"),
        (
            "callbacks.early_stopping.monitor=val_acc",
            "callbacks.early_stopping.monitor must be val_accuracy, val_loss, ",
        ),
        ("callbacks.checkpoint.filename=top", "callbacks.checkpoint.filename must be best, got 'top'"),
        ("callbacks.last_checkpoint.filename=x", "callbacks.last_checkpoint.filename must be last, got 'x'"),
        ("+callbacks.checkpoint.save_top_k=3", "callbacks.checkpoint.save_top_k must be 1, got 3"),
        (
            "trainer.strategy=ddp_spawn",
            "trainer.strategy must be the name of one of Lightning's strategies ",
        ),
        ("+trainer.val_check_interval=1000", "trainer.val_check_interval must be a number > 0 and < 1 or 1.0 or null"),
        ("compile=fast", "compile must be default, reduce-overhead"),
        ("init_weights=mean", "init_weights must be averaged or raw, got 'mean'"),
        ("model.dense_dropout=2", "model.dense_dropout must be a number >= 0 and < 1 or null, got 2"),
    ],
)
def test_wrong_values_of_a_training_run(compose, word, message):
    assert message in (verdict("train", compose("train", word)) or "")


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("train", ["data=folder"], "data.dir is required: set data.dir= to the path of a folder"),
        (
            "train",
            ["ensemble_size=2", "trainer.fast_dev_run=true"],
            "ensemble_size above 1 needs trainer.enable_checkpointing=true and trainer.fast_dev_run=false",
        ),
        (
            "train",
            ["ensemble_size=2", "seed=4294967295"],
            "seed must be at most 4294967294 with ensemble_size=2, got 4294967295",
        ),
        (
            "train",
            ["+experiment=best", "augment.size_schedule=[[0.5,20]]"],
            "augment.size_schedule must be a list of",
        ),
        ("train", ["+experiment=decay"], "init_weights=raw needs init_from: set init_from= to the checkpoint"),
        ("train", ["+experiment=best", "scheduler.warmup=0.9"], "scheduler.warmup and scheduler.decay must add up"),
        ("evaluate", [], "ckpt is required: set ckpt= to pretrained, the path of a checkpoint or a list of these"),
        ("evaluate", ["ckpt=a", "accelerator=foo"], "accelerator must be auto, cpu, gpu, cuda or mps, got 'foo'"),
        ("evaluate", ["ckpt=a", "subset=train"], "subset must be val or test, got 'train'"),
        ("explain", ["ckpt=a", "subset=foo"], "subset must be val or test, got 'foo'"),
        ("explain", ["ckpt=a", "rows=5"], "rows must be a non-empty list, each entry being an integer >= 0"),
        ("explain", ["ckpt=a", "rows=[true]"], "rows must be a non-empty list, each entry being an integer >= 0"),
        ("explain", ["ckpt=a", "faces=21"], "faces must be an integer from 1 to 20, got 21"),
        ("explain", ["ckpt=a", "faces=99999999999"], "faces must be an integer from 1 to 20, got 99999999999"),
        ("export", ["ckpt=a", "verify.faces=10"], "verify.faces must be an integer >= 256, got 10"),
        ("export", ["ckpt=a", "export.formats=onnx"], "export.formats must be a list, each entry being dynamic_range"),
        ("export", ["ckpt=a", "+verify.limits.onnx.loss=1"], "verify.limits.onnx has no key loss; its keys are"),
        ("export", ["ckpt=a", "+verify.limits.pdf=1"], "verify.limits has no key pdf"),
        ("audit", ["data.dir=5"], "data.dir must be the path of a folder, got 5"),
        ("download", ["data.dir=''"], "data.dir must be the path of a folder, got ''"),
    ],
)
def test_wrong_values_of_other_commands(compose, command, words, message):
    assert message in (verdict(command, compose(command, *words)) or "")


@pytest.mark.parametrize(
    "words",
    [
        ["augment.cutmix=1", "augment.mixup=1"],
        ["phases=hard_mining", "phases.hard_examples.holdout=0.5"],
        ["trainer.limit_train_batches=0.5", "trainer.limit_val_batches=2", "trainer.max_time=00:12:00:00"],
        ["+trainer.check_val_every_n_epoch=2", "+trainer.inference_mode=false"],
        ["trainer.devices=[0]", "trainer.accelerator=cpu", "trainer.fast_dev_run=1"],
        ["model=phone", "augment.size=16"],
        ["~callbacks.lr_monitor", "callbacks.early_stopping=null", "logger.csv=null", "+note=mine"],
    ],
)
def test_unusual_values_that_are_right(compose, words):
    found = verdict("train", compose("train", *words))
    assert found is None or ("trainer.devices=[0]" in words and "CPU" in found)


def test_wandb_without_a_key(compose, monkeypatch, tmp_path):
    wandb = pytest.importorskip("wandb")
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = verdict("train", compose("train", "logger=wandb"))
    wandb.teardown()  # its settings, read once a process, would keep later tests online
    assert found is not None
    assert "run wandb login, set WANDB_API_KEY, or set logger.wandb.offline=true" in found


def test_a_wrong_value_is_shown_shortened(compose):
    cfg = compose("train")
    cfg.seed = "9" * 5000
    with pytest.raises(FerError) as caught:
        check("train", cfg)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("network", [ExpressionCNN, PhoneCNN])
def test_smallest_crops_are_those_of_the_networks(network):
    smallest = SMALLEST_CROP[network.__name__]
    model = network(channels=[2, 2, 2, 2]).train()  # an epoch may end with a batch of one image
    assert model(torch.zeros(1, 1, smallest, smallest)).shape == (1, 7)
    with pytest.raises((RuntimeError, ValueError)):
        model(torch.zeros(1, 1, smallest - 1, smallest - 1))


WORDS = (
    "",
    "x",
    "true",
    "nan",
    "-1",
    "1e400",
    "0,1",
    "null",
    "???",
    "${seed}",
    "${none}",
    "${",
    "a.b.c",
    "\0",
    "x" * 300,
)
NUMBERS = (0, -1, 1, 2, 49, 2**31, 2**32, 10**30, 0.0, 0.5, -0.5, 1.0, 1.5, 1e-300, 1e308)
SCALARS = st.one_of(
    st.sampled_from([*WORDS, *NUMBERS, float("nan"), float("inf"), float("-inf"), True, False, None]),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.lists(st.lists(SCALARS, max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["a", "size", "_target_"]), SCALARS, max_size=2),
)


@pytest.fixture(scope="module")
def composed():
    """The keys of every packaged config in ``PACKAGED``, including those of whole groups."""
    import hydra

    found = []
    for command, words in PACKAGED:
        with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
            cfg = hydra.compose(command, overrides=words)
        keys = list(leaves("", OmegaConf.to_container(cfg)))
        parents = {key.rpartition(".")[0] for key in keys} - {""}
        found.append((command, cfg, sorted({*keys, *parents})))
    return found


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_no_value_of_any_key_is_a_traceback(composed, data):
    command, cfg, keys = data.draw(st.sampled_from(composed))
    changed = copy.deepcopy(cfg)
    try:
        OmegaConf.update(changed, data.draw(st.sampled_from(keys)), data.draw(VALUES), merge=False)
    except Exception as error:  # OmegaConf cannot hold the value, and neither could Hydra
        assert sentence(error) is not None  # noqa: PT017
        return
    verdict(command, changed)
