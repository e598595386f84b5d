"""Make a command's help text from the comments in the YAML files of its configuration.

The files are read line by line, because a YAML parser drops comments and importing Hydra or PyYAML takes time.
"""

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

_KEY = re.compile(r"( *)([\w.]+):(?: +(.+))?$")
_DEFAULT = re.compile(r"^ +- (?P<group>\w+): (?P<choice>\w+)")
_OVERRIDE = re.compile(r"^ +- override /(?P<group>\w+): (?P<choice>\w+)")
_INCLUDED = re.compile(r"^ +- (?P<config>\w+)$")
_LEFT = 32  # columns for KEY=VALUE; the comment of a longer one starts on the next line


@dataclass
class Key:
    """One key of a config file.

    Attributes:
        name: full name with parent keys, such as ``distillation.weight``.
        value: value as written in the file.
        comment: comment on the key; empty if there is none.
    """

    name: str
    value: str
    comment: str


class ConfigFile:
    """The comments, defaults and keys of one packaged YAML file.

    Args:
        path: relative to the package's configuration, without ``.yaml``: ``train`` or ``data/fer2013``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lines = (_configs() / f"{path}.yaml").read_text(encoding="utf-8").splitlines()

    @property
    def _header(self) -> list[str]:
        lines = [line for line in self._lines if not line.startswith("# @package")]
        end = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
        return [line[1:].removeprefix(" ") for line in lines[:end]]

    @property
    def purpose(self) -> str:
        """The comment at the top, without its indented lines."""
        return " ".join(line for line in self._header if not line.startswith(" "))

    @property
    def examples(self) -> list[str]:
        """The indented lines of the comment at the top."""
        return [line.strip() for line in self._header if line.startswith(" ")]

    @property
    def groups(self) -> dict[str, str]:
        """The chosen config of each group in the defaults list."""
        found = (_DEFAULT.match(line) for line in self._lines)
        return {match["group"]: match["choice"] for match in found if match}

    @property
    def overridden_groups(self) -> dict[str, str]:
        """The configs that an experiment chooses for the command's groups, in place of the command's own choices."""
        found: dict[str, str] = {}
        for file in self._included:
            found |= file.overridden_groups
        overrides = (_OVERRIDE.match(line) for line in self._lines)
        return found | {match["group"]: match["choice"] for match in overrides if match}

    @property
    def _included(self) -> list["ConfigFile"]:
        """The configs of the same group that this file includes."""
        group, mark, _ = self.path.rpartition("/")
        names = [match["config"] for line in self._lines if (match := _INCLUDED.match(line))]
        return [ConfigFile(f"{group}/{name}") for name in names if mark and name != "_self_"]

    @property
    def keys(self) -> list[Key]:
        """The keys with a value, in file order, without Hydra's keys.

        If the file includes another config of its group, the result includes that config's keys, with the values that
        the file overrides.
        """
        found = {key.name: key for file in self._included for key in file.keys}
        for key in self._own_keys():
            if key.name in found:
                found[key.name].value = key.value
            found.setdefault(key.name, key)
        return list(found.values())

    def _own_keys(self) -> Iterator[Key]:
        parents: list[tuple[int, str]] = []
        key: Key | None = None
        column = -1  # position of the # in the last line with a key
        for line in self._lines:
            text, mark, comment = line.partition(" # ")
            if key and not text.strip() and mark and len(text) + 1 == column:
                key.comment += f" {comment}"
                continue
            match = _KEY.match(text.rstrip())
            if match is None:
                continue
            if key:
                yield key
                key = None
            indent, name, value = len(match[1]), match[2], match[3]
            parents = [parent for parent in parents if parent[0] < indent]
            names = [*(parent for _, parent in parents), name]
            if value is None:
                parents.append((indent, name))
            elif names[0] not in ("defaults", "hydra") and not name.startswith("_"):
                key = Key(".".join(names), value, comment)
                column = len(text) + 1
        if key:
            yield key


def help_text(name: str, words: Sequence[str]) -> str:
    """The output of ``fer-NAME --help``: purpose, examples, groups, and every key with its default and meaning.

    Args:
        name: the name of the command and of its config file.
        words: the command line; the groups and the experiment that it chooses are described instead of the defaults.
    """
    config = ConfigFile(name)
    pairs = [(group, choice) for group, _, choice in (word.partition("=") for word in words)]
    addable = dict.fromkeys(group for example in config.examples for group in re.findall(r"\+(\w+)=", example))
    added = {group: choice for group, choice in pairs if group[1:] in addable and choice in configs_of(group[1:])}
    chosen = dict(config.groups)
    values: dict[str, str] = {}  # of the keys that an experiment sets
    notes: list[str] = []
    for group, choice in added.items():
        file = ConfigFile(f"{group[1:]}/{choice}")
        chosen |= file.overridden_groups
        values |= {key.name: key.value for key in file.keys}
        notes.append(filled(f"with {group}={choice}: {file.purpose}"))
    chosen |= {group: choice for group, choice in pairs if group in config.groups and choice in configs_of(group)}
    own = [Key(key.name, values.get(key.name, key.value), key.comment) for key in config.keys]
    parts = [
        f"usage: fer-{name} [KEY=VALUE ...]",
        filled(config.purpose),
        *notes,
        "\n".join(["examples:", *(f"  {example}" for example in config.examples)]),
        _section("keys:", own),
    ]
    choices = [Key(group, choice, " | ".join(configs_of(group))) for group, choice in chosen.items()]
    choices += [Key(f"+{group}", added.get(f"+{group}", "NAME"), " | ".join(configs_of(group))) for group in addable]
    if choices:
        parts.append(_section("groups of keys:", choices))
    known = {key.name for key in own}
    for group, choice in chosen.items():
        if choice == "null":
            continue
        file = ConfigFile(f"{group}/{choice}")
        named = ((f"{group}.{key.name}", key) for key in file.keys)
        keys = [Key(full, values.get(full, key.value), key.comment) for full, key in named if full not in known]
        parts.append(_section(f"{group}={choice}: {file.purpose}", keys))
    parts.append(
        filled(
            "--cfg job prints the resulting configuration without running; -m runs once for each value in KEY=A,B,C."
        )
    )
    return "\n\n".join(parts)


def _section(title: str, keys: Sequence[Key]) -> str:
    return "\n".join([filled(title), *(line for key in keys for line in _described(key))])


def _described(key: Key) -> Iterator[str]:
    required = key.value == "???"
    left = f"  {key.name}={'...' if required else key.value}"
    room = max(_width() - _LEFT, 20)
    lines = textwrap.wrap(f"required: {key.comment}" if required else key.comment, room, break_on_hyphens=False) or [""]
    if len(left) > _LEFT - 2:
        yield left
    else:
        yield f"{left:<{_LEFT}}{lines.pop(0)}".rstrip()
    yield from (f"{'':<{_LEFT}}{line}" for line in lines if line)


def configs_of(group: str) -> list[str]:
    """The names of this package's configs in a group; none for Hydra's own groups."""
    folder = _configs() / group
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def is_group(name: str) -> bool:
    """Whether ``name`` is a group of configs, of this package or of Hydra."""
    return name in ("hydra/launcher", "hydra/sweeper") or (name.isidentifier() and (_configs() / name).is_dir())


def _configs() -> Traversable:
    return resources.files("fer_lightning.conf")


def filled(text: str) -> str:
    """``text`` wrapped to the width of the terminal."""
    return textwrap.fill(text, _width(), break_on_hyphens=False, break_long_words=False)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 120)
