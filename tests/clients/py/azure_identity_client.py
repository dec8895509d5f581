"""The azure-identity client of the matrix: one credential for the life of the process, as a long job has it.

Reads one scope a line from stdin (`https://graph.microsoft.com/.default`), answers each with one line of JSON on stdout: a
digest of the token, its end, and some of its claims. The first argument is the credential, `default` or `managed`; the next
two, if any, are the kind of an id and the id: `client_id`, `object_id` or `resource_id`.
"""

import json
import sys

from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure_token import options, told

kind, *words = sys.argv[1:]
credential = {"default": DefaultAzureCredential, "managed": ManagedIdentityCredential}[kind](**options(kind, *words))

for line in sys.stdin:
    try:
        token = credential.get_token(line.strip())
        answer = {"ok": told(token.token, token.expires_on)}
    except Exception as error:  # whatever the SDK raises is what the test wants to see
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
