-- What becomes of a phase that was leased, and with it of its cluster.

-- ---- Outcomes ----

-- What a phase has made, or found.
CREATE TYPE byoc.found_resource AS (
    kind text,
    id bigint,
    name text,
    phase text,
    index integer,
    public_address inet,
    private_address inet,
    actions bigint[],
    why text,
    service text
);

CREATE TYPE byoc.outcome AS (
    n integer,
    cluster_id uuid,
    run integer,
    phase text,
    index integer,
    lease_token bigint,
    result text,
    queue text,
    delay_ms integer,
    code text,
    reason text,
    unanswered boolean,
    outage boolean,
    credential jsonb,
    cluster jsonb,
    resources byoc.found_resource[],
    removed jsonb,
    swept text,
    proven integer,
    kept jsonb,
    plan jsonb
);

-- Stores the outcomes of a tick. Each element: n, cluster_id, run, phase,
-- index, lease_token, result (done, wait, retry, fail, park; note: no outcome
-- yet, but resources that were found, and the lease lasts), queue and
-- delay_ms of wait and retry, code and reason, unanswered (a request that makes
-- something got no answer), outage (a retry because Hetzner was out of order: it
-- is counted apart), credential (sealed_token, code and reason, when Hetzner
-- refused the token), and what changed: cluster, resources, removed. Of a
-- teardown also: swept (the kind of which nothing is left), proven (the version
-- of a token that opens the cluster's project), kept (all that its phase saw and
-- left); of a survey: plan (what would go, and what stays).
-- Each gets a row:
--   stored   it counts
--   lost     the lease was lost: it is discarded
--   busy     somebody has the cluster or the credential: the same again later
CREATE FUNCTION byoc.commit_phases(given byoc.outcome[])
RETURNS TABLE (n integer, verdict text) LANGUAGE plpgsql AS $$
DECLARE
    there record;
    locked uuid[];
    free byoc.outcome[] := given;
    stored integer[];
    held integer[];
BEGIN
    SELECT array_agg(DISTINCT o.cluster_id) AS clusters,
           bool_or(o.credential ? 'sealed_token') AS refusals,
           bool_or(o.result = 'note') AS notes
    INTO there FROM unnest(given) o;
    locked := byoc.lock_clusters(there.clusters);
    IF cardinality(locked) < cardinality(there.clusters) THEN
        free := ARRAY(
            SELECT o FROM unnest(given) o WHERE o.cluster_id = ANY (locked));
    END IF;
    IF there.refusals THEN
        free := byoc.judge_refusals(free);
    END IF;
    stored := byoc.store_outcomes(free);
    IF there.notes THEN
        stored := stored || byoc.held_notes(free);
    END IF;
    IF cardinality(stored) = cardinality(given) THEN
        PERFORM byoc.follow_outcomes(free);
        RETURN QUERY SELECT s.n, 'stored' FROM unnest(stored) s(n);
        RETURN;
    END IF;
    PERFORM byoc.follow_outcomes(ARRAY(
        SELECT o FROM unnest(free) o WHERE o.n = ANY (stored)));
    held := ARRAY(SELECT o.n FROM unnest(free) o WHERE o.n <> ALL (stored));

    RETURN QUERY
    SELECT o.n,
           CASE WHEN o.n = ANY (stored) THEN 'stored'
                WHEN o.n = ANY (held) THEN 'lost'
                WHEN EXISTS (SELECT FROM byoc.clusters c
                             WHERE c.id = o.cluster_id) THEN 'busy'
                ELSE 'lost' END
    FROM unnest(given) o;
END $$;

-- Of notes, those whose lease lasts.
CREATE FUNCTION byoc.held_notes(outcomes byoc.outcome[]) RETURNS integer[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT o.n FROM unnest(outcomes) o
        JOIN byoc.phases p ON p.cluster_id = o.cluster_id AND p.run = o.run
         AND p.phase = o.phase AND p.index = o.index
         AND p.status = 'leased' AND p.lease_token = o.lease_token
        WHERE o.result = 'note');
END $$;

CREATE FUNCTION byoc.store_outcomes(outcomes byoc.outcome[]) RETURNS integer[]
LANGUAGE plpgsql AS $$
DECLARE
    counted integer[];
    told byoc.phase_news[];
    waiting byoc.phases[];
