/* Trying out one phase by hand: see the header. */
#include "phase_harness.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_authorities[] =
	"{\"server-ca.crt\":\"a\",\"server-ca.key\":\"b\","
	"\"client-ca.crt\":\"c\",\"client-ca.key\":\"d\","
	"\"request-header-ca.crt\":\"e\",\"request-header-ca.key\":\"f\","
	"\"etcd/server-ca.crt\":\"g\",\"etcd/server-ca.key\":\"h\","
	"\"etcd/peer-ca.crt\":\"i\",\"etcd/peer-ca.key\":\"j\","
	"\"service.key\":\"k\"}";

static void set_secret(struct secret *secret, const char *text)
{
	secret_set(secret, text, strlen(text));
}

void trial_begin(struct trial *t, enum goal goal, const char *phase, int index)
{
	*t = (struct trial){.goal = goal};
	cr_assert_geq(sodium_init(), 0);
	set_secret(&t->token, TEST_TOKEN);
	set_secret(&t->authorities, test_authorities);
	set_secret(&t->join_token, "join");
	t->facts = (struct facts){
		.arena = arena_new(),
		.cluster =
			{
				.id = CLUSTER_ID,
				.name = "demo",
				.location = LOCATION_FSN1,
				.type = CLUSTER_DEDICATED,
				.status = CLUSTER_PROVISIONING,
				.server_type = "cx23",
				.gateway_type = "cx13",
				.api_sources = "0.0.0.0/0,::/0",
				.ssh_sources = "192.0.2.0/24, 2001:db8::/32",
				.ssh_public_key = TEST_KEY,
			},
		.phase = strcmp(phase, "credential") == 0
				 ? &credential_phase
				 : plan_find(goal, phase),
		.index = index,
		.lease_count = 1,
		.token = &t->token,
		.authorities = &t->authorities,
		.join_token = &t->join_token,
	};
	cr_assert(t->facts.phase, "no phase %s", phase);
}

void trial_lease_again(struct trial *t)
{
	struct fact_resource *resources = t->facts.resources;
	size_t kept = 0;

	for (size_t i = 0; i < t->facts.resource_count; i++) {
		if (resources[i].change == CHANGE_REMOVE)
			continue;
		resources[kept++] = (struct fact_resource){
			.resource = resources[i].resource};
	}
	t->facts.resource_count = kept;
	t->facts.lease_count++;
	t->facts.memory = (struct phase_memory){0};
	t->facts.outage = t->facts.unanswered = false;
	t->facts.proven = t->facts.swept = false;
	t->facts.kept_count = 0;
	err_clear(&t->err);
}

void trial_end(struct trial *t)
{
	while (t->replied)
		reply_clear(&t->replies[--t->replied]);
	ask_clear(&t->ask);
	arena_free(t->facts.arena);
	secret_clear(&t->token);
	secret_clear(&t->authorities);
	secret_clear(&t->join_token);
}

void trial_recorded(struct trial *t, enum resource_kind kind, const char *phase,
	int index, int64_t id)
{
	struct resource resource = {.kind = kind, .id = id, .index = index};

	snprintf(resource.phase, sizeof resource.phase, "%s", phase);
	resource_name(&t->facts.cluster, phase, -1, resource.name);
	if (kind == RESOURCE_PRIMARY_IP)
		strcpy(resource.public_address, "203.0.113.8");
	if (kind == RESOURCE_LOAD_BALANCER) {
		strcpy(resource.public_address, "203.0.113.7");
		strcpy(resource.private_address, "10.0.0.2");
	}
	facts_add(&t->facts, &resource);
}

