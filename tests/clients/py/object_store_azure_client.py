"""object_store of Rust, by its package for Python (obstore): what delta-rs, Polars and DataFusion read Azure with. It finds its
managed identity by IDENTITY_ENDPOINT and IDENTITY_HEADER, else at the address of the instance metadata service
(`azure/credential.rs` of object_store, `ImdsManagedIdentityProvider`).

Reads one call a line from stdin (`blob`: which blobs are there; `prefix`: what it looks below, for which it asks nobody), answers each with one line of
JSON on stdout. The container's account is at BLOB_ENDPOINT.
"""

import json
import os
import sys

from obstore.store import AzureStore

# no retries: what the endpoint says is what the test wants to see
store = AzureStore(
    "uploads",
    account_name="company",
    endpoint=os.environ["BLOB_ENDPOINT"],
    client_options={"allow_http": True},
    retry_config={"max_retries": 0},
)
for line in sys.stdin:
    try:
        if line.strip() == "prefix":
            answer = {"ok": store.prefix or ""}
        else:
            answer = {"ok": [found["path"] for page in store.list() for found in page]}
    except Exception as error:  # whatever it raises is what the test wants to see
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
