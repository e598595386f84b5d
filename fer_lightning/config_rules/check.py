"""Check a composed config. Works on plain values and imports neither torch nor Lightning."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer_lightning.config_rules.commands import COMMANDS
from fer_lightning.config_rules.relations import check_relations
from fer_lightning.config_rules.rules import Group, Rule
from fer_lightning.errors import FerError
from fer_lightning.utils.data_folder import require_data_folder
from fer_lightning.utils.former_names import refuse_former_keys

_LONGEST = 80  # maximum number of characters shown of a wrong value


def check(command: str, cfg: DictConfig) -> None:
    """Check every key of a command's config; keys without a rule pass unless their group is closed.

    Args:
        command: a name in ``commands.COMMANDS``.
        cfg: the config that the command was started with.

    Raises:
        FerError: a required value is missing, a value has the wrong type or is out of range, or a key has been renamed;
            the text names the key and the expected value.
    """
    check_required(command, cfg)
    try:
        values = OmegaConf.to_container(cfg, resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        raise FerError(f"the configuration is wrong: {str(error).strip().splitlines()[0]}") from error
    assert isinstance(values, dict)  # every command's config is a mapping
    refuse_former_keys(_keys(values))
    _check_group("", values, COMMANDS[command])
    check_relations(values)


def check_required(command: str, cfg: DictConfig) -> None:
    """Raise FerError if a command's config lacks required values; the text names them all."""
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise FerError("; ".join(f"{key} is required: set {_assignment(command, key)}" for key in missing))


def _assignment(command: str, key: str) -> str:
    rule: Rule | Group | None = COMMANDS[command]
    for name in key.split("."):
        rule = rule.rule_of(name) if isinstance(rule, Group) else None
    return f"{key}= to {rule.words}" if isinstance(rule, Rule) else f"{key}=VALUE"


def check_data_folder(command: str, cfg: DictConfig) -> None:
    """Raise FerError if ``data.dir`` of a command's checked config does not exist."""
    # download makes the folder, and a resumed run has its own data.dir
    folder = None if command == "download" or cfg.get("resume") is not None else cfg.data.get("dir")
    if folder is not None:
        require_data_folder(Path(folder), kaggle=not str(cfg.data.get("_target_")).endswith(".image_folder"))


def _keys(values: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield str(name)
        if isinstance(value, Mapping):
            yield from (f"{name}.{each}" for each in value)


def _check_group(path: str, value: Any, group: Group) -> None:
    if value is None and group.nullable:
        return
    if not isinstance(value, Mapping):
        keys = f" with the keys {', '.join(group.keys)}" if group.keys else ""
        raise FerError(f"{path} must be a mapping{keys}{' or null' if group.nullable else ''}, got {_shown(value)}")
    for name, each in value.items():
        rule = group.rule_of(name)
        key = f"{path}.{name}" if path else str(name)
        if rule is None:
            if group.closed:
                raise FerError(f"{path} has no key {name}; its keys are {', '.join(group.keys)}")
        elif isinstance(rule, Group):
            _check_group(key, each, rule)
        elif not rule.accepts(each):
            raise FerError(f"{key} must be {rule.words_for(each)}, got {_shown(each)}")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
