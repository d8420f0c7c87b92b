-- What becomes of a phase: it is leased, and its outcome is stored.

-- ---- Leases ----

-- Claims the phases of all jobs received in a tick. Each element of jobs: n,
-- cluster_id, run, phase, index, job_id. Each job gets a row:
--   leased  it is ours, with everything that its phase may need to know
--   busy    another worker has it: come back in wait_ms
--   void    done already, of an older run, or replaced by a newer message
CREATE FUNCTION byoc.lease_phases(jobs jsonb, worker uuid, lease_ms integer)
RETURNS TABLE (n integer, verdict text, wait_ms integer, lease json)
LANGUAGE plpgsql
-- a few look-ups by key, however many clusters there are
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    claimed integer[];
    started byoc.phases[];
BEGIN
    PERFORM byoc.lock_clusters(ARRAY(
        SELECT j.cluster_id FROM jsonb_to_recordset(jobs) j(cluster_id uuid)));

    WITH taken AS (
        UPDATE byoc.phases p
        SET status = 'leased', lease_owner = worker,
            lease_token = p.lease_token + 1, leases = p.leases + 1,
            lease_until = clock_timestamp()
                          + lease_ms * interval '1 millisecond',
            started_at = coalesce(p.started_at, clock_timestamp())
        FROM jsonb_to_recordset(jobs) j(n integer, cluster_id uuid, run integer,
                                        phase text, index integer, job_id uuid),
             byoc.clusters c, byoc.credentials k
        WHERE p.cluster_id = j.cluster_id AND p.run = j.run
          AND p.phase = j.phase AND p.index = j.index AND p.job_id = j.job_id
          AND c.id = p.cluster_id AND c.run = p.run
          AND k.id = c.credential_id AND k.active_sealed_token IS NOT NULL
          AND c.active
          AND (p.status = 'queued'
               OR p.status = 'leased' AND p.lease_until < clock_timestamp())
        RETURNING j.n, p
    )
    SELECT array_agg(n), array_agg(p ORDER BY n) FILTER (WHERE (p).leases = 1)
    INTO claimed, started FROM taken;
    PERFORM byoc.emit_phases(started) WHERE started IS NOT NULL;
    IF coalesce(cardinality(claimed), 0) < jsonb_array_length(jobs) THEN
        PERFORM byoc.park_phases(jobs);
    END IF;

    RETURN QUERY
    SELECT j.n,
           CASE WHEN j.n = ANY (claimed) THEN 'leased'
                WHEN p.status = 'leased' AND p.job_id = j.job_id THEN 'busy'
                ELSE 'void' END,
           CASE WHEN p.status = 'leased'
                THEN ceil(1000 * greatest(0, extract(epoch FROM
                     p.lease_until - clock_timestamp())))::integer END,
           CASE WHEN j.n = ANY (claimed) THEN json_build_object(
               'goal', c.goal,
               'lease_token', p.lease_token,
               'leases', p.leases,
               'failures', p.failures,
               'age_ms', (1000 * extract(epoch FROM
                          clock_timestamp() - p.started_at))::bigint,
               'older_leases', (
                   SELECT count(*) FROM byoc.phases o
                   WHERE o.cluster_id = c.id AND o.run < c.run
                     AND o.status = 'leased'
                     AND o.lease_until > clock_timestamp()),
               'credential_id', k.id,
               'sealed_token', k.active_sealed_token,
               'cluster', json_build_object(
                   'id', c.id, 'name', c.name, 'location', c.location,
                   'type', c.type, 'workers', c.workers, 'status', c.status,
                   'server_type', c.server_type,
                   'gateway_type', c.gateway_type,
                   'ssh_sources', array_to_string(c.ssh_sources, ','),
                   'ssh_public_key', c.ssh_public_key,
                   'sealed_authorities', c.sealed_authorities,
                   'sealed_join_token', c.sealed_join_token),
               'resources', (
                   SELECT coalesce(json_agg(json_build_object(
                       'kind', r.kind, 'id', r.hetzner_id, 'name', r.name,
                       'phase', r.phase, 'index', r.index,
                       'public_address', host(r.public_address),
                       'private_address', host(r.private_address),
                       'actions', r.actions)), '[]')
                   FROM byoc.resources r WHERE r.cluster_id = c.id))
           END
    FROM jsonb_to_recordset(jobs) j(n integer, cluster_id uuid, run integer,
                                    phase text, index integer, job_id uuid)
    LEFT JOIN byoc.clusters c ON c.id = j.cluster_id AND c.run = j.run
    LEFT JOIN byoc.credentials k ON k.id = c.credential_id
    LEFT JOIN byoc.phases p ON p.cluster_id = c.id AND p.run = j.run
          AND p.phase = j.phase AND p.index = j.index;
