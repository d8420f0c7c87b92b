-- What happens, as functions: each is one step of a worker's tick for all jobs
-- that stand there. Every function that writes for clusters first locks their
-- rows in the order of their ids; so no two can wait for each other, and a
-- statement after the lock sees all that was committed before it. Those that a
-- tick calls are in plpgsql, which keeps their plans.

CREATE FUNCTION byoc.lock_clusters(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM byoc.clusters WHERE id = ANY (ids) ORDER BY id
    FOR NO KEY UPDATE;
END $$;

-- ---- Jobs ----

-- The messages of phases that have just been queued.
CREATE FUNCTION byoc.publish_phases(queued byoc.phases[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT CASE WHEN p.wait_queue IS NULL THEN 'byoc.jobs' ELSE '' END,
           coalesce(p.wait_queue, 'byoc.jobs'), p.job_id, 'cluster.phase',
           c.traceparent,
           json_build_object('id', p.job_id, 'type', 'cluster.phase',
                             'cluster_id', c.id, 'run', p.run,
                             'phase', p.phase, 'index', p.index),
           clock_timestamp() + interval '5 seconds'
    FROM unnest(queued) p JOIN byoc.clusters c ON c.id = p.cluster_id;
END $$;

-- The message of a validation. `queue` is a wait queue, or null: at once.
CREATE FUNCTION byoc.publish_validation(credential_id uuid, job_id uuid,
                                        queue text)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT CASE WHEN queue IS NULL THEN 'byoc.jobs' ELSE '' END,
           coalesce(queue, 'byoc.jobs'), job_id, 'credential.validate',
           c.traceparent,
           json_build_object('id', job_id, 'type', 'credential.validate',
                             'credential_id', c.id),
           clock_timestamp() + interval '5 seconds'
    FROM byoc.credentials c WHERE c.id = credential_id;
$$;

-- For dashboards: asks for a job in the transaction that writes its record.
-- The workers' relay publishes it. Returns the job's id. Like all that a
-- dashboard may call, it does with its owner's rights what is not granted to
-- the caller, and nothing in the caller's search_path can take its words' place.
CREATE FUNCTION byoc.enqueue(job_type text, id uuid,
                             traceparent text DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job uuid := gen_random_uuid();
    subject uuid := enqueue.id;
BEGIN
    CASE job_type
    WHEN 'credential.validate' THEN
        UPDATE byoc.credentials c SET job_id = job, due_at = clock_timestamp()
        WHERE c.id = subject;
    WHEN 'cluster.provision', 'cluster.teardown', 'cluster.refresh' THEN
        UPDATE byoc.clusters c
        SET requested_goal = split_part(job_type, '.', 2),
            requested_at = clock_timestamp()
        WHERE c.id = subject;
    ELSE
        RAISE EXCEPTION 'unknown job type %', job_type
            USING HINT = 'Use credential.validate, cluster.provision, '
                         'cluster.teardown or cluster.refresh.';
    END CASE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: there is no record with the id %',
            job_type, subject;
    END IF;
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    VALUES ('byoc.jobs', 'byoc.jobs', job, job_type, enqueue.traceparent,
            json_build_object('id', job, 'type', job_type,
                split_part(job_type, '.', 1) || '_id', subject),
            clock_timestamp());
    RETURN job;
END $$;

-- ---- Runs ----

-- Starts runs. Each element: cluster_id, goal, traceparent, and the phases of
-- the plan with index and needs. A job that comes again finds a status that
-- does not fit any more, and changes nothing.
CREATE FUNCTION byoc.start_runs(starts jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    start record;
BEGIN
    PERFORM byoc.lock_clusters(ARRAY(
        SELECT s.cluster_id FROM jsonb_to_recordset(starts) s(cluster_id uuid)));
    FOR start IN
        SELECT s.*, k.active_sealed_token IS NOT NULL AS usable,
               k.token_version
        FROM jsonb_to_recordset(starts)
             s(cluster_id uuid, goal text, traceparent text, phases jsonb)
        JOIN byoc.clusters c ON c.id = s.cluster_id
        JOIN byoc.credentials k ON k.id = c.credential_id
    LOOP
        PERFORM byoc.start_run(start.cluster_id, start.goal, start.traceparent,
                               start.phases, start.usable,
                               start.token_version);
    END LOOP;
END $$;

CREATE FUNCTION byoc.start_run(cluster uuid, new_goal text, new_trace text,
                               plan jsonb, usable boolean,
                               token_version integer) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_run integer;
BEGIN
    UPDATE byoc.clusters c
    SET requested_goal = NULL, requested_at = NULL
    WHERE id = cluster AND c.requested_goal = new_goal;

    IF new_goal = 'provision' AND NOT usable THEN
        UPDATE byoc.clusters c
        SET status = 'failed', traceparent = new_trace,
            code = 'credential_not_ready',
            reason = 'The credential of this cluster is not ready. Store a '
                     'valid Read & Write token, then retry the cluster.'
        WHERE id = cluster AND c.status = 'pending';
        IF FOUND THEN
            PERFORM byoc.emit_cluster(cluster, 'failed');
        END IF;
        RETURN;
    END IF;

    UPDATE byoc.clusters c
    SET run = c.run + 1, goal = new_goal, traceparent = new_trace,
        token_version = start_run.token_version, code = NULL, reason = NULL,
        status = CASE new_goal WHEN 'provision' THEN 'provisioning'
                               WHEN 'teardown' THEN 'deleting'
                               ELSE c.status END
    WHERE id = cluster
      AND CASE new_goal
          WHEN 'provision' THEN c.status = 'pending'
          WHEN 'teardown' THEN c.status IN ('pending', 'provisioning',
                                            'running', 'failed')
          ELSE c.status = 'running' AND usable
               AND start_run.token_version > c.token_version END
    RETURNING c.run INTO new_run;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF new_goal <> 'refresh' THEN
        PERFORM byoc.emit_cluster(cluster, CASE new_goal
            WHEN 'provision' THEN 'provisioning' ELSE 'deleting' END);
    END IF;

    INSERT INTO byoc.phases (cluster_id, run, phase, index, needs, status)
    SELECT cluster, new_run, p.phase, p.index, p.needs, 'blocked'
    FROM jsonb_to_recordset(plan) p(phase text, index integer, needs text[]);
    PERFORM byoc.queue_phases(ARRAY[cluster]);
END $$;

-- Queues every blocked phase of the clusters' current runs that has all it
-- needs. A needed phase that a cluster does not have counts as done.
CREATE FUNCTION byoc.queue_phases(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    phases byoc.phases[];
BEGIN
    WITH queued AS (
        UPDATE byoc.phases p
        SET status = 'queued', job_id = gen_random_uuid(),
            due_at = clock_timestamp(), wait_queue = NULL
        FROM byoc.clusters c
        WHERE c.id = ANY (ids) AND c.active
          AND p.cluster_id = c.id AND p.run = c.run AND p.status = 'blocked'
          AND NOT EXISTS (
              SELECT FROM byoc.phases q
              WHERE q.cluster_id = p.cluster_id AND q.run = p.run
                AND q.phase = ANY (p.needs) AND q.status <> 'done')
        RETURNING p
    )
    SELECT array_agg(p) INTO phases FROM queued;
    PERFORM byoc.publish_phases(phases) WHERE phases IS NOT NULL;
END $$;

-- ---- Events ----

-- Records what happened to phases, in their order. A leased one has started.
CREATE FUNCTION byoc.emit_phases(changed byoc.phases[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH numbered AS (
        UPDATE byoc.clusters c SET sequence = c.sequence + cardinality(k.phases)
        FROM (SELECT p.cluster_id, array_agg(p) AS phases
              FROM unnest(changed) p GROUP BY 1) k
        WHERE c.id = k.cluster_id
        RETURNING c.id, c.traceparent, k.phases,
                  c.sequence - cardinality(k.phases) AS before
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT c.id, c.before + p.ordinality,
           CASE p.status WHEN 'leased' THEN 'phase.started'
                         WHEN 'done' THEN 'phase.done'
                         ELSE 'phase.failed' END,
           jsonb_strip_nulls(jsonb_build_object(
               'cluster_id', c.id, 'run', p.run, 'phase', p.phase,
               'index', p.index, 'code', p.code, 'reason', p.reason)),
           c.traceparent
    FROM numbered c, unnest(c.phases) WITH ORDINALITY p;
END $$;

CREATE FUNCTION byoc.emit_cluster(cluster uuid, event text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO byoc.events (cluster_id, name, data)
    SELECT c.id, event, jsonb_strip_nulls(jsonb_build_object(
        'cluster_id', c.id, 'name', c.name, 'status', c.status, 'run', c.run,
        'location', c.location, 'type', c.type,
        'code', c.code, 'reason', c.reason,
        'endpoint', 'https://' || host(lb.public_address) || ':6443'))
    FROM byoc.clusters c
    LEFT JOIN byoc.resources lb
           ON event = 'running' AND lb.cluster_id = c.id
          AND lb.phase = 'load_balancer'
    WHERE c.id = cluster;
$$;

CREATE FUNCTION byoc.emit_credential(credential uuid) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO byoc.events (credential_id, name, data)
    SELECT c.id, c.status, jsonb_strip_nulls(jsonb_build_object(
        'credential_id', c.id, 'name', c.name, 'status', c.status,
        'code', c.code, 'reason', c.reason))
    FROM byoc.credentials c WHERE c.id = credential;
$$;
