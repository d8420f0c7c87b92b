/*
 * Requests as values. user_data is the one member of a body that holds
 * secrets, so it never passes through json-c, whose memory is not wiped: it is
 * escaped straight from one locked place into another.
 */
#include <byoc/hetzner.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_words[] = {
	[METHOD_GET] = "GET",
	[METHOD_POST] = "POST",
	[METHOD_DELETE] = "DELETE",
	[METHOD_PATCH] = "PATCH",
	[METHOD_PUT] = "PUT",
};
_Static_assert(COUNT(method_words) == METHOD_COUNT, "name every method");

const char *method_word(enum method method)
{
	return method_words[method];
}

static char *format_path(struct arena *arena, const char *fmt, va_list args)
{
	va_list again;

	va_copy(again, args);
	int size = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (size < 0)
		abort();
	char *path = arena_take(arena, (size_t)size + 1);
	vsnprintf(path, (size_t)size + 1, fmt, args);
	return path;
}

void request_get(
	struct request *request, struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*request = (struct request){
		.method = METHOD_GET, .path = format_path(arena, fmt, args)};
	va_end(args);
}

void request_delete(
	struct request *request, struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*request = (struct request){
		.method = METHOD_DELETE, .path = format_path(arena, fmt, args)};
	va_end(args);
}

void request_post(struct request *request, struct arena *arena,
	struct json_object *body, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*request = (struct request){.method = METHOD_POST,
		.path = format_path(arena, fmt, args),
		.body = body};
	va_end(args);
}

void request_put(struct request *request, struct arena *arena,
	struct json_object *body, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*request = (struct request){.method = METHOD_PUT,
		.path = format_path(arena, fmt, args),
		.body = body};
	va_end(args);
}

/* The name under which Kubernetes keeps what is ours of an object. */
#define FIELD_MANAGER "mengi-byoc"

static void start_patch(struct request *request, struct arena *arena,
	const char *server, const char *path)
{
	*request = (struct request){.method = METHOD_PATCH,
		.path = arena_copy_text(arena, path),
		.server = server};
}

void request_apply(struct request *request, struct arena *arena,
	const char *server, struct secret *manifest, const char *path)
{
	start_patch(request, arena, server,
		arena_format(arena,
			"%s?fieldManager=" FIELD_MANAGER "&force=true", path));
	request->manifest = *manifest;
	*manifest = (struct secret){0};
}

void request_merge(struct request *request, struct arena *arena,
	const char *server, struct json_object *body, const char *path)
{
	start_patch(request, arena, server, path);
	request->body = body;
}

void request_clear(struct request *request)
{
	json_free(request->body);
	secret_clear(&request->user_data);
	secret_clear(&request->manifest);
	*request = (struct request){0};
}

const char *request_escape(struct arena *arena, const char *text)
{
	char *escaped = arena_take(arena, 3 * strlen(text) + 1);
	char *out = escaped;

	for (const char *c = text; *c; c++) {
		if (isalnum((unsigned char)*c) || strchr("-._~", *c))
			*out++ = *c;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*c);
	}
	return escaped;
}

/* How one byte is written inside a JSON string; returns its length. */
static size_t escape_byte(unsigned char byte, char out[8])
{
	static const char plain[] = "\"\\\n\t\r";
	static const char letters[] = "\"\\ntr";
	const char *special = byte ? strchr(plain, byte) : NULL;

	if (special) {
		out[0] = '\\';
		out[1] = letters[special - plain];
		return 2;
	}
	if (byte < 0x20)
		return (size_t)snprintf(out, 8, "\\u%04x", byte);
	out[0] = (char)byte;
	return 1;
}

static size_t escaped_size(const struct secret *text)
{
	char piece[8] = "";
	size_t size = 0;

	for (size_t i = 0; i < text->size; i++)
		size += escape_byte((unsigned char)text->bytes[i], piece);
	return size;
}

static char *append(char *out, const char *bytes, size_t size)
{
	memcpy(out, bytes, size);
	return out + size;
}

void request_write_body(const struct request *request, struct secret *body)
{
	static const char member[] = "\"user_data\":\"";
	const char *json = request->body ? json_write(request->body) : "";
	size_t length = strlen(json);

	if (request->manifest.bytes) {
		secret_set(
			body, request->manifest.bytes, request->manifest.size);
		return;
	}
	if (!request->user_data.bytes) {
		secret_set(body, json, length);
		return;
	}
	/* {"a":1} becomes {"a":1,"user_data":"..."} */
	size_t head = length ? length - 1 : 0;
	const char *before = head > 1 ? "," : length ? "" : "{";
	secret_init(body, head + strlen(before) + strlen(member) +
				  escaped_size(&request->user_data) + 2);
	char *out = append(body->bytes, json, head);
	out = append(out, before, strlen(before));
	out = append(out, member, strlen(member));
	for (size_t i = 0; i < request->user_data.size; i++) {
		char piece[8] = "";
		unsigned char byte = (unsigned char)request->user_data.bytes[i];
		out = append(out, piece, escape_byte(byte, piece));
	}
	append(out, "\"}", 2);
}
