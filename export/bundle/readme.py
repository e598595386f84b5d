"""The README of a bundle."""

from collections.abc import Mapping, Sequence
from importlib import resources

from fer_lightning.inference.bundle_files import GOLDEN_FILE, LABELS_FILE, MANIFEST_FILE, MODEL_FILE

from ..convert.formats import Format
from .describe import PREPROCESSING
from .report import Row, markdown_table

SNIPPETS = {
    "Swift": (
        "ReadExpression.swift",
        "For iOS, with `pod 'TensorFlowLiteSwift'`. Add `FER2013.tflite`, `labels.txt` and `golden.json` to "
        "the app's resources.",
    ),
    "Kotlin": (
        "ReadExpression.kt",
        "For Android, with `com.google.ai.edge.litert:litert` 2.x. Put `FER2013.tflite`, "
        "`labels.txt` and `golden.json` into the app's assets.",
    ),
    "Dart": (
        "read_expression.dart",
        "For Flutter, with `tflite_flutter`. Put `FER2013.tflite`, `labels.txt` and `golden.json` into "
        "`assets/` and list them in `pubspec.yaml`.",
    ),
    "JavaScript": (
        "read_expression.mjs",
        "For browsers, with LiteRT.js: run `npm install @litertjs/core@2.5.3`, and serve `node_modules` and this "
        "folder. A page without a bundler needs an import map and calls the module below:\n\n"
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
    "Python": ("read_expression.py", "Run `pip install ai-edge-litert numpy`, then run the script in this folder."),
}


def snippet(name: str) -> str:
    """Return the text of a file in export/snippets."""
    return (resources.files("fer_lightning.export") / "snippets" / name).read_text()


def readme(formats: Mapping[str, Format], rows: Sequence[Row], facts: Sequence[str]) -> str:
    """Return the README: which file to use when, its input and output, and code in five languages."""
    by_file = {row.file: row for row in rows}
    table = []
    for each in formats.values():
        _, size, speed, accuracy, *_ = by_file[each.file].cells()
        table.append((f"`{each.file}`", each.use, each.quantization, size, speed, accuracy))
    text = f"""# Facial-expression model for apps

`{MODEL_FILE}` reads one of seven expressions from a face. `{LABELS_FILE}` lists their labels in the order of the
output. The model repeats the labels of its training images: it reads posed expressions and cannot tell what anybody
feels.

- **Input**: {PREPROCESSING["in_words"]}
- **Output**: seven float32 probabilities that add up to 1.
- **Golden answers**: `{GOLDEN_FILE}` contains seven synthetic faces with their expected probabilities. Each snippet
  below checks them.
- **Checks**: `fer-export-verify DIR` checks this folder against `{MANIFEST_FILE}`: hashes, golden answers, and
  the model's input and output.

## Which file to use

"""
    text += markdown_table(("file", "use", "quantization", "MB", "ms per face", "accuracy"), table)
    text += "\n" + "".join(f"- {fact}\n" for fact in facts)
    for language, (name, hint) in SNIPPETS.items():
        fence = "js" if language == "JavaScript" else language.lower()
        text += f"\n## {language}\n\n{hint}\n\n`{name}`:\n\n```{fence}\n{snippet(name).rstrip()}\n```\n"
    return text
