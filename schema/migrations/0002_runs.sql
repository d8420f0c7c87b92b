-- What happens, as functions: each is one step of a worker's tick for all jobs
-- that stand there. Every function that writes for clusters first locks their
-- rows in the order of their ids, and does without those that somebody else
-- holds: so none ever waits for another, and a statement after the lock sees
-- all that was committed before it. Clusters are locked before credentials.
-- Those that a tick calls are in plpgsql, which keeps their plans.

-- Returns the ids that were got; the others are busy, or there is no such row.
CREATE FUNCTION byoc.lock_clusters(ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(SELECT id FROM byoc.clusters WHERE id = ANY (ids)
                 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
END $$;

-- Is that moment past? What is further away than anybody waits was written before
-- the clock was put back, and counts as past: leases and the outbox look ahead
-- for a few minutes, phases for an hour.
CREATE FUNCTION byoc.is_past(moment timestamptz,
                             most interval DEFAULT '10 minutes')
RETURNS boolean LANGUAGE sql AS $$
    SELECT moment <= clock_timestamp() OR moment > clock_timestamp() + most
$$;

-- What events tell of a phase.
CREATE TYPE byoc.phase_news AS (
    cluster_id uuid,
    run integer,
    phase text,
    index integer,
    status text,
    code text,
    reason text
);

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
           '{"id": "' || p.job_id || '", "type": "cluster.phase", '
               || '"cluster_id": "' || p.cluster_id || '", "run": ' || p.run
               || ', "phase": "' || p.phase || '", "index": ' || p.index
               || '}',
           clock_timestamp() + interval '5 seconds'
    FROM unnest(queued) p JOIN byoc.clusters c ON c.id = p.cluster_id;
END $$;

-- The message of a validation. `queue` is a wait queue, or null: at once.
CREATE FUNCTION byoc.publish_validation(credential uuid, queue text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT CASE WHEN queue IS NULL THEN 'byoc.jobs' ELSE '' END,
           coalesce(queue, 'byoc.jobs'), c.job_id, 'credential.validate',
           c.traceparent,
           json_build_object('id', c.job_id, 'type', 'credential.validate',
                             'credential_id', c.id),
           clock_timestamp() + interval '5 seconds'
    FROM byoc.credentials c WHERE c.id = credential;
END $$;

-- A validation at once. A message that is on its way for another becomes void.
CREATE FUNCTION byoc.validate_anew(credential uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.credentials
    SET job_id = gen_random_uuid(), due_at = clock_timestamp()
    WHERE id = credential;
    PERFORM byoc.publish_validation(credential, NULL);
END $$;

-- For dashboards: asks for a job in the transaction that writes its record.
-- The workers' relay publishes it. Returns the job's id. Like all that a
-- dashboard may call, it does with its owner's rights what is not granted to
-- the caller, and nothing in the caller's search_path can take its words' place.
CREATE FUNCTION byoc.enqueue(job_type text, id uuid,
                             traceparent text DEFAULT NULL,
                             options jsonb DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM byoc.check_request(job_type, id, options);
    RETURN byoc.ask(job_type, id, traceparent, options);
END $$;

COMMENT ON FUNCTION byoc.enqueue IS
    'Asks for a job, in the transaction that writes its record. Gives the '
    'job''s id. BY001 to BY003, BY005, BY006, BY008: refused.';

-- The same without limits, for what follows from what was asked for. What is no
-- trace is left out: a job does not fail for that.
CREATE FUNCTION byoc.ask(job_type text, id uuid, traceparent text DEFAULT NULL,
                         options jsonb DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    job uuid := gen_random_uuid();
    subject uuid := ask.id;
    cluster uuid;
    credential uuid;
    trace text := CASE WHEN ask.traceparent
        ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' THEN ask.traceparent END;
BEGIN
    IF options - '{with_neighbours,keep_volumes,all_gone,dry_run}'::text[]
       <> '{}'
       OR options IS NOT NULL AND job_type <> 'cluster.teardown' THEN
        RAISE EXCEPTION 'unknown options of a job %', job_type
            USING ERRCODE = 'BY006', CONSTRAINT = 'bad_request',
                  HINT = 'A cluster.teardown takes with_neighbours, '
                         'keep_volumes, all_gone and dry_run, each true or '
                         'false.';
    END IF;
    CASE job_type
    WHEN 'credential.validate', 'credential.audit' THEN
        UPDATE byoc.credentials c
        SET job_id = job, due_at = clock_timestamp(),
            audits = c.audits || CASE job_type
                WHEN 'credential.audit' THEN ARRAY[job] ELSE '{}' END
        WHERE c.id = subject RETURNING c.id INTO credential;
    WHEN 'cluster.provision', 'cluster.teardown', 'cluster.refresh',
         'cluster.repair' THEN
        UPDATE byoc.clusters c
        SET requested_goal = split_part(job_type, '.', 2),
            requested_at = clock_timestamp(),
            requested_options = ask.options
        WHERE c.id = subject RETURNING c.id, c.credential_id
        INTO cluster, credential;
    WHEN 'cluster.kubeconfig' THEN
        SELECT c.id, c.credential_id INTO cluster, credential
        FROM byoc.clusters c WHERE c.id = subject;
    ELSE
        RAISE EXCEPTION 'unknown job type %', left(job_type, 60)
            USING ERRCODE = 'BY006', CONSTRAINT = 'bad_request',
                  HINT = 'Use credential.validate, credential.audit, '
                         'cluster.provision, cluster.teardown, '
                         'cluster.refresh, cluster.repair or '
                         'cluster.kubeconfig.';
    END CASE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: there is no record with the id %',
            job_type, subject
            USING ERRCODE = 'BY005', CONSTRAINT = 'unknown_record';
    END IF;
    INSERT INTO byoc.requests (job_id, type, credential_id, cluster_id,
                               traceparent, options)
    VALUES (job, job_type, credential, cluster, trace, ask.options);
    PERFORM byoc.publish_request(job);
    RETURN job;
END $$;

-- The message of what was asked for.
CREATE FUNCTION byoc.publish_request(job uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT 'byoc.jobs', 'byoc.jobs', r.job_id, r.type, r.traceparent,
           (coalesce(r.options, '{}') || jsonb_build_object(
               'id', r.job_id, 'type', r.type,
               split_part(r.type, '.', 1) || '_id',
               coalesce(r.cluster_id, r.credential_id)))::json,
           clock_timestamp()
    FROM byoc.requests r WHERE r.job_id = job;
END $$;

-- ---- Runs ----

-- Starts runs. Each element: n, cluster_id, job_id, goal, traceparent, options (of
-- a teardown, see byoc.clusters.removal), and the phases of the plan with index
-- and needs. A job that comes again finds a status
-- that does not fit any more, and changes nothing. Returns the n whose cluster is
-- busy: they are to be tried again.
CREATE FUNCTION byoc.start_runs(starts jsonb) RETURNS SETOF integer
LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[] := byoc.lock_clusters(ARRAY(
        SELECT s.cluster_id FROM jsonb_to_recordset(starts) s(cluster_id uuid)));
    start record;
    began integer;
BEGIN
    FOR start IN
        SELECT s.*, k.active_sealed_token IS NOT NULL AS usable,
               k.token_version
        FROM jsonb_to_recordset(starts)
             s(n integer, cluster_id uuid, job_id uuid, goal text,
               traceparent text, options jsonb, phases jsonb)
        JOIN byoc.clusters c ON c.id = s.cluster_id
        JOIN byoc.credentials k ON k.id = c.credential_id
        ORDER BY s.n
    LOOP
        IF start.cluster_id = ANY (locked) AND start.goal = 'survey' THEN
            PERFORM byoc.start_survey(
                start.cluster_id, start.phases, start.usable,
                start.options || jsonb_build_object('job_id', start.job_id));
            PERFORM byoc.note_start(start.job_id, start.cluster_id, start.goal,
                                    start.traceparent, NULL);
        ELSIF start.cluster_id = ANY (locked) THEN
            began := byoc.start_run(start.cluster_id, start.goal,
                                    start.traceparent, start.phases,
                                    start.usable, start.token_version,
                                    coalesce(start.options, '{}'));
            PERFORM byoc.note_start(start.job_id, start.cluster_id, start.goal,
                                    start.traceparent, began);
        ELSE
            RETURN NEXT start.n;
        END IF;
    END LOOP;
END $$;

-- Returns the run's number; null: the status does not allow it.
CREATE FUNCTION byoc.start_run(cluster uuid, new_goal text, new_trace text,
                               plan jsonb, usable boolean,
                               token_version integer, options jsonb)
RETURNS integer
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    new_run integer;
BEGIN
    UPDATE byoc.clusters c
    SET requested_goal = NULL, requested_at = NULL, requested_options = NULL
    WHERE id = cluster AND c.requested_goal = new_goal;

    IF new_goal = 'provision' AND NOT usable THEN
        UPDATE byoc.clusters c
        SET status = 'failed', traceparent = new_trace,
            code = 'credential_not_ready',
            reason = 'The credential of this cluster is not ready. Store a '
                     'valid Read & Write token, then retry the cluster.'
        WHERE id = cluster AND c.status = 'pending';
        IF FOUND THEN
            PERFORM byoc.emit_clusters(ARRAY[cluster]);
        END IF;
        RETURN NULL;
    END IF;
    IF new_goal = 'teardown'
       AND byoc.refuse_protected(cluster, new_trace) THEN
        RETURN NULL;
    END IF;

    IF new_goal = 'teardown' AND byoc.hurry_teardown(cluster, options) THEN
        RETURN NULL;
    END IF;

    PERFORM byoc.emit_survey(id, survey, jsonb_build_object(
        'code', 'busy', 'reason', 'Something else was asked of the cluster '
        'meanwhile. Ask again when it stands still.'))
    FROM byoc.clusters WHERE id = cluster AND survey IS NOT NULL;

    UPDATE byoc.clusters c
    SET run = c.run + 1, goal = new_goal, traceparent = new_trace,
        token_version = CASE new_goal WHEN 'repair' THEN c.token_version
                                      ELSE start_run.token_version END,
        code = NULL, reason = NULL,
        was_ready = c.was_ready AND new_goal <> 'teardown',
        proven_version = CASE new_goal WHEN 'provision'
                                       THEN start_run.token_version
                                       ELSE c.proven_version END,
        removal = CASE new_goal WHEN 'teardown' THEN c.removal || options
                                WHEN 'provision' THEN '{}'
                                ELSE c.removal END,
        status = CASE new_goal WHEN 'provision' THEN 'provisioning'
                               WHEN 'teardown' THEN 'deleting'
                               ELSE c.status END
    WHERE id = cluster
      AND CASE new_goal
          WHEN 'provision' THEN c.status = 'pending'
          WHEN 'teardown' THEN c.status IN ('pending', 'provisioning',
                                            'running', 'failed')
          WHEN 'repair' THEN c.status = 'running' AND NOT c.active AND usable
          ELSE c.status = 'running' AND usable
               AND start_run.token_version > c.token_version END
    RETURNING c.run INTO new_run;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- What never had a run has nothing at Hetzner: it takes no token to end it.
    IF new_goal = 'teardown' AND new_run = 1 THEN
        plan := '[]';
    END IF;
    PERFORM byoc.add_phases(cluster, new_run, plan);
    IF new_goal <> 'refresh' THEN
        PERFORM byoc.emit_clusters(ARRAY[cluster], CASE new_goal
                                       WHEN 'repair' THEN 'repairing' END);
    END IF;
    PERFORM byoc.queue_phases(ARRAY[cluster]);
    IF new_goal = 'teardown' AND new_run = 1 THEN
        PERFORM byoc.finish_clusters(ARRAY[cluster]);
    END IF;
    RETURN new_run;
END $$;

CREATE FUNCTION byoc.add_phases(cluster uuid, new_run integer, plan jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.progress g
    SET run = new_run, traceparent = c.traceparent,
        phases_total = jsonb_array_length(plan), phases_done = 0
    FROM byoc.clusters c
    WHERE c.id = cluster AND g.cluster_id = c.id;
    INSERT INTO byoc.phases (cluster_id, run, phase, index, needs, status)
    SELECT cluster, new_run, p.phase, p.index, p.needs, 'blocked'
    FROM jsonb_to_recordset(plan) p(phase text, index integer, needs text[]);
END $$;

-- Queues every blocked phase of the clusters' current runs that has all it
-- needs. A needed phase that a cluster does not have counts as done.
CREATE FUNCTION byoc.queue_phases(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    phases byoc.phases[];
BEGIN
    WITH open AS (
        SELECT p.cluster_id, p.run, array_agg(p.phase) AS names
        FROM byoc.clusters c
        JOIN byoc.phases p ON p.cluster_id = c.id AND p.run = c.run
        WHERE c.id = ANY (ids) AND c.active AND p.status <> 'done'
        GROUP BY 1, 2
    ), queued AS (
        UPDATE byoc.phases p
        SET status = 'queued', job_id = gen_random_uuid(),
            due_at = clock_timestamp(), wait_queue = NULL
        FROM open
        WHERE p.cluster_id = open.cluster_id AND p.run = open.run
          AND p.status = 'blocked' AND NOT p.needs && open.names
        RETURNING p
    )
    SELECT array_agg(p) INTO phases FROM queued;
    IF phases IS NOT NULL THEN
        PERFORM byoc.publish_phases(phases);
    END IF;
END $$;
