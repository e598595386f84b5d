"""python -m fer_lightning.download data.dir=DIR: fetch Kaggle's FER2013 and check what arrived."""

import contextlib
import io
import logging
from pathlib import Path
from typing import Any

import hydra
import requests
from omegaconf import DictConfig

from fer_lightning.config_rules.check import check
from fer_lightning.config_rules.command_line import refusing_former_keys
from fer_lightning.data import cache, kaggle_csv
from fer_lightning.errors import FerError, exit_on_user_error

log = logging.getLogger("fer_lightning.download")  # __name__ is __main__ here

COMPETITION = "challenges-in-representation-learning-facial-expression-recognition-challenge"
SITE = "https://www.kaggle.com"
RULES_PAGE = f"{SITE}/c/{COMPETITION}/rules"
TOKEN_PAGE = f"{SITE}/settings"


def download(folder: Path) -> None:
    """Fetch the competition's files that this project reads, then parse each of them.

    Files that are there already, whole, are not fetched again, and a broken-off one goes on where it
    stopped: the kaggle client sees to both.

    Raises:
        FerError: no credentials, rules not accepted, no network, or a file that arrived damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise FerError(f"data.dir={folder} is a file; name a folder")
    api = _authenticated_client()
    folder.mkdir(parents=True, exist_ok=True)
    with _explained():
        offered = [file.name for file in api.competition_list_files(COMPETITION).files]
        wanted = [name for name in (*kaggle_csv.TRAINING_FILES, kaggle_csv.TEST_FILE) if _is_offered(name, offered)]
        if not wanted:
            raise FerError(f"the competition offers none of our files, only {', '.join(offered) or 'nothing'}")
        for name in wanted:
            log.info("fetching %s", name)
            api.competition_download_file(COMPETITION, _is_offered(name, offered), path=str(folder), quiet=False)
    for name in wanted:
        _check(folder, name)


def _is_offered(name: str, offered: list[str]) -> str | None:
    return next((file for file in (name, f"{name}.zip") if file in offered), None)


def _check(folder: Path, name: str) -> None:
    path = kaggle_csv.find_file(folder, name)
    if path is None:
        raise FerError(f"{name} did not arrive in {folder}")
    try:
        faces = cache.load(path)
    except FerError as error:
        raise FerError(f"{path} arrived damaged; delete it and download again: {error}") from error
    print(f"{path}: {len(faces):,} faces, whole")


def _authenticated_client() -> Any:
    """The kaggle client, imported here because its import asks for credentials."""
    # without credentials it prints a page of help and exits
    with contextlib.redirect_stdout(io.StringIO()), _explained():
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = KaggleApi()
            api.authenticate()
        except requests.RequestException:
            raise
        except (SystemExit, OSError, ValueError, TypeError, AttributeError) as error:
            raise FerError(
                f"there are no Kaggle credentials, or they are damaged: make an API token on {TOKEN_PAGE} "
                f"and save it as {Path.home() / '.kaggle' / 'kaggle.json'}"
            ) from error
    return api


@contextlib.contextmanager
def _explained() -> Any:
    """Say in a sentence what Kaggle or the network refused."""
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status == requests.codes.unauthorized:
            reason = f"Kaggle does not accept the credentials; make a new token on {TOKEN_PAGE} and save it as " + str(
                Path.home() / ".kaggle" / "kaggle.json"
            )
        elif status == requests.codes.forbidden:
            reason = f"Kaggle gives the files only to who accepted the competition's rules: {RULES_PAGE}"
        else:
            reason = f"Kaggle answered {status}: {error}"
        raise FerError(reason) from error
    except requests.RequestException as error:
        raise FerError(
            f"Kaggle cannot be reached ({type(error).__name__}); when there is a network again, the same command goes "
            f"on, or fetch the files from {SITE}/c/{COMPETITION}/data by hand"
        ) from error


@refusing_former_keys
@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="download")
def main(cfg: DictConfig) -> None:
    with exit_on_user_error():
        check("download", cfg)
        download(Path(cfg.data.dir))


if __name__ == "__main__":
    main()
