/* SPDX-License-Identifier: MIT */
/*
 * A second GPU of the same driver, which stays (GPU=lnl+bmg).
 */
#ifndef SCENARIOS_PEER_H
#define SCENARIOS_PEER_H

#include "xe.h"

#define PEER_PATH 32

/*
 * The path of the second GPU, whose render node has the number @second, or SCN_SKIP if
 * that is 0. @device has shown by then that it opens, and is closed: what each of them
 * maps can be told apart. 0, SCN_SKIP, or -1, reported.
 */
int peer_find(struct xe *xe, const char *device, uint64_t second, char path[PEER_PATH]);

/* Live mappings of all devices as DMA-API debugging counts them, 0 if it does not. */
uint64_t peer_mappings(void);

#endif
