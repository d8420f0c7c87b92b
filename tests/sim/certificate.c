/*
 * Certificates of load balancers: uploaded ones are read as a balancer would
 * read them, managed ones are issued after a while. One that a service names
 * cannot be deleted.
 */
#include "refresh.h"
#include "small_kinds.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define MANAGED_LIFE_S (90 * 24 * 3600)

static bool is_used_by(
	const struct resource *balancer, const struct resource *certificate)
{
	const struct json_object *services =
		json_at(balancer->body, "services");

	for (size_t i = 0; i < json_count(services); i++) {
		const struct json_object *ids = json_at(
			json_at(json_nth(services, i), "http"), "certificates");

		for (size_t j = 0; j < json_count(ids); j++)
			if (json_object_get_int64(json_nth(ids, j)) ==
				certificate->id)
				return true;
	}
	return false;
}

void certificate_refresh(struct project *project, struct resource *certificate)
{
	struct json_object *users = json_object_new_array();
	struct resource *balancer;

	shelf_each(shelf_of(project, KIND_LOAD_BALANCER), balancer)
	{
		struct json_object *user;

		if (!is_used_by(balancer, certificate))
			continue;
		user = json_object_new_object();
		json_put_number(user, "id", balancer->id);
		json_put_text(user, "type", "load_balancer");
		json_add(users, user);
	}
	json_put(certificate->body, "used_by", users);
}

/* ---- Uploaded ---- */

static void put_moment(
	struct json_object *body, const char *key, const ASN1_TIME *moment)
{
	struct tm utc;
	char text[32] = "";

	if (ASN1_TIME_to_tm(moment, &utc))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_put_text(body, key, text);
}

/* "03:c7:55:…", of its SHA-1. */
static void put_fingerprint(struct json_object *body, const X509 *x509)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[3 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned length = 0;

	X509_digest(x509, EVP_sha1(), digest, &length);
	for (unsigned i = 0; i < length; i++)
		snprintf(text + (size_t)i * 3, 4, "%02x%s", digest[i],
			i + 1 < length ? ":" : "");
	json_put_text(body, "fingerprint", text);
}

static void put_domains(struct json_object *body, const X509 *x509)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	struct json_object *domains = json_object_new_array();

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			json_add(domains,
				json_object_new_string(
					(const char *)ASN1_STRING_get0_data(
						name->d.dNSName)));
	}
	GENERAL_NAMES_free(names);
	json_put(body, "domain_names", domains);
}

static bool key_fits(X509 *x509, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	bool fits = key && X509_check_private_key(x509, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return fits;
}

/* Fills in what the certificate says of itself. */
static bool read_uploaded(struct fields *in, struct json_object *body)
{
	const char *pem = want_text(in, "certificate");
	const char *key = want_text(in, "private_key");

	if (!pem || !key)
		return false;

	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool well = x509 && key_fits(x509, key);

	if (!x509)
		refuse_at(in, "certificate", "is not a certificate");
	else if (!well)
		refuse_at(in, "private_key", "is not the certificate's");
	if (well) {
		json_put_text(body, "certificate", pem);
		put_fingerprint(body, x509);
		put_domains(body, x509);
		put_moment(body, "not_valid_before", X509_get0_notBefore(x509));
		put_moment(body, "not_valid_after", X509_get0_notAfter(x509));
	}
	X509_free(x509);
	BIO_free(bio);
	return well;
}

/* ---- Managed ---- */

static void put_status(struct json_object *body, const char *issuance,
	const char *renewal, const char *code)
{
	struct json_object *status = json_object_new_object();
	struct json_object *error = NULL;

	if (code) {
		error = json_object_new_object();
		json_put_text(error, "code", code);
		json_put_text(error, "message", "it could not be issued");
	}
	json_put_text(status, "issuance", issuance);
	json_put_text(status, "renewal", renewal);
	json_put(status, "error", error);
	json_put(body, "status", status);
}

static void put_time(
	struct json_object *body, const char *key, int64_t unix_seconds)
{
	time_t moment = unix_seconds;
	struct tm utc;
	char text[32];

	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ",
		gmtime_r(&moment, &utc));
	json_put_text(body, key, text);
}

