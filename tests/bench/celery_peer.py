"""The durable job cycle as a Celery task, as its users write it: prefork, late
acknowledgement, publisher confirms, one transaction to lease a job and one to
commit it. Each process has one database connection and one HTTP session.

    celery --app celery_peer worker ...     AMQP_URL, DATABASE_URL, API_URL
"""

import os

import celery
import kombu
import psycopg2
import requests
from celery.signals import worker_process_init
from kombu.transport.pyamqp import Transport

KINDS = ("ssh_keys", "networks", "firewalls", "placement_groups")
COLUMNS = "id, exchange, routing_key, message_id::text, body::text"

# Quorum queues know no prefetch for a whole connection, which this version of
# Celery asks a modern RabbitMQ for.
Transport.qos_semantics_matches_spec = lambda self, connection: True

app = celery.Celery("bench", broker=os.environ["AMQP_URL"])
app.conf.update(
    task_ignore_result=True, task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_transport_options={"confirm_publish": True},
    task_queues=[kombu.Queue(
        "plain.celery", kombu.Exchange("plain.celery", type="direct"),
        routing_key="plain.celery",
        queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue="plain.celery", task_default_exchange="plain.celery",
    task_default_routing_key="plain.celery")
process = {}


@worker_process_init.connect
def open_connections(**_):
    process["database"] = psycopg2.connect(os.environ["DATABASE_URL"])
    process["http"] = requests.Session()
    process["http"].headers["Authorization"] = "Bearer bench"


def store(function, *values):
    """One transaction; returns the outbox rows that it wrote."""
    with process["database"] as database, database.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM plain.{function}", values)
        return cursor.fetchall()


def call(cluster, step):
    answer = process["http"].post(
        f"{os.environ['API_URL']}/{KINDS[step % len(KINDS)]}",
        json={"name": f"{cluster}-{step}",
              "labels": {"mengi.cloud/cluster": cluster}})
    answer.raise_for_status()
    return next(iter(answer.json().values()))["id"]


def publish(rows):
    with app.producer_pool.acquire(block=True) as producer:
        for _, exchange, key, message_id, body in rows:
            if exchange == "plain.events":
                producer.publish(
                    body, exchange=exchange, routing_key=key,
                    message_id=message_id, content_type="application/json",
                    content_encoding="utf-8", delivery_mode=2)
            else:
                phase.apply_async([body], task_id=message_id,
                                  producer=producer)


@app.task(name="phase")
def phase(body):
    job = kombu.utils.json.loads(body)
    cluster, step = job["cluster_id"], job["step"]
    rows = store("lease(%s::uuid[], %s, %s::uuid[])",
                 [cluster], [step], [job["id"]])
    made = call(cluster, step)
    rows += store("commit(%s::uuid[], %s, %s::bigint[])",
                  [cluster], [step], [made])
    publish(rows)
    with process["database"] as database, database.cursor() as cursor:
        cursor.execute("DELETE FROM plain.outbox WHERE id = ANY (%s)",
                       ([row[0] for row in rows],))
