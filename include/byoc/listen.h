/* The address that something is served at. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Reads "127.0.0.1:9400" or "[::1]:9400"; false: it is neither. */
bool listen_read(const char *text, struct sockaddr_storage *address);
uint16_t listen_port(const struct sockaddr_storage *address);
/* Is it one of this machine that no other can reach? */
bool listen_is_loopback(const struct sockaddr_storage *address);
