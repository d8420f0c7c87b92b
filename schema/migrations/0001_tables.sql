-- The tables of BYOC. What must never be is made impossible here; what happens
-- is in the functions of the files that follow.

CREATE TABLE byoc.credentials (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    status text NOT NULL DEFAULT 'pending_validation'
        CHECK (status IN ('pending_validation', 'ready', 'invalid')),
    -- the newest token, and the last one that was found good: clusters use it
    sealed_token text CHECK (sealed_token LIKE 'byoc1.%'),
    active_sealed_token text CHECK (active_sealed_token LIKE 'byoc1.%'),
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
    validated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- its row stays, because clusters and events tell of it; its tokens go
    deleted_at timestamptz,
    CHECK ((deleted_at IS NULL) = (sealed_token IS NOT NULL)),
    CHECK ((status = 'invalid') = (code IS NOT NULL)),
    CHECK (status <> 'ready' OR active_sealed_token IS NOT NULL)
);

CREATE UNIQUE INDEX credentials_name ON byoc.credentials (name)
    WHERE deleted_at IS NULL;

CREATE TABLE byoc.clusters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    credential_id uuid NOT NULL REFERENCES byoc.credentials,
    location text NOT NULL
        CHECK (location IN ('fsn1', 'nbg1', 'hel1', 'ash', 'hil', 'sin')),
    type text NOT NULL CHECK (type IN ('dedicated', 'dedicated_ha')),
    workers integer NOT NULL DEFAULT 0 CHECK (workers BETWEEN 0 AND 100),
    server_type text CHECK (length(server_type) BETWEEN 1 AND 31),
    gateway_type text CHECK (length(gateway_type) BETWEEN 1 AND 31),
    ssh_sources cidr[] NOT NULL DEFAULT '{0.0.0.0/0,::/0}'
        CHECK (cardinality(ssh_sources) BETWEEN 0 AND 10),
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'provisioning', 'running', 'deleting',
                          'deleted', 'failed')),
    goal text NOT NULL DEFAULT 'provision'
        CHECK (goal IN ('provision', 'teardown', 'refresh')),
    -- is there a run that phases may work for?
    active boolean NOT NULL GENERATED ALWAYS AS (
        status IN ('provisioning', 'deleting') OR goal = 'refresh') STORED,
    -- the one current run: jobs of any other are void
    run integer NOT NULL DEFAULT 0 CHECK (run >= 0),
    code text,
    reason text,
    sequence bigint NOT NULL DEFAULT 0,
    traceparent text,
    -- what was asked for by byoc.enqueue and has not begun yet
    requested_goal text
        CHECK (requested_goal IN ('provision', 'teardown', 'refresh')),
    requested_at timestamptz,
    -- of the credential, when the run began: the nodes know that one or a newer
    token_version integer NOT NULL DEFAULT 0,
    ssh_public_key text,
    sealed_ssh_private_key text,
    sealed_authorities text,
    sealed_join_token text,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (goal <> 'refresh' OR status = 'running'),
    CHECK (status <> 'failed' OR code IS NOT NULL),
    CHECK (code IS NULL OR status IN ('failed', 'deleting')),
    CHECK (num_nulls(ssh_public_key, sealed_ssh_private_key,
                     sealed_authorities, sealed_join_token) IN (0, 4)),
    CHECK (status IN ('pending', 'failed') OR run > 0)
) WITH (fillfactor = 70);

-- For the watchdog. (No index on what changes in phases: their updates stay
-- within the page.)
CREATE INDEX clusters_active ON byoc.clusters (id) WHERE active;
CREATE INDEX clusters_credential ON byoc.clusters (credential_id);
CREATE INDEX clusters_requested ON byoc.clusters (requested_at)
    WHERE requested_at IS NOT NULL;

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
    -- the message that is valid now, and when it should arrive
    job_id uuid,
    due_at timestamptz,
    -- where it waits until then; null: in the job queue
    wait_queue text,
    lease_owner uuid,
    lease_token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    leases integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    code text,
    reason text,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (cluster_id, run, phase, index),
    CHECK (status NOT IN ('queued', 'leased') OR job_id IS NOT NULL),
    CHECK ((status = 'leased') = (lease_until IS NOT NULL))
) WITH (fillfactor = 70);

