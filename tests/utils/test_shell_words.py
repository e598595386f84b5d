import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from fer_lightning.utils import shell_words

NAMES = (
    *(
        "plain",
        "a b",
        "(a",
        "a=b",
        "it's",
        "a,b",
        "[a]",
        "ü",
        "{a",
        "a:b",
        "$HOME",
        'a"b',
        "a\\b",
        "a\\",
        "a\\'b",
        "#a",
    ),
    *("!a", "~", "a;b", "&", "*", "null", "true", "1e3"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_pasted_word_means_the_same_folder(name, compose):
    path = Path("/runs") / name
    python, *words, word = shlex.split(shell_words.resume(path))
    assert [python, *words] == ["python", "-m", "fer_lightning.train"]
    assert compose("train", word).resume == str(path)


def test_a_list_of_paths():
    paths = [Path("/runs") / name for name in NAMES]
    (word,) = shlex.split(shell_words.override("ckpt", paths))
    parsed = OverridesParser.create().parse_override(word)
    assert parsed.key_or_group == "ckpt"
    values = parsed.value()
    assert isinstance(values, list)
    assert [getattr(value, "text", value) for value in values] == [str(path) for path in paths]


def test_plain_names_stay_readable():
    assert shell_words.resume(Path("/a/run-1")) == "python -m fer_lightning.train resume=/a/run-1"
