/*
 * What an answer comes down to. Hetzner's error code decides, and the HTTP
 * status where the code is new. Without a code it is not Hetzner who speaks
 * but something in between: that is never a verdict, and may pass. Two tables
 * hold all of it: a new code is one line.
 */
#include <byoc/hetzner.h>
#include <byoc/wipe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What Hetzner's error code means, and what a person can do about it. */
struct meaning {
	const char *code;
	enum reply_class class;
	const char *ours;   /* our stable code, where it is not Hetzner's */
	const char *advice; /* NULL: the class's */
};

#define LIMITS                                                                 \
	"The project's limit is reached: raise it in the Hetzner Console "     \
	"(Limits) or remove what is not needed, then try again."
#define ELSEWHERE                                                              \
	"Hetzner has none left there right now: choose another location or "   \
	"server type, or try again later."

static const struct meaning meanings[] = {
	{"unauthorized", REPLY_CREDENTIAL, "unknown_token", NULL},
	{"token_readonly", REPLY_CREDENTIAL, "read_only_token",
		"This token may only read. Create a Read & Write token in "
		"Hetzner Console → Security → API tokens and store it again."},
	{"forbidden", REPLY_REFUSED, NULL,
		"Hetzner does not permit it in this project: look for a "
		"notice in the Hetzner Console."},
	{"not_found", REPLY_NOT_FOUND, NULL, NULL},
	{"uniqueness_error", REPLY_TAKEN, NULL, NULL},
	{"conflict", REPLY_BUSY, NULL, NULL},
	{"locked", REPLY_BUSY, NULL, NULL},
	{"resource_in_use", REPLY_BUSY, NULL, NULL},
	{"primary_ip_assigned", REPLY_BUSY, NULL, NULL},
	{"must_be_unassigned", REPLY_BUSY, NULL, NULL},
	{"invalid_input", REPLY_REFUSED, NULL, NULL},
	{"json_error", REPLY_REFUSED, NULL, NULL},
	{"protected", REPLY_PROTECTED, NULL, NULL},
	{"resource_limit_exceeded", REPLY_REFUSED, NULL, LIMITS},
	{"resource_unavailable", REPLY_UNAVAILABLE, NULL, ELSEWHERE},
	{"placement_error", REPLY_UNAVAILABLE, NULL, ELSEWHERE},
	{"rate_limit_exceeded", REPLY_RATE_LIMIT, NULL, NULL},
	{"maintenance", REPLY_TRANSIENT, NULL, NULL},
	{"service_error", REPLY_TRANSIENT, NULL, NULL},
	{"server_error", REPLY_TRANSIENT, NULL, NULL},
	{"bad_gateway", REPLY_TRANSIENT, NULL, NULL},
	{"timeout", REPLY_TRANSIENT, NULL, NULL},
	{"unknown_error", REPLY_TRANSIENT, NULL, NULL},
	{"server_already_attached", REPLY_ALREADY, NULL, NULL},
	{"load_balancer_already_attached", REPLY_ALREADY, NULL, NULL},
	{"target_already_defined", REPLY_ALREADY, NULL, NULL},
	{"source_port_already_used", REPLY_ALREADY, NULL, NULL},
	{"ip_not_available", REPLY_REFUSED, NULL,
		"The address is in use: remove what holds it from the "
		"cluster's network, then try again."},
	{"no_subnet_available", REPLY_REFUSED, NULL, NULL},
	{"networks_overlap", REPLY_REFUSED, NULL, NULL},
	{"deprecated_api_endpoint", REPLY_REFUSED, NULL, NULL},
};

