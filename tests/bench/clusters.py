"""Many clusters at once on hcloud-sim: made by one byoc-worker, and deleted.

All are asked for in one transaction, as a dashboard would. Each has a project
(and so a token and a rate limit) of its own, or all share one whose rate limit
is lifted: Hetzner's 3,600 calls an hour would be all that one measures.
"""

import json
import urllib.request

from critical_path import critical_path
from ground import BIN, wait_for
from table import number, print_table
from usage import peak_mib

SCALE, BOOT_SECONDS, LATENCY_MS, WORKERS = 20, 60, 20, 1
SHARED = "shared"
CREATE = """
    INSERT INTO byoc.clusters (name, credential_id, location, type, workers)
    SELECT 'bench-' || k.name || '-' || n, k.id, 'fsn1', 'dedicated', %s
    FROM byoc.credentials k, generate_series(1, %s) n
    WHERE k.name = ANY (%s)
    RETURNING id::text
"""
ENQUEUE = "SELECT byoc.enqueue(%s, id) FROM unnest(%s::uuid[]) id"
STATUSES = """
    SELECT status, count(*) FROM byoc.clusters WHERE id = ANY (%s::uuid[])
    GROUP BY status
"""
# Since they were asked for: the median and the slowest.
TIMES = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
           max(seconds)
    FROM (SELECT extract(epoch FROM created_at - %s)::float AS seconds
          FROM byoc.events
          WHERE cluster_id = ANY (%s::uuid[]) AND name = %s) e
"""
PHASES = "SELECT phase, index, needs FROM byoc.phases WHERE cluster_id = %s"
COLUMNS = ("clusters", "running after (median)", "the last after",
           "API calls each", "deleted after (the last)", "API calls each",
           "worker's peak MiB")


class Cloud:
    """hcloud-sim, and its own door."""

    def __init__(self, ground):
        self.recording = f"{ground.folder}/recording.jsonl"
        self.program = ground.start(
            BIN / "hcloud-sim", "--time-scale", SCALE, "--boot-seconds",
            BOOT_SECONDS, "--latency-ms", LATENCY_MS, "--clusters", "--record",
            self.recording)
        port = ground.port_of(self.program, r":(\d+)/v1$")
        self.door = f"http://127.0.0.1:{port}/_sim"
        self.endpoint = f"http://127.0.0.1:{port}/v1"

    def ask(self, method, path, **body):
        request = urllib.request.Request(
            self.door + path, method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def take_calls(self):
        """How many there were since it was last asked."""
        total = self.ask("GET", "/calls")["total"]
        self.ask("POST", "/calls/reset")
        return total


def token_of(project):
    return project.ljust(64, "t")


def add_projects(ground, cloud, projects):
    """Each with its token, there and here."""
    for project in projects:
        cloud.ask("POST", "/tokens", token=token_of(project), project=project,
                  access="rw")
    ground.add_credentials({name: token_of(name) for name in projects})
    cloud.ask("POST", "/rate_limit", project=SHARED, limit=10**6,
              remaining=10**6, refill_per_second=1000)


def reach(ground, worker, clusters, job, status):
    """Asks for the job and waits; returns the seconds, median and slowest."""
    since = ground.row("SELECT clock_timestamp()")[0]
    ground.rows(ENQUEUE, job, clusters)
    wait_for(f"{len(clusters)} clusters to be {status}", lambda: dict(
        ground.rows(STATUSES, clusters)) == {status: len(clusters)}, 240,
        [worker])
    return ground.row(TIMES, since, clusters, status)


def measure(ground, cloud, count, shared):
    """A row of the table, and one cluster's id."""
    worker = ground.start_worker(256)
    names = [SHARED] if shared else [f"p{n}" for n in range(count)]
    made = ground.rows(CREATE, WORKERS, count if shared else 1, names)
    clusters = [cluster for cluster, in made]
    cloud.take_calls()
    median, last = reach(ground, worker, clusters, "cluster.provision",
                         "running")
    calls = cloud.take_calls() / count
    plan = ground.rows(PHASES, clusters[0])
    _, deleted = reach(ground, worker, clusters, "cluster.teardown", "deleted")
    end_calls = cloud.take_calls() / count
    peak = peak_mib([worker.pid])
    ground.stop(worker)
    name = f"{count}, in one project" if shared else f"{count}"
    return (name, f"{median:.1f} s", f"{last:.1f} s", number(calls, 1),
            f"{deleted:.1f} s", number(end_calls, 1),
            number(peak, 1)), clusters[0], plan


def run(ground, sizes):
    cloud = Cloud(ground)
    ground.new_byoc("bench_clusters", cloud.endpoint)
    most = max(count for count, shared in sizes["clusters"] if not shared)
    add_projects(ground, cloud, [SHARED] + [f"p{n}" for n in range(most)])
    rows = []
    for count, shared in sizes["clusters"]:
        row, cluster, plan = measure(ground, cloud, count, shared)
        if not rows:
            least = critical_path(cloud.recording, cluster, plan, SCALE,
                                  BOOT_SECONDS, LATENCY_MS / 1000)
        rows.append(row)
    ground.stop(cloud.program)
    print_table(
        f"Clusters (`dedicated`, {WORKERS} worker) at once on hcloud-sim, "
        f"which runs {SCALE} times as fast;\nnodes boot for {BOOT_SECONDS} "
        f"simulated seconds, a call takes {LATENCY_MS} ms; the worker's own "
        f"waits are real seconds.\nThe API's own critical path is "
        f"{least:.1f} s. Each has a project of its own unless it\nis said "
        "otherwise:", COLUMNS, rows)
