"""Save the config of a run, and load it when the run is resumed."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fer_lightning.constants import SHIPPED_WEIGHTS
from fer_lightning.errors import FerError
from fer_lightning.utils import files, shell_words
from fer_lightning.utils.former_names import current_target, current_values
from fer_lightning.utils.output_dir import SETTINGS_FILE

_NAMED_ENTRIES = ("phases", "callbacks", "logger")  # groups of named entries, which a run may remove or reorder
_ARGUMENTS = ("data", "model", "optimizer", "scheduler", "augment")  # groups of arguments, which a run may remove
_RESULTS = ("done.json", "checkpoints/*.ckpt")
_TRAINED = [f"{place}phases/*/{result}" for place in ("", "members/*/") for result in _RESULTS]

ROWS_FILE = "hard_examples.csv"  # the rows that a phase trains on, in its folder


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A config's values as plain dictionaries, lists and numbers, with interpolations resolved."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return container  # type: ignore[return-value]


def save(cfg: DictConfig, choices: Mapping[str, Any], overrides: Sequence[str], run_dir: Path) -> None:
    """Save what a resumed run needs: the chosen config of each group, and every value; paths become absolute.

    Args:
        choices: Hydra's runtime choices, group -> config name.
        overrides: the words of the command line, for the table of a sweep.

    Raises:
        FerError: ``run_dir`` already contains a run.
        OSError: ``run_dir`` is not writable.
    """
    if any(any(run_dir.glob(pattern)) for pattern in _TRAINED):
        raise FerError(
            f"{run_dir} already contains a run: resume it with {shell_words.override('resume', run_dir)}, "
            "or choose another hydra.run.dir"
        )
    for place in ("", "members/*/"):  # another network may have mined them before it failed
        for path in run_dir.glob(f"{place}phases/*/{ROWS_FILE}"):
            path.unlink()
    groups = {group: choice for group, choice in choices.items() if group in cfg and isinstance(choice, str)}
    content = {"groups": groups, "overrides": list(overrides), "values": _with_absolute_paths(plain(cfg))}
    files.write_text(run_dir / SETTINGS_FILE, yaml.safe_dump(content, sort_keys=False))
    files.write_text(run_dir / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))


def _with_absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """The values with absolute paths, so that a run can be resumed from any working directory."""
    data = {key: _absolute(value) if key in ("dir", "exclude") else value for key, value in values["data"].items()}
    return values | {"data": data} | {key: _absolute(values[key]) for key in ("init_from", "teacher")}


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(each) for each in value]
    return str(Path(value).absolute()) if isinstance(value, str) and value not in SHIPPED_WEIGHTS else value


def save_data_folder(cfg: DictConfig, run_dir: Path) -> None:
    """Save where a run has found its data, if they have been moved, so that the next resume finds them."""
    path = run_dir / SETTINGS_FILE
    content, folder = yaml.safe_load(path.read_text()), _absolute(cfg.data.get("dir"))
    data = content["values"]["data"]
    if data.get("dir") != folder:
        data["dir"] = folder
        files.write_text(path, yaml.safe_dump(content, sort_keys=False))


def check_run(run_dir: Path) -> None:
    """Raise FerError if ``run_dir`` does not contain a run."""
    if not (run_dir / SETTINGS_FILE).is_file():
        raise FerError(f"resume must be the directory of a run, got {run_dir}: it has no {SETTINGS_FILE}")


def overrides_of(run_dir: Path) -> list[str]:
    """The words of a run's first command, for a table.

    Hydra's own record is of the last command; it is the only one if the run ended before its settings were saved, or is
    of an older version.
    """
    settings = run_dir / SETTINGS_FILE
    words = yaml.safe_load(settings.read_text()).get("overrides") if settings.is_file() else None
    if words is None:
        words = yaml.safe_load((run_dir / ".hydra" / "overrides.yaml").read_text()) or []
    return [str(word) for word in words]


def load(run_dir: Path) -> DictConfig:
    """Compose a run's config from the packaged configs and the plain values that the run saved.

    The callables (``_target_``) come only from the packaged configs.

    Raises:
        FerError: ``run_dir`` does not contain a run, or its settings are damaged.
    """
    check_run(run_dir)
    path = run_dir / SETTINGS_FILE
    try:
        saved = yaml.safe_load(path.read_text())
        groups, values = saved["groups"], current_values(saved["values"])
        for group, choice in groups.items():
            if not _is_packaged(group, choice):
                raise FerError(f"{path} uses the config {group}={choice}, which this version does not have")
        cfg = hydra.compose("train", overrides=[f"{group}={choice}" for group, choice in groups.items()])
        OmegaConf.set_struct(cfg, False)
        _overlay(cfg, values)
        for group in _NAMED_ENTRIES:
            cfg[group] = {name: cfg[group][name] for name in values[group]}
        for group in (*_NAMED_ENTRIES, *_ARGUMENTS):
            if isinstance(values[group], Mapping):
                _remove_others(cfg[group], values[group])
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, HydraException) as error:
        raise FerError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    OmegaConf.set_struct(cfg, True)
    return cfg


def _is_packaged(group: str, choice: str) -> bool:
    """Whether these name a packaged config; any other text could smuggle in an override."""
    if not all(re.fullmatch(r"\w+", name) for name in (group, choice)):
        return False
    return (resources.files("fer_lightning.conf") / group / f"{choice}.yaml").is_file()


def _overlay(cfg: DictConfig, values: Mapping[str, Any]) -> None:
    """Set the values of ``cfg``; keys that begin with an underscore tell Hydra what to call and must not differ."""
    for key, value in values.items():
        if str(key).startswith("_"):
            if current_target(value) != cfg.get(key):
                raise FerError(
                    f"{SETTINGS_FILE} has {key}={value!r}, which differs from the packaged config; a run with code of "
                    "its own cannot be resumed"
                )
        elif isinstance(value, Mapping):
            if not isinstance(cfg.get(key), DictConfig):
                cfg[key] = {}
            _overlay(cfg[key], value)
        else:
            _refuse_more_than_values(key, value)
            cfg[key] = value


def _remove_others(cfg: DictConfig, values: Mapping[str, Any]) -> None:
    """Remove the keys of ``cfg`` that the run had removed from the packaged config."""
    for key in [key for key in cfg if key not in values]:
        del cfg[key]
    for key, value in values.items():
        if isinstance(value, Mapping):
            _remove_others(cfg[key], value)


def _refuse_more_than_values(key: str, value: Any) -> None:
    if isinstance(value, str) and "${" in value:
        raise ValueError(f"{key} is an interpolation")
    if isinstance(value, Mapping):
        raise ValueError(f"{key} is a list of mappings")
    if isinstance(value, list):
        for item in value:
            _refuse_more_than_values(key, item)
