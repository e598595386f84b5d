"""The bundle's own README."""

from collections.abc import Mapping, Sequence
from importlib import resources

from fer_lightning.inference.tflite_model import GOLDEN_FILE, LABELS_FILE, MANIFEST_FILE, MODEL_FILE

from ..convert.formats import Format
from .describe import PREPROCESSING
from .report import Row, markdown_table

SNIPPETS = {
    "Swift": (
        "ReadExpression.swift",
        "iOS, with `pod 'TensorFlowLiteSwift'`. The three files are resources of the app.",
    ),
    "Kotlin": (
        "ReadExpression.kt",
        "Android, with `com.google.ai.edge.litert:litert` 2.x. The three files lie in the app's assets.",
    ),
    "Dart": (
        "read_expression.dart",
        "Flutter, with `tflite_flutter`. The three files lie in `assets/` and are listed in `pubspec.yaml`.",
    ),
    "JavaScript": (
        "read_expression.mjs",
        "Browsers, with LiteRT.js: `npm install @litertjs/core@2.5.3`, and serve `node_modules` and this folder. A "
        "page without a bundler says where the packages are, and calls the module below:\n\n"
        "```html\n"
        '<script type="importmap">\n'
        '{"imports": {\n'
        '  "@litertjs/core": "/node_modules/@litertjs/core/dist/index.js",\n'
        '  "@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"\n'
        "}}\n"
        "</script>\n"
        '<script type="module">\n'
        "import {loadModel, checkGolden} from './read_expression.mjs';\n"
        "const model = await loadModel('.', '/node_modules/@litertjs/core/wasm');\n"
        "document.body.append(JSON.stringify(await checkGolden(model, '.')));\n"
        "</script>\n"
        "```",
    ),
    "Python": ("read_expression.py", "`pip install ai-edge-litert numpy`, then run it in this folder."),
}


def snippet(name: str) -> str:
    """The text of one of the files in export/snippets."""
    return (resources.files("fer_lightning.export") / "snippets" / name).read_text()


def readme(formats: Mapping[str, Format], rows: Sequence[Row], facts: Sequence[str]) -> str:
    """Which file to take when, what to feed it, and how, in five languages."""
    by_file = {row.file: row for row in rows}
    table = []
    for each in formats.values():
        _, size, speed, accuracy, *_ = by_file[each.file].cells()
        table.append((f"`{each.file}`", each.use, each.quantization, size, speed, accuracy))
    text = f"""# Facial expressions, ready for an app

`{MODEL_FILE}` reads one of seven expressions from a face; `{LABELS_FILE}` names them in the order of its answer.
It repeats the labels of the pictures that it was trained on: it reads posed expressions, and cannot tell what anybody
feels.

- **In**: {PREPROCESSING["in_words"]}
- **Out**: seven float32 probabilities, which add up to 1.
- **Right?** `{GOLDEN_FILE}` has seven drawn faces with the answers to expect. Each snippet below checks them.
- `python -m export.verify DIR` checks this folder against `{MANIFEST_FILE}`: hashes, answers, contract.

## Which file

"""
    text += markdown_table(("file", "take it", "quantization", "MB", "ms a face", "accuracy"), table)
    text += "\n" + "".join(f"- {fact}\n" for fact in facts)
    for language, (name, hint) in SNIPPETS.items():
        fence = "js" if language == "JavaScript" else language.lower()
        text += f"\n## {language}\n\n{hint}\n\n`{name}`:\n\n```{fence}\n{snippet(name).rstrip()}\n```\n"
    return text
