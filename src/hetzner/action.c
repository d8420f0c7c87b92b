/* Actions: what Hetzner does after it has answered. */
#include <byoc/hetzner.h>

#include <string.h>

static size_t add_action(
	const struct json_in *action, int64_t *ids, size_t count, size_t max)
{
	int64_t id = 0;

	json_opt_i64(action, "id", &id);
	const char *status = json_opt_text_ref(action, "status");
	bool succeeded = status && strcmp(status, "success") == 0;
	if (id && !succeeded && count < max)
		ids[count++] = id;
	return count;
}

static size_t add_actions(const struct json_in *root, const char *key,
	int64_t *ids, size_t count, size_t max)
{
	struct json_in action;
	size_t length = json_count(root, key);

	for (size_t i = 0; i < length; i++)
		if (json_element(root, key, i, &action))
			count = add_action(&action, ids, count, max);
	return count;
}

size_t reply_actions(const struct reply *reply, int64_t *ids, size_t max)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored};
	struct json_in action;
	size_t count = 0;

	if (json_opt_into(&root, "action", &action))
		count = add_action(&action, ids, count, max);
	count = add_actions(&root, "actions", ids, count, max);
	return add_actions(&root, "next_actions", ids, count, max);
}

static enum action_status read_status(
	const struct json_in *action, struct err *err)
{
	struct json_in error;

	const char *status = json_opt_text_ref(action, "status");
	if (status && strcmp(status, "success") == 0)
		return ACTION_SUCCESS;
	if (!status || strcmp(status, "error") != 0)
		return ACTION_RUNNING;

	const char *code = NULL, *message = NULL;
	const char *command = json_opt_text_ref(action, "command");
	if (json_opt_into(action, "error", &error)) {
		code = json_opt_text_ref(&error, "code");
		message = json_opt_text_ref(&error, "message");
	}
	err_set(err, ERR_RETRY, code ? code : "action_failed", "%s: %s",
		command ? command : "action", message ? message : "failed");
	return ACTION_ERROR;
}

enum action_status reply_action_status(
	const struct reply *reply, int64_t id, struct err *err)
{
	struct err ignored = {0};
	struct json_in root = {reply->body, "answer", &ignored};
	struct json_in action;
	size_t count = json_count(&root, "actions");

	for (size_t i = 0; i < count; i++) {
		int64_t found = 0;
		if (!json_element(&root, "actions", i, &action))
			continue;
		json_opt_i64(&action, "id", &found);
		if (found == id)
			return read_status(&action, err);
	}
	return ACTION_UNKNOWN;
}
