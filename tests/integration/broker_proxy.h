/*
 * Stands between a client and the broker and can stop passing anything on, as
 * if the broker's machine stood still: connections stay, nothing is read.
 */
#pragma once

struct proxy;

/* Listens on a port of 127.0.0.1, for connections to this one. */
struct proxy *proxy_start(int broker_port);
void proxy_stop(struct proxy *proxy);
int proxy_port(const struct proxy *proxy);

/* From now on each piece is passed on so much later; -1: not at all. */
void proxy_delay(struct proxy *proxy, int delay_ms);
