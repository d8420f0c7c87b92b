-- The tables of BYOC. What must never be is made impossible here; what happens
-- is in the functions of the files that follow.

CREATE TABLE byoc.credentials (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63
                              AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    status text NOT NULL DEFAULT 'pending_validation'
        CHECK (status IN ('pending_validation', 'ready', 'invalid')),
    -- the newest token, and the last one that was found good: clusters use it.
    -- What may stand here is checked by a trigger: a CHECK that fails shows the
    -- whole row, and so a token that somebody forgot to seal.
    sealed_token text,
    active_sealed_token text,
    -- whom kubeconfigs of its clusters are sealed to (X25519, base64): stored
    -- with the token, by whoever brings it, and replaced by operators only, so
    -- that who may ask for kubeconfigs cannot choose who reads them
    recipient_key text
        CHECK (recipient_key ~ '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$'),
    -- how many tokens have been the active one
    token_version integer NOT NULL DEFAULT 0,
    code text,
    reason text,
    sequence bigint NOT NULL DEFAULT 0,
    traceparent text,
    -- the validation that is under way, if any
    job_id uuid,
    due_at timestamptz,
    lease_owner uuid,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    leases integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    -- no worker that looked since then had the key it is sealed with
    unknown_key_since timestamptz,
    -- an operator says that its clusters may be in another project than before
    any_project boolean NOT NULL DEFAULT false,
    validated_at timestamptz,
    -- the jobs that a look through its project will answer, and the last look
    audits uuid[] NOT NULL DEFAULT '{}',
    audited_at timestamptz,
    -- until then its phases may wait in the broker for a place on a belt
    crowded_until timestamptz,
    -- how many clusters it may have, and how many jobs may wait; null: as many
    -- as byoc.settings says
    most_clusters integer CHECK (most_clusters >= 0),
    most_jobs integer CHECK (most_jobs > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- its row stays, because clusters and events tell of it; its tokens go
    deleted_at timestamptz,
    CHECK ((deleted_at IS NULL) = (sealed_token IS NOT NULL)),
    -- one that could not be checked yet may say why
    CHECK (status = 'pending_validation'
           OR (status = 'invalid') = (code IS NOT NULL)),
    CHECK (status <> 'ready' OR active_sealed_token IS NOT NULL)
);

CREATE UNIQUE INDEX credentials_name ON byoc.credentials (name)
    WHERE deleted_at IS NULL;
-- For the watchdog: validations that are under way.
CREATE INDEX credentials_due ON byoc.credentials (due_at)
    WHERE due_at IS NOT NULL;

CREATE TABLE byoc.clusters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    credential_id uuid NOT NULL REFERENCES byoc.credentials,
    location text NOT NULL
        CHECK (location IN ('fsn1', 'nbg1', 'hel1', 'ash', 'hil', 'sin')),
    type text NOT NULL CHECK (type IN ('dedicated', 'dedicated_ha')),
    -- Hetzner's networks take 100 servers: the gateway, three control planes,
    -- and a few that take the place of others
    workers integer NOT NULL DEFAULT 0 CHECK (workers BETWEEN 0 AND 90),
    server_type text CHECK (server_type ~ '^[a-z0-9-]{1,31}$'),
    gateway_type text CHECK (gateway_type ~ '^[a-z0-9-]{1,31}$'),
    -- who may reach the Kubernetes API, and the gateway's SSH
    api_sources cidr[] NOT NULL DEFAULT '{0.0.0.0/0,::/0}'
        CHECK (cardinality(api_sources) BETWEEN 0 AND 10),
    ssh_sources cidr[] NOT NULL DEFAULT '{}'
        CHECK (cardinality(ssh_sources) BETWEEN 0 AND 10),
    -- what pods may ask for outside kube-system
    pod_security text NOT NULL DEFAULT 'baseline'
        CHECK (pod_security IN ('privileged', 'baseline', 'restricted')),
    ingress text NOT NULL DEFAULT 'none'
        CHECK (ingress IN ('none', 'traefik')),
    -- once, since it was made: then no node may begin it anew
    was_ready boolean NOT NULL DEFAULT false,
    -- from deletion; only an operator takes it away
    protected boolean NOT NULL DEFAULT false,
    -- when it was last told that a deletion was refused for it
    refused_at timestamptz,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'provisioning', 'running', 'deleting',
                          'deleted', 'failed')),
    goal text NOT NULL DEFAULT 'provision'
        CHECK (goal IN ('provision', 'teardown', 'refresh', 'repair', 'sweep',
                        'survey')),
    -- is there a run that phases may work for?
    active boolean NOT NULL GENERATED ALWAYS AS (
        status IN ('provisioning', 'deleting')
        OR goal IN ('refresh', 'repair', 'sweep', 'survey')) STORED,
    -- the one current run: jobs of any other are void
    run integer NOT NULL DEFAULT 0 CHECK (run >= 0),
    code text,
    reason text,
    traceparent text,
    -- what was asked for by byoc.enqueue and has not begun yet
    requested_goal text
        CHECK (requested_goal IN ('provision', 'teardown', 'refresh',
                                  'repair')),
    requested_at timestamptz,
    -- with what, and what the teardown that is under way was told: any of
    -- with_neighbours, keep_volumes and all_gone, each true
    requested_options jsonb,
    removal jsonb NOT NULL DEFAULT '{}',
    -- the survey that is under way: its job_id, what it was told, and the goal
    -- that the cluster had before
    survey jsonb,
    -- the token_version that has shown the cluster's project: with a newer one
    -- it is not known to be the same
    proven_version integer NOT NULL DEFAULT 0,
    -- when everything was looked through for the last time, and nothing found
    swept_at timestamptz,
    -- of the credential, when the run began: the nodes know that one or a newer
    token_version integer NOT NULL DEFAULT 0,
    ssh_public_key text,
    sealed_ssh_private_key text,
    sealed_authorities text,
    sealed_join_token text,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (goal NOT IN ('refresh', 'repair') OR status = 'running'),
    CHECK (goal <> 'sweep' OR status = 'deleted'),
    CHECK (goal <> 'survey' OR status IN ('running', 'failed')),
    CHECK (status <> 'failed' OR code IS NOT NULL),
    CHECK (code IS NULL OR status IN ('failed', 'deleting')),
    CHECK (num_nulls(ssh_public_key, sealed_ssh_private_key,
                     sealed_authorities, sealed_join_token) IN (0, 4)),
    CHECK (status IN ('pending', 'failed') OR run > 0),
    CHECK (NOT protected OR status NOT IN ('deleting', 'deleted'))
) WITH (fillfactor = 70);

