-- What dashboards read, in their own words (docs/contract.md).

COMMENT ON TABLE byoc.credentials IS
    'Customers'' Hetzner API tokens, sealed. Name the columns: * is refused.';
COMMENT ON TABLE byoc.clusters IS
    'Kubernetes clusters. Name the columns: * is refused.';
COMMENT ON TABLE byoc.progress IS
    'How far each cluster has come: in its run, and in what was told of it.';
COMMENT ON TABLE byoc.phases IS
    'The steps of each run; those of the current one tell how far it is.';
COMMENT ON TABLE byoc.resources IS 'What a cluster has at Hetzner.';
COMMENT ON TABLE byoc.receipts IS
    'What a teardown has met with, and what became of it.';
COMMENT ON TABLE byoc.events IS
    'Every event that was told of clusters and credentials, kept for '
    'byoc.settings.keep_events months (13): gaps are healed from here.';
COMMENT ON TABLE byoc.schema_migrations IS
    'Which version of the schema this is: the greatest one.';

DO $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT * FROM (VALUES
('credentials.id', 'Chosen by who inserts it: the token is sealed to it.'),
('credentials.name', 'Unique among those not deleted; 1 to 63 characters.'),
('credentials.status', 'pending_validation, then ready or invalid.'),
('credentials.code', 'Why it is invalid, or could not be checked yet; see byoc codes.'),
('credentials.reason', 'The same, for people.'),
('credentials.sequence', 'Of the newest event; 0: none yet.'),
('credentials.traceparent', 'W3C trace of the job that came last.'),
('credentials.recipient_key', 'Whom kubeconfigs are sealed to: base64 of an '
    'X25519 public key.'),
('credentials.validated_at', 'When the token was last judged.'),
('credentials.created_at', 'When it was stored.'),
('credentials.deleted_at', 'When its tokens were wiped; the row stays.'),
('clusters.id', 'Chosen by who inserts it, or made.'),
('clusters.name', 'Not unique: an RFC 1123 label.'),
('clusters.credential_id', 'Whose project it is in.'),
('clusters.location', 'Hetzner''s: fsn1, nbg1, hel1, ash, hil, sin.'),
('clusters.type', 'dedicated: one control plane; dedicated_ha: three.'),
('clusters.workers', 'How many worker nodes: 0 to 90.'),
('clusters.server_type', 'Of the nodes; null: chosen when it is built.'),
('clusters.gateway_type', 'Of the gateway; chosen when it is built.'),
('clusters.api_sources', 'Who may reach the Kubernetes API: up to 10 CIDRs.'),
('clusters.ssh_sources', 'Who may reach the gateway''s SSH: up to 10 CIDRs.'),
('clusters.pod_security', 'privileged, baseline or restricted.'),
('clusters.ingress', 'none or traefik, which costs a load balancer.'),
('clusters.was_ready', 'It ran once since it was made.'),
('clusters.protected', 'From deletion; only an operator takes it away.'),
('clusters.status', 'pending, provisioning, running, deleting, deleted or '
    'failed.'),
('clusters.goal', 'Of the current run.'),
('clusters.run', 'Which attempt; 0: none yet.'),
('clusters.code', 'Why it failed, or what its deletion waits for; see byoc '
    'codes.'),
('clusters.reason', 'The same, for people.'),
('clusters.traceparent', 'W3C trace of the job that began the run.'),
('clusters.requested_goal', 'Asked for by byoc.enqueue, and not begun yet.'),
('clusters.requested_at', 'When it was asked for.'),
('clusters.removal', 'What its teardown was told.'),
('clusters.swept_at', 'When all was looked through, and nothing left.'),
('clusters.ssh_public_key', 'Of the key that opens its servers.'),
('clusters.created_at', 'When it was inserted.'),
('clusters.changed_at', 'When its status last changed.'),
('progress.cluster_id', 'Of which cluster.'),
('progress.sequence', 'Of the newest event; 0: none yet.'),
('progress.run', 'The current run, as in clusters.'),
('progress.traceparent', 'The trace that it belongs to, as in clusters.'),
('progress.phases_total', 'How many phases that run has.'),
('progress.phases_done', 'How many of them are done.'),
('phases.cluster_id', 'Of which cluster.'),
('phases.run', 'Of which run.'),
('phases.phase', 'What it makes, checks or takes away.'),
('phases.index', 'Which one, where there are several.'),
('phases.needs', 'The phases that have to be done before.'),
('phases.status', 'blocked, queued, leased, parked, done or failed.'),
('phases.failures', 'Attempts that failed so far.'),
('phases.code', 'Why the last attempt failed; see byoc codes.'),
('phases.reason', 'The same, or what it waits for; for people.'),
('phases.started_at', 'When it was first taken.'),
('phases.finished_at', 'When it was done, or failed.'),
('resources.cluster_id', 'Of which cluster.'),
('resources.kind', 'By Hetzner''s word: server, network, ...'),
('resources.hetzner_id', 'Its id there.'),
('resources.name', 'Its name there.'),
('resources.phase', 'Which made it.'),
('resources.index', 'Of that phase.'),
('resources.public_address', 'Where the world reaches it.'),
('resources.private_address', 'On the cluster''s network.'),
('resources.actions', 'Hetzner''s actions not known to have succeeded.'),
('resources.why', 'Of what was found and not made: why it goes along.'),
('resources.service', 'The uid of the Service that a controller made it for.'),
('resources.lease_text', 'All this as a worker reads it.'),
('resources.created_at', 'When it was recorded.'),
('receipts.cluster_id', 'Of which cluster.'),
('receipts.kind', 'By Hetzner''s word: server, network, ...'),
('receipts.hetzner_id', 'Its id there.'),
('receipts.name', 'Its name there; empty: never seen.'),
('receipts.fate', 'deleted, gone (somebody else had deleted it) or kept.'),
('receipts.why', 'The reason, for people.'),
('receipts.service', 'The uid of the Service that a controller made it for.'),
('receipts.run', 'Of which run.'),
('receipts.phase', 'Which met with it.'),
('receipts.lasting', 'Whatever comes; else it is told anew at each look.'),
('receipts.at', 'When.'),
('events.id', 'The event''s id, unique.'),
('events.cluster_id', 'The event''s subject, or null.'),
('events.credential_id', 'The event''s subject, or null.'),
('events.sequence', 'Grows by one for each subject, from 1.'),
('events.name', 'The event''s type after cloud.mengi.byoc.cluster. or '
    'cloud.mengi.byoc.credential.'),
('events.data', 'The event''s data.'),
('events.traceparent', 'The event''s traceparent.'),
('events.created_at', 'The event''s time, which has milliseconds only.'),
('schema_migrations.version', 'Of the schema.'),
('schema_migrations.name', 'The migration''s file.'),
('schema_migrations.checksum', 'Of that file.'),
('schema_migrations.applied_at', 'When it was applied.')
        ) said (name, words)
    LOOP
        EXECUTE format('COMMENT ON COLUMN byoc.%s IS %L', c.name, c.words);
    END LOOP;
END $$;
