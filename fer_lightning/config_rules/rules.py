"""Rules for config values, and groups of rules. A bool is not a number, and numbers are finite."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST_INTEGER = 2**31 - 1  # for keys without a specific limit: every library accepts it


@dataclass(frozen=True)
class Rule:
    """A condition on one value.

    Attributes:
        words: completes the sentence "KEY must be ...".
        accepts: whether a plain value (str, bool, int, float, None, list or dict) is allowed.
        largest: the limit of the library behind the key, mentioned only if a value exceeds it.
    """

    words: str
    accepts: Callable[[Any], bool]
    largest: int | None = None

    def words_for(self, value: Any) -> str:
        """The condition in words, for a message about the wrong ``value``."""
        if self.largest is not None and _is_a(value, int) and value > self.largest:
            return f"<= {self.largest}"
        return self.words

    def __or__(self, other: "Rule") -> "Rule":
        return Rule(f"{self.words} or {other.words}", lambda value: self.accepts(value) or other.accepts(value))


@dataclass(frozen=True)
class Group:
    """Rules for the keys of a mapping.

    Attributes:
        keys: a rule or a group for each known key.
        entries: the group for entries that the user names, such as phases.
        nullable: whether null is allowed instead of the mapping, which omits it.
        closed: whether keys other than ``keys`` are rejected; otherwise the library behind them checks them.
    """

    keys: Mapping[str, "Rule | Group"] = field(default_factory=dict)
    entries: "Group | None" = None
    nullable: bool = False
    closed: bool = False

    def rule_of(self, key: str) -> "Rule | Group | None":
        """The rule of ``key``; None if there is none."""
        return self.keys.get(key, self.entries)


def integer(least: int, most: int | None = None, *, largest: int = LARGEST_INTEGER) -> Rule:
    """An integer from ``least`` to ``most`` or, without ``most``, to ``largest``."""
    words = f"an integer >= {least}" if most is None else f"an integer from {least} to {most}"
    limit = largest if most is None else most
    return Rule(words, lambda value: _is_a(value, int) and least <= value <= limit, largest if most is None else None)


def number(
    least: float | None = None, most: float | None = None, *, above: float | None = None, below: float | None = None
) -> Rule:
    """A finite integer or float within the given limits; ``above`` and ``below`` exclude the limit itself."""
    limits = ((">=", least), (">", above), ("<=", most), ("<", below))
    words = " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None)

    def accepts(value: Any) -> bool:
        if not (_is_a(value, int) and abs(value) <= LARGEST_INTEGER) and not _is_a(value, float):
            return False
        return (
            math.isfinite(value)
            and (least is None or value >= least)
            and (above is None or value > above)
            and (most is None or value <= most)
            and (below is None or value < below)
        )

    return Rule(f"a number {words}".rstrip(), accepts)


def one_of(*choices: Any) -> Rule:
    """One of ``choices``, of the same type: 1 is not true, and 1.0 is not 1."""
    names = [_as_written(choice) for choice in choices]
    words = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return Rule(words, lambda value: any(type(value) is type(choice) and value == choice for choice in choices))


def text(words: str = "text") -> Rule:
    """Non-empty text; ``words`` describes it."""
    return Rule(words, lambda value: isinstance(value, str) and bool(value.strip()) and "\0" not in value)


def list_of(rule: Rule, least: int = 0, most: int = 1000) -> Rule:
    """A list of ``least`` to ``most`` values that ``rule`` accepts."""
    count = "non-empty list" if least == 1 else f"list of {least} values" if least == most else "list"
    words = f"a {count}, each entry being {rule.words}"
    return Rule(
        words,
        lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(rule.accepts, value)),
    )


def anything(words: str) -> Rule:
    """Any value, for keys that only a library can check."""
    return Rule(words, lambda value: True)


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _as_written(choice: Any) -> str:
    if choice is None:
        return "null"
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


BOOLEAN = one_of(True, False)
NULL = one_of(None)