BEGIN
    WITH stored AS (
        UPDATE byoc.phases p
        SET status = CASE o.result WHEN 'done' THEN 'done'
                                   WHEN 'fail' THEN 'failed'
                                   WHEN 'park' THEN 'parked'
                                   ELSE 'queued' END,
            job_id = CASE WHEN o.result IN ('wait', 'retry')
                          THEN gen_random_uuid() END,
            due_at = CASE WHEN o.result IN ('wait', 'retry')
                          THEN clock_timestamp()
                               + CASE WHEN p.hurried AND o.code IS NOT NULL
                                      THEN 0 ELSE o.delay_ms END
                                 * interval '1 millisecond' END,
            wait_queue = CASE WHEN p.hurried AND o.code IS NOT NULL
                              THEN NULL ELSE o.queue END,
            hurried = false,
            lease_until = NULL,
            failures = CASE WHEN o.result = 'retry' AND o.outage IS NOT TRUE
                            THEN p.failures + 1 ELSE p.failures END,
            outages = CASE WHEN o.result = 'retry' AND o.outage
                           THEN p.outages + 1 ELSE 0 END,
            unanswered_at = CASE WHEN o.unanswered THEN clock_timestamp()
                                 ELSE p.unanswered_at END,
            code = o.code, reason = o.reason,
            waits_anew = o.result IN ('wait', 'retry')
                         AND (o.code, o.reason) IS DISTINCT FROM
                             (p.code, p.reason),
            swept = coalesce(o.swept, p.swept),
            finished_at = CASE WHEN o.result IN ('done', 'fail')
                               THEN clock_timestamp() END
        FROM unnest(outcomes) o
        WHERE p.cluster_id = o.cluster_id AND p.run = o.run
          AND p.phase = o.phase AND p.index = o.index
          AND p.status = 'leased' AND p.lease_token = o.lease_token
          AND o.result <> 'note'
        RETURNING o.n, CASE WHEN o.result IN ('wait', 'retry') THEN p END
                           AS waits,
                  CASE WHEN o.result IN ('done', 'fail') OR p.waits_anew
                       THEN ROW (p.cluster_id, p.run, p.phase, p.index,
                                 p.status, p.code, p.reason)::byoc.phase_news
                       END AS told
    )
    SELECT coalesce(array_agg(n), '{}'),
           array_agg(s.waits) FILTER (WHERE s.waits IS DISTINCT FROM NULL),
           array_agg(s.told ORDER BY s.n)
               FILTER (WHERE s.told IS DISTINCT FROM NULL)
    INTO counted, waiting, told
    FROM stored s;
    IF waiting IS NOT NULL THEN
        PERFORM byoc.publish_phases(waiting);
    END IF;
    IF told IS NOT NULL THEN
        PERFORM byoc.emit_phases(told);
    END IF;
    RETURN counted;
END $$;

