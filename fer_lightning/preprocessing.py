"""What the network takes, in plain numbers: one grey face, 48x48, uint8 0..255.

Kept free of torch so that prediction on an exported bundle can import it.
"""

IMAGE_SIZE = 48
PIXELS = IMAGE_SIZE * IMAGE_SIZE
MAX_PIXEL = 255
