-- Logins for workers and dashboards, run after roles.sql with psql by
-- docker-compose.yml. Each has the password in its file, also when that changed;
-- SECRETS_DIR is the files' folder, if it is not the containers'.
\set worker `cat ${SECRETS_DIR:-/run/secrets}/worker_password`
\set dashboard `cat ${SECRETS_DIR:-/run/secrets}/dashboard_password`

SELECT format('CREATE ROLE %I LOGIN IN ROLE %I', name, 'byoc_' || name)
FROM unnest(ARRAY['worker', 'dashboard']) name
WHERE name NOT IN (SELECT rolname FROM pg_roles)
\gexec

ALTER ROLE worker PASSWORD :'worker';
ALTER ROLE dashboard PASSWORD :'dashboard';
