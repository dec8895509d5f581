"""The aioboto3 client of the matrix: one session and one client a service for the life of the process.

Reads one call a line from stdin (`sts`, `s3`), answers each with one line of JSON on stdout. An argument is the
profile that it names, else the environment says which.
"""

import asyncio
import contextlib
import json
import sys

import aioboto3


async def main():
    session = aioboto3.Session(profile_name=sys.argv[1] if len(sys.argv) > 1 else None)
    made = {}
    async with contextlib.AsyncExitStack() as stack:

        async def client(service):
            if service not in made:
                made[service] = await stack.enter_async_context(session.client(service))
            return made[service]

        async def caller():
            return (await (await client("sts")).get_caller_identity())["Arn"]

        async def buckets():
            return [bucket["Name"] for bucket in (await (await client("s3")).list_buckets())["Buckets"]]

        calls = {"sts": caller, "s3": buckets}
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = {"ok": await calls[line.strip()]()}
            except Exception as error:  # whatever the SDK raises is what the test wants to see
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
