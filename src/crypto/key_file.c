/*
 * A key file: one line of text that says what it is, when it was made, and the
 * key in base64; a secret one holds two, what opens boxes (X25519) and what
 * workers seal with (XChaCha20-Poly1305), one behind the other:
 *
 *	byoc-key-2 public 2026-01-31T12:00:00.000Z <base64 of 32 bytes>
 *	byoc-key-2 secret 2026-01-31T12:00:00.000Z <base64 of 64 bytes>
 *
 * A line, not JSON, so that reading it leaves no copies of the key behind.
 */
#include "keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_SIZE = 256 };

static const char *const prefixes[] = {
	[KEY_SECRET] = "byoc-key-2 secret ",
	[KEY_PUBLIC] = "byoc-key-2 public ",
	[KEY_RECIPIENT] = "byoc-recipient-1 secret ",
};

static size_t secrets_size(enum key_part part)
{
	return part == KEY_SECRET ? KEY_SECRETS_SIZE
				  : crypto_box_SECRETKEYBYTES;
}

void key_identify(const struct key *key, char id[SEAL_KEY_ID_SIZE])
{
	unsigned char hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof hash, key->public_key,
		sizeof key->public_key, NULL, 0);
	sodium_bin2hex(id, SEAL_KEY_ID_SIZE, hash, (SEAL_KEY_ID_SIZE - 1) / 2);
}

static bool refuse_malformed(const char *path, struct err *err)
{
	return err_set(err, ERR_BAD_INPUT, "key_file_malformed",
		"%s is not a key file: restore it from a backup, or move it "
		"away if nothing is sealed with it",
		path);
}

/* Nobody but its owner gets at it; one of root's may be read by the group that
 * a worker is in, as services and containers are given secrets. */
static bool is_exposed(const struct stat *status)
{
	const mode_t roots = S_IWGRP | S_IXGRP | S_IRWXO;
	bool is_roots = status->st_uid == 0 && geteuid() != 0;

	return status->st_mode & (is_roots ? roots : S_IRWXG | S_IRWXO);
}

/* Reads the whole line without its end; what is longer is malformed. */
static bool read_line(int file, const char *path, enum key_part part,
	char line[LINE_SIZE], struct err *err)
{
	struct stat status;
	ssize_t size;

	if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode))
		return refuse_malformed(path, err);
	if (part != KEY_PUBLIC && is_exposed(&status))
		return err_set(err, ERR_BAD_INPUT, "key_file_exposed",
			"others than its owner can get at %s: make it private "
			"with `chmod 600 %s`",
			path, path);
	if (!key_file_is_safe(file, path, err))
		return false;
	do {
		size = read(file, line, LINE_SIZE);
	} while (size < 0 && errno == EINTR);
	if (size < 1 || size == LINE_SIZE || line[size - 1] != '\n')
		return refuse_malformed(path, err);
	line[size - 1] = '\0';
	return strlen(line) == (size_t)size - 1 || refuse_malformed(path, err);
}

static bool decode_key(const char *text, unsigned char *key, size_t size)
{
	const char *end;
	size_t got;

	return sodium_base642bin(key, size, text, strlen(text), NULL, &got,
		       &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       !*end && got == size;
}

static bool parse_line(const char *line, enum key_part part, struct key *key)
{
	size_t prefix = strlen(prefixes[part]);

	if (strncmp(line, prefixes[part], prefix))
		return false;
	const char *created = line + prefix;
	const char *space = strchr(created, ' ');
	if (!space || space - created != KEY_CREATED_SIZE - 1)
		return false;
	memcpy(key->created, created, KEY_CREATED_SIZE - 1);
	if (part == KEY_PUBLIC)
		return decode_key(
			space + 1, key->public_key, sizeof key->public_key);

	secret_init(&key->secrets, secrets_size(part));
	return decode_key(space + 1, key_box(key), secrets_size(part)) &&
	       crypto_scalarmult_base(key->public_key, key_box(key)) == 0;
}

bool key_file_read(
	const char *path, enum key_part part, struct key *key, struct err *err)
{
	char line[LINE_SIZE];
	bool ok = false;

	*key = (struct key){0};
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return err_set(err, ERR_BAD_INPUT, "key_file_unreadable",
			"cannot read key file %s: %s", path, strerror(errno));
	if (read_line(file, path, part, line, err))
		ok = parse_line(line, part, key) || refuse_malformed(path, err);
	close(file);
	sodium_memzero(line, sizeof line);
	if (ok)
		key_identify(key, key->id);
	else
		secret_clear(&key->secrets);
	return ok;
}

static void format_line(
	enum key_part part, const struct key *key, char line[LINE_SIZE])
{
	const unsigned char *bytes =
		part == KEY_PUBLIC ? key->public_key
				   : (const unsigned char *)key->secrets.bytes;
	size_t used;

	/* No printf for the key itself: it would keep a copy of it. */
	snprintf(line, LINE_SIZE, "%s%s ", prefixes[part], key->created);
	used = strlen(line);
	sodium_bin2base64(line + used, LINE_SIZE - used - 1, bytes,
		part == KEY_PUBLIC ? crypto_box_PUBLICKEYBYTES
				   : secrets_size(part),
		sodium_base64_VARIANT_ORIGINAL);
	used = strlen(line);
	memcpy(line + used, "\n", 2);
}

bool key_file_write(const char *path, enum key_part part, const struct key *key,
	struct err *err)
{
	const mode_t mode = part == KEY_PUBLIC ? 0644 : 0600;
	char line[LINE_SIZE];

	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (file < 0)
		return err_set(err, ERR_BAD_INPUT, "key_file_unwritable",
			"cannot make key file %s: %s", path, strerror(errno));
	format_line(part, key, line);
	ssize_t size = (ssize_t)strlen(line);
	bool ok = fchmod(file, mode) == 0 &&
		  write(file, line, (size_t)size) == size && fsync(file) == 0;
	sodium_memzero(line, sizeof line);
	if (!ok) {
		err_set(err, ERR_BAD_INPUT, "key_file_unwritable",
			"cannot write key file %s: %s", path, strerror(errno));
		unlink(path);
	}
	close(file);
	return ok;
}
