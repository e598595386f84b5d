"""What may be shown on a terminal of text that comes from outside, such as the names of files."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_TABLE_WIDTH = 80  # columns, into which our tables fit
# controls (escape sequences among them), invisible format characters (which can reverse the text), lone surrogates
# (bytes of a name that are not UTF-8), and line and paragraph separators
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# what libraries draw with, for output that has ASCII or Latin-1 alone
_PLAIN = str.maketrans("\u2022\u2026\u2013\u2014\u2500\u2501\u2578\u257a", "*.------")


def printable(text: str) -> str:
    r"""``text`` with every character that could steer a terminal written as an escape such as ``\x1b``."""
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(character) in _UNPRINTABLE
        else character
        for character in text
    )


def make_table(title: str | None, columns: Sequence[str], *, texts: int = 1, caption: str | None = None) -> "Table":
    """A table with the project's lines and alignment.

    Args:
        columns: their headings.
        texts: how many of them, from the left, hold text, which may be wrapped; the others hold numbers.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, caption=caption, caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        is_text = place < texts
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    return table


def print_table(table: "Table") -> None:
    """Print a table with all of its columns: on a narrow terminal its lines are wrapped, and nothing is cut off."""
    from rich.console import Console  # which commands that fail at once do without

    console = Console()
    if console.width < _TABLE_WIDTH:
        console = Console(width=_TABLE_WIDTH)
    console.print(table)


def accept_any_character() -> None:
    """Write a character that standard output or standard error cannot encode as an escape, instead of failing on it."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end
