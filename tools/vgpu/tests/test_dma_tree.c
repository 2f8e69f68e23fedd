// SPDX-License-Identifier: MIT
/* Radix tree of the DMA table, against a plain array as the reference. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dma_tree.h"

static void empty(void **state)
{
	struct dma_tree t;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	assert_int_equal(dma_tree_find(&t, 0, 1).slot, DMA_SLOT_EMPTY);
	assert_int_equal(dma_tree_find(&t, UINT64_MAX, 1).slot, DMA_SLOT_EMPTY);
	assert_false(dma_tree_any(&t, 0, (1ull << DMA_TREE_BITS) - 1));
	assert_int_equal(dma_tree_unmap(&t, 0, (1ull << DMA_TREE_BITS) - 1, 1), 0);
	assert_int_equal(dma_tree_find(&t, 0, 1).slot, DMA_SLOT_EMPTY);
	dma_tree_fini(&t);
}

static void one_page(void **state)
{
	struct dma_tree t;
	struct dma_found f;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	assert_int_equal(dma_tree_map(&t, 1000, 1000, 7, 33, 3, 1), 0);
	f = dma_tree_find(&t, 1000, 1);
	assert_int_equal(f.slot, DMA_SLOT_MAP);
	assert_true(f.file == 7 && f.pgoff == 33 && f.prot == 3);
	assert_int_equal(dma_tree_find(&t, 999, 1).slot, DMA_SLOT_EMPTY);
	assert_int_equal(dma_tree_find(&t, 1001, 1).slot, DMA_SLOT_EMPTY);
	assert_true(dma_tree_any(&t, 0, 1000));
	assert_true(dma_tree_any(&t, 1000, 5000));
	assert_false(dma_tree_any(&t, 0, 999));
	assert_false(dma_tree_any(&t, 1001, 50000));
	assert_int_equal(dma_tree_unmap(&t, 1000, 1000, 4711), 0);
	f = dma_tree_find(&t, 1000, 1);
	assert_true(f.slot == DMA_SLOT_TOMB && f.tomb_us == 4711);
	assert_int_equal(t.live_pages, 0);
	dma_tree_fini(&t);
}

/* Whole memory in one go must not cost nodes by its size. */
static void whole_range_is_cheap(void **state)
{
	struct dma_tree t;
	struct dma_found f;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	assert_int_equal(dma_tree_map(&t, 3, 3 + (1ull << 30), 1, 10, 1, 1), 0);
	assert_true(t.nodes < 12);
	assert_int_equal(t.live_pages, (1ull << 30) + 1);
	f = dma_tree_find(&t, 3 + 123456789, 1);
	assert_true(f.slot == DMA_SLOT_MAP && f.pgoff == 10 + 123456789);
	assert_int_equal(dma_tree_find(&t, 2, 1).slot, DMA_SLOT_EMPTY);
	assert_int_equal(dma_tree_find(&t, 4 + (1ull << 30), 1).slot, DMA_SLOT_EMPTY);
	dma_tree_fini(&t);
}

#define PAGES 4096u
#define BASE ((1ull << 27) - 1500) /* lies across a boundary of upper levels */

/* Random maps and unmaps; every page compared with the reference after each. */
static void random_against_reference(void **state)
{
	static struct dma_found want[PAGES];
	struct dma_tree t;
	uint64_t live;

	(void)state;
	srand(1);
	memset(want, 0, sizeof(want));
	assert_int_equal(dma_tree_init(&t), 0);
	for (unsigned int n = 1; n <= 600; n++) {
		uint64_t len = (uint64_t)(rand() % 3 ? rand() % 8 : rand() % 2000);
		uint64_t first = (uint64_t)rand() % (PAGES - len), last = first + len;
		bool any = false;

		for (uint64_t i = first; i <= last; i++)
			any |= want[i].slot == DMA_SLOT_MAP;
		assert_int_equal(dma_tree_any(&t, BASE + first, BASE + last), any);
		if (any) {
			assert_int_equal(dma_tree_unmap(&t, BASE + first, BASE + last, n), 0);
			for (uint64_t i = first; i <= last; i++)
				if (want[i].slot == DMA_SLOT_MAP)
					want[i] = (struct dma_found){ .slot = DMA_SLOT_TOMB,
								      .tomb_us = n };
		} else {
			uint32_t file = (uint32_t)rand() % 4;

			assert_int_equal(dma_tree_map(&t, BASE + first, BASE + last, file, n * 100000,
						      n % 4, n),
					 0);
			for (uint64_t i = first; i <= last; i++)
				want[i] = (struct dma_found){ .slot = DMA_SLOT_MAP,
							      .file = file,
							      .pgoff = n * 100000 + i - first,
							      .prot = n % 4 };
		}
		live = 0;
		for (uint64_t i = 0; i < PAGES; i++) {
			struct dma_found f = dma_tree_find(&t, BASE + i, 1);

			assert_int_equal(f.slot, want[i].slot);
			live += f.slot == DMA_SLOT_MAP;
			if (f.slot == DMA_SLOT_TOMB)
				assert_int_equal(f.tomb_us, want[i].tomb_us);
			if (f.slot != DMA_SLOT_MAP)
				continue;
			assert_true(f.file == want[i].file && f.prot == want[i].prot);
			if (f.file)
				assert_int_equal(f.pgoff, want[i].pgoff);
			f = dma_tree_find(&t, BASE + i, n % 20 + 1);
			assert_in_range(f.run, 1, n % 20 + 1);
			for (uint64_t k = 0; k < f.run; k++) {
				assert_in_range(i + k, 0, PAGES - 1);
				assert_true(want[i + k].slot == DMA_SLOT_MAP && f.prot == want[i + k].prot);
				assert_int_equal(f.file, want[i + k].file);
				if (f.file)
					assert_int_equal(f.pgoff + k, want[i + k].pgoff);
			}
		}
		assert_int_equal(t.live_pages, live);
	}
	dma_tree_fini(&t);
}

