"""`docs/examples/sharepoint_sync.py`, which kills itself at one point of one page: `sync_job.py SITE BUCKET [POINT]`.

The points, of the first page that this process reads: `before-page`, `in-page` (after its first item), `before-checkpoint`,
`after-checkpoint`; and of a round's end `before-delta-link`, `after-delta-link`.
"""

import asyncio
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "docs" / "examples"))

from sharepoint_sync import Places, SharePointSync, tables  # noqa: E402


class Killed(SharePointSync):
    """The job, killed without a word where it was told to be."""

    def __init__(self, places, point):
        super().__init__(places)
        self.point = point

    def reached(self, point):
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def store_page(self, items):
        self.reached("before-page")
        await super().store_page(items)

    async def store(self, item):
        stored = await super().store(item)
        self.reached("in-page")
        return stored

    async def save_checkpoint(self, page):
        self.reached("before-checkpoint")
        await super().save_checkpoint(page)
        self.reached("after-checkpoint")

    async def complete(self, delta_link):
        self.reached("before-delta-link")
        self.checkpoints = Watched(self.checkpoints, self)
        await super().complete(delta_link)


class Watched:
    """The table of checkpoints: the delta link is written when the checkpoint is about to go."""

    def __init__(self, table, job):
        self.table = table
        self.job = job

    async def delete_item(self, **words):
        self.job.reached("after-delta-link")
        await self.table.delete_item(**words)


async def main(site, bucket, point=None):
    places = Places(site, bucket)
    await tables(places)
    print(await Killed(places, point).run())


asyncio.run(main(*sys.argv[1:]))
