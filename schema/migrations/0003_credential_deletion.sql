-- Credentials can be deleted. Their rows stay, because clusters and events tell
-- of them; their tokens go, and their names become free.

ALTER TABLE byoc.credentials
    ADD COLUMN deleted_at timestamptz,
    ALTER COLUMN sealed_token DROP NOT NULL,
    ADD CHECK ((deleted_at IS NULL) = (sealed_token IS NOT NULL)),
    DROP CONSTRAINT credentials_name_key;

CREATE UNIQUE INDEX credentials_name ON byoc.credentials (name)
    WHERE deleted_at IS NULL;

-- Not even a validation may be asked for.
CREATE FUNCTION byoc.refuse_deleted_credential() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential % is deleted', OLD.id;
END $$;

CREATE TRIGGER credentials_deleted BEFORE UPDATE ON byoc.credentials
FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL)
EXECUTE FUNCTION byoc.refuse_deleted_credential();

-- Returns the clusters that still need the credential: it is deleted when there
-- are none. A validation that is in the air becomes void: its message has
-- another id now, its lease another token.
CREATE FUNCTION byoc.delete_credential(credential uuid)
RETURNS TABLE (id uuid, name text, status text, created_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- No cluster can come to refer to a row that is locked like this.
    PERFORM FROM byoc.credentials WHERE id = credential FOR UPDATE;
    RETURN QUERY SELECT id, name, status, created_at FROM byoc.clusters
    WHERE credential_id = credential AND status <> 'deleted';
    IF FOUND THEN
        RETURN;
    END IF;
    UPDATE byoc.credentials
    SET deleted_at = clock_timestamp(), sealed_token = NULL,
        active_sealed_token = NULL, status = 'invalid',
        code = 'credential_deleted', reason = 'The credential was deleted.',
        job_id = gen_random_uuid(), due_at = NULL, lease_until = NULL,
        lease_token = lease_token + 1
    WHERE id = credential AND deleted_at IS NULL;
END $$;
