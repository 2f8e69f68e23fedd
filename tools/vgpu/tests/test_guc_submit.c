/* SPDX-License-Identifier: MIT */
/* Contexts: order of answers, states, ids that lie, resets with jobs on the engines. */
#include "gpu.h"
#include "events.h"

#define RESULT 0x5000u /* offset behind OFF_DATA, PPGTT VA */
#define LOOP   0x20000u

/* An endless batch at VA LOOP: counts in memory at VA RESULT. */
static void endless(struct harness *h, uint32_t id)
{
	BATCH(h, LOOP, 0x17800501, RESULT, 0, /* MI_ATOMIC INC */
	      MI_BBS, LOOP, 0);
	RING(h, id, MI_BBS, LOOP, 0, MI_UI);
}

static uint32_t result(struct harness *h)
{
	return ram32(h, OFF_DATA + RESULT);
}

static void wait_moving(struct harness *h)
{
	uint32_t was = result(h);

	for (int i = 0; i < 3000 && result(h) == was; i++)
		sleep_ms(1);
	assert_int_not_equal(result(h), was);
}

/* Context 7 of the copy engine runs an endless batch. */
static void start_endless(struct harness *h)
{
	ctx_make(h, 7, 3, 1);
	endless(h, 7);
	ctx_enable(h, 7);
	wait_moving(h);
}

static void life(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	assert_int_equal(stat_of(h, "contexts"), 1);
	RING(h, 7, MI_SDI, RESULT, 0, 0x1234, MI_UI);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT, 0x1234);
	wait_running(h, 0);
	ctx_disable(h, 7);
	assert_int_equal(lrc_get(h, 7, 0x05), lrc_get(h, 7, 0x07)); /* head is written back */
	ctx_free(h, 7);
	assert_int_equal(stat_of(h, "contexts"), 0);
	assert_int_equal(stat_of(h, "jobs_done"), 1);
	assert_int_equal(harness_witness_total(h), 0);
}

static void user_interrupts(void **state)
{
	static const struct {
		uint32_t class, mask, source, id;
	} of[] = { { 0, 1, IRQ_RCS0, 0x80000001 }, { 3, 1, IRQ_BCS0, 0x80030001 },
		   { 3, 2, IRQ_BCS8, 0x80830001 }, { 4, 1, IRQ_CCS0, 0x80050001 } };
	struct harness *h = *state;

	for (uint32_t i = 0; i < 4; i++) {
		ctx_make(h, i, of[i].class, of[i].mask);
		RING(h, i, MI_SDI, RESULT, 0, i + 1);
		ctx_enable(h, i);
		wait32(h, OFF_DATA + RESULT, i + 1);
		assert_int_equal(rd(h, 0x190018) >> of[i].source & 1, 0); /* nobody asked for one */
		RING(h, i, MI_UI, MI_SDI, RESULT, 0, i + 100);
		H2G(h, 0x1000, i);
		wait32(h, OFF_DATA + RESULT, i + 100);
		assert_int_equal(rd(h, 0x190018) >> of[i].source & 1, 1);
		wr(h, 0x190070, 1u << of[i].source);
		assert_int_equal(rd(h, 0x190060), of[i].id);
		wr(h, 0x190060, of[i].id);
		wr(h, 0x190018, 1u << of[i].source);
	}
	assert_int_equal(stat_of(h, "jobs_done"), 4);
}

static void engines_by_class(void **state)
{
	static const struct {
		uint32_t class, mask, irq;
	} e[] = { { 0, 1, 0 }, { 4, 1, 4 }, { 3, 1, 15 }, { 3, 2, 23 } };
	struct harness *h = *state;

	for (uint32_t i = 0; i < 4; i++) {
		ctx_make(h, i, e[i].class, e[i].mask);
		RING(h, i, MI_UI);
		ctx_enable(h, i);
		for (int t = 0; t < 3000 && !(rd(h, 0x190018) >> e[i].irq & 1); t++)
			sleep_ms(1);
		assert_true(rd(h, 0x190018) >> e[i].irq & 1);
	}
}

static void kick_runs_more(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	ctx_enable(h, 7);
	for (uint32_t i = 1; i < 200; i++) {
		RING(h, 7, MI_SDI, RESULT, 0, i, MI_UI, 0);
		H2G(h, 0x1000, 7);
		wait32(h, OFF_DATA + RESULT, i);
	}
}

