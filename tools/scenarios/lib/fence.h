/* SPDX-License-Identifier: MIT */
/*
 * Sync files: the form of a fence that can still be asked when the device has
 * gone, and the checks of how fences and sleeping calls ended.
 */
#ifndef SCENARIOS_FENCE_H
#define SCENARIOS_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "waiter.h"

/*
 * Status as SYNC_IOC_FILE_INFO has it: 0 active, 1 signalled, negative errno.
 * 0 or -1, reported.
 */
int fence_status(int sync_file, int *status);

/* Before removal: the fence of @what has not ended. 0 or -1, reported. */
int fence_pending(int sync_file, const char *what);

/* "active", "success" or the errno's name. */
const char *fence_status_name(int status);

/* The fence's status when it ends, or at @end_ms (CLOCK_MONOTONIC, milliseconds). */
int fence_wait(int sync_file, uint64_t end_ms);

/*
 * After removal: the fence ends until @end_ms and says ENODEV. One more status may be right: @other, 1 for success, 0 for
 * none. Deviations are reported with @what. Returns the status last seen.
 */
int fence_gone(int sync_file, uint64_t end_ms, int other, const char *what);

/*
 * After removal: the call returns until @end_ms. Success is fine where a fence
 * was waited for (@may_succeed), else only ENODEV.
 */
void waiter_gone(struct waiter *w, uint64_t end_ms, bool may_succeed);

/* Milliseconds until @end_ms, at least 0. */
int ms_left(uint64_t end_ms);

#endif
