/*
 * The table of options: one row serves parsing, checking and help. Values are
 * checked here, before any door is opened, so that a wrong call changes
 * nothing.
 */
#include "command.h"

#include <byoc/memory.h>
#include <byoc/migrate.h>
#include <byoc/model.h>
#include <byoc/network.h>
#include <byoc/seal.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { WHY_SIZE = 200 };

struct row {
	const char *name;
	const char *value; /* what to call its value; NULL: a flag */
	const char *help;
	const char *standard;      /* default, for people too */
	int least, most;           /* of a number */
	const struct words *words; /* of a word */
	/* Says why a value is no good; NULL: nothing to check. */
	bool (*check)(const struct row *row, const char *text, char *why);
	char letter;
	enum option_id with; /* means nothing without that one; 0: it does */
};

static bool check_number(const struct row *row, const char *text, char *why)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (strspn(text, "0123456789") == strlen(text) && *text &&
		number >= row->least && number <= row->most)
		return true;
	snprintf(why, WHY_SIZE, "want a number from %d to %d", row->least,
		row->most);
	return false;
}

/* Nobody guesses why there is an end to it. */
static bool check_workers(const struct row *row, const char *text, char *why)
{
	if (check_number(row, text, why))
		return true;
	snprintf(why, WHY_SIZE,
		"want 0 to %d: a network at Hetzner takes 100 servers, the "
		"gateway, the control planes and their substitutes among them",
		row->most);
	return false;
}

static bool check_limit(const struct row *row, const char *text, char *why)
{
	if (strcmp(text, "default") == 0 || check_number(row, text, why))
		return true;
	snprintf(why, WHY_SIZE, "want a number from %d to %d, or default",
		row->least, row->most);
	return false;
}

static bool check_word(const struct row *row, const char *text, char *why)
{
	char list[WHY_SIZE - 8];

	if (words_find(row->words, text) >= 0)
		return true;
	words_list(row->words, list, sizeof list);
	snprintf(why, WHY_SIZE, "want %s", list);
	return false;
}

static bool check_type(const struct row *row, const char *text, char *why)
{
	if (strcmp(text, "development") != 0)
		return check_word(row, text, why);
	snprintf(why, WHY_SIZE,
		"development clusters are not BYOC: want dedicated or "
		"dedicated_ha");
	return false;
}

static bool check_cluster_name(
	const struct row *row, const char *text, char *why)
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
static bool check_text(const struct row *row, const char *text, char *why)
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
	const struct row *row, const char *text, char *why)
{
	size_t length = strlen(text);

	if (length > 0 && length <= (size_t)row->most &&
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length)
		return true;
	snprintf(why, WHY_SIZE, "want 1 to %d of a-z, 0-9 and '-'", row->most);
	return false;
}

static bool check_network(const struct row *row, const char *text, char *why)
{
	char canonical[NETWORK_SIZE];

	(void)row;
	return strcmp(text, "none") == 0 ||
	       network_read(text, canonical, why, WHY_SIZE);
}

static bool check_key_id(const struct row *row, const char *text, char *why)
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
static bool check_pattern(const struct row *row, const char *text, char *why)
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
static bool check_host(const struct row *row, const char *text, char *why)
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

static const struct row rows[OPTION_COUNT] = {
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
		KUBECONFIG_LIFETIME_MOST_S / 3600, .check = check_number},
	[OPTION_DELETED] = {"deleted", .help = "deleted ones, too"},
	[OPTION_ALL] = {"all", .help = "every dead job"},
	[OPTION_WATCH] = {"watch", .help = "stay and watch until it is done"},
	[OPTION_WAIT] = {"wait", .help = "wait until a worker has judged it"},
	[OPTION_TIMEOUT] = {"timeout", "SECONDS", "the longest to wait", "60",
		1, 86400, .check = check_number},
	[OPTION_SVG] = {"svg", "FILE", "write a picture there instead"},
	[OPTION_REMOVE] = {"remove", "KEY_ID",
		"remove this key instead of making one", .check = check_key_id},
	[OPTION_KEEP_EVENTS] = {"keep-events", "MONTHS",
		"how long, from now on", "as before, at first 13",
		KEEP_EVENTS_LEAST, KEEP_EVENTS_MOST, .check = check_number},
	[OPTION_AUDIT_EVERY] = {"audit-every", "HOURS",
		"look through all projects, 0: never", "as before, at first 0",
		0, AUDIT_EVERY_MOST, .check = check_number},
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
};

/* Options of getopt_long count from here; below are letters. */
enum { FIRST_LONG = 256 };

static bool takes(const struct command *command, enum option_id id)
{
	return id == OPTION_HELP || (command->takes & BIT(id));
}

static void describe(const struct command *command,
	struct option list[OPTION_COUNT + 1], char letters[2 * OPTION_COUNT])
{
	size_t count = 0;
	size_t used = 0;

	letters[used++] = ':';
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct row *row = &rows[id];
		if (!takes(command, (enum option_id)id))
			continue;
		list[count++] = (struct option){row->name,
			row->value ? required_argument : no_argument, NULL,
			FIRST_LONG + id};
		if (row->letter)
			letters[used++] = row->letter;
		if (row->letter && row->value)
			letters[used++] = ':';
	}
	list[count] = (struct option){0};
	letters[used] = '\0';
}

static int find_id(int found)
{
	int id = found - FIRST_LONG;

	if (found < FIRST_LONG)
		for (id = OPTION_COUNT - 1; id >= 0; id--)
			if (rows[id].letter == found)
				break;
	return id;
}

