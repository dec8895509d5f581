"""The job that mirrors a SharePoint drive to S3, with what it needs around it, and what it should have done."""

import base64
import signal

import boto3

from . import places
from .cloud import ACCOUNT, role_arn
from .entra import GRAPH, TENANT

SITE, BUCKET = "site-1", "nightly"


class Job:
    """The job, and what it should have done."""

    client_id = "11112222-3333-4444-5555-666677778888"

    def __init__(self, home, azure, storage):
        self.home = home
        self.azure = azure
        self.cloud = home.cloud
        keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        self.s3 = boto3.client("s3", endpoint_url=storage.url, **keys)
        self.dynamodb = boto3.resource("dynamodb", endpoint_url=storage.url, **keys | {"region_name": "eu-central-1"})
        self.s3.create_bucket(Bucket=BUCKET)
        home.environment |= {"AWS_ENDPOINT_URL_DYNAMODB": storage.url, "GRAPH_ENDPOINT": self.cloud.sts}

    def forget(self):
        """Removes what it kept: the storage is everybody's."""
        for key in self.stored():
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.s3.delete_bucket(Bucket=BUCKET)
        for table in self.dynamodb.tables.all():
            table.delete()

    def run(self, point=None):
        """One start of it; its exit code, and what it printed."""
        words = [places.PYTHON_AZURE, places.HERE / "py" / "sync_job.py", SITE, BUCKET, *([point] if point else [])]
        return self.home.run(places.CREDENZA, "exec", "prod", "graph", "--", *words, timeout_secs=300)

    def killed(self, point):
        """A start that ends where it was told to."""
        run = self.run(point)
        assert run.returncode == -signal.SIGKILL, f"{point}: {run.returncode} {run.stderr}"
        # whatever the state says is there, is there: nothing is lost, whenever it ends for good
        stored = self.stored()
        for item, row in self.rows().items():
            assert row["key"] in stored, f"{point}: {item} is in the state and not in the bucket"

    def done(self):
        """A start that ends well: how many items changed."""
        run = self.run()
        assert run.returncode == 0, run.stderr
        return int(run.stdout)

    def rows(self):
        """The state, without its delta link: rows by item."""
        rows = self.dynamodb.Table("sharepoint-state").scan()["Items"]
        items = [row["item"] for row in rows]
        assert len(items) == len(set(items)), "an item is twice in the state"
        return {row["item"]: row for row in rows if row["item"] != "#delta"}

    def delta_link(self):
        """Where the next round begins; `None` before the first was completed."""
        rows = self.dynamodb.Table("sharepoint-state").scan()["Items"]
        return next((row["delta_link"] for row in rows if row["item"] == "#delta"), None)

    def checkpoints(self):
        """The checkpoints: there is one while a round is under way."""
        return self.dynamodb.Table("sharepoint-checkpoints").scan()["Items"]

    def stored(self):
        """What lies in the bucket, by key."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {one["Key"]: self.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in listed}

    def truth(self):
        """The files of the drive, by id."""
        items = self.cloud.get(f"graph/items?site={SITE}")
        items = items.get("items", items) if isinstance(items, dict) else items
        items = items.values() if isinstance(items, dict) else items
        return {item["id"]: item for item in items if item.get("content_base64") is not None}

    def is_whole(self):
        """Whether bucket and state are the drive, each file once."""
        truth = self.truth()
        assert {f"{SITE}/{id}": base64.b64decode(item["content_base64"]) for id, item in truth.items()} == self.stored()
        assert {id: row["name"] for id, row in self.rows().items()} == {id: item["name"] for id, item in truth.items()}
        assert self.delta_link() and self.checkpoints() == []


def set_up(home, azure, storage):
    """A drive of five pages in a tenant whose application trusts what AWS signs for the role `prod`."""
    cloud = home.cloud
    home.role("prod")
    issuer = cloud.post("outbound/enable", {"account": ACCOUNT})["issuer"]
    client_id = Job.client_id
    trust = {"issuer": issuer, "subject": role_arn("prod")}
    roles = {GRAPH: ["Sites.Read.All"]}
    cloud.post("entra/apps", {"client_id": client_id, "tenant": TENANT, "roles": roles, "federated": [trust]})
    azure.identity("graph", source="federated", tenant=TENANT, client_id=client_id, **{"from": "prod"}, resource=GRAPH)
    cloud.post("graph/sites", {"id": SITE, "tenant": TENANT, "page_size": 3})
    folders = [{"id": "docs", "name": "docs"}]
    files = [{"id": f"f{n}", "name": f"file {n}.txt", "folder": "docs", "content": f"content {n}"} for n in range(12)]
    cloud.post("graph/items", {"site": SITE, "items": [*folders, *files]})
    return Job(home, azure, storage)
