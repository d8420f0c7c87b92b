"""byoc dead: jobs that no worker could understand or finish, whatever they
hold, are shown, tried again and thrown away."""

import json
import unittest
import uuid

from cli_case import CliCase
from sim import wait_for
from system_case import SystemCase

NASTY = b"\x1b[31mred\x07\xff\xfe\xc3( \xe2\x9c\x93"


class Dead(SystemCase, CliCase):
    workers = 1

    def setUp(self):
        super().setUp()
        self.environment_of_calls = self.world.environment

    def bury(self, *bodies):
        """Ids of messages with these bodies that are dead letters now."""
        ids = [str(uuid.uuid4()) for _ in bodies]
        before = len(self.json("dead list"))
        for message_id, body in zip(ids, bodies):
            self.world.publish(body, message_id=message_id)
        self.wait_dead(before + len(ids))
        return ids

    def wait_dead(self, count):
        wait_for(lambda: len(self.json("dead list")) == count,
                 f"{count} dead jobs")

    def test_there_are_none(self):
        self.assertEqual(self.json("dead list"), [])
        self.assertEqual(self.byoc("dead list")[0],
                         "There are no dead jobs.\n")
        self.assertEqual(self.byoc("dead drop", "--all")[0],
                         "dropped 0 of 0\n")
        for command in ("dead show", "dead requeue", "dead drop"):
            _, said = self.byoc(command, "nobody", status=1)
            self.assertEqual(said, "byoc: there is no dead job nobody\n")

    def test_they_are_listed_and_shown(self):
        garbage, unknown = self.bury("garbage", json.dumps(
            {"id": str(uuid.uuid4()), "type": "cluster.explode"}))
        listed = {entry["id"]: entry for entry in self.json("dead list")}
        self.assertEqual(set(listed), {garbage, unknown})
        self.assertEqual(listed[garbage]["code"], "bad_json")
        self.assertEqual(listed[garbage]["size"], len("garbage"))
        self.assertEqual(listed[unknown]["code"], "unknown_type")
        self.assertIn("cluster.explode", listed[unknown]["reason"])
        self.assertRegex(listed[garbage]["sent_at"], "^20.*Z$")
        shown = self.json("dead show", garbage)
        self.assertEqual(shown, {**listed[garbage], "body": "garbage"})
        out, _ = self.byoc("dead show", garbage)
        self.assertRegex(out, "(?m)^Body: +garbage$")
        self.assertRegex(self.byoc("dead list")[0],
                         rf"(?m)^{unknown}  .* unknown_type ")
        self.assertEqual(len(self.json("dead list")), 2)  # looking is free

    def test_whatever_they_hold(self):
        odd = "odd \x1b[0m " + "i" * 100
        self.world.publish(NASTY, message_id=odd)
        self.world.publish(json.dumps({"id": str(uuid.uuid4()), "type":
                                       "x" + "\u00e9" * 40}))
        self.wait_dead(2)
        entries = self.json("dead list")
        self.assertIn(odd.replace("\x1b", "?"),
                      [entry["id"] for entry in entries])
        shown = self.json("dead show", odd)
        self.assertEqual(shown["size"], len(NASTY))
        self.assertEqual(shown["body"], "?[31mred????( \u2713")
        for text in (self.byoc("dead list")[0],
                     self.byoc("dead show", odd)[0]):
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f]")
        self.byoc("dead drop", odd)
        self.wait_dead(1)

    def test_they_are_thrown_away(self):
        first, second, third = self.bury("1", "2", "3")
        out, said = self.byoc("dead drop", first, "nobody", second, status=1)
        self.assertEqual(out, "dropped 2 of 3\n")
        self.assertEqual(said, "byoc: there is no dead job nobody\n")
        self.assertEqual([entry["id"] for entry in self.json("dead list")],
                         [third])
        self.bury("4", "5")
        for command in ("dead drop", "dead requeue"):
            self.assertIn("not both", self.wrong(command, "--all", third))
        self.assertEqual(self.byoc("dead drop", "--all")[0],
                         "dropped 3 of 3\n")
        self.assertEqual(self.json("dead list"), [])

    def test_requeued_for_nothing_they_come_back(self):
        [garbage] = self.bury("still garbage")
        self.assertEqual(self.byoc("dead requeue", garbage)[0],
                         "requeued 1 of 1\n")
        self.wait_dead(1)
        self.assertEqual(self.json("dead show", garbage)["code"], "bad_json")

    def test_requeued_after_a_repair_they_are_done(self):
        """Jobs came before their records: a dashboard's mistake."""
        credential = self.world.credential()
        clusters = [str(uuid.uuid4()) for _ in range(3)]
        jobs = self.bury(*(json.dumps(
            {"id": str(uuid.uuid4()), "type": "cluster.provision",
             "cluster_id": cluster}) for cluster in clusters))
        self.assertEqual({entry["code"] for entry in self.json("dead list")},
                         {"unknown_record"})
        for cluster in clusters:
            self.world.db(
                "INSERT INTO byoc.clusters (id, name, credential_id, location,"
                " type) VALUES (%s, 'late', %s, 'fsn1', 'dedicated')",
                cluster, credential)
        self.assertEqual(self.byoc("dead requeue", jobs[1])[0],
                         "requeued 1 of 1\n")
        self.world.wait_status(clusters[1], "running")
        self.assertEqual([self.world.status(cluster)[0]
                          for cluster in clusters],
                         ["pending", "running", "pending"])
        self.assertEqual(self.byoc("dead requeue", "--all")[0],
                         "requeued 2 of 2\n")
        for cluster in clusters:
            self.world.wait_status(cluster, "running")
        self.assertEqual(self.json("dead list"), [])
        for cluster in clusters:
            self.world.delete_cluster(cluster)


if __name__ == "__main__":
    unittest.main()
