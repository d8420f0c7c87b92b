/* Settings from the environment: values, files, and complaints together. */
#include <byoc/settings.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings settings;
static char *complaints;

static const char *const names[] = {"BYOC_DATABASE_URL",
	"BYOC_DATABASE_URL_FILE", "BYOC_AMQP_URL", "BYOC_KEY_DIR",
	"BYOC_HCLOUD_ENDPOINT", "BYOC_MAX_IN_FLIGHT", "BYOC_HTTP_LISTEN",
	"BYOC_LOG_LEVEL", "BYOC_LOG_FORMAT", "BYOC_DRAIN_TIMEOUT"};

static void set_up(void)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

static void tear_down(void)
{
	settings_clear(&settings);
	free(complaints);
}

TestSuite(settings, .init = set_up, .fini = tear_down);

static void expect_complaint(const char *piece)
{
	cr_assert(complaints && strstr(complaints, piece), "%s", complaints);
}

Test(settings, has_a_default_for_what_is_not_required)
{
	cr_assert(settings_read(&settings, 0, &complaints), "%s", complaints);
	cr_assert_null(complaints);
	cr_assert_str_eq(
		settings.hcloud_endpoint, "https://api.hetzner.cloud/v1");
	cr_assert_str_eq(settings.http_listen, "127.0.0.1:9400");
	cr_assert_eq(settings.max_in_flight, 256);
	cr_assert_eq(settings.drain_timeout_s, 30);
	cr_assert_eq(settings.log_level, LOG_INFO);
}

Test(settings, reads_values)
{
	setenv("BYOC_DATABASE_URL", "postgresql:///x", 1);
	setenv("BYOC_MAX_IN_FLIGHT", "17", 1);
	setenv("BYOC_LOG_LEVEL", "debug", 1);
	setenv("BYOC_LOG_FORMAT", "text", 1);
	cr_assert(settings_read(&settings, NEED_DATABASE, &complaints));
	cr_assert_str_eq(settings.database_url.bytes, "postgresql:///x");
	cr_assert_eq(settings.max_in_flight, 17);
	cr_assert_eq(settings.log_level, LOG_DEBUG);
	cr_assert_eq(settings.log_format, LOG_PLAIN);
}

Test(settings, reads_a_value_from_a_file)
{
	char path[] = "/tmp/byoc-test-settings-XXXXXX";
	int file = mkstemp(path);

	cr_assert_eq(write(file, "postgresql:///y\r\n", 17), 17);
	close(file);
	setenv("BYOC_DATABASE_URL_FILE", path, 1);
	bool read = settings_read(&settings, NEED_DATABASE, &complaints);
	unlink(path);
	cr_assert(read, "%s", complaints);
	cr_assert_str_eq(settings.database_url.bytes, "postgresql:///y");
}

Test(settings, says_which_file_cannot_be_read)
{
	setenv("BYOC_DATABASE_URL_FILE", "/nowhere/url", 1);
	cr_assert_not(settings_read(&settings, NEED_DATABASE, &complaints));
	cr_assert_str_eq(complaints, "BYOC_DATABASE_URL_FILE: cannot read "
				     "/nowhere/url: No such file or "
				     "directory\n");
}

Test(settings, tells_all_that_is_wrong_together)
{
	setenv("BYOC_MAX_IN_FLIGHT", "0", 1);
	setenv("BYOC_DRAIN_TIMEOUT", "soon", 1);
	setenv("BYOC_LOG_LEVEL", "loud", 1);
	setenv("BYOC_HTTP_LISTEN", "9400", 1);
	cr_assert_not(settings_read(&settings,
		NEED_DATABASE | NEED_BROKER | NEED_KEYS, &complaints));
	expect_complaint("BYOC_DATABASE_URL is not set: ");
	expect_complaint("BYOC_AMQP_URL is not set: ");
	expect_complaint("BYOC_KEY_DIR is not set: ");
	expect_complaint("BYOC_MAX_IN_FLIGHT: want a number from 1 to 4096\n");
	expect_complaint("BYOC_DRAIN_TIMEOUT: want a number from 0 to 3600\n");
	expect_complaint("BYOC_LOG_LEVEL: want error, warn, info or debug\n");
	expect_complaint("BYOC_HTTP_LISTEN: want ADDRESS:PORT, such as "
			 "127.0.0.1:9400\n");
}

static bool takes_endpoint(const char *url)
{
	setenv("BYOC_HCLOUD_ENDPOINT", url, 1);
	bool read = settings_read(&settings, NEED_HETZNER, &complaints);
	settings_clear(&settings);
	free(complaints);
	complaints = NULL;
	return read;
}

Test(settings, sends_a_token_over_plain_http_to_loopback_only)
{
	cr_expect(takes_endpoint("https://api.example.com/v1"));
	cr_expect(takes_endpoint("http://127.0.0.1:8080/v1"));
	cr_expect(takes_endpoint("http://localhost/v1"));
	cr_expect(takes_endpoint("http://[::1]:80/v1"));
	cr_expect_not(takes_endpoint("http://api.example.com/v1"));
	cr_expect_not(takes_endpoint("http://127.0.0.1.example.com/v1"));
	cr_expect_not(takes_endpoint("http://localhost@example.com/v1"));
	cr_expect_not(takes_endpoint("https://user:pass@example.com/v1"));
	cr_expect_not(takes_endpoint("ftp://example.com/v1"));
}

Test(settings, wants_the_version_at_the_end_of_the_endpoint)
{
	cr_expect_not(takes_endpoint("https://api.example.com"));
	cr_expect_not(takes_endpoint("https://api.example.com/v1/servers"));
	setenv("BYOC_HCLOUD_ENDPOINT", "https://api.hetzner.cloud/", 1);
	cr_assert_not(settings_read(&settings, NEED_HETZNER, &complaints));
	cr_assert_str_eq(complaints,
		"BYOC_HCLOUD_ENDPOINT: want a URL that ends in /v1, such as "
		"https://api.hetzner.cloud/v1\n");
}

Test(settings, cuts_the_slash_at_the_end_of_the_endpoint)
{
	setenv("BYOC_HCLOUD_ENDPOINT", "https://api.example.com/v1//", 1);
	cr_assert(settings_read(&settings, NEED_HETZNER, &complaints));
	cr_assert_str_eq(
		settings.hcloud_endpoint, "https://api.example.com/v1");
}
