/*
 * Moves every sealed value to the newest key: batch by batch, and each value
 * only if nobody has changed it meanwhile, so that workers need not stop and
 * whoever is stopped in the middle begins again where it ended.
 */
#include "commands.h"

#include "table.h"
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/seal.h>
#include <string.h>

enum { BATCH = 100 };

struct reseal {
	struct console *store;
	struct keyring *keyring;
	size_t tokens, cluster_secrets; /* moved */
	size_t changed;                 /* in this pass, by somebody else */
	size_t unopened;                /* in this pass */
	struct err why;                 /* of the first of these */
};

/* What a value was sealed for. Tokens come from outside, in boxes; a box where
 * a cluster's secret belongs was put there by somebody, and would be taken for
 * a worker's once it was sealed anew: it does not open. */
static const struct {
	const char *record, *what;
} contexts[] = {
	[SEALED_TOKEN] = {"credential", "token"},
	[SEALED_SSH_PRIVATE_KEY] = {"cluster", "ssh_private_key"},
	[SEALED_AUTHORITIES] = {"cluster", "authorities"},
	[SEALED_JOIN_TOKEN] = {"cluster", "join_token"},
};
_Static_assert(COUNT(contexts) == SEALED_PLACE_COUNT, "know every context");

/* One that does not open stays, and is told of in the end. */
static void reseal_value(struct reseal *reseal, enum sealed_place place,
	struct sealed_value *value)
{
	const struct keyring *keyring = reseal->keyring;
	char context[SEAL_CONTEXT_SIZE];
	struct secret plain = {0};
	struct err err = {0};

	seal_context(context, contexts[place].record, value->id,
		contexts[place].what);
	if (place != SEALED_TOKEN) {
		if (unseal_own(keyring, context, value->sealed, &plain, &err))
			seal_own(keyring, context, &plain, &value->resealed,
				&err);
	} else if (unseal(keyring, context, value->sealed, &plain, &err)) {
		seal(keyring, context, plain.bytes, plain.size,
			&value->resealed, &err);
	}
	secret_clear(&plain);
	if (!err.kind)
		return;
	if (!reseal->unopened++)
		reseal->why = err;
}

static bool reseal_batch(struct reseal *reseal, enum sealed_place place,
	struct sealed_value *values, size_t count, struct err *err)
{
	size_t moved;
	size_t unopened = reseal->unopened;

	for (size_t i = 0; i < count; i++)
		reseal_value(reseal, place, &values[i]);
	if (!console_reseal(reseal->store, place, values, count, &moved, err))
		return false;
	if (place == SEALED_TOKEN)
		reseal->tokens += moved;
	else
		reseal->cluster_secrets += moved;
	reseal->changed += count - moved - (reseal->unopened - unopened);
	return true;
}

static bool reseal_place(
	struct reseal *reseal, enum sealed_place place, struct err *err)
{
	struct sealed_value values[BATCH];
	struct sealed_value last = {0};
	size_t count = BATCH;
	bool ok = true;

	while (ok && count == BATCH) {
		ok = console_sealed(reseal->store, place,
			     keyring_newest(reseal->keyring),
			     last.sealed ? &last : NULL, values, BATCH, &count,
			     err) &&
		     reseal_batch(reseal, place, values, count, err);
		sealed_value_clear(&last);
		for (size_t i = 0; i + 1 < count; i++)
			sealed_value_clear(&values[i]);
		if (count > 0)
			last = values[count - 1];
	}
	sealed_value_clear(&last);
	return ok;
}

/* Again while somebody else writes: it may have been with an older key. */
static bool reseal_all(struct reseal *reseal, struct err *err)
{
	bool ok = true;

	do {
		reseal->changed = reseal->unopened = 0;
		for (int place = 0; ok && place < SEALED_PLACE_COUNT; place++)
			ok = reseal_place(
				reseal, (enum sealed_place)place, err);
	} while (ok && reseal->changed);
	return ok;
}

static int tell(const struct reseal *reseal, bool json)
{
	const char *newest = keyring_newest(reseal->keyring);

	if (json) {
		struct json_object *object = json_new();
		json_add_text(object, "key_id", newest);
		json_add_i64(object, "moved",
			(int64_t)(reseal->tokens + reseal->cluster_secrets));
		json_add_i64(object, "tokens", (int64_t)reseal->tokens);
		json_add_i64(object, "cluster_secrets",
			(int64_t)reseal->cluster_secrets);
		json_add_i64(object, "unopened", (int64_t)reseal->unopened);
		json_print(object);
		json_free(object);
	} else {
		printf("moved %zu tokens and %zu secrets of clusters to key "
		       "%s\n",
			reseal->tokens, reseal->cluster_secrets, newest);
	}
	if (!reseal->unopened)
		return DONE;
	return fail_saying("%zu sealed values were left as they are; the "
			   "first: %s",
		reseal->unopened, reseal->why.text);
}

static int run_reseal(struct call *call)
{
	struct err err = {0};
	struct reseal reseal = {.store = call->store};

	reseal.keyring = keyring_load(call->settings.key_dir, true, &err);
	bool ok = reseal.keyring && reseal_all(&reseal, &err);
	int status = ok ? tell(&reseal, call->json) : fail(&err);
	keyring_free(reseal.keyring);
	return status;
}

const struct command credential_reseal_command = {
	.noun = "credential",
	.verb = "reseal",
	.summary = "seal every secret with the newest key",
	.details =
		"Tokens and the clusters' secrets alike. Workers may run; it "
		"may be stopped and run\nagain. Restart workers that were "
		"started before the newest key was made: they seal\nwith "
		"an older one. See `byoc keygen --help`.",
	.takes = BIT(OPTION_OUTPUT),
	.needs = NEED_DATABASE | NEED_KEYS,
	.store = true,
	.run = run_reseal,
};
