/*
 * Secrets in libsodium's guarded memory: locked, between pages that fault, and
 * wiped when freed. Each such piece costs the kernel several calls, and each
 * job needs a token and each request a header with it: so small secrets share
 * pieces, which are cut into cells and kept for the next ones. Not where
 * AddressSanitizer looks on, so that tests find what writes too far.
 */
#include <byoc/memory.h>
#include <byoc/secret.h>

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef __SANITIZE_ADDRESS__
enum { CELL_SIZE = 1024, CELLS = 0 };
#else
enum { CELL_SIZE = 1024, CELLS = 64 };
#endif
enum { PIECE_SIZE = CELL_SIZE * CELLS };

struct piece {
	struct piece *next;
	char *bytes;
};

/* In a cell that nothing is in. */
struct free_cell {
	struct free_cell *next;
};

/* Connections are opened, with their secrets, on threads of their own. */
static pthread_mutex_t cells_lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece *pieces;
static struct free_cell *free_cells;

static char *guarded(size_t size)
{
	/* Before sodium_init() has run, its allocator divides by zero. */
	char *bytes = sodium_init() < 0 ? NULL : sodium_malloc(size);

	if (!bytes) {
		fputs("out of memory for secrets\n", stderr);
		abort();
	}
	return bytes;
}

static void put_cell(char *bytes)
{
	struct free_cell *cell = (struct free_cell *)bytes;

	cell->next = free_cells;
	free_cells = cell;
}

static void cut_piece(void)
{
	struct piece *piece = memory_new(sizeof *piece);

	piece->bytes = guarded(PIECE_SIZE);
	piece->next = pieces;
	pieces = piece;
	for (size_t at = PIECE_SIZE; at; at -= CELL_SIZE)
		put_cell(piece->bytes + at - CELL_SIZE);
}

/* NULL: there are no cells here. */
static char *take_cell(void)
{
	pthread_mutex_lock(&cells_lock);
	if (!free_cells && CELLS)
		cut_piece();
	struct free_cell *cell = free_cells;
	if (cell)
		free_cells = cell->next;
	pthread_mutex_unlock(&cells_lock);
	return (char *)cell;
}

static bool is_cell(const char *bytes)
{
	for (const struct piece *piece = pieces; piece; piece = piece->next)
		if (bytes >= piece->bytes && bytes < piece->bytes + PIECE_SIZE)
			return true;
	return false;
}

/* False: it is no cell. */
static bool give_cell_back(char *bytes)
{
	pthread_mutex_lock(&cells_lock);
	bool given = is_cell(bytes);
	if (given) {
		sodium_memzero(bytes, CELL_SIZE);
		put_cell(bytes);
	}
	pthread_mutex_unlock(&cells_lock);
	return given;
}

void secret_init(struct secret *secret, size_t size)
{
	secret->bytes = size < CELL_SIZE ? take_cell() : NULL;
	if (!secret->bytes)
		secret->bytes = guarded(size + 1);
	sodium_memzero(secret->bytes, size + 1);
	secret->size = size;
}

void secret_set(struct secret *secret, const void *bytes, size_t size)
{
	secret_init(secret, size);
	if (size)
		memcpy(secret->bytes, bytes, size);
}

void secret_shorten(struct secret *secret, size_t size)
{
	if (size >= secret->size)
		return;
	sodium_memzero(secret->bytes + size, secret->size - size);
	secret->size = size;
}

void secret_clear(struct secret *secret)
{
	if (secret->bytes && !give_cell_back(secret->bytes))
		sodium_free(secret->bytes);
	*secret = (struct secret){0};
}

void secret_harden_process(void)
{
	const struct rlimit none = {0};

	if (sodium_init() < 0 || setrlimit(RLIMIT_CORE, &none) ||
		prctl(PR_SET_DUMPABLE, 0)) {
		fputs("cannot protect secrets in memory\n", stderr);
		abort();
	}
}
