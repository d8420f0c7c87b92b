/*
 * What goes and what stays. The first line that fits decides; what fits none is
 * somebody else's and none of our business. Every line says why, for the
 * receipt.
 */
#include "belongs.h"

#include <byoc/memory.h>

#define KIND(kind) (1u << (kind))
#define BALANCERS KIND(RESOURCE_LOAD_BALANCER)
#define SERVERS KIND(RESOURCE_SERVER)
#define VOLUMES KIND(RESOURCE_VOLUME)
#define ADDRESSES KIND(RESOURCE_PRIMARY_IP)
#define FLOATING KIND(RESOURCE_FLOATING_IP)
#define CERTIFICATES KIND(RESOURCE_CERTIFICATE)
#define ALL (~0u)

/* clang-format off */
static const struct belonging table[] = {
	{BALANCERS | SERVERS, MARK_OTHERS | MARK_MEMBER, STAYS_IN_THE_WAY,
		"another cluster's, on this cluster's network"},
	{ALL, MARK_OTHERS, IS_STRANGE, ""},
	{FLOATING | CERTIFICATES, MARK_SHARED, STAYS,
		"in use by what is not the cluster's"},
	{ALL, MARK_RECORDED, GOES, "made for the cluster"},
	{ALL, MARK_OURS, GOES, "bears the cluster's label"},
	{BALANCERS, MARK_CONTROLLER | MARK_MEMBER, GOES,
		"made by the cluster's cloud controller, on its network"},
	{BALANCERS, MARK_CONTROLLER | MARK_FRONT, GOES,
		"made by the cluster's cloud controller, before its servers"},
	{BALANCERS, MARK_CONTROLLER | MARK_ANEW, GOES,
		"made anew by the cluster's cloud controller, in the end"},
	{SERVERS, MARK_SCALER | MARK_MEMBER, GOES,
		"made by the cluster's autoscaler, on its network"},
	{VOLUMES, MARK_DRIVER | MARK_AT_OURS, GOES,
		"made by the cluster's volume driver, at its servers"},
	{ADDRESSES | FLOATING, MARK_AT_OURS, GOES,
		"an address of the cluster's servers"},
	{CERTIFICATES, MARK_CONTROLLER | MARK_AT_OURS, GOES,
		"made by the cluster's cloud controller, for its balancers"},
	{BALANCERS | SERVERS, MARK_WANTED | MARK_MEMBER, GOES,
		"a neighbour on the cluster's network, to go as asked"},
	{BALANCERS | SERVERS, MARK_MEMBER, STAYS_IN_THE_WAY,
		"a neighbour on the cluster's network"},
	{BALANCERS, MARK_CONTROLLER | MARK_SHARED, STAYS,
		"a cloud controller's, before servers of others as well"},
	{VOLUMES, MARK_AT_OURS, STAYS,
		"somebody's own volume, detached from the cluster's servers"},
	{CERTIFICATES, MARK_AT_OURS, STAYS,
		"somebody's own certificate, that the cluster's balancers used"},
};
/* clang-format on */

static const struct belonging strange = {ALL, 0, IS_STRANGE, ""};

const struct belonging *belonging_of(enum resource_kind kind, unsigned marks)
{
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].kinds & KIND(kind) &&
			(table[i].marks & ~marks) == 0)
			return &table[i];
	return &strange;
}
