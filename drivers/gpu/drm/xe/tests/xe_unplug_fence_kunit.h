/* SPDX-License-Identifier: MIT */

#ifndef _XE_UNPLUG_FENCE_KUNIT_H_
#define _XE_UNPLUG_FENCE_KUNIT_H_

extern struct kunit_suite xe_unplug_fence_test_suite;

#endif
