"""A database that takes nothing for a while (a standby, rights or functions
that are missing during an upgrade): jobs wait for it, and none is put aside."""

import unittest

from belt_case import BeltCase
from sim import wait_for

LEASE = "lease_phases"


class Refusals(BeltCase):
    workers = 2

    def check(self, begin, end, why):
        """Jobs of all kinds meet a database that refuses them."""
        doomed = [self.world.create_cluster() for _ in range(2)]
        self.wait_all(doomed, "running")
        growing = [self.world.create_cluster() for _ in range(2)]
        self.wait_called("POST /networks", 3)
        begin()
        try:
            for cluster in doomed:
                self.world.publish_job("cluster.teardown", cluster)
            self.assertHolds(lambda: self.messages("byoc.jobs.dead") == 0, 3,
                             "no dead letter")
            wait_for(lambda: self.complaint(why), f"/readyz with {why}")
            for worker in self.world.workers:
                self.assertEqual(worker.get("/healthz")[0], 200)
        finally:
            end()
        self.wait_all(doomed, "deleted")
        self.wait_all(growing, "running")
        for cluster in doomed:
            self.assertHistory(cluster, "provisioning", "running", "deleting",
                               "deleted")
        self.assertNothingDead()
        for worker in self.world.workers:
            worker.wait_ready()

    def complaint(self, why):
        """A worker that is not ready, and says so in these words."""
        return any(status == 503 and why in text for status, text in
                   (worker.get("/readyz") for worker in self.world.workers))

    def test_read_only(self):
        name = self.world.services.name
        setting = "default_transaction_read_only"

        def begin():
            self.administrator(f"ALTER DATABASE {name} SET {setting} = on")
            self.administrator(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = %s",
                self.world.services.roles.login("worker"))

        self.check(begin, lambda: self.administrator(
            f"ALTER DATABASE {name} RESET {setting}"), "read-only")

    def test_what_cannot_be_stored_fails_its_own_cluster(self):
        self.world.db("ALTER TABLE byoc.resources ADD CONSTRAINT broken"
                      " CHECK (name NOT LIKE 'odd-%%-firewall')")
        odd = self.world.create_cluster("odd")
        even = self.world.create_cluster("even")
        self.assertEqual(self.world.wait_status(odd, "failed")[1],
                         "not_stored")
        self.world.wait_status(even, "running")
        self.world.db("ALTER TABLE byoc.resources DROP CONSTRAINT broken")
        self.world.byoc("cluster", "retry", odd)
        self.world.wait_status(odd, "running")
        for cluster in (odd, even):
            self.world.delete_cluster(cluster)
        self.assertNothingDead()

    def test_rights_that_are_taken_away(self):
        for worker in self.world.workers:
            worker.may_be_denied = True
        self.check(
            lambda: self.world.db(
                "REVOKE USAGE ON SCHEMA byoc FROM byoc_worker"),
            lambda: self.world.db(
                "GRANT USAGE ON SCHEMA byoc TO byoc_worker"),
            "permission denied")

    def test_a_function_that_is_missing(self):
        self.check(lambda: self.rename(LEASE, "elsewhere"),
                   lambda: self.rename("elsewhere", LEASE), LEASE)

    def rename(self, old, new):
        (function,), = self.world.db(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = %s",
            old)
        self.world.db(f"ALTER FUNCTION {function} RENAME TO {new}")


if __name__ == "__main__":
    unittest.main()
