"""Looking for secrets where they must not be: in what a process shows of
itself, in a database, in messages and logs, and in whatever disguise."""

import base64
import pathlib
import re
import threading

import pika
import psycopg2

from sim import wait_for

SHORTEST = 24


def pieces(secret):
    """A one-line secret and its ends, for it may have been cut; the lines of a
    longer one, which stay whole in any kind of text."""
    if b"\n" not in secret:
        return {secret, secret[:SHORTEST], secret[-SHORTEST:]}
    return {line for line in secret.split(b"\n")
            if len(line) > SHORTEST and b"-----" not in line}


def disguises(piece):
    """As it is, in hexadecimal, and within the base64 of something longer."""
    found = {piece, piece.hex().encode(), piece.hex().upper().encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + piece)
        found.add(text[4 if shift else 0:-4])
    return found


def needles(secret):
    return {needle for piece in pieces(secret) for needle in disguises(piece)}


class Haystack:
    """Bytes by the name of the place where they were found."""

    def __init__(self):
        self.places = {}

    def add(self, place, data):
        data = data if isinstance(data, bytes) else str(data).encode()
        self.places.setdefault(place, set()).add(data)

    def places_of(self, secret):
        """The places where something of it shows."""
        wanted = needles(secret)
        return {place for place, straws in self.places.items()
                if any(needle in straw for straw in straws
                       for needle in wanted)}

    def count(self, secret):
        """{needle: how often it shows}, of those that do."""
        counts = {
            needle: sum(straw.count(needle) for straws in self.places.values()
                        for straw in straws) for needle in needles(secret)}
        return {needle: count for needle, count in counts.items() if count}

    def add_process(self, name, pid):
        """One that has just begun shows nothing of itself yet."""
        for file in ("cmdline", "environ"):
            path = pathlib.Path(f"/proc/{pid}/{file}")
            self.add(f"{name} {file}",
                     wait_for(path.read_bytes, f"what is in {path}"))

    def add_memory(self, place, pid):
        """All that a process can read, without its many zeroes; the sanitizer's
        own map is too large to be it."""
        with (open(f"/proc/{pid}/maps") as maps,
              open(f"/proc/{pid}/mem", "rb", buffering=0) as memory):
            for line in maps:
                span, rights = line.split()[:2]
                begin, end = (int(number, 16) for number in span.split("-"))
                if not rights.startswith("r") or end - begin > 1 << 30:
                    continue
                try:
                    memory.seek(begin)
                    self.add(place, re.sub(
                        rb"\0{64,}", b"", memory.read(end - begin)))
                except (OSError, OverflowError):
                    continue  # it is mapped no more, or is the kernel's

    def add_database(self, url):
        """Every row of every table, and the statements that are running."""
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT format('%I.%I', table_schema, table_name)"
                " FROM information_schema.tables WHERE table_schema"
                " NOT IN ('pg_catalog', 'information_schema')")
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT t::text FROM {table} t")
                for (row,) in cursor.fetchall():
                    self.add(f"table {table}", row)
            cursor.execute("SELECT query FROM pg_stat_activity"
                           " WHERE datname = current_database()")
            for (query,) in cursor.fetchall():
                self.add("statements", query)
        connection.close()


class Tap:
    """Every message that goes through an exchange, with all that it carries."""

    def __init__(self, amqp_url, haystack, exchanges):
        self.haystack = haystack
        self.connection = pika.BlockingConnection(
            pika.URLParameters(amqp_url))
        channel = self.connection.channel()
        for exchange, key in exchanges:
            queue = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(queue, exchange, key)
            channel.basic_consume(queue, self.take, auto_ack=True)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def take(self, _channel, method, properties, body):
        place = f"messages of {method.exchange or method.routing_key}"
        self.haystack.add(place, body)
        self.haystack.add(place, (method, properties))

    def collect(self):
        while not self.stopping.is_set():
            self.connection.process_data_events(0.05)
        self.connection.close()

    def stop(self):
        self.stopping.set()
        self.thread.join()
