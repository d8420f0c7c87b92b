-- Audits: what is in a credential's project, and whose it is. A validation that
-- somebody has asked an audit of looks through the project; here it is judged.

-- Those that came straight from the broker: asked for now, once.
CREATE FUNCTION byoc.note_audits(jobs jsonb, locked uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT jobs @> '[{"audit": true}]' THEN
        RETURN;
    END IF;
    WITH asked AS (
        INSERT INTO byoc.requests (job_id, type, credential_id, asked_by,
                                   traceparent)
        SELECT j.job_id, 'credential.audit', j.credential_id, NULL,
               j.traceparent
        FROM jsonb_to_recordset(jobs)
             j(credential_id uuid, job_id uuid, traceparent text,
               audit boolean)
        WHERE j.audit AND j.credential_id = ANY (locked)
        ON CONFLICT (job_id) DO NOTHING
        RETURNING job_id, credential_id
    )
    UPDATE byoc.credentials k SET audits = k.audits || a.jobs
    FROM (SELECT credential_id, array_agg(job_id) AS jobs FROM asked
          GROUP BY credential_id) a
    WHERE k.id = a.credential_id AND k.deleted_at IS NULL;
END $$;

-- Tells all who wait for it. Null: this validation has not looked, for nobody
-- had asked when it began; who has asked since then is answered by another one.
CREATE FUNCTION byoc.answer_audits(credential uuid, audit jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    waiting uuid[] := (SELECT audits FROM byoc.credentials
                       WHERE id = credential);
    report jsonb;
    job uuid;
BEGIN
    IF waiting = '{}' THEN
        RETURN;
    ELSIF audit IS NULL THEN
        PERFORM byoc.validate_anew(credential);
        RETURN;
    END IF;
    report := CASE WHEN audit ? 'things'
        THEN byoc.report_audit(credential, audit) ELSE audit END;
    FOREACH job IN ARRAY waiting LOOP
        WITH c AS (
            UPDATE byoc.credentials
            SET sequence = sequence + 1, audits = '{}',
                audited_at = clock_timestamp()
            WHERE id = credential
            RETURNING id, name, status, sequence, traceparent
        )
        INSERT INTO byoc.events (credential_id, sequence, name, data,
                                 traceparent)
        SELECT c.id, c.sequence, 'audited', jsonb_build_object(
                   'credential_id', c.id, 'name', c.name, 'status', c.status,
                   'job_id', job) || report,
               coalesce(r.traceparent, c.traceparent)
        FROM c LEFT JOIN byoc.requests r ON r.job_id = job;
    END LOOP;
END $$;

-- {orphans, drift, strangers, price_month (of the orphans), currency}, at most
-- 500 of each, what costs most first. `audit` is what a worker saw: {currency,
-- things: [{kind, id, name, cluster (our label), controlled (made by a cluster's
-- controller), network, server, fault, price (a month, in millionths)}]}.
CREATE FUNCTION byoc.report_audit(credential uuid, audit jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    report jsonb;
BEGIN
    WITH things AS (
        SELECT * FROM jsonb_to_recordset(audit -> 'things')
            t(kind text, id bigint, name text, cluster text,
              controlled boolean, network bigint, server bigint, fault text,
              price bigint)
    ), live AS (
        -- one that is deleted is looked through once more, by itself
        SELECT c.id, c.name,
               c.status = 'running' AND NOT c.active AS complete
        FROM byoc.clusters c
        WHERE c.credential_id = credential
          AND (c.status <> 'deleted' OR c.active
               OR c.changed_at > clock_timestamp() - interval '1 minute')
    ), known AS (
        SELECT r.kind, r.hetzner_id, r.name, r.cluster_id,
               l.name AS cluster_name, l.complete,
               (SELECT n.hetzner_id FROM byoc.resources n
                WHERE n.cluster_id = r.cluster_id AND n.kind = 'network'
                LIMIT 1) AS network
        FROM live l JOIN byoc.resources r ON r.cluster_id = l.id
    ), lines AS (
        SELECT 'orphans' AS part, t.kind, t.id, t.name, t.price, t.cluster,
               NULL AS cluster_name, CASE
               WHEN EXISTS (SELECT FROM byoc.clusters c
                            WHERE c.id::text = t.cluster)
               THEN 'it has the label of a cluster that is deleted'
               ELSE 'it has the label of a cluster that is not known here' END
               AS why
        FROM things t
        WHERE t.cluster IS NOT NULL
          AND NOT EXISTS (SELECT FROM live l WHERE l.id::text = t.cluster)
          AND NOT EXISTS (SELECT FROM known k
                          WHERE k.kind = t.kind AND k.hetzner_id = t.id)
        UNION ALL
        SELECT 'strangers', t.kind, t.id, t.name, t.price, NULL, NULL,
               CASE WHEN t.controlled
               THEN 'the controller of a cluster made it, that is not one of '
                    'these'
               ELSE 'nothing says that it is a cluster''s' END
        FROM things t
        WHERE t.cluster IS NULL AND t.price IS DISTINCT FROM 0
          AND NOT EXISTS (
              SELECT FROM known k
              WHERE k.kind = t.kind AND k.hetzner_id = t.id
                 OR k.kind = 'server' AND k.hetzner_id = t.server
                 OR k.kind = 'network' AND k.hetzner_id = t.network
                    AND t.controlled)
        UNION ALL
        SELECT 'drift', k.kind, k.hetzner_id, k.name, NULL, k.cluster_id::text,
               k.cluster_name, coalesce(t.fault, CASE
               WHEN t.id IS NULL THEN 'it is gone'
               ELSE 'it is not on the cluster''s network' END)
        FROM known k
        LEFT JOIN things t ON t.kind = k.kind AND t.id = k.hetzner_id
        WHERE k.complete
          AND (t.id IS NULL OR t.fault IS NOT NULL
               OR k.kind IN ('server', 'load_balancer')
                  AND t.network IS DISTINCT FROM k.network)
    ), ranked AS (
        SELECT *, row_number() OVER (
            PARTITION BY part
            ORDER BY cluster_name, cluster, price DESC NULLS LAST, kind, id)
            AS place
        FROM lines
    )
    SELECT jsonb_build_object('orphans', '[]'::jsonb, 'drift', '[]'::jsonb,
                              'strangers', '[]'::jsonb)
        || coalesce(jsonb_object_agg(p.part, p.lines), '{}')
        || jsonb_build_object(
            'currency', coalesce(audit ->> 'currency', 'EUR'),
            'price_month', round(coalesce(sum(p.price), 0) / 1000000.0,
                                 4)::text)
    INTO report
    FROM (SELECT r.part,
                 sum(r.price) FILTER (WHERE r.part = 'orphans') AS price,
                 jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                     'kind', r.kind, 'hetzner_id', r.id, 'name', r.name,
                     'cluster_id', r.cluster, 'cluster_name', r.cluster_name,
                     'price_month', round(r.price / 1000000.0, 4)::text,
                     'why', r.why)) ORDER BY r.place)
                     FILTER (WHERE r.place <= 500) AS lines
          FROM ranked r GROUP BY r.part) p;
    RETURN report;
