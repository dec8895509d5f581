"""Mirrors a SharePoint drive to S3, by Microsoft Graph's delta query: the kind of job that runs for nights.

It knows nothing of Credenza. `DefaultAzureCredential()` and aioboto3 find what they need in the environment of

    credenza exec prod graph -- python sharepoint_sync.py SITE BUCKET

What it keeps lies in two DynamoDB tables, so that it can be killed at any time and started again:

- the checkpoint: the `@odata.nextLink` of the page that comes next, while a round is under way;
- the state: what is in the bucket, one row an item, and the `@odata.deltaLink` of the last round that was completed.

An item is first stored, then written into the state, and only then does the checkpoint move on. So a page that was cut off is
read again, and what was stored of it already is found in the state and passed over. The delta link is written when a round is
complete, and never before: it stands for everything that lies behind it.

Where Graph has forgotten a link (410), a round reads the whole drive, and is never told what went away in the meantime. So each
row has the round that saw it last, and what a whole round has not seen is removed at its end.
"""

import asyncio
import logging
import os
import random
import sys
import uuid
from dataclasses import dataclass

import aioboto3
import aiohttp
from azure.identity.aio import DefaultAzureCredential
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

log = logging.getLogger("sharepoint_sync")


@dataclass(frozen=True)
class Places:
    """Where everything is. The resource is what a token is asked for, the endpoint is who is asked with it: they differ
    where a proxy or a test stands before Graph, and in the national clouds both are others."""

    site: str
    bucket: str
    checkpoints: str = "sharepoint-checkpoints"
    state: str = "sharepoint-state"
    endpoint: str = os.environ.get("GRAPH_ENDPOINT", "https://graph.microsoft.com")
    resource: str = os.environ.get("GRAPH_RESOURCE", "https://graph.microsoft.com")

    @property
    def first_page(self):
        return f"{self.endpoint}/v1.0/sites/{self.site}/drive/root/delta"

    def content_of(self, item):
        return f"{self.endpoint}/v1.0/sites/{self.site}/drive/items/{item['id']}/content"


