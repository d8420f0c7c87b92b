/*
 * What goes with a cluster and what stays: one table, over marks by which a
 * resource is recognised. Pure.
 */
#pragma once

#include <byoc/model.h>

/* By what something is recognised. */
enum mark {
	MARK_RECORDED = 1 << 0,   /* we have made it, whatever its label */
	MARK_OURS = 1 << 1,       /* the cluster's label */
	MARK_OTHERS = 1 << 2,     /* another cluster's label */
	MARK_MEMBER = 1 << 3,     /* on the cluster's network */
	MARK_CONTROLLER = 1 << 4, /* the cloud controller's label */
	MARK_FRONT = 1 << 5,      /* its targets are servers of the cluster */
	MARK_SCALER = 1 << 6,     /* the autoscaler's label */
	MARK_DRIVER = 1 << 7,     /* the volume driver's label */
	MARK_AT_OURS = 1 << 8,    /* at a server or balancer of the cluster */
	MARK_WANTED = 1 << 9,     /* neighbours are to go as well */
	MARK_SHARED = 1 << 10, /* others have a part in it, or the use of it */
	MARK_ANEW = 1 << 11, /* of a Service whose balancer went, before none */
};

enum belongs {
	GOES,
	STAYS,            /* and is told of */
	STAYS_IN_THE_WAY, /* so the network stays, too */
	IS_STRANGE,       /* is not looked at any further */
};

struct belonging {
	unsigned kinds; /* bits of enum resource_kind */
	unsigned marks; /* all of which it bears */
	enum belongs belongs;
	const char *why; /* for people */
};

/* The line of the table that decides. Never NULL. */
const struct belonging *belonging_of(enum resource_kind kind, unsigned marks);
