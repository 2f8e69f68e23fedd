/* SPDX-License-Identifier: MIT */

#ifndef _XE_UNPLUG_H_
#define _XE_UNPLUG_H_

#include "xe_device_types.h"

struct kunit_suite;

int xe_unplug_init(struct xe_device *xe);
bool xe_unplug_present(struct xe_device *xe);
bool xe_unplug_check(struct xe_device *xe);
void xe_unplug_begin(struct xe_device *xe);
void xe_unplug_wait(struct xe_device *xe);
void xe_unplug_halt(struct xe_device *xe);
void xe_unplug_finish(struct xe_device *xe);

bool xe_unplug_enter(struct xe_device *xe, int *idx);
bool xe_unplug_enter_hw(struct xe_device *xe, int *idx);
void xe_unplug_exit(struct xe_device *xe, int idx);

/**
 * xe_device_gone() - Has the removal of the device begun?
 * @xe: the device
 *
 * Cheap enough for any path. The answer "no" can be outdated at once; a caller
 * for whom that matters needs xe_unplug_enter(), or a lock that the remover
 * takes after it has set the flag.
 *
 * Return: true if nothing new may be started on the device.
 */
static inline bool xe_device_gone(const struct xe_device *xe)
{
	return unlikely(READ_ONCE(xe->unplug.gone));
}

/**
 * xe_device_dead() - Has the hardware disappeared?
 * @xe: the device
 *
 * True after a surprise removal was noticed: reads give all ones, nothing is
 * executed, nothing will answer.
 *
 * Return: true if there is nothing to talk to and nothing to wait for.
 */
static inline bool xe_device_dead(const struct xe_device *xe)
{
	return unlikely(READ_ONCE(xe->unplug.dead));
}

/**
 * xe_device_stopped() - Has the device stopped to execute for good?
 * @xe: the device
 *
 * Return: true if the device executes nothing on behalf of anybody, and will
 * not do so again in this life of the driver. Display may still fetch.
 */
static inline bool xe_device_stopped(const struct xe_device *xe)
{
	return unlikely(READ_ONCE(xe->unplug.stopped));
}

#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)
extern struct kunit_suite xe_unplug_late_test_suite;
extern struct kunit_suite xe_unplug_test_suite;
#endif

#endif
