/* What clusters cost a month: the prices that a validation has read. */
#include "database.h"

#include <stdio.h>

static const char sql_cost_of_wish[] =
	"SELECT byoc.cost($1::uuid, $2, $3, $4::integer, $5)";

static const char sql_cost_of_cluster[] =
	"SELECT byoc.cost(credential_id, location, type, workers, server_type,"
	" gateway_type) FROM byoc.clusters WHERE id = $1";

static struct json_object *known(struct json_object *cost, struct err *err)
{
	if (!cost && !err->kind)
		err_set(err, ERR_REFUSED, "no_prices",
			"no prices are known for that credential and location "
			"yet: a worker reads them when it checks the token, "
			"with `byoc credential validate ID --wait`");
	return cost;
}

struct json_object *console_cost_of_wish(struct console *console,
	const struct cluster_wish *wish, struct err *err)
{
	char workers[16];

	snprintf(workers, sizeof workers, "%d", wish->workers);
	return known(console_json(console->connection, sql_cost_of_wish,
			     PARAMS(wish->credential_id, wish->location,
				     wish->type, workers, wish->server_type),
			     err),
		err);
}

struct json_object *console_cost_of_cluster(
	struct console *console, const char *id, struct err *err)
{
	return known(console_json(console->connection, sql_cost_of_cluster,
			     PARAMS(id), err),
		err);
}
