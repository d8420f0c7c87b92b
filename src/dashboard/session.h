/* Who may use the page: the person who read the terminal, in one browser. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	SESSION_WORD_SIZE = 65, /* 32 bytes in hex, and the zero byte */
	SESSION_HOST_SIZE = 264,
};

struct session {
	char login[SESSION_WORD_SIZE]; /* empty: it was used */
	char cookie[SESSION_WORD_SIZE];
	char csrf[SESSION_WORD_SIZE];
	char host[SESSION_HOST_SIZE]; /* what browsers call the page */
	uint16_t port;
};

/* `listen` is ADDRESS:PORT, `port` its number; `host` is what browsers call the
 * page, or NULL: by that address. */
void session_begin(struct session *session, const char *listen, uint16_t port,
	const char *host);
/* Is it the login token? It is good for once. */
bool session_login(struct session *session, const char *token);
/* `given` NULL is never right. */
bool session_is(const char *word, const char *given);
/* A name that leads here by somebody else's DNS is refused: good are the one
 * that was told, and the loopback's. */
bool session_host_fits(const struct session *session, const char *host);
