"""The plain loop (the limit) and the peers: the same rows, messages and API
call as a job of byoc-worker, on tables of their own (plain.sql)."""

import importlib.util
import os
import shutil
import statistics
import subprocess

from cycle import Beside
from ground import BENCH, BIN, Failure, wait_for
from table import number, print_table
from usage import Meter, family, peak_mib

STEPS = 4
ROUNDS = 3  # machines change from minute to minute
SEED = """
    WITH made AS (
        INSERT INTO plain.clusters (id)
        SELECT gen_random_uuid() FROM generate_series(1, %s) RETURNING id
    )
    INSERT INTO plain.phases (cluster_id, step, status, job_id)
    SELECT id, step, CASE step WHEN 0 THEN 'queued' ELSE 'blocked' END,
           CASE step WHEN 0 THEN gen_random_uuid() END
    FROM made, generate_series(0, %s - 1) step
    RETURNING job_id::text, json_build_object(
        'id', job_id, 'type', 'cluster.phase', 'cluster_id', cluster_id,
        'step', step)::text
"""
LEFT = """
    SELECT (SELECT count(*) FROM plain.phases WHERE status <> 'done')
           + (SELECT count(*) FROM plain.outbox)
"""
SPAN = """
    SELECT extract(epoch FROM max(finished_at) - min(started_at))::float,
           (SELECT count(*) FROM plain.events),
           (SELECT count(*) FROM plain.resources)
    FROM plain.phases
"""
COLUMNS = ("program", "jobs/s", "CPU µs a job", "PostgreSQL's µs a job",
           "peak MiB", "busiest process", "worker's jobs/s beside it",
           "worker / program")


def declare(ground):
    """New queues: a program that was stopped may have left jobs in the old."""
    with ground.channel() as channel:
        for exchange, kind in (("plain.jobs", "direct"),
                               ("plain.celery", "direct"),
                               ("plain.events", "topic")):
            channel.exchange_declare(exchange, kind, durable=True)
        for queue in ("plain.jobs", "plain.celery"):
            channel.queue_delete(queue)
            channel.queue_declare(queue, durable=True,
                                  arguments={"x-queue-type": "quorum"})
            channel.queue_bind(queue, queue, queue)


def seed(ground, jobs):
    """New clusters and queues; returns the messages of the first jobs."""
    declare(ground)
    ground.rows("TRUNCATE plain.clusters, plain.events, plain.outbox CASCADE")
    made = ground.rows(SEED, max(1, jobs // STEPS), STEPS)
    ground.rows("VACUUM ANALYZE")
    return [row for row in made if row[0]]


class Comparison:
    """The plain tables in a database of their own, and beside them a worker:
    by turns, the medians of a few rounds."""

    def __init__(self, ground, name, sizes):
        self.worker = Beside(ground, f"{name}_worker", sizes["beside"])
        self.ground, self.name = ground, name
        ground.new_database(name)
        # as the worker's sessions
        for setting in ("enable_seqscan", "enable_bitmapscan", "jit"):
            ground.rows(f"ALTER DATABASE {name} SET {setting} = off")
        ground.rows((BENCH / "plain.sql").read_text())
        self.stub, self.api = ground.start_stub()

    def publish(self, first):
        self.ground.publish("plain.jobs", first)

    def once(self, name, jobs, start, publish):
        ground = self.ground
        ground.use(self.name)
        first = seed(ground, jobs)
        publish(first)
        total = len(first) * STEPS
        program = start()
        meter = Meter({name: [program.pid], "stub": [self.stub.pid],
                       **ground.servers()})
        wait_for(f"{name} to be through",
                 lambda: ground.row(LEFT)[0] == 0, programs=[program])
        meter.stop()
        peak = peak_mib(family(program.pid))
        ground.stop(program)
        seconds, events, resources = ground.row(SPAN)
        if (events, resources) != (2 * total, total):
            raise Failure(f"{name}: {events} events and {resources} resources "
                          f"of {total} jobs")
        return (total / seconds, meter.seconds(name) / total * 1e6,
                meter.seconds("postgres") / total * 1e6, peak, meter.busiest())

    def measure(self, name, jobs, start, publish=None):
        """The jobs/s, and a row of the table."""
        beside, found = zip(*(
            (self.worker.rate(),
             self.once(name, jobs, start, publish or self.publish))
            for _ in range(ROUNDS)))
        *columns, busiest = zip(*found)
        rate, cpu, postgres, peak = map(statistics.median, columns)
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(beside, columns[0]))
        return rate, (
            name, number(rate), number(cpu), number(postgres), number(peak, 1),
            busiest[-1], number(statistics.median(beside)), number(ratio, 2))


def limit(ground, sizes):
    comparison = Comparison(ground, "bench_limit", sizes)
    urls = ground.environment["AMQP_URL"], ground.environment["DATABASE_URL"]
    rows = []
    for name, more in (("plain C loop", [comparison.api]),
                       ("plain C loop, no API call", [])):
        _, row = comparison.measure(
            name, sizes["limit"],
            lambda: ground.start(BIN / "plain-loop", *urls, *more))
        rows.append(row)
    print_table("The limit: the same cycle as a plain C loop, in batches of "
                "256 and without any recovery;\nby turns with the worker with "
                "256 in flight, medians of three rounds:", COLUMNS, rows)


# ---- Peers ----

def go_program():
    """(path, None), or (None, why there is none)."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not os.access(go, os.X_OK):
        return None, "Go is not installed"
    program = BIN / "bench-go"
    built = subprocess.run([go, "build", "-o", program, "."],
                           cwd=BENCH / "go", text=True, capture_output=True)
    if built.returncode:
        return None, "no build: " + built.stderr.strip().splitlines()[-1]
    return program, None


def go_rows(comparison, sizes):
    program, lack = go_program()
    if lack:
        return [lacking("Go", lack)]
    results = [comparison.measure(
                   f"Go, {goroutines} goroutines", sizes["go"],
                   lambda: comparison.ground.start(
                       program, goroutines, comparison.api))
               for goroutines in sizes["goroutines"]]
    return [max(results)[1]]


def celery_rows(comparison, sizes):
    if not importlib.util.find_spec("celery"):
        return [lacking("Celery", "python3-celery is not installed")]
    ground = comparison.ground
    os.environ["AMQP_URL"] = ground.settings["AMQP_URL"]
    import celery_peer

    def publish(first):
        for job_id, body in first:
            celery_peer.phase.apply_async([body], task_id=job_id)

    _, row = comparison.measure(
        "Celery, 4 processes", sizes["celery"],
        lambda: ground.start(
            "/usr/bin/python3", "-m", "celery", "--app", "celery_peer",
            "worker", "--pool", "prefork", "--concurrency", 4,
            "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
            API_URL=comparison.api,
            DATABASE_URL=ground.environment["DATABASE_URL"]),
        publish)
    return [row]


def lacking(name, why):
    return (f"{name}: {why}", *["–"] * (len(COLUMNS) - 1))


def peers(ground, sizes):
    comparison = Comparison(ground, "bench_peers", sizes)
    rows = go_rows(comparison, sizes) + celery_rows(comparison, sizes)
    print_table("Peers: the same cycle, with one transaction a job; by turns "
                "with the worker\nas above:", COLUMNS, rows)
