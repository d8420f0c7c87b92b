/*
 * Secrets in libsodium's guarded memory: locked, between pages that fault, and
 * wiped when freed. Each such piece costs the kernel several calls, and a token
 * is needed for every job: so small secrets share one piece, cut into cells.
 * Not where AddressSanitizer looks on, so that tests find what writes too far.
 */
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
enum { CELL_SIZE = 1024, CELLS = 256 };
#endif

/* Connections are opened, with their secrets, on threads of their own. */
static pthread_mutex_t cells_lock = PTHREAD_MUTEX_INITIALIZER;
static char *cells; /* NULL: none is needed yet */
static char *free_cells[CELLS + 1];
static size_t free_count;

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

static void cut_cells(void)
{
	cells = guarded((size_t)CELL_SIZE * CELLS);
	for (size_t i = 0; i != CELLS; i++)
		free_cells[free_count++] = cells + i * CELL_SIZE;
}

/* NULL: there is none free. */
static char *take_cell(void)
{
	char *cell = NULL;

	pthread_mutex_lock(&cells_lock);
	if (!cells && CELLS)
		cut_cells();
	if (free_count)
		cell = free_cells[--free_count];
	pthread_mutex_unlock(&cells_lock);
	return cell;
}

/* False: it is no cell. */
static bool give_cell_back(char *bytes)
{
	if (!cells || bytes < cells ||
		bytes >= cells + (size_t)CELL_SIZE * CELLS)
		return false;
	sodium_memzero(bytes, CELL_SIZE);
	pthread_mutex_lock(&cells_lock);
	free_cells[free_count++] = bytes;
	pthread_mutex_unlock(&cells_lock);
	return true;
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
