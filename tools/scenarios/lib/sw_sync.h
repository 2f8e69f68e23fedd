/* SPDX-License-Identifier: MIT */
/*
 * sw_sync, the kernel's software timeline (CONFIG_SW_SYNC): fences that end when
 * the program says so, as those of another device would. Its file is in debugfs.
 */
#ifndef SCENARIOS_SW_SYNC_H
#define SCENARIOS_SW_SYNC_H

#include "xe.h"

/* A timeline that stands at 0. SCN_SKIP when the kernel has none, or -1, reported. */
int sw_sync_open(int *timeline);

/* A sync file whose fence ends when the timeline moves on. 0 or -1, reported. */
int sw_sync_fence(int timeline, int *sync_file);

/* The same fence in a new sync object of @xe. 0 or -1, reported. */
int sw_sync_syncobj(int timeline, struct xe *xe, uint32_t *syncobj);

/* Move on by one. 0 or -1, reported. */
int sw_sync_advance(int timeline);

#endif