/* What stands behind a class: a kind of failure and the usual advice. */
static const struct {
	enum err_kind kind;
	const char *advice;
} classes[] = {
	[REPLY_OK] = {ERR_RETRY, "The answer was not what was expected."},
	[REPLY_NOT_FOUND] = {ERR_RETRY, "Something it needs is gone."},
	[REPLY_TAKEN] = {ERR_RETRY, "It exists already."},
	[REPLY_ALREADY] = {ERR_RETRY, "It is so already."},
	[REPLY_BUSY] = {ERR_RETRY, "It is busy with something else."},
	[REPLY_RATE_LIMIT] = {ERR_RETRY, "The project's rate limit is used "
					 "up."},
	[REPLY_UNAVAILABLE] = {ERR_RETRY, ELSEWHERE},
	[REPLY_TRANSIENT] = {ERR_RETRY, "It may pass by itself."},
	[REPLY_CREDENTIAL] = {ERR_CREDENTIAL,
		"Hetzner does not know this token: it was deleted or is "
		"mistyped. Create a Read & Write token in Hetzner Console → "
		"Security → API tokens and store it again."},
	[REPLY_PROTECTED] = {ERR_REFUSED,
		"Disable its protection in the Hetzner Console, then try "
		"again."},
	[REPLY_REFUSED] = {ERR_REFUSED, ""},
};
_Static_assert(COUNT(classes) == REPLY_CLASS_COUNT, "treat every class");

static const struct meaning *find_meaning(const char *code)
{
	for (size_t i = 0; i < COUNT(meanings); i++)
		if (strcmp(meanings[i].code, code) == 0)
			return &meanings[i];
	return NULL;
}

static bool is_redirect(int status)
{
	return status >= 300 && status < 400;
}

/* Of a code that is not in the table. */
static enum reply_class class_by_status(int status)
{
	switch (status) {
	case 401:
		return REPLY_CREDENTIAL;
	case 404:
		return REPLY_NOT_FOUND;
	case 409:
	case 423:
		return REPLY_BUSY;
	case 412:
		return REPLY_UNAVAILABLE;
	case 429:
		return REPLY_RATE_LIMIT;
	case 408:
		return REPLY_TRANSIENT;
	default:
		break;
	}
	/* The API does not redirect: something in between does. */
	return status >= 500 || is_redirect(status) ? REPLY_TRANSIENT
						    : REPLY_REFUSED;
}

static void add_text(char *text, size_t size, const char *piece)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s", piece);
}

/* " (name: already used; is too long)" for each field that is complained of. */
static void add_field(const struct json_in *field, char *text, size_t size)
{
	const char *name = json_opt_text_ref(field, "name");
	size_t count = json_count(field, "messages");

	add_text(text, size, " (");
	add_text(text, size, name ? name : "?");
	for (size_t i = 0; i < count; i++) {
		add_text(text, size, i ? "; " : ": ");
		add_text(text, size,
			json_element_text_ref(field, "messages", i));
	}
	add_text(text, size, ")");
}

/* Takes what is there of {"error": {code, message, details}}: no complaints. */
static void read_error(struct reply *reply)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored};
	struct json_in error, details, field;

	if (!json_opt_into(&root, "error", &error))
		return;
	const char *code = json_opt_text_ref(&error, "code");
	const char *message = json_opt_text_ref(&error, "message");
	snprintf(reply->code, sizeof reply->code, "%s", code ? code : "");
	snprintf(reply->message, sizeof reply->message, "%s",
		message ? message : "");
	if (!json_opt_into(&error, "details", &details))
		return;
	size_t count = json_count(&details, "fields");
	for (size_t i = 0; i < count; i++)
		if (json_element(&details, "fields", i, &field))
			add_field(
				&field, reply->message, sizeof reply->message);
}

/* 2xx, but cut short or from something in between: it may have happened. */
static void read_success(struct reply *reply)
{
	reply->class = REPLY_OK;
	if (reply->body || reply->status == 204)
		return;
	reply->class = REPLY_TRANSIENT;
	snprintf(reply->code, sizeof reply->code, "bad_answer");
	snprintf(reply->message, sizeof reply->message,
		"HTTP status %d without JSON", reply->status);
}

