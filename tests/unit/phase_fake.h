/*
 * A tiny Hetzner for whole plans: it applies requests to a list of things and
 * answers as the API would. Time passes by one with every request.
 */
#pragma once

#include <byoc/hetzner.h>

enum { FAKE_THINGS = 2048, FAKE_ACTIONS = 4096 };

struct fake_thing {
	enum resource_kind kind;
	int64_t id;
	char name[64];
	char cluster[40], phase[40], role[24]; /* labels; "": none */
	bool controllers; /* Kubernetes has made it and labelled it */
	bool scalers;     /* the autoscaler has */
	bool drivers;     /* the volume driver has */
	bool protected_;  /* from deletion */
	bool kept;        /* labelled so */
	int64_t network, planned_network;
	char address[24];
	int64_t server;   /* of a volume, a floating IP */
	int64_t target;   /* of a load balancer that Kubernetes has made: its
			   * server; of a certificate: who has it */
	int64_t firewall; /* of a server */
	int made_at;
	int gone_at; /* being deleted until then; 0: it stays */
	int busy_until;
};

struct fake {
	struct arena *arena;
	struct fake_thing things[FAKE_THINGS];
	size_t count;
	struct {
		int64_t id;
		int64_t thing;
		int ends_at;
	} actions[FAKE_ACTIONS];
	size_t action_count;
	int64_t last_id;
	int clock;
	int page_size; /* less than 50, to turn pages early */
};

void fake_begin(struct fake *fake);
void fake_end(struct fake *fake);

/* Answers a request. */
void fake_answer(
	struct fake *fake, const struct request *request, struct reply *reply);
/* Answers GET /actions?id=... */
void fake_answer_actions(struct fake *fake, const int64_t *ids, size_t count,
	struct reply *reply);

/* Something that nobody asked for through the API we use. */
struct fake_thing *fake_add(
	struct fake *fake, enum resource_kind kind, const char *name);
struct fake_thing *fake_find(
	struct fake *fake, enum resource_kind kind, const char *name);
/* "server a, server b, ": all there is, in order of kind and name. */
const char *fake_list(struct fake *fake);
