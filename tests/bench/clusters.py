"""Many clusters at once on hcloud-sim: made by one byoc-worker, and deleted.

All are asked for in one transaction, as a dashboard would. Each has a project
(and so a token and a rate limit) of its own, or all share one whose rate limit
is lifted: Hetzner's 3,600 calls an hour would be all that one measures.

They are made at a multiple of Hetzner's speed, and deleted at Hetzner's own: of
a deletion's two seconds nothing would be left, and the worker's waits would be
all that one measures.
"""

import json
import statistics
import urllib.request
import uuid

from critical_path import calls_of, provision_path, teardown_path
from ground import BIN, wait_for
from table import number, print_table
from usage import peak_mib
from used_cluster import things_of_use

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
           "API calls each", "deleted after (median)", "the last after",
           "API calls each", "worker's peak MiB")
# How it is called, type, workers, balancers and volumes of Kubernetes.
KINDS = (("`dedicated`", "dedicated", 0, 0, 0),
         ("`dedicated_ha`, 2 workers, 2 balancers and 5 volumes of Kubernetes",
          "dedicated_ha", 2, 2, 5))
KIND_COLUMNS = ("cluster", "critical path", "the first after",
                "the others (median)", "above it", "the slowest",
                "API calls (median)", "most")


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
        return self.send(self.door + path, method, body)

    def post(self, path, body):
        """As somebody in the shared project, and waits until it is there."""
        made = self.send(self.endpoint + path, "POST", body)
        action = made["action"]["id"]
        wait_for("an action", lambda: self.send(
            f"{self.endpoint}/actions/{action}", "GET")["action"]["status"]
            == "success", 60)

    def send(self, url, method, body=None):
        request = urllib.request.Request(
            url, method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json",
                     "Authorization": f"Bearer {token_of(SHARED)}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def set_time_scale(self, scale):
        self.ask("POST", "/time_scale", time_scale=scale)

    def recorded(self):
        """How much there is, for calls_since()."""
        return len(calls_of(self.recording))

    def calls_since(self, count):
        return calls_of(self.recording)[count:]

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
    cloud.set_time_scale(1)
    gone, deleted = reach(ground, worker, clusters, "cluster.teardown",
                          "deleted")
    cloud.set_time_scale(SCALE)
    end_calls = cloud.take_calls() / count
    peak = peak_mib([worker.pid])
    ground.stop(worker)
    name = f"{count}, in one project" if shared else f"{count}"
    return (name, f"{median:.1f} s", f"{last:.1f} s", number(calls, 1),
            f"{gone:.2f} s", f"{deleted:.2f} s", number(end_calls, 1),
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
            least = provision_path(calls_of(cloud.recording), cluster, plan,
                                   SCALE, BOOT_SECONDS, LATENCY_MS / 1000)
        rows.append(row)
    print_table(
        f"Clusters (`dedicated`, {WORKERS} worker) at once on hcloud-sim, "
        f"which runs {SCALE} times as fast;\nnodes boot for {BOOT_SECONDS} "
        f"simulated seconds, a call takes {LATENCY_MS} ms; the worker's own "
        f"waits are real seconds.\nThe API's own critical path is "
        f"{least:.1f} s. They are deleted at Hetzner's own speed. Each has a\n"
        "project of its own unless it is said otherwise:", COLUMNS, rows)
    print_deletions(ground, cloud, sizes["deletions"])
    ground.stop(cloud.program)


# ---- Deletions, one at a time ----

def use(cloud, cluster, balancers, volumes):
    there = cloud.ask("GET", "/state")["projects"][SHARED]
    for path, body in things_of_use(there, cluster, balancers, volumes):
        cloud.post(path, body)


def delete_one(ground, worker, cluster):
    """Asked for through the broker; returns the seconds until it was gone."""
    job = str(uuid.uuid4())
    since, = ground.row("SELECT clock_timestamp()")
    with ground.channel() as channel:
        channel.basic_publish("byoc.jobs", "byoc.jobs", json.dumps({
            "id": job, "type": "cluster.teardown", "cluster_id": cluster}))
    wait_for("a cluster to be deleted", lambda: ground.row(
        "SELECT status FROM byoc.clusters WHERE id = %s", cluster)
        == ("deleted",), 60, [worker])
    return ground.row(TIMES, since, [cluster], "deleted")[1]


def measure_deletions(ground, cloud, kind, times):
    """A row of the table. The worker is new: it knows of no pace yet."""
    name, type, workers, balancers, volumes = kind
    worker = ground.start_worker(256)
    spent, calls = [], []
    for _ in range(times):
        cloud.set_time_scale(SCALE)
        cluster, = ground.row(
            "INSERT INTO byoc.clusters (name, credential_id, location, type,"
            " workers) SELECT 'gone-' || gen_random_uuid(), id, 'fsn1', %s, %s"
            " FROM byoc.credentials WHERE name = %s RETURNING id::text",
            type, workers, SHARED)
        reach(ground, worker, [cluster], "cluster.provision", "running")
        use(cloud, cluster, balancers, volumes)
        cloud.set_time_scale(1)
        before = cloud.recorded()
        cloud.take_calls()
        spent.append(delete_one(ground, worker, cluster))
        calls.append(cloud.take_calls())
        recorded = cloud.calls_since(before)
    path = teardown_path(recorded, ground.rows(PHASES + " AND run = 2",
                                               cluster), 1, LATENCY_MS / 1000)
    ground.stop(worker)
    cloud.set_time_scale(SCALE)
    usual = statistics.median(spent[1:])
    return (name, f"{path:.2f} s", f"{spent[0]:.2f} s", f"{usual:.2f} s",
            f"{100 * (usual / path - 1):.1f} %", f"{max(spent[1:]):.2f} s",
            number(statistics.median(calls[1:])), number(max(calls[1:])))


def print_deletions(ground, cloud, times):
    print_table(
        f"Deletions at Hetzner's own speed, one at a time, {times} of each; "
        "asked for through the broker.\nThe first is by a worker that has not "
        "seen yet how long it takes:", KIND_COLUMNS,
        [measure_deletions(ground, cloud, kind, times) for kind in KINDS])