CREATE INDEX clusters_status ON byoc.clusters (status); -- they are counted
CREATE INDEX clusters_credential ON byoc.clusters (credential_id);
-- For the watchdog, with the status. Not of those that are active: statistics
-- from a time when none was would make that the way to whatever is asked for.
CREATE INDEX clusters_goal ON byoc.clusters (goal)
    WHERE goal NOT IN ('provision', 'teardown');
CREATE INDEX clusters_requested ON byoc.clusters (requested_at)
    WHERE requested_at IS NOT NULL; -- for the watchdog

-- What every job moves on, apart from the cluster's wide row and its checks, with
-- what its events tell of the run: changed under the lock on that row only.
CREATE TABLE byoc.progress (
    cluster_id uuid PRIMARY KEY REFERENCES byoc.clusters ON DELETE CASCADE,
    -- of the newest event
    sequence bigint NOT NULL DEFAULT 0,
    -- as the cluster's
    run integer NOT NULL DEFAULT 0,
    traceparent text,
    -- the phases of that run, and how many of them are done
    phases_total integer NOT NULL DEFAULT 0,
    phases_done integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE FUNCTION byoc.add_progress() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO byoc.progress (cluster_id) SELECT id FROM added;
    RETURN NULL;
END $$;

CREATE TRIGGER clusters_progress AFTER INSERT ON byoc.clusters
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION byoc.add_progress();

CREATE TABLE byoc.phases (
    cluster_id uuid NOT NULL REFERENCES byoc.clusters ON DELETE CASCADE,
    run integer NOT NULL CHECK (run > 0),
    phase text NOT NULL,
    index integer NOT NULL CHECK (index >= 0),
    -- names of the phases that have to be done before
    needs text[] NOT NULL,
    status text NOT NULL
        CHECK (status IN ('blocked', 'queued', 'leased', 'parked', 'done',
                          'failed')),
    -- the message that is valid now, and when it should arrive; no time when
    -- nobody waits for it any more
    job_id uuid,
    due_at timestamptz,
    -- where it waits until then; null: in the job queue
    wait_queue text,
    lease_owner uuid,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    leases integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    -- attempts in a row that Hetzner's being out of order made fail
    outages integer NOT NULL DEFAULT 0,
    -- when an attempt last ended without an answer to a request that makes
    -- something: it may still be made
    unanswered_at timestamptz,
    code text,
    reason text,
    -- does it wait for something else than it did before? Told by an event
    waits_anew boolean NOT NULL DEFAULT false,
    -- somebody asked for a look while there was one: if that one was in vain,
    -- the next comes at once
    hurried boolean NOT NULL DEFAULT false,
    started_at timestamptz,
    finished_at timestamptz,
    -- the kind of resources of which it has seen that nothing is left
    swept text,
    -- Nothing that changes is indexed: so a new version stays within the page,
    -- and takes no new entries. The watchdog finds phases by their clusters.
    PRIMARY KEY (cluster_id, run, phase, index),
    CHECK (status NOT IN ('queued', 'leased') OR job_id IS NOT NULL),
    CHECK ((status = 'leased') = (lease_until IS NOT NULL))
) WITH (fillfactor = 70);

-- A resource as a worker reads it. It is read with every lease of its cluster,
-- and written once: so it is put together then, and as text, which is cheapest.
CREATE FUNCTION byoc.resource_text(kind text, hetzner_id bigint, name text,
                                   phase text, index integer,
                                   public_address inet, private_address inet,
                                   actions bigint[], why text, service text)
RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN '{"kind":"' || kind || '","id":' || hetzner_id
           || ',"name":' || to_json(name)
           || ',"phase":"' || phase || '","index":' || index
           || coalesce(',"public_address":"' || host(public_address) || '"', '')
           || coalesce(',"private_address":"' || host(private_address) || '"',
                       '')
           || ',"actions":' || array_to_json(actions)
           || coalesce(',"why":' || to_json(why), '')
           || coalesce(',"service":' || to_json(service), '') || '}';
END $$;

CREATE TABLE byoc.resources (
    cluster_id uuid NOT NULL REFERENCES byoc.clusters ON DELETE CASCADE,
    kind text NOT NULL
        CHECK (kind IN ('load_balancer', 'server', 'volume', 'network',
                        'firewall', 'placement_group', 'ssh_key',
                        'primary_ip', 'floating_ip', 'certificate')),
    hetzner_id bigint NOT NULL CHECK (hetzner_id > 0),
    name text NOT NULL,
    phase text NOT NULL,
    index integer NOT NULL,
    public_address inet,
    private_address inet,
    -- not known to have succeeded
    actions bigint[] NOT NULL DEFAULT '{}',
    -- of what was found and not made: why it goes with the cluster
    why text,
    -- of a balancer that Kubernetes' controller made: its Service's uid
    service text,
    lease_text text NOT NULL GENERATED ALWAYS AS (byoc.resource_text(
        kind, hetzner_id, name, phase, index, public_address, private_address,
        actions, why, service)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, kind, hetzner_id),
    UNIQUE (cluster_id, phase, index)
);

-- What a teardown has met with, and what became of it: deleted, gone (somebody
-- else had deleted it) or kept.
CREATE TABLE byoc.receipts (
    cluster_id uuid NOT NULL REFERENCES byoc.clusters ON DELETE CASCADE,
    kind text NOT NULL,
    hetzner_id bigint NOT NULL,
    name text NOT NULL,
    fate text NOT NULL CHECK (fate IN ('deleted', 'gone', 'kept')),
    why text NOT NULL,
    service text, -- as in byoc.resources
    run integer NOT NULL,
    phase text NOT NULL,
    -- whatever comes; else it is told anew whenever its phase looks
    lasting boolean NOT NULL DEFAULT false,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cluster_id, kind, hetzner_id)
);

