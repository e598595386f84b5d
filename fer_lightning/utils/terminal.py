"""Show tables, and text from outside such as file names, safely on a terminal."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_TABLE_WIDTH = 80  # columns; nearly all tables fit in them
# controls (including escape sequences), invisible format characters (which can reverse the text), lone surrogates
# (bytes of a name that are not UTF-8), and line and paragraph separators
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# replacements for the drawing characters of libraries, for output limited to ASCII or Latin-1
_PLAIN = str.maketrans("\u2022\u2026\u2013\u2014\u2500\u2501\u2578\u257a", "*.------")


def printable(text: str) -> str:
    r"""``text`` with every character that could control a terminal replaced by an escape such as ``\x1b``."""
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(character) in _UNPRINTABLE
        else character
        for character in text
    )


def make_table(title: str | None, columns: Sequence[str], *, texts: int = 1, caption: str | None = None) -> "Table":
    """Make a table with the project's lines and alignment.

    Args:
        title: title above the table.
        columns: column headings.
        texts: number of columns, from the left, that contain text and may be wrapped; the others contain numbers.
        caption: text below the table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, caption=caption, caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        is_text = place < texts
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    return table


def print_table(table: "Table", least_width: int = _TABLE_WIDTH) -> None:
    """Print a table without truncating it: on a narrow terminal its lines are wrapped.

    Square brackets are printed as they are, because file names and configs contain them.

    Args:
        table: the table.
        least_width: columns that the table needs.
    """
    from rich.console import Console  # imported late, because commands that fail early do not need it

    console = Console(markup=False, emoji=False)
    if console.width < least_width:
        console = Console(markup=False, emoji=False, width=least_width)
    console.print(table)


def accept_any_character() -> None:
    """Make standard output and standard error escape characters that they cannot encode, instead of failing."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end
