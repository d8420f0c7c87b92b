/*
 * The table of options, and what their values may be: checked before any door
 * is opened, so that a wrong call changes nothing.
 */
#include "option_table.h"

#include <byoc/migrate.h>
#include <byoc/model.h>
#include <byoc/network.h>
#include <byoc/seal.h>
#include <stdlib.h>
#include <string.h>

static bool check_number(
	const struct option_row *row, const char *text, char *why)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (strspn(text, "0123456789") == strlen(text) && *text &&
		number >= row->least && number <= row->most)
		return true;
	snprintf(why, WHY_SIZE, "want a number from %d to %d%s%s", row->least,
		row->most, row->unit ? ", in " : "",
		row->unit ? row->unit : "");
	return false;
}

/* Nobody guesses why there is an end to it. */
static bool check_workers(
	const struct option_row *row, const char *text, char *why)
{
	if (check_number(row, text, why))
		return true;
	snprintf(why, WHY_SIZE,
		"want 0 to %d: a network at Hetzner takes 100 servers, the "
		"gateway, the control planes and their substitutes among them",
		row->most);
	return false;
}

static bool check_limit(
	const struct option_row *row, const char *text, char *why)
{
	if (strcmp(text, "default") == 0 || check_number(row, text, why))
		return true;
	snprintf(why, WHY_SIZE, "want a number from %d to %d, or default",
		row->least, row->most);
	return false;
}

static bool check_word(
	const struct option_row *row, const char *text, char *why)
{
	char list[WHY_SIZE - 8];

	if (words_find(row->words, text) >= 0)
		return true;
	words_list(row->words, list, sizeof list);
	snprintf(why, WHY_SIZE, "want %s", list);
	return false;
}

static bool check_type(
	const struct option_row *row, const char *text, char *why)
{
	if (strcmp(text, "development") != 0)
		return check_word(row, text, why);
	snprintf(why, WHY_SIZE,
		"development clusters are not BYOC: want dedicated or "
		"dedicated_ha");
	return false;
}

static bool check_cluster_name(
	const struct option_row *row, const char *text, char *why)
{
	(void)row;
	if (cluster_name_valid(text))
		return true;
	snprintf(why, WHY_SIZE,
		"want 1 to 63 of a-z, 0-9 and '-', beginning and ending with "
		"a letter or digit");
	return false;
}

/* Free text, but on one line and readable. */
static bool check_text(
	const struct option_row *row, const char *text, char *why)
{
	size_t length = strlen(text);

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			length = 0;
	if (length > 0 && length <= (size_t)row->most)
		return true;
	snprintf(why, WHY_SIZE,
		"want 1 to %d characters, and no control characters",
		row->most);
	return false;
}

/* Hetzner's names are of these; whether there is such a type, a worker asks. */
static bool check_server_type(
	const struct option_row *row, const char *text, char *why)
{
	size_t length = strlen(text);

	if (length > 0 && length <= (size_t)row->most &&
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length)
		return true;
	snprintf(why, WHY_SIZE, "want 1 to %d of a-z, 0-9 and '-'", row->most);
	return false;
}

static bool check_network(
	const struct option_row *row, const char *text, char *why)
{
	char canonical[NETWORK_SIZE];

	(void)row;
	return strcmp(text, "none") == 0 ||
	       network_read(text, canonical, why, WHY_SIZE);
}

static bool check_key_id(
	const struct option_row *row, const char *text, char *why)
{
	(void)row;
	if (strlen(text) == SEAL_KEY_ID_SIZE - 1 &&
		strspn(text, "0123456789abcdef") == SEAL_KEY_ID_SIZE - 1)
		return true;
	snprintf(why, WHY_SIZE, "want the %d hexadecimal digits of a key's id",
		SEAL_KEY_ID_SIZE - 1);
	return false;
}

/* Of routing keys: words with dots between, * for a word, # for any. */
static bool check_pattern(
	const struct option_row *row, const char *text, char *why)
{
	size_t length = strlen(text);

	(void)row;
	if (length > 0 && length <= 255 &&
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-.*#") ==
			length)
		return true;
	snprintf(why, WHY_SIZE,
		"want a pattern of routing keys, such as cluster.# or "
		"*.*.failed");
	return false;
}

/* As browsers say it in the header Host. */
static bool check_host(
	const struct option_row *row, const char *text, char *why)
{
	size_t length = strlen(text);

	(void)row;
	if (length > 0 && length <= 255 &&
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") ==
			length)
		return true;
	snprintf(why, WHY_SIZE,
		"want what stands in a browser's address bar, such as "
		"127.0.0.1:8080 or byoc.example.com");
	return false;
}

static const char *const output_text[] = {"table", "json"};
static const struct words output_words = {"output", output_text, 2};

