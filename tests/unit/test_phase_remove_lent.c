/* Teardown: floating IPs and certificates, which nobody makes for a cluster. */
#include "parts.h"
#include "phase_harness.h"

#include <string.h>

static struct trial t;

static void tear_down(void)
{
	trial_end(&t);
}

TestSuite(phase_remove_lent, .fini = tear_down);

static void begin(const char *phase)
{
	trial_begin(&t, GOAL_TEARDOWN, phase, 0);
}

/* ---- Floating IPs ---- */

Test(phase_remove_lent, the_servers_tell_of_floating_ips)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"public_net\":{\"floating_ips\":[71,72]}}]}",
		"next");
	erases(&t, "/load_balancers/4");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_FLOATING_IP, 71));
	cr_assert(facts_with_id(&t.facts, RESOURCE_FLOATING_IP, 72));
}

/* Somebody has taken its label off: it is not in the list. */
Test(phase_remove_lent, a_server_without_its_label_tells_as_well)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_SERVER, "worker", 1, 13);
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	asks(&t, "GET /servers/12");
	takes(&t, 200,
		"{\"server\":{\"id\":12,\"labels\":{},\"volumes\":[61],"
		"\"public_net\":{\"floating_ips\":[71]}}}",
		"next");
	asks(&t, "GET /servers/13");
	takes(&t, 404, ERROR("not_found"), "next");
	asks(&t, LISTED("load_balancers"));
	takes(&t, 200, EMPTY("load_balancers"), "next");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_VOLUME, 61));
	cr_assert(facts_with_id(&t.facts, RESOURCE_FLOATING_IP, 71));
}

/* A deletion that has none asks nothing for them. */
Test(phase_remove_lent, nothing_is_asked_where_there_is_none)
{
	static const char *const phases[] = {"floating_ips", "certificates"};

	for (size_t i = 0; i < COUNT(phases); i++) {
		if (i > 0)
			trial_end(&t);
		begin(phases[i]);
		asks(&t, "done");
	}
}

#define FLOATING(more)                                                         \
	"{\"floating_ip\":{\"id\":71,\"name\":\"vip\",\"labels\":{}" more "}}"

Test(phase_remove_lent, a_floating_ip_goes_with_its_server)
{
	begin("floating_ips");
	trial_recorded(&t, RESOURCE_FLOATING_IP, "at_server", 0, 71);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":null"), "next");
	erases(&t, "/floating_ips/71");
	asks(&t, "done");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_FLOATING_IP, 71), "deleted");
	cr_assert_eq(t.facts.kept_count, 0);
}

/* Its server is protected, and still has it. */
Test(phase_remove_lent, a_floating_ip_is_unassigned_first)
{
	begin("floating_ips");
	trial_recorded(&t, RESOURCE_SERVER, "worker", 0, 12);
	trial_recorded(&t, RESOURCE_FLOATING_IP, "at_server", 0, 71);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":12"), "next");
	asks(&t, "POST /floating_ips/71/actions/unassign");
	takes(&t, 201, "{\"action\":{\"id\":1,\"status\":\"running\"}}",
		"next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":null"), "next");
	asks(&t, "DELETE /floating_ips/71");
	takes(&t, 422, ERROR("must_be_unassigned"), "next");
	asks(&t, "waits 500");
	trial_lease_again(&t);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":null"), "next");
	erases(&t, "/floating_ips/71");
	asks(&t, "done");
}

/* Found at ours, and given to somebody else's server since. */
Test(phase_remove_lent, a_floating_ip_that_moved_on_stays)
{
	begin("floating_ips");
	trial_recorded(&t, RESOURCE_FLOATING_IP, "at_server", 0, 71);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":900"), "next");
	asks(&t, "done");
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_eq(t.facts.kept[0].stay, STAY_FOR_GOOD);
	cr_assert_str_eq(t.facts.kept[0].resource.name, "vip");
	trial_lease_again(&t);
	asks(&t, "done");
}

/* Between two attempts, too: it is looked at before each. */
Test(phase_remove_lent, a_floating_ip_that_moves_on_between_attempts_stays)
{
	begin("floating_ips");
	trial_recorded(&t, RESOURCE_FLOATING_IP, "floating_ips", 0, 71);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"server\":900"), "next");
	asks(&t, "done");
	cr_assert_null(facts_with_id(&t.facts, RESOURCE_FLOATING_IP, 71));
	cr_assert_str_eq(trial_fate(&t, RESOURCE_FLOATING_IP, 71), "none");
}

