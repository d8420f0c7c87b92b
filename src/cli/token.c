/*
 * Tokens are read straight into locked memory: stdio would keep a copy. While
 * one is typed, the terminal shows nothing and does not act on Ctrl-C, so that
 * nobody is left with a terminal that shows nothing.
 */
#include "token.h"

#include <byoc/model.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { TOKEN_MAX = 4096, CTRL_C = 3 };

/* Reads to the end, or to the end of a line when a person types. */
static bool read_all(int file, bool typed, struct secret *token,
	const char *from, struct err *err)
{
	size_t used = 0;
	ssize_t got = 1;

	secret_init(token, TOKEN_MAX);
	while (got > 0 && used < TOKEN_MAX) {
		got = read(file, token->bytes + used, TOKEN_MAX - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			used += (size_t)got;
		if (typed && used > 0 && token->bytes[used - 1] == '\n')
			break;
	}
	if (got < 0)
		return err_set(err, ERR_BAD_INPUT, "token_unreadable",
			"cannot read the token from %s: %s", from,
			strerror(errno));
	if (used == TOKEN_MAX)
		return err_set(err, ERR_BAD_INPUT, "token_size",
			"what %s holds is too long to be a token", from);
	while (used > 0 && strchr("\r\n", token->bytes[used - 1]))
		used--;
	secret_shorten(token, used);
	return true;
}

static bool ask(struct secret *token, struct err *err)
{
	struct termios before;

	if (tcgetattr(STDIN_FILENO, &before))
		return read_all(STDIN_FILENO, true, token, "the terminal", err);
	struct termios silent = before;
	silent.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
	fputs("Hetzner Cloud API token: ", stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	bool ok = read_all(STDIN_FILENO, true, token, "the terminal", err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	if (ok && memchr(token->bytes, CTRL_C, token->size))
		return err_set(err, ERR_BAD_INPUT, "cancelled", "cancelled");
	return ok;
}

static bool read_file(const char *path, struct secret *token, struct err *err)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return err_set(err, ERR_BAD_INPUT, "token_unreadable",
			"cannot read the token from %s: %s", path,
			strerror(errno));
	bool ok = read_all(file, false, token, path, err);
	close(file);
	return ok;
}

bool token_read(const char *path, struct secret *token, struct err *err)
{
	bool ok;

	*token = (struct secret){0};
	if (path && strcmp(path, "-") != 0)
		ok = read_file(path, token, err);
	else if (isatty(STDIN_FILENO))
		ok = ask(token, err);
	else
		ok = read_all(
			STDIN_FILENO, false, token, "standard input", err);
	if (ok && token->size == 0)
		ok = err_set(err, ERR_BAD_INPUT, "token_empty",
			"there is no token: it was empty");
	if (ok && !token_well_formed(token))
		ok = err_set(err, ERR_BAD_INPUT, "malformed_token",
			"this is not a Hetzner Cloud token, and was not "
			"stored: one has 64 letters and digits. Copy it again "
			"from Hetzner Console → Security → API tokens");
	if (!ok)
		secret_clear(token);
	return ok;
}
