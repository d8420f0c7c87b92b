-- The past: how long it is kept, in partitions that go as a whole.

-- One row: what an operator decides for all workers (byoc migrate).
CREATE TABLE byoc.settings (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    -- how many whole months
    keep_events integer NOT NULL DEFAULT 13 CHECK (keep_events > 0),
    -- of a credential that has no limits of its own
    clusters_per_credential integer NOT NULL DEFAULT 100
        CHECK (clusters_per_credential >= 0),
    jobs_per_credential integer NOT NULL DEFAULT 200
        CHECK (jobs_per_credential > 0),
    -- how often each credential's project is looked through; null: when asked
    audit_hours integer CHECK (audit_hours > 0)
);

INSERT INTO byoc.settings DEFAULT VALUES;

-- Makes the partitions of this month and the next two, and drops those that
-- ended longer ago than events are kept. Cheap when there is nothing to do. What
-- somebody else needs at this moment is left to the next time.
CREATE FUNCTION byoc.tend_history() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '250ms' AS $$
DECLARE
    -- without a time zone: months are those of UTC
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    keep interval := (SELECT keep_events FROM byoc.settings)
                     * interval '1 month';
    old regclass;
BEGIN
    IF NOT byoc.take_turn('history', '0') THEN
        RETURN;
    END IF;
    FOR ahead IN 0..2 LOOP
        PERFORM byoc.make_partition(month + ahead * interval '1 month');
    END LOOP;
    FOR old IN
        SELECT inhrelid FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = 'byoc.events'::regclass
          AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
          AND to_date(c.relname, '"events_"YYYY_MM') < month - keep
    LOOP
        EXECUTE format('DROP TABLE %s', old);
    END LOOP;
    IF (SELECT max(created_at) AT TIME ZONE 'UTC' < month - keep
        FROM byoc.events_default)
    THEN
        TRUNCATE byoc.events_default;
    END IF;
    DELETE FROM byoc.requests
    WHERE asked_at < (month - keep) AT TIME ZONE 'UTC';
    DELETE FROM byoc.answered_jobs
    WHERE answered_at < clock_timestamp() - interval '30 days';
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;

-- Not for a month that has events in the default partition already: there they
-- stay, until they are old.
CREATE FUNCTION byoc.make_partition(month timestamp) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := to_char(month, '"events_"YYYY_MM');
BEGIN
    IF to_regclass('byoc.' || name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE byoc.%I PARTITION OF byoc.events'
            ' FOR VALUES FROM (%L) TO (%L)', name,
            month AT TIME ZONE 'UTC',
            (month + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
EXCEPTION WHEN check_violation THEN
    NULL;
END $$;

SELECT byoc.tend_history();

-- What a worker calls looks up a few rows by their keys, one after the other,
-- however many there are and whatever the statistics say of a table that was
-- empty a while ago; and its statements are planned once, not for every batch.
DO $$
DECLARE
    called text;
BEGIN
    FOREACH called IN ARRAY ARRAY[
        'lease_phases', 'lease_credentials', 'renew_leases', 'start_runs',
        'commit_phases', 'commit_credentials', 'emit_kubeconfigs',
        'take_outbox', 'next_outbox_place', 'requeue_lost']
    LOOP
        EXECUTE format('ALTER FUNCTION byoc.%I '
                       'SET plan_cache_mode = force_generic_plan '
                       'SET enable_seqscan = off SET enable_hashjoin = off '
                       'SET enable_bitmapscan = off '
                       'SET enable_mergejoin = off SET jit = off', called);
    END LOOP;
END $$;
