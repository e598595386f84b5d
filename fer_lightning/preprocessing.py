"""What the network takes, in plain numbers: one grey face, 48x48, uint8 0..255.

Kept free of torch so that prediction on an exported bundle can import it.
"""

IMAGE_SIZE = 48
PIXELS = IMAGE_SIZE * IMAGE_SIZE
MAX_PIXEL = 255
GREY_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R BT.601, as the app has them