static void node_limit(void **state)
{
	struct dma_tree t;
	uint64_t far = 1ull << 40, mapped = 0;
	int err = 0;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	t.max_nodes = 64;
	for (uint64_t i = 0; i < 100 && !err; i++) {
		err = dma_tree_map(&t, i * far / 64, i * far / 64, 1, 0, 3, 1);
		mapped += !err;
	}
	assert_int_equal(err, -ENOSPC);
	assert_true(mapped > 5);
	assert_true(t.nodes <= t.max_nodes);
	/* a map that failed has left nothing behind, and the others are whole */
	assert_int_equal(t.live_pages, mapped);
	for (uint64_t i = 0; i < mapped; i++)
		assert_int_equal(dma_tree_find(&t, i * far / 64, 1).slot, DMA_SLOT_MAP);
	/* room comes back: history is given up when nodes are short */
	assert_int_equal(dma_tree_unmap(&t, 0, (1ull << DMA_TREE_BITS) - 1, 2), 0);
	assert_int_equal(dma_tree_find(&t, 0, 1).slot, DMA_SLOT_TOMB);
	assert_int_equal(dma_tree_map(&t, 5000 * far / 64, 5000 * far / 64, 1, 0, 3, 3), 0);
	assert_int_equal(dma_tree_find(&t, 0, 1).slot, DMA_SLOT_EMPTY);
	dma_tree_fini(&t);
}

/* However far a map comes before nodes run out: all of it or nothing. */
/* Single pages that lie side by side are found as one; neither a gap nor other rights are crossed. */
static void runs(void **state)
{
	struct dma_tree t;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(dma_tree_map(&t, 100 + i, 100 + i, 1, 500 + i, i < 10 ? 3 : 1, 1), 0);
	assert_int_equal(dma_tree_find(&t, 100, 17).run, 10);
	assert_int_equal(dma_tree_find(&t, 100, 4).run, 4);
	assert_int_equal(dma_tree_find(&t, 110, 17).run, 10);
	assert_int_equal(dma_tree_unmap(&t, 105, 105, 2), 0);
	assert_int_equal(dma_tree_find(&t, 100, 17).run, 5);
	assert_int_equal(dma_tree_map(&t, 105, 105, 2, 505, 3, 3), 0); /* another file */
	assert_int_equal(dma_tree_find(&t, 100, 17).run, 5);
	assert_int_equal(dma_tree_unmap(&t, 105, 105, 4), 0);
	assert_int_equal(dma_tree_map(&t, 105, 105, 1, 506, 3, 5), 0); /* another place in it */
	assert_int_equal(dma_tree_find(&t, 100, 17).run, 5);
	/* nothing and what is no more have no run */
	assert_int_equal(dma_tree_find(&t, 5000, 17).run, 1);
	assert_int_equal(dma_tree_unmap(&t, 100, 119, 6), 0);
	assert_int_equal(dma_tree_find(&t, 100, 17).run, 1);
	/* to the end of a large entry, and of the last node */
	assert_int_equal(dma_tree_map(&t, 1024, 1535, 1, 0, 3, 7), 0);
	assert_int_equal(dma_tree_find(&t, 1530, 17).run, 6);
	dma_tree_prefetch(&t, 1530);
	dma_tree_prefetch(&t, 105);
	dma_tree_prefetch(&t, UINT64_MAX);
	dma_tree_fini(&t);
}

static void map_is_all_or_nothing(void **state)
{
	const uint64_t first = 5, last = (1ull << 36) + 5;
	unsigned int failed = 0;

	(void)state;
	for (uint64_t max = 1; max < 12; max++) {
		struct dma_tree t;

		assert_int_equal(dma_tree_init(&t), 0);
		t.max_nodes = max;
		if (dma_tree_map(&t, first, last, 1, 0, 3, 1)) {
			failed++;
			assert_int_equal(t.live_pages, 0);
			assert_false(dma_tree_any(&t, 0, (1ull << DMA_TREE_BITS) - 1));
		} else {
			assert_int_equal(t.live_pages, last - first + 1);
		}
		dma_tree_fini(&t);
	}
	assert_in_range(failed, 5, 10);
}

static void bisecting_respects_the_limit(void **state)
{
	struct dma_tree t;
	int err = 0;

	(void)state;
	assert_int_equal(dma_tree_init(&t), 0);
	t.max_nodes = 64;
	assert_int_equal(dma_tree_map(&t, 0, (1ull << DMA_TREE_BITS) - 1, 1, 0, 3, 1), 0);
	for (uint64_t i = 0; i < 100 && !err; i++)
		err = dma_tree_unmap(&t, i << 36, i << 36, 1);
	assert_int_equal(err, -ENOSPC);
	assert_true(t.nodes <= t.max_nodes);
	dma_tree_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(one_page),
		cmocka_unit_test(whole_range_is_cheap),
		cmocka_unit_test(random_against_reference),
		BAD(cmocka_unit_test(node_limit)),
		cmocka_unit_test(runs),
		BAD(cmocka_unit_test(map_is_all_or_nothing)),
		BAD(cmocka_unit_test(bisecting_respects_the_limit)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
