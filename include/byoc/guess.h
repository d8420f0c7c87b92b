/* Which of some words a person may have meant who wrote another one. */
#pragma once

struct guess {
	const char *word;
	const char *best; /* NULL: none comes near */
	int distance;
};

/*
 * Near is what at most so many letters more, fewer or other ones make the same.
 * All words are borrowed; those of more than 32 letters are like nothing.
 */
struct guess guess_begin(const char *word, int most);
void guess_consider(struct guess *guess, const char *candidate);
