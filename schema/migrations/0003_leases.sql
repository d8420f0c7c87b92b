-- How a worker comes by a phase, and keeps it.

-- ---- Leases ----

-- A job for a phase, and what is to become of it.
CREATE TYPE byoc.phase_job AS (
    n integer,
    cluster_id uuid,
    run integer,
    phase text,
    index integer,
    job_id uuid,
    mine boolean,
    credential_id uuid,
    verdict text,
    wait_ms integer
);

-- What becomes of a job; of one that is leased, everything that its phase may
-- need to know. In columns, for a worker reads a whole tick's.
CREATE TYPE byoc.lease AS (
    n integer,
    verdict text,
    wait_ms integer,
    credential_id uuid,
    goal text,
    lease_token bigint,
    leases integer,
    failures integer,
    outages integer,
    age_ms bigint,
    older_leases integer,
    removal jsonb,
    sealed_token text,
    id uuid,
    name text,
    location text,
    type text,
    workers integer,
    status text,
    server_type text,
    gateway_type text,
    pod_security text,
    was_ready boolean,
    ingress text,
    api_sources text,
    ssh_sources text,
    ssh_public_key text,
    sealed_authorities text,
    sealed_join_token text,
    resources text -- JSON
);

-- Claims the phases of all jobs received in a tick. Each has n, cluster_id, run,
-- phase, index, job_id, and mine: this worker's own lease, the answer to which
-- was lost, may be taken over. `places` says how many jobs of a
-- credential may be leased now, `share` how many of each that is not in it.
-- Each job gets a row:
--   leased   it is ours
--   busy     come back in wait_ms (0: soon): somebody has the phase or its
--            cluster, or it is not due yet
--   crowded  its credential, which is told, has no place left: it waits in the
--            broker
--   void     done already, of an older run, or replaced by a newer message
CREATE FUNCTION byoc.lease_phases(asked byoc.phase_job[], worker uuid,
                                  lease_ms integer, share integer,
                                  places jsonb)
RETURNS SETOF byoc.lease LANGUAGE plpgsql AS $$
DECLARE
    locked byoc.phase_job[] := byoc.lock_jobs(asked);
    judged byoc.phase_job[];
    held integer[];
    claimed integer[];
    taken byoc.lease[];
    started byoc.phase_news[];
