// SPDX-License-Identifier: MIT

#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/sched.h>

#include <drm/drm_prime.h>

#include "tests/xe_bo_unplug_kunit.h"

/*
 * The n-th call fails, with n rising until nobody makes that many any more: of
 * the DMA API, and of all the kernel's allocators.
 */

/* More than any step here makes, so that a walk ends because it is through */
#define MOST_CALLS	500

#if IS_ENABLED(CONFIG_FAILSLAB) && IS_ENABLED(CONFIG_FAIL_PAGE_ALLOC) && \
	IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)
static void *knob(const char *folder, const char *name)
{
	struct dentry *dir = debugfs_lookup(folder, NULL), *file = NULL;
	void *value = NULL;

	if (dir)
		file = debugfs_lookup(name, dir);
	if (file)
		value = d_inode(file)->i_private;
	dput(file);
	dput(dir);

	return value;
}

/*
 * Left alone, fault injection spares allocations that may wait and single
 * pages, which is nearly all. There is no way in but what debugfs has.
 */
static struct {
	bool slab_spares, page_spares;
	u32 page_order;
	unsigned long slab_says, page_says;
	bool on;
} faults_before;

static void faults_set(struct kunit *test, bool on)
{
	bool *slab_spares = knob("failslab", "ignore-gfp-wait");
	bool *page_spares = knob("fail_page_alloc", "ignore-gfp-wait");
	u32 *page_order = knob("fail_page_alloc", "min-order");
	unsigned long *slab_says = knob("failslab", "verbose");
	unsigned long *page_says = knob("fail_page_alloc", "verbose");

	if (on == faults_before.on)
		return;

	KUNIT_ASSERT_TRUE(test, slab_spares && page_spares && page_order &&
			  slab_says && page_says);
	swap(*slab_spares, faults_before.slab_spares);
	swap(*page_spares, faults_before.page_spares);
	swap(*page_order, faults_before.page_order);
	swap(*slab_says, faults_before.slab_says);
	swap(*page_says, faults_before.page_says);
	faults_before.on = on;
}

static void need_faults(struct kunit *test)
{
	faults_set(test, true);
}

/* Of this thread only, so that workers and other tests are left alone */
static void fail_nth(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

static bool was_last(void)
{
	bool last = READ_ONCE(current->fail_nth);

	fail_nth(0);
	return last;
}
#else
static void faults_set(struct kunit *test, bool on)
{
}

static void need_faults(struct kunit *test)
{
	kunit_skip(test, "no fault injection for allocations");
}

static void fail_nth(unsigned int n)
{
}

static bool was_last(void)
{
	return true;
}
#endif

static void walk_exit(struct kunit *test)
{
	fail_nth(0);
	faults_set(test, false);
}

static void expect_end(struct kunit *test, unsigned int n, int err)
{
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_LT(test, n, MOST_CALLS);
	KUNIT_EXPECT_EQ(test, err, 0);
	kunit_info(test, "%u calls can fail\n", n - 1);
}

static void expect_clean(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	flush_delayed_fput();
	flush_workqueue(xe->ttm.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.bos));
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.kernel));
	KUNIT_EXPECT_TRUE(test, list_empty(&xe->bos.imports));
	/* TTM would look for buffers to evict at places that nobody gave back */
	KUNIT_EXPECT_EQ(test, ttm_resource_manager_usage(ttm_manager_type(&xe->ttm, XE_PL_SYSTEM)),
			0);
}

static void test_map_fails(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_bo *bos[8];
	unsigned int n, i, failed;

	for (n = 1; n < MOST_CALLS; n++) {
		fake.calls = 0;
		fake.fail_at = n;
		failed = 0;

		for (i = 0; i < ARRAY_SIZE(bos); i++) {
			bos[i] = create(xe);
			if (IS_ERR(bos[i])) {
				KUNIT_EXPECT_EQ(test, PTR_ERR(bos[i]), -EIO);
				failed++;
			}
		}
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.live),
				ARRAY_SIZE(bos) - failed);
		for (i = 0; i < ARRAY_SIZE(bos); i++)
			if (!IS_ERR(bos[i]))
				xe_bo_put(bos[i]);
		expect_clean(test);

		if (!failed)
			break;
		KUNIT_EXPECT_EQ(test, failed, 1);
	}
	KUNIT_EXPECT_EQ(test, n, ARRAY_SIZE(bos) + 1);
}

static void walk(struct kunit *test, int (*step)(struct kunit *test))
{
	unsigned int n;
	bool last;
	int err;

	need_faults(test);
	for (n = 1; n < MOST_CALLS; n++) {
		fail_nth(n);
		err = step(test);
		last = was_last();
		expect_clean(test);
		if (last)
			break;
		if (err)
			KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	}
	expect_end(test, n, err);
}

