// SPDX-License-Identifier: MIT

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <kunit/visibility.h>

#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <uapi/drm/xe_drm.h>

#include "tests/xe_kunit_helpers.h"

#include "xe_wait_user_fence.h"

#define GRACE		msecs_to_jiffies(50)
#define DEADLINE	(20 * HZ)

/*
 * The steps of the removal, as they were taken: a name each, with the flags
 * that were set then. The parts are stubs; what they do is tested elsewhere.
 */
static struct {
	struct xe_device *xe;
	char log[512];
	size_t len;
	/* what the stubs answer */
	bool present, answers;
	/* how often it answers before it disappears, 0 for always */
	unsigned int dies_after;
	int reset_err;
} steps;

static void step(const char *name)
{
	struct xe_device *xe = steps.xe;

	steps.len += scnprintf(steps.log + steps.len,
			       sizeof(steps.log) - steps.len, "%s%s", name,
			       drm_dev_is_unplugged(&xe->drm) ? ":unregistered" : "");
	if (xe_device_gone(xe))
		steps.len += scnprintf(steps.log + steps.len,
				       sizeof(steps.log) - steps.len,
				       ":gone%s%s%s",
				       xe_device_dead(xe) ? ":dead" : "",
				       xe_device_stopped(xe) ? ":stopped" : "",
				       READ_ONCE(xe->mem.closed) ? ":unmapped" : "");
	steps.len += scnprintf(steps.log + steps.len,
			       sizeof(steps.log) - steps.len, " ");
}

static int waiter_wakes(struct wait_queue_entry *wq, unsigned int mode, int flags,
			void *key)
{
	step("waiters");
	return 0;
}

static void fake_oa(struct xe_device *xe)
{
	step("oa");
}

static bool fake_present(struct xe_device *xe)
{
	step("present?");
	return steps.present;
}

static bool fake_answers(struct xe_device *xe)
{
	step("answers?");
	if (steps.dies_after && !--steps.dies_after)
		steps.answers = false;
	return steps.answers;
}

static void fake_mmio_close(struct xe_device *xe)
{
	step("mmio");
}

static void fake_ggtt_offline(struct xe_ggtt *ggtt)
{
	step("ggtt");
}

static void fake_bus_master(struct xe_device *xe)
{
	step("bus");
}

static void fake_copies(struct xe_migrate *m, unsigned long timeout)
{
	step(timeout && timeout <= msecs_to_jiffies(COPY_MS) ? "copies" : "for ever");
}

static void fake_prepare(struct xe_gt *gt)
{
	step("prepare");
}

static int fake_hw(struct xe_gt *gt)
{
	step("hw");
	return steps.reset_err;
}

static unsigned int fake_sw(struct xe_gt *gt, unsigned int *lost)
{
	step("sw");
	*lost += 3;
	return 2;
}

static void fake_save(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	step("save");
}

static void fake_irq(struct xe_device *xe)
{
	step("irq");
}

static void fake_wait(struct xe_device *xe)
{
	step("wait");
}

static void fake_gate_close(struct xe_dma_gate *gate, struct xe_dma_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	step("gate");
}

static void fake_drop(struct xe_device *xe, struct xe_bo_unplug_stats *stats)
{
	step("drop");
}

static void fake_begin(struct xe_device *xe)
{
	step("begin");
	/* What is in between needs a whole device, or finds it gone */
	WRITE_ONCE(xe->unplug.gone, true);
}

static void fake_halt(struct xe_device *xe)
{
	step("halt");
}

static void fake_finish(struct xe_device *xe)
{
	step("finish");
}

static int order_test_init(struct kunit *test)
{
	struct xe_device *xe;

	xe_kunit_helper_xe_device_test_init(test);
	xe = test->priv;

	memset(&steps, 0, sizeof(steps));
	steps.xe = xe;
	steps.present = true;
	steps.answers = true;

	init_waitqueue_head(&xe->ufence_wq);
	KUNIT_ASSERT_EQ(test, xe_unplug_init(xe), 0);

	return 0;
}

