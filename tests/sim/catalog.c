/*
 * What the cloud offers: an excerpt of the real catalog, close enough that
 * every rule about places and sizes has something to bite on.
 */
#include "catalog.h"
#include "call.h"
#include "refresh.h"

#include <string.h>

static const struct {
	const char *name, *datacenter, *city, *country, *zone;
	double latitude, longitude;
} locations[] = {
	{"fsn1", "fsn1-dc14", "Falkenstein", "DE", "eu-central", 50.47612,
		12.370071},
	{"nbg1", "nbg1-dc3", "Nuremberg", "DE", "eu-central", 49.452102,
		11.076665},
	{"hel1", "hel1-dc2", "Helsinki", "FI", "eu-central", 60.169855,
		24.938379},
	{"ash", "ash-dc1", "Ashburn, VA", "US", "us-east", 39.045821,
		-77.487073},
	{"hil", "hil-dc1", "Hillsboro, OR", "US", "us-west", 45.54222,
		-122.951924},
	{"sin", "sin-dc1", "Singapore", "SG", "ap-southeast", 1.283333,
		103.833333},
};

#define EUROPE "fsn1 nbg1 hel1"
#define OVERSEAS "ash hil sin"
#define EVERYWHERE EUROPE " " OVERSEAS

/* `leaving`: where the type is deprecated. */
static const struct {
	const char *name;
	int cores;
	double memory;
	int disk;
	const char *architecture, *cpu_type, *price, *offered, *leaving;
} server_types[] = {
	{"cx22", 2, 4, 40, "x86", "shared", "3.29", EUROPE, EUROPE},
	{"cx23", 2, 4, 40, "x86", "shared", "2.99", EUROPE, ""},
	{"cx33", 4, 8, 80, "x86", "shared", "4.99", EUROPE, ""},
	{"cx43", 8, 16, 160, "x86", "shared", "8.99", EUROPE, ""},
	{"cx53", 16, 32, 320, "x86", "shared", "16.99", EUROPE, ""},
	{"cpx11", 2, 2, 40, "x86", "shared", "4.49", EVERYWHERE, EUROPE},
	{"cpx21", 3, 4, 80, "x86", "shared", "7.99", OVERSEAS, ""},
	{"cpx31", 4, 8, 160, "x86", "shared", "14.99", OVERSEAS, ""},
	{"cpx41", 8, 16, 240, "x86", "shared", "27.99", OVERSEAS, ""},
	{"cpx51", 16, 32, 360, "x86", "shared", "59.99", OVERSEAS, ""},
	{"cpx22", 2, 4, 80, "x86", "shared", "5.99", EUROPE " sin", ""},
	{"cpx32", 4, 8, 160, "x86", "shared", "10.49", EUROPE " sin", ""},
	{"cpx42", 8, 16, 320, "x86", "shared", "19.49", EUROPE " sin", ""},
	{"cpx52", 12, 24, 480, "x86", "shared", "27.99", EUROPE " sin", ""},
	{"cax11", 2, 4, 40, "arm", "shared", "3.29", EUROPE, ""},
	{"cax21", 4, 8, 80, "arm", "shared", "5.99", EUROPE, ""},
	{"cax31", 8, 16, 160, "arm", "shared", "11.99", EUROPE, ""},
	{"cax41", 16, 32, 320, "arm", "shared", "23.99", EUROPE, ""},
	{"ccx13", 2, 8, 80, "x86", "dedicated", "11.99", EVERYWHERE, ""},
	{"ccx23", 4, 16, 160, "x86", "dedicated", "23.99", EVERYWHERE, ""},
	{"ccx33", 8, 32, 240, "x86", "dedicated", "47.99", EVERYWHERE, ""},
	{"ccx43", 16, 64, 360, "x86", "dedicated", "95.99", EVERYWHERE, ""},
	{"ccx53", 32, 128, 600, "x86", "dedicated", "191.99", EVERYWHERE, ""},
};

static const struct {
	const char *name;
	int connections, services, targets, certificates;
	const char *price;
} load_balancer_types[] = {
	{"lb11", 10000, 5, 25, 10, "5.39"},
	{"lb21", 20000, 15, 75, 25, "16.40"},
	{"lb31", 40000, 30, 150, 50, "32.90"},
};

