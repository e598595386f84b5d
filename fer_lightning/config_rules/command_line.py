"""Keys on a command line that have been renamed."""

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.utils.former_names import KEYS, REVERSED

_SEARCHED = "hydra.sweeper.params."  # before the keys of a search


def refusing_former_keys(main: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a Hydra command: end on a former key before Hydra says only that there is no such key."""

    @functools.wraps(main)
    def run(*arguments: Any, **options: Any) -> Any:
        with exit_on_user_error():
            refuse_former_keys(word.partition("=")[0].lstrip("+~").removeprefix(_SEARCHED) for word in sys.argv[1:])
        return main(*arguments, **options)

    return run


def refuse_former_keys(keys: Iterable[str]) -> None:
    """Refuse keys that have another name today.

    Raises:
        FerError: one of ``keys`` is a former name; the text gives the current one.
    """
    for key in keys:
        if key in KEYS:
            reversed_ = ", with true and false exchanged" if key in REVERSED else ""
            raise FerError(f"{key} is now called {KEYS[key]}{reversed_}")
