"""Fetch and build the files that git does not hold, then build what pyproject.toml describes."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))  # which build front ends leave out
import game_files
import npm_files


class BuildWithFiles(build_py):
    """Wheels and editable installs both run this command."""

    def run(self) -> None:
        try:
            npm_files.install()
            game_files.build()
        except npm_files.BuildError as error:
            # setuptools turns an Exception of an editable build into a warning and goes on without the files
            raise SystemExit(f"error: {error}") from None
        super().run()


setup(cmdclass={"build_py": BuildWithFiles})
