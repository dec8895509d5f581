"""What makes a new session of botocore's cheap, by settings alone: models of what is called and nothing else in `~/.aws/models`,
where botocore looks before its own data (`botocore/loaders.py`, `CUSTOMER_DATA_PATH`), and a bundle with one authority, which
every session reads whole, also where nothing speaks TLS (`AWS_CA_BUNDLE`)."""

import gzip
import json
import subprocess
from pathlib import Path

from . import places


def give(home, calls):
    """Gives them to a home; `calls`: the operations of each service, such as `{"sts": ["GetCallerIdentity"]}`."""
    where = "import botocore.loaders as loaders; print(loaders.Loader.BUILTIN_DATA_PATH)"
    argv = [places.PYTHON_AIO, "-c", where]
    data = Path(subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.strip())
    folder = home.aws / "models"
    endpoints = json.loads((data / "endpoints.json").read_text())
    endpoints["partitions"] = [one for one in endpoints["partitions"] if one["partition"] == "aws"]
    for partition in endpoints["partitions"]:
        partition["services"] = {name: partition["services"][name] for name in calls}
    put(folder / "endpoints.json", endpoints)
    for service, operations in calls.items():
        version = max(data.joinpath(service).iterdir())
        model = json.loads(gzip.decompress((version / "service-2.json.gz").read_bytes()))
        put(folder / service / version.name / "service-2.json", cut(model, operations))
    authority, end, _ = (data.parent / "cacert.pem").read_text().partition("-----END CERTIFICATE-----\n")
    home.write(".aws/authority.pem", authority + end)
    home.environment["AWS_CA_BUNDLE"] = str(home.aws / "authority.pem")


def cut(model, operations):
    """A service's model with some of its operations, and the shapes that these are made of."""
    kept = {name: model["operations"][name] for name in operations}
    shapes, todo = {}, list(named(kept))
    while todo:
        name = todo.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            todo.extend(named(shapes[name]))
    return model | {"operations": kept, "shapes": shapes}


def named(part):
    """The names of the shapes that a part of a model refers to."""
    if isinstance(part, list):
        for one in part:
            yield from named(one)
    elif isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for one in part.values():
            yield from named(one)


def put(path, content):
    """Writes JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
