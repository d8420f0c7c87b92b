/* UTF-8 (RFC 3629), as far as texts from elsewhere make it necessary. */
#pragma once

#include <stddef.h>

/*
 * How many bytes the character at the beginning of `text` has, of which `left`
 * bytes may be read; 0: it is none, or it is cut off.
 */
size_t utf8_size(const char *text, size_t left);

/* Makes question marks of what is not UTF-8, in place. */
void utf8_mend(char *text);
