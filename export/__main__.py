"""python -m export ckpt=PATH out=DIR: write a verified bundle.

Run as ``export`` in the clone, it goes to the package as it is installed, ``fer_lightning.export``.
"""

from fer_lightning.export.command import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    main()
