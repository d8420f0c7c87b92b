/*
 * Settings from the environment by one table. Values are read whole, checked
 * together, and every complaint is a sentence that names its setting.
 */
#include <byoc/settings.h>

#include <byoc/guess.h>
#include <byoc/listen.h>
#include <byoc/memory.h>
#include <byoc/words.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_VALUE_MAX = 64 * 1024 };

enum setting_type {
	SETTING_SECRET,
	SETTING_TEXT,
	SETTING_NUMBER,
	SETTING_WORD
};

struct setting {
	const char *name;
	const char *meaning;
	const char *standard; /* NULL: required; for people where it is odd */
	enum setting_type type;
	size_t offset;
	unsigned needed_by;
	int least, most;           /* of a number */
	const struct words *words; /* of a word */
};

static const char *const level_words[] = {"error", "warn", "info", "debug"};
static const char *const format_words[] = {"json", "text"};
static const char *const no_yes[] = {"no", "yes"};
static const struct words log_levels = {"log level", level_words, 4};
static const struct words log_formats = {"log format", format_words, 2};
static const struct words insecure = {"insecure transport", no_yes, 2};

#define AT(member) offsetof(struct settings, member)

static const struct setting table[] = {
	{"BYOC_DATABASE_URL", "PostgreSQL, as a libpq URI", NULL,
		SETTING_SECRET, AT(database_url), NEED_DATABASE, 0, 0, NULL},
	{"BYOC_AMQP_URL", "RabbitMQ, amqp:// or amqps:// URI with vhost", NULL,
		SETTING_SECRET, AT(amqp_url), NEED_BROKER, 0, 0, NULL},
	{"BYOC_AMQP_CA_FILE", "certificates trusted for amqps (PEM)",
		"the system's", SETTING_TEXT, AT(amqp_ca_file), 0, 0, 0, NULL},
	{"BYOC_INSECURE_TRANSPORT",
		"yes or no: go without TLS to another machine, too", "no",
		SETTING_WORD, AT(insecure_transport), 0, 0, 0, &insecure},
	{"BYOC_KEY_DIR", "folder of key files, made by `byoc keygen`", NULL,
		SETTING_TEXT, AT(key_dir), NEED_KEYS, 0, 0, NULL},
	{"BYOC_HCLOUD_ENDPOINT",
		"Hetzner Cloud API; plain http only for loopback addresses",
		"https://api.hetzner.cloud/v1", SETTING_TEXT,
		AT(hcloud_endpoint), 0, 0, 0, NULL},
	{"BYOC_HCLOUD_CA_FILE", "certificates trusted for the API (PEM)",
		"the system's", SETTING_TEXT, AT(hcloud_ca_file), 0, 0, 0,
		NULL},
	{"BYOC_WORKER_SOURCES",
		"networks that workers come from, by comma: clusters whose API "
		"is not open to everybody let them in",
		"none", SETTING_TEXT, AT(worker_sources), 0, 0, 0, NULL},
	{"BYOC_MAX_IN_FLIGHT", "prefetch = jobs in the air in one process",
		"256", SETTING_NUMBER, AT(max_in_flight), 0, 1, 4096, NULL},
	{"BYOC_HTTP_LISTEN", "address of /metrics, /healthz and /readyz",
		"127.0.0.1:9400", SETTING_TEXT, AT(http_listen), 0, 0, 0, NULL},
	{"BYOC_TRACES_ENDPOINT",
		"where traces go: OTLP over HTTP, as in "
		"http://127.0.0.1:4318/v1/traces",
		"none", SETTING_TEXT, AT(traces_endpoint), 0, 0, 0, NULL},
	{"BYOC_LOG_LEVEL", "error, warn, info or debug", "info", SETTING_WORD,
		AT(log_level), 0, 0, 0, &log_levels},
	{"BYOC_LOG_FORMAT", "json or text", "json; text on a terminal",
		SETTING_WORD, AT(log_format), 0, 0, 0, &log_formats},
	{"BYOC_DRAIN_TIMEOUT", "seconds to finish work after SIGTERM", "30",
		SETTING_NUMBER, AT(drain_timeout_s), 0, 0, 3600, NULL},
};