static const struct {
	const char *name, *flavor, *version, *description;
} images[] = {
	{"ubuntu-22.04", "ubuntu", "22.04", "Ubuntu 22.04"},
	{"ubuntu-24.04", "ubuntu", "24.04", "Ubuntu 24.04"},
	{"debian-12", "debian", "12", "Debian 12"},
	{"debian-13", "debian", "13", "Debian 13"},
};

/* Whether the word stands in a list between blanks. */
static bool listed(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') &&
			(at[length] == '\0' || at[length] == ' '))
			return true;
	return false;
}

static struct json_object *price(const char *net)
{
	struct json_object *made = json_object_new_object();

	json_put_text(made, "net", net);
	json_put_text(made, "gross", net);
	return made;
}

static void add_price(
	struct json_object *prices, const char *location, const char *monthly)
{
	struct json_object *made = json_object_new_object();

	json_put_text(made, "location", location);
	json_put(made, "price_hourly", price("0.0080000000"));
	json_put(made, "price_monthly", price(monthly));
	json_put(made, "price_per_tb_traffic", price("1.0000000000"));
	json_put_number(made, "included_traffic", 21990232555520);
	json_add(prices, made);
}

static struct json_object *deprecation(void)
{
	return json_literal("{'announced': '2025-10-16T00:00:00Z',"
			    " 'unavailable_after': '2027-01-01T00:00:00Z'}");
}

static void add_location(struct world *world, size_t i)
{
	struct json_object *body = json_object_new_object();
	char text[64];

	snprintf(text, sizeof text, "%s DC Park 1", locations[i].city);
	json_put_text(body, "name", locations[i].name);
	json_put_text(body, "description", text);
	json_put_text(body, "country", locations[i].country);
	json_put_text(body, "city", locations[i].city);
	json_put(body, "latitude",
		json_object_new_double(locations[i].latitude));
	json_put(body, "longitude",
		json_object_new_double(locations[i].longitude));
	json_put_text(body, "network_zone", locations[i].zone);
	resource_new(&world->catalog, KIND_LOCATION, body);
}

/* The locations of a server type, with their own deprecations. */
static void offer(struct world *world, struct json_object *type, size_t i)
{
	struct json_object *offered = json_object_new_array();
	struct json_object *prices = json_object_new_array();
	struct resource *location;

	shelf_each(&world->catalog.shelves[KIND_LOCATION], location)
	{
		const char *name = resource_name(location);
		struct json_object *entry;

		if (!listed(server_types[i].offered, name))
			continue;
		entry = json_object_new_object();
		json_put_number(entry, "id", location->id);
		json_put_text(entry, "name", name);
		json_put(entry, "deprecation",
			listed(server_types[i].leaving, name) ? deprecation()
							      : NULL);
		json_put_flag(entry, "recommended", true);
		json_add(offered, entry);
		add_price(prices, name, server_types[i].price);
	}
	json_put(type, "locations", offered);
	json_put(type, "prices", prices);
}

static void add_server_type(struct world *world, size_t i)
{
	struct json_object *body = json_literal(
		"{'storage_type': 'local', 'category': 'cost_optimized'}");
	bool leaving =
		*server_types[i].leaving &&
		strcmp(server_types[i].leaving, server_types[i].offered) == 0;

	json_put_text(body, "name", server_types[i].name);
	json_put_text(body, "description", server_types[i].name);
	json_put_number(body, "cores", server_types[i].cores);
	json_put(
		body, "memory", json_object_new_double(server_types[i].memory));
	json_put_number(body, "disk", server_types[i].disk);
	json_put_text(body, "architecture", server_types[i].architecture);
	json_put_text(body, "cpu_type", server_types[i].cpu_type);
	json_put_flag(body, "deprecated", leaving);
	json_put(body, "deprecation", leaving ? deprecation() : NULL);
	offer(world, body, i);
	resource_new(&world->catalog, KIND_SERVER_TYPE, body);
}

static void add_load_balancer_type(struct world *world, size_t i)
{
	struct json_object *body = json_literal("{'deprecated': null}");
	struct json_object *prices = json_object_new_array();

	json_put_text(body, "name", load_balancer_types[i].name);
	json_put_text(body, "description", load_balancer_types[i].name);
	json_put_number(
		body, "max_connections", load_balancer_types[i].connections);
	json_put_number(body, "max_services", load_balancer_types[i].services);
	json_put_number(body, "max_targets", load_balancer_types[i].targets);
	json_put_number(body, "max_assigned_certificates",
		load_balancer_types[i].certificates);
	for (size_t at = 0; at < COUNT(locations); at++)
		add_price(prices, locations[at].name,
			load_balancer_types[i].price);
	json_put(body, "prices", prices);
	resource_new(&world->catalog, KIND_LOAD_BALANCER_TYPE, body);
}

