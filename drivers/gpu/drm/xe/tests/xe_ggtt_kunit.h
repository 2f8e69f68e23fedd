/* SPDX-License-Identifier: MIT */

#ifndef _XE_GGTT_KUNIT_H_
#define _XE_GGTT_KUNIT_H_

struct kunit;
struct xe_ggtt;
struct xe_tile;

struct xe_ggtt *xe_kunit_helper_ggtt_init(struct kunit *test, struct xe_tile *tile,
					  u64 *ptes, unsigned int num);
void xe_kunit_helper_ggtt_fini(struct kunit *test, struct xe_ggtt *ggtt);

#endif
