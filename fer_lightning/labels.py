"""The seven expressions in Kaggle's order; the only place that names them."""

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
NUM_CLASSES = len(LABELS)
