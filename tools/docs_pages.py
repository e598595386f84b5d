"""python tools/docs_pages.py: write the generated pages of the documentation into docs/.

The configuration reference is read from the comments in conf/, and the model card is the one that ships with the
weights, so neither can go stale. git ignores both pages; ``make docs`` writes them before every build.
"""

import argparse
import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer_lightning.utils.command_help import ConfigFile, Key

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("train", "evaluate", "export", "audit", "explain", "soup", "download")
MODEL_CARD = ROOT / "fer_lightning" / "pretrained" / "README.md"
_INTRODUCTION = """# Configuration reference

Every command except `fer-predict`, `fer-play`, `fer-report`, `fer-sweep`, `fer-export-verify` and
`fer-release-weights` is configured by [Hydra](https://hydra.cc/docs/intro/). Set any key on the command line as
`KEY=VALUE`, and choose another file of a group as `GROUP=NAME`. `--help` prints this reference for one command, and
`--cfg job` prints the resulting configuration without running anything.

This page is generated from the comments in `conf/`."""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    pages = {"configuration.md": "\n\n".join(configuration()), "model-card.md": model_card()}
    for name, text in pages.items():
        (ROOT / "docs" / name).write_text(text.rstrip() + "\n", encoding="utf-8")


def configuration() -> Iterator[str]:
    """Parts of the configuration reference: a section for each command, then one for each group."""
    yield _INTRODUCTION
    yield "## Commands"
    for command in COMMANDS:
        yield from _section(command, f"### fer-{command}")
    for folder in sorted(path for path in (ROOT / "conf").iterdir() if any(path.glob("*.yaml"))):
        if folder.name == "hydra":
            continue
        yield f"## {folder.name}"
        for file in sorted(folder.glob("*.yaml")):
            prefix = "+" if folder.name == "experiment" else ""
            yield from _section(f"{folder.name}/{file.stem}", f"### {prefix}{folder.name}={file.stem}")


def _section(path: str, heading: str) -> Iterator[str]:
    config = ConfigFile(path)
    yield heading
    if config.purpose:
        yield _plain(config.purpose)
    if config.examples:
        yield "\n".join(["```", *config.examples, "```"])
    if config.groups and "/" not in path:
        yield "Groups: " + ", ".join(f"`{group}={choice}`" for group, choice in config.groups.items()) + "."
    if config.keys:
        yield "\n".join(_table(config.keys))


def _table(keys: Sequence[Key]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "| --- | --- | --- |"
    for key in keys:
        default = "required" if key.value == "???" else f"`{key.value}`"
        yield f"| `{key.name}` | {default} | {_plain(key.comment)} |"


def _plain(text: str) -> str:
    """``text`` with every character escaped that Markdown or HTML would interpret."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(text, quote=False))


def model_card() -> str:
    """The model card without its YAML front matter."""
    text = MODEL_CARD.read_text(encoding="utf-8")
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL).lstrip()


if __name__ == "__main__":
    main()
