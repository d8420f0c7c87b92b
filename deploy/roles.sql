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
--                   no sealed secret; all else it asks for through functions.
--                   A cluster's protection it may set with its INSERT only
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

-- A transaction that was forgotten keeps its locks, and what it locked is busy
-- for as long as it lasts. Set for everybody here, because logins do not take
-- over what is set for a role that they are in.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I '
                   'SET idle_in_transaction_session_timeout = ''30s''',
                   current_database());
END $$;

-- ---- Dashboard ----

-- With a token comes who may read kubeconfigs; only an operator changes that.
GRANT INSERT (id, name, sealed_token, recipient_key),
      SELECT (id, name, status, code, reason, sequence, traceparent,
              recipient_key, validated_at, created_at, deleted_at)
    ON byoc.credentials TO byoc_dashboard;

-- Without gateway_type: one that is given is not checked against what Hetzner
-- offers.
GRANT INSERT (id, name, credential_id, location, type, workers, server_type,
              api_sources, ssh_sources, pod_security, ingress, protected),
      SELECT (id, name, credential_id, location, type, workers, server_type,
              gateway_type, api_sources, ssh_sources, pod_security, ingress,
              was_ready, protected, status, goal, run, code, reason,
              traceparent, requested_goal, requested_at, removal, swept_at,
              ssh_public_key, created_at, changed_at)
    ON byoc.clusters TO byoc_dashboard;

GRANT SELECT (cluster_id, run, phase, index, needs, status, failures, code,
              reason, started_at, finished_at)
    ON byoc.phases TO byoc_dashboard;

GRANT SELECT ON byoc.progress, byoc.resources, byoc.receipts, byoc.events,
    byoc.schema_migrations TO byoc_dashboard;

GRANT EXECUTE ON FUNCTION
    byoc.enqueue(text, uuid, text, jsonb),
    byoc.rotate_credential(uuid, text),
    byoc.delete_credential(uuid),
    byoc.retry_cluster(uuid),
    byoc.cost(uuid, text, text, integer, text, text)
    TO byoc_dashboard;

-- ---- Worker ----

-- It opens tokens, and never changes one: it says which one is in use.
GRANT SELECT,
      UPDATE (active_sealed_token, status, code, reason, sequence, traceparent,
              job_id, due_at, lease_owner, lease_token, lease_until, leases,
              failures, validated_at, crowded_until, token_version,
              unknown_key_since, audits, audited_at)
    ON byoc.credentials TO byoc_worker;

-- The SSH key's private half is for operators; workers make it, and that's it.
GRANT SELECT (id, name, credential_id, location, type, workers, server_type,
              gateway_type, api_sources, ssh_sources, pod_security,
              ingress, was_ready, status, goal, run, code, reason,
              traceparent, requested_goal, requested_at, ssh_public_key,
              sealed_authorities, sealed_join_token, created_at, changed_at,
              active, token_version, protected,
              refused_at, requested_options, removal, survey, proven_version,
              swept_at),
      UPDATE (server_type, gateway_type, was_ready, status, goal, run,
              code, reason, traceparent, requested_goal, requested_at,
              ssh_public_key, sealed_ssh_private_key, sealed_authorities,
              sealed_join_token, token_version, refused_at, requested_options,
              removal, survey, proven_version, swept_at)
    ON byoc.clusters TO byoc_worker;

GRANT SELECT, UPDATE (sequence, run, traceparent, phases_total, phases_done)
    ON byoc.progress TO byoc_worker;

GRANT SELECT,
      INSERT (cluster_id, run, phase, index, needs, status, job_id, due_at,
              wait_queue),
      UPDATE (status, job_id, due_at, wait_queue, lease_owner, lease_token,
              lease_until, leases, failures, outages, unanswered_at, code, reason,
              waits_anew, hurried, started_at, finished_at, swept)
    ON byoc.phases TO byoc_worker;

GRANT SELECT,
      INSERT (cluster_id, kind, hetzner_id, name, phase, index, public_address,
              private_address, actions, why, service),
      UPDATE (kind, hetzner_id, name, public_address, private_address, actions),
      DELETE
    ON byoc.resources TO byoc_worker;

GRANT SELECT,
      INSERT (cluster_id, kind, hetzner_id, name, fate, why, service, run,
              phase, lasting),
      UPDATE (name, fate, why, service, run, phase, lasting, at),
      DELETE
    ON byoc.receipts TO byoc_worker;

GRANT INSERT (cluster_id, credential_id, sequence, name, data, traceparent)
    ON byoc.events TO byoc_worker;

-- Who asked is the login's own name, or nobody: see byoc.requests.
GRANT INSERT (job_id, type, credential_id, cluster_id, asked_by, traceparent,
              options, taken_at, run),
      SELECT (job_id, type, credential_id, cluster_id, asked_at, traceparent,
              options, taken_at),
      UPDATE (taken_at, run)
    ON byoc.requests TO byoc_worker;

GRANT INSERT (cluster_id, job_id),
      SELECT (cluster_id, job_id)
    ON byoc.answered_jobs TO byoc_worker;

GRANT SELECT,
      INSERT (exchange, routing_key, message_id, type, traceparent, body,
              due_at),
      UPDATE (due_at, tries),
      DELETE
    ON byoc.outbox TO byoc_worker;

GRANT SELECT, INSERT,
      UPDATE (currency, server_type, gateway_type, load_balancer_type,
              server_types, load_balancer, address, read_at)
    ON byoc.prices TO byoc_worker;

GRANT SELECT ON SEQUENCE byoc.outbox_id_seq TO byoc_worker;

GRANT SELECT, UPDATE (taken_at) ON byoc.turns TO byoc_worker;

GRANT SELECT ON byoc.schema_migrations TO byoc_worker;

-- Functions that run with the caller's rights give none. Of the others a worker
-- needs two.
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
GRANT EXECUTE ON FUNCTION byoc.tend_history(), byoc.ask_audits()
    TO byoc_worker;

COMMIT;
