/* What a teardown's list costs a month: Hetzner's own price list, net. */
#include "parts.h"

#include <byoc/json.h>
#include <string.h>

void bill_read(const struct seen *seen, struct bill *bill)
{
	static const char *const types[] = {
		"server_type", "load_balancer_type"};
	struct err ignored = {0};
	struct json_in object = {seen->object, "object", &ignored}, inner;

	*bill = (struct bill){.price = -1};
	for (size_t i = 0; i < COUNT(types); i++)
		if (json_opt_into(&object, types[i], &inner))
			json_opt_text(
				&inner, "name", bill->type, sizeof bill->type);
	if (!bill->type[0])
		json_opt_text(&object, "type", bill->type, sizeof bill->type);
	if (json_opt_into(&object, "location", &inner))
		json_opt_text(
			&inner, "name", bill->location, sizeof bill->location);
	json_opt_i64(&object, "size", &bill->gigabytes);
	bill->has_address = seen->public_address[0] != '\0';
}

static int64_t server_price(
	const struct json_in *pricing, const struct bill *bill)
{
	int64_t price = pricing_of_type(
		pricing, "server_types", "name", bill->type, bill->location);
	int64_t address = bill->has_address
				  ? pricing_of_type(pricing, "primary_ips",
					    "type", "ipv4", bill->location)
				  : 0;

	return price < 0 || address < 0 ? price : price + address;
}

static int64_t volume_price(
	const struct json_in *pricing, const struct bill *bill)
{
	struct json_in volume;
	int64_t gigabyte = json_opt_into(pricing, "volume", &volume)
				   ? pricing_net(&volume, "price_per_gb_month")
				   : -1;

	if (gigabyte < 0 || bill->gigabytes < 0 || bill->gigabytes > 1 << 20)
		return -1;
	return gigabyte * bill->gigabytes;
}

static void price(const struct json_in *pricing, enum resource_kind kind,
	struct bill *bill)
{
	if (kind == RESOURCE_SERVER)
		bill->price = server_price(pricing, bill);
	else if (kind == RESOURCE_LOAD_BALANCER)
		bill->price = pricing_of_type(pricing, "load_balancer_types",
			"name", bill->type, bill->location);
	else if (kind == RESOURCE_VOLUME)
		bill->price = volume_price(pricing, bill);
	else if (kind == RESOURCE_PRIMARY_IP)
		bill->price = pricing_of_type(pricing, "primary_ips", "type",
			bill->type, bill->location);
	else
		bill->price = 0;
}

bool prices_met(const struct facts *facts)
{
	return facts->memory.priced;
}

bool prices_ask(struct facts *facts, struct ask *ask, struct err *err)
{
	(void)err;
	ask->shared = true;
	request_get(&ask->request, facts->arena, "/pricing");
	return true;
}

enum verdict prices_take(
	struct facts *facts, const struct reply *reply, struct err *err)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored}, pricing;

	if (reply->class != REPLY_OK)
		return phase_otherwise(facts, reply, "Asking for prices", err);
	if (!json_opt_into(&root, "pricing", &pricing)) {
		err_set(err, ERR_RETRY, "bad_answer",
			"Hetzner's answer holds no prices.");
		return VERDICT_FAILED;
	}
	json_opt_text(
		&pricing, "currency", facts->currency, sizeof facts->currency);
	for (size_t i = 0; i < facts->resource_count; i++)
		price(&pricing, facts->resources[i].resource.kind,
			&facts->resources[i].bill);
	for (size_t i = 0; i < facts->kept_count; i++)
		price(&pricing, facts->kept[i].resource.kind,
			&facts->kept[i].bill);
	facts->memory.priced = true;
	return VERDICT_NEXT;
}
