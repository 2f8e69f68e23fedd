/* SPDX-License-Identifier: MIT */

#ifndef _XE_UNPLUG_TYPES_H_
#define _XE_UNPLUG_TYPES_H_

#include <linux/ktime.h>
#include <linux/srcu.h>
#include <linux/types.h>

#include "xe_bo_unplug_types.h"

/**
 * struct xe_unplug - how far the removal of a device has come
 *
 * Each flag is set at most once and never cleared, @gone first. The flags are
 * read anywhere, without a lock; the rest belongs to the removal.
 */
struct xe_unplug {
	/**
	 * @srcu: read side of xe_unplug_enter(). Belongs to one device, unlike
	 * the domain of drm_dev_enter(), so that a sleeping section delays
	 * nobody else.
	 */
	struct srcu_struct srcu;
	/** @begin: when the removal began, for the log */
	ktime_t begin;
	/**
	 * @gone: removal has begun, the driver must not start anything new on
	 * the device.
	 */
	bool gone;
	/** @dead: the device does not answer and is not to be waited for */
	bool dead;
	/**
	 * @stopped: the device has stopped to execute. Fences of work that did
	 * not complete may be signalled.
	 */
	bool stopped;
	/** @queues: user queues that were killed, for the log */
	unsigned int queues;
	/** @lost: jobs that were cut off, for the log */
	unsigned int lost;
	/** @bos: what became of the memory of buffer objects, for the log */
	struct xe_bo_unplug_stats bos;
};

#endif
