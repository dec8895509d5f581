"""The boto3 client of the matrix: one session for the life of the process, as a long job has it.

Reads one call a line from stdin (`sts`, `s3`), answers each with one line of JSON on stdout. An argument is the
profile that it names, else the environment says which.
"""

import functools
import json
import sys

import boto3

profile = sys.argv[1] if len(sys.argv) > 1 else None
client = functools.cache(boto3.Session(profile_name=profile).client)
CALLS = {
    "sts": lambda: client("sts").get_caller_identity()["Arn"],
    "s3": lambda: [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
}

for line in sys.stdin:
    try:
        answer = {"ok": CALLS[line.strip()]()}
    except Exception as error:  # whatever the SDK raises is what the test wants to see
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
