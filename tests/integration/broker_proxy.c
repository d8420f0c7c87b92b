#include "broker_proxy.h"

#include <arpa/inet.h>
#include <byoc/memory.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 0
#define FDS_MOST 17 /* the listener, and pairs of client and broker */

struct proxy {
	pthread_t thread;
	int broker_port;
	int port;
	atomic_int delay_ms;
	atomic_bool stopping;
	struct pollfd fds[FDS_MOST];
	nfds_t count;
};

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void add(struct proxy *proxy, int fd)
{
	proxy->fds[proxy->count++] =
		(struct pollfd){.fd = fd, .events = POLLIN};
}

static void accept_one(struct proxy *proxy)
{
	struct sockaddr_in address = loopback(proxy->broker_port);
	int client = accept(proxy->fds[LISTENER].fd, NULL, NULL);
	int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (client < 0 || broker < 0 || proxy->count + 2 > FDS_MOST ||
		connect(broker, (struct sockaddr *)&address, sizeof(address)))
		abort();
	add(proxy, client);
	add(proxy, broker);
}

static void drop_pair(struct proxy *proxy, nfds_t first)
{
	for (nfds_t i = first; i < first + 2; i++) {
		close(proxy->fds[i].fd);
		proxy->fds[i].fd = -1; /* poll passes it over */
		proxy->fds[i].revents = 0;
	}
}

/* The first of a pair is odd, its partner follows. */
static void pass_on(struct proxy *proxy, nfds_t from, int delay_ms)
{
	nfds_t to = from % 2 ? from + 1 : from - 1;
	static char piece[65536];
	ssize_t size = read(proxy->fds[from].fd, piece, sizeof(piece));
	ssize_t sent = 0;

	poll(NULL, 0, delay_ms);
	while (size > 0 && sent < size) {
		ssize_t more = send(proxy->fds[to].fd, piece + sent,
			(size_t)(size - sent), MSG_NOSIGNAL);

		if (more < 0)
			size = -1;
		else
			sent += more;
	}
	if (size <= 0)
		drop_pair(proxy, from % 2 ? from : to);
}

static void *serve(void *argument)
{
	struct proxy *proxy = argument;

	while (!atomic_load(&proxy->stopping)) {
		int delay_ms = atomic_load(&proxy->delay_ms);

		poll(proxy->fds, delay_ms < 0 ? 0 : proxy->count, 20);
		if (delay_ms < 0)
			continue;
		for (nfds_t i = 1; i < proxy->count; i++)
			if (proxy->fds[i].fd >= 0 && proxy->fds[i].revents)
				pass_on(proxy, i, delay_ms);
		if (proxy->fds[LISTENER].revents)
			accept_one(proxy);
	}
	return NULL;
}

struct proxy *proxy_start(int broker_port)
{
	struct proxy *proxy = memory_new(sizeof(*proxy));
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
	cr_assert_eq(listen(fd, 8), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	proxy->broker_port = broker_port;
	proxy->port = ntohs(address.sin_port);
	add(proxy, fd);
	cr_assert_eq(pthread_create(&proxy->thread, NULL, serve, proxy), 0);
	return proxy;
}

void proxy_stop(struct proxy *proxy)
{
	atomic_store(&proxy->stopping, true);
	pthread_join(proxy->thread, NULL);
	for (nfds_t i = 0; i < proxy->count; i++)
		if (proxy->fds[i].fd >= 0)
			close(proxy->fds[i].fd);
	free(proxy);
}

int proxy_port(const struct proxy *proxy)
{
	return proxy->port;
}

void proxy_delay(struct proxy *proxy, int delay_ms)
{
	atomic_store(&proxy->delay_ms, delay_ms);
}