Test(phase_remove_lent, a_protected_floating_ip_is_told_of)
{
	begin("floating_ips");
	trial_recorded(&t, RESOURCE_FLOATING_IP, "at_server", 0, 71);
	asks(&t, "GET /floating_ips/71");
	takes(&t, 200, FLOATING(",\"protection\":{\"delete\":true}"), "next");
	asks(&t, "failed retry protected");
	says(&t, "The floating IP 'vip' (id 71) is protected from deletion.");
	cr_assert_eq(t.facts.kept[0].stay, STAY_PROTECTED);
}

/* ---- Certificates ---- */

#define SERVICE "0a1b2c3d-4444-4555-8666-777788889999"
#define OTHER_SERVICE "ffffffff-4444-4555-8666-777788889999"
#define OF_SERVICE(uid) "\"labels\":{\"hcloud-ccm/service-uid\":\"" uid "\"}"
#define FRONT(id, uid, certificates)                                                     \
	"{\"id\":" id ",\"name\":\"front\"," OF_SERVICE(                                 \
		uid) ",\"private_net\":[{\"network\":2}],\"services\":["                 \
		     "{\"protocol\":\"https\",\"http\":{\"certificates\":[" certificates \
		     "]}}]}"
#define CERTIFICATE(type, uid, users)                                          \
	"{\"certificate\":{\"id\":81,\"name\":\"tls\",\"type\":\"" type        \
	"\"," OF_SERVICE(uid) ",\"status\":{\"issuance\":\"completed\"},"      \
			      "\"used_by\":[" users "]}}"
#define USER(id) "{\"id\":" id ",\"type\":\"load_balancer\"}"

/* Balancers 5 and 6 on the network, as Kubernetes has made them. */
static void find_fronts(const char *fronts)
{
	trial_recorded(&t, RESOURCE_NETWORK, "network", 0, 2);
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"load_balancers\":[5,6]}]}",
		"next");
	asks(&t, FRONTS("1"));
	takes(&t, 200, fronts, "next");
}

/* Whoever has deleted the balancer and died over it has it in the records. */
Test(phase_remove_lent, certificates_are_recorded_before_their_balancer_goes)
{
	begin("load_balancers");
	trial_recorded(&t, RESOURCE_LOAD_BALANCER, "load_balancer", 0, 4);
	find_fronts("{\"load_balancers\":[" FRONT("5", SERVICE, "81") "," FRONT(
		"6", OTHER_SERVICE, "") "]}");
	erases(&t, "/load_balancers/4");
	erases(&t, "/load_balancers/6");
	asks(&t, "waits 500");
	cr_assert(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81));

	trial_lease_again(&t);
	asks(&t, LISTED("servers"));
	takes(&t, 200, EMPTY("servers"), "next");
	erases(&t, "/load_balancers/5");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81));
}

/* What a balancer of one Service, or of two, has left in the records. */
static void left_by(const char *services)
{
	begin("certificates");
	trial_recorded(&t, RESOURCE_CERTIFICATE, "at_balancer", 0, 81);
	strcpy(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81)->resource.name,
		services);
	asks(&t, "GET /certificates/81");
}

Test(phase_remove_lent, the_controllers_certificate_goes)
{
	left_by("aaaaaaaa 0a1b2c3d");
	takes(&t, 200, CERTIFICATE("managed", SERVICE, ""), "next");
	erases(&t, "/certificates/81");
	asks(&t, "done");
	cr_assert_str_eq(trial_fate(&t, RESOURCE_CERTIFICATE, 81), "deleted");
	cr_assert_eq(t.facts.kept_count, 0);
}

/* Uploaded, or of a Service of another cluster, or of none. */
Test(phase_remove_lent, somebody_elses_certificate_stays_and_is_told_of)
{
	static const char *const theirs[] = {
		CERTIFICATE("uploaded", SERVICE, ""),
		CERTIFICATE("managed", OTHER_SERVICE, ""),
		"{\"certificate\":{\"id\":81,\"name\":\"tls\","
		"\"type\":\"managed\",\"labels\":{},\"used_by\":[]}}"};

	for (size_t i = 0; i < COUNT(theirs); i++) {
		if (i > 0)
			trial_end(&t);
		left_by("0a1b2c3d");
		takes(&t, 200, theirs[i], "next");
		asks(&t, "done");
		cr_assert_eq(t.facts.kept_count, 1);
		cr_assert_str_eq(t.facts.kept[0].resource.name, "tls");
		cr_assert_null(
			facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81));
	}
}