CREATE TABLE byoc.resources (
    cluster_id uuid NOT NULL REFERENCES byoc.clusters ON DELETE CASCADE,
    kind text NOT NULL
        CHECK (kind IN ('load_balancer', 'server', 'volume', 'network',
                        'firewall', 'placement_group', 'ssh_key',
                        'primary_ip')),
    hetzner_id bigint NOT NULL CHECK (hetzner_id > 0),
    name text NOT NULL,
    phase text NOT NULL,
    index integer NOT NULL,
    public_address inet,
    private_address inet,
    -- not known to have succeeded
    actions bigint[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, kind, hetzner_id),
    UNIQUE (cluster_id, phase, index)
);

CREATE TABLE byoc.events (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- no foreign keys: to be numbered, the record has to exist
    cluster_id uuid,
    credential_id uuid,
    sequence bigint NOT NULL,
    -- 'running', 'phase.done', ...; the prefix is told by the subject
    name text NOT NULL,
    data jsonb NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(cluster_id, credential_id) = 1)
);

CREATE UNIQUE INDEX events_cluster ON byoc.events (cluster_id, sequence)
    WHERE cluster_id IS NOT NULL;
CREATE UNIQUE INDEX events_credential ON byoc.events (credential_id, sequence)
    WHERE credential_id IS NOT NULL;

-- The answer to a job, which may come twice.
CREATE UNIQUE INDEX events_kubeconfig
    ON byoc.events (cluster_id, (data ->> 'job_id')) WHERE name = 'kubeconfig';

-- Messages written with what they tell about, until a broker confirmed them.
-- It is almost empty at all times: one index is enough.
CREATE TABLE byoc.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange text NOT NULL,
    routing_key text NOT NULL,
    message_id uuid NOT NULL,
    type text NOT NULL,
    traceparent text,
    body json NOT NULL,
    -- who wrote it publishes it; from this moment on, anybody may
    due_at timestamptz NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);

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

-- An event takes the next sequence number of its subject, and with it the lock
-- on the subject's row: numbers have no gaps, and appear in order. What
-- byoc.emit_phases and byoc.emit_kubeconfigs write is numbered already.
CREATE FUNCTION byoc.number_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.cluster_id IS NOT NULL THEN
        UPDATE byoc.clusters SET sequence = sequence + 1
        WHERE id = NEW.cluster_id
        RETURNING sequence, traceparent INTO NEW.sequence, NEW.traceparent;
    ELSE
        UPDATE byoc.credentials SET sequence = sequence + 1
        WHERE id = NEW.credential_id
        RETURNING sequence, traceparent INTO NEW.sequence, NEW.traceparent;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER events_number BEFORE INSERT ON byoc.events
FOR EACH ROW WHEN (NEW.sequence IS NULL) EXECUTE FUNCTION byoc.number_event();

-- History is only ever added to.
CREATE FUNCTION byoc.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'byoc.events is append-only';
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON byoc.events
FOR EACH STATEMENT EXECUTE FUNCTION byoc.refuse_change();

-- Every event goes out: CloudEvents 1.0, structured mode.
CREATE FUNCTION byoc.publish_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT 'byoc.events', s.kind || '.' || s.id || '.' || e.name, e.id, s.type,
           e.traceparent,
           json_strip_nulls(json_build_object(
               'specversion', '1.0',
               'id', e.id,
               'source', '/mengi/byoc',
               'type', s.type,
               'subject', s.id,
               'time', to_char(e.created_at AT TIME ZONE 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
               'datacontenttype', 'application/json',
               'sequence', e.sequence,
               'traceparent', e.traceparent,
               'data', e.data)),
           clock_timestamp() + interval '5 seconds'
    FROM added e,
    LATERAL (SELECT CASE WHEN e.cluster_id IS NULL THEN 'credential'
                         ELSE 'cluster' END,
                    coalesce(e.cluster_id, e.credential_id)) k (kind, id),
    LATERAL (SELECT k.kind, k.id,
                    'cloud.mengi.byoc.' || k.kind || '.' || e.name)
            s (kind, id, type)
    ORDER BY s.id, e.sequence;
    RETURN NULL;
END $$;

CREATE TRIGGER events_publish AFTER INSERT ON byoc.events
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION byoc.publish_events();