class SharePointSync:
    """One drive, one bucket. `run` does one round, or the rest of one that was cut off."""

    def __init__(self, places):
        self.places = places
        self.seen = 0
        # the name of a round that reads the whole drive; `None`: it reads what changed
        self.whole = None

    async def run(self):
        """Returns how many items changed."""
        session = aioboto3.Session()
        async with (
            DefaultAzureCredential() as self.credential,
            aiohttp.ClientSession() as self.http,
            session.client("s3") as self.s3,
            session.resource("dynamodb") as dynamodb,
        ):
            self.checkpoints = await dynamodb.Table(self.places.checkpoints)
            self.state = await dynamodb.Table(self.places.state)
            page = await self.begin()
            while True:
                answer = await self.page(page)
                await self.store_page(answer["value"])
                if "@odata.deltaLink" in answer:
                    await self.complete(answer["@odata.deltaLink"])
                    return self.seen
                page = answer["@odata.nextLink"]
                await self.save_checkpoint(page)

    async def begin(self):
        """The page to go on with: of a round that was cut off, else since the last one, else the first of all."""
        checkpoint = await self.checkpoints.get_item(Key={"drive": self.places.site}, ConsistentRead=True)
        if "Item" in checkpoint:
            self.whole = checkpoint["Item"].get("whole")
            return checkpoint["Item"]["next_link"]
        state = await self.state.get_item(Key={"drive": self.places.site, "item": "#delta"}, ConsistentRead=True)
        if "Item" in state:
            return state["Item"]["delta_link"]
        self.whole = uuid.uuid4().hex
        return self.places.first_page

    async def page(self, url):
        """A page of changes. Where Graph remembers the link no longer, it says from where to begin anew (410)."""
        async with await self.get(url) as answer:
            if answer.status == 410:
                log.warning("the link is too old: everything is read again")
                self.whole = uuid.uuid4().hex
                first = answer.headers.get("Location", self.places.first_page)
                await self.save_checkpoint(first)
                return await self.page(first)
            answer.raise_for_status()
            return await answer.json()

    async def store_page(self, items):
        # of an item that comes twice, the last time counts
        for item in {item["id"]: item for item in items}.values():
            if "root" in item or "folder" in item:
                continue
            if await self.store(item):
                self.seen += 1

    async def store(self, item):
        """Whether it changed anything."""
        row = {"drive": self.places.site, "item": item["id"]}
        known = (await self.state.get_item(Key=row, ConsistentRead=True)).get("Item")
        if "deleted" in item:
            if known:
                await self.remove(known)
            return bool(known)
        seen = {"whole": self.whole} if self.whole else {}
        if known and known["etag"] == item["eTag"]:
            if seen:
                await self.state.put_item(Item=known | seen)
            return False
        async with await self.get(self.places.content_of(item)) as answer:
            if answer.status == 404:
                return False  # it went away meanwhile: a later page says so
            answer.raise_for_status()
            key = f"{self.places.site}/{item['id']}"
            await self.s3.put_object(Bucket=self.places.bucket, Key=key, Body=await answer.read())
        await self.state.put_item(Item=row | {"etag": item["eTag"], "key": key, "name": item["name"]} | seen)
        return True

    async def save_checkpoint(self, page):
        whole = {"whole": self.whole} if self.whole else {}
        await self.checkpoints.put_item(Item={"drive": self.places.site, "next_link": page} | whole)

    async def complete(self, delta_link):
        """The delta link first: between the two, the last pages are read again, which changes nothing."""
        if self.whole:
            await self.remove_unseen()
        await self.state.put_item(Item={"drive": self.places.site, "item": "#delta", "delta_link": delta_link})
        await self.checkpoints.delete_item(Key={"drive": self.places.site})

    async def remove_unseen(self):
        """Removes what is in the state and was not in the drive when the whole of it was read."""
        rows = {"KeyConditionExpression": Key("drive").eq(self.places.site), "ConsistentRead": True}
        while True:
            found = await self.state.query(**rows)
            for row in found["Items"]:
                if "key" in row and row.get("whole") != self.whole:
                    await self.remove(row)
                    self.seen += 1
            if "LastEvaluatedKey" not in found:
                return
            rows["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    async def remove(self, row):
        await self.s3.delete_object(Bucket=self.places.bucket, Key=row["key"])
        await self.state.delete_item(Key={"drive": row["drive"], "item": row["item"]})

    async def get(self, url):
        """A GET with a token, as often as Graph asks for patience (429, 503, `Retry-After`) or for a newer token (401)."""
        for attempt in range(8):
            token = await self.credential.get_token(f"{self.places.resource}/.default")
            answer = await self.http.get(url, headers={"Authorization": f"Bearer {token.token}"})
            if answer.status not in (401, 429, 503, 504) or attempt == 7:
                return answer
            wait = answer.headers.get("Retry-After")
            answer.release()
            if answer.status == 401:
                log.info("the token was not taken: another one is asked for")
            await asyncio.sleep(float(wait) if wait else random.uniform(0, min(2**attempt, 30)))


async def tables(places):
    """Makes the two tables, where they are not there yet."""
    keys = {
        places.checkpoints: [("drive", "HASH")],
        places.state: [("drive", "HASH"), ("item", "RANGE")],
    }
    async with aioboto3.Session().client("dynamodb") as dynamodb:
        for name, schema in keys.items():
            try:
                await dynamodb.create_table(
                    TableName=name,
                    BillingMode="PAY_PER_REQUEST",
                    AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in schema],
                    KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in schema],
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
            await dynamodb.get_waiter("table_exists").wait(TableName=name)


async def main(site, bucket):
    places = Places(site, bucket)
    await tables(places)
    changed = await SharePointSync(places).run()
    print(f"{changed} changed")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    asyncio.run(main(*sys.argv[1:]))
