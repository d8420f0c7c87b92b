/* The HTTP door: libmicrohttpd, driven by our own loop. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "world.h"

#include <netinet/in.h>

struct http;

/* Texts in PEM, which have to stay as long as it listens; NULL: no TLS. */
struct http_tls {
	const char *certificate;
	const char *key;
};

/* Listens; NULL when that fails. Port 0 picks one. */
struct http *http_start(struct world *world, const struct sockaddr_in *where,
	const struct http_tls *tls);
uint16_t http_port(const struct http *http);
/* Becomes readable when there is something to do. */
int http_fd(const struct http *http);
/* How long the loop may sleep; -1: until there is something to read. */
int http_timeout_ms(const struct http *http);
void http_turn(struct http *http);
void http_stop(struct http *http);

#endif