BEGIN
    IF byoc.may_crowd(locked, share, places) THEN
        judged := byoc.judge_jobs(asked, NULL, worker, share, places);
        locked := ARRAY(
            SELECT l FROM unnest(locked) l WHERE l.n <> ALL (ARRAY(
                SELECT j.n FROM unnest(judged) j WHERE j.verdict = 'crowded')));
    END IF;
    WITH leased AS (
        UPDATE byoc.phases p
        SET status = 'leased', lease_owner = worker,
            lease_token = p.lease_token + 1, leases = p.leases + 1,
            lease_until = clock_timestamp()
                          + lease_ms * interval '1 millisecond',
            started_at = coalesce(p.started_at, clock_timestamp()),
            unanswered_at = CASE WHEN p.status = 'leased' AND j.mine IS NOT TRUE
                                 THEN p.lease_until
                                 ELSE p.unanswered_at END
        FROM unnest(locked) j
        JOIN byoc.clusters c ON c.id = j.cluster_id
        JOIN byoc.credentials k ON k.id = c.credential_id
        WHERE c.run = j.run AND c.active AND k.active_sealed_token IS NOT NULL
          AND p.cluster_id = j.cluster_id AND p.run = j.run
          AND p.phase = j.phase AND p.index = j.index AND p.job_id = j.job_id
          AND (p.status = 'queued' AND byoc.is_past(p.due_at, '2 hours')
               OR p.status = 'leased'
                  AND (byoc.is_past(p.lease_until)
                       OR j.mine AND p.lease_owner = worker))
        RETURNING j.n, CASE p.leases WHEN 1 THEN
            ROW (p.cluster_id, p.run, p.phase, p.index, p.status, p.code,
                 p.reason)::byoc.phase_news END AS started,
            ROW (j.n, 'leased', 0, c.credential_id,
            c.goal, p.lease_token, p.leases, p.failures, p.outages,
            (1000 * extract(epoch FROM
                clock_timestamp() - p.started_at))::bigint,
            -- what may still make something: also what ended without an
            -- answer a short while ago
            CASE c.run WHEN 1 THEN 0 ELSE (
                SELECT count(*) FROM byoc.phases o
                WHERE o.cluster_id = c.id AND o.run < c.run
                  AND NOT byoc.is_past(interval '1 minute' + greatest(
                      CASE o.status WHEN 'leased' THEN o.lease_until END,
                      o.unanswered_at))
            ) END,
            CASE WHEN c.goal IN ('teardown', 'sweep', 'survey') THEN
                CASE c.goal WHEN 'survey' THEN c.survey ELSE c.removal END
                || jsonb_build_object(
                    'token_version', k.token_version,
                    'unproven', k.token_version > c.proven_version,
                    'swept', ARRAY(SELECT s.swept FROM byoc.phases s
                                   WHERE s.cluster_id = c.id AND s.run = c.run
                                     AND s.swept IS NOT NULL),
                    'services', CASE p.phase WHEN 'sweep' THEN ARRAY(
                        SELECT r.service FROM byoc.receipts r
                        WHERE r.cluster_id = c.id AND r.service IS NOT NULL)
                        ELSE '{}' END)
            END,
            k.active_sealed_token,
            c.id, c.name, c.location, c.type, c.workers, c.status,
            c.server_type, c.gateway_type, c.pod_security, c.was_ready,
            c.ingress, array_to_string(c.api_sources, ','),
            array_to_string(c.ssh_sources, ','), c.ssh_public_key,
            c.sealed_authorities, c.sealed_join_token,
            (SELECT '[' || coalesce(string_agg(r.lease_text, ','), '') || ']'
             FROM byoc.resources r WHERE r.cluster_id = c.id)
        )::byoc.lease AS lease
    )
    SELECT array_agg(l.n), array_agg(l.lease),
           array_agg(l.started ORDER BY l.n)
               FILTER (WHERE l.started IS DISTINCT FROM NULL)
    INTO claimed, taken, started FROM leased l;
    IF started IS NOT NULL THEN
        PERFORM byoc.emit_phases(started);
    END IF;
    RETURN QUERY SELECT * FROM unnest(taken);
    IF cardinality(claimed) = cardinality(asked) THEN
        RETURN;
    END IF;
    judged := coalesce(judged, byoc.judge_jobs(asked, claimed, worker, share,
                                               places));
    PERFORM byoc.note_crowds(judged)
    WHERE EXISTS (SELECT FROM unnest(judged) j WHERE j.verdict = 'crowded');
    held := ARRAY(SELECT l.n FROM unnest(locked) l);
    PERFORM byoc.stop_without_token(ARRAY(
        SELECT j.cluster_id FROM unnest(judged) j
        WHERE j.verdict = 'idle' AND j.n = ANY (held)))
    WHERE EXISTS (SELECT FROM unnest(judged) j WHERE j.verdict = 'idle');
    RETURN QUERY
    SELECT l.* FROM unnest(judged) j,
    LATERAL jsonb_populate_record(NULL::byoc.lease, jsonb_build_object(
        'n', j.n, 'verdict',
        CASE WHEN j.verdict = 'idle' AND j.n = ANY (held) THEN 'void'
             WHEN j.verdict IN ('free', 'idle') THEN 'busy'
             ELSE j.verdict END,
        'wait_ms', coalesce(j.wait_ms, 0),
        'credential_id', j.credential_id)) l
    WHERE (j.n = ANY (claimed)) IS NOT TRUE;
END $$;

-- The jobs whose clusters' rows could be locked, with their credentials.
CREATE FUNCTION byoc.lock_jobs(asked byoc.phase_job[]) RETURNS byoc.phase_job[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW (j.n, j.cluster_id, j.run, j.phase, j.index, j.job_id,
                    j.mine, c.credential_id, NULL, NULL)::byoc.phase_job
        FROM unnest(asked) j JOIN byoc.clusters c ON c.id = j.cluster_id
        ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED);
END $$;

-- Are there more jobs of a credential than may be leased? Some of them may be
-- void, so that it has places for the others.
CREATE FUNCTION byoc.may_crowd(jobs byoc.phase_job[], share integer,
                               places jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(jobs) j GROUP BY j.credential_id
        HAVING count(*) > coalesce(
            (places ->> j.credential_id::text)::integer, share));
END $$;

-- What is to become of jobs, or of those that were not claimed: free, if nothing
-- stands in the way but a lock; idle, if there is no token to work with; or as
-- lease_phases answers.
CREATE FUNCTION byoc.judge_jobs(asked byoc.phase_job[], claimed integer[],
                                worker uuid, share integer, places jsonb)
