-- Credentials: judged by a worker, and deleted when nothing needs them.

-- ---- Validation of credentials ----

-- Claims validations, as lease_phases claims phases. A job with another id than
-- the one that is waited for is void; when none is, any is welcome. One more
-- verdict: unknown, when there is no such credential. With a token that is not in
-- use yet comes what shows whether it is of the same project.
CREATE FUNCTION byoc.lease_credentials(jobs jsonb, worker uuid,
                                       lease_ms integer)
RETURNS TABLE (n integer, verdict text, wait_ms integer, lease json)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    locked uuid[] := ARRAY(
        SELECT k.id FROM byoc.credentials k
        WHERE k.id IN (SELECT j.credential_id
                       FROM jsonb_to_recordset(jobs) j(credential_id uuid))
        ORDER BY k.id FOR NO KEY UPDATE SKIP LOCKED);
    claimed integer[];
BEGIN
    PERFORM byoc.note_audits(jobs, locked);
    WITH taken AS (
        UPDATE byoc.credentials k
        SET job_id = j.job_id, lease_owner = worker,
            lease_token = k.lease_token + 1, leases = k.leases + 1,
            lease_until = clock_timestamp()
                          + lease_ms * interval '1 millisecond',
            due_at = clock_timestamp(),
            traceparent = coalesce(j.traceparent, k.traceparent)
        FROM jsonb_to_recordset(jobs)
             j(n integer, credential_id uuid, job_id uuid, traceparent text,
               mine boolean)
        WHERE k.id = ANY (locked) AND k.id = j.credential_id
          AND k.deleted_at IS NULL
          AND (k.job_id IS NULL OR k.job_id = j.job_id)
          AND (k.lease_until IS NULL OR byoc.is_past(k.lease_until)
               OR j.mine AND k.lease_owner = worker)
        RETURNING j.n
    )
    SELECT array_agg(n) INTO claimed FROM taken;
    UPDATE byoc.requests r SET taken_at = clock_timestamp()
    FROM jsonb_to_recordset(jobs) j(credential_id uuid, job_id uuid)
    WHERE j.credential_id = ANY (locked) AND r.job_id = j.job_id
      AND r.taken_at IS NULL;

    RETURN QUERY
    SELECT j.n, v.verdict,
           CASE v.verdict WHEN 'busy' THEN greatest(0, coalesce(
               ceil(1000 * extract(epoch FROM
                    k.lease_until - clock_timestamp()))::integer, 250)) END,
           CASE v.verdict WHEN 'leased' THEN json_build_object(
               'credential_id', k.id, 'sealed_token', k.sealed_token,
               'lease_token', k.lease_token, 'leases', k.leases,
               'failures', k.failures,
               'prices_due', byoc.prices_are_due(k.id),
               'audit_due', k.audits <> '{}',
               'clusters', byoc.audited_clusters(k),
               'resources', byoc.known_resources(k)) END
    FROM jsonb_to_recordset(jobs) j(n integer, credential_id uuid, job_id uuid)
    LEFT JOIN byoc.credentials k ON k.id = j.credential_id,
    LATERAL (SELECT CASE
        WHEN k.id IS NULL THEN 'unknown'
        WHEN j.n = ANY (claimed) THEN 'leased'
        WHEN k.id <> ALL (locked)
          OR k.job_id = j.job_id AND k.lease_until IS NOT NULL THEN 'busy'
        ELSE 'void' END) v(verdict);
END $$;

-- What clusters were to be, as far as an audit sees to it.
CREATE FUNCTION byoc.audited_clusters(k byoc.credentials) RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    IF k.audits = '{}' THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT json_agg(json_build_object(
            'id', c.id, 'api_sources', array_to_string(c.api_sources, ','),
            'ssh_sources', array_to_string(c.ssh_sources, ',')))
        FROM byoc.clusters c
        WHERE c.credential_id = k.id AND c.status = 'running');
END $$;

-- What a token of the same project finds there: recorded resources of clusters
-- that exist, the surest first, of as many clusters as may be. A few, for any
-- one of them proves it, and somebody may have removed some by hand.
CREATE FUNCTION byoc.known_resources(k byoc.credentials) RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    IF k.any_project OR k.sealed_token = k.active_sealed_token THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT json_agg(json_build_object(
            'kind', r.kind, 'id', r.hetzner_id, 'name', r.name,
            'phase', r.phase, 'index', r.index) ORDER BY r.place)
        FROM (SELECT r.*, row_number() OVER (
                         PARTITION BY c.id
                         ORDER BY array_position(
                             ARRAY['network', 'load_balancer', 'server',
                                   'firewall', 'ssh_key'], r.kind),
                             r.hetzner_id) AS place
              FROM byoc.clusters c JOIN byoc.resources r ON r.cluster_id = c.id
              WHERE c.credential_id = k.id AND c.status <> 'deleted'
              ORDER BY place, c.changed_at DESC LIMIT 12) r);
END $$;

