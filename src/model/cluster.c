/* Names at Hetzner: deterministic, so that what exists can be found again. */
#include <byoc/model.h>

#include <stdio.h>
#include <string.h>

bool cluster_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < NAME_SIZE && name[0] != '-' &&
	       name[length - 1] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

bool cluster_api_is_open(const struct cluster *cluster)
{
	return strstr(cluster->api_sources, "0.0.0.0/0") != NULL;
}

void resource_name(const struct cluster *cluster, const char *what, int index,
	char name[NAME_SIZE])
{
	char tail[NAME_SIZE];

	int used =
		snprintf(tail, sizeof tail, "-%.8s-%.40s", cluster->id, what);
	if (index >= 0)
		snprintf(tail + used, sizeof tail - (size_t)used, "-%d", index);
	for (char *c = tail; *c; c++)
		if (*c == '_')
			*c = '-';
	size_t kept = strnlen(cluster->name, NAME_SIZE - 1 - strlen(tail));
	memcpy(name, cluster->name, kept);
	strcpy(name + kept, tail);
}
