import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class ExpressionReader:
    """Reads the expression of one face at a time; create one and reuse it."""

    def __init__(self, model: str = "FER2013.tflite", labels: str = "labels.txt") -> None:
        self._labels = Path(labels).read_text().splitlines()
        self._interpreter = Interpreter(model_path=model)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def read(self, grey: np.ndarray) -> dict[str, float]:
        """Return the probability of each label for a 48x48 uint8 face.

        grey = 0.299 R + 0.587 G + 0.114 B of the face, cropped and resized to 48x48 as "Input" says.
        """
        # row by row, top left first
        self._interpreter.set_tensor(self._input, grey.reshape(1, 48, 48, 1).astype(np.float32) / 255)
        self._interpreter.invoke()
        return dict(zip(self._labels, self._interpreter.get_tensor(self._output)[0].tolist(), strict=True))


def main() -> None:
    golden = json.loads(Path("golden.json").read_text())
    tolerance = golden["tolerances"]["FER2013.tflite"]
    reader = ExpressionReader()
    for face in golden["faces"]:
        read = reader.read(np.array(face["pixels"], np.uint8))
        best = max(read, key=lambda label: read[label])
        print(f"{face['label']}: {best} {read[best]:.2f}")
        if not np.allclose(list(read.values()), face["probabilities"], rtol=0, atol=tolerance):
            sys.exit(f"The golden face '{face['label']}' differs from its expected answer by more than {tolerance}.")
    print(f"all {len(golden['faces'])} golden faces agree")


if __name__ == "__main__":
    main()
