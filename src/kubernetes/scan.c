/* Walking through a JSON text: see the header. */
#include "scan.h"

#include <string.h>

struct scan scan_begin(const char *text, size_t size)
{
	return (struct scan){.at = text, .end = text + size};
}

bool piece_is(const struct piece *piece, const char *word)
{
	return piece->size == strlen(word) &&
	       memcmp(piece->bytes, word, piece->size) == 0;
}

static bool spoil(struct scan *scan)
{
	scan->bad = true;
	scan->at = scan->end;
	return false;
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at &&
		strchr(" \t\r\n", *scan->at))
		scan->at++;
}

/* The next character that means something; 0 at the end. */
static char peek(struct scan *scan)
{
	skip_blanks(scan);
	return scan->at < scan->end ? *scan->at : '\0';
}

static bool take(struct scan *scan, char wanted)
{
	if (peek(scan) != wanted)
		return spoil(scan);
	scan->at++;
	return true;
}

/* From one quote to the other. */
static struct piece take_quoted(struct scan *scan)
{
	struct piece none = {"", 0};

	if (!take(scan, '"'))
		return none;
	const char *begin = scan->at;
	for (; scan->at < scan->end && *scan->at != '"'; scan->at++)
		if (*scan->at == '\\' && scan->at + 1 < scan->end)
			scan->at++;
	if (scan->at >= scan->end) {
		spoil(scan);
		return none;
	}
	return (struct piece){begin, (size_t)(scan->at++ - begin)};
}

static void skip_word(struct scan *scan)
{
	const char *begin = scan->at;

	while (scan->at < scan->end && *scan->at &&
		!strchr(" \t\r\n,:[]{}\"", *scan->at))
		scan->at++;
	if (scan->at == begin)
		spoil(scan);
}

/* Depth is counted and not kept: a text of brackets alone costs nothing. */
void scan_skip(struct scan *scan)
{
	size_t depth = 0;

	do {
		switch (peek(scan)) {
		case '"':
			take_quoted(scan);
			break;
		case '{':
		case '[':
			depth++;
			scan->at++;
			break;
		case '}':
		case ']':
			if (depth == 0) {
				spoil(scan);
				return;
			}
			depth--;
			scan->at++;
			break;
		case ',':
		case ':':
			if (depth == 0) {
				spoil(scan);
				return;
			}
			scan->at++;
			break;
		default:
			skip_word(scan);
		}
	} while (depth > 0 && !scan->bad);
}

static bool enter(struct scan *scan, char bracket)
{
	if (peek(scan) != bracket) {
		scan_skip(scan);
		return false;
	}
	scan->at++;
	scan->fresh = true;
	return true;
}

bool scan_enter_object(struct scan *scan)
{
	return enter(scan, '{');
}

bool scan_enter_list(struct scan *scan)
{
	return enter(scan, '[');
}

/* Leaves at the closing bracket, else passes the comma. */
static bool go_on(struct scan *scan, char bracket)
{
	bool fresh = scan->fresh;

	scan->fresh = false;
	if (scan->bad)
		return false;
	if (peek(scan) == bracket) {
		scan->at++;
		return false;
	}
	return fresh ? peek(scan) != '\0' || spoil(scan) : take(scan, ',');
}

bool scan_member(struct scan *scan, struct piece *key)
{
	if (!go_on(scan, '}'))
		return false;
	*key = take_quoted(scan);
	return !scan->bad && take(scan, ':');
}

bool scan_element(struct scan *scan)
{
	return go_on(scan, ']');
}

struct piece scan_text(struct scan *scan)
{
	if (peek(scan) == '"')
		return take_quoted(scan);
	scan_skip(scan);
	return (struct piece){"", 0};
}

int64_t scan_number(struct scan *scan)
{
	int64_t number = -1;

	skip_blanks(scan);
	const char *digit = scan->at;
	scan_skip(scan);
	for (; digit < scan->at && *digit >= '0' && *digit <= '9'; digit++) {
		number = (number < 0 ? 0 : number) * 10 + (*digit - '0');
		if (number > INT32_MAX)
			return -1;
	}
	return digit == scan->at ? number : -1;
}
