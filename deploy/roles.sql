-- Who may do what in the database. An administrator runs this after every
-- `byoc migrate`, as the user who migrates; any number of times:
--
--   byoc migrate
--   psql --set ON_ERROR_STOP=1 --file deploy/roles.sql "$BYOC_DATABASE_URL"
--
-- and once makes a login for each who comes:
--
--   CREATE ROLE dashboard LOGIN PASSWORD '...' IN ROLE byoc_dashboard;
--   CREATE ROLE worker LOGIN PASSWORD '...' IN ROLE byoc_worker;
--
-- The operator's `byoc` keeps on using the login that owns the schema.
--
--   byoc_dashboard  stores credentials and clusters and sees how they fare, but
--                   no sealed secret; all else it asks for through functions
--   byoc_worker     what a tick does: no new records, no other tokens, no other
--                   wishes, no change of what happened
BEGIN;

-- Roles belong to all databases of a server: another one may have made them.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['byoc_dashboard', 'byoc_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END $$;

-- ---- Nothing but what follows ----

DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC',
                   current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO byoc_dashboard, '
                   'byoc_worker', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA byoc FROM PUBLIC, byoc_dashboard, byoc_worker;
REVOKE ALL ON ALL TABLES IN SCHEMA byoc
    FROM PUBLIC, byoc_dashboard, byoc_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA byoc
    FROM PUBLIC, byoc_dashboard, byoc_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA byoc
    FROM PUBLIC, byoc_dashboard, byoc_worker;
GRANT USAGE ON SCHEMA byoc TO byoc_dashboard, byoc_worker;

-- ---- Dashboard ----

GRANT INSERT (id, name, sealed_token),
      SELECT (id, name, status, code, reason, sequence, traceparent,
              validated_at, created_at, deleted_at)
    ON byoc.credentials TO byoc_dashboard;

GRANT INSERT (id, name, credential_id, location, type, workers, server_type,
              gateway_type, ssh_sources),
      SELECT (id, name, credential_id, location, type, workers, server_type,
              gateway_type, ssh_sources, status, goal, run, code, reason,
              sequence, traceparent, requested_goal, requested_at,
              ssh_public_key, created_at, changed_at)
    ON byoc.clusters TO byoc_dashboard;

GRANT SELECT (cluster_id, run, phase, index, needs, status, failures, code,
              reason, started_at, finished_at)
    ON byoc.phases TO byoc_dashboard;

GRANT SELECT ON byoc.resources, byoc.events TO byoc_dashboard;

GRANT EXECUTE ON FUNCTION
    byoc.enqueue(text, uuid, text),
    byoc.rotate_credential(uuid, text),
    byoc.delete_credential(uuid),
    byoc.retry_cluster(uuid)
    TO byoc_dashboard;

-- ---- Worker ----

-- It opens tokens, and never changes one: it says which one is in use.
GRANT SELECT,
      UPDATE (active_sealed_token, status, code, reason, sequence, traceparent,
              job_id, due_at, lease_owner, lease_token, lease_until, leases,
              failures, validated_at, token_version)
    ON byoc.credentials TO byoc_worker;

-- The SSH key's private half is for operators; workers make it, and that's it.
GRANT SELECT (id, name, credential_id, location, type, workers, server_type,
              gateway_type, ssh_sources, status, goal, run, code, reason,
              sequence, traceparent, requested_goal, requested_at,
              ssh_public_key, sealed_authorities, sealed_join_token,
              created_at, changed_at, active, token_version),
      UPDATE (server_type, gateway_type, status, goal, run, code, reason,
              sequence, traceparent, requested_goal, requested_at,
              ssh_public_key, sealed_ssh_private_key, sealed_authorities,
              sealed_join_token, token_version)
    ON byoc.clusters TO byoc_worker;

GRANT SELECT,
      INSERT (cluster_id, run, phase, index, needs, status),
      UPDATE (status, job_id, due_at, wait_queue, lease_owner, lease_token,
              lease_until, leases, failures, code, reason, started_at,
              finished_at)
    ON byoc.phases TO byoc_worker;

GRANT SELECT,
      INSERT (cluster_id, kind, hetzner_id, name, phase, index, public_address,
              private_address, actions),
      UPDATE (kind, hetzner_id, name, public_address, private_address, actions),
      DELETE
    ON byoc.resources TO byoc_worker;

-- Reading tells it which kubeconfigs were answered.
GRANT INSERT (cluster_id, credential_id, sequence, name, data, traceparent),
      SELECT (cluster_id, name, data)
    ON byoc.events TO byoc_worker;

GRANT SELECT,
      INSERT (exchange, routing_key, message_id, type, traceparent, body,
              due_at),
      UPDATE (due_at),
      DELETE
    ON byoc.outbox TO byoc_worker;

GRANT SELECT ON byoc.schema_migrations TO byoc_worker;

-- Functions that run with the caller's rights give none. Of the others the
-- watchdog needs one.
DO $$
DECLARE
    harmless regprocedure;
BEGIN
    FOR harmless IN
        SELECT oid FROM pg_catalog.pg_proc
        WHERE pronamespace = 'byoc'::regnamespace AND NOT prosecdef
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO byoc_worker', harmless);
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION byoc.enqueue(text, uuid, text) TO byoc_worker;

COMMIT;
