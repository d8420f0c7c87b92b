"""The durable job cycle of byoc-worker: lease, one API call, commit, publish
two events and the next job with confirms, acknowledge.

Each job is a real phase with one create call; each cluster has four of them in
a row, so that the next job is published by the one before. The clusters belong
to many credentials: no worker gives all its room to one. The first jobs are in
the queue before the worker starts.
"""

from ground import Failure, wait_for
from table import number, print_table
from usage import Meter, peak_mib

CREDENTIALS = 256
CHAIN = ("ssh_key", "network", "firewall", "placement_group")
CLUSTERS = """
    INSERT INTO byoc.clusters (name, credential_id, location, type, status, run,
                               server_type, gateway_type, ssh_public_key,
                               sealed_ssh_private_key, sealed_authorities,
                               sealed_join_token)
    SELECT 'bench', ids[1 + n %% cardinality(ids)], 'fsn1', 'dedicated_ha',
           'provisioning', 1, 'cx23', 'cx23', 'ssh-ed25519 bench',
           'byoc1.none', 'byoc1.none', 'byoc1.none'
    FROM generate_series(1, %s) n,
         (SELECT array_agg(id) AS ids FROM byoc.credentials) k
"""
# History is only ever added to, which its trigger sees to.
EMPTY = """
    SET session_replication_role = replica;
    TRUNCATE byoc.clusters, byoc.events, byoc.outbox CASCADE;
    RESET session_replication_role
"""
# A fifth phase that stays blocked keeps the clusters from becoming running.
PHASES = """
    SELECT byoc.add_phases(id, 1, '[
        {"phase": "ssh_key", "index": 0, "needs": []},
        {"phase": "network", "index": 0, "needs": ["ssh_key"]},
        {"phase": "firewall", "index": 0, "needs": ["network"]},
        {"phase": "placement_group", "index": 0, "needs": ["firewall"]},
        {"phase": "ready", "index": 0, "needs": ["ready"]}]')
    FROM byoc.clusters
"""
QUEUE = "SELECT byoc.queue_phases(array_agg(id)) FROM byoc.clusters"
TAKE = "DELETE FROM byoc.outbox RETURNING message_id::text, body"
# Cheap enough to be asked while the clock runs.
LEFT = "SELECT EXISTS (SELECT 1 FROM byoc.progress WHERE phases_done < %s)"
SPAN = """
    SELECT count(*),
           extract(epoch FROM max(finished_at) - min(started_at))::float
    FROM byoc.phases WHERE status = 'done'
"""
COLUMNS = ("in flight", "jobs/s", "worker's CPU µs a job",
           "PostgreSQL's µs a job", "peak MiB", "worker %", "PostgreSQL %",
           "RabbitMQ %", "stub %", "busiest process")


def prepare(ground, name):
    """BYOC's tables with credentials that are ready, and the API stub."""
    stub, api = ground.start_stub()
    ground.new_byoc(name, api)
    ground.add_credentials(
        {f"bench-{n}": "b" * 64 for n in range(CREDENTIALS)})
    return stub


def seed(ground, clusters):
    ground.rows(EMPTY)
    ground.rows(CLUSTERS, clusters)
    ground.rows(PHASES)
    ground.rows("ANALYZE")  # or the tables may be taken for empty still
    ground.rows(QUEUE)
    ground.publish("byoc.jobs", ground.rows(TAKE))
    ground.rows("VACUUM ANALYZE")


def measure(ground, stub, in_flight, processes, jobs):
    """The jobs/s, and a row of the table."""
    total = max(1, jobs // len(CHAIN)) * len(CHAIN)
    seed(ground, total // len(CHAIN))
    workers = [ground.start_worker(in_flight) for _ in range(processes)]
    meter = Meter({"worker": [worker.pid for worker in workers],
                   "stub": [stub.pid], **ground.servers()})
    wait_for("the jobs", lambda: not ground.row(
        LEFT, len(CHAIN))[0], programs=workers)
    meter.stop()
    peak = max(peak_mib([worker.pid]) for worker in workers)
    ground.stop(*workers)
    done, seconds = ground.row(SPAN)
    if done != total:
        raise Failure(f"{done} of {total} jobs are done")
    name = f"{in_flight:,}"
    if processes > 1:
        name += f" in each of {processes} processes"
    shares = (number(meter.percent(role))
              for role in ("worker", "postgres", "rabbitmq", "stub"))
    return total / seconds, (
        name, number(total / seconds),
        number(meter.seconds("worker") / total * 1e6),
        number(meter.seconds("postgres") / total * 1e6),
        number(peak, 1), *shares, meter.busiest())


class Beside:
    """The worker with 256 in flight, by turns with what it is compared with."""

    def __init__(self, ground, name, jobs):
        self.ground, self.name, self.jobs = ground, name, jobs
        self.stub = prepare(ground, name)

    def rate(self):
        self.ground.use(self.name)
        return measure(self.ground, self.stub, 256, 1, self.jobs)[0]


def run(ground, sizes):
    stub = prepare(ground, "bench_worker")
    rows = [measure(ground, stub, in_flight, processes, jobs)[1]
            for in_flight, processes, jobs in sizes["worker"]]
    ground.stop(stub)
    print_table(
        "The durable job cycle of `byoc-worker`: lease, one API call, commit, "
        "two events and the\nnext job published with confirms, acknowledged. "
        "Shares are of one processor; the peak is\none worker's:",
        COLUMNS, rows)
