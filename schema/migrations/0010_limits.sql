-- What protects tenants from each other and from mistakes: limits, deletion
-- protection, and the record of who asked for what (byoc.requests). What is
-- refused has an SQLSTATE of its own, and the word for it as its constraint:
--
--   BY001  limit_clusters     the credential has as many clusters as it may
--   BY002  limit_jobs         as many of its jobs wait as may
--   BY003  cluster_protected  the cluster is protected from deletion
--   BY004  credential_in_use  clusters need the credential
--   BY005  unknown_record     there is no such record
--   BY006  bad_request        no such job type, or not with these options
--   BY007  not_failed         only what has failed can be retried
--   BY008  credential_deleted a deleted credential is left as it is

-- ---- Who asked for what ----

-- Of what is done at once, and no job is asked for.
CREATE FUNCTION byoc.note_request(request text, credential uuid,
                                  cluster uuid DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.requests (type, credential_id, cluster_id, taken_at)
    VALUES (request, credential, cluster, clock_timestamp());
END $$;

-- A worker has taken the job; `began` is the run that came of it, if any. A job
-- that came straight from the broker is only recorded if one did.
CREATE FUNCTION byoc.note_start(job uuid, cluster uuid, goal text, trace text,
                                began integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.requests SET taken_at = clock_timestamp(), run = began
    WHERE job_id = job AND taken_at IS NULL;
    IF NOT FOUND AND job IS NOT NULL AND began IS NOT NULL THEN
        INSERT INTO byoc.requests (job_id, type, credential_id, cluster_id,
                                   asked_by, traceparent, taken_at, run)
        SELECT job, 'cluster.' || note_start.goal, c.credential_id, c.id, NULL,
               trace, clock_timestamp(), began
        FROM byoc.clusters c WHERE c.id = cluster
        ON CONFLICT DO NOTHING;
    END IF;
END $$;

CREATE FUNCTION byoc.note_credentials() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM byoc.note_request('credential.create', a.id) FROM added a;
    RETURN NULL;
END $$;

CREATE TRIGGER credentials_noted AFTER INSERT ON byoc.credentials
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION byoc.note_credentials();

-- ---- Limits ----

-- Of a credential: its own ones, or those of all.
CREATE FUNCTION byoc.limits_of(credential uuid, OUT clusters integer,
                               OUT jobs integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT coalesce(k.most_clusters, s.clusters_per_credential),
           coalesce(k.most_jobs, s.jobs_per_credential)
    INTO clusters, jobs
    FROM byoc.credentials k, byoc.settings s WHERE k.id = credential;
END $$;

-- What waits is counted for an hour: by then a worker has taken it, or its
-- message was lost.
CREATE FUNCTION byoc.jobs_waiting(credential uuid) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(*) FROM byoc.requests r
            WHERE r.credential_id = credential AND r.taken_at IS NULL
              AND r.asked_at > clock_timestamp() - interval '1 hour');
END $$;

CREATE FUNCTION byoc.clusters_alive(credential uuid) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT count(*) FROM byoc.clusters c
            WHERE c.credential_id = credential AND c.status <> 'deleted');
END $$;

-- Those who insert clusters of one credential at the same time are counted one
-- after the other; until the first has ended, the credential is busy.
CREATE FUNCTION byoc.limit_clusters() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
BEGIN
    PERFORM FROM byoc.credentials k
    WHERE k.id IN (SELECT a.credential_id FROM added a)
    ORDER BY k.id FOR NO KEY UPDATE;
    FOR place IN SELECT DISTINCT a.credential_id AS id FROM added a LOOP
        IF byoc.clusters_alive(place.id) > (byoc.limits_of(place.id)).clusters
        THEN
            RAISE EXCEPTION 'credential % has as many clusters as it may: %',
                place.id, (byoc.limits_of(place.id)).clusters
                USING ERRCODE = 'BY001', CONSTRAINT = 'limit_clusters',
                      HINT = 'Delete one, or have an operator raise the limit: '
                             'byoc credential limits ID --clusters N';
        END IF;
    END LOOP;
    PERFORM byoc.note_request('cluster.create', a.credential_id, a.id)
    FROM added a;
    RETURN NULL;
END $$;

CREATE TRIGGER clusters_limited AFTER INSERT ON byoc.clusters
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION byoc.limit_clusters();

-- Raises when byoc.enqueue may not ask for the job. A record that does not exist
-- is byoc.ask's to refuse.
CREATE FUNCTION byoc.check_request(job_type text, subject uuid, options jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    cluster byoc.clusters;
    credential uuid := subject;
BEGIN
    IF job_type LIKE 'cluster.%' THEN
        SELECT * INTO cluster FROM byoc.clusters c WHERE c.id = subject;
        credential := cluster.credential_id;
        IF job_type = 'cluster.teardown' AND cluster.protected
           AND (options ->> 'dry_run' = 'true') IS NOT TRUE THEN
            RAISE EXCEPTION 'cluster % is protected from deletion', cluster.id
                USING ERRCODE = 'BY003', CONSTRAINT = 'cluster_protected',
                      HINT = 'An operator takes the protection away: '
                             'byoc cluster unprotect ID';
        END IF;
    END IF;
    IF byoc.jobs_waiting(credential) >= (byoc.limits_of(credential)).jobs THEN
        RAISE EXCEPTION 'as many jobs of credential % wait as may: %',
            credential, (byoc.limits_of(credential)).jobs
            USING ERRCODE = 'BY002', CONSTRAINT = 'limit_jobs',
                  HINT = 'Ask again later, or have an operator raise the '
                         'limit: byoc credential limits ID --jobs N';
    END IF;
END $$;

-- For operators; null: as all.
CREATE FUNCTION byoc.set_limits(credential uuid, clusters integer, jobs integer)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE byoc.credentials SET most_clusters = clusters, most_jobs = jobs
    WHERE id = credential;
    PERFORM byoc.note_request('credential.limits', credential);
END $$;

-- ---- Deletion protection ----

-- For operators. What is on its way out cannot be protected any more.
CREATE FUNCTION byoc.protect_cluster(cluster uuid, protect boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    was byoc.clusters;
BEGIN
    SELECT * INTO was FROM byoc.clusters WHERE id = cluster FOR UPDATE;
    IF protect AND was.status IN ('deleting', 'deleted') THEN
        RAISE EXCEPTION 'cluster % is % already', cluster, was.status;
    END IF;
    UPDATE byoc.clusters SET protected = protect, refused_at = NULL
    WHERE id = cluster;
    PERFORM byoc.note_request(
        CASE WHEN protect THEN 'cluster.protect' ELSE 'cluster.unprotect' END,
        was.credential_id, cluster);
END $$;

-- Is the cluster, which is locked, protected? That a job was refused for it is
-- told by an event, once a minute at most: jobs may come at any rate.
CREATE FUNCTION byoc.refuse_protected(cluster uuid, trace text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    WITH c AS (
        UPDATE byoc.clusters
        SET refused_at = clock_timestamp()
        WHERE id = cluster AND protected
          AND (refused_at IS NULL
               OR refused_at < clock_timestamp() - interval '1 minute')
        RETURNING id, name, status, run, location, type
    )
    INSERT INTO byoc.events (cluster_id, sequence, name, data, traceparent)
    SELECT c.id, byoc.next_sequence(c.id), 'refused', jsonb_build_object(
               'cluster_id', c.id, 'name', c.name, 'status', c.status,
               'run', c.run, 'location', c.location, 'type', c.type,
               'code', 'cluster_protected',
               'reason', 'The cluster is protected from deletion: an operator '
                         'takes the protection away.'),
           trace
    FROM c;
    RETURN (SELECT protected FROM byoc.clusters WHERE id = cluster);
END $$;
