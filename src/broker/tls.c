/*
 * TLS towards the broker. OpenSSL itself checks chain and name during the
 * handshake, so that nothing is sent to a stranger: librabbitmq 0.11 checks the
 * name only afterwards and does not know certificates for IP addresses, and
 * only from 0.14 on can it be told to use the system's certificates.
 */
#include "connection.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

/* Keeps the reason, which is lost with the failed handshake. */
static int note_error(int accepted, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct connection *connection =
		SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (!accepted)
		connection->certificate_error = X509_STORE_CTX_get_error(store);
	return accepted;
}

static bool expect_host(SSL_CTX *context, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 ||
		inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool load_authorities(
	SSL_CTX *context, const char *ca_file, struct err *err)
{
	if (!ca_file || !*ca_file)
		return SSL_CTX_set_default_verify_paths(context) == 1 ||
		       err_set(err, ERR_BUG, "tls",
			       "OpenSSL has no certificates of its own");
	if (SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1)
		return true;
	return err_set(err, ERR_BAD_INPUT, "ca_file",
		"cannot use the broker's authorities in %s: %s", ca_file,
		access(ca_file, R_OK) ? strerror(errno)
				      : "it holds no certificate");
}

amqp_socket_t *tls_socket_new(struct connection *connection, const char *host,
	const char *ca_file, struct err *err)
{
	amqp_socket_t *socket = amqp_ssl_socket_new(connection->state);

	if (!socket) {
		err_set(err, ERR_BUG, "tls", "OpenSSL cannot be used");
		return NULL;
	}
	SSL_CTX *context = amqp_ssl_socket_get_context(socket);

	if (!load_authorities(context, ca_file, err))
		return NULL;
	if (!expect_host(context, host) ||
		SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
		err_set(err, ERR_BUG, "tls", "OpenSSL refuses host name '%s'",
			host);
		return NULL;
	}
	SSL_CTX_set_app_data(context, connection);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_error);
	amqp_ssl_socket_set_verify_peer(socket, true);
	amqp_ssl_socket_set_verify_hostname(socket, false);
	return socket;
}

bool tls_failed(struct connection *connection, int status, struct err *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (connection->certificate_error)
		return err_set(err, ERR_REFUSED, "broker_certificate",
			"the certificate of the broker at %s is not accepted: "
			"%s",
			connection->peer,
			X509_verify_cert_error_string(
				connection->certificate_error));
	bool plain = reason && strcmp(reason, "wrong version number") == 0;

	return err_set(err, ERR_RETRY, "broker_unreachable",
		"no TLS connection to the broker at %s: %s", connection->peer,
		plain ? "this port does not speak TLS; amqps has port 5671, as "
			"a rule"
		: reason ? reason
			 : amqp_error_string2(status));
}
