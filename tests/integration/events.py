"""What a consumer of events gets to see."""

import json
import threading

import pika


class Events:
    """Collects every message of byoc.events, as the user "consumer"."""

    QUEUE = "consumer.consumer"

    def __init__(self, amqp_url):
        self.amqp_url = amqp_url
        self.all = []
        self.stopping = False
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def attach(self):
        connection = pika.BlockingConnection(
            pika.URLParameters(self.amqp_url))
        connection.channel().basic_consume(self.QUEUE, self.take)
        return connection

    def take(self, channel, method, properties, body):
        event = json.loads(body)
        self.all.append((method.routing_key, event, properties))
        channel.basic_ack(method.delivery_tag)

    def collect(self):
        while not self.stopping:
            try:
                connection = self.attach()
                while not self.stopping:
                    connection.process_data_events(0.1)
                connection.close()
            except (pika.exceptions.AMQPError, OSError):
                pass  # the broker is being restarted

    def of(self, subject):
        """Its events in their order, each once."""
        once = {event["id"]: event for _, event, _ in list(self.all)
                if event["subject"] == subject}
        return sorted(once.values(), key=lambda event: int(event["sequence"]))

    def names(self, subject):
        """ "running", "phase.done", … in their order. """
        prefixes = ("cloud.mengi.byoc.cluster.", "cloud.mengi.byoc.credential.")
        names = [event["type"] for event in self.of(subject)]
        for prefix in prefixes:
            names = [name.removeprefix(prefix) for name in names]
        return names

    def statuses(self, subject):
        return [name for name in self.names(subject)
                if not name.startswith("phase.")]

    def stop(self):
        self.stopping = True
        self.thread.join()
