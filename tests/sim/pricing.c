/* GET /pricing: what the catalog's things and all others cost. */
#include "call.h"
#include "generic.h"

#include <string.h>

static struct json_object *price(const char *net)
{
	struct json_object *made = json_object_new_object();

	json_put_text(made, "net", net);
	json_put_text(made, "gross", net);
	return made;
}

static struct json_object *price_of(const char *key, const char *net)
{
	struct json_object *made = json_object_new_object();

	json_put(made, key, price(net));
	return made;
}

/* {id, name, prices} of each type, as the catalog has them. */
static struct json_object *types(struct project *project, enum kind kind)
{
	struct json_object *list = json_object_new_array();
	struct resource *type;

	shelf_each(shelf_of(project, kind), type)
	{
		struct json_object *made = json_object_new_object();

		json_put_number(made, "id", type->id);
		json_put_text(made, "name", resource_name(type));
		json_put(made, "prices",
			json_object_get(json_at(type->body, "prices")));
		json_add(list, made);
	}
	return list;
}

/* An address of a type costs the same in each location. */
static void add_addresses(struct project *project, struct json_object *list,
	const char *type, const char *monthly)
{
	struct json_object *made = json_object_new_object();
	struct json_object *prices = json_object_new_array();
	struct resource *location;

	shelf_each(shelf_of(project, KIND_LOCATION), location)
	{
		struct json_object *entry = price_of("price_monthly", monthly);

		json_put_text(entry, "location", resource_name(location));
		json_put(entry, "price_hourly", price("0.0010000000"));
		json_add(prices, entry);
	}
	json_put_text(made, "type", type);
	json_put(made, "prices", prices);
	json_add(list, made);
}

static struct json_object *addresses(
	struct project *project, const char *ipv4, const char *ipv6)
{
	struct json_object *list = json_object_new_array();

	add_addresses(project, list, "ipv4", ipv4);
	add_addresses(project, list, "ipv6", ipv6);
	return list;
}

bool get_pricing(struct call *call)
{
	struct project *project = call->project;
	struct json_object *pricing = json_literal(
		"{'currency': 'EUR', 'vat_rate': '0.0000000000',"
		" 'server_backup': {'percentage': '20.0000000000'}}");

	json_put(pricing, "volume",
		price_of("price_per_gb_month", "0.0440000000"));
	json_put(pricing, "image",
		price_of("price_per_gb_month", "0.0110000000"));
	json_put(pricing, "floating_ip",
		price_of("price_monthly", "3.0000000000"));
	json_put(pricing, "floating_ips",
		addresses(project, "3.0000000000", "1.0000000000"));
	json_put(pricing, "primary_ips",
		addresses(project, "0.5000000000", "0.0000000000"));
	json_put(pricing, "server_types", types(project, KIND_SERVER_TYPE));
	json_put(pricing, "load_balancer_types",
		types(project, KIND_LOAD_BALANCER_TYPE));
	return answer(call, 200, "pricing", pricing);
}
