"""The AWS CLI of the matrix: a process a call, as shells and scripts run it. The binary is the first argument,
the second the profile that it is given, if any.

Reads one call a line from stdin (`sts`, `s3`), answers each with one line of JSON on stdout.
"""

import json
import subprocess
import sys

CALLS = {
    "sts": (["sts", "get-caller-identity"], "Arn"),
    "s3": (["s3api", "list-buckets", "--query", "{Names: Buckets[].Name}"], "Names"),
}

binary, *profile = sys.argv[1:]
more = ["--output", "json", *(word for name in profile for word in ("--profile", name))]
for line in sys.stdin:
    words, field = CALLS[line.strip()]
    run = subprocess.run([binary, *words, *more], capture_output=True, text=True, check=False)
    answer = {"ok": json.loads(run.stdout)[field]} if run.returncode == 0 else {"error": run.stderr}
    print(json.dumps(answer), flush=True)