static void *member(struct settings *settings, const struct setting *setting)
{
	return (char *)settings + setting->offset;
}

/* Reads a file's text without the line break at its end. */
static bool read_file(const char *path, struct secret *value)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	/* Unbuffered: no copy of a secret stays behind in stdio's memory. */
	setvbuf(file, NULL, _IONBF, 0);
	secret_init(value, FILE_VALUE_MAX);
	size_t size = fread(value->bytes, 1, FILE_VALUE_MAX, file);
	bool whole = !ferror(file) && feof(file);
	fclose(file);
	while (size > 0 && strchr("\r\n", value->bytes[size - 1]))
		size--;
	secret_shorten(value, size);
	return whole;
}

/* NAME, else the file NAME_FILE; false when neither is set or on complaint. */
static bool find_value(
	const struct setting *setting, struct secret *value, FILE *complaints)
{
	char name[64];

	const char *plain = getenv(setting->name);
	snprintf(name, sizeof name, "%s_FILE", setting->name);
	const char *path = getenv(name);
	if (plain && *plain) {
		if (path && *path)
			fprintf(complaints,
				"%s and %s are both set: keep one\n",
				setting->name, name);
		secret_set(value, plain, strlen(plain));
		return true;
	}
	if (!path || !*path)
		return false;
	if (read_file(path, value))
		return true;
	fprintf(complaints, "%s: cannot read %s: %s\n", name, path,
		errno ? strerror(errno) : "it is too large");
	return false;
}

static void take_number(struct settings *settings,
	const struct setting *setting, const char *text, FILE *complaints)
{
	char *end;

	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno || *end || end == text || number < setting->least ||
		number > setting->most)
		fprintf(complaints, "%s: want a number from %d to %d\n",
			setting->name, setting->least, setting->most);
	else
		*(int *)member(settings, setting) = (int)number;
}

static void take_word(struct settings *settings, const struct setting *setting,
	const char *text, FILE *complaints)
{
	int found = words_find(setting->words, text);

	if (found < 0)
		fprintf(complaints, "%s: want %s\n", setting->name,
			setting->meaning);
	else
		*(int *)member(settings, setting) = found;
}

static void take_value(struct settings *settings, const struct setting *setting,
	struct secret *value, FILE *complaints)
{
	switch (setting->type) {
	case SETTING_SECRET:
		*(struct secret *)member(settings, setting) = *value;
		return; /* moved, not copied */
	case SETTING_TEXT:
		free(*(char **)member(settings, setting));
		*(char **)member(settings, setting) =
			memory_copy_text(value->bytes);
		break;
	case SETTING_NUMBER:
		take_number(settings, setting, value->bytes, complaints);
		break;
	case SETTING_WORD:
		take_word(settings, setting, value->bytes, complaints);
		break;
	}
	secret_clear(value);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* "http://127.0.0.1:8080/v1", "http://localhost", "http://[::1]:80". */
static bool plain_loopback(const char *url)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};

	if (!starts_with(url, "http://"))
		return false;
	const char *host = url + strlen("http://");
	for (size_t i = 0; i < COUNT(hosts); i++) {
		size_t length = strlen(hosts[i]);
		if (strncmp(host, hosts[i], length) == 0 &&
			(host[length] == '\0' || strchr(":/", host[length])))
			return true;
	}
	return false;
}

static void check_endpoint(struct settings *settings, FILE *complaints)
{
	char *url = settings->hcloud_endpoint;
	size_t length = strlen(url);

	while (length > 0 && url[length - 1] == '/')
		url[--length] = '\0';
	if (strchr(url, '@') ||
		(!starts_with(url, "https://") && !plain_loopback(url)))
		fprintf(complaints,
			"BYOC_HCLOUD_ENDPOINT: want an https:// URL; plain "
			"http:// is allowed for 127.0.0.1, localhost and "
			"[::1] only, because it would show the token\n");
	else if (!ends_with(url, "/v1"))
		fprintf(complaints,
			"BYOC_HCLOUD_ENDPOINT: want a URL that ends in /v1, "
			"such as https://api.hetzner.cloud/v1\n");
}