static int step_create(struct kunit *test)
{
	struct xe_bo *bo = create(test->priv);

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	xe_bo_put(bo);

	return 0;
}

static void test_create_alloc(struct kunit *test)
{
	walk(test, step_create);
}

static int step_page_table(struct kunit *test)
{
	struct xe_bo *bo = xe_kunit_helper_bo_create_pinned(test->priv);

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	xe_bo_list_add_kernel(bo);
	xe_bo_unpin_map_no_vm(bo);

	return 0;
}

static void test_page_table_alloc(struct kunit *test)
{
	walk(test, step_page_table);
}

static int step_export(struct kunit *test)
{
	struct xe_bo *bo = create(test->priv);
	struct dma_buf *buf;

	if (IS_ERR(bo))
		return PTR_ERR(bo);

	buf = xe_gem_prime_export(&bo->ttm.base, 0);
	if (!IS_ERR(buf)) {
		dma_buf_put(buf);
		flush_delayed_fput();
	}
	/* A failed export must not keep the memory for ever */
	if (xe_bo_is_exported(bo))
		buf = ERR_PTR(-EBUSY);
	xe_bo_put(bo);

	return PTR_ERR_OR_ZERO(buf);
}

static void test_export_alloc(struct kunit *test)
{
	walk(test, step_export);
}

static struct dma_buf *walk_import;

static int step_import(struct kunit *test)
{
	struct drm_gem_object *obj = import(test->priv, walk_import);
	struct xe_bo *bo;
	int err;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	bo = gem_to_xe_bo(obj);
	xe_bo_lock(bo, false);
	err = xe_kunit_helper_bo_validate(bo);
	xe_bo_unlock(bo);
	xe_bo_put(bo);

	return err;
}

static void test_import_alloc(struct kunit *test)
{
	walk_import = fake_export(test);
	walk(test, step_import);
	KUNIT_EXPECT_TRUE(test, list_empty(&walk_import->attachments));
	dma_buf_put(walk_import);
	flush_delayed_fput();
}

/* It holds the device from early on, but not if there is no VM in the end */
static void test_vm_alloc(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	unsigned int refs = kref_read(&xe->drm.ref);
	struct xe_vm *vm;
	unsigned int n;

	need_faults(test);
	/* Itself, and then its lock; what comes after needs a whole device */
	for (n = 1; n <= 2; n++) {
		fail_nth(n);
		vm = xe_kunit_helper_vm_create(xe);
		KUNIT_EXPECT_FALSE(test, was_last());
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(vm), -ENOMEM);
		KUNIT_EXPECT_EQ(test, kref_read(&xe->drm.ref), refs);
	}
}

/* What a removal meets: one of each kind */
struct held {
	struct xe_bo *plain, *mapped, *table, *shared, *import, *waiting;
	struct dma_buf *shared_buf, *import_buf;
	/* of a foreign device, which the last one waits for */
	struct dma_fence *fence;
	spinlock_t lock; /* of the fence */
};

static bool no_signaling(struct dma_fence *fence)
{
	return false;
}

/* Pending until somebody waits: TTM does if it has no memory for anything else */
static const struct dma_fence_ops patient_fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
	.enable_signaling = no_signaling,
};

static void hold(struct kunit *test, struct held *h)
{
	struct xe_device *xe = test->priv;
	struct drm_gem_object *obj;

	h->plain = new_bo(test);
	h->mapped = new_bo(test);
	atomic_inc(&h->mapped->cpu_maps);

	h->table = xe_kunit_helper_bo_create_pinned(xe);
	KUNIT_ASSERT_FALSE(test, IS_ERR(h->table));
	xe_bo_list_add_kernel(h->table);

	h->shared = new_bo(test);
	h->shared_buf = xe_gem_prime_export(&h->shared->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(h->shared_buf));

	h->import_buf = fake_export(test);
	obj = import(xe, h->import_buf);
	KUNIT_ASSERT_FALSE(test, IS_ERR(obj));
	h->import = gem_to_xe_bo(obj);
	xe_bo_lock(h->import, false);
	KUNIT_EXPECT_EQ(test, xe_kunit_helper_bo_validate(h->import), 0);
	xe_bo_unlock(h->import);

	h->waiting = new_bo(test);
	h->fence = fake_fence_of(test, &patient_fence_ops, &h->lock);
	xe_bo_lock(h->waiting, false);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(h->waiting->ttm.base.resv, 1), 0);
	dma_resv_add_fence(h->waiting->ttm.base.resv, h->fence, DMA_RESV_USAGE_BOOKKEEP);
	xe_bo_unlock(h->waiting);
}