/* A kick while the context runs may be too late for its last look at the tail: one more run. */
static void kick_while_running(void **state)
{
	struct harness *h = *state;
	uint32_t *b = (uint32_t *)(void *)(h->ram + 0x40000);

	ctx_make(h, 7, 3, 1);
	lrc_set(h, 7, 0x13, (GPU_GGTT + 0x40000) | 1); /* counts the runs */
	memcpy(b, (uint32_t[]){ 0x17800501 | MI_GGTT, GPU_GGTT + 0x41000, 0, MI_BBE }, 16);
	RING(h, 7, 0x0e004002 | MI_GGTT, 1, GPU_GGTT + 0x42000, 0); /* wait for == 1 */
	ctx_enable(h, 7);
	wait32(h, 0x41000, 1);
	H2G(h, 0x1000, 7);
	ram32_set(h, 0x42000, 1);
	wait32(h, 0x41000, 2);
}

static void disabled_does_not_run(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	RING(h, 7, MI_SDI, RESULT, 0, 1);
	H2G(h, 0x1000, 7);
	sleep_ms(20);
	assert_int_equal(result(h), 0);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT, 1);
}

static void endless_stops_and_resumes(void **state)
{
	struct harness *h = *state;
	uint32_t at;

	start_endless(h);
	assert_int_equal(stat_of(h, "jobs_running"), 1);
	ctx_disable(h, 7);
	at = result(h);
	sleep_ms(20);
	assert_int_equal(result(h), at);
	assert_int_equal(stat_of(h, "jobs_running"), 0);
	ctx_enable(h, 7);
	wait_moving(h);
	assert_true(result(h) > at); /* went on, did not start over */
}

/* A moved head makes what was left of the batch void. */
static void moved_head_wins(void **state)
{
	struct harness *h = *state;

	start_endless(h);
	ctx_disable(h, 7);
	lrc_set(h, 7, 0x05, lrc_get(h, 7, 0x07));
	RING(h, 7, MI_SDI, RESULT + 64, 0, 5);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT + 64, 5);
}

static void slices(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	ctx_make(h, 8, 3, 1);
	endless(h, 7);
	ctx_enable(h, 7);
	wait_moving(h);
	RING(h, 8, MI_SDI, RESULT + 64, 0, 5, MI_UI);
	ctx_enable(h, 8);
	wait32(h, OFF_DATA + RESULT + 64, 5);
	wait_moving(h); /* and the endless one goes on */
}

static void endless_leaves_other_engines(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	ctx_make(h, 8, 4, 1);
	endless(h, 7);
	ctx_enable(h, 7);
	RING(h, 8, MI_SDI, RESULT + 64, 0, 5, MI_UI);
	ctx_enable(h, 8);
	wait32(h, OFF_DATA + RESULT + 64, 5);
}

static void deregister_of_running(void **state)
{
	struct harness *h = *state;

	start_endless(h);
	ctx_free(h, 7);
	assert_int_equal(stat_of(h, "contexts"), 0);
	assert_int_equal(harness_witness(h, WITNESS_DMA_DEREGISTERED), 1);
	ctx_make(h, 7, 3, 1); /* the id is free at once */
	RING(h, 7, MI_SDI, RESULT, 0, 0xabc);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT, 0xabc);
	ctx_disable(h, 7);
	ctx_free(h, 7); /* as it should be */
	assert_int_equal(harness_witness_total(h), 1);
}

/* What remove() has left comes with its names and with what the driver did last. */
static void leaked_contexts_are_told(void **state)
{
	struct harness *h = *state;
	const json_t *c, *last;
	json_t *gone;

	gone = harness_control(h, "{\"cmd\":\"gone\",\"on\":true}", true);
	assert_null(json_object_get(gone, "before"));
	assert_null(json_object_get(gone, "guest_shift_us"));
	json_decref(gone);
	json_decref(harness_control(h, "{\"cmd\":\"gone\",\"on\":false}", true));
	ctx_make(h, 7, 3, 1);
	json_decref(harness_control(h, "{\"cmd\":\"mark\",\"name\":\"m\",\"guest_us\":3600000000}", true));
	gone = harness_control(h, "{\"cmd\":\"gone\",\"on\":true}", true);
	assert_int_equal(harness_num(gone, "contexts"), 1);
	c = json_array_get(json_object_get(gone, "context_list"), 0);
	assert_int_equal(harness_num(c, "guc_id"), 7);
	assert_string_equal(json_string_value(json_object_get(c, "engine")), "bcs0");
	last = json_object_get(gone, "before");
	last = json_array_get(last, json_array_size(last) - 1);
	assert_string_equal(json_string_value(json_object_get(last, "what")), "REGISTER_CONTEXT");
	assert_in_range(harness_num(gone, "guest_shift_us") + harness_num(last, "time_us"), 3590000000, 3600000000);
	json_decref(gone);
}

static void disable_then_enable_in_order(void **state)
{
	struct harness *h = *state;

	start_endless(h);
	for (int i = 0; i < 50; i++) {
		H2G(h, 0x1001, 7, 0);
		H2G(h, 0x1001, 7, 1);
		EXPECT_EVENT(h, 0x1002, 7, 0);
		EXPECT_EVENT(h, 0x1002, 7, 1);
	}
	wait_moving(h);
}

