"""A consumer of events: prints what happens to one cluster or credential, until
an event comes that is waited for.

    consumer.py ID NAME      such as: consumer.py 0b9c… running
"""

import json
import os
import sys

import pika

QUEUE = os.environ.get("QUEUE", "consumer.dashboard")
PREFIX = "cloud.mengi.byoc."


def main(subject, awaited):
    seen = set()
    newest = ""  # sequences are texts that compare as numbers do
    connection = pika.BlockingConnection(
        pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=20)
    for method, _, body in channel.consume(QUEUE):
        event = json.loads(body)
        if event["subject"] == subject and event["id"] not in seen:
            seen.add(event["id"])  # delivery is at least once
            name = event["type"].removeprefix(PREFIX).split(".", 1)[1]
            data = event["data"]
            print(event["sequence"], name, data.get("phase", ""),
                  f"{data['phases_done']}/{data['phases_total']}"
                  if "phases_total" in data else "", data.get("reason", ""))
            # Events may overtake each other: only a newer one tells the status.
            done = name == awaited and event["sequence"] > newest
            newest = max(newest, event["sequence"])
        else:
            done = False
        channel.basic_ack(method.delivery_tag)  # once it is dealt with
        if done:
            break
    connection.close()


main(*sys.argv[1:])
