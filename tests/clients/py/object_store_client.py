"""object_store of Rust, by its package for Python (obstore): what delta-rs, Polars and DataFusion read S3 with. It asks the
instance metadata service by version 2 alone (`aws/credential.rs` of object_store, `imdsv1_fallback`).

Reads one call a line from stdin (`s3`: which objects are there), answers each with one line of JSON on stdout.
"""

import json
import os
import sys

from obstore.store import S3Store

store = S3Store("uploads", endpoint=os.environ["AWS_ENDPOINT_URL_S3"], client_options={"allow_http": True})
for _ in sys.stdin:
    try:
        answer = {"ok": [found["path"] for page in store.list() for found in page]}
    except Exception as error:  # whatever it raises is what the test wants to see
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
