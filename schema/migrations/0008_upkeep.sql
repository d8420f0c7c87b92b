-- What looks after the rest: relay, watchdog, and what others may ask for.

-- ---- Relay ----

-- Takes messages that nobody has published yet, each time for a longer while:
-- `most`, and not more than fit into a worker at once.
-- No look begins before `floor`: the rows there are gone, but dead ones stay in
-- the way for as long as the oldest transaction in the database lasts.
CREATE FUNCTION byoc.take_outbox(floor bigint, most integer)
RETURNS SETOF byoc.outbox LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT d.id, octet_length(d.body::text) AS size FROM byoc.outbox d
        WHERE d.id >= floor AND byoc.is_past(d.due_at)
        ORDER BY d.id LIMIT most FOR UPDATE SKIP LOCKED
    ), fitting AS (
        SELECT d.id, sum(d.size) OVER (ORDER BY d.id) - d.size AS before
        FROM due d
    ), taken AS (
        UPDATE byoc.outbox o
        SET tries = o.tries + 1,
            due_at = clock_timestamp()
                     + least(interval '5 minutes',
                             interval '5 seconds' * 2 ^ least(o.tries, 6))
        -- an array, for who joins may read all there is for each
        WHERE o.id = ANY (ARRAY(SELECT f.id FROM fitting f
                                WHERE f.before < 4 * 1024 * 1024))
        RETURNING o.*
    )
    SELECT * FROM taken ORDER BY id;
END $$;

-- The newest id that was given out. Who reads the sequence as a table sees it
-- up to 32 ids ahead of that while somebody writes it to the log, and rows that
-- get these ids would be overlooked; the function takes the sequence's lock.
CREATE FUNCTION byoc.newest_outbox_row() RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(pg_sequence_last_value('byoc.outbox_id_seq'), 0);
END $$;

-- Where a relay has come to. A transaction that is open hides rows below others
-- that can be seen: so ids up to `newest` are done with only when all that wrote
-- to the outbox before `running` are over.
CREATE TYPE byoc.outbox_place AS (
    floor bigint,   -- no look needs to begin before it
    newest bigint,  -- given out at noted_at ...
    running xid8,   -- ... by transactions before this one
    noted_at timestamptz,
    given_up xid8   -- nobody waits for transactions before this one
);

-- Is a transaction of that range open that has written to the outbox? Locks are
-- looked at only where some transaction of the range is open: also those of
-- other databases are told with a snapshot.
CREATE FUNCTION byoc.is_outbox_written(since xid8, before xid8)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    open xid8[] := ARRAY(
        SELECT x FROM pg_snapshot_xip(pg_current_snapshot()) x
        WHERE x < before AND (since IS NULL OR x >= since));
BEGIN
    RETURN open <> '{}' AND EXISTS (
        SELECT FROM pg_locks w
        JOIN pg_locks t ON t.virtualtransaction = w.virtualtransaction
        WHERE w.relation = 'byoc.outbox'::regclass
          AND w.mode = 'RowExclusiveLock'
          AND w.database = (SELECT d.oid FROM pg_database d
                            WHERE d.datname = current_database())
          AND t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock'
          AND t.transactionid IN (SELECT x::xid FROM unnest(open) x));
END $$;

-- The place after a look, which began at `floor` or was a `full` one. Who writes
-- for more than ten seconds is given up, for dead rows would be read all that
-- time: what it has written is left to a full look.
CREATE FUNCTION byoc.next_outbox_place(place byoc.outbox_place, full_look boolean)
RETURNS byoc.outbox_place LANGUAGE plpgsql AS $$
DECLARE
    late boolean := byoc.is_past(place.noted_at + interval '10 seconds');
    settled boolean := place.running IS NULL OR late
        OR NOT byoc.is_outbox_written(place.given_up, place.running);
    done bigint := CASE WHEN settled
        THEN coalesce(place.newest, 0) ELSE place.floor END;
