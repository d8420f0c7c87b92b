-- Credentials: judged by a worker, and deleted when nothing needs them.

-- ---- Validation of credentials ----

-- Claims validations, as lease_phases claims phases. A job with another id than
-- the one that is waited for is void; when none is, any is welcome. One more
-- verdict: unknown, when there is no such credential.
CREATE FUNCTION byoc.lease_credentials(jobs jsonb, worker uuid,
                                       lease_ms integer)
RETURNS TABLE (n integer, verdict text, wait_ms integer, lease json)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    claimed integer[];
BEGIN
    PERFORM FROM byoc.credentials
    WHERE id IN (SELECT j.credential_id
                 FROM jsonb_to_recordset(jobs) j(credential_id uuid))
    ORDER BY id FOR NO KEY UPDATE;

    WITH taken AS (
        UPDATE byoc.credentials c
        SET job_id = j.job_id, lease_owner = worker,
            lease_token = c.lease_token + 1, leases = c.leases + 1,
            lease_until = clock_timestamp()
                          + lease_ms * interval '1 millisecond',
            due_at = clock_timestamp(),
            traceparent = coalesce(j.traceparent, c.traceparent)
        FROM jsonb_to_recordset(jobs)
             j(n integer, credential_id uuid, job_id uuid, traceparent text)
        WHERE c.id = j.credential_id
          AND (c.job_id IS NULL OR c.job_id = j.job_id)
          AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
        RETURNING j.n
    )
    SELECT array_agg(taken.n) INTO claimed FROM taken;

    RETURN QUERY
    SELECT j.n,
           CASE WHEN c.id IS NULL THEN 'unknown'
                WHEN j.n = ANY (claimed) THEN 'leased'
                WHEN c.job_id = j.job_id AND c.lease_until IS NOT NULL
                     THEN 'busy'
                ELSE 'void' END,
           ceil(1000 * greatest(0, extract(epoch FROM
                c.lease_until - clock_timestamp())))::integer,
           CASE WHEN j.n = ANY (claimed) THEN json_build_object(
               'credential_id', c.id, 'sealed_token', c.sealed_token,
               'lease_token', c.lease_token, 'leases', c.leases,
               'failures', c.failures) END
    FROM jsonb_to_recordset(jobs) j(n integer, credential_id uuid, job_id uuid)
    LEFT JOIN byoc.credentials c ON c.id = j.credential_id;
END $$;

-- Stores verdicts on tokens. Each element: n, credential_id, lease_token,
-- result (ready, invalid, retry), queue and delay_ms, code, reason.
CREATE FUNCTION byoc.commit_credentials(outcomes jsonb) RETURNS SETOF integer
LANGUAGE plpgsql AS $$
DECLARE
    o record;
    before byoc.credentials;
BEGIN
    FOR o IN
        SELECT * FROM jsonb_to_recordset(outcomes)
            o(n integer, credential_id uuid, lease_token bigint, result text,
              queue text, delay_ms integer, code text, reason text)
        ORDER BY credential_id
    LOOP
        SELECT * INTO before FROM byoc.credentials c
        WHERE c.id = o.credential_id AND c.lease_token = o.lease_token
          AND c.lease_until IS NOT NULL
        FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        RETURN NEXT o.n;
        IF o.result = 'retry' THEN
            PERFORM byoc.retry_validation(before.id, o.queue, o.delay_ms);
        ELSE
            PERFORM byoc.judge_credential(before, o.result, o.code, o.reason);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION byoc.retry_validation(credential uuid, queue text,
                                      delay_ms integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    job uuid := gen_random_uuid();
BEGIN
    UPDATE byoc.credentials
    SET job_id = job, lease_until = NULL, failures = failures + 1,
        due_at = clock_timestamp() + delay_ms * interval '1 millisecond'
    WHERE id = credential;
    PERFORM byoc.publish_validation(credential, job, queue);
END $$;

-- An event tells of a change of status; a check that finds nothing new is
-- silent. A bad new token leaves the old one in use; a good one is told to the
-- clusters that run.
CREATE FUNCTION byoc.judge_credential(before byoc.credentials, result text,
                                      new_code text, new_reason text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    renewed boolean := result = 'ready'
        AND before.active_sealed_token IS DISTINCT FROM before.sealed_token;
BEGIN
    UPDATE byoc.credentials c
    SET status = result, code = new_code, reason = new_reason,
        active_sealed_token = CASE
            WHEN result = 'ready' THEN c.sealed_token
            WHEN c.active_sealed_token = c.sealed_token THEN NULL
            ELSE c.active_sealed_token END,
        token_version = c.token_version + CASE WHEN renewed THEN 1 ELSE 0 END,
        job_id = NULL, due_at = NULL, lease_until = NULL, leases = 0,
        failures = 0, validated_at = clock_timestamp()
    WHERE id = before.id;
    IF before.status <> result THEN
        PERFORM byoc.emit_credential(before.id);
    END IF;
    IF result = 'ready' THEN
        PERFORM byoc.resume_clusters(before.id);
    END IF;
    IF renewed THEN
        PERFORM byoc.enqueue('cluster.refresh', id) FROM byoc.clusters
        WHERE credential_id = before.id AND status = 'running';
    END IF;
END $$;

-- Teardowns that were parked for want of a good token go on.
CREATE FUNCTION byoc.resume_clusters(credential uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    resumed uuid[] := ARRAY(
        SELECT id FROM byoc.clusters
        WHERE credential_id = credential AND status = 'deleting');
BEGIN
    PERFORM byoc.lock_clusters(resumed);
    UPDATE byoc.clusters SET code = NULL, reason = NULL
    WHERE id = ANY (resumed) AND code = 'credential_invalid'
      AND status = 'deleting';
    UPDATE byoc.phases p SET status = 'blocked'
    FROM byoc.clusters c
    WHERE c.id = ANY (resumed) AND p.cluster_id = c.id AND p.run = c.run
      AND p.status = 'parked';
    PERFORM byoc.queue_phases(resumed);
END $$;

-- ---- Deletion ----

-- Of a deleted one not even a validation may be asked for.
CREATE FUNCTION byoc.refuse_deleted_credential() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential % is deleted', OLD.id;
END $$;

CREATE TRIGGER credentials_deleted BEFORE UPDATE ON byoc.credentials
FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL)
EXECUTE FUNCTION byoc.refuse_deleted_credential();

-- Returns the clusters that still need the credential: it is deleted when there
-- are none. A validation that is in the air becomes void: its message has
-- another id now, its lease another token.
CREATE FUNCTION byoc.delete_credential(credential uuid)
RETURNS TABLE (id uuid, name text, status text, created_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- No cluster can come to refer to a row that is locked like this.
    PERFORM FROM byoc.credentials WHERE id = credential FOR UPDATE;
    RETURN QUERY SELECT id, name, status, created_at FROM byoc.clusters
    WHERE credential_id = credential AND status <> 'deleted';
    IF FOUND THEN
        RETURN;
    END IF;
    UPDATE byoc.credentials
    SET deleted_at = clock_timestamp(), sealed_token = NULL,
        active_sealed_token = NULL, status = 'invalid',
        code = 'credential_deleted', reason = 'The credential was deleted.',
        job_id = gen_random_uuid(), due_at = NULL, lease_until = NULL,
        lease_token = lease_token + 1
    WHERE id = credential AND deleted_at IS NULL;
END $$;
