/* What is UTF-8 and what is not. */
#include <byoc/utf8.h>

#include <string.h>

/* Which bytes may follow this one directly. */
static bool may_follow(unsigned char lead, unsigned char second)
{
	int least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	int most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return second >= least && second <= most;
}

size_t utf8_size(const char *text, size_t left)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t size = *c < 0x80                 ? 1
		      : *c >= 0xc2 && *c < 0xe0 ? 2
		      : *c >= 0xe0 && *c < 0xf0 ? 3
		      : *c >= 0xf0 && *c < 0xf5 ? 4
						: 0;

	if (size > left || (size > 1 && !may_follow(c[0], c[1])))
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

bool utf8_is_control(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	return *c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0);
}

void utf8_mend(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length;) {
		size_t here = utf8_size(text + i, length - i);
		if (!here)
			text[i] = '?';
		i += here ? here : 1;
	}
}
