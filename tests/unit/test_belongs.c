/* What goes with a cluster and what stays. */
#include <byoc/memory.h>
#include <criterion/criterion.h>

#include "belongs.h"

#define LB RESOURCE_LOAD_BALANCER
#define SRV RESOURCE_SERVER
#define VOL RESOURCE_VOLUME
#define FLT RESOURCE_FLOATING_IP
#define CRT RESOURCE_CERTIFICATE

static const struct {
	const char *what;
	enum resource_kind kind;
	unsigned marks;
	enum belongs belongs;
} cases[] = {
	{"recorded", RESOURCE_FIREWALL, MARK_RECORDED, GOES},
	{"label", RESOURCE_SSH_KEY, MARK_OURS, GOES},
	{"label of another", RESOURCE_NETWORK, MARK_OTHERS, IS_STRANGE},
	{"no label", RESOURCE_PLACEMENT_GROUP, 0, IS_STRANGE},
	{"ccm on the network", LB, MARK_CONTROLLER | MARK_MEMBER, GOES},
	{"ccm before ours", LB, MARK_CONTROLLER | MARK_FRONT, GOES},
	{"ccm elsewhere", LB, MARK_CONTROLLER, IS_STRANGE},
	{"ccm, some targets ours", LB, MARK_CONTROLLER | MARK_SHARED, STAYS},
	{"own balancer before ours", LB, MARK_FRONT, IS_STRANGE},
	{"own balancer on the network", LB, MARK_MEMBER | MARK_FRONT,
		STAYS_IN_THE_WAY},
	{"ccm, made anew", LB, MARK_CONTROLLER | MARK_ANEW, GOES},
	{"autoscaled", SRV, MARK_SCALER | MARK_MEMBER, GOES},
	{"autoscaled elsewhere", SRV, MARK_SCALER, IS_STRANGE},
	{"bastion", SRV, MARK_MEMBER, STAYS_IN_THE_WAY},
	{"bastion, to go", SRV, MARK_MEMBER | MARK_WANTED, GOES},
	{"any server, neighbours to go", SRV, MARK_WANTED, IS_STRANGE},
	{"another cluster's on the network", SRV,
		MARK_MEMBER | MARK_OTHERS | MARK_WANTED, STAYS_IN_THE_WAY},
	{"another cluster's scaled", SRV,
		MARK_MEMBER | MARK_OTHERS | MARK_SCALER, STAYS_IN_THE_WAY},
	{"csi volume at ours", VOL, MARK_DRIVER | MARK_AT_OURS, GOES},
	{"csi volume elsewhere", VOL, MARK_DRIVER, IS_STRANGE},
	{"own volume at ours", VOL, MARK_AT_OURS, STAYS},
	{"another cluster's volume at ours", VOL,
		MARK_AT_OURS | MARK_DRIVER | MARK_OTHERS, IS_STRANGE},
	{"address of ours", RESOURCE_PRIMARY_IP, MARK_AT_OURS, GOES},
	{"address elsewhere", RESOURCE_PRIMARY_IP, 0, IS_STRANGE},
	{"floating IP at ours", FLT, MARK_AT_OURS, GOES},
	{"floating IP that moved on", FLT, MARK_AT_OURS | MARK_SHARED, STAYS},
	{"recorded, but moved on", FLT, MARK_RECORDED | MARK_SHARED, STAYS},
	{"floating IP elsewhere", FLT, MARK_SHARED, STAYS},
	{"another cluster's floating IP", FLT, MARK_AT_OURS | MARK_OTHERS,
		IS_STRANGE},
	{"the controller's certificate", CRT, MARK_CONTROLLER | MARK_AT_OURS,
		GOES},
	{"its certificate, used elsewhere", CRT,
		MARK_CONTROLLER | MARK_AT_OURS | MARK_SHARED, STAYS},
	{"somebody's own certificate", CRT, MARK_AT_OURS, STAYS},
	{"another controller's certificate", CRT, MARK_CONTROLLER, IS_STRANGE},
	{"a certificate with our label", CRT, MARK_OURS, GOES},
};

Test(belongs, is_decided_by_marks)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		cr_assert_eq(
			belonging_of(cases[i].kind, cases[i].marks)->belongs,
			cases[i].belongs, "%s", cases[i].what);
}

Test(belongs, nothing_goes_without_a_mark_of_ours)
{
	const unsigned harmless = MARK_CONTROLLER | MARK_SCALER | MARK_DRIVER |
				  MARK_SHARED | MARK_WANTED;

	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (unsigned marks = 0; marks < 1u << 11; marks++)
			if ((marks & ~harmless) == 0)
				cr_assert_neq(
					belonging_of(
						(enum resource_kind)kind, marks)
						->belongs,
					GOES, "%d %u", kind, marks);
}

Test(belongs, another_clusters_never_goes)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (unsigned marks = 0; marks < 1u << 11; marks++)
			if (marks & MARK_OTHERS)
				cr_assert_neq(
					belonging_of(
						(enum resource_kind)kind, marks)
						->belongs,
					GOES, "%d %u", kind, marks);
}

Test(belongs, what_is_told_of_says_why)
{
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		for (unsigned marks = 0; marks < 1u << 11; marks++) {
			const struct belonging *line =
				belonging_of((enum resource_kind)kind, marks);
			cr_assert(line->belongs == IS_STRANGE || line->why[0]);
		}
}
