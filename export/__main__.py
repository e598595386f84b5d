"""python -m export ckpt=PATH out=DIR: write a verified bundle.

In the clone, ``python -m export`` runs the installed package, ``fer_lightning.export``.
"""

from fer_lightning.export.command import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    main()
