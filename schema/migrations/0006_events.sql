-- What events tell, and how they go out.

-- ---- How they go out ----

CREATE FUNCTION byoc.event_kind(e byoc.events) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN e.cluster_id IS NULL THEN 'credential' ELSE 'cluster' END
$$;

-- An event as it goes out: CloudEvents 1.0, structured mode. Its number is a
-- text that compares as numbers do (extension Sequence). What describes its data
-- is schema/messages/event.schema.json, by its $id. All is put together as text,
-- which is the cheapest way by far.
CREATE FUNCTION byoc.event_text(e byoc.events) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"specversion": "1.0", "id": "' || e.id
           || '", "source": "/mengi/byoc", "type": "cloud.mengi.byoc.'
           || byoc.event_kind(e) || '.' || e.name
           || '", "subject": "' || coalesce(e.cluster_id, e.credential_id)
           || '", "time": "' || to_char(e.created_at AT TIME ZONE 'UTC',
                                        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
           || '", "datacontenttype": "application/json", "dataschema": '
           || '"https://mengi.cloud/byoc/event.schema.json#/$defs/'
           || byoc.event_kind(e) || '.' || e.name || '/properties/data'
           || '", "sequence": "' || to_char(e.sequence, 'FM0000000000') || '"'
           || coalesce(', "traceparent": ' || to_json(e.traceparent), '')
           || ', "data": ' || e.data || '}'
$$;

CREATE FUNCTION byoc.publish_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.outbox (exchange, routing_key, message_id, type,
                             traceparent, body, due_at)
    SELECT 'byoc.events', byoc.event_kind(e) || '.'
               || coalesce(e.cluster_id, e.credential_id) || '.' || e.name,
           e.id, 'cloud.mengi.byoc.' || byoc.event_kind(e) || '.' || e.name,
           e.traceparent, byoc.event_text(e),
           clock_timestamp() + interval '5 seconds'
    FROM added e
    ORDER BY coalesce(e.cluster_id, e.credential_id), e.sequence;
    RETURN NULL;
END $$;

CREATE TRIGGER events_publish AFTER INSERT ON byoc.events
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION byoc.publish_events();

-- ---- What happened ----

-- An event takes the next sequence number of its subject, under the lock on the
-- subject's row: numbers have no gaps, and appear in order.

CREATE FUNCTION byoc.next_sequence(cluster uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    UPDATE byoc.progress SET sequence = sequence + 1
    WHERE cluster_id = cluster RETURNING sequence INTO newest;
    RETURN newest;
END $$;

-- Records what happened to phases, in their order. A leased one has started, a
-- queued one waits.
-- Each tells how far its run has come: of a run that another has replaced, the
-- phases have to be counted.
CREATE FUNCTION byoc.emit_phases(changed byoc.phase_news[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH numbered AS (
        UPDATE byoc.progress g
        SET sequence = g.sequence + cardinality(k.phases),
            phases_done = g.phases_done + (
                SELECT count(*) FROM unnest(k.phases) p
                WHERE p.run = g.run AND p.status = 'done')
        FROM (SELECT p.cluster_id, array_agg(p) AS phases
              FROM unnest(changed) p GROUP BY 1) k
        WHERE g.cluster_id = k.cluster_id
        RETURNING g.cluster_id AS id, g.traceparent, g.run, g.phases_done,
                  g.phases_total, k.phases,
                  g.sequence - cardinality(k.phases) AS before
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT g.id, g.before + p.ordinality,
           CASE p.status WHEN 'leased' THEN 'phase.started'
                         WHEN 'done' THEN 'phase.done'
                         WHEN 'queued' THEN 'phase.waiting'
                         ELSE 'phase.failed' END,
           ('{"cluster_id": "' || g.id || '", "run": ' || p.run
            || ', "phase": "' || p.phase || '", "index": ' || p.index
            || coalesce(', "code": ' || to_json(p.code), '')
            || coalesce(', "reason": ' || to_json(p.reason), '')
            || ', "phases_done": '
            || CASE g.run WHEN p.run THEN g.phases_done ELSE (
                   SELECT count(*) FROM byoc.phases o
                   WHERE o.cluster_id = g.id AND o.run = p.run
                     AND o.status = 'done') END
            || ', "phases_total": '
            || CASE g.run WHEN p.run THEN g.phases_total ELSE (
                   SELECT count(*) FROM byoc.phases o
                   WHERE o.cluster_id = g.id AND o.run = p.run) END
            || '}')::json,
           g.traceparent
    FROM numbered g, unnest(g.phases) WITH ORDINALITY p;
END $$;

-- Tells of the status that clusters have now, or of what else has happened.
CREATE FUNCTION byoc.emit_clusters(ids uuid[], told text DEFAULT NULL,
                                   new_code text DEFAULT NULL,
                                   new_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH c AS (
        UPDATE byoc.progress g SET sequence = g.sequence + 1
        FROM byoc.clusters c
        WHERE c.id = ANY (ids) AND g.cluster_id = c.id
        RETURNING c.id, c.name, c.status, c.run, g.phases_done, g.phases_total,
                  c.location, c.type, c.code, c.reason, g.sequence,
                  c.traceparent
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT c.id, c.sequence, coalesce(told, c.status), jsonb_strip_nulls(jsonb_build_object(
               'cluster_id', c.id, 'name', c.name, 'status', c.status,
               'run', c.run, 'location', c.location, 'type', c.type,
               'code', coalesce(new_code, c.code),
               'reason', coalesce(new_reason, c.reason),
               'endpoint', 'https://' || host(lb.public_address) || ':6443',
               'egress_address', host(ip.public_address),
               'receipt', CASE WHEN c.status = 'deleted' OR told = 'stalled'
                               THEN byoc.receipt(c.id) END,
               'phases_done', c.phases_done,
               'phases_total', c.phases_total)),
           c.traceparent
    FROM c LEFT JOIN byoc.resources lb
           ON c.status = 'running' AND lb.cluster_id = c.id
          AND lb.phase = 'load_balancer'
           LEFT JOIN byoc.resources ip
           ON c.status = 'running' AND ip.cluster_id = c.id
          AND ip.phase = 'gateway_address';
END $$;

CREATE FUNCTION byoc.emit_credential(credential uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH c AS (
        UPDATE byoc.credentials SET sequence = sequence + 1
        WHERE id = credential
        RETURNING id, name, status, code, reason, sequence, traceparent
    )
    INSERT INTO byoc.events (credential_id, sequence, name, data, traceparent)
    SELECT c.id, c.sequence, c.status, jsonb_strip_nulls(jsonb_build_object(
               'credential_id', c.id, 'name', c.name, 'status', c.status,
               'code', c.code, 'reason', c.reason)),
           c.traceparent
    FROM c;
END $$;
