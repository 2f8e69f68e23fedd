// SPDX-License-Identifier: MIT

#include <kunit/test.h>

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <drm/drm_device.h>

#include "tests/xe_dma_live_test.h"
#include "tests/xe_kunit_helpers.h"
#include "tests/xe_pci_test.h"

#include "xe_device_types.h"
#include "xe_dma.h"

/*
 * Bare unmaps and gates take turns, and the best round of each counts. With an
 * emulated IOMMU a round may take nearly twice as long as the one before, on
 * either side and in no order. So a quotient of two rounds says little, and
 * half of them can be wrong, but hardly all rounds of a side are slow.
 */
#define ROUNDS		9
/* Of the most mappings, which take a minute, and decide nothing */
#define ROUNDS_MANY	1
/* What closing a gate may cost, in percent of the unmaps alone */
#define MOST_PERCENT	125

/* One page, as a small buffer object or userptr has it */
struct owner {
	struct xe_dma_map map;
	struct sg_table sgt;
	struct scatterlist sg;
};

struct late {
	struct xe_dma_gate *gate;
	struct owner owner;
	unsigned long refused;
	unsigned long slept;
	s64 longest_ns;
};

static void init_owner(struct owner *o, struct page *page)
{
	o->sgt.sgl = &o->sg;
	o->sgt.orig_nents = 1;
	sg_init_table(&o->sg, 1);
	sg_set_page(&o->sg, page, PAGE_SIZE, 0);
}

static int map_through(struct xe_dma_gate *gate, struct owner *o)
{
	return xe_dma_map_sgtable(gate, &o->map, &o->sgt, DMA_TO_DEVICE,
				  DMA_ATTR_SKIP_CPU_SYNC, XE_DMA_OWNER_BO);
}

/* Nanoseconds for @n unmaps and nothing else, or a negative error code */
static s64 time_bare(struct device *dev, struct owner *owners, unsigned int n)
{
	unsigned int i, mapped;
	ktime_t start;
	s64 ns;
	int err = 0;

	for (mapped = 0; mapped < n && !err; mapped += !err)
		err = dma_map_sgtable(dev, &owners[mapped].sgt, DMA_TO_DEVICE,
				      DMA_ATTR_SKIP_CPU_SYNC);

	start = ktime_get();
	for (i = 0; i < mapped; i++) {
		dma_unmap_sgtable(dev, &owners[i].sgt, DMA_TO_DEVICE, 0);
		if (i % XE_DMA_CLOSE_BATCH == 0)
			cond_resched();
	}
	ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	return err ?: ns;
}

/* Maps what it can until the gate is closed, and for some time on */
static int late_thread(void *data)
{
	struct late *l = data;

	while (!kthread_should_stop()) {
		ktime_t start = ktime_get();
		unsigned long slept = current->nvcsw;
		bool closed = xe_dma_gate_closed(l->gate);
		s64 ns;

		if (map_through(l->gate, &l->owner)) {
			ns = ktime_to_ns(ktime_sub(ktime_get(), start));
			if (closed) {
				l->refused++;
				l->slept += current->nvcsw - slept;
				l->longest_ns = max(l->longest_ns, ns);
			}
		}
		xe_dma_unmap(l->gate, &l->owner.map);
		usleep_range(50, 100);
	}

	return 0;
}

/*
 * Nanoseconds to close a gate with @n mappings, or a negative error code. With
 * @late another thread goes on mapping meanwhile.
 */
static s64 time_close(struct kunit *test, struct device *dev,
		      struct owner *owners, unsigned int n, struct page *page,
		      struct late *late)
{
	struct task_struct *task = NULL;
	struct xe_dma_stats stats;
	struct xe_dma_gate *gate;
	unsigned int i;
	ktime_t start;
	s64 ns;
	int err;

	gate = kzalloc(sizeof(*gate), GFP_KERNEL);
	if (!gate)
		return -ENOMEM;
	err = xe_dma_gate_init(gate, dev);
	if (err) {
		kfree(gate);
		return err;
	}