END $$;

-- Without a token nothing can be done: a provisioning fails, a teardown waits,
-- parked, until the credential is ready again.
CREATE FUNCTION byoc.park_phases(jobs jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    idle record;
BEGIN
    FOR idle IN
        SELECT DISTINCT c.id, c.goal
        FROM jsonb_to_recordset(jobs) j(cluster_id uuid, run integer)
        JOIN byoc.clusters c ON c.id = j.cluster_id AND c.run = j.run
        JOIN byoc.credentials k ON k.id = c.credential_id
        WHERE k.active_sealed_token IS NULL AND c.active
    LOOP
        PERFORM byoc.stop_without_token(idle.id, idle.goal);
    END LOOP;
END $$;

CREATE FUNCTION byoc.stop_without_token(cluster uuid, run_goal text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    why text := 'Hetzner refuses the token of this cluster''s credential. '
                'Store a valid Read & Write token';
BEGIN
    IF run_goal = 'provision' THEN
        UPDATE byoc.clusters c
        SET status = 'failed', code = 'credential_invalid',
            reason = why || ', then retry the cluster.'
        WHERE id = cluster AND c.status = 'provisioning';
        IF FOUND THEN
            PERFORM byoc.emit_cluster(cluster, 'failed');
        END IF;
        RETURN;
    END IF;
    UPDATE byoc.clusters c
    SET code = 'credential_invalid',
        reason = why || '; the deletion then goes on by itself.'
    WHERE id = cluster AND c.status = 'deleting';
    UPDATE byoc.phases p SET status = 'parked', job_id = NULL, due_at = NULL
    FROM byoc.clusters c
    WHERE c.id = cluster AND p.cluster_id = cluster AND p.run = c.run
      AND p.status = 'queued';
END $$;

-- ---- Outcomes ----

-- Stores the outcomes of a tick. Each element: n, cluster_id, run, phase,
-- index, lease_token, result (done, wait, retry, fail, park), queue and
-- delay_ms of wait and retry, code and reason, credential (sealed_token, code
-- and reason, when Hetzner refused the token), and what changed: cluster,
-- resources, removed. An outcome whose lease was lost is discarded. Returns the n
-- that counted.
CREATE FUNCTION byoc.commit_phases(outcomes jsonb) RETURNS SETOF integer
LANGUAGE plpgsql AS $$
DECLARE
    counted integer[];
    touched uuid[];
BEGIN
    PERFORM byoc.lock_clusters(ARRAY(
        SELECT o.cluster_id
        FROM jsonb_to_recordset(outcomes) o(cluster_id uuid)));
    IF outcomes @? '$[*].credential' THEN
        outcomes := byoc.spare_replaced_tokens(outcomes);
    END IF;
    counted := byoc.store_outcomes(outcomes);
    SELECT coalesce(jsonb_agg(o), '[]'), array_agg((o ->> 'cluster_id')::uuid)
    INTO outcomes, touched
    FROM jsonb_array_elements(outcomes) o
    WHERE (o ->> 'n')::integer = ANY (counted);

    PERFORM byoc.store_changes(outcomes);
    PERFORM byoc.refuse_credentials(outcomes);
    PERFORM byoc.fail_clusters(outcomes);
    PERFORM byoc.queue_phases(touched);
    PERFORM byoc.finish_clusters(touched);
    RETURN QUERY SELECT unnest(counted);
END $$;

-- A token that was refused after another text took its place (a newer one, or
-- the same sealed anew) says nothing: the phase is only to be tried again.
CREATE FUNCTION byoc.spare_replaced_tokens(outcomes jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT FROM byoc.credentials
    WHERE id IN (SELECT c.credential_id
                 FROM jsonb_to_recordset(outcomes)
                      o(cluster_id uuid, credential jsonb)
                 JOIN byoc.clusters c ON c.id = o.cluster_id
                 WHERE o.credential IS NOT NULL)
    ORDER BY id FOR NO KEY UPDATE;
    SELECT jsonb_agg(
        CASE WHEN k.active_sealed_token <> o #>> '{credential,sealed_token}'
             THEN o - '{credential,code,reason}'::text[]
                  || '{"result": "wait", "delay_ms": 0}'
             ELSE o END)
    FROM jsonb_array_elements(outcomes) o
    JOIN byoc.clusters c ON c.id = (o ->> 'cluster_id')::uuid
    JOIN byoc.credentials k ON k.id = c.credential_id;
$$;

CREATE FUNCTION byoc.store_outcomes(outcomes jsonb) RETURNS integer[]
LANGUAGE plpgsql AS $$
DECLARE
    counted integer[];
    ended byoc.phases[];
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
                               + o.delay_ms * interval '1 millisecond' END,
            wait_queue = o.queue,
            lease_until = NULL,
            failures = CASE o.result WHEN 'retry' THEN p.failures + 1
                                     ELSE p.failures END,
            code = o.code, reason = o.reason,
            finished_at = CASE WHEN o.result IN ('done', 'fail')
                               THEN clock_timestamp() END
        FROM jsonb_to_recordset(outcomes)
             o(n integer, cluster_id uuid, run integer, phase text,
               index integer, lease_token bigint, result text, queue text,
               delay_ms integer, code text, reason text)
        WHERE p.cluster_id = o.cluster_id AND p.run = o.run
          AND p.phase = o.phase AND p.index = o.index
          AND p.status = 'leased' AND p.lease_token = o.lease_token
        RETURNING o.n, o.result, p
    )
    SELECT coalesce(array_agg(n), '{}'),
           array_agg(p) FILTER (WHERE result IN ('wait', 'retry')),
           array_agg(p ORDER BY n) FILTER (WHERE result IN ('done', 'fail'))
    INTO counted, waiting, ended
    FROM stored;
    PERFORM byoc.publish_phases(waiting) WHERE waiting IS NOT NULL;
    PERFORM byoc.emit_phases(ended) WHERE ended IS NOT NULL;
    RETURN counted;
END $$;

-- What the phases found out: server types, keys, resources.
CREATE FUNCTION byoc.store_changes(outcomes jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.clusters c
    SET server_type = x.server_type, gateway_type = x.gateway_type,
        ssh_public_key = x.ssh_public_key,
        sealed_ssh_private_key = x.sealed_ssh_private_key,
        sealed_authorities = x.sealed_authorities,
        sealed_join_token = x.sealed_join_token
    FROM jsonb_to_recordset(outcomes) o(cluster_id uuid, cluster jsonb),
         jsonb_to_record(o.cluster)
         x(server_type text, gateway_type text, ssh_public_key text,
           sealed_ssh_private_key text, sealed_authorities text,
           sealed_join_token text)
    WHERE c.id = o.cluster_id AND o.cluster IS NOT NULL
      AND c.ssh_public_key IS NULL;

    DELETE FROM byoc.resources r
    USING jsonb_to_recordset(outcomes) o(cluster_id uuid, removed jsonb),
          jsonb_to_recordset(o.removed) x(kind text, id bigint)
    WHERE r.cluster_id = o.cluster_id AND r.kind = x.kind
      AND r.hetzner_id = x.id;

    INSERT INTO byoc.resources AS r (cluster_id, kind, hetzner_id, name, phase,
                                     index, public_address, private_address,
                                     actions)
    SELECT o.cluster_id, x.kind, x.id, x.name, x.phase, x.index,
           x.public_address, x.private_address, x.actions
    FROM jsonb_to_recordset(outcomes) o(cluster_id uuid, resources jsonb),
         jsonb_to_recordset(o.resources)
         x(kind text, id bigint, name text, phase text, index integer,
           public_address inet, private_address inet, actions bigint[])
    ON CONFLICT (cluster_id, phase, index) DO UPDATE
    SET kind = excluded.kind, hetzner_id = excluded.hetzner_id,
        name = excluded.name, actions = excluded.actions,
        public_address = coalesce(excluded.public_address, r.public_address),
        private_address = coalesce(excluded.private_address,
                                   r.private_address);
END $$;

-- Tokens that Hetzner refused while they were in use.
CREATE FUNCTION byoc.refuse_credentials(outcomes jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    refused record;
BEGIN
    FOR refused IN
        SELECT DISTINCT ON (c.credential_id) c.credential_id, o.credential
        FROM jsonb_to_recordset(outcomes) o(cluster_id uuid, credential jsonb)
        JOIN byoc.clusters c ON c.id = o.cluster_id
        WHERE o.credential IS NOT NULL AND o.credential <> 'null'
        ORDER BY c.credential_id
    LOOP
        PERFORM byoc.refuse_credential(refused.credential_id,
            refused.credential ->> 'sealed_token',
            refused.credential ->> 'code', refused.credential ->> 'reason');
    END LOOP;
    PERFORM byoc.stop_without_token(c.id, c.goal)
    FROM (SELECT DISTINCT o.cluster_id
          FROM jsonb_to_recordset(outcomes) o(cluster_id uuid, credential jsonb)
          WHERE o.credential IS NOT NULL AND o.credential <> 'null') d
    JOIN byoc.clusters c ON c.id = d.cluster_id
    JOIN byoc.credentials k ON k.id = c.credential_id
    WHERE k.active_sealed_token IS NULL
    ORDER BY c.id;
END $$;

-- Only the token that was refused: a newer one may be in use by now, and one
-- that waits for its validation keeps its chance.
CREATE FUNCTION byoc.refuse_credential(credential uuid, sealed text,
                                       new_code text, new_reason text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.credentials c SET active_sealed_token = NULL,
        status = CASE WHEN c.sealed_token = sealed THEN 'invalid'
                      ELSE c.status END,
        code = CASE WHEN c.sealed_token = sealed THEN new_code ELSE c.code END,
        reason = CASE WHEN c.sealed_token = sealed THEN new_reason
                      ELSE c.reason END
    WHERE id = credential AND c.active_sealed_token = sealed;
    IF FOUND THEN
        PERFORM byoc.emit_credential(c.id) FROM byoc.credentials c
        WHERE c.id = credential AND c.status = 'invalid';
    END IF;
END $$;

CREATE FUNCTION byoc.fail_clusters(outcomes jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    failed uuid;
BEGIN
    FOR failed IN
        UPDATE byoc.clusters c
        SET status = 'failed', code = o.code, reason = o.reason
        FROM (SELECT DISTINCT ON (cluster_id) *
              FROM jsonb_to_recordset(outcomes)
                   o(n integer, cluster_id uuid, run integer, result text,
                     code text, reason text)
              WHERE result = 'fail' ORDER BY cluster_id, n) o
        WHERE c.id = o.cluster_id AND c.run = o.run
          AND c.status IN ('provisioning', 'deleting')
        RETURNING c.id
    LOOP
        PERFORM byoc.emit_cluster(failed, 'failed');
    END LOOP;
END $$;

-- A run whose phases are all done has reached its goal. A cluster whose nodes
-- may know an older token than the active one is refreshed.
CREATE FUNCTION byoc.finish_clusters(ids uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    finished record;
BEGIN
    FOR finished IN
        UPDATE byoc.clusters c
        SET status = CASE c.goal WHEN 'teardown' THEN 'deleted'
                                 ELSE 'running' END,
            goal = CASE c.goal WHEN 'refresh' THEN 'provision'
                               ELSE c.goal END,
            code = NULL, reason = NULL
        FROM byoc.clusters before, byoc.credentials k
        WHERE c.id = ANY (ids) AND c.active AND before.id = c.id
          AND k.id = c.credential_id
          AND NOT EXISTS (
              SELECT FROM byoc.phases p
              WHERE p.cluster_id = c.id AND p.run = c.run
                AND p.status <> 'done')
        RETURNING c.id, c.status, before.goal,
                  k.token_version > c.token_version AS outdated
    LOOP
        IF finished.goal <> 'refresh' THEN
            PERFORM byoc.emit_cluster(finished.id, finished.status);
        END IF;
        IF finished.status = 'deleted' THEN
            DELETE FROM byoc.resources WHERE cluster_id = finished.id;
            UPDATE byoc.clusters
            SET ssh_public_key = NULL, sealed_ssh_private_key = NULL,
                sealed_authorities = NULL, sealed_join_token = NULL
            WHERE id = finished.id;
        ELSIF finished.outdated THEN
            PERFORM byoc.enqueue('cluster.refresh', finished.id);
        END IF;
    END LOOP;
END $$;