static void fake_parts(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	/* To be looked at by nobody, but there */
	xe_device_get_root_tile(xe)->migrate = (struct xe_migrate *)xe;
	xe->info.is_dgfx = true;

	kunit_activate_static_stub(test, xe_oa_unplug, fake_oa);
	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	kunit_activate_static_stub(test, xe_mmio_answers, fake_answers);
	kunit_activate_static_stub(test, xe_mmio_close, fake_mmio_close);
	kunit_activate_static_stub(test, xe_ggtt_offline, fake_ggtt_offline);
	kunit_activate_static_stub(test, stop_bus_master, fake_bus_master);
	kunit_activate_static_stub(test, xe_migrate_wait_timeout, fake_copies);
	kunit_activate_static_stub(test, xe_gt_unplug_prepare, fake_prepare);
	kunit_activate_static_stub(test, xe_gt_unplug_hw, fake_hw);
	kunit_activate_static_stub(test, xe_gt_unplug_sw, fake_sw);
	kunit_activate_static_stub(test, xe_bo_unplug_save, fake_save);
	kunit_activate_static_stub(test, xe_irq_unplug, fake_irq);
	kunit_activate_static_stub(test, xe_unplug_wait, fake_wait);
	kunit_activate_static_stub(test, xe_dma_gate_close, fake_gate_close);
	kunit_activate_static_stub(test, xe_bo_unplug_drop, fake_drop);
}

static void run_begin(struct kunit *test)
{
	struct wait_queue_entry waiter;
	struct xe_device *xe = test->priv;

	fake_parts(test);
	init_waitqueue_func_entry(&waiter, waiter_wakes);
	add_wait_queue(&xe->ufence_wq, &waiter);
	xe_unplug_begin(xe);
	remove_wait_queue(&xe->ufence_wq, &waiter);
}

static void test_begin(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	KUNIT_EXPECT_FALSE(test, xe_device_gone(xe));
	run_begin(test);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "waiters:gone oa:gone present?:gone answers?:gone ");
	KUNIT_EXPECT_FALSE(test, xe_device_dead(xe));
	KUNIT_EXPECT_FALSE(test, xe_device_stopped(xe));
}

static void test_begin_pulled(struct kunit *test)
{
	steps.present = false;
	run_begin(test);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "waiters:gone oa:gone present?:gone mmio:gone:dead ggtt:gone:dead ");
}

/* Still a bus master, whatever its registers say */
static void test_begin_no_registers(struct kunit *test)
{
	steps.answers = false;
	run_begin(test);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "waiters:gone oa:gone present?:gone answers?:gone mmio:gone:dead ggtt:gone:dead bus:gone:dead ");
}

static void run_halt(struct kunit *test, bool dead)
{
	struct xe_device *xe = test->priv;

	fake_parts(test);
	WRITE_ONCE(xe->unplug.gone, true);
	WRITE_ONCE(xe->unplug.dead, dead);
	xe_unplug_halt(xe);
	KUNIT_EXPECT_TRUE(test, xe_device_stopped(xe));
	KUNIT_EXPECT_EQ(test, xe->unplug.queues, 2);
	KUNIT_EXPECT_EQ(test, xe->unplug.lost, 3);
}

static void test_halt(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	run_halt(test, false);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "copies:gone prepare:gone present?:gone answers?:gone hw:gone sw:gone:stopped present?:gone:stopped answers?:gone:stopped save:gone:stopped ");
	KUNIT_EXPECT_FALSE(test, xe->needs_flr_on_fini);
}

/* What cannot be reset is taken off the bus before its work is given up */
static void test_halt_no_reset(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	steps.reset_err = -ETIMEDOUT;
	run_halt(test, false);
	KUNIT_EXPECT_TRUE(test, xe->needs_flr_on_fini);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "copies:gone prepare:gone present?:gone answers?:gone hw:gone bus:gone sw:gone:stopped present?:gone:stopped answers?:gone:stopped save:gone:stopped ");
}

/* It disappears after the removal has begun: no resets, nothing to save */
static void test_halt_dies(struct kunit *test)
{
	steps.dies_after = 1;
	run_halt(test, false);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "copies:gone prepare:gone present?:gone answers?:gone mmio:gone:dead ggtt:gone:dead bus:gone:dead sw:gone:dead:stopped ");
}

static void test_halt_dies_late(struct kunit *test)
{
	steps.dies_after = 2;
	run_halt(test, false);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "copies:gone prepare:gone present?:gone answers?:gone hw:gone sw:gone:stopped present?:gone:stopped answers?:gone:stopped mmio:gone:dead:stopped ggtt:gone:dead:stopped bus:gone:dead:stopped ");
}

