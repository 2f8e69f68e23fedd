/* SPDX-License-Identifier: MIT */

#ifndef _XE_DMA_LIVE_TEST_H_
#define _XE_DMA_LIVE_TEST_H_

struct kunit_suite;

extern struct kunit_suite xe_dma_live_test_suite;

#endif
