/* SPDX-License-Identifier: MIT */

#ifndef _XE_BO_UNPLUG_TYPES_H_
#define _XE_BO_UNPLUG_TYPES_H_

#include <linux/completion.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>
#include <linux/workqueue_types.h>

/**
 * struct xe_bo_list - the buffer objects of a device that unplug looks at
 *
 * Those of users, imported ones, and all page tables and ring contexts, of
 * users as of the kernel. TTM's lists do not do: they are sorted by use, in
 * constant motion, and lack what is pinned.
 */
struct xe_bo_list {
	/** @lock: protects the lists and &xe_bo.unplug_link; a leaf */
	spinlock_t lock;
	/** @bos: those of users, &xe_bo.unplug_link */
	struct list_head bos;
	/** @imports: those of dma-bufs of others, &xe_bo.unplug_link */
	struct list_head imports;
	/** @kernel: page tables and ring contexts, &xe_bo.unplug_link */
	struct list_head kernel;
	/** @retry: drops what was locked or used by others during the removal */
	struct work_struct retry;
	/** @retried: completed by @retry */
	struct completion retried;
	/** @detach: gives back what is on @imports */
	struct work_struct detach;
	/** @detached: completed by @detach */
	struct completion detached;
};

/**
 * struct xe_bo_unplug_stats - what became of the memory of buffer objects
 */
struct xe_bo_unplug_stats {
	/** @freed: CPU pages given back */
	u64 freed;
	/** @kept: buffers whose pages stay, as they are exported or mapped */
	unsigned long kept;
	/** @kept_pages: CPU pages of these */
	u64 kept_pages;
	/** @save_until: no copy out of VRAM begins later than this */
	ktime_t save_until;
	/** @copy_until: and none goes on for longer than this */
	ktime_t copy_until;
	/** @saved: exported buffers whose content was copied out of VRAM */
	unsigned long saved;
	/** @lost: exported buffers whose content could not be saved */
	unsigned long lost;
	/** @busy: buffers that others held locked for all the time, or use */
	unsigned long busy;
	/** @busy_shared: those of @busy that are exported, and may be in VRAM */
	unsigned long busy_shared;
	/** @patient: importers may be called that wait for what others do */
	bool patient;
	/** @revoking: the worker is to call such importers */
	bool revoking;
	/** @attached: imports were not all given back in time */
	bool attached;
};

#endif