static void test_halt_dead(struct kunit *test)
{
	run_halt(test, true);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "prepare:gone:dead sw:gone:dead:stopped ");
}

static void run_finish(struct kunit *test, bool dead)
{
	struct xe_device *xe = test->priv;

	fake_parts(test);
	WRITE_ONCE(xe->unplug.gone, true);
	WRITE_ONCE(xe->unplug.dead, dead);
	WRITE_ONCE(xe->unplug.stopped, true);
	xe_unplug_finish(xe);
}

/* Mappings go when nobody can use them, pages when nothing is mapped */
static void test_finish(struct kunit *test)
{
	run_finish(test, false);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "irq:gone:stopped bus:gone:stopped wait:gone:stopped gate:gone:stopped drop:gone:stopped:unmapped ");
}

/* Scanout that is exported as well could not be saved earlier */
static void test_finish_display(struct kunit *test)
{
	struct xe_device *xe = test->priv;

	xe->info.probe_display = true;
	run_finish(test, false);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "present?:gone:stopped answers?:gone:stopped save:gone:stopped irq:gone:stopped bus:gone:stopped wait:gone:stopped gate:gone:stopped drop:gone:stopped:unmapped ");
}

static void test_finish_dead(struct kunit *test)
{
	run_finish(test, true);
	KUNIT_EXPECT_STREQ(test, steps.log,
			   "irq:gone:dead:stopped wait:gone:dead:stopped gate:gone:dead:stopped drop:gone:dead:stopped:unmapped ");
}

/* Who waits for users of the device does so when these were let go */
static void test_remove(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	struct xe_gt *gt;
	u8 id;

	if (IS_ENABLED(CONFIG_DRM_GPUSVM))
		kunit_skip(test, "memory of processes in VRAM needs a whole device");

	/* No workaround is active */
	for_each_gt(gt, xe, id) {
		gt->wa_active.oob = kunit_kzalloc(test, SZ_1K, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, gt->wa_active.oob);
		gt->wa_active.oob_initialized = true;
	}

	kunit_activate_static_stub(test, xe_unplug_present, fake_present);
	kunit_activate_static_stub(test, xe_unplug_begin, fake_begin);
	kunit_activate_static_stub(test, xe_unplug_halt, fake_halt);
	kunit_activate_static_stub(test, xe_unplug_finish, fake_finish);
	steps.present = false;

	xe_device_remove(xe);
	KUNIT_EXPECT_NOT_NULL(test, strstr(steps.log,
					   "begin halt:gone finish:unregistered:gone "));
}

static void test_sections(struct kunit *test)
{
	struct xe_device *xe = test->priv;
	int idx;

	KUNIT_ASSERT_TRUE(test, xe_unplug_enter(xe, &idx));
	xe_unplug_exit(xe, idx);
	KUNIT_ASSERT_TRUE(test, xe_unplug_enter_hw(xe, &idx));
	xe_unplug_exit(xe, idx);

	WRITE_ONCE(xe->unplug.gone, true);
	KUNIT_EXPECT_FALSE(test, xe_unplug_enter(xe, &idx));
	/* Memory may still be taken away from what executes */
	KUNIT_ASSERT_TRUE(test, xe_unplug_enter_hw(xe, &idx));
	xe_unplug_exit(xe, idx);

	WRITE_ONCE(xe->unplug.stopped, true);
	KUNIT_EXPECT_FALSE(test, xe_unplug_enter(xe, &idx));
	KUNIT_EXPECT_FALSE(test, xe_unplug_enter_hw(xe, &idx));

	/* A failed entry left nothing behind that this would wait for */
	xe_unplug_wait(xe);
}

static struct completion waited;

static int wait_thread(void *data)
{
	xe_unplug_wait(data);
	complete(&waited);
	return 0;
}

static void wait_for_section(struct kunit *test, bool (*enter)(struct xe_device *xe, int *idx))
{
	struct xe_device *xe = test->priv;
	struct task_struct *task;
	int idx;

	init_completion(&waited);
	KUNIT_ASSERT_TRUE(test, enter(xe, &idx));

	WRITE_ONCE(xe->unplug.gone, true);
	WRITE_ONCE(xe->unplug.stopped, true);
	task = kthread_run(wait_thread, xe, "xe-unplug-wait");
	KUNIT_EXPECT_FALSE(test, IS_ERR(task));
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&waited, GRACE), 0);

	xe_unplug_exit(xe, idx);
	if (!IS_ERR(task))
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&waited, DEADLINE), 0);
}