CREATE TABLE byoc.events (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- no foreign keys: to be numbered, the record has to exist
    cluster_id uuid,
    credential_id uuid,
    sequence bigint NOT NULL,
    -- 'running', 'phase.done', ...; the prefix is told by the subject
    name text NOT NULL,
    data json NOT NULL, -- as it goes out
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(cluster_id, credential_id) = 1)
) PARTITION BY RANGE (created_at);

-- For what comes when there is no partition for its month (byoc.tend_history).
CREATE TABLE byoc.events_default PARTITION OF byoc.events DEFAULT;

-- Not unique, for that would need the time as well: a number is only ever given
-- out together with the lock on its subject's row.
-- For who follows all: a page's worth of it costs next to nothing to keep.
CREATE INDEX events_age ON byoc.events USING brin (created_at)
    WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX events_cluster ON byoc.events (cluster_id, sequence)
    WHERE cluster_id IS NOT NULL;
CREATE INDEX events_credential ON byoc.events (credential_id, sequence)
    WHERE credential_id IS NOT NULL;

-- Jobs that were answered by an event: a job may come twice.
CREATE TABLE byoc.answered_jobs (
    cluster_id uuid NOT NULL REFERENCES byoc.clusters ON DELETE CASCADE,
    job_id uuid NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cluster_id, job_id)
);

