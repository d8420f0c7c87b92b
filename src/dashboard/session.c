/*
 * Login, cookie and CSRF word. They are random and compared in constant time.
 */
#include "session.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void make_word(char word[SESSION_WORD_SIZE])
{
	unsigned char bytes[SESSION_WORD_SIZE / 2];

	randombytes_buf(bytes, sizeof bytes);
	sodium_bin2hex(word, SESSION_WORD_SIZE, bytes, sizeof bytes);
	sodium_memzero(bytes, sizeof bytes);
}

void session_begin(struct session *session)
{
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
	char address[32], name[32];

	snprintf(address, sizeof address, "127.0.0.1:%u", session->port);
	snprintf(name, sizeof name, "localhost:%u", session->port);
	return host && (strcmp(host, address) == 0 || strcmp(host, name) == 0);
}