static void add_image(struct world *world, size_t i, const char *architecture)
{
	struct json_object *body = json_literal(
		"{'type': 'system', 'status': 'available',"
		" 'image_size': null, 'disk_size': 5, 'created_from': null,"
		" 'bound_to': null, 'rapid_deploy': true, 'deprecated': null,"
		" 'deleted': null, 'labels': {},"
		" 'protection': {'delete': false},"
		" 'created': '2024-04-25T13:26:27Z'}");

	json_put_text(body, "name", images[i].name);
	json_put_text(body, "description", images[i].description);
	json_put_text(body, "os_flavor", images[i].flavor);
	json_put_text(body, "os_version", images[i].version);
	json_put_text(body, "architecture", architecture);
	resource_new(&world->catalog, KIND_IMAGE, body);
}

void catalog_fill(struct world *world)
{
	for (size_t i = 0; i < COUNT(locations); i++)
		add_location(world, i);
	for (size_t i = 0; i < COUNT(server_types); i++)
		add_server_type(world, i);
	for (size_t i = 0; i < COUNT(load_balancer_types); i++)
		add_load_balancer_type(world, i);
	for (size_t i = 0; i < COUNT(images); i++) {
		add_image(world, i, "x86");
		add_image(world, i, "arm");
	}
}

static struct json_object *offer_entry(
	const struct resource *type, const struct resource *location)
{
	struct json_object *offered = json_at(type->body, "locations");

	for (size_t i = 0; i < json_count(offered); i++)
		if (json_number(json_nth(offered, i), "id") == location->id)
			return json_nth(offered, i);
	return NULL;
}

bool type_is_offered(
	const struct resource *type, const struct resource *location)
{
	return offer_entry(type, location) != NULL;
}

bool type_is_sold_out(const struct world *world, const struct resource *type,
	const struct resource *location)
{
	char key[80];

	snprintf(key, sizeof key, "%s %s", resource_name(type),
		resource_name(location));
	return json_flag(world->sold_out, key);
}

void server_type_refresh(struct project *project, struct resource *type)
{
	struct resource *location;

	shelf_each(shelf_of(project, KIND_LOCATION), location)
	{
		struct json_object *entry = offer_entry(type, location);

		if (entry)
			json_put_flag(entry, "available",
				!type_is_sold_out(
					project->world, type, location));
	}
}

struct json_object *datacenter_view(struct resource *location)
{
	struct json_object *view = json_literal(
		"{'server_types': {'supported': [], 'available': [],"
		" 'available_for_migration': []}}");

	for (size_t i = 0; i < COUNT(locations); i++) {
		if (strcmp(locations[i].name, resource_name(location)) != 0)
			continue;
		json_put_text(view, "name", locations[i].datacenter);
		json_put_text(view, "description", locations[i].datacenter);
	}
	json_put_number(view, "id", location->id);
	json_put(view, "location", json_object_get(location->body));
	return view;
}

struct resource *location_of_datacenter(
	struct project *project, const char *name)
{
	for (size_t i = 0; i < COUNT(locations); i++)
		if (strcmp(locations[i].datacenter, name) == 0)
			return resource_named(
				project, KIND_LOCATION, locations[i].name);
	return NULL;
}

struct resource *location_in_zone(struct project *project, const char *zone)
{
	struct resource *location;

	shelf_each(shelf_of(project, KIND_LOCATION),
		location) if (strcmp(json_text(location->body, "network_zone"),
				      zone) == 0) return location;
	return NULL;
}

struct resource *image_for(struct project *project, struct json_object *value,
	const char *architecture)
{
	struct resource *image;

	shelf_each(shelf_of(project, KIND_IMAGE),
		image) if (strcmp(resource_name(image),
				   json_object_get_string(value)) == 0 &&
			   strcmp(json_text(image->body, "architecture"),
				   architecture) == 0) return image;
	image = find_reference(project, KIND_IMAGE, value);
	return image && strcmp(json_text(image->body, "architecture"),
				architecture) == 0
		       ? image
		       : NULL;
}
