-- What a cluster costs a month, by Hetzner's own price list, net. A worker reads
-- it with a credential's token, for the currency is the account's.

CREATE TABLE byoc.prices (
    credential_id uuid NOT NULL REFERENCES byoc.credentials ON DELETE CASCADE,
    location text NOT NULL,
    currency text NOT NULL,
    -- which types a cluster is given there, unless it says otherwise
    server_type text NOT NULL,
    gateway_type text NOT NULL,
    load_balancer_type text NOT NULL,
    -- a month, each; null: not known
    server_types jsonb NOT NULL,
    load_balancer numeric(14, 4),
    address numeric(14, 4),
    read_at timestamptz NOT NULL,
    PRIMARY KEY (credential_id, location)
);

-- Does a validation read them with it? Once a day at most.
CREATE FUNCTION byoc.prices_are_due(credential uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM byoc.prices
        WHERE credential_id = credential
          AND read_at > clock_timestamp() - interval '1 day');
END $$;

-- In millionths of the currency, as a worker has read them: {currency,
-- locations: [{location, server_type, gateway_type, load_balancer_type,
-- server_types: {name: price}, load_balancer, address}]}.
CREATE FUNCTION byoc.store_prices(credential uuid, prices jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO byoc.prices AS p (
        credential_id, location, currency, server_type, gateway_type,
        load_balancer_type, server_types, load_balancer, address, read_at)
    SELECT credential, l.location, prices ->> 'currency', l.server_type,
           l.gateway_type, l.load_balancer_type,
           (SELECT coalesce(jsonb_object_agg(
                        t.key, round(t.value::bigint / 1000000.0, 4)), '{}')
            FROM jsonb_each_text(l.server_types) t),
           l.load_balancer / 1000000.0, l.address / 1000000.0,
           clock_timestamp()
    FROM jsonb_to_recordset(prices -> 'locations')
         l(location text, server_type text, gateway_type text,
           load_balancer_type text, server_types jsonb, load_balancer bigint,
           address bigint)
    ON CONFLICT (credential_id, location) DO UPDATE
    SET currency = excluded.currency, server_type = excluded.server_type,
        gateway_type = excluded.gateway_type,
        load_balancer_type = excluded.load_balancer_type,
        server_types = excluded.server_types,
        load_balancer = excluded.load_balancer, address = excluded.address,
        read_at = excluded.read_at;
END $$;

-- What a project holds for a cluster, and what that costs a month: {currency,
-- price_month, read_at, lines: [{what, name, count, price_month}]}. Null while
-- no prices are known. A price that is not known is null, and so is their sum.
CREATE FUNCTION byoc.cost(credential uuid, location text, type text,
                          workers integer, server_type text DEFAULT NULL,
                          gateway_type text DEFAULT NULL)
RETURNS json LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p byoc.prices;
    control_planes integer := CASE cost.type WHEN 'dedicated_ha' THEN 3
                                             ELSE 1 END;
    node text;
    gateway text;
BEGIN
    SELECT * INTO p FROM byoc.prices k
    WHERE k.credential_id = credential AND k.location = cost.location;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    node := coalesce(cost.server_type, p.server_type);
    gateway := coalesce(cost.gateway_type, p.gateway_type);
    RETURN (
        SELECT json_build_object(
            'currency', p.currency, 'read_at', p.read_at,
            'price_month', CASE WHEN bool_and(l.price IS NOT NULL)
                                THEN sum(l.price)::text END,
            'lines', json_agg(json_build_object(
                'what', l.what, 'name', l.name, 'count', l.count,
                'price_month', l.price::text) ORDER BY l.n))
        FROM (VALUES
            (1, 'control plane', node, control_planes,
             control_planes * (p.server_types ->> node)::numeric),
            (2, 'worker', node, workers,
             workers * (p.server_types ->> node)::numeric),
            (3, 'NAT gateway', gateway, 1,
             (p.server_types ->> gateway)::numeric),
            (4, 'load balancer', p.load_balancer_type, 1, p.load_balancer),
            (5, 'address of the gateway', 'ipv4', 1, p.address),
            (6, 'network, firewall and SSH key', NULL, 3, 0),
            (7, 'placement group', NULL, control_planes / 3, 0)
        ) l(n, what, name, count, price)
        WHERE l.count > 0);
END $$;

COMMENT ON FUNCTION byoc.cost IS
    'What a cluster costs a month by Hetzner''s prices, net; null: they are '
    'not known yet.';
