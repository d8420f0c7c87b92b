/* TLS: a server's certificate of the cluster's authority, and who a client is.
 */
#ifndef KUBE_CERTIFICATE_H
#define KUBE_CERTIFICATE_H

#include "cluster.h"

#include <gnutls/gnutls.h>

/* PEM, signed by the authority for the names and addresses of the intent. */
struct server_certificate {
	char *certificate, *key;
};
struct server_certificate certificate_make(const struct intent *intent);
void certificate_clear(struct server_certificate *made);

enum visitor {
	VISITOR_STRANGER, /* no certificate of the client authority */
	VISITOR_NOBODY,   /* one, but of no group that may do anything */
	VISITOR_ADMIN,
};
enum visitor visitor_of(gnutls_session_t session);

#endif