static void reset_under_load(void **state)
{
	struct harness *h = *state;
	uint32_t at;

	for (uint32_t i = 0; i < 8; i++) {
		ctx_make(h, i, i & 1 ? 3 : 0, 1);
		endless(h, i);
		ctx_enable(h, i);
	}
	wait_moving(h);
	wr(h, 0x941c, 1);
	at = result(h);
	assert_int_equal(stat_of(h, "contexts"), 0);
	assert_int_equal(stat_of(h, "contexts_dropped_by_reset"), 8);
	sleep_ms(20);
	assert_int_equal(result(h), at);
}

/* Engines go on until a slow reset is done, and only then does the bit say so. */
static void check_slow_reset(struct harness *h, bool late)
{
	uint32_t at;

	json_decref(harness_control(h, "{\"cmd\":\"slow\",\"reset_us\":300000}", true));
	start_endless(h);
	wr(h, 0x941c, 1);
	wr(h, 0x941c, 8); /* asked twice, reset once */
	wait_moving(h);
	assert_int_equal(rd(h, 0x941c), 9);
	assert_int_equal(stat_of(h, "contexts"), 1);
	vgpu_events_ready(h->g); /* not yet */
	assert_int_equal(rd(h, 0x941c), 9);
	sleep_ms(310);
	if (late)
		assert_int_equal(rd(h, 0x941c), 0); /* who looks finds it done, however late the timer */
	else
		vgpu_events_ready(h->g);
	assert_int_equal(stat_of(h, "contexts"), 0);
	assert_int_equal(rd(h, 0x941c), 0);
	assert_int_equal(stat_of(h, "contexts_dropped_by_reset"), 1);
	at = result(h);
	sleep_ms(20);
	assert_int_equal(result(h), at);
	assert_int_equal(harness_witness_total(h), 0);
}

static void slow_reset(void **state)
{
	check_slow_reset(*state, false);
}

static void slow_reset_seen_first(void **state)
{
	check_slow_reset(*state, true);
}

/* What a reset of the function has overtaken does not come later, upon a new driver. */
static void slow_reset_is_forgotten(void **state)
{
	struct harness *h = *state;

	json_decref(harness_control(h, "{\"cmd\":\"slow\",\"reset_us\":10000}", true));
	wr(h, 0x941c, 1);
	vgpu_hw_reset(h->g, VGPU_RESET_FLR);
	assert_int_equal(rd(h, 0x941c), 0);
	regs_set(&h->g->hw->regs, 0xc000, 0x8000f0ec); /* firmware that was loaded since */
	sleep_ms(20);
	vgpu_events_ready(h->g);
	assert_int_equal(rd(h, 0xc000), 0x8000f0ec);
}

static void quiesce_holds(void **state)
{
	struct harness *h = *state;
	uint32_t at;

	start_endless(h);
	vgpu_hw_quiesce(h->g, true);
	at = result(h);
	sleep_ms(20);
	assert_int_equal(result(h), at);
	vgpu_hw_quiesce(h->g, false);
	wait_moving(h);
}

static void register_refuses(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x4502, 0, 65536, 3, 1, 0, 0, 0, 0, 0, 0, 0);
	H2G(h, 0x4502, 0, 0xffffffff, 3, 1, 0, 0, 0, 0, 0, 0, 0);
	H2G(h, 0x4502, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0); /* no video engine */
	H2G(h, 0x4502, 0, 1, 99, 1, 0, 0, 0, 0, 0, 0, 0);
	H2G(h, 0x4502, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0);
	H2G(h, 0x4502, 0, 1, 3, 4, 0, 0, 0, 0, 0, 0, 0);
	H2G(h, 0x4502, 0, 1, 3, 1);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 7);
	assert_int_equal(stat_of(h, "contexts"), 0);
	ctx_make(h, 1, 3, 1);
	ctx_make(h, 1, 3, 1);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 8);
	assert_int_equal(stat_of(h, "contexts"), 1);
}

static void unknown_ids(void **state)
{
	static const uint32_t id[] = { 5, 65535, 65536, 0xffffffff };
	struct harness *h = *state;

	for (unsigned int i = 0; i < 4; i++) {
		H2G(h, 0x1001, id[i], 1);
		H2G(h, 0x1001, id[i], 0);
		H2G(h, 0x1000, id[i]);
		H2G(h, 0x4503, id[i]);
	}
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 16);
	expect_silence(h);
}