-- Stores verdicts on tokens. Each element: n, credential_id, lease_token,
-- result (ready, invalid, retry), queue and delay_ms, code, reason, prices and
-- audit (where they were read). Each gets a row, as in commit_phases: stored,
-- lost or busy.
CREATE FUNCTION byoc.commit_credentials(outcomes jsonb)
RETURNS TABLE (n integer, verdict text) LANGUAGE plpgsql AS $$
DECLARE
    o record;
BEGIN
    FOR o IN
        SELECT * FROM jsonb_to_recordset(outcomes)
            o(n integer, credential_id uuid, lease_token bigint, result text,
              queue text, delay_ms integer, code text, reason text,
              prices jsonb, audit jsonb)
        ORDER BY credential_id
    LOOP
        n := o.n;
        verdict := byoc.lock_verdict(o.credential_id, o.lease_token,
                                     o.result = 'ready');
        IF verdict = 'stored' AND o.result = 'retry' THEN
            PERFORM byoc.retry_validation(o.credential_id, o.queue, o.delay_ms,
                                          o.code, o.reason);
        ELSIF verdict = 'stored' THEN
            PERFORM byoc.judge_credential(o.credential_id, o.result, o.code,
                                          o.reason);
            PERFORM byoc.store_prices(o.credential_id, o.prices)
            WHERE o.prices IS NOT NULL;
            PERFORM byoc.answer_audits(
                o.credential_id, CASE o.result WHEN 'ready' THEN o.audit
                ELSE jsonb_build_object('code', o.code, 'reason', o.reason)
                END);
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Locks a credential, and before it the clusters that a good token concerns;
-- then tells whether the outcome of that lease is to be stored. A cluster may
-- come to be concerned while the credential is not locked yet.
CREATE FUNCTION byoc.lock_verdict(credential uuid, token bigint, good boolean)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    locked uuid[] := '{}';
    still boolean;
BEGIN
    IF good THEN
        locked := byoc.lock_clusters(byoc.concerned_clusters(credential));
    END IF;
    SELECT lease_token = token AND lease_until IS NOT NULL INTO still
    FROM byoc.credentials WHERE id = credential
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN CASE WHEN EXISTS (SELECT FROM byoc.credentials
                                 WHERE id = credential)
                    THEN 'busy' ELSE 'lost' END;
    ELSIF NOT still THEN
        RETURN 'lost';
    ELSIF good AND NOT byoc.concerned_clusters(credential) <@ locked THEN
        RETURN 'busy';
    END IF;
    RETURN 'stored';
END $$;

-- The clusters that have to know when the newest token becomes the active one:
-- those that run, and those that have stopped because there was none.
CREATE FUNCTION byoc.concerned_clusters(credential uuid) RETURNS uuid[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT c.id FROM byoc.credentials k
        JOIN byoc.clusters c ON c.credential_id = k.id
        WHERE k.id = credential
          AND k.active_sealed_token IS DISTINCT FROM k.sealed_token
          AND (c.status = 'running'
               OR k.active_sealed_token IS NULL
                  AND (c.status = 'deleting' OR c.goal = 'sweep')));
END $$;

