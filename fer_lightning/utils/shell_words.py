"""Quote words of a Hydra command line for pasting into a shell."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

# characters that Hydra accepts in an unquoted value and that have no special meaning
_UNQUOTED = re.compile(r"[A-Za-z0-9_./+-]+")


def override(key: str, value: Path | str | Sequence[Path | str]) -> str:
    """``key=value`` quoted for Hydra and for the shell; several values make a list."""
    if isinstance(value, Path | str):
        text = _quoted(str(value))
    else:
        text = f"[{','.join(_quoted(str(each)) for each in value)}]"
    # shells interpret a list in brackets as a pattern, so the whole word is quoted
    return shlex.quote(f"{key}={text}")


def resume(run_dir: Path) -> str:
    """The command that continues a run."""
    return f"python -m fer_lightning.train {override('resume', run_dir)}"


def _quoted(value: str) -> str:
    if _UNQUOTED.fullmatch(value):
        return value
    # a backslash escapes a quote, and escapes itself only before a quote
    text = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{text}'"
