"""The job that runs for nights, unmodified: SharePoint by Graph's delta query to S3, with its checkpoint and its state in DynamoDB.
Both clouds from one `credenza exec`, Azure's tokens for what AWS signs. It is killed wherever that can hurt, and started again."""

import itertools

import pytest

from harness.cloud import Cloud
from harness.sync_job import SITE, set_up

POINTS = ("before-page", "in-page", "before-checkpoint", "after-checkpoint")


@pytest.fixture
def cloud(tmp_path):
    """Over TLS, as Graph and Entra ID are."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


@pytest.fixture
def job(home, azure, storage):
    """The job, before its first start."""
    made = set_up(home, azure, storage)
    yield made
    made.forget()


def test_killed_at_every_page_it_loses_nothing_and_does_nothing_twice(job):
    cloud = job.cloud
    # each of a page's points in turn: the last one lets the next start begin a page further on
    for _, point in itertools.product(range(4), POINTS):
        job.killed(point)
    assert job.delta_link() is None and len(job.checkpoints()) == 1
    job.killed("before-delta-link")
    assert job.delta_link() is None
    job.killed("after-delta-link")
    assert job.delta_link() and len(job.checkpoints()) == 1
    job.done()
    job.is_whole()

    # a second round, from the delta link: what changed, what came and what went
    delta = job.delta_link()
    changed = [{"id": "f3", "name": "file 3.txt", "folder": "docs", "content": "another content"}]
    cloud.post("graph/items", {"site": SITE, "items": [*changed, {"id": "new", "name": "new.txt", "content": "new"}]})
    cloud.post("graph/items/delete", {"site": SITE, "id": "f7"})
    job.killed("in-page")
    job.done()
    job.is_whole()
    assert job.delta_link() != delta and "f7" not in job.rows()
    assert job.done() == 0, "nothing changed since"

    # every exchange had a statement of its own, and the keys and tokens were those of the identities
    assertions = [one["digest"] for one in cloud.get("entra/presented") if one["kind"] == "assertion"]
    assert len(assertions) == len(set(assertions)) >= 20
    assert all(call["outcome"] == "ok" for call in cloud.calls("GraphDelta"))


def test_graph_that_wants_patience_forgets_a_link_or_takes_no_token_costs_time_alone(job):
    cloud = job.cloud
    cloud.post("graph/throttle", {"every": 3, "retry_after_secs": 0})
    job.done()
    job.is_whole()
    assert any(call["outcome"] != "ok" for call in cloud.calls("GraphDelta") + cloud.calls("GraphContent"))
    cloud.delete("graph/throttle")
    # no page tells of what went away before everything is read anew, however often that is cut off
    cloud.post("graph/items/delete", {"site": SITE, "id": "f5"})
    cloud.post("graph/expire", {"site": SITE})
    for point in ("after-checkpoint", "in-page", "after-checkpoint", "before-delta-link", "after-delta-link"):
        job.killed(point)
    refused = {"kind": "error", "code": "InvalidAuthenticationToken", "status": 401}
    cloud.post("faults", {"action": "GraphDelta", "times": 1, "trouble": refused})
    cloud.post("graph/items", {"site": SITE, "items": [{"id": "late", "name": "late.txt", "content": "late"}]})
    assert job.done() == 1
    job.is_whole()
    assert "f5" not in job.rows()
