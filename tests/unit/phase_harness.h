/*
 * Trying out one phase by hand. Questions and verdicts are compared as texts:
 *
 *	asks(&t, "POST /networks");
 *	takes(&t, 201, "{...}", "next");
 *	asks(&t, "done");
 */
#pragma once

#include <byoc/json.h>
#include <byoc/phase.h>
#include <criterion/criterion.h>

#define CLUSTER_ID "6f1c2b3a-1111-4222-8333-444455556666"
#define CLUSTER_SELECTOR "mengi.cloud%2Fcluster%3D" CLUSTER_ID
/* "...,mengi.cloud/phase=network-0" */
#define PHASE_SELECTOR(phase) CLUSTER_SELECTOR "%2Cmengi.cloud%2Fphase%3D" phase
#define TEST_TOKEN                                                             \
	"0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123"
#define TEST_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKfwSGD4 demo"
/* A bundle of the right form, without a certificate in it. */
extern const char test_authorities[];

/* Labels as they stand in a body or an answer. */
#define LABELS(phase)                                                          \
	"\"labels\":{\"mengi.cloud/cluster\":\"" CLUSTER_ID                    \
	"\",\"mengi.cloud/phase\":\"" phase                                    \
	"\",\"mengi.cloud/managed-by\":\"byoc\"}"
#define ROLE_LABELS(phase, role)                                               \
	"\"labels\":{\"mengi.cloud/cluster\":\"" CLUSTER_ID                    \
	"\",\"mengi.cloud/phase\":\"" phase                                    \
	"\",\"mengi.cloud/managed-by\":\"byoc\""                               \
	",\"mengi.cloud/role\":\"" role "\"}"
#define ERROR(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}"

/* Questions and answers of a teardown. */
#define NETWORKS                                                               \
	"GET /networks?label_selector=" CLUSTER_SELECTOR "&per_page=50&page=1"
#define FRONTS(page)                                                           \
	"GET /load_balancers?label_selector=hcloud-ccm%2Fservice-uid"          \
	"&per_page=50&page=" page
#define LISTED(kind)                                                           \
	"GET /" kind "?label_selector=" CLUSTER_SELECTOR "&per_page=50&page=1"
#define OUR_LABEL "\"labels\":{\"mengi.cloud/cluster\":\"" CLUSTER_ID "\"}"
#define LABELLED(id) "{\"id\":" #id ",\"name\":\"n" #id "\"," OUR_LABEL "}"
#define EMPTY(kind) "{\"" kind "\":[]}"
#define BARE_NETWORK                                                           \
	"{\"networks\":[{\"id\":2,\"name\":\"net\"," OUR_LABEL "}]}"

struct trial {
	enum goal goal;
	struct facts facts;
	struct ask ask;
	struct reply replies[ASK_MOST]; /* to requests beside each other */
	size_t replied;
	int notes; /* that the phase has asked for */
	struct err err;
	struct secret token, authorities, join_token;
};

/* A cluster `demo` of one control plane in fsn1, with keys and types. */
void trial_begin(struct trial *t, enum goal goal, const char *phase, int index);
/* The next lease of the same phase, after what changed has been stored. */
void trial_lease_again(struct trial *t);
void trial_end(struct trial *t);

/* Something that is recorded already; names and addresses are made up. */
void trial_recorded(struct trial *t, enum resource_kind kind, const char *phase,
	int index, int64_t id);
/* The phases before a node's are done: key 1, network 2, firewall 3, load
 * balancer 4, placement group 5 and the gateway's address 6. */
void trial_recorded_ground(struct trial *t);

/*
 * What is to be noted is noted at once, and what comes next is told.
 *
 * Requests that are sent beside each other come one after the other, and the
 * verdict on all of them with the last.
 *
 * "GET /path", "actions 1,2", "keys", "waits 500", "done", or "failed <kind>
 * <code>". The arena's.
 */
const char *trial_ask(struct trial *t);
/* The body of the last question, as JSON. */
const char *trial_body(struct trial *t);
/* Its user_data. */
const char *trial_user_data(struct trial *t);

/* "next", "wait <ms>" or "failed <kind> <code>". */
const char *trial_take(struct trial *t, int status, const char *body);
const char *trial_take_lost(struct trial *t);
/* The reply that a worker gives when it has made the keys. */
const char *trial_take_keys(struct trial *t, const char *public_key);

/* "{"servers":[]}" for "GET /servers?...". */
const char *trial_nothing(const struct trial *t, const char *question);

/* "deleted", "gone" or "kept"; "none" of what is in no receipt, "unknown" of
 * what is still recorded, or never was. */
const char *trial_fate(
	const struct trial *t, enum resource_kind kind, int64_t id);

/* The text of replies/<name>. */
const char *trial_file(struct trial *t, const char *name);

#define asks(t, what) cr_assert_str_eq(trial_ask(t), what)
#define sends(t, body) cr_assert_str_eq(trial_body(t), body)
#define takes(t, status, body, verdict)                                        \
	cr_assert_str_eq(trial_take(t, status, body), verdict)
/* It is asked for, and gone. */
#define erases(t, path)                                                        \
	do {                                                                   \
		asks(t, "DELETE " path);                                       \
		takes(t, 204, "", "next");                                     \
	} while (0)
#define says(t, piece)                                                         \
	cr_assert(strstr((t)->err.text, piece), "%s", (t)->err.text)
