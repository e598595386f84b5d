"""The seven classes and the input of the network, in plain numbers; the only place that names them.

Free of torch, so that prediction with an exported bundle can import it.
"""

PRETRAINED = "pretrained"  # the name of the shipped network on the command line
PRETRAINED_PHONE = "pretrained-phone"  # and of the smaller one
# names that commands accept instead of a path, and their weights and bundles in fer_lightning/pretrained
SHIPPED_WEIGHTS = {PRETRAINED: "FER2013.safetensors", PRETRAINED_PHONE: "phone.safetensors"}
SHIPPED_NETWORKS = {PRETRAINED: "ExpressionCNN", PRETRAINED_PHONE: "PhoneCNN"}
SHIPPED_BUNDLES = {PRETRAINED: "bundle", PRETRAINED_PHONE: "phone_bundle"}

# in Kaggle's order
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
NUM_CLASSES = len(LABELS)
# colours of the classes in figures, from Okabe and Ito's palette, which colour-blind people can tell apart
CLASS_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#0072B2", "#F0E442", "#999999")

# one grey face, 48x48, uint8 0..255
IMAGE_SIZE = 48
PIXELS = IMAGE_SIZE * IMAGE_SIZE
MAX_PIXEL = 255
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601), the same as in the app
