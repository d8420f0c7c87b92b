"""The same job more than once, and every message more than once: nothing
changes."""

import threading
import unittest

import pika

from system_case import SystemCase


class Copier:
    """Sends a second copy of every message that reaches byoc.jobs."""

    def __init__(self, world):
        self.copied = 0
        self.stopping = False
        self.channel = world.channel()
        self.channel.queue_declare("test.copies", exclusive=True)
        self.channel.queue_bind("test.copies", "byoc.jobs", "byoc.jobs")
        self.channel.basic_consume("test.copies", self.copy)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def copy(self, channel, method, properties, body):
        # Straight into the queue: a copy of the copy would come back here.
        channel.basic_publish("", "byoc.jobs", body, pika.BasicProperties(
            delivery_mode=2, message_id=properties.message_id,
            headers=properties.headers))
        channel.basic_ack(method.delivery_tag)
        self.copied += 1

    def run(self):
        while not self.stopping:
            self.channel.connection.process_data_events(0.1)
        self.channel.connection.close()

    def stop(self):
        self.stopping = True
        self.thread.join()


class Duplicates(SystemCase):
    workers = 2

    def created(self):
        """How often each thing was asked to be made or removed."""
        return {call: count for call, count in self.sim.calls().items()
                if not call.startswith("GET")}

    def test_a_job_sent_three_times_is_done_once(self):
        cluster = self.world.create_cluster(workers=1)
        for _ in range(3):
            self.world.publish_job("cluster.provision", cluster)
        self.world.wait_status(cluster, "running")
        job = self.world.publish_job("cluster.provision", cluster)
        for _ in range(2):
            self.world.publish_job("cluster.provision", cluster, id=job["id"])
        self.assertComplete(cluster, "dedicated", 1)
        self.assertEqual(self.created()["POST /servers"], 3)
        for _ in range(3):
            self.world.publish_job("cluster.teardown", cluster)
        self.world.wait_status(cluster, "deleted")
        # The last one comes too late, and is told apart from a first one.
        self.world.publish_job("cluster.teardown", cluster)
        self.wait_until_taken()
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")

    def wait_until_taken(self):
        """A credential is judged after all that was published before."""
        self.world.add_credential()

    def test_every_message_twice_changes_nothing(self):
        self.run_through("dedicated_ha", 2)
        undisturbed = self.created()
        self.sim.reset_calls()
        copier = Copier(self.world)
        self.addCleanup(copier.stop)
        cluster = self.run_through("dedicated_ha", 2)
        self.assertGreater(copier.copied, 20)
        self.assertEqual(self.created(), undisturbed)
        self.assertGone(cluster)
        self.assertHistory(cluster, "provisioning", "running", "deleting",
                           "deleted")
        self.assertEqual(self.world.dead_letters(), [])


if __name__ == "__main__":
    unittest.main()
