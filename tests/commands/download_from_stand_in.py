"""fer_lightning.download with the real kaggle client, pointed at the stand-in for Kaggle of test_download.

KAGGLE_API_ENVIRONMENT=TEST, kagglesdk's own switch to port 7777, does not reach KaggleApi: kaggle 2.2
names its environment itself.
"""

import runpy

from kagglesdk import kaggle_env

kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.PROD] = kaggle_env.get_endpoint(kaggle_env.KaggleEnv.TEST)
runpy.run_module("fer_lightning.download", run_name="__main__")