/* Keeps and checks one option. */
static int take(struct call *call, enum option_id id, const char *value)
{
	const struct row *row = &rows[id];
	char why[WHY_SIZE];

	if (row->check && value && !row->check(row, value, why))
		return usage(
			call->command, "--%s %s: %s", row->name, value, why);
	struct repeated *repeated = id == OPTION_SSH_FROM   ? &call->ssh_from
				    : id == OPTION_API_FROM ? &call->api_from
				    : id == OPTION_BIND     ? &call->bind
							    : NULL;
	if (repeated) {
		if (repeated->count == REPEAT_MAX)
			return usage(call->command, "--%s: at most %d times",
				row->name, REPEAT_MAX);
		repeated->values[repeated->count++] = value;
	} else if (call->option[id] && row->value) {
		return usage(call->command, "--%s is given twice", row->name);
	}
	call->option[id] = value ? value : "";
	return DONE;
}

/* The option that getopt_long stumbled over, as it was written. */
static int refuse(const struct call *call, int found, char **argv)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt > 0 && optopt < FIRST_LONG;
	const char *name = is_letter ? letter : argv[optind - 1];
	int length = (int)strcspn(name, "=");

	if (found == ':')
		return usage(call->command, "%s wants a value", name);
	return usage(
		call->command, "there is no option %.*s here", length, name);
}

/*
 * Options are to be written out: --token, short for --token-file, would take a
 * token for a file's name, and show it.
 */
static bool written_out(int found, char **argv)
{
	bool value_apart = optarg && optarg == argv[optind - 1];
	const char *written = argv[optind - (value_apart ? 2 : 1)];

	return found < FIRST_LONG ||
	       strncmp(written + strlen("--"), rows[find_id(found)].name,
		       strlen(rows[find_id(found)].name)) == 0;
}

static int refuse_abbreviation(const struct call *call, int found)
{
	return usage(call->command,
		"options are to be written out: did you mean --%s?",
		rows[find_id(found)].name);
}

/* Where a token is expected, the word may be one: it is not shown. */
static int refuse_word(const struct call *call, const char *word)
{
	if (takes(call->command, OPTION_TOKEN_FILE))
		return usage(call->command,
			"there is one word too many; a token is given on "
			"standard input or with --token-file, never as a word");
	return usage(call->command, "'%s' is one word too many", word);
}

static int count_words(const char *text)
{
	int count = text && *text;

	for (; text && *text; text++)
		count += *text == ' ';
	return count;
}

static int check_arguments(const struct call *call)
{
	const char *wanted = call->command->arguments;
	int count = call->argument_count;
	int most = count_words(wanted);

	if (!wanted && count > 0)
		return refuse_word(call, call->arguments[0]);
	if (!wanted || call->option[OPTION_ALL])
		return DONE;
	if (count == 0)
		return usage(call->command, "%s is missing",
			strstr(wanted, "...") ? "an ID, or --all," : wanted);
	if (count < most)
		return usage(call->command, "%s: one is missing", wanted);
	if (count > most && !strstr(wanted, "..."))
		return refuse_word(call, call->arguments[most]);
	return DONE;
}

static int check_required(const struct call *call)
{
	for (int id = 0; id < OPTION_COUNT; id++)
		if ((call->command->requires & BIT(id)) && !call->option[id])
			return usage(call->command, "--%s %s is missing",
				rows[id].name, rows[id].value);
	for (int id = 0; id < OPTION_COUNT; id++)
		if (call->option[id] && rows[id].with &&
			!call->option[rows[id].with])
			return usage(call->command, "--%s wants --%s %s, too",
				rows[id].name, rows[rows[id].with].name,
				rows[rows[id].with].value);
	return DONE;
}

int options_read(struct call *call, int argc, char **argv)
{
	struct option list[OPTION_COUNT + 1];
	char letters[2 * OPTION_COUNT];
	int found;

	describe(call->command, list, letters);
	opterr = 0;
	while ((found = getopt_long(argc, argv, letters, list, NULL)) != -1) {
		if (found == '?' || found == ':')
			return refuse(call, found, argv);
		if (!written_out(found, argv))
			return refuse_abbreviation(call, found);
		if (take(call, (enum option_id)find_id(found), optarg))
			return USAGE;
	}
	call->arguments = argv + optind;
	call->argument_count = argc - optind;
	if (call->option[OPTION_HELP])
		return DONE;
	call->json = call->option[OPTION_OUTPUT] &&
		     strcmp(call->option[OPTION_OUTPUT], "json") == 0;
	return check_arguments(call) || check_required(call) ? USAGE : DONE;
}

bool option_of(const struct command *command, enum option_id id,
	struct option_text *text)
{
	const struct row *row = &rows[id];

	*text = (struct option_text){
		row->name, row->value, row->help, row->standard};
	return takes(command, id);
}

const char *option_value(const struct call *call, enum option_id id)
{
	return call->option[id] ? call->option[id] : rows[id].standard;
}

int option_number(const struct call *call, enum option_id id)
{
	return atoi(option_value(call, id));
}

static void print_row(const struct command *command, int id, FILE *out)
{
	const struct row *row = &rows[id];
	char left[32];
	char letter[6] = "    ";

	if (row->letter)
		snprintf(letter, sizeof letter, "-%c, ", row->letter);
	snprintf(left, sizeof left, "%s--%s %s", letter, row->name,
		row->value ? row->value : "");
	fprintf(out, "  %-26s %s", left, row->help);
	if (row->standard)
		fprintf(out, " (%s)", row->standard);
	else if (command->requires & BIT(id))
		fputs(" (required)", out);
	fputc('\n', out);
}

void options_print(const struct command *command, FILE *out)
{
	for (int id = 1; id < OPTION_COUNT; id++)
		if (takes(command, (enum option_id)id))
			print_row(command, id, out);
	print_row(command, OPTION_HELP, out);
}