BEGIN
    place.floor := coalesce(
        (SELECT o.id FROM byoc.outbox o
         WHERE o.id >= CASE WHEN full_look THEN 0 ELSE place.floor END
           AND o.id < done
         ORDER BY o.id LIMIT 1), done);
    IF settled THEN
        place.given_up := CASE WHEN late THEN place.running
                               ELSE place.given_up END;
        place.newest := byoc.newest_outbox_row();
        place.running := pg_snapshot_xmax(pg_current_snapshot());
        place.noted_at := clock_timestamp();
    END IF;
    RETURN place;
END $$;

-- ---- Watchdog ----

-- Publishes anew what should have arrived `grace` ago and did not: its message
-- was lost, or its worker. With a backlog in the job queue what is merely queued
-- is not lost: only without one, what is `waiting` is looked at as well; and not
-- even then, while its credential is crowded. The
-- message keeps its id, so that one which was only late does no harm. Returns
-- how many, or -1 when another worker is at it, or was less than `pause` ago:
-- it looks at all clusters that are worked for.
CREATE FUNCTION byoc.requeue_lost(grace interval, waiting boolean,
                                  pause interval DEFAULT '0')
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    late timestamptz := clock_timestamp() - grace;
    -- as in byoc.is_past, which no index knows
    far timestamptz := clock_timestamp() + interval '10 minutes';
BEGIN
    IF NOT byoc.take_turn('watchdog', pause) THEN
        RETURN -1;
    END IF;
    PERFORM byoc.pull_back_validations(late, far);
    PERFORM byoc.ask_audits();
    RETURN byoc.requeue_phases(grace, waiting)
           + byoc.requeue_validations(late, far, waiting)
           + CASE WHEN waiting THEN byoc.requeue_requests(late) ELSE 0 END;
END $$;

-- Has this phase been waited for in vain, for its message or its worker? What is
-- `waiting` and crowded as in requeue_lost.
CREATE FUNCTION byoc.is_lost(p byoc.phases, grace interval, waiting boolean,
                             crowded_until timestamptz)
RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE p.status
           WHEN 'queued' THEN waiting
               AND byoc.is_past(p.due_at + grace, '2 hours')
               AND (crowded_until IS NULL
                    OR crowded_until < clock_timestamp() - grace)
           WHEN 'leased' THEN byoc.is_past(p.lease_until + grace)
           ELSE false END
$$;

-- Of a run that is over nothing is waited for any more.
CREATE FUNCTION byoc.requeue_phases(grace interval, waiting boolean)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    -- those that are active (byoc.clusters), said so that indexes know
    locked uuid[] := byoc.lock_clusters(ARRAY(
        SELECT p.cluster_id
        FROM (SELECT id, run, credential_id FROM byoc.clusters
              WHERE status IN ('provisioning', 'deleting')
              UNION ALL
              SELECT id, run, credential_id FROM byoc.clusters
              WHERE goal IN ('refresh', 'repair', 'sweep', 'survey')) c
        JOIN byoc.credentials k ON k.id = c.credential_id
        JOIN byoc.phases p ON p.cluster_id = c.id AND p.run = c.run
        WHERE byoc.is_lost(p, grace, waiting, k.crowded_until)
        ORDER BY p.due_at LIMIT 500));
    lost byoc.phases[];
BEGIN
    WITH requeued AS (
        UPDATE byoc.phases p
        SET status = 'queued', lease_until = NULL, wait_queue = NULL,
            due_at = clock_timestamp(),
            unanswered_at = CASE p.status WHEN 'leased' THEN p.lease_until
                                          ELSE p.unanswered_at END
        FROM byoc.clusters c
        JOIN byoc.credentials k ON k.id = c.credential_id
        WHERE c.id = ANY (locked) AND c.active
          AND p.cluster_id = c.id AND p.run = c.run
          AND byoc.is_lost(p, grace, waiting, k.crowded_until)
        RETURNING p
    )
    SELECT array_agg(p) INTO lost FROM requeued;
    PERFORM byoc.publish_phases(lost) WHERE lost IS NOT NULL;
    RETURN coalesce(cardinality(lost), 0);