-- Tried again, unless it is sealed with a key that no worker has had for a
-- minute: one worker may get a new key later than another, and is asked again.
-- Who waits for the verdict sees why there is none yet.
CREATE FUNCTION byoc.retry_validation(credential uuid, queue text,
                                      delay_ms integer, why text,
                                      why_text text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k byoc.credentials;
BEGIN
    UPDATE byoc.credentials c
    SET job_id = gen_random_uuid(), lease_until = NULL, failures = failures + 1,
        due_at = clock_timestamp() + delay_ms * interval '1 millisecond',
        unknown_key_since = CASE WHEN why = 'sealed_unknown_key' THEN
            coalesce(c.unknown_key_since, clock_timestamp()) END,
        code = CASE c.status WHEN 'pending_validation' THEN why ELSE c.code END,
        reason = CASE c.status WHEN 'pending_validation' THEN why_text
                               ELSE c.reason END
    WHERE id = credential RETURNING * INTO k;
    IF k.unknown_key_since < clock_timestamp() - interval '1 minute' THEN
        PERFORM byoc.judge_credential(credential, 'invalid', why, format(
            'The token is sealed with the key %s, which no worker has. Seal it '
            'with the newest .pub file of the workers'' keys and store it '
            'again; or give that key to the workers, restart them, and have '
            'the credential validated.',
            left(split_part(k.sealed_token, '.', 2), 16)));
    ELSE
        PERFORM byoc.publish_validation(credential, queue);
    END IF;
END $$;

-- An event tells of a change of status; a check that finds nothing new is
-- silent. A bad new token leaves the old one in use, and so does one that nobody
-- could open, for that is no word of Hetzner's; a good one is told to the
-- clusters that run, and lets go on what had to stop.
CREATE FUNCTION byoc.judge_credential(credential uuid, result text,
                                      new_code text, new_reason text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before byoc.credentials;
    concerned uuid[] := CASE result
        WHEN 'ready' THEN byoc.concerned_clusters(credential) END;
BEGIN
    SELECT * INTO before FROM byoc.credentials WHERE id = credential;
    UPDATE byoc.credentials c
    SET status = result, code = new_code, reason = new_reason,
        active_sealed_token = CASE
            WHEN result = 'ready' THEN c.sealed_token
            WHEN c.active_sealed_token = c.sealed_token
             AND new_code <> 'sealed_unknown_key' THEN NULL
            ELSE c.active_sealed_token END,
        token_version = c.token_version
            + CASE WHEN result = 'ready' AND c.active_sealed_token
                        IS DISTINCT FROM c.sealed_token THEN 1 ELSE 0 END,
        job_id = NULL, due_at = NULL, lease_until = NULL, leases = 0,
        failures = 0, unknown_key_since = NULL,
        validated_at = clock_timestamp()
    WHERE id = credential;
    IF before.status <> result THEN
        PERFORM byoc.emit_credential(credential);
    END IF;
    IF concerned <> '{}' THEN
        PERFORM byoc.resume_clusters(concerned);
        PERFORM byoc.ask('cluster.refresh', id) FROM byoc.clusters
        WHERE id = ANY (concerned) AND status = 'running';
    END IF;
END $$;

-- What was parked for want of a good token goes on.
CREATE FUNCTION byoc.resume_clusters(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    going_on uuid[];
BEGIN
    WITH g AS (
        UPDATE byoc.clusters SET code = NULL, reason = NULL
        WHERE id = ANY (ids) AND code = 'credential_invalid'
          AND status = 'deleting'
        RETURNING id
    )
    SELECT array_agg(id) INTO going_on FROM g;
    PERFORM byoc.emit_clusters(going_on) WHERE going_on IS NOT NULL;
    UPDATE byoc.phases p SET status = 'blocked'
    FROM byoc.clusters c
    WHERE c.id = ANY (ids) AND c.goal IN ('teardown', 'sweep')
      AND p.cluster_id = c.id AND p.run = c.run AND p.status = 'parked';
    PERFORM byoc.queue_phases(ARRAY(
        SELECT id FROM byoc.clusters
        WHERE id = ANY (ids) AND goal IN ('teardown', 'sweep')));
END $$;

-- ---- Deletion ----

-- Of a deleted one not even a validation may be asked for.
CREATE FUNCTION byoc.refuse_deleted_credential() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential % is deleted', OLD.id
        USING ERRCODE = 'BY008', CONSTRAINT = 'credential_deleted';
END $$;

CREATE TRIGGER credentials_deleted BEFORE UPDATE ON byoc.credentials
FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL)
EXECUTE FUNCTION byoc.refuse_deleted_credential();

-- The clusters that still need the credential, for people. A deleted one needs
-- it while it is looked through once more, which takes a good token.
CREATE FUNCTION byoc.needed_by(credential uuid, OUT clusters integer,
                               OUT names text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*), string_agg(format('%s (%s)', c.name, c.status), ', '
                                ORDER BY c.created_at)
    INTO clusters, names
    FROM byoc.credentials k JOIN byoc.clusters c ON c.credential_id = k.id
    WHERE k.id = credential
      AND (c.status <> 'deleted'
           OR c.active AND k.active_sealed_token IS NOT NULL);
END $$;

-- Forgets the tokens, unless a cluster needs them. Once more, it does nothing. A
-- validation that is in the air becomes void: its message has another id now,
-- its lease another token.
CREATE FUNCTION byoc.delete_credential(credential uuid) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    need record;
BEGIN
    -- No cluster can come to refer to a row that is locked like this.
    PERFORM FROM byoc.credentials WHERE id = credential FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no credential with the id %', credential
            USING ERRCODE = 'BY005', CONSTRAINT = 'unknown_record';
    END IF;
    SELECT * INTO need FROM byoc.needed_by(credential);
    IF need.clusters > 0 THEN
        RAISE EXCEPTION 'clusters need credential %: %', credential, need.names
            USING ERRCODE = 'BY004', CONSTRAINT = 'credential_in_use',
                  HINT = 'Delete them first.';
    END IF;
    UPDATE byoc.clusters SET goal = 'teardown'
    WHERE credential_id = credential AND goal = 'sweep';
    UPDATE byoc.credentials
    SET deleted_at = clock_timestamp(), sealed_token = NULL,
        active_sealed_token = NULL, status = 'invalid',
        code = 'credential_deleted', reason = 'The credential was deleted.',
        job_id = gen_random_uuid(), due_at = NULL, lease_until = NULL,
        lease_token = lease_token + 1
    WHERE id = credential AND deleted_at IS NULL;
    IF FOUND THEN
        PERFORM byoc.note_request('credential.delete', credential);
    END IF;
END $$;

COMMENT ON FUNCTION byoc.delete_credential IS
    'Forgets a credential''s tokens. BY005, or BY004: clusters need it.';