END $$;

CREATE INDEX credentials_audit ON byoc.credentials
    ((coalesce(audited_at, created_at)))
    WHERE status = 'ready' AND deleted_at IS NULL;

-- The audits that are due by themselves, where an operator wants that: a few at
-- a time, so that the jobs of customers are not kept waiting.
CREATE FUNCTION byoc.ask_audits() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    due timestamptz := (
        SELECT clock_timestamp() - audit_hours * interval '1 hour'
        FROM byoc.settings);
    credential uuid;
BEGIN
    FOR credential IN
        SELECT id FROM byoc.credentials
        WHERE status = 'ready' AND deleted_at IS NULL AND job_id IS NULL
          AND coalesce(audited_at, created_at) <= due
        ORDER BY coalesce(audited_at, created_at) LIMIT 20
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        PERFORM byoc.ask('credential.audit', credential);
    END LOOP;
END $$;

-- For operators: what a deleted cluster has left is looked for once more and
-- deleted, by the rules of a teardown; cluster.swept tells what it was. False:
-- it is no deleted one, or that is under way.
CREATE FUNCTION byoc.sweep_again(cluster uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF byoc.begin_sweeps(ARRAY[cluster], interval '0', NULL) = '{}' THEN
        RETURN false;
    END IF;
    PERFORM byoc.note_request('cluster.sweep', credential_id, cluster)
    FROM byoc.clusters WHERE id = cluster;
    RETURN true;
END $$;