END $$;

-- What is due later than anybody waits was written before the clock was put
-- back: it is late. What has been leased was due before.
CREATE FUNCTION byoc.pull_back_validations(late timestamptz, far timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.credentials k SET due_at = late - interval '1 second'
    FROM (SELECT id FROM byoc.credentials WHERE due_at > far
          FOR NO KEY UPDATE SKIP LOCKED) ahead
    WHERE k.id = ahead.id;
END $$;

CREATE FUNCTION byoc.requeue_validations(late timestamptz, far timestamptz,
                                         waiting boolean)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    lost uuid[];
BEGIN
    WITH late_ones AS (
        UPDATE byoc.credentials k
        SET due_at = clock_timestamp(), lease_until = NULL
        WHERE k.id IN (
            SELECT l.id FROM byoc.credentials l
            WHERE l.due_at < late
              AND (NOT l.lease_until BETWEEN late AND far
                   OR l.lease_until IS NULL AND waiting)
            ORDER BY l.due_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING k.id
    )
    SELECT array_agg(id) INTO lost FROM late_ones;
    PERFORM byoc.publish_validation(id, NULL) FROM unnest(lost) id;
    RETURN coalesce(cardinality(lost), 0);
END $$;

CREATE FUNCTION byoc.requeue_requests(late timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[] := byoc.lock_clusters(ARRAY(
        SELECT id FROM byoc.clusters WHERE requested_at < late
        ORDER BY requested_at LIMIT 100));
    lost integer := 0;
    job uuid;
BEGIN
    FOR job IN
        SELECT (SELECT r.job_id FROM byoc.requests r
                WHERE r.credential_id = c.credential_id
                  AND r.cluster_id = c.id AND r.taken_at IS NULL
                  AND r.type = 'cluster.' || c.requested_goal
                ORDER BY r.asked_at DESC LIMIT 1)
        FROM byoc.clusters c
        WHERE c.id = ANY (locked) AND c.requested_at < late
    LOOP
        PERFORM byoc.publish_request(job);
        lost := lost + 1;
    END LOOP;
    UPDATE byoc.clusters c SET requested_at = clock_timestamp()
    WHERE c.id = ANY (locked) AND c.requested_at < late;
    RETURN lost;
END $$;

-- ---- Gauges ----

-- What a worker's metrics say of all together, once a minute. Of the outbox only
-- the oldest message is looked at, as the relay does (take_outbox).
CREATE FUNCTION byoc.gauges(floor bigint)
RETURNS TABLE (name text, label text, value bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT 'clusters', c.status, count(*) FROM byoc.clusters c GROUP BY 2
    UNION ALL
    SELECT 'outbox_late_ms', NULL, greatest(0, (1000 * extract(epoch FROM
               clock_timestamp() - oldest.due_at))::bigint)
    FROM (SELECT o.due_at FROM byoc.outbox o WHERE o.id >= floor
          ORDER BY o.id LIMIT 1) oldest;
END $$;

-- ---- What an operator or a dashboard may ask for ----

-- Another attempt for a cluster that failed, to reach the goal it failed at.
CREATE FUNCTION byoc.retry_cluster(cluster uuid) RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was byoc.clusters;
BEGIN
    SELECT * INTO was FROM byoc.clusters WHERE id = cluster FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no cluster with the id %', cluster
            USING ERRCODE = 'BY005', CONSTRAINT = 'unknown_record';
    ELSIF was.status <> 'failed' THEN
        RAISE EXCEPTION 'cluster % has not failed', cluster
            USING ERRCODE = 'BY007', CONSTRAINT = 'not_failed';
    END IF;
    IF 'provision' IN (was.goal, was.survey ->> 'goal') THEN
        UPDATE byoc.clusters
        SET status = 'pending', goal = 'provision', code = NULL, reason = NULL
        WHERE id = cluster;
    END IF;
    RETURN byoc.enqueue('cluster.' || CASE was.goal
        WHEN 'survey' THEN was.survey ->> 'goal' ELSE was.goal END, cluster);
END $$;

COMMENT ON FUNCTION byoc.retry_cluster IS
    'Another attempt for a cluster that failed, at what it failed at. Gives '
    'the job''s id. BY005, or BY007: it has not failed.';

-- A new token takes the old one's place once it has been found good. A
-- validation of the old one that is in the air no longer counts.
CREATE FUNCTION byoc.rotate_credential(credential uuid, new_sealed_token text)
RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE byoc.credentials
    SET sealed_token = new_sealed_token, status = 'pending_validation',
        code = NULL, reason = NULL, lease_until = NULL,
        lease_token = lease_token + 1, failures = 0, unknown_key_since = NULL,
        any_project = false
    WHERE id = credential;
    PERFORM byoc.note_request('credential.rotate', credential);
    RETURN byoc.enqueue('credential.validate', credential);
END $$;

COMMENT ON FUNCTION byoc.rotate_credential IS
    'Stores a new sealed token, which is used once it was found good. Gives '
    'the id of the validation. BY005, BY008: refused.';

-- ---- Kubeconfigs ----

-- Answers jobs. Each element: n, cluster_id, job_id, traceparent, and if it
-- could be minted, sealed_kubeconfig with recipient_key and expires_at, or else
-- code and reason, where it is not the cluster that is not ready. A job that
-- comes again has its event already. The trace is the job's, not the cluster's.
-- Returns the n whose cluster is busy.
CREATE FUNCTION byoc.emit_kubeconfigs(answers jsonb) RETURNS SETOF integer
LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[] := byoc.lock_clusters(ARRAY(
        SELECT x.cluster_id
        FROM jsonb_to_recordset(answers) x(cluster_id uuid)));
    a record;
BEGIN
    FOR a IN
        SELECT x.* FROM jsonb_to_recordset(answers)
            x(n integer, cluster_id uuid, job_id uuid, traceparent text,
              recipient_key text, sealed_kubeconfig text, expires_at text,
              code text, reason text)
        JOIN byoc.clusters c ON c.id = x.cluster_id
        ORDER BY x.n
    LOOP
        IF a.cluster_id <> ALL (locked) THEN
            RETURN NEXT a.n;
            CONTINUE;
        END IF;
        PERFORM byoc.note_start(a.job_id, a.cluster_id, 'kubeconfig',
                                a.traceparent, NULL);
        INSERT INTO byoc.answered_jobs (cluster_id, job_id)
        VALUES (a.cluster_id, a.job_id) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM byoc.emit_kubeconfig(
                a.cluster_id, a.traceparent,
                jsonb_build_object('cluster_id', a.cluster_id,
                                   'job_id', a.job_id),
                jsonb_strip_nulls(jsonb_build_object(
                    'recipient_key', a.recipient_key,
                    'sealed_kubeconfig', a.sealed_kubeconfig,
                    'expires_at', a.expires_at,
                    'code', a.code, 'reason', a.reason)));
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION byoc.emit_kubeconfig(cluster uuid, trace text, question jsonb,
                                     answer jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH c AS (
        SELECT id, CASE
            WHEN status = 'deleted' THEN 'The cluster is deleted.'
            WHEN sealed_authorities IS NULL
              OR answer = '{}'
            THEN 'The cluster has no keys or no load balancer; one that is '
                 'running has both.' END AS why_not
        FROM byoc.clusters WHERE id = cluster
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT c.id, byoc.next_sequence(c.id), 'kubeconfig',
           question || CASE WHEN c.why_not IS NULL THEN answer
               ELSE jsonb_build_object('code', 'not_ready',
                                       'reason', c.why_not) END,
           trace
    FROM c;
END $$;
