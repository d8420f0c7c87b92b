/* A message's body into a job. */
#include <byoc/model.h>

#include <byoc/json.h>
#include <ctype.h>
#include <string.h>

static bool read_uuid(const struct json_in *in, const char *key, char *uuid)
{
	json_text(in, key, uuid, UUID_SIZE);
	if (in->err->kind)
		return false;
	for (char *c = uuid; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!uuid_valid(uuid))
		return err_set(in->err, ERR_BAD_INPUT, "bad_job",
			"job.%s: want a uuid", key);
	return true;
}

static bool read_type(const struct json_in *in, struct job *job)
{
	const char *type = json_text_ref(in, "type");

	if (!type)
		return false;
	int found = words_find(&job_type_words, type);
	if (found < 0)
		return err_set(in->err, ERR_BAD_INPUT, "unknown_type",
			"job.type: '%.60s' is not known here", type);
	job->type = (enum job_type)found;
	return true;
}

static bool read_phase(const struct json_in *in, struct job *job)
{
	json_int(in, "run", &job->run);
	json_text(in, "phase", job->phase, sizeof job->phase);
	json_opt_int(in, "index", &job->index);
	if (in->err->kind)
		return false;
	if (job->run < 1 || job->index < 0)
		return err_set(in->err, ERR_BAD_INPUT, "bad_job",
			"job.run: want 1 or more, job.index: 0 or more");
	return true;
}

/* Whether so long a life is allowed is told by the answer. */
static bool read_kubeconfig(const struct json_in *in, struct job *job)
{
	job->lifetime_s = KUBECONFIG_LIFETIME_S;
	json_opt_int(in, "lifetime_s", &job->lifetime_s);
	return !in->err->kind;
}

static bool read_teardown(const struct json_in *in, struct job *job)
{
	json_opt_flag(in, "with_neighbours", &job->removal.with_neighbours);
	json_opt_flag(in, "keep_volumes", &job->removal.keep_volumes);
	json_opt_flag(in, "all_gone", &job->removal.all_gone);
	json_opt_flag(in, "dry_run", &job->removal.dry_run);
	return !in->err->kind;
}

static bool read_job(const struct json_in *in, struct job *job)
{
	const char *traceparent;

	if (!read_type(in, job) || !read_uuid(in, "id", job->id))
		return false;
	const char *subject =
		job_is_of_credential(job) ? "credential_id" : "cluster_id";
	if (!read_uuid(in, subject, job->subject))
		return false;
	traceparent = json_opt_text_ref(in, "traceparent");
	if (traceparent && traceparent_valid(traceparent))
		strcpy(job->traceparent, traceparent);
	if (job->type == JOB_CLUSTER_PHASE)
		return read_phase(in, job);
	if (job->type == JOB_CLUSTER_TEARDOWN)
		return read_teardown(in, job);
	return job->type != JOB_CLUSTER_KUBECONFIG || read_kubeconfig(in, job);
}

bool job_decode(const char *body, size_t size, struct job *job, struct err *err)
{
	*job = (struct job){0};
	if (size > JOB_SIZE_MAX)
		return err_set(err, ERR_BAD_INPUT, "oversized",
			"the message has %zu bytes, a job at most %d", size,
			JOB_SIZE_MAX);
	struct json_object *root = json_parse(body, size, err);
	struct json_in in = {root, "job", err};
	if (!err->kind && !root)
		err_set(err, ERR_BAD_INPUT, "bad_job", "job: want an object");
	if (!err->kind)
		read_job(&in, job);
	json_free(root);
	return !err->kind;
}
