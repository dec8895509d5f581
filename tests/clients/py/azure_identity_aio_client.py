"""azure-identity's asynchronous half, over aiohttp: one credential for the life of the process.

Reads and answers as `azure_identity_client.py` does, and takes the same arguments; but the kind of an id is here the name of
the parameter that it sends, so `resource_id` is sent as such, and `mi_res_id` or `msi_res_id` as the endpoints know them.
"""

import asyncio
import json
import sys

from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure_token import options, told


async def main():
    kind, *words = sys.argv[1:]
    made = {"default": DefaultAzureCredential, "managed": ManagedIdentityCredential}[kind](**options(kind, *words))
    async with made as credential:
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                token = await credential.get_token(line.strip())
                answer = {"ok": told(token.token, token.expires_on)}
            except Exception as error:  # whatever the SDK raises is what the test wants to see
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
