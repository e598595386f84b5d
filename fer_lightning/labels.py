"""The seven expressions in Kaggle's order; the only place that names them."""

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
NUM_CLASSES = len(LABELS)
# in pictures, of each class: Okabe and Ito's, which colour-blind people can tell apart
CLASS_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#0072B2", "#F0E442", "#999999")