CREATE INDEX answered_jobs_age ON byoc.answered_jobs (answered_at);

-- Who asked for what: jobs, and what is done at once, such as a protection.
CREATE TABLE byoc.requests (
    job_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- a job's type, or 'cluster.create', 'credential.rotate', ...
    type text NOT NULL,
    -- no foreign keys: it outlives what it tells of
    credential_id uuid NOT NULL,
    cluster_id uuid,
    -- the database's login; null: a job that came straight from the broker
    asked_by text DEFAULT session_user,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    traceparent text,
    options jsonb, -- of a teardown
    -- when a worker took it, and the run that began with it
    taken_at timestamptz,
    run integer
);

CREATE INDEX requests_waiting ON byoc.requests (credential_id, asked_at)
    WHERE taken_at IS NULL;
CREATE INDEX requests_age ON byoc.requests (asked_at);

-- Messages written with what they tell about, until a broker confirmed them.
-- It is almost empty at all times: one index is enough.
CREATE TABLE byoc.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange text NOT NULL,
    routing_key text NOT NULL,
    message_id uuid NOT NULL,
    type text NOT NULL,
    traceparent text,
    body text NOT NULL, -- JSON
    -- who wrote it publishes it; from this moment on, anybody may, each time
    -- after a longer while
    due_at timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- A sealed token is short, and of the form that `seal` gives it. Whatever else
-- comes is not shown: it may be a token.
CREATE FUNCTION byoc.check_sealed_token() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    form text := '^byoc1\.[A-Za-z0-9+/=._-]+$';
BEGIN
    IF NEW.deleted_at IS NULL AND (NEW.sealed_token ~ form) IS NOT TRUE
       OR NEW.active_sealed_token !~ form
       OR octet_length(NEW.sealed_token) > 1024
       OR octet_length(NEW.active_sealed_token) > 1024
    THEN
        RAISE EXCEPTION 'this is not a sealed token'
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'credentials_sealed_token',
                  HINT = 'Seal it with the newest .pub file of the key folder: '
                         'byoc1.<key id>.<base64>, at most 1024 bytes. If a '
                         'plain token was sent, replace it at Hetzner.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER credentials_sealed
BEFORE INSERT OR UPDATE OF sealed_token, active_sealed_token
ON byoc.credentials
FOR EACH ROW EXECUTE FUNCTION byoc.check_sealed_token();

-- What one worker does at a time: it holds the row meanwhile. Advisory locks will
-- not do, for whoever may connect may take them.
CREATE TABLE byoc.turns (
    what text PRIMARY KEY,
    taken_at timestamptz
);

INSERT INTO byoc.turns (what) VALUES ('watchdog'), ('history');

-- Is it ours until the end of the transaction? Nobody's, if somebody had it less
-- than `pause` ago: what all workers do together costs as much as of one.
CREATE FUNCTION byoc.take_turn(errand text, pause interval) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.turns SET taken_at = clock_timestamp()
    WHERE what IN (SELECT t.what FROM byoc.turns t
                   WHERE t.what = errand
                     AND (t.taken_at IS NULL OR clock_timestamp()
                          NOT BETWEEN t.taken_at AND t.taken_at + pause)
                   FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END $$;

-- Which status may follow which.
CREATE FUNCTION byoc.check_transition() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('pending', 'provisioning'), ('pending', 'deleting'),
        ('pending', 'failed'), ('provisioning', 'running'),
        ('provisioning', 'failed'), ('provisioning', 'deleting'),
        ('running', 'deleting'), ('deleting', 'deleted'),
        ('deleting', 'failed'), ('failed', 'pending'),
        ('failed', 'deleting'))
    THEN
        RAISE EXCEPTION 'cluster %: % cannot become %',
            OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER clusters_transition BEFORE UPDATE OF status ON byoc.clusters
FOR EACH ROW WHEN (OLD.status <> NEW.status)
EXECUTE FUNCTION byoc.check_transition();

-- History is only ever added to; what is old goes with its whole partition.
CREATE FUNCTION byoc.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'byoc.events is append-only';
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON byoc.events
FOR EACH ROW EXECUTE FUNCTION byoc.refuse_change();
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON byoc.events
FOR EACH STATEMENT EXECUTE FUNCTION byoc.refuse_change();
