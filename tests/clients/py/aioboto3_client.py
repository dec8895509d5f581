"""The aioboto3 client of the matrix: one session and one pair of clients for the life of the process.

Reads one call a line from stdin (`sts`, `s3`), answers each with one line of JSON on stdout.
"""

import asyncio
import json
import sys

import aioboto3


async def main():
    session = aioboto3.Session()
    async with session.client("sts") as sts, session.client("s3") as s3:

        async def caller():
            return (await sts.get_caller_identity())["Arn"]

        async def buckets():
            return [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]]

        calls = {"sts": caller, "s3": buckets}
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = {"ok": await calls[line.strip()]()}
            except Exception as error:  # whatever the SDK raises is what the test wants to see
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