static void fault_reports_cat_error(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 7, 3, 1);
	RING(h, 7, MI_SDI, 0x40000000, 0, 1, MI_UI); /* VA without a page */
	ctx_enable(h, 7);
	EXPECT_EVENT(h, 0x6000, 7);
	assert_int_equal(stat_of(h, "cat_errors"), 1);
	assert_int_equal(stat_of(h, "jobs_done"), 0);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 1);
	RING(h, 7, MI_UI); /* a lost context stays lost */
	H2G(h, 0x1000, 7);
	expect_silence(h);
	assert_int_equal(stat_of(h, "jobs_done"), 0);
	ctx_disable(h, 7);
	ctx_free(h, 7);
}

static void images_that_lie(void **state)
{
	struct harness *h = *state;

	for (uint32_t i = 0; i < 5; i++)
		ctx_make(h, i, 3, 1);
	lrc_set(h, 0, 0x05, RING_BYTES);     /* head beyond the ring */
	lrc_set(h, 1, 0x07, RING_BYTES + 8); /* tail beyond the ring */
	lrc_set(h, 2, 0x0b, 0);		     /* ring off */
	lrc_set(h, 3, 0x09, 0x1000);	     /* ring nowhere */
	lrc_set(h, 3, 0x07, 8);
	lrc_set(h, 4, 0x31, 0xffffffff); /* page tables nowhere */
	RING(h, 4, MI_BBS, LOOP, 0);
	for (uint32_t i = 0; i < 5; i++) {
		ctx_enable(h, i);
		EXPECT_EVENT(h, i < 3 ? 0x1008 : 0x6000, i);
	}
}

static void image_not_in_ggtt(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x4502, 0, 3, 3, 1, 0, 0, 0, 0, 0, 0xfffff000, 0);
	ctx_enable(h, 3);
	EXPECT_EVENT(h, 0x6000, 3);
}

/* The batch xe runs at switch-in; a loop in it must end. */
static void per_context_batch(void **state)
{
	struct harness *h = *state;
	uint32_t *b = (uint32_t *)(void *)(h->ram + 0x40000);

	ctx_make(h, 7, 3, 1);
	lrc_set(h, 7, 0x13, (GPU_GGTT + 0x40000) | 1);
	memcpy(b, (uint32_t[]){ MI_SDI | MI_GGTT, GPU_GGTT + 0x41000, 0, 77, MI_BBE }, 20);
	RING(h, 7, MI_SDI, RESULT, 0, 1);
	ctx_enable(h, 7);
	wait32(h, OFF_DATA + RESULT, 1);
	assert_int_equal(ram32(h, 0x41000), 77);
	memcpy(b, (uint32_t[]){ 0x18800001, GPU_GGTT + 0x40000, 0 }, 12);
	RING(h, 7, MI_SDI, RESULT, 0, 2);
	H2G(h, 0x1000, 7);
	wait32(h, OFF_DATA + RESULT, 2);
}

static void timestamps(void **state)
{
	struct harness *h = *state;
	uint64_t ts, later;

	ctx_make(h, 7, 3, 1);
	endless(h, 7);
	ctx_enable(h, 7);
	sleep_ms(30);
	ctx_disable(h, 7);
	ts = lrc_get(h, 7, 0x23) | (uint64_t)lrc_get(h, 7, 0x25) << 32;
	assert_true(ts > 0 && ts < 10 * 19200000ull);
	sleep_ms(30);
	ctx_enable(h, 7);
	wait_moving(h);
	ctx_disable(h, 7);
	later = lrc_get(h, 7, 0x23) | (uint64_t)lrc_get(h, 7, 0x25) << 32;
	assert_true(later > ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(life),
		GPU_TEST(user_interrupts),
		GPU_TEST(engines_by_class),
		GPU_TEST(kick_runs_more),
		GPU_TEST(kick_while_running),
		BAD(GPU_TEST(disabled_does_not_run)),
		GPU_TEST(endless_stops_and_resumes),
		BAD(GPU_TEST(moved_head_wins)),
		GPU_TEST(slices),
		GPU_TEST(endless_leaves_other_engines),
		BAD(GPU_TEST(deregister_of_running)),
		BAD(GPU_TEST(leaked_contexts_are_told)),
		GPU_TEST(disable_then_enable_in_order),
		BAD(GPU_TEST(reset_under_load)),
		GPU_TEST(slow_reset),
		GPU_TEST(slow_reset_seen_first),
		GPU_TEST(slow_reset_is_forgotten),
		GPU_TEST(quiesce_holds),
		BAD(GPU_TEST(register_refuses)),
		BAD(GPU_TEST(unknown_ids)),
		BAD(GPU_TEST(fault_reports_cat_error)),
		BAD(GPU_TEST(images_that_lie)),
		BAD(GPU_TEST(image_not_in_ggtt)),
		GPU_TEST(per_context_batch),
		GPU_TEST(timestamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
