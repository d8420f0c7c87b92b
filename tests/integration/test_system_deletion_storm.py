"""Many clusters are deleted at once, in a storm: real workers are killed again
and again, controllers make balancers, volumes and servers meanwhile, somebody
deletes things by hand, and Hetzner is out of order. At the end nothing of the
clusters is left, everything of others is as it was, and the receipts are true.
Every seed is another storm: BYOC_STORM_SEED=7 plays one again, as far as the
workers' own pace allows."""

import os
import pathlib
import random
import sys
import unittest

import contract
from sim import wait_for
from storm import MADE, Tenant
from system_case import SystemCase

sys.path.append(str(pathlib.Path(__file__).parents[1] / "bench"))
from critical_path import calls_of  # noqa: E402

SEED = int(os.environ.get("BYOC_STORM_SEED", random.randrange(10**6)))
PATIENCE = 120
PROJECTS, CLUSTERS = 4, 8  # of each project
# By how many deletions there have been: something happens after a few of them,
# workers are killed within the first ones, and the storm ends.
BEFALL, KILLS, KILLED_WITHIN, STORM = (1, 3), 8, 200, 300


class DeletionStorm(SystemCase):
    workers = 3
    time_scale = 600
    sim_options = ("--boot-seconds", "5", "--latency-ms", "20")

    def ask(self, job_type, clusters):
        self.world.db("SELECT byoc.enqueue(%s, id) FROM unnest(%s::uuid[]) id",
                      job_type, clusters, role="dashboard")

    def wait_for_clusters(self, **wanted):
        """How many there are of each code, or status where there is none."""
        def reached():
            return wanted == dict(self.world.db(
                "SELECT coalesce(code, status), count(*) FROM byoc.clusters"
                " GROUP BY 1"))
        try:
            wait_for(reached, "", PATIENCE)
        except AssertionError:
            stuck = [f"{cluster} {status}\n{self.world.phases(cluster)}"
                     for cluster, status in self.world.db(
                         "SELECT id, coalesce(code, status) FROM byoc.clusters"
                         " WHERE status <> 'deleted'")]
            self.fail("\n\n".join((f"wanted {wanted}", *stuck)))

    # The storm

    def at_once(self, act):
        """What it begins takes no time, as deletions do."""
        self.sim.set_time_scale(self.time_scale)
        try:
            return act()
        finally:
            self.sim.set_time_scale(1)

    def deletions(self):
        return sum(count for pattern, count in self.sim.calls().items()
                   if pattern.startswith("DELETE"))

    def storm(self, dice):
        kills = sorted(dice.sample(range(KILLED_WITHIN), KILLS))
        now = 0
        while now < STORM:
            wait_for(lambda: self.deletions() >= now,
                     "the deletions to go on", PATIENCE)
            while kills and kills[0] <= now:
                self.kill_one(dice)
                kills.pop(0)
            dice.choice(self.tenants).befall(dice)
            now += dice.randint(*BEFALL)
        self.sim.clear_faults()

    def kill_one(self, dice):
        self.world.kill_worker(dice.choice([
            number for number, worker in enumerate(self.world.workers)
            if worker.process.poll() is None]))
        self.world.start_worker(wait=False)

    # What was told

    def receipt(self, cluster):
        """{fate: [kind and id]} of the last event."""
        event = self.world.events.of(cluster)[-1]
        self.assertIsNone(contract.problem(contract.EVENTS, event))
        return {fate: [(line["kind"] + "s", line["hetzner_id"])
                       for line in event["data"]["receipt"][fate]]
                for fate in ("deleted", "gone", "kept")}

    def deleted(self):
        """Kinds and ids that somebody asked to delete, and the API did so."""
        return {(kind, int(key)) for call in calls_of(self.recording)
                if call["method"] == "DELETE" and call["status"] in (200, 204)
                for kind, key in [call["path"].strip("/").split("/")]}

    def assertTold(self, cluster):
        statuses = self.world.events.statuses(cluster)
        self.assertHistory(cluster, *statuses)
        self.assertEqual(statuses[:3], ["provisioning", "running", "deleting"])
        self.assertEqual(statuses.index("deleted"), len(statuses) - 1)
        self.assertEqual(self.world.resources(cluster), set())

    # The test

    def test_nothing_is_left_and_all_is_told(self):
        with self.subTest(f"BYOC_STORM_SEED={SEED}"):
            self.play(random.Random(SEED))

    def begin(self):
        """Clusters that run and are in use; returns them."""
        self.tenants = [Tenant(self, number) for number in range(PROJECTS)]
        for tenant in self.tenants:
            tenant.begin(CLUSTERS)
        clusters = [cluster for tenant in self.tenants
                    for cluster in tenant.clusters]
        self.ask("cluster.provision", clusters)
        self.wait_for_clusters(running=len(clusters))
        for tenant in self.tenants:
            tenant.move_in()
        for tenant in self.tenants:
            for number, cluster in enumerate(tenant.clusters):
                tenant.make(MADE[number % len(MADE)], cluster)
        return clusters

    def play(self, dice):
        clusters = self.begin()
        self.sim.set_time_scale(1)
        self.sim.reset_calls()
        self.ask("cluster.teardown", clusters)
        self.storm(dice)
        self.wait_for_clusters(
            deleted=len(clusters) - PROJECTS, neighbours=PROJECTS)
        self.sim.set_time_scale(self.time_scale)
        for tenant in self.tenants:
            tenant.move_out()
            self.ask("cluster.teardown", tenant.clusters[:1])
        self.wait_for_clusters(deleted=len(clusters))
        self.world.wait_idle()
        deleted = self.deleted()
        for tenant in self.tenants:
            tenant.check({cluster: self.receipt(cluster)
                          for cluster in tenant.clusters}, deleted)
            deleted -= tenant.known.keys()
        self.assertEqual(deleted, set())
        self.assertEqual(self.world.dead_letters(), [])
        for cluster in clusters:
            self.assertTold(cluster)


if __name__ == "__main__":
    unittest.main()
