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
