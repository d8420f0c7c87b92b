/* Meters: series in a hash table, of which there are never many. */
#include <byoc/meter.h>

#include <byoc/memory.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct meter_series {
	char *values[METER_LABELS_MOST];
	double sum;
	uint64_t count;
	uint64_t buckets[METER_BOUNDS_MOST]; /* each without those below */
};

static size_t label_count(const struct meter_kind *kind)
{
	size_t count = 0;

	while (count < METER_LABELS_MOST && kind->labels[count])
		count++;
	return count;
}

static size_t bound_count(const struct meter_kind *kind)
{
	size_t count = 0;

	while (count < METER_BOUNDS_MOST && kind->bounds[count] > 0)
		count++;
	return count;
}

/* FNV-1a over the texts, each with its end. */
static uint64_t hash(const char *const *values, size_t count)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < count; i++)
		for (const char *c = values[i];; c++) {
			sum = (sum ^ (unsigned char)*c) * 1099511628211u;
			if (!*c)
				break;
		}
	return sum;
}

static bool is_of(const struct meter_series *series, const char *const *values,
	size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(series->values[i], values[i]) != 0)
			return false;
	return true;
}

/* Its place: the series, or NULL where it would be. */
static struct meter_series **find(
	const struct meter *meter, const char *const *values, size_t labels)
{
	size_t at = hash(values, labels) % meter->room;

	while (meter->table[at] && !is_of(meter->table[at], values, labels))
		at = (at + 1) % meter->room;
	return &meter->table[at];
}

/* Never more than half full. */
static void make_room(struct meter *meter, size_t labels)
{
	struct meter_series **old = meter->table;
	size_t old_room = meter->room;

	if (2 * (meter->count + 1) <= meter->room)
		return;
	meter->room = old_room ? old_room * 2 : 8;
	meter->table = memory_new(meter->room * sizeof(struct meter_series *));
	for (size_t i = 0; i < old_room; i++)
		if (old[i])
			*find(meter, (const char *const *)old[i]->values,
				labels) = old[i];
	free(old);
}

static struct meter_series *new_series(const char *const *values, size_t labels)
{
	struct meter_series *series = memory_new(sizeof *series);

	for (size_t i = 0; i < labels; i++)
		series->values[i] = memory_copy_text(values[i]);
	return series;
}

void meter_add(struct meter *meter, const char *const *values, double value)
{
	const struct meter_kind *kind = meter->kind;
	size_t labels = label_count(kind), bounds = bound_count(kind), b = 0;

	make_room(meter, labels);
	struct meter_series **place = find(meter, values, labels);
	if (!*place) {
		*place = new_series(values, labels);
		meter->count++;
	}
	(*place)->sum += value;
	(*place)->count++;
	while (b < bounds && value > kind->bounds[b])
		b++;
	if (b < bounds)
		(*place)->buckets[b]++;
}

/* ---- Writing ---- */

void meter_write_head(
	FILE *out, const char *name, const char *help, const char *type)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* "{type="cluster.phase",le="0.5"}"; nothing when there is no label. */
static void write_labels(FILE *out, const struct meter_kind *kind,
	const struct meter_series *series, const char *bound)
{
	size_t labels = label_count(kind);
	const char *before = "{";

	for (size_t i = 0; i < labels; i++) {
		fprintf(out, "%s%s=\"", before, kind->labels[i]);
		for (const char *c = series->values[i]; *c; c++) {
			if (*c == '"' || *c == '\\')
				fputc('\\', out);
			fputc(*c, out);
		}
		fputc('"', out);
		before = ",";
	}
	if (bound)
		fprintf(out, "%sle=\"%s\"", before, bound);
	if (labels || bound)
		fputc('}', out);
}

static void write_counter(FILE *out, const struct meter_kind *kind,
	const struct meter_series *series)
{
	fputs(kind->name, out);
	write_labels(out, kind, series, NULL);
	fprintf(out, " %.15g\n", series->sum);
}

static void write_bucket(FILE *out, const struct meter_kind *kind,
	const struct meter_series *series, const char *bound, uint64_t count)
{
	fprintf(out, "%s_bucket", kind->name);
	write_labels(out, kind, series, bound);
	fprintf(out, " %" PRIu64 "\n", count);
}

static void write_histogram(FILE *out, const struct meter_kind *kind,
	const struct meter_series *series)
{
	uint64_t below = 0;

	for (size_t b = 0; b < bound_count(kind); b++) {
		char bound[32];
		snprintf(bound, sizeof bound, "%g", kind->bounds[b]);
		below += series->buckets[b];
		write_bucket(out, kind, series, bound, below);
	}
	write_bucket(out, kind, series, "+Inf", series->count);
	fprintf(out, "%s_sum", kind->name);
	write_labels(out, kind, series, NULL);
	fprintf(out, " %.15g\n%s_count", series->sum, kind->name);
	write_labels(out, kind, series, NULL);
	fprintf(out, " %" PRIu64 "\n", series->count);
}

void meter_write(const struct meter *meter, FILE *out)
{
	static const struct meter_series none;
	const struct meter_kind *kind = meter->kind;
	bool counts = bound_count(kind) == 0;

	meter_write_head(
		out, kind->name, kind->help, counts ? "counter" : "histogram");
	for (size_t i = 0; i < meter->room; i++)
		if (meter->table[i] && counts)
			write_counter(out, kind, meter->table[i]);
		else if (meter->table[i])
			write_histogram(out, kind, meter->table[i]);
	if (counts && meter->count == 0 && label_count(kind) == 0)
		write_counter(out, kind, &none);
}

void meter_clear(struct meter *meter)
{
	for (size_t i = 0; i < meter->room; i++) {
		if (!meter->table[i])
			continue;
		for (size_t l = 0; l < METER_LABELS_MOST; l++)
			free(meter->table[i]->values[l]);
		free(meter->table[i]);
	}
	free(meter->table);
	meter->table = NULL;
	meter->count = meter->room = 0;
}
