/* SPDX-License-Identifier: MIT */
/*
 * The two states of an exported BO: GEM handle still open, and closed.
 */
#ifndef SCENARIOS_DMABUF_H
#define SCENARIOS_DMABUF_H

#include <stdbool.h>

/* Run the program; @keep_handle tells which of the two it is. */
int dmabuf_main(int argc, char **argv, const char *name, const char *summary,
		bool keep_handle);

#endif
