-- What looks after the rest: relay, watchdog, and what others may ask for.

-- ---- Relay and watchdog ----

-- Takes messages that nobody has published yet, for five seconds.
CREATE FUNCTION byoc.take_outbox(most integer) RETURNS SETOF byoc.outbox
LANGUAGE sql AS $$
    WITH taken AS (
        UPDATE byoc.outbox SET due_at = clock_timestamp() + interval '5 seconds'
        WHERE id IN (SELECT id FROM byoc.outbox
                     WHERE due_at <= clock_timestamp()
                     ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING *
    )
    SELECT * FROM taken ORDER BY id;
$$;

-- Publishes anew what should have arrived and did not: its message was lost, or
-- its worker. The message keeps its id, so that one which was only late does no
-- harm. Returns how many.
CREATE FUNCTION byoc.requeue_lost(grace interval) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    late timestamptz := clock_timestamp() - grace;
    found integer;
    more integer;
    phases byoc.phases[];
BEGIN
    WITH lost AS (
        UPDATE byoc.phases p
        SET status = 'queued', lease_until = NULL, wait_queue = NULL,
            due_at = clock_timestamp()
        WHERE (p.cluster_id, p.run, p.phase, p.index) IN (
            SELECT l.cluster_id, l.run, l.phase, l.index
            FROM byoc.phases l
            JOIN byoc.clusters c ON c.id = l.cluster_id AND c.run = l.run
            WHERE c.active
              AND (l.status = 'queued' AND l.due_at < late
                   OR l.status = 'leased' AND l.lease_until < late
                      AND l.due_at < late)
            LIMIT 500 FOR UPDATE OF l SKIP LOCKED)
        RETURNING p
    )
    SELECT count(*), array_agg(p) INTO found, phases FROM lost;
    PERFORM byoc.publish_phases(phases) WHERE found > 0;

    WITH lost AS (
        UPDATE byoc.credentials SET due_at = clock_timestamp()
        WHERE id IN (
            SELECT id FROM byoc.credentials
            WHERE job_id IS NOT NULL AND due_at < late
              AND (lease_until IS NULL OR lease_until < late)
            LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id, job_id
    )
    SELECT count(byoc.publish_validation(id, job_id, NULL) IS NULL)
    INTO more FROM lost;
    found := found + more;

    WITH lost AS (
        SELECT id, requested_goal FROM byoc.clusters
        WHERE requested_at < late LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT count(byoc.enqueue('cluster.' || requested_goal, id))
    INTO more FROM lost;
    RETURN found + more;
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
    IF NOT FOUND OR was.status <> 'failed' THEN
        RAISE EXCEPTION 'cluster % has not failed', cluster;
    END IF;
    IF was.goal = 'provision' THEN
        UPDATE byoc.clusters SET status = 'pending', code = NULL, reason = NULL
        WHERE id = cluster;
    END IF;
    RETURN byoc.enqueue('cluster.' || was.goal, cluster);
END $$;

-- A new token takes the old one's place once it has been found good. A
-- validation of the old one that is in the air no longer counts. The table's own
-- check would answer with the whole row, the old token included.
CREATE FUNCTION byoc.rotate_credential(credential uuid, new_sealed_token text)
RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (new_sealed_token LIKE 'byoc1.%') IS NOT TRUE THEN
        RAISE EXCEPTION 'this is not a sealed token';
    END IF;
    UPDATE byoc.credentials
    SET sealed_token = new_sealed_token, status = 'pending_validation',
        code = NULL, reason = NULL, lease_until = NULL,
        lease_token = lease_token + 1, failures = 0
    WHERE id = credential;
    RETURN byoc.enqueue('credential.validate', credential);
END $$;

-- ---- Kubeconfigs ----

-- Answers jobs. Each element: cluster_id, job_id, public_key, traceparent, and
-- if it could be minted, sealed_kubeconfig with expires_at. A job that comes
-- again has its event already. The trace is the job's, not the cluster's: so
-- the event is numbered here.
CREATE FUNCTION byoc.emit_kubeconfigs(answers jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    a record;
    c record;
    why text;
BEGIN
    PERFORM byoc.lock_clusters(ARRAY(
        SELECT x.cluster_id
        FROM jsonb_to_recordset(answers) x(cluster_id uuid)));
    FOR a IN
        SELECT * FROM jsonb_to_recordset(answers)
            x(cluster_id uuid, job_id text, public_key text, traceparent text,
              sealed_kubeconfig text, expires_at text)
    LOOP
        UPDATE byoc.clusters SET sequence = sequence + 1
        WHERE id = a.cluster_id AND NOT EXISTS (
            SELECT FROM byoc.events e
            WHERE e.cluster_id = a.cluster_id AND e.name = 'kubeconfig'
              AND e.data ->> 'job_id' = a.job_id)
        RETURNING id, sequence, status, sealed_authorities INTO c;
        CONTINUE WHEN NOT FOUND;
        why := CASE
            WHEN c.status = 'deleted' THEN 'The cluster is deleted.'
            WHEN c.sealed_authorities IS NULL OR a.sealed_kubeconfig IS NULL
            THEN 'The cluster has no keys or no load balancer; one that is '
                 'running has both.' END;
        INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
        VALUES (c.id, c.sequence, 'kubeconfig',
                jsonb_build_object('cluster_id', c.id, 'job_id', a.job_id,
                                   'public_key', a.public_key)
                || CASE WHEN why IS NULL
                   THEN jsonb_build_object(
                       'sealed_kubeconfig', a.sealed_kubeconfig,
                       'expires_at', a.expires_at)
                   ELSE jsonb_build_object('code', 'not_ready',
                                           'reason', why) END,
                a.traceparent);
    END LOOP;
END $$;
