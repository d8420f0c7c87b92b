/* The candidate at the smallest distance; of several the first, or one that
 * begins as the word does. */
#include <byoc/guess.h>

#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 32 };

static int least(int a, int b, int c)
{
	int smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Levenshtein's distance of two words of at most WORD_MAX letters. */
static int distance(const char *a, const char *b)
{
	int row[WORD_MAX + 1];
	int width = (int)strlen(b);

	for (int j = 0; j <= width; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int corner = row[0];
		row[0] = i;
		for (int j = 1; j <= width; j++) {
			int above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
				corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[width];
}

struct guess guess_begin(const char *word, int most)
{
	return (struct guess){.word = word, .distance = most + 1};
}

void guess_consider(struct guess *guess, const char *candidate)
{
	if (strlen(guess->word) > WORD_MAX || strlen(candidate) > WORD_MAX)
		return;
	int found = distance(guess->word, candidate);
	bool alike = guess->best && *guess->best != *guess->word &&
		     *candidate == *guess->word;

	if (found < guess->distance || (found == guess->distance && alike)) {
		guess->distance = found;
		guess->best = candidate;
	}
}
