-- Teardowns: the list before, what they met with, and the look afterwards.

-- ---- Surveys ----

-- Lists what a teardown would take away. A list is only true of a cluster that
-- stands still; what never had a run has nothing. Each job is answered once,
-- unless another run takes the survey's place.
CREATE FUNCTION byoc.start_survey(cluster uuid, plan jsonb, usable boolean,
                                  survey jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    c byoc.clusters;
BEGIN
    UPDATE byoc.clusters
    SET requested_goal = NULL, requested_at = NULL, requested_options = NULL
    WHERE id = cluster AND requested_options ->> 'dry_run' = 'true';
    INSERT INTO byoc.answered_jobs (cluster_id, job_id)
    VALUES (cluster, (survey ->> 'job_id')::uuid) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT status, active, run INTO c.status, c.active, c.run
    FROM byoc.clusters WHERE id = cluster;
    IF c.run = 0 OR c.status = 'deleted' AND NOT c.active THEN
        PERFORM byoc.emit_survey(cluster, survey, jsonb_build_object(
            'goes', '[]'::jsonb, 'stays', '[]'::jsonb,
            'price_month', '0.0000'));
    ELSIF c.active OR c.status = 'pending' THEN
        PERFORM byoc.emit_survey(cluster, survey, jsonb_build_object(
            'code', 'busy', 'reason', 'The cluster is being worked on, so that '
            'no list of it would be true. Ask again when it stands still.'));
    ELSIF NOT usable THEN
        PERFORM byoc.emit_survey(cluster, survey, jsonb_build_object(
            'code', 'credential_not_ready', 'reason', 'The credential of this '
            'cluster is not ready. Store a valid Read & Write token, then ask '
            'again.'));
    ELSE
        UPDATE byoc.clusters
        SET run = run + 1, goal = 'survey',
            survey = start_survey.survey || jsonb_build_object('goal', goal)
        WHERE id = cluster;
        PERFORM byoc.add_phases(cluster, c.run + 1, plan);
        PERFORM byoc.queue_phases(ARRAY[cluster]);
    END IF;
END $$;

-- The answer to a survey, and its end: the cluster is what it was before.
CREATE FUNCTION byoc.emit_survey(cluster uuid, survey jsonb, answer jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH c AS (
        UPDATE byoc.clusters
        SET survey = NULL,
            goal = CASE goal WHEN 'survey' THEN emit_survey.survey ->> 'goal'
                             ELSE goal END
        WHERE id = cluster
        RETURNING id, name, status, run, location, type, traceparent
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT c.id, byoc.next_sequence(c.id), 'deletion_planned', jsonb_build_object(
               'cluster_id', c.id, 'name', c.name, 'status', c.status,
               'run', c.run, 'location', c.location, 'type', c.type,
               'job_id', survey ->> 'job_id') || answer,
           c.traceparent
    FROM c;
END $$;

-- ---- Asked for once more ----

-- A teardown that is asked for once more, while it is under way, takes over
-- what it is told now, and looks at once at what it waits for; after a look that
-- does not know of it yet, once more. False: there is none.
CREATE FUNCTION byoc.hurry_teardown(cluster uuid, options jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    told byoc.phases[];
BEGIN
    UPDATE byoc.clusters SET removal = removal || options
    WHERE id = cluster AND status = 'deleting';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH h AS (
        UPDATE byoc.phases p
        SET job_id = gen_random_uuid(), due_at = clock_timestamp(),
            wait_queue = NULL, failures = 0, outages = 0
        FROM byoc.clusters c
        WHERE c.id = cluster AND p.cluster_id = c.id AND p.run = c.run
          AND p.status = 'queued' AND p.code IS NOT NULL
        RETURNING p
    )
    SELECT array_agg(p) INTO told FROM h;
    PERFORM byoc.publish_phases(told) WHERE told IS NOT NULL;
    UPDATE byoc.phases p SET hurried = true
    FROM byoc.clusters c
    WHERE c.id = cluster AND p.cluster_id = c.id AND p.run = c.run
      AND p.status = 'leased';
    RETURN true;
END $$;

-- ---- Receipts ----

-- What a teardown's phases have removed or left. What they leave is told by the
-- newest look alone.
CREATE FUNCTION byoc.write_receipts(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.clusters c SET proven_version = o.proven
    FROM unnest(outcomes) o
    WHERE c.id = o.cluster_id AND o.proven > c.proven_version;
    DELETE FROM byoc.receipts r USING unnest(outcomes) o
    WHERE o.kept IS NOT NULL AND r.cluster_id = o.cluster_id
      AND r.phase = o.phase AND r.run = o.run AND r.fate = 'kept'
      AND NOT r.lasting;
    INSERT INTO byoc.receipts AS r (cluster_id, kind, hetzner_id, name, fate,
                                    why, service, run, phase, lasting)
    SELECT DISTINCT ON (o.cluster_id, x.kind, x.id)
           o.cluster_id, x.kind, x.id, x.name, x.fate,
           coalesce(x.why, 'made for the cluster'), x.service, o.run, o.phase,
           x.lasting
    FROM unnest(outcomes) o,
         LATERAL (SELECT k.kind, k.id, k.name, k.why, k.service,
                         'kept' AS fate, k.lasting
                  FROM jsonb_to_recordset(o.kept)
                       k(kind text, id bigint, name text, why text,
                         service text, lasting boolean)
                  UNION ALL
                  SELECT d.kind, d.id, d.name, d.why, d.service, d.fate, true
                  FROM jsonb_to_recordset(o.removed)
                       d(kind text, id bigint, name text, why text,
                         service text, fate text)
                  WHERE d.fate IS NOT NULL) x
    WHERE o.kept IS NOT NULL
    ORDER BY o.cluster_id, x.kind, x.id, o.n DESC
    ON CONFLICT (cluster_id, kind, hetzner_id) DO UPDATE
    SET fate = excluded.fate, why = excluded.why,
        service = coalesce(excluded.service, r.service),
        run = excluded.run, phase = excluded.phase, lasting = excluded.lasting,
        at = excluded.at,
        name = CASE excluded.name WHEN '' THEN r.name ELSE excluded.name END;
END $$;

-- What became of all that a teardown has met with: for events and operators.
CREATE FUNCTION byoc.receipt(cluster uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'deleted', coalesce(jsonb_agg(e.line ORDER BY r.at, r.hetzner_id)
                                FILTER (WHERE r.fate = 'deleted'), '[]'),
            'gone', coalesce(jsonb_agg(e.line ORDER BY r.at, r.hetzner_id)
                             FILTER (WHERE r.fate = 'gone'), '[]'),
            'kept', coalesce(jsonb_agg(e.line ORDER BY r.at, r.hetzner_id)
                             FILTER (WHERE r.fate = 'kept'), '[]'),
            'swept_at', (
                SELECT to_char(c.swept_at AT TIME ZONE 'UTC',
                               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                FROM byoc.clusters c WHERE c.id = cluster)))
        FROM byoc.receipts r, LATERAL (SELECT jsonb_build_object(
            'kind', r.kind, 'hetzner_id', r.hetzner_id, 'name', r.name,
            'why', r.why,
            'at', to_char(r.at AT TIME ZONE 'UTC',
                          'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) AS line) e
        WHERE r.cluster_id = cluster);
END $$;

-- A deletion that somebody has to help, or that fails again and again, tells of
-- it, and tells when it goes on. What waits for a person comes before what does
-- not.
CREATE FUNCTION byoc.tell_stalls(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    persons CONSTANT text[] := '{other_project,neighbours,protected}';
    stalled uuid[];
    going_on uuid[];
BEGIN
    WITH looked AS (
        SELECT c.id, s.code, s.reason
        FROM byoc.clusters c
        LEFT JOIN LATERAL (
            SELECT p.code, p.reason FROM byoc.phases p
            WHERE p.cluster_id = c.id AND p.run = c.run
              AND p.status IN ('queued', 'leased')
              AND (p.code = ANY (persons)
                   OR p.code IS NOT NULL AND p.failures + p.outages > 5)
            ORDER BY array_position(persons, p.code), p.phase LIMIT 1) s ON true
        WHERE c.id IN (SELECT o.cluster_id FROM unnest(outcomes) o)
          AND c.status = 'deleting'
          AND c.code IS DISTINCT FROM 'credential_invalid'
    ), told AS (
        UPDATE byoc.clusters c SET code = l.code, reason = l.reason
        FROM looked l
        WHERE c.id = l.id
          AND (c.code IS DISTINCT FROM l.code
               OR l.code = ANY (persons) AND c.reason <> l.reason)
        RETURNING c.id, c.code
    )
    SELECT array_agg(id) FILTER (WHERE code IS NOT NULL),
           array_agg(id) FILTER (WHERE code IS NULL)
    INTO stalled, going_on FROM told;
    PERFORM byoc.emit_clusters(stalled, 'stalled') WHERE stalled IS NOT NULL;
    PERFORM byoc.emit_clusters(going_on) WHERE going_on IS NOT NULL;
END $$;

-- ---- Afterwards ----

-- What is deleted has no secrets and no resources. Where a request may still
-- make something that nobody has seen, everything is looked through once more
-- in five minutes.
CREATE FUNCTION byoc.clear_deleted(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM byoc.resources WHERE cluster_id = ANY (ids);
    UPDATE byoc.clusters
    SET ssh_public_key = NULL, sealed_ssh_private_key = NULL,
        sealed_authorities = NULL, sealed_join_token = NULL
    WHERE id = ANY (ids);

    PERFORM byoc.begin_sweeps(
        ARRAY(SELECT DISTINCT p.cluster_id FROM byoc.phases p
              WHERE p.cluster_id = ANY (ids)
                AND (p.unanswered_at IS NOT NULL OR p.status = 'leased')),
        interval '5 minutes', 'byoc.jobs.wait.60000');
END $$;

-- Looks through everything once more, for clusters that are deleted and stand
-- still; gives them back.
CREATE FUNCTION byoc.begin_sweeps(ids uuid[], delay interval, queue text)
RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    sweeps byoc.phases[];
BEGIN
    WITH begun AS (
        UPDATE byoc.clusters c
        SET goal = 'sweep', run = c.run + 1
        WHERE c.id = ANY (ids) AND c.status = 'deleted' AND NOT c.active
        RETURNING c.id, c.run
    ), reset AS (
        UPDATE byoc.progress g
        SET run = begun.run, phases_total = 1, phases_done = 0
        FROM begun WHERE g.cluster_id = begun.id
    ), queued AS (
        INSERT INTO byoc.phases AS p (cluster_id, run, phase, index, needs,
                                      status, job_id, due_at, wait_queue)
        SELECT id, run, 'sweep', 0, '{}', 'queued', gen_random_uuid(),
               clock_timestamp() + delay, queue
        FROM begun
        RETURNING p
    )
    SELECT array_agg(p) INTO sweeps FROM queued;
    PERFORM byoc.publish_phases(sweeps) WHERE sweeps IS NOT NULL;
    RETURN ARRAY(SELECT cluster_id FROM unnest(sweeps));
END $$;