const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_HELP] = {"help", .letter = 'h', .help = "show this help"},
	[OPTION_OUTPUT] = {"output", "FORM", "table or json", "table",
		.letter = 'o', .words = &output_words, .check = check_word},
	[OPTION_NAME] = {"name", "NAME", "what to call it", .most = 63,
		.check = check_text},
	[OPTION_TOKEN_FILE] = {"token-file", "FILE",
		"the file that holds the token", "standard input"},
	[OPTION_CLUSTER_NAME] = {"name", "NAME",
		"what to call it: a-z, 0-9 and '-'",
		.check = check_cluster_name},
	[OPTION_CREDENTIAL] = {"credential", "ID",
		"the credential to build it with"},
	[OPTION_LOCATION] = {"location", "PLACE",
		"fsn1, nbg1, hel1, ash, hil or sin", .words = &location_words,
		.check = check_word},
	[OPTION_TYPE] = {"type", "TYPE",
		"dedicated (1 control plane) or dedicated_ha (3)",
		.words = &cluster_type_words, .check = check_type},
	[OPTION_WORKERS] = {"workers", "N", "extra workers, up to 90", "0", 0,
		WORKERS_MOST, .check = check_workers},
	[OPTION_SERVER_TYPE] = {"server-type", "TYPE",
		"Hetzner's name, such as cx32", "the cheapest that will do",
		.most = SERVER_TYPE_SIZE - 1, .check = check_server_type},
	[OPTION_SSH_FROM] = {"ssh-from", "CIDR",
		"who may reach SSH; may be repeated", "nobody",
		.check = check_network},
	[OPTION_API_FROM] = {"api-from", "CIDR",
		"who may reach the Kubernetes API; may be repeated",
		"everybody", .check = check_network},
	[OPTION_POD_SECURITY] = {"pod-security", "LEVEL",
		"what pods may ask for: privileged, baseline or restricted",
		"baseline", .words = &pod_security_words, .check = check_word},
	[OPTION_INGRESS] = {"ingress", "KIND",
		"none or traefik; costs another load balancer", "none",
		.words = &ingress_words, .check = check_word},
	[OPTION_LIFETIME] = {"lifetime", "HOURS",
		"how long the kubeconfig is good", "8", 1,
		KUBECONFIG_LIFETIME_MOST_S / 3600, .check = check_number,
		.unit = "hours"},
	[OPTION_DELETED] = {"deleted", .help = "deleted ones, too"},
	[OPTION_ALL] = {"all", .help = "every dead job"},
	[OPTION_WATCH] = {"watch", .help = "stay and watch until it is done"},
	[OPTION_WAIT] = {"wait", .help = "wait until a worker has judged it"},
	[OPTION_TIMEOUT] = {"timeout", "SECONDS", "the longest to wait", "60",
		1, 86400, .check = check_number, .unit = "seconds"},
	[OPTION_SVG] = {"svg", "FILE", "write a picture there instead"},
	[OPTION_REMOVE] = {"remove", "KEY_ID",
		"remove this key instead of making one", .check = check_key_id},
	[OPTION_KEEP_EVENTS] = {"keep-events", "MONTHS",
		"how long, from now on", "as before, at first 13",
		KEEP_EVENTS_LEAST, KEEP_EVENTS_MOST, .check = check_number,
		.unit = "months"},
	[OPTION_AUDIT_EVERY] = {"audit-every", "HOURS",
		"look through all projects, 0: never", "as before, at first 0",
		0, AUDIT_EVERY_MOST, .check = check_number, .unit = "hours"},
	[OPTION_CONSUMER] = {"consumer", "NAME",
		"declare consumer.NAME, a queue of events, too",
		.check = check_cluster_name},
	[OPTION_BIND] = {"bind", "PATTERN",
		"which events it gets; may be repeated", "all: #",
		.check = check_pattern, .with = OPTION_CONSUMER},
	[OPTION_MOST_CLUSTERS] = {"clusters", "N",
		"how many clusters it may have, or default", .least = 0,
		.most = 1000000, .check = check_limit},
	[OPTION_MOST_JOBS] = {"jobs", "N",
		"how many of its jobs may wait, or default", .least = 1,
		.most = 1000000, .check = check_limit},
	[OPTION_ANY_PROJECT] = {"any-project",
		.help = "although it finds nothing of the clusters"},
	[OPTION_WITH_NEIGHBOURS] = {"with-neighbours",
		.help = "and what others put on its network"},
	[OPTION_KEEP_VOLUMES] = {"keep-volumes",
		.help = "leave the volumes to the project"},
	[OPTION_ALL_GONE] = {"all-gone",
		.help = "even if a new token finds nothing of it"},
	[OPTION_DRY_RUN] = {"dry-run",
		.help = "only list what it would be, and its price"},
	[OPTION_RECIPIENT] = {"recipient", "FILE",
		"the public key that kubeconfigs are sealed to", "nobody's"},
	[OPTION_REPAIR] = {"repair",
		.help = "ask for the repair of clusters that lack something"},
	[OPTION_REMOVE_ORPHANS] = {"remove-orphans",
		.help = "have the orphans of clusters deleted here deleted"},
	[OPTION_FOLLOW] = {"follow", .letter = 'f',
		.help = "stay and tell what happens, until interrupted"},
	[OPTION_CLUSTER] = {"cluster", "ID", "of this cluster alone",
		"everything"},
	[OPTION_LISTEN] = {"listen", "ADDRESS:PORT", "where the page is served",
		"127.0.0.1:9480"},
	[OPTION_HOST] = {"host", "NAME[:PORT]", "what browsers call the page",
		"the address of --listen", .check = check_host},
	[OPTION_RECIPIENT_KEY] = {"recipient-key", "FILE",
		"opens kubeconfigs, with FILE.pub beside it", "none"},
	[OPTION_CHECK] = {"check", .help = "fail if there is a warning"},
	[OPTION_SAME_NAME] = {"allow-same-name",
		.help = "although the credential has a cluster of that name"},
};
