"""Download FER2013 from Kaggle and check the files."""

import contextlib
import io
import logging
from pathlib import Path
from typing import Any

import requests
from omegaconf import DictConfig

from fer_lightning.data import cache, kaggle_csv
from fer_lightning.errors import FerError

log = logging.getLogger(__name__)

COMPETITION = "challenges-in-representation-learning-facial-expression-recognition-challenge"
SITE = "https://www.kaggle.com"
RULES_PAGE = f"{SITE}/c/{COMPETITION}/rules"
TOKEN_PAGE = f"{SITE}/settings"


def download(folder: Path) -> None:
    """Download the competition's files that this project reads, then parse each of them.

    The kaggle client skips complete files and resumes partial ones.

    Raises:
        FerError: credentials are missing, the rules are not accepted, the network fails, or a file is damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise FerError(f"data.dir must be a folder, but {folder} is a file")
    api = _authenticated_client()
    folder.mkdir(parents=True, exist_ok=True)
    with _explained():
        offered = [file.name for file in api.competition_list_files(COMPETITION).files]
        wanted = [name for name in (*kaggle_csv.TRAINING_FILES, kaggle_csv.TEST_FILE) if _is_offered(name, offered)]
        if not wanted:
            raise FerError(
                "the competition offers none of the files that this project reads; it offers "
                f"{', '.join(offered) or 'nothing'}"
            )
        for name in wanted:
            log.info("downloading %s", name)
            api.competition_download_file(COMPETITION, _is_offered(name, offered), path=str(folder), quiet=False)
    for name in wanted:
        _check(folder, name)


def _is_offered(name: str, offered: list[str]) -> str | None:
    return next((file for file in (name, f"{name}.zip") if file in offered), None)


def _check(folder: Path, name: str) -> None:
    path = kaggle_csv.find_file(folder, name)
    if path is None:
        raise FerError(f"{name} is missing in {folder} after the download")
    try:
        faces = cache.load(path)
    except FerError as error:
        raise FerError(f"{path} is damaged; delete it and download it again: {error}") from error
    print(f"{path}: {len(faces):,} faces, complete")


def _authenticated_client() -> Any:
    """The kaggle client, imported here because its import requires credentials."""
    # without credentials, the client prints a page of help and exits
    with contextlib.redirect_stdout(io.StringIO()), _explained():
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = KaggleApi()
            api.authenticate()
        except requests.RequestException:
            raise
        except (SystemExit, OSError, ValueError, TypeError, AttributeError) as error:
            raise FerError(
                f"the Kaggle credentials are missing or damaged: create an API token on {TOKEN_PAGE} "
                f"and save it as {Path.home() / '.kaggle' / 'kaggle.json'}"
            ) from error
    return api


@contextlib.contextmanager
def _explained() -> Any:
    """Turn errors of Kaggle and of the network into one sentence."""
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status == requests.codes.unauthorized:
            reason = f"Kaggle rejected the credentials; create a new token on {TOKEN_PAGE} and save it as " + str(
                Path.home() / ".kaggle" / "kaggle.json"
            )
        elif status == requests.codes.forbidden:
            reason = f"Kaggle denied access; accept the competition rules first: {RULES_PAGE}"
        else:
            reason = f"Kaggle answered {status}: {error}"
        raise FerError(reason) from error
    except requests.RequestException as error:
        raise FerError(
            f"cannot reach Kaggle ({type(error).__name__}); check the network and run the command again to continue, "
            f"or download the files from {SITE}/c/{COMPETITION}/data in a browser"
        ) from error


def run(cfg: DictConfig) -> None:
    download(Path(cfg.data.dir))