static void test_wait(struct kunit *test)
{
	wait_for_section(test, xe_unplug_enter);
}

static void test_wait_hw(struct kunit *test)
{
	wait_for_section(test, xe_unplug_enter_hw);
}

/* Somebody in the ioctl that waits for a user fence, with memory of the test */
struct ufence_waiter {
	struct xe_device *xe;
	struct mm_struct *mm;
	struct drm_file *file;
	struct drm_xe_wait_user_fence args;
	struct completion done;
	int err;
};

static int ufence_thread(void *data)
{
	struct ufence_waiter *w = data;

	kthread_use_mm(w->mm);
	w->err = xe_wait_user_fence_ioctl(&w->xe->drm, &w->args, w->file);
	kthread_unuse_mm(w->mm);
	complete(&w->done);

	return 0;
}

static unsigned long process_page(struct kunit *test)
{
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);

	if (!addr || IS_ERR_VALUE(addr))
		kunit_skip(test, "no memory of a process here");

	return addr;
}

static struct ufence_waiter *new_waiter(struct kunit *test, u64 value)
{
	struct ufence_waiter *w;
	unsigned long addr;

	w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w);
	w->file = kunit_kzalloc(test, sizeof(*w->file), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, w->file);

	addr = process_page(test);
	KUNIT_ASSERT_EQ(test, put_user(value, (u64 __user *)addr), 0);

	init_completion(&w->done);
	w->xe = test->priv;
	w->mm = current->mm;
	w->args.addr = addr;
	w->args.op = DRM_XE_UFENCE_WAIT_OP_EQ;
	w->args.value = 1;
	w->args.mask = U64_MAX;
	/* Longer than the test waits */
	w->args.timeout = 60LL * NSEC_PER_SEC;

	return w;
}

/* What was signalled before the device went is not lost */
static void test_user_fence_done(struct kunit *test)
{
	struct ufence_waiter *w = new_waiter(test, 1);

	WRITE_ONCE(w->xe->unplug.gone, true);
	KUNIT_EXPECT_EQ(test, xe_wait_user_fence_ioctl(&w->xe->drm, &w->args, w->file), 0);
}

static void test_user_fence_late(struct kunit *test)
{
	struct ufence_waiter *w = new_waiter(test, 0);

	WRITE_ONCE(w->xe->unplug.gone, true);
	KUNIT_EXPECT_EQ(test, xe_wait_user_fence_ioctl(&w->xe->drm, &w->args, w->file),
			-ENODEV);
}

static void test_user_fence_waits(struct kunit *test)
{
	struct ufence_waiter *w = new_waiter(test, 0);
	struct task_struct *task;
	bool woken;

	fake_parts(test);
	task = kthread_run(ufence_thread, w, "xe-ufence");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&w->done, GRACE), 0);

	xe_unplug_begin(w->xe);
	woken = wait_for_completion_timeout(&w->done, DEADLINE);
	KUNIT_EXPECT_TRUE(test, woken);
	if (!woken)
		wait_for_completion(&w->done);
	KUNIT_EXPECT_EQ(test, w->err, -ENODEV);
}

static struct kunit_case order_test_cases[] = {
	KUNIT_CASE(test_begin),
	KUNIT_CASE(test_begin_pulled),
	KUNIT_CASE(test_begin_no_registers),
	KUNIT_CASE(test_halt),
	KUNIT_CASE(test_halt_no_reset),
	KUNIT_CASE(test_halt_dead),
	KUNIT_CASE(test_halt_dies),
	KUNIT_CASE(test_halt_dies_late),
	KUNIT_CASE(test_finish),
	KUNIT_CASE(test_finish_display),
	KUNIT_CASE(test_finish_dead),
	KUNIT_CASE(test_remove),
	KUNIT_CASE(test_sections),
	KUNIT_CASE(test_wait),
	KUNIT_CASE(test_wait_hw),
	KUNIT_CASE(test_user_fence_done),
	KUNIT_CASE(test_user_fence_late),
	KUNIT_CASE(test_user_fence_waits),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_unplug_test_suite = {
	.name = "xe_unplug",
	.test_cases = order_test_cases,
	.init = order_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_unplug_test_suite);

#include "tests/xe_unplug_fence.c"
