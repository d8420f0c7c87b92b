"""The outbox under strain: rows that a long transaction keeps alive, a worker
that stops, and a consumer that takes no more."""

import collections
import json
import time
import unittest

import pika
import psycopg2

from belt_case import BeltCase
from sim import wait_for

DEAD_ROWS = 300_000


class DeadRows(BeltCase):
    workers = 2
    time_scale = 600

    def rows_read(self):
        """How many entries of the outbox's indexes, and rows without one, have
        been read since the database was made."""
        (count,), = self.world.db(
            "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
            " WHERE relid = 'byoc.outbox'::regclass)"
            " + (SELECT seq_tup_read FROM pg_stat_user_tables"
            " WHERE relid = 'byoc.outbox'::regclass)")
        return int(count)

    def rows_read_meanwhile(self):
        """How many, while a cluster is made."""
        begin = self.rows_read()
        self.time_to_run()
        return self.rows_read() - begin

    def leave_dead_rows(self):
        connection = psycopg2.connect(self.world.services.database_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO byoc.outbox (exchange, routing_key, message_id,"
                " type, body, due_at) SELECT '', '', gen_random_uuid(), '',"
                " '{}', 'infinity' FROM generate_series(1, %s)", (DEAD_ROWS,))
        with connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM byoc.outbox WHERE due_at = 'infinity'")
        connection.close()

    def test_a_long_transaction(self):
        undisturbed = self.time_to_run()
        with self.transaction() as forgotten:
            forgotten.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            forgotten.execute("SET idle_in_transaction_session_timeout = 0")
            forgotten.execute("SELECT count(*) FROM byoc.outbox")
            self.leave_dead_rows()
            took = self.time_to_run()
            # A look or two meet them until they are passed; one look at
            # everything a minute is allowed.
            wait_for(lambda: self.rows_read_meanwhile() < DEAD_ROWS,
                     "a cluster for which no dead rows are read", 30)
        self.assertNear(took, undisturbed, factor=2)


class SlowWriter(BeltCase):
    """Its transaction is open while younger ones come and go."""
    workers = 2

    def test_its_job_comes_as_soon_as_it_ends(self):
        (cluster,), = self.world.db(
            "INSERT INTO byoc.clusters (name, credential_id, location, type)"
            " VALUES ('slow', %s, 'fsn1', 'dedicated') RETURNING id",
            self.world.credential())
        with self.transaction() as dashboard:
            dashboard.execute("SELECT byoc.enqueue('cluster.provision', %s)",
                              (cluster,))
            self.time_to_run()  # some looks at the outbox by each worker
            dashboard.connection.commit()
        wait_for(lambda: self.world.status(cluster)[0] != "pending",
                 "the job of the older transaction", 8)


class OrderlyStop(BeltCase):
    workers = 2

    def test_nothing_is_published_twice(self):
        clusters = self.crowd(self.world.credential(), 12)
        for index in range(3):
            self.wait_called("POST /servers", 4 + 6 * index)
            self.world.workers[index].stop()
            self.world.start_worker()
        self.wait_all(clusters, "running")
        self.world.wait_idle()
        times = collections.Counter(
            event["id"] for _, event, _ in self.world.events.all)
        self.assertEqual([event for event, count in times.items()
                          if count > 1], [])


class FullQueue(BeltCase):
    workers = 2
    QUEUE = "consumer.full"

    def fill(self):
        """A consumer's queue that refuses every further event."""
        channel = self.world.channel()
        self.addCleanup(channel.connection.close)
        self.addCleanup(channel.queue_delete, self.QUEUE)
        channel.queue_declare(self.QUEUE, arguments={
            "x-max-length": 1, "x-overflow": "reject-publish"})
        channel.basic_publish("", self.QUEUE, b"{}")
        channel.queue_bind(self.QUEUE, "byoc.events", "credential.#")

    def listen(self):
        """When each message came to another consumer: {id: [times]}."""
        arrivals = collections.defaultdict(list)
        connection = pika.BlockingConnection(pika.URLParameters(
            self.world.services.amqp_url_of()))
        self.addCleanup(connection.close)
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "byoc.events", "credential.#")
        channel.basic_consume(queue, lambda _, method, properties, body:
                              arrivals[json.loads(body)["id"]].append(
                                  time.monotonic()), auto_ack=True)
        return connection, arrivals

    def test_its_events_come_more_and_more_seldom(self):
        self.fill()
        connection, arrivals = self.listen()
        self.world.add_credential()

        def four_times():
            connection.process_data_events(0.1)
            return [times for times in arrivals.values() if len(times) >= 4]
        times = wait_for(four_times, "four attempts", 60)[0]
        pauses = [later - earlier for earlier, later in zip(times, times[1:])]
        self.assertGreater(pauses[2], 1.5 * pauses[0], pauses)


    def test_what_it_does_not_refuse_comes_as_ever(self):
        credential = self.world.credential()
        undisturbed = self.time_to_run(credential)
        self.fill()
        self.world.add_credential()  # whose events are refused
        self.assertNear(self.time_to_run(credential), undisturbed, factor=2)
        cluster = self.world.create_cluster(credential=credential)
        self.world.wait_status(cluster, "running")
        wait_for(lambda: "running" in self.world.events.statuses(cluster),
                 "the last event", 10)
        times = collections.Counter(
            event["id"] for _, event, _ in self.world.events.all
            if event["subject"] == cluster)
        self.assertEqual(set(times.values()), {1})


class IdleConsumer(BeltCase):
    """Its queue, as operators make it, is full: it forgets, and nobody waits."""

    def test_nobody_is_held_up(self):
        self.world.byoc("topology", "--consumer", "idle",
                        "--bind", "credential.#")
        self.world.services.rabbitmq(
            "ctl", "set_policy", "--vhost", self.world.services.name, "small",
            "^consumer[.]idle$", '{"max-length": 2}', "--apply-to", "queues")
        for _ in range(5):
            self.world.add_credential()
        self.world.wait_idle()
        times = collections.Counter(
            event["id"] for _, event, _ in self.world.events.all)
        self.assertEqual(set(times.values()), {1})
        channel = self.world.channel()
        self.addCleanup(channel.connection.close)
        self.assertEqual(channel.queue_declare(
            "consumer.idle", passive=True).method.message_count, 2)


if __name__ == "__main__":
    unittest.main()
