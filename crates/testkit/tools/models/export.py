"""Writes AWS's service models out of botocore as plain JSON, without their documentation.

Arguments: the directory to make. Output: `<service>.json` for each service that the gateway validates.
"""
import gzip
import json
import pathlib
import sys

import botocore

MODELS = {"iam": "2010-05-08", "sts": "2011-06-15", "eks": "2017-11-01"}
PROSE = ("documentation", "documentationUrl", "deprecatedMessage", "deprecatedSince")


def without_prose(value):
    if isinstance(value, dict):
        is_prose = lambda name, held: name in PROSE and isinstance(held, str)
        return {name: without_prose(held) for name, held in value.items() if not is_prose(name, held)}
    if isinstance(value, list):
        return [without_prose(held) for held in value]
    return value


def text(path):
    """Newer releases of botocore hold the models compressed, older ones as they are."""
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()


data = pathlib.Path(botocore.__file__).parent / "data"
target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True)
for service, version in MODELS.items():
    model = json.loads(text(data / service / version / "service-2.json"))
    (target / f"{service}.json").write_text(json.dumps(without_prose(model)))
