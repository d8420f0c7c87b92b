/* SSH keys: checked as a key would be, and known by their fingerprint. */
#include "small_kinds.h"

#include <openssl/evp.h>
#include <string.h>

struct blob {
	unsigned char bytes[4096];
	size_t length;
};

/* Decodes `length` characters of base64. */
static bool blob_decode(const char *text, size_t length, struct blob *blob)
{
	int decoded;

	if (length == 0 || length % 4 || length / 4 * 3 > sizeof blob->bytes)
		return false;
	decoded = EVP_DecodeBlock(
		blob->bytes, (const unsigned char *)text, (int)length);
	if (decoded < 0)
		return false;
	blob->length = (size_t)decoded;
	/* Padding is decoded as zeros, which are not part of the key. */
	for (size_t end = length; text[end - 1] == '='; end--)
		blob->length--;
	return true;
}

/* The blob repeats the algorithm, with its length in front. */
static bool blob_is_of(
	const struct blob *blob, const char *algorithm, size_t length)
{
	const unsigned char *b = blob->bytes;

	if (blob->length <= 4 + length)
		return false;
	return b[0] == 0 && b[1] == 0 && b[2] == 0 && b[3] == length &&
	       memcmp(b + 4, algorithm, length) == 0;
}

/* "b7:2f:…", as `ssh-keygen -l -E md5` prints it. */
static bool fingerprint_of(const struct blob *blob, char text[static 64])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length;

	if (!EVP_Digest(blob->bytes, blob->length, digest, &length, EVP_md5(),
		    NULL))
		return false;
	for (unsigned i = 0; i < length; i++)
		snprintf(text + (size_t)i * 3, 4, "%02x:", digest[i]);
	text[length * 3 - 1] = '\0';
	return true;
}

/* "algorithm base64 comment" */
static bool read_key(const char *line, char fingerprint[static 64])
{
	size_t algorithm = strcspn(line, " ");
	const char *base64 = line + algorithm + strspn(line + algorithm, " ");
	struct blob blob;

	return algorithm < 64 &&
	       blob_decode(base64, strcspn(base64, " \r\n"), &blob) &&
	       blob_is_of(&blob, line, algorithm) &&
	       fingerprint_of(&blob, fingerprint);
}

static bool fingerprint_is_free(struct call *call, const char *fingerprint)
{
	struct resource *key;

	shelf_each(shelf_of(call->project, KIND_SSH_KEY),
		key) if (strcmp(json_text(key->body, "fingerprint"),
				 fingerprint) == 0) return refuse_taken(call,
		"public_key");
	return true;
}

bool create_ssh_key(struct call *call)
{
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_SSH_KEY);
	const char *key = want_text(&in, "public_key");
	char fingerprint[64];
	struct json_object *labels, *body;

	if (!name || !key)
		return false;
	if (!read_key(key, fingerprint))
		return refuse_at(&in, "public_key", "is not an SSH key");
	if (!fingerprint_is_free(call, fingerprint) ||
		!require_quota(call, KIND_SSH_KEY))
		return false;
	labels = may_labels(&in);
	if (call->refused) {
		json_object_put(labels);
		return false;
	}
	body = json_object_new_object();
	json_put_text(body, "name", name);
	json_put_text(body, "public_key", key);
	json_put_text(body, "fingerprint", fingerprint);
	json_put(body, "labels", labels);
	return answer(call, 201, "ssh_key",
		resource_view(call->project,
			resource_new(call->project, KIND_SSH_KEY, body)));
}
