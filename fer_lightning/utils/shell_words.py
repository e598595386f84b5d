"""Words of a Hydra command line that can be pasted into a shell."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

# what Hydra takes in a value without quotes, but for characters that mean something to it
_UNQUOTED = re.compile(r"[A-Za-z0-9_./+-]+")


def override(key: str, value: Path | str | Sequence[Path | str]) -> str:
    """``key=value`` quoted for Hydra and for the shell; several values make a list."""
    if isinstance(value, Path | str):
        text = _quoted(str(value))
    else:
        text = f"[{','.join(_quoted(str(each)) for each in value)}]"
    # shells take a list of plain paths as a pattern that matches nothing, so the whole word is quoted then
    return shlex.quote(f"{key}={text}")


def resume(run_dir: Path) -> str:
    """The command that continues a run."""
    return f"python -m fer_lightning.train {override('resume', run_dir)}"


def _quoted(value: str) -> str:
    if _UNQUOTED.fullmatch(value):
        return value
    # a backslash escapes a quote, and itself only before one
    text = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{text}'"
