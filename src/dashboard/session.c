/*
 * Login, cookie and CSRF word. They are random and compared in constant time.
 */
#include "session.h"

#include <byoc/memory.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void make_word(char word[SESSION_WORD_SIZE])
{
	unsigned char bytes[SESSION_WORD_SIZE / 2];

	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(word, SESSION_WORD_SIZE, bytes, sizeof bytes);
	sodium_memzero(bytes, sizeof bytes);
}

/* All addresses are none that a browser can be sent to. */
static bool is_every_address(const char *listen)
{
	return strncmp(listen, "0.0.0.0:", 8) == 0 ||
	       strncmp(listen, "[::]:", 5) == 0;
}

void session_begin(struct session *session, const char *listen, uint16_t port,
	const char *host)
{
	session->port = port;
	if (host || !is_every_address(listen))
		snprintf(session->host, sizeof session->host, "%s",
			host ? host : listen);
	else
		snprintf(session->host, sizeof session->host, "127.0.0.1:%u",
			port);
	make_word(session->login);
	make_word(session->cookie);
	make_word(session->csrf);
}

bool session_is(const char *word, const char *given)
{
	size_t size = SESSION_WORD_SIZE - 1;

	return given && word[0] && strlen(given) == size &&
	       sodium_memcmp(word, given, size) == 0;
}

bool session_login(struct session *session, const char *token)
{
	if (!session_is(session->login, token))
		return false;
	sodium_memzero(session->login, sizeof session->login);
	return true;
}

bool session_host_fits(const struct session *session, const char *host)
{
	static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
	char name[32];

	if (host && strcasecmp(host, session->host) == 0)
		return true;
	for (size_t i = 0; host && i < COUNT(own); i++) {
		snprintf(name, sizeof name, "%s:%u", own[i], session->port);
		if (strcasecmp(host, name) == 0)
			return true;
	}
	return false;
}