static void check_traces(const struct settings *settings, FILE *complaints)
{
	const char *url = settings->traces_endpoint;

	if (*url && !starts_with(url, "http://") &&
		!starts_with(url, "https://"))
		fprintf(complaints, "BYOC_TRACES_ENDPOINT: want a URL such as "
				    "http://127.0.0.1:4318/v1/traces\n");
}

static void check_listen(const struct settings *settings, FILE *complaints)
{
	struct sockaddr_storage address;

	if (!listen_read(settings->http_listen, &address))
		fprintf(complaints, "BYOC_HTTP_LISTEN: want ADDRESS:PORT, such "
				    "as 127.0.0.1:9400\n");
}

/* What is no setting, but almost: who mistyped one believes it is in force. */
static void check_names(FILE *complaints)
{
	for (char **variable = environ; *variable; variable++) {
		char name[64];
		size_t length = strcspn(*variable, "=");
		if (!starts_with(*variable, "BYOC_") || length >= sizeof name)
			continue;
		memcpy(name, *variable, length);
		name[length] = '\0';
		struct guess guess = guess_begin(name, 2);
		for (size_t i = 0; i < COUNT(table); i++)
			guess_consider(&guess, table[i].name);
		if (guess.best && strcmp(guess.best, name) != 0)
			fprintf(complaints,
				"%s is no setting: did you mean %s?\n", name,
				guess.best);
	}
}

static void set_defaults(struct settings *settings)
{
	*settings = (struct settings){
		.amqp_ca_file = memory_copy_text(""),
		.key_dir = memory_copy_text(""),
		.hcloud_endpoint =
			memory_copy_text("https://api.hetzner.cloud/v1"),
		.hcloud_ca_file = memory_copy_text(""),
		.http_listen = memory_copy_text("127.0.0.1:9400"),
		.traces_endpoint = memory_copy_text(""),
		.max_in_flight = 256,
		.drain_timeout_s = 30,
		.log_level = LOG_INFO,
		.log_format = isatty(STDERR_FILENO) ? LOG_PLAIN : LOG_JSON,
	};
}

bool settings_read(struct settings *settings, unsigned needs, char **complaints)
{
	size_t size = 0;

	*complaints = NULL;
	FILE *said = open_memstream(complaints, &size);
	if (!said)
		abort();
	set_defaults(settings);
	for (size_t i = 0; i < COUNT(table); i++) {
		const struct setting *setting = &table[i];
		struct secret value = {0};
		long before = ftell(said);
		if (find_value(setting, &value, said)) {
			take_value(settings, setting, &value, said);
			continue;
		}
		secret_clear(&value);
		if ((setting->needed_by & needs) && ftell(said) == before)
			fprintf(said, "%s is not set: %s\n", setting->name,
				setting->meaning);
	}
	if (needs & NEED_HETZNER)
		check_endpoint(settings, said);
	check_traces(settings, said);
	check_listen(settings, said);
	check_names(said);
	if (fclose(said))
		abort();
	if (size == 0) {
		free(*complaints);
		*complaints = NULL;
	}
	return size == 0;
}

void settings_clear(struct settings *settings)
{
	for (size_t i = 0; i < COUNT(table); i++) {
		if (table[i].type == SETTING_SECRET)
			secret_clear(member(settings, &table[i]));
		else if (table[i].type == SETTING_TEXT)
			free(*(char **)member(settings, &table[i]));
	}
	*settings = (struct settings){0};
}

void settings_print(FILE *out)
{
	for (size_t i = 0; i < COUNT(table); i++)
		fprintf(out, "  %-23s %s (%s)\n", table[i].name,
			table[i].meaning,
			table[i].standard ? table[i].standard : "required");
}
