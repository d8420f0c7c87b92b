/*
 * The world as a whole: its clock, its projects and the shelves their
 * resources stand on. Out of memory ends the process.
 */
#include "world.h"
#include "../kube/kube.h"
#include "catalog.h"
#include "fault.h"
#include "memory.h"

#include <string.h>
#include <time.h>

/* Ids of different kinds never look alike, so that a mix-up is found. */
#define IDS_PER_KIND 1000000

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void now_text(const struct world *world, char text[static 32])
{
	time_t now = (world->now_ms + world->unix_minus_now_ms) / 1000;
	struct tm utc;

	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

void world_init(struct world *world)
{
	/* 50.47612, not 50.476120000000002 */
	json_c_set_serialization_double_format("%.10g", JSON_C_OPTION_GLOBAL);
	*world = (struct world){.time_scale = 1, .boot_seconds = 60};
	world->now_ms = clock_ms();
	world->unix_minus_now_ms = (int64_t)time(NULL) * 1000 - world->now_ms;
	world->catalog.world = world;
	world->sold_out = json_object_new_object();
	world->calls = json_object_new_object();
	bucket_init(&world->stranger, world->now_ms);
	for (int64_t kind = 0; kind < KIND_COUNT; kind++)
		world->last_id[kind] = (kind + 1) * IDS_PER_KIND;
	catalog_fill(world);
}

static void project_empty(struct project *project)
{
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		struct shelf *shelf = &project->shelves[kind];

		while (shelf->count)
			resource_remove(
				project, shelf->items[shelf->count - 1]);
	}
}

void world_empty(struct world *world)
{
	events_clear(world);
	for (struct project *p = world->projects; p; p = p->next)
		project_empty(p);
}

static void project_free(struct project *project)
{
	for (size_t kind = 0; kind < KIND_COUNT; kind++)
		free(project->shelves[kind].items);
	free(project->name);
}

void world_clear(struct world *world)
{
	world_empty(world);
	kube_free(world->kube);
	while (world->projects) {
		struct project *project = world->projects;

		world->projects = project->next;
		project_free(project);
		free(project);
	}
	project_empty(&world->catalog);
	project_free(&world->catalog);
	tokens_clear(world);
	faults_clear(world);
	json_object_put(world->sold_out);
	json_object_put(world->calls);
	if (world->record)
		fclose(world->record);
}

void world_turn(struct world *world)
{
	world->now_ms = clock_ms();
	events_turn(world);
}

int64_t world_ms(const struct world *world, double seconds)
{
	return (int64_t)(seconds * 1000 / world->time_scale);
}

struct project *project_named(struct world *world, const char *name)
{
	struct project **end = &world->projects;

	for (; *end; end = &(*end)->next)
		if (strcmp((*end)->name, name) == 0)
			return *end;

	struct project *project = must_calloc(1, sizeof *project);

	project->world = world;
	project->name = must_strdup(name);
	bucket_init(&project->bucket, world->now_ms);
	for (size_t kind = 0; kind < KIND_COUNT; kind++)
		project->quota[kind] = -1;
	return *end = project;
}

struct shelf *shelf_of(struct project *project, enum kind kind)
{
	if (kind <= KIND_IMAGE)
		project = &project->world->catalog;
	return &project->shelves[kind];
}