	for (i = 0; i < n && !err; i++)
		err = map_through(gate, &owners[i]);

	if (late) {
		late->gate = gate;
		init_owner(&late->owner, page);
		task = kthread_run(late_thread, late, "xe-dma-late");
		KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	}

	start = ktime_get();
	xe_dma_gate_close(gate, &stats);
	ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	if (!IS_ERR_OR_NULL(task)) {
		/* The scheduler may not have let it run since */
		for (i = 0; i < 1000 && !READ_ONCE(late->refused); i++)
			usleep_range(1000, 2000);
		kthread_stop(task);
	}
	KUNIT_EXPECT_GE(test, stats.maps[XE_DMA_OWNER_BO], (unsigned long)n);

	for (i = 0; i < n; i++)
		xe_dma_unmap(gate, &owners[i].map);
	xe_dma_gate_fini(gate);
	kfree(gate);

	return err ?: ns;
}

static void compare(struct kunit *test, unsigned int n, unsigned int rounds)
{
	struct xe_device *xe = test->priv;
	struct device *dev = xe->drm.dev;
	s64 bare = S64_MAX, gate = S64_MAX, ns, percent;
	struct late late = {};
	struct owner *owners;
	struct page *page;
	unsigned int i;

	owners = kvcalloc(n, sizeof(*owners), GFP_KERNEL);
	page = alloc_page(GFP_KERNEL);
	if (!owners || !page)
		goto out;
	for (i = 0; i < n; i++)
		init_owner(&owners[i], page);

	for (i = 0; i < rounds; i++) {
		ns = time_bare(dev, owners, n);
		KUNIT_EXPECT_GE(test, ns, 0);
		bare = min(bare, ns);

		/* As the bare unmaps, with nobody else at work */
		ns = time_close(test, dev, owners, n, page, NULL);
		KUNIT_EXPECT_GE(test, ns, 0);
		gate = min(gate, ns);
	}

	ns = time_close(test, dev, owners, n, page, &late);
	KUNIT_EXPECT_GE(test, ns, 0);

	percent = div64_s64(gate * 100, max(bare, 1LL));
	kunit_info(test, "%u mappings: bare %lld ns each, gate %lld ns each (%lld %%); %lu late maps, %lu slept, longest %lld us\n",
		   n, div_s64(bare, n), div_s64(gate, n), percent, late.refused,
		   late.slept, div_s64(late.longest_ns, 1000));
	/* The time says when the scheduler let it run, not that it waited */
	KUNIT_EXPECT_GT(test, late.refused, 0UL);
	KUNIT_EXPECT_EQ(test, late.slept, 0UL);
	/* Without an IOMMU there is next to nothing to undo, and to compare with */
	if (device_iommu_mapped(dev) && rounds == ROUNDS)
		KUNIT_EXPECT_LE(test, percent, MOST_PERCENT);
out:
	KUNIT_EXPECT_NOT_NULL(test, owners);
	KUNIT_EXPECT_NOT_NULL(test, page);
	if (page)
		__free_page(page);
	kvfree(owners);
}

static void test_close_1000(struct kunit *test)
{
	compare(test, 1000, ROUNDS);
}

static void test_close_10000(struct kunit *test)
{
	compare(test, 10000, ROUNDS);
}

static void test_close_100000(struct kunit *test)
{
	compare(test, 100000, ROUNDS_MANY);
}

static struct kunit_case dma_live_test_cases[] = {
	KUNIT_CASE_PARAM(test_close_1000, xe_pci_live_device_gen_param),
	KUNIT_CASE_PARAM(test_close_10000, xe_pci_live_device_gen_param),
	KUNIT_CASE_PARAM(test_close_100000, xe_pci_live_device_gen_param),
	{}
};

struct kunit_suite xe_dma_live_test_suite = {
	.name = "xe_dma_live",
	.test_cases = dma_live_test_cases,
	.init = xe_kunit_helper_xe_device_live_test_init,
};
