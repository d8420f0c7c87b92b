/* free() and realloc() that wipe what they give back, for malloc()'s memory. */
#pragma once

#include <stddef.h>

void wipe_and_free(void *memory); /* takes NULL */
/* NULL: there is no memory, and the old one stays. */
void *wipe_and_resize(void *old, size_t size);