RETURNS byoc.phase_job[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW (s.n, s.cluster_id, s.run, s.phase, s.index, s.job_id,
                    s.mine, s.credential_id,
                    CASE WHEN s.verdict = 'free' AND s.place > coalesce(
                             (places ->> s.credential_id::text)::integer, share)
                         THEN 'crowded' ELSE s.verdict END,
                    s.wait_ms)::byoc.phase_job
        FROM (SELECT j.n, j.cluster_id, j.run, j.phase, j.index, j.job_id,
                     j.mine, c.credential_id, v.verdict,
                     row_number() OVER (PARTITION BY c.credential_id, v.verdict
                                        ORDER BY j.n) AS place,
                     CASE v.verdict WHEN 'busy' THEN
                         ceil(1000 * extract(epoch FROM
                              coalesce(p.lease_until, p.due_at)
                              - clock_timestamp()))::integer END AS wait_ms
              FROM unnest(asked) j
              LEFT JOIN byoc.phases p
                     ON p.cluster_id = j.cluster_id AND p.run = j.run
                    AND p.phase = j.phase AND p.index = j.index
              LEFT JOIN byoc.clusters c ON c.id = p.cluster_id
              LEFT JOIN byoc.credentials k ON k.id = c.credential_id,
              LATERAL (SELECT CASE
                  WHEN j.n = ANY (claimed) THEN 'leased'
                  WHEN p.job_id IS DISTINCT FROM j.job_id
                    OR p.status NOT IN ('queued', 'leased')
                    OR c.run <> p.run OR NOT c.active THEN 'void'
                  WHEN p.status = 'queued' AND NOT byoc.is_past(p.due_at, '2 hours')
                    OR p.status = 'leased'
                       AND NOT byoc.is_past(p.lease_until)
                       AND NOT (j.mine IS TRUE AND p.lease_owner = worker)
                       THEN 'busy'
                  WHEN k.active_sealed_token IS NULL THEN 'idle'
                  ELSE 'free' END) v(verdict)) s);
END $$;

-- Phases of a crowded credential wait in the broker, for some seconds, and
-- nothing in their rows says so: the watchdog is not to miss them. Told again
-- every ten seconds.
CREATE FUNCTION byoc.note_crowds(jobs byoc.phase_job[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
BEGIN
    UPDATE byoc.credentials k SET crowded_until = now + interval '80 seconds'
    WHERE k.id IN (
        SELECT l.id FROM byoc.credentials l
        WHERE l.id IN (SELECT j.credential_id FROM unnest(jobs) j
                       WHERE j.verdict = 'crowded')
          AND (l.crowded_until IS NULL
               OR l.crowded_until < now + interval '70 seconds')
        FOR NO KEY UPDATE SKIP LOCKED);
END $$;

-- Renews leases that are still ours. Each element: n, lease_token, and
-- cluster_id, run, phase and index, or credential_id. Locks rows of phases
-- only, so that a lease outlives a cluster's lock that somebody keeps. Returns
-- the n that were renewed.
CREATE FUNCTION byoc.renew_leases(leases jsonb, lease_ms integer)
RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE
    lease_end timestamptz :=
        clock_timestamp() + lease_ms * interval '1 millisecond';
BEGIN
    RETURN QUERY
    WITH held AS (
        SELECT l.n, p.ctid
        FROM jsonb_to_recordset(leases)
             l(n integer, lease_token bigint, cluster_id uuid, run integer,
               phase text, index integer)
        JOIN byoc.phases p ON p.cluster_id = l.cluster_id AND p.run = l.run
         AND p.phase = l.phase AND p.index = l.index
         AND p.lease_token = l.lease_token
        WHERE p.status = 'leased'
        FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE byoc.phases p SET lease_until = lease_end
    FROM held WHERE p.ctid = held.ctid
    RETURNING held.n;

    RETURN QUERY
    WITH held AS (
        SELECT l.n, k.id
        FROM jsonb_to_recordset(leases)
             l(n integer, lease_token bigint, credential_id uuid)
        JOIN byoc.credentials k ON k.id = l.credential_id
         AND k.lease_token = l.lease_token
        WHERE k.lease_until IS NOT NULL
        FOR NO KEY UPDATE OF k SKIP LOCKED
    )
    UPDATE byoc.credentials k SET lease_until = lease_end
    FROM held WHERE k.id = held.id
    RETURNING held.n;
END $$;
