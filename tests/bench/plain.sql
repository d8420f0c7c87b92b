-- The durable job cycle with nothing else: as many rows and messages as a job
-- of byoc-worker has, for the plain loop and for the peers. A cluster is a
-- chain of four jobs; each but the last is followed by the next.
-- Functions are in plpgsql, which keeps their plans: what is left of the time of
-- a job is its program's.
CREATE SCHEMA plain;

CREATE TABLE plain.clusters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE TABLE plain.phases (
    cluster_id uuid NOT NULL REFERENCES plain.clusters,
    step integer NOT NULL,
    status text NOT NULL DEFAULT 'blocked',
    job_id uuid,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (cluster_id, step)
) WITH (fillfactor = 70);

CREATE TABLE plain.resources (
    cluster_id uuid NOT NULL REFERENCES plain.clusters,
    hetzner_id bigint NOT NULL,
    step integer NOT NULL,
    PRIMARY KEY (cluster_id, step)
);

CREATE TABLE plain.events (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    cluster_id uuid NOT NULL,
    sequence bigint NOT NULL,
    name text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (cluster_id, sequence)
);

CREATE TABLE plain.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange text NOT NULL,
    routing_key text NOT NULL,
    message_id uuid NOT NULL,
    body json NOT NULL
);

-- One event a job, and its message.
CREATE FUNCTION plain.emit(clusters uuid[], steps integer[], name text)
RETURNS SETOF plain.outbox LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH job AS (
        SELECT cluster_id, step
        FROM unnest(clusters, steps) j(cluster_id, step)
    ), numbered AS (
        UPDATE plain.clusters c SET sequence = sequence + 1
        FROM job WHERE c.id = job.cluster_id
        RETURNING c.id, c.sequence, job.step
    ), added AS (
        INSERT INTO plain.events (cluster_id, sequence, name, data)
        SELECT id, sequence, emit.name,
               jsonb_build_object('cluster_id', id, 'step', step)
        FROM numbered RETURNING *
    )
    INSERT INTO plain.outbox (exchange, routing_key, message_id, body)
    SELECT 'plain.events', 'cluster.' || cluster_id || '.' || e.name, id,
           json_build_object(
               'specversion', '1.0', 'id', id, 'source', '/mengi/byoc',
               'type', 'cloud.mengi.byoc.cluster.' || e.name,
               'subject', cluster_id, 'time', created_at,
               'datacontenttype', 'application/json', 'sequence', sequence,
               'data', data)
    FROM added e RETURNING *;
END $$;

CREATE FUNCTION plain.lease(clusters uuid[], steps integer[], jobs uuid[])
RETURNS SETOF plain.outbox LANGUAGE plpgsql AS $$
BEGIN
    UPDATE plain.phases p
    SET status = 'leased', started_at = clock_timestamp(),
        lease_until = clock_timestamp() + interval '20 seconds'
    FROM unnest(clusters, steps, jobs) j(cluster_id, step, job_id)
    WHERE p.cluster_id = j.cluster_id AND p.step = j.step
      AND p.job_id = j.job_id AND p.status = 'queued';
    RETURN QUERY SELECT * FROM plain.emit(clusters, steps, 'phase.started');
END $$;

CREATE FUNCTION plain.commit(clusters uuid[], steps integer[], ids bigint[])
RETURNS SETOF plain.outbox LANGUAGE plpgsql AS $$
BEGIN
    UPDATE plain.phases p
    SET status = 'done', lease_until = NULL, finished_at = clock_timestamp()
    FROM unnest(clusters, steps) j(cluster_id, step)
    WHERE p.cluster_id = j.cluster_id AND p.step = j.step
      AND p.status = 'leased';
    INSERT INTO plain.resources (cluster_id, step, hetzner_id)
    SELECT * FROM unnest(clusters, steps, ids);
    RETURN QUERY SELECT * FROM plain.emit(clusters, steps, 'phase.done');
    RETURN QUERY SELECT * FROM plain.queue(clusters, steps);
END $$;

-- The jobs that follow these.
CREATE FUNCTION plain.queue(clusters uuid[], steps integer[])
RETURNS SETOF plain.outbox LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH queued AS (
        UPDATE plain.phases p
        SET status = 'queued', job_id = gen_random_uuid()
        FROM unnest(clusters, steps) j(cluster_id, step)
        WHERE p.cluster_id = j.cluster_id AND p.step = j.step + 1
        RETURNING p.*
    )
    INSERT INTO plain.outbox (exchange, routing_key, message_id, body)
    SELECT 'plain.jobs', 'plain.jobs', job_id,
           json_build_object('id', job_id, 'type', 'cluster.phase',
                             'cluster_id', cluster_id, 'step', step)
    FROM queued RETURNING *;
END $$;
