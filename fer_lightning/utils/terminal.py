"""What may be shown on a terminal of text that comes from outside, such as the names of files."""

import unicodedata

# controls (escape sequences among them), invisible format characters (which can reverse the text), lone surrogates
# (bytes of a name that are not UTF-8), and line and paragraph separators
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""``text`` with every character that could steer a terminal written as an escape such as ``\x1b``."""
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(character) in _UNPRINTABLE
        else character
        for character in text
    )