static void let_go(struct kunit *test, struct held *h)
{
	xe_bo_put(h->plain);
	atomic_dec(&h->mapped->cpu_maps);
	xe_bo_put(h->mapped);
	xe_bo_unpin_map_no_vm(h->table);
	dma_buf_put(h->shared_buf);
	flush_delayed_fput();
	xe_bo_put(h->shared);
	xe_bo_put(h->import);
	dma_buf_put(h->import_buf);
	xe_bo_put(h->waiting);
	dma_fence_signal(h->fence);
	dma_fence_put(h->fence);
}

/* For the next round. No driver can do that */
static void come_back(struct xe_device *xe)
{
	flush_work(&xe->bos.detach);
	flush_work(&xe->bos.retry);
	reinit_completion(&xe->bos.detached);
	WRITE_ONCE(xe->mem.closed, false);
	WRITE_ONCE(xe->dma.closed, false);
	WRITE_ONCE(xe->unplug.stopped, false);
	WRITE_ONCE(xe->unplug.gone, false);
}

/* Nothing of it may need memory, and what TTM wants is asked for again later */
static void test_unplug_alloc(struct kunit *test)
{
	struct xe_bo_unplug_stats stats;
	struct xe_device *xe = test->priv;
	unsigned int n, maps;
	struct held h;
	bool last;

	need_faults(test);
	for (n = 1; n < MOST_CALLS; n++) {
		hold(test, &h);
		maps = fake.calls;

		fail_nth(n);
		unplug(xe, &stats);
		last = was_last();

		KUNIT_EXPECT_EQ(test, atomic_read(&fake.live), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&fake.imports), 0);
		KUNIT_EXPECT_EQ(test, fake.calls, maps);
		/* Some can do without */
		KUNIT_EXPECT_LE(test, stats.busy, last ? 0 : 1);
		KUNIT_EXPECT_EQ(test, stats.kept, 2);
		KUNIT_EXPECT_TRUE(test, has_content(h.mapped));
		KUNIT_EXPECT_TRUE(test, has_content(h.shared));

		/* Late callers look where it is, whatever failed */
		KUNIT_EXPECT_NOT_NULL(test, h.plain->ttm.resource);
		KUNIT_EXPECT_NOT_NULL(test, h.table->ttm.resource);
		KUNIT_EXPECT_NOT_NULL(test, h.waiting->ttm.resource);

		flush_work(&xe->bos.retry);
		expect_dropped(test, h.plain);
		expect_dropped(test, h.table);
		expect_dropped(test, h.waiting);

		let_go(test, &h);
		expect_clean(test);
		come_back(xe);
		if (last)
			break;
	}
	expect_end(test, n, 0);
}

/* Where it has to go there is no way to any more, and whoever asked is told */
static void test_pin_fails(struct kunit *test)
{
	struct dma_buf_attachment attach = { .peer2peer = true };
	struct xe_device *xe = test->priv;
	struct xe_bo *bo = new_bo(test);
	struct xe_dma_stats stats;

	/* As for test_exported_evicted() */
	drm_gem_gpuva_init(&bo->ttm.base);
	attach.dmabuf = xe_gem_prime_export(&bo->ttm.base, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(attach.dmabuf));

	xe_bo_lock(bo, false);
	evict(test, bo);
	xe_dma_gate_close(&xe->dma, &stats);
	KUNIT_EXPECT_EQ(test, attach.dmabuf->ops->pin(&attach), -ENODEV);
	KUNIT_EXPECT_FALSE(test, xe_bo_is_pinned(bo));
	xe_bo_unlock(bo);

	dma_buf_put(attach.dmabuf);
	flush_delayed_fput();
	xe_bo_put(bo);
	flush_workqueue(xe->ttm.wq);
}

static struct kunit_case walk_test_cases[] = {
	KUNIT_CASE(test_map_fails),
	KUNIT_CASE(test_pin_fails),
	KUNIT_CASE(test_create_alloc),
	KUNIT_CASE(test_page_table_alloc),
	KUNIT_CASE(test_export_alloc),
	KUNIT_CASE(test_import_alloc),
	KUNIT_CASE(test_vm_alloc),
	KUNIT_CASE(test_unplug_alloc),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_bo_unplug_walk_test_suite = {
	.name = "xe_bo_unplug_walk",
	.test_cases = walk_test_cases,
	.init = unplug_test_init,
	.exit = walk_exit,
};
EXPORT_SYMBOL_IF_KUNIT(xe_bo_unplug_walk_test_suite);