void trial_recorded_ground(struct trial *t)
{
	trial_recorded(t, RESOURCE_SSH_KEY, "ssh_key", 0, 1);
	trial_recorded(t, RESOURCE_NETWORK, "network", 0, 2);
	trial_recorded(t, RESOURCE_FIREWALL, "firewall", 0, 3);
	trial_recorded(t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(t, RESOURCE_PLACEMENT_GROUP, "placement_group", 0, 5);
	trial_recorded(t, RESOURCE_PRIMARY_IP, "gateway_address", 0, 6);
}

static const char *failure(struct trial *t)
{
	return arena_format(t->facts.arena, "failed %s %s",
		err_kind_word(t->err.kind), t->err.code);
}

static const char *list_actions(struct trial *t)
{
	char *text = arena_copy_text(t->facts.arena, "actions ");

	for (size_t i = 0; i < t->ask.action_count; i++)
		text = arena_format(t->facts.arena, "%s%s%lld", text,
			i ? "," : "", (long long)t->ask.actions[i]);
	return text;
}

/* The one whose reply is awaited. */
static const struct request *request(const struct trial *t)
{
	return t->replied ? &t->ask.more[t->replied - 1] : &t->ask.request;
}

static const char *question(const struct trial *t)
{
	return arena_format(t->facts.arena, "%s %s",
		method_word(request(t)->method), request(t)->path);
}

/* The worker has stored what is recorded; and what is asked next? */
static const char *note(struct trial *t)
{
	const struct reply done = {.class = REPLY_OK};

	t->notes++;
	cr_assert_eq(phase_take(&t->facts, &done, &t->err), VERDICT_NEXT);
	return trial_ask(t);
}

const char *trial_ask(struct trial *t)
{
	if (t->replied)
		return question(t);
	ask_clear(&t->ask);
	switch (phase_ask(&t->facts, &t->ask, &t->err)) {
	case PROGRESS_DONE:
		return "done";
	case PROGRESS_FAILED:
		return failure(t);
	case PROGRESS_WAITS:
		return arena_format(
			t->facts.arena, "waits %d", t->facts.wait_ms);
	case PROGRESS_ASKS:
		break;
	}
	if (t->ask.kind == ASK_ACTIONS)
		return list_actions(t);
	if (t->ask.kind == ASK_KEYS)
		return "keys";
	if (t->ask.kind == ASK_NOTE)
		return note(t);
	return question(t);
}

const char *trial_body(struct trial *t)
{
	return request(t)->body ? json_write(request(t)->body) : "";
}

const char *trial_user_data(struct trial *t)
{
	const char *text = t->ask.request.user_data.bytes;

	return text ? text : "";
}

static const char *take(struct trial *t, struct reply *reply)
{
	t->replies[t->replied++] = *reply;
	if (t->replied <= t->ask.more_count)
		return "next";
	enum verdict verdict =
		phase_take_all(&t->facts, t->replies, t->replied, &t->err);
	while (t->replied)
		reply_clear(&t->replies[--t->replied]);
	if (verdict == VERDICT_NEXT)
		return "next";
	if (verdict == VERDICT_FAILED)
		return failure(t);
	return arena_format(t->facts.arena, "wait %d", t->facts.wait_ms);
}

const char *trial_take(struct trial *t, int status, const char *body)
{
	struct reply reply;

	if (t->ask.request.server) {
		reply_read_cluster(&reply, status);
		if (t->ask.request.method == METHOD_GET &&
			reply.class == REPLY_OK)
			reply_keep(&reply, body, strlen(body));
	} else
		reply_read(&reply, status, body, strlen(body));
	return take(t, &reply);
}

const char *trial_take_lost(struct trial *t)
{
	struct reply reply;

	reply_lost(&reply, "connection refused");
	return take(t, &reply);
}

const char *trial_take_keys(struct trial *t, const char *public_key)
{
	struct reply reply = {.class = REPLY_OK};

	snprintf(t->facts.cluster.ssh_public_key,
		sizeof t->facts.cluster.ssh_public_key, "%s", public_key);
	return take(t, &reply);
}

const char *trial_file(struct trial *t, const char *name)
{
	char path[1024];

	snprintf(path, sizeof path, "%.*sreplies/%s",
		(int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__, name);
	FILE *file = fopen(path, "r");
	cr_assert(file, "%s", path);
	char *text = arena_take(t->facts.arena, 256 * 1024);
	cr_assert(fread(text, 1, 256 * 1024 - 1, file) > 0, "%s", path);
	fclose(file);
	return text;
}

const char *trial_nothing(const struct trial *t, const char *question)
{
	const char *kind = strchr(question, '/') + 1;

	return arena_format(
		t->facts.arena, "{\"%.*s\":[]}", (int)strcspn(kind, "?"), kind);
}

const char *trial_fate(
	const struct trial *t, enum resource_kind kind, int64_t id)
{
	for (size_t i = t->facts.resource_count; i-- > 0;) {
		const struct fact_resource *fact = &t->facts.resources[i];
		if (fact->resource.kind == kind && fact->resource.id == id &&
			fact->change == CHANGE_REMOVE)
			return words_text(&fate_words, (int)fact->fate);
	}
	return "unknown";
}
