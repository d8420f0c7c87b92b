/*
 * Memory that is wiped before it is given back, for libraries which secrets
 * pass through and which let their memory be ours.
 */
#include <byoc/wipe.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void wipe_and_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

void *wipe_and_resize(void *old, size_t size)
{
	if (!old)
		return malloc(size);
	if (size <= malloc_usable_size(old))
		return old;
	void *new = malloc(size);
	if (!new)
		return NULL;
	memcpy(new, old, malloc_usable_size(old));
	wipe_and_free(old);
	return new;
}
