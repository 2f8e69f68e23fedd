/* SPDX-License-Identifier: MIT */

#ifndef _XE_BO_UNPLUG_H_
#define _XE_BO_UNPLUG_H_

#include "xe_bo_unplug_types.h"

/** XE_BO_UNPLUG_MS - how long the removal tries locks, for all buffers together */
#define XE_BO_UNPLUG_MS		500

struct kunit_suite;
struct xe_bo;
struct xe_device;

void xe_bo_list_init(struct xe_device *xe);
void xe_bo_list_add(struct xe_bo *bo);
void xe_bo_list_add_kernel(struct xe_bo *bo);
void xe_bo_list_del(struct xe_bo *bo);

void xe_bo_unplug_save(struct xe_device *xe, struct xe_bo_unplug_stats *stats);
void xe_bo_unplug_drop(struct xe_device *xe, struct xe_bo_unplug_stats *stats);

void xe_bo_unplug_hidden(struct xe_bo *bo);
void xe_bo_unplug_hidden_locked(struct xe_bo *bo);

#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)
extern struct kunit_suite xe_bo_unplug_shared_test_suite;
extern struct kunit_suite xe_bo_unplug_test_suite;
extern struct kunit_suite xe_bo_unplug_walk_test_suite;
#endif

#endif
