"""Start a command: handle --help and reject wrong words before heavy imports."""

import argparse
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.utils.command_help import configs_of, filled, help_text, is_group
from fer_lightning.utils.former_names import refuse_former_keys

if TYPE_CHECKING:
    from hydra.errors import HydraException
    from omegaconf import DictConfig

_SEARCHED = "hydra.sweeper.params."  # prefix of the keys of a search
_NO_NAME = re.compile(r"(?i:null|true|false|[-+.\d]+)")


def hydra_command(
    name: str,
    task: str,
    *,
    extra: str,
    needs: Sequence[str] = (),
    resolvers: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
) -> Callable[[], None]:
    """Make the ``main`` function of a command that composes a configuration.

    Args:
        name: the name of the command and of its config file.
        task: the module whose ``run(cfg)`` does the work, imported after the configuration is composed.
        extra: the extra of this package with the command's optional dependencies.
        needs: packages of that extra that are checked before Hydra creates an output directory.
        resolvers: functions that the config file calls as ``${name:...}``, once for each argument.
    """

    def main() -> None:
        with exit_on_user_error():
            if any(word in ("--help", "-h") for word in sys.argv[1:]):
                print(help_text(name, sys.argv[1:]), flush=True)  # inside, to end without a traceback on a closed pipe
                return
            refuse_former_words(sys.argv[1:])
            _refuse_groups_without_a_name(sys.argv[1:])
            for package in needs:
                if importlib.util.find_spec(package) is None:
                    raise _missing(name, package, extra)
            _run_hydra(name, task, extra, resolvers)

    return main


def refuse_former_words(words: Sequence[str]) -> None:
    """Raise FerError if a word of the command line sets a key that has been renamed."""
    refuse_former_keys(word.partition("=")[0].lstrip("+~").removeprefix(_SEARCHED) for word in words)


def _refuse_groups_without_a_name(words: Sequence[str]) -> None:
    """Raise FerError if a group is set to null, a number or a truth value, on which Hydra stops with a traceback."""
    for word in words:
        group, _, value = word.partition("=")
        group = group.lstrip("+").partition("@")[0]
        if _NO_NAME.fullmatch(value) and is_group(group):
            raise FerError(_no_such_config(group, value, configs_of(group)))


def _run_hydra(name: str, task: str, extra: str, resolvers: Mapping[str, Callable[..., Any]]) -> None:
    # otherwise Hydra reports errors itself, in several lines
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException, InstantiationException
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    from fer_lightning.config_rules.check import check, check_data_folder, check_required
    from fer_lightning.utils.output_dir import removed_on_failure

    for resolver, call in resolvers.items():
        # use_cache, because each call would read the clock again
        OmegaConf.register_new_resolver(resolver, call, use_cache=True, replace=True)

    def run(cfg: "DictConfig") -> Any:
        with exit_on_user_error(), removed_on_failure():
            if HydraConfig.get().mode == RunMode.MULTIRUN:  # a sweep continues after a run with a wrong value
                check_required(name, cfg)
            else:
                check(name, cfg)
                check_data_folder(name, cfg)
            return import_task(task, name, extra).run(cfg)

    run.__module__ = f"fer_lightning.{name}"  # Hydra names the job and its log file after it
    try:
        hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name=name)(run)()
    except InstantiationException:
        raise
    except HydraException as error:
        raise FerError(_composition_mistake(error, name)) from error


def import_task(module: str, name: str, extra: str) -> Any:
    """Import the module that does a command's work.

    Raises:
        FerError: a third-party package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "fer_lightning"):
            raise
        raise _missing(name, package, extra) from error


def _missing(name: str, package: str, extra: str) -> FerError:
    return FerError(f"fer-{name} needs {package}: pip install 'fer_lightning[{extra}]'")


def _composition_mistake(error: "HydraException", name: str) -> str:
    """Describe a composition error in one sentence."""
    text = " ".join(str(error).split())
    unknown = re.match(r"Could not override '([^']+)'", text)
    if unknown:
        return f"there is no key {unknown[1]}; fer-{name} --help lists the keys"
    choice = re.search(
        r"Could not find '([\w/]+)/(\w+)' Available options in '[\w/]+': (.*?)( Config search path|$)", text
    )
    if choice:
        return _no_such_config(choice[1], choice[2], choice[3].split())
    return text.partition(" See https://")[0]


def _no_such_config(group: str, given: str, options: Sequence[str]) -> str:
    if group in ("hydra/launcher", "hydra/sweeper"):
        return f"there is no {group}={given}; to install more of them: pip install 'fer_lightning[sweep]'"
    return f"there is no {group}={given}" + (f"; choose one of {', '.join(options)}" if options else "")


def argument_parser(prog: str, purpose: str, examples: Sequence[str]) -> argparse.ArgumentParser:
    """Make an argument parser whose help ends with examples."""
    return argparse.ArgumentParser(
        prog=prog,
        description=filled(purpose),
        epilog="\n".join(["examples:", *(f"  {example}" for example in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