-- What follows from outcomes that count. Only what is done, or fails, moves
-- other phases or the cluster. What there is of it is looked up once for all: a
-- statement costs as much as a job or two, even if it finds nothing to do.
CREATE FUNCTION byoc.follow_outcomes(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    there record;
BEGIN
    SELECT bool_or(o.cluster IS NOT NULL) AS clusters,
           bool_or(o.kept IS NOT NULL) AS kept,
           bool_or(o.removed <> '[]') AS removed,
           bool_or(o.resources <> '{}') AS resources,
           bool_or(o.kept IS NOT NULL AND o.result IN ('retry', 'done'))
               AS looked,
           bool_or(o.plan IS NOT NULL) AS plans,
           bool_or(o.result = 'fail') AS failures,
           array_agg(DISTINCT o.cluster_id)
               FILTER (WHERE o.credential ? 'sealed_token') AS refused,
           array_agg(DISTINCT o.cluster_id)
               FILTER (WHERE o.result = 'done') AS advanced
    INTO there FROM unnest(outcomes) o;
    IF there.clusters THEN
        PERFORM byoc.store_clusters(outcomes);
    END IF;
    IF there.kept THEN
        PERFORM byoc.write_receipts(outcomes);
    END IF;
    IF there.removed THEN
        PERFORM byoc.remove_resources(outcomes);
    END IF;
    IF there.resources THEN
        PERFORM byoc.record_resources(outcomes);
    END IF;
    IF there.refused IS NOT NULL THEN
        PERFORM byoc.stop_without_token(there.refused);
    END IF;
    IF there.failures THEN
        PERFORM byoc.fail_clusters(outcomes);
    END IF;
    IF there.plans THEN
        PERFORM byoc.answer_surveys(outcomes);
    END IF;
    IF there.looked THEN
        PERFORM byoc.tell_stalls(outcomes);
    END IF;
    IF there.advanced IS NOT NULL THEN
        PERFORM byoc.queue_phases(there.advanced);
        PERFORM byoc.finish_clusters(there.advanced);
    END IF;
END $$;

CREATE FUNCTION byoc.answer_surveys(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM byoc.emit_survey(c.id, c.survey, CASE o.result
            WHEN 'done' THEN o.plan
            ELSE jsonb_build_object('code', o.code, 'reason', o.reason) END)
    FROM unnest(outcomes) o JOIN byoc.clusters c ON c.id = o.cluster_id
    WHERE o.plan IS NOT NULL AND o.result IN ('done', 'fail')
      AND c.goal = 'survey';
END $$;

-- What the phases found out: server types, keys, resources.
CREATE FUNCTION byoc.store_clusters(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.clusters c
    SET server_type = x.server_type, gateway_type = x.gateway_type,
        ssh_public_key = x.ssh_public_key,
        sealed_ssh_private_key = x.sealed_ssh_private_key,
        sealed_authorities = x.sealed_authorities,
        sealed_join_token = x.sealed_join_token
    FROM unnest(outcomes) o,
         jsonb_to_record(o.cluster)
         x(server_type text, gateway_type text, ssh_public_key text,
           sealed_ssh_private_key text, sealed_authorities text,
           sealed_join_token text)
    WHERE o.cluster IS NOT NULL AND c.id = o.cluster_id
      AND c.ssh_public_key IS NULL;
END $$;

CREATE FUNCTION byoc.remove_resources(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM byoc.resources r
    USING unnest(outcomes) o,
          jsonb_to_recordset(o.removed) x(kind text, id bigint)
    WHERE o.removed <> '[]' AND r.cluster_id = o.cluster_id
      AND r.kind = x.kind AND r.hetzner_id = x.id;
END $$;

-- What another phase has recorded meanwhile, having found it too, is known.
CREATE FUNCTION byoc.record_resources(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.resources AS r (cluster_id, kind, hetzner_id, name, phase,
                                     index, public_address, private_address,
                                     actions, why, service)
    SELECT o.cluster_id, x.kind, x.id, x.name, x.phase, x.index,
           x.public_address, x.private_address, x.actions, x.why, x.service
    FROM unnest(outcomes) o, unnest(o.resources) x
    -- asked for each: as a join, all resources of a young database are read
    WHERE (SELECT (k.phase, k.index) = (x.phase, x.index)
           FROM byoc.resources k
           WHERE k.cluster_id = o.cluster_id AND k.kind = x.kind
             AND k.hetzner_id = x.id) IS NOT FALSE
    ON CONFLICT (cluster_id, phase, index) DO UPDATE
    SET kind = excluded.kind, hetzner_id = excluded.hetzner_id,
        name = excluded.name, actions = excluded.actions,
        public_address = coalesce(excluded.public_address, r.public_address),
        private_address = coalesce(excluded.private_address,
                                   r.private_address);
END $$;

-- ---- Refused tokens ----

-- Hetzner refused tokens that were in use. Nothing fails for that alone: the
-- phase waits until a validation has judged the token. What has no token any
-- more stays as it is. Outcomes whose credential somebody holds are left out.
CREATE FUNCTION byoc.judge_refusals(outcomes byoc.outcome[])
RETURNS byoc.outcome[] LANGUAGE plpgsql AS $$
DECLARE
    refused record;
    judged byoc.outcome[] := '{}';
    o byoc.outcome;
    wait_ms integer;
BEGIN
    FOREACH o IN ARRAY outcomes LOOP
        IF o.credential ? 'sealed_token' THEN
            SELECT k.* INTO refused
            FROM byoc.clusters c
            JOIN byoc.credentials k ON k.id = c.credential_id
            WHERE c.id = o.cluster_id FOR NO KEY UPDATE OF k SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            wait_ms := byoc.refuse_token(refused.id, o.credential);
            IF wait_ms IS NOT NULL THEN
                o.result := 'wait';
                o.delay_ms := wait_ms;
                o.queue := CASE WHEN wait_ms > 0
                                THEN 'byoc.jobs.wait.' || wait_ms END;
                o.code := NULL;
                o.reason := NULL;
                o.credential := NULL;
            END IF;
        END IF;
        judged := judged || o;
    END LOOP;
    RETURN judged;
END $$;

-- How long a phase waits whose token was refused; null: there is no token left.
--   another text took its place, a newer token or the same sealed anew: tried
--     again at once, for the refusal says nothing about that one
--   it is the newest: a validation will judge it
--   it is not the newest, so that none can: it is dropped, and the newest keeps
--     its chance
CREATE FUNCTION byoc.refuse_token(credential uuid, refusal jsonb)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    k byoc.credentials;
BEGIN
    SELECT * INTO k FROM byoc.credentials WHERE id = credential;
    IF k.active_sealed_token <> refusal ->> 'sealed_token' THEN
        RETURN 0;
    ELSIF k.active_sealed_token IS NULL THEN
        RETURN NULL;
    ELSIF k.active_sealed_token <> k.sealed_token THEN
        UPDATE byoc.credentials SET active_sealed_token = NULL
        WHERE id = credential;
        RETURN NULL;
    ELSIF k.job_id IS NULL THEN
        PERFORM byoc.validate_anew(credential);
    END IF;
    RETURN 1000;
END $$;

-- Without a token nothing can be done: a provisioning fails, anything else
-- waits, parked, until the credential is ready again.
CREATE FUNCTION byoc.stop_without_token(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    why text := 'Hetzner refuses the token of this cluster''s credential. '
                'Store a valid Read & Write token';
    stopped uuid[] := ARRAY(
        SELECT c.id FROM byoc.clusters c
        JOIN byoc.credentials k ON k.id = c.credential_id
        WHERE c.id = ANY (ids) AND c.active AND k.active_sealed_token IS NULL);
    failed uuid[];
    stalled uuid[];
BEGIN
    WITH f AS (
        UPDATE byoc.clusters
        SET status = 'failed', code = 'credential_invalid',
            reason = why || ', then retry the cluster.'
        WHERE id = ANY (stopped) AND status = 'provisioning'
        RETURNING id
    )
    SELECT array_agg(id) INTO failed FROM f;
    PERFORM byoc.emit_clusters(failed) WHERE failed IS NOT NULL;

    WITH s AS (
        UPDATE byoc.clusters
        SET code = 'credential_invalid',
            reason = why || '; the deletion then goes on by itself.'
        WHERE id = ANY (stopped) AND status = 'deleting'
          AND code IS DISTINCT FROM 'credential_invalid'
        RETURNING id
    )
    SELECT array_agg(id) INTO stalled FROM s;
    PERFORM byoc.emit_clusters(stalled, 'stalled') WHERE stalled IS NOT NULL;
    PERFORM byoc.emit_survey(id, survey, jsonb_build_object(
        'code', 'credential_invalid', 'reason', why || ', then ask again.'))
    FROM byoc.clusters WHERE id = ANY (stopped) AND goal = 'survey';
    UPDATE byoc.phases p SET status = 'parked', job_id = NULL, due_at = NULL
    FROM byoc.clusters c
    WHERE c.id = ANY (stopped) AND c.active AND p.cluster_id = c.id
      AND p.run = c.run AND p.status = 'queued';
END $$;

-- ---- The end of a run ----

-- The cluster fails with the first of its phases that does. A refresh, a repair
-- or a sweep ends, and the cluster stays what it is.
CREATE FUNCTION byoc.fail_clusters(outcomes byoc.outcome[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    failed uuid[];
BEGIN
    WITH first AS (
        SELECT DISTINCT ON (o.cluster_id) o.*
        FROM unnest(outcomes) o WHERE o.result = 'fail'
        ORDER BY o.cluster_id, o.n
    ), f AS (
        UPDATE byoc.clusters c
        SET status = 'failed', code = first.code, reason = first.reason
        FROM first
        WHERE c.id = first.cluster_id AND c.run = first.run
          AND c.status IN ('provisioning', 'deleting')
        RETURNING c.id
    )
    SELECT array_agg(id) INTO failed FROM f;
    PERFORM byoc.emit_clusters(failed) WHERE failed IS NOT NULL;

    PERFORM byoc.emit_clusters(ARRAY[c.id], 'repair_failed', o.code, o.reason)
    FROM (SELECT DISTINCT ON (cluster_id) * FROM unnest(outcomes)
          WHERE result = 'fail' ORDER BY cluster_id, n) o
    JOIN byoc.clusters c ON c.id = o.cluster_id AND c.run = o.run
    WHERE c.goal = 'repair';

    UPDATE byoc.clusters c
    SET goal = CASE c.goal WHEN 'sweep' THEN 'teardown' ELSE 'provision' END
    FROM unnest(outcomes) o
    WHERE o.result = 'fail' AND c.id = o.cluster_id AND c.run = o.run
      AND c.goal IN ('refresh', 'repair', 'sweep');
END $$;

-- A run whose phases are all done has reached its goal.
CREATE FUNCTION byoc.finish_clusters(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    told uuid[];
    repaired uuid[];
    running uuid[];
    deleted uuid[];
    swept uuid[];
    -- most are spared the look at their phases
    complete uuid[] := ARRAY(
        SELECT g.cluster_id FROM byoc.progress g
        WHERE g.cluster_id = ANY (ids) AND g.phases_done >= g.phases_total);
BEGIN
    IF complete = '{}' THEN
        RETURN;
    END IF;
    WITH finished AS (
        UPDATE byoc.clusters c
        SET status = CASE c.goal WHEN 'provision' THEN 'running'
                                 WHEN 'teardown' THEN 'deleted'
                                 ELSE c.status END,
            was_ready = c.was_ready OR c.goal = 'provision',
            goal = CASE c.goal WHEN 'refresh' THEN 'provision'
                               WHEN 'repair' THEN 'provision'
                               WHEN 'sweep' THEN 'teardown'
                               ELSE c.goal END,
            code = NULL, reason = NULL,
            swept_at = CASE WHEN c.goal IN ('teardown', 'sweep')
                             AND EXISTS (SELECT FROM byoc.phases p
                                         WHERE p.cluster_id = c.id
                                           AND p.run = c.run)
                            THEN clock_timestamp() ELSE c.swept_at END
        FROM byoc.clusters before
        WHERE before.id = ANY (complete) AND c.active AND before.id = c.id
          AND NOT EXISTS (
              SELECT FROM byoc.phases p
              WHERE p.cluster_id = c.id AND p.run = c.run
                AND p.status <> 'done')
        RETURNING c.id, c.status, before.goal,
                  before.goal = 'sweep' AND EXISTS (
                      SELECT FROM byoc.receipts r
                      WHERE r.cluster_id = c.id AND r.run = c.run) AS late
    )
    SELECT array_agg(id) FILTER (WHERE goal IN ('provision', 'teardown')),
           array_agg(id) FILTER (WHERE goal = 'repair'),
           array_agg(id) FILTER (WHERE status = 'running'),
           array_agg(id) FILTER (WHERE goal = 'teardown'),
           array_agg(id) FILTER (WHERE late)
    INTO told, repaired, running, deleted, swept FROM finished;
    IF repaired IS NOT NULL THEN
        PERFORM byoc.emit_clusters(repaired, 'repaired');
    END IF;
    IF told IS NOT NULL THEN
        PERFORM byoc.emit_clusters(told);
    END IF;
    IF running IS NOT NULL THEN
        PERFORM byoc.refresh_outdated(running);
    END IF;
    IF swept IS NOT NULL THEN
        PERFORM byoc.emit_clusters(swept, 'swept');
    END IF;
    IF deleted IS NOT NULL THEN
        PERFORM byoc.clear_deleted(deleted);
    END IF;
END $$;

-- A cluster whose nodes may know an older token than the active one is
-- refreshed. While somebody holds the credential, a newer one may just be
-- coming: then it is asked for as well, and does nothing should there be none.
CREATE FUNCTION byoc.refresh_outdated(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM byoc.ask('cluster.refresh', c.id) FROM byoc.clusters c
    WHERE c.id = ANY (ids)
      AND (c.token_version = (
               SELECT k.token_version FROM byoc.credentials k
               WHERE k.id = c.credential_id FOR SHARE SKIP LOCKED))
          IS NOT TRUE;
END $$;
