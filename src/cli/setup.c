/* What is done once: making keys, the database's schema, the topology. */
#include "commands.h"

#include "table.h"
#include <byoc/broker.h>
#include <byoc/json.h>
#include <byoc/memory.h>
#include <byoc/migrate.h>
#include <byoc/seal.h>

static int print_key(const char *id, const char *dir)
{
	struct json_object *object = json_new();

	json_add_text(object, "key_id", id);
	json_add_text(object, "dir", dir);
	json_print(object);
	json_free(object);
	return DONE;
}

/* Only a key that nothing is sealed with: what is, could never be opened. */
static int run_remove(struct call *call)
{
	const char *dir = call->arguments[0];
	const char *id = call->option[OPTION_REMOVE];
	struct err err = {0};

	if (!call->settings.database_url.bytes)
		return fail_saying("BYOC_DATABASE_URL is not set: only the "
				   "database tells whether a key is still "
				   "needed");
	call->store = console_open(&call->settings.database_url, &err);
	if (!call->store || !keyring_may_remove(dir, id, &err) ||
		!console_key_unneeded(call->store, id, &err) ||
		!keyring_remove_key(dir, id, &err))
		return fail(&err);
	if (call->json)
		return print_key(id, dir);
	printf("Removed key %s from %s: nothing in the database is sealed with "
	       "it.\nWherever else it was copied to, remove it there, too.\n",
		id, dir);
	return DONE;
}

static int run_keygen(struct call *call)
{
	const char *dir = call->arguments[0];
	char id[SEAL_KEY_ID_SIZE];
	struct err err = {0};

	if (call->option[OPTION_REMOVE])
		return run_remove(call);
	if (!keyring_make_key(dir, id, &err))
		return fail(&err);
	if (call->json)
		return print_key(id, dir);
	printf("Made key %s:\n"
	       "  %s/%s.key  opens what was sealed, and seals what workers "
	       "keep: for them only\n"
	       "  %s/%s.pub  seals: for whoever stores tokens\n"
	       "Keep a copy of the .key file in a safe place: what is sealed "
	       "cannot be read\nwithout it. Then set BYOC_KEY_DIR=%s.\n",
		id, dir, id, dir, id, dir);
	return DONE;
}

const struct command keygen_command = {
	.verb = "keygen",
	.arguments = "DIR",
	.summary = "make a key for sealing secrets",
	.details = "Makes DIR when it is missing. A second key in the same "
		   "folder is a rotation: the\nnewest key seals, every key "
		   "opens. Nothing is ever overwritten. To rotate:\n\n"
		   "  byoc keygen DIR, and the new .key to every worker's "
		   "folder, the new .pub to\n  whoever stores tokens\n"
		   "  restart the workers: they read their keys when they "
		   "start\n"
		   "  byoc credential reseal\n"
		   "  byoc keygen DIR --remove OLD_KEY_ID\n\n"
		   "A key is removed only when BYOC_DATABASE_URL shows nothing "
		   "that is sealed with it.",
	.takes = BIT(OPTION_REMOVE) | BIT(OPTION_OUTPUT),
	.run = run_keygen,
};

static int run_migrate(struct call *call)
{
	struct err err = {0};

	return migrate(&call->settings.database_url,
		       call->option[OPTION_KEEP_EVENTS],
		       call->option[OPTION_AUDIT_EVERY], stdout, &err)
		       ? DONE
		       : fail(&err);
}

const struct command migrate_command = {
	.verb = "migrate",
	.summary = "bring the database's schema up to date",
	.details =
		"Makes the schema byoc and what is in it, or what is new "
		"since the last time. May\nbe run again, and by two at "
		"once. The database's user has to own the schema, or\nbe "
		"allowed to make it.\n\n"
		"Events are kept in the database for so many whole "
		"months, 13 unless told\notherwise; workers drop what "
		"is older, month by month. What is dropped is gone: a\n"
		"service that needs it for longer consumes the events.\n\n"
		"With --audit-every, workers look through the projects of "
		"all credentials by\nthemselves, as `byoc audit` does: 24 is "
		"once a day, 0 never.",
	.takes = BIT(OPTION_KEEP_EVENTS) | BIT(OPTION_AUDIT_EVERY),
	.needs = NEED_DATABASE,
	.run = run_migrate,
};

static int declare_consumer(
	struct call *call, const struct broker_options *options)
{
	static const char *const everything[] = {"#"};
	const struct repeated *bind = &call->bind;
	const struct consumer consumer = {
		.name = call->option[OPTION_CONSUMER],
		.patterns = bind->count ? bind->values : everything,
		.pattern_count = bind->count ? bind->count : COUNT(everything),
	};
	char queue[CONSUMER_QUEUE_SIZE];
	struct err err = {0};

	if (!broker_declare_consumer(options, &consumer, &err))
		return fail(&err);
	consumer_queue(consumer.name, queue);
	printf("the queue %s is in place, and keeps the newest %d events for "
	       "its consumer,\nwho needs the right to read it and no other: "
	       "rabbitmqctl set_permissions\n  --vhost VHOST USER '^$' '^$' "
	       "'^consumer\\.%s$'\n",
		queue, CONSUMER_KEEPS, consumer.name);
	return DONE;
}

static int run_topology(struct call *call)
{
	const struct broker_options options = {
		.url = &call->settings.amqp_url,
		.ca_file = call->settings.amqp_ca_file,
		.name = "byoc topology",
	};
	struct err err = {0};

	if (call->option[OPTION_CONSUMER])
		return declare_consumer(call, &options);
	if (!broker_declare_topology(&options, &err))
		return fail(&err);
	puts("the exchanges and queues of BYOC are in place");
	return DONE;
}

const struct command topology_command = {
	.verb = "topology",
	.summary = "declare the broker's exchanges and queues",
	.details = "Workers do this, too, when they start. May be run again; "
		   "nothing that exists is\nchanged.\n\n"
		   "Who listens to events cannot make a queue: an operator "
		   "makes consumer.NAME for\neach, and gives the right to "
		   "read it. It never holds up anybody else: of what its\n"
		   "consumer does not fetch, the oldest goes. Called again "
		   "with other patterns, it gets\nthose events, too.",
	.takes = BIT(OPTION_CONSUMER) | BIT(OPTION_BIND),
	.needs = NEED_BROKER,
	.run = run_topology,
};