static enum reply_class class_of_failure(const struct reply *reply)
{
	const struct meaning *meaning = find_meaning(reply->code);

	if (meaning)
		return meaning->class;
	if (reply->code[0])
		return class_by_status(reply->status);
	return reply->status == 429 ? REPLY_RATE_LIMIT : REPLY_TRANSIENT;
}

static void read_failure(struct reply *reply)
{
	read_error(reply);
	reply->class = class_of_failure(reply);
	if (!reply->code[0])
		snprintf(reply->code, sizeof reply->code, "http_%d",
			reply->status);
	if (!reply->message[0])
		snprintf(reply->message, sizeof reply->message,
			"HTTP status %d%s", reply->status,
			is_redirect(reply->status)
				? ", a redirect, and none is followed"
				: "");
	/* Our sentences put their own full stop. */
	size_t length = strlen(reply->message);
	if (reply->message[length - 1] == '.')
		reply->message[length - 1] = '\0';
}

void reply_read(struct reply *reply, int status, const char *body, size_t size)
{
	struct err ignored = {0};

	*reply = (struct reply){
		.status = status, .rate_limit = -1, .rate_remaining = -1};
	if (size > 0)
		reply->body = json_parse(body, size, &ignored);
	if (status >= 200 && status < 300)
		read_success(reply);
	else
		read_failure(reply);
}

static enum reply_class class_of_cluster(int status)
{
	if (status >= 200 && status < 300)
		return REPLY_OK;
	if (status == 429)
		return REPLY_RATE_LIMIT;
	if (status < 400 || status >= 500)
		return REPLY_TRANSIENT;
	return status == 404 ? REPLY_NOT_FOUND : REPLY_REFUSED;
}

/*
 * Nobody but the cluster can have spoken, for it has proved who it is. It is
 * its owner's, who may say anything, also what was sent there: so the status
 * alone counts, and nothing of what it says is read or told.
 */
void reply_read_cluster(struct reply *reply, int status)
{
	*reply = (struct reply){.class = class_of_cluster(status),
		.status = status,
		.rate_limit = -1,
		.rate_remaining = -1};
	if (reply->class == REPLY_OK)
		return;
	snprintf(reply->code, sizeof reply->code, "http_%d", status);
	snprintf(reply->message, sizeof reply->message, "HTTP status %d",
		status);
}

void reply_keep(struct reply *reply, const char *text, size_t size)
{
	reply->text = memory_new(size + 1);
	memcpy(reply->text, text, size);
	reply->text_size = size;
}

void reply_lost(struct reply *reply, const char *what)
{
	*reply = (struct reply){.class = REPLY_TRANSIENT,
		.code = "api_unreachable",
		.rate_limit = -1,
		.rate_remaining = -1};
	snprintf(reply->message, sizeof reply->message, "%s", what);
}

void reply_clear(struct reply *reply)
{
	json_free(reply->body);
	wipe_and_free(reply->text);
	*reply = (struct reply){0};
}

static enum err_kind failure_kind(const struct reply *reply)
{
	/* What only a mistake of ours can bring about. */
	if (strcmp(reply->code, "json_error") == 0 ||
		strcmp(reply->code, "deprecated_api_endpoint") == 0)
		return ERR_BUG;
	return classes[reply->class].kind;
}

bool reply_fail(const struct reply *reply, const char *doing, struct err *err)
{
	const struct meaning *meaning = find_meaning(reply->code);
	const char *code = *reply->code ? reply->code : "bad_answer";
	const char *advice = classes[reply->class].advice;

	if (meaning && meaning->ours)
		code = meaning->ours;
	else if (reply->class == REPLY_CREDENTIAL)
		code = "unknown_token";
	if (meaning && meaning->advice)
		advice = meaning->advice;
	return err_set(err, failure_kind(reply), code, "%s: %s.%s%s", doing,
		reply->message, *advice ? " " : "", advice);
}
