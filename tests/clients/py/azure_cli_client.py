"""The Azure CLI of the matrix: a process a call, as scripts run it. The binary is the first argument.

Reads one scope a line from stdin (`https://graph.microsoft.com/.default`), answers each with one line of JSON on stdout, as
`azure_identity_client.py` does.
"""

import json
import subprocess
import sys

from azure_token import told

binary = sys.argv[1]
for line in sys.stdin:
    words = ["account", "get-access-token", "--output", "json", "--scope", line.strip()]
    run = subprocess.run([binary, *words], capture_output=True, text=True, check=False)
    if run.returncode == 0:
        got = json.loads(run.stdout)
        answer = {"ok": told(got["accessToken"], got["expires_on"])}
    else:
        answer = {"error": run.stderr}
    print(json.dumps(answer), flush=True)
