/* The authorities' bundle: a flat JSON object of paths and PEM texts. */
#include "bundle.h"

#include <stdio.h>
#include <string.h>

void bundle_open(struct secret_writer *writer)
{
	writer_text(writer, "{");
}

void bundle_add(struct secret_writer *writer, const char *path, const char *pem,
	size_t size)
{
	if (writer->used > 1)
		writer_text(writer, ",");
	writer_text(writer, "\"");
	writer_text(writer, path);
	writer_text(writer, "\":\"");
	/* Line ends are all that JSON wants escaped in PEM. */
	for (size_t i = 0; i < size; i++)
		if (pem[i] == '\n')
			writer_text(writer, "\\n");
		else
			writer_put(writer, pem + i, 1);
	writer_text(writer, "\"");
}

void bundle_close(struct secret_writer *writer)
{
	writer_text(writer, "}");
}

bool bundle_take(const struct secret *bundle, const char *path,
	struct secret *pem, struct err *err)
{
	char key[64];
	size_t size = 0;

	snprintf(key, sizeof key, "\"%s\":\"", path);
	const char *at = memmem(bundle->bytes, bundle->size, key, strlen(key));
	const char *from = at ? at + strlen(key) : "";
	const char *end = strchr(from, '"');
	if (!end)
		return err_set(err, ERR_BAD_INPUT, "authorities_malformed",
			"the cluster's authorities hold no %s", path);

	secret_init(pem, (size_t)(end - from));
	for (at = from; at < end; at++) {
		bool newline = at[0] == '\\' && at[1] == 'n';
		pem->bytes[size++] = newline ? '\n' : *at;
		at += newline;
	}
	secret_shorten(pem, size);
	return true;
}
