"""A service as people write it: FastAPI over aioboto3, a new session for every request. It knows nothing of Credenza.

    credenza exec my-dev -- uvicorn app:app
"""

import os
import uuid

import aioboto3
from fastapi import FastAPI

app = FastAPI()
BUCKET = os.getenv("BUCKET", "uploads")


def session() -> aioboto3.Session:
    return aioboto3.Session(profile_name=os.getenv("AWS_PROFILE", "my-dev"))


@app.get("/buckets")
async def buckets():
    async with session().client("s3") as s3:
        return [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]]


@app.put("/objects")
async def put_object():
    key = f"notes/{uuid.uuid4()}.txt"
    async with session().client("s3") as s3:
        await s3.put_object(Bucket=BUCKET, Key=key, Body=b"written by the service")
    return {"key": key}


@app.get("/health")
async def health():
    async with session().client("sts") as sts:
        return {"caller": (await sts.get_caller_identity())["Arn"]}
