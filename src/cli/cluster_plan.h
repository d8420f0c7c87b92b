/* The list before a deletion. */
#pragma once

#include "command.h"

/* Asks for it, waits for it and prints it; gives the command's status. */
int plan_deletion(
	struct call *call, const char *cluster, const struct removal *removal);
