/* The Secret `hcloud`: shown, and applied anew with another token. */
#include "../sim/memory.h"
#include "api.h"

#include <gnutls/gnutls.h>

static struct answer show(
	const struct cluster *cluster, const struct request *request)
{
	bool partial = strstr(request->accept, "as=PartialObjectMetadata");
	struct json_object *view =
		partial ? api_object("PartialObjectMetadata", "meta.k8s.io/v1",
				  "hcloud", "kube-system")
			: api_object("Secret", "v1", "hcloud", "kube-system");

	if (!partial) {
		struct json_object *data = json_object_new_object();
		gnutls_datum_t token = {(unsigned char *)cluster->token,
			(unsigned)strlen(cluster->token)};
		gnutls_datum_t encoded;

		if (gnutls_base64_encode2(&token, &encoded) < 0)
			give_up("base64");
		json_put(data, "token",
			json_object_new_string_len(
				(const char *)encoded.data, (int)encoded.size));
		gnutls_free(encoded.data);
		json_put(view, "data", data);
	}
	return api_well(view);
}

/* Server-side apply of our manifest, of which only the token is read. */
static struct answer apply(
	struct cluster *cluster, const struct request *request)
{
	const char *key = "token: \"";
	const char *token = strstr(request->body, key);

	if (!token)
		return api_refuse(400, "BadRequest", "there is no token in it");
	token += strlen(key);
	free(cluster->token);
	cluster->token = must_have(strndup(token, strcspn(token, "\"\n")));
	return show(cluster, request);
}

struct answer secrets_answer(struct cluster *cluster,
	const struct request *request, const char *name)
{
	if (strcmp(name, "hcloud") != 0)
		return api_refuse(
			404, "NotFound", "secrets \"%s\" not found", name);
	if (strcmp(request->method, "PATCH") == 0)
		return apply(cluster, request);
	if (strcmp(request->method, "GET") != 0)
		return api_refuse(405, "MethodNotAllowed", "not simulated");
	return show(cluster, request);
}
