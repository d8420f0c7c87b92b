/*
 * Errors as values: the first failure wins and is carried to the one owner that
 * decides about it. The kind is what the owner decides on, the code is stable
 * and for machines, the text tells a person what happened and what to do.
 */
#pragma once

#include <stdbool.h>

enum err_kind {
	ERR_NONE,
	ERR_RETRY,      /* may pass by itself: try again, later */
	ERR_REFUSED,    /* will not pass by itself: the cluster fails */
	ERR_CREDENTIAL, /* Hetzner refuses the token: the credential is invalid
			 */
	ERR_BAD_INPUT,  /* what came from outside makes no sense */
	ERR_BUG,        /* ours: never expected */
	ERR_KIND_COUNT,
};

struct err {
	enum err_kind kind;
	char code[48];
	char text[400];
};

/*
 * Records a failure unless one is recorded already. Always returns false, so
 * that callers can `return err_set(...)`. A text too long is cut.
 */
bool err_set(struct err *err, enum err_kind kind, const char *code,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Puts "what: " before the text of a recorded failure. Returns false. */
bool err_prefix(struct err *err, const char *what);

void err_clear(struct err *err);

/* The kind's word for logs and metrics ("retry", "refused", ...). */
const char *err_kind_word(enum err_kind kind);
