"""A client of S3 that is a command: a process a call, as shells run it. The argument is its name, `rclone` or `restic`.

Reads one call a line from stdin (`s3`), answers each with one line of JSON on stdout.
"""

import json
import os
import subprocess
import sys

ENDPOINT = os.environ["AWS_ENDPOINT_URL_S3"]
BUCKET = "uploads"
REGION = os.environ["AWS_REGION"]


def rclone():
    """The buckets, by an environment that says nothing of keys."""
    told = {"TYPE": "s3", "PROVIDER": "Other", "ENV_AUTH": "true", "ENDPOINT": ENDPOINT, "REGION": REGION}
    run = execute(["rclone", "lsd", "there:", "--retries", "1"], {f"RCLONE_CONFIG_THERE_{name}": told[name] for name in told})
    return [line.split()[-1] for line in run.splitlines()]


def restic():
    """Makes a repository unless there is one, and says in which bucket."""
    told = {"RESTIC_REPOSITORY": f"s3:{ENDPOINT}/{BUCKET}", "RESTIC_PASSWORD": "of a test", "AWS_DEFAULT_REGION": REGION}
    try:
        execute(["restic", "--no-cache", "init"], told)
    except RuntimeError as error:
        if "already" not in str(error):
            raise
    execute(["restic", "--no-cache", "snapshots"], told)
    return [BUCKET]


def execute(words, more):
    """Runs a command; what it printed."""
    # rclone's AWS SDK cannot take it into the HTTP client that rclone has
    inherited = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    run = subprocess.run(words, env=inherited | more, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    return run.stdout


CALLS = {"rclone": rclone, "restic": restic}

for line in sys.stdin:
    try:
        answer = {"ok": {"s3": CALLS[sys.argv[1]]}[line.strip()]()}
    except RuntimeError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
