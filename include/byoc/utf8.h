/* UTF-8 (RFC 3629), as far as texts from elsewhere make it necessary. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * How many bytes the character at the beginning of `text` has, of which `left`
 * bytes may be read; 0: it is none, or it is cut off.
 */
size_t utf8_size(const char *text, size_t left);

/* Is it a control character, of ASCII or of Unicode (U+0080 to U+009F)? */
bool utf8_is_control(const char *text);

/* Makes question marks of what is not UTF-8, in place. */
void utf8_mend(char *text);