/* Nobody trusts what is issued here, so it is no real one. */
static void certificate_issued(struct project *project,
	struct resource *certificate, struct json_object *detail)
{
	const struct world *world = project->world;
	int64_t now = (world->now_ms + world->unix_minus_now_ms) / 1000;
	struct json_object *body = certificate->body;

	(void)detail;
	json_put_text(body, "certificate",
		"-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n"
		"-----END CERTIFICATE-----\n");
	json_put_text(body, "fingerprint",
		"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00");
	put_time(body, "not_valid_before", now);
	put_time(body, "not_valid_after", now + MANAGED_LIFE_S);
	put_status(body, "completed", "scheduled", NULL);
}

static void certificate_failed(struct project *project,
	struct resource *certificate, struct json_object *detail)
{
	(void)project;
	(void)detail;
	put_status(certificate->body, "failed", "unavailable",
		"dns_zone_not_found");
}

static struct plan issuing(struct resource *certificate, const char *command)
{
	return (struct plan){
		.command = command,
		.seconds = 5,
		.subject = certificate,
		.effect = certificate_issued,
		.undo = certificate_failed,
	};
}

static bool read_managed(struct fields *in, struct json_object *body)
{
	struct json_object *domains =
		want_list(in, "domain_names", json_type_string);

	if (in->call->refused)
		return false;
	if (json_count(domains) == 0)
		return refuse_at(in, "domain_names", "must not be empty");
	json_put(body, "domain_names", json_copy(domains));
	json_put(body, "certificate", NULL);
	json_put(body, "fingerprint", NULL);
	json_put(body, "not_valid_before", NULL);
	json_put(body, "not_valid_after", NULL);
	put_status(body, "pending", "unavailable", NULL);
	return true;
}

/* ---- Calls ---- */

static bool answer_certificate(
	struct call *call, struct resource *certificate, bool is_managed)
{
	const struct plan plan = issuing(certificate, "create_certificate");

	answer(call, 201, "certificate",
		resource_view(call->project, certificate));
	answer_add(call, "action",
		is_managed ? resource_view(call->project,
				     action_start(call->project, &plan))
			   : NULL);
	return true;
}

bool create_certificate(struct call *call)
{
	static const char *const types[] = {"uploaded", "managed", NULL};
	struct fields in = fields_of(call);
	const char *name = want_name(&in, KIND_CERTIFICATE);
	const char *type = json_at(in.at, "type")
				   ? want_word(&in, "type", types)
				   : types[0];
	bool is_managed = type && strcmp(type, types[1]) == 0;
	struct json_object *body = json_object_new_object();
	struct json_object *labels = may_labels(&in);

	json_put_text(body, "name", name);
	json_put_text(body, "type", type);
	json_put(body, "labels", labels);
	json_put(body, "status", NULL);
	if (call->refused ||
		!(is_managed ? read_managed : read_uploaded)(&in, body) ||
		!require_quota(call, KIND_CERTIFICATE)) {
		json_object_put(body);
		return false;
	}
	return answer_certificate(call,
		resource_new(call->project, KIND_CERTIFICATE, body),
		is_managed);
}

/* With these words, seen at Hetzner. */
bool delete_certificate(struct call *call)
{
	struct json_object *view = resource_view(call->project, call->self);
	bool is_used = json_count(json_at(view, "used_by")) > 0;

	json_object_put(view);
	if (is_used)
		return refuse(
			call, "service_error", "certificate still in use");
	resource_remove(call->project, call->self);
	return answer_nothing(call);
}

bool retry_certificate(struct call *call)
{
	const struct json_object *status = json_at(call->self->body, "status");
	const char *issuance = json_text(status, "issuance");

	if (!issuance || strcmp(issuance, "failed") != 0)
		return refuse(call, "service_error",
			"certificate is not a managed one that failed");
	put_status(call->self->body, "pending", "unavailable", NULL);

	const struct plan plan = issuing(call->self, "issue_certificate");

	return act(call, &plan);
}
