/* Secrets on standard output. */
#include "secret_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool secret_print(const struct secret *secret, struct err *err)
{
	size_t written = 0;

	fflush(stdout);
	while (written < secret->size) {
		ssize_t n = write(STDOUT_FILENO, secret->bytes + written,
			secret->size - written);
		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_REFUSED, "output",
				"cannot write the output: %s", strerror(errno));
		written += n > 0 ? (size_t)n : 0;
	}
	return true;
}
