/*
 * What a worker and its database amount to: plays the plans of a cluster
 * against a tiny Hetzner, and is cut where a test wants it.
 */
#pragma once

#include "phase_fake.h"
#include "phase_harness.h"

enum { PLAY_RESOURCES = 64, PLAY_TOLD = 128 };

enum cut {
	CUT_NEVER,
	CUT_BEFORE_REQUEST, /* the worker dies before it has sent it */
	CUT_AFTER_REQUEST,  /* it dies before the answer */
	CUT_ANSWER,         /* the answer is lost, the worker lives */
	CUT_STORE,          /* it dies before it has stored the outcome */
	CUT_COUNT,
};

/* What a worker and its database amount to. */
struct play {
	struct fake *fake;
	struct cluster cluster;
	struct fact_resource stored[PLAY_RESOURCES];
	size_t stored_count;
	bool done[32][8];
	int leases[32][8];
	struct secret token, authorities, join_token;
	enum cut cut;
	int cut_at;
	int requests; /* or leases, to be cut at */
	int shared;   /* of these, such as all clusters of a project ask */
	struct removal removal; /* what a teardown is told, and has seen */
	void (*meddle)(int requests); /* called before each; NULL: nobody */
	/* Answers in Hetzner's stead, if it likes; NULL: nobody does. */
	bool (*hinder)(const struct request *request, struct reply *reply);
	bool failed; /* a phase for good: nothing of its run goes on */
	bool may_fail;

	/* The receipt: what was told to be deleted, or gone. */
	struct {
		enum resource_kind kind;
		int64_t id;
	} told[PLAY_TOLD];
	size_t told_count;
};

/* A `dedicated_ha` cluster `demo` with two workers. */
void play_begin(struct play *play, struct fake *fake, enum cut cut, int cut_at);
void play_end(struct play *play);

/* What is stored becomes facts, and facts are stored. */
void play_load(struct play *play, struct facts *facts);
void play_store(struct play *play, const struct facts *facts);
/* Sends what is asked; false: the worker died over it. */
bool play_send(struct play *play, struct facts *facts, const struct ask *ask,
	struct reply *reply);

/* One lease of a phase; returns whether it is done. */
bool play_phase(struct play *play, enum goal goal, const struct phase *phase,
	int index, int leases);
/* One lease of every phase that is due; returns whether all were done. */
bool play_round(struct play *play, enum goal goal);
/* Rounds until all is done. */
void play_plan(struct play *play, enum goal goal);
