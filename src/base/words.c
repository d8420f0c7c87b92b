/* Enums and their words: the one finder for every table. */
#include <byoc/words.h>

#include <stdio.h>
#include <string.h>

int words_find(const struct words *words, const char *text)
{
	for (int i = 0; i < words->count; i++)
		if (strcmp(words->text[i], text) == 0)
			return i;
	return -1;
}

const char *words_text(const struct words *words, int value)
{
	return value >= 0 && value < words->count ? words->text[value] : "?";
}

void words_list(const struct words *words, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < words->count && used < size; i++) {
		const char *before = i == 0                  ? ""
				     : i == words->count - 1 ? " or "
							     : ", ";
		int n = snprintf(out + used, size - used, "%s%s", before,
			words->text[i]);
		used += n > 0 ? (size_t)n : 0;
	}
}