/* Another balancer has it: who that is shows when all are gone. */
Test(phase_remove_lent, a_certificate_in_use_is_left_to_the_sweep)
{
	left_by("0a1b2c3d");
	takes(&t, 200, CERTIFICATE("managed", SERVICE, USER("900")), "next");
	asks(&t, "done");
	cr_assert(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81));
	cr_assert_eq(t.facts.kept_count, 0);
}

/* The sweep, with all kinds but certificates seen to. */
static void sweep_certificate(void)
{
	trial_begin(&t, GOAL_TEARDOWN, "sweep", 0);
	trial_recorded(&t, RESOURCE_CERTIFICATE, "at_balancer", 0, 81);
	strcpy(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81)->resource.name,
		"0a1b2c3d");
	t.facts.removal.swept_kinds = ~0u;
	asks(&t, "GET /certificates/81");
}

Test(phase_remove_lent, the_sweep_leaves_one_that_others_use)
{
	sweep_certificate();
	takes(&t, 200, CERTIFICATE("managed", SERVICE, USER("900")), "next");
	asks(&t, "done");
	cr_assert_eq(t.facts.kept_count, 1);
	cr_assert_null(facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81));
}

Test(phase_remove_lent, the_sweep_takes_one_that_is_free_by_then)
{
	sweep_certificate();
	takes(&t, 200, CERTIFICATE("managed", SERVICE, ""), "next");
	asks(&t, "DELETE /certificates/81");
	/* Hetzner's word for "still in use". */
	takes(&t, 422, ERROR("service_error"), "failed retry service_error");
	trial_lease_again(&t);
	asks(&t, "GET /certificates/81");
	takes(&t, 200, CERTIFICATE("managed", SERVICE, USER("900")), "next");
	asks(&t, "done");
	cr_assert_eq(t.facts.kept_count, 1);
}

/* ---- The list before ---- */

#define PRICES                                                                 \
	"{\"pricing\":{\"currency\":\"EUR\",\"floating_ips\":[{\"type\":"      \
	"\"ipv4\",\"prices\":[{\"location\":\"fsn1\",\"price_monthly\":"       \
	"{\"net\":\"3.0000000000\"}}]}]}}"

Test(phase_remove_lent, a_survey_tells_of_them_and_their_prices)
{
	trial_begin(&t, GOAL_SURVEY, "survey", 0);
	asks(&t, NETWORKS);
	takes(&t, 200,
		"{\"networks\":[{\"id\":2," OUR_LABEL
		",\"load_balancers\":[5]}]}",
		"next");
	asks(&t, LISTED("servers"));
	takes(&t, 200,
		"{\"servers\":[{\"id\":12," OUR_LABEL
		",\"public_net\":{\"floating_ips\":[71]}}]}",
		"next");
	asks(&t, FRONTS("1"));
	takes(&t, 200, "{\"load_balancers\":[" FRONT("5", SERVICE, "81") "]}",
		"next");
	while (strncmp(trial_ask(&t), "GET /floating_ips/71", 20) != 0)
		takes(&t, 200,
			"{\"load_balancers\":[],\"servers\":[],\"volumes\":[],"
			"\"firewalls\":[],\"ssh_keys\":[],\"primary_ips\":[]}",
			"next");
	takes(&t, 200,
		FLOATING(",\"server\":12,\"type\":\"ipv4\","
			 "\"home_location\":{\"name\":\"fsn1\"}"),
		"next");
	asks(&t, "GET /certificates/81");
	takes(&t, 200, CERTIFICATE("managed", SERVICE, USER("5")), "next");
	asks(&t, "GET /pricing");
	takes(&t, 200, PRICES, "next");
	asks(&t, "done");
	const struct fact_resource *ip =
		facts_with_id(&t.facts, RESOURCE_FLOATING_IP, 71);
	const struct fact_resource *tls =
		facts_with_id(&t.facts, RESOURCE_CERTIFICATE, 81);
	cr_assert(ip->seen && tls->seen);
	cr_assert_eq(ip->bill.price, 3000000);
	cr_assert_eq(tls->bill.price, 0);
}
