/* SPDX-License-Identifier: MIT */
/* Recoverable page faults: report, answer, retry; answers that fit nothing. */
#include "gpu.h"

#define RESULT 0x5000u
#define MISSING 0x1000u /* an offset in the data area whose page the test takes away */

/* Context 9, new, stores @val to a page that is not there; returns the fault's four dwords. */
static void fault_now(struct harness *h, uint32_t val, uint32_t dw[4])
{
	ctx_make_user(h, 9, 3);
	page_present(h, MISSING, false);
	RING(h, 9, MI_SDI, MISSING, 0, val, MI_UI);
	ctx_enable(h, 9);
	expect_page_fault(h, 9, dw);
}

static void fault_and_retry(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];
	json_t *l;

	ctx_make_user(h, 300, 3);
	page_present(h, MISSING, false);
	RING(h, 300, MI_SDI, MISSING + 8, 0, 0xabcd, MI_UI);
	ctx_enable(h, 300);
	expect_page_fault(h, 300, dw);
	assert_int_equal(dw[0] & 7, 0);		 /* the last level */
	assert_int_equal(dw[0] >> 25 & 7, 3);	 /* copy */
	assert_int_equal(dw[2] & 3, 1);		 /* write */
	assert_int_equal(dw[2] >> 2 & 3, 0);	 /* not present */
	assert_int_equal(dw[2] & ~0xfffu, MISSING);
	assert_int_equal(dw[3], 0);
	assert_int_equal(stat_of(h, "jobs_running"), 1);
	l = submit_list(h->g->hw);
	assert_int_equal(json_array_size(l), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(l, 0), "state")),
			    "page fault");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(l, 0), "page_faults")), 1);
	json_decref(l);
	page_present(h, MISSING, true);
	answer_fault(h, dw, true);
	wait32(h, OFF_DATA + MISSING + 8, 0xabcd);
	assert_int_equal(stat_of(h, "page_faults"), 1);
	assert_int_equal(harness_witness_total(h), 0);
}

static void refusal_ends_the_context(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	ctx_make_user(h, 3, 0);
	RING(h, 3, MI_SDI, 0x40000000, 0x12, 1, MI_UI);
	ctx_enable(h, 3);
	expect_page_fault(h, 3, dw);
	assert_true((dw[0] & 7) > 0);
	assert_int_equal(dw[2] & ~0xfffu, 0x40000000);
	assert_int_equal(dw[3], 0x12);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 0);
	answer_fault(h, dw, false);
	EXPECT_EVENT(h, 0x6000, 3);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 1);
	assert_int_equal(stat_of(h, "jobs_done"), 0);
	ctx_disable(h, 3);
}

/* The batch itself is missing, and then what its copy reads; others run meanwhile. */
static void faults_of_a_batch(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	ctx_make_user(h, 1, 3);
	ctx_make(h, 2, 3, 1);
	ram32_set(h, OFF_DATA + MISSING, 0x77);
	BATCH(h, VA_BATCH, 0x17000003, RESULT, 0, MISSING, 0, MI_BBE);
	RING(h, 1, MI_BBS, VA_BATCH, 0, MI_UI);
	page_present(h, VA_BATCH, false);
	page_present(h, MISSING, false);
	ctx_enable(h, 1);
	expect_page_fault(h, 1, dw);
	assert_int_equal(dw[2], VA_BATCH);
	RING(h, 2, MI_SDI, RESULT + 8, 0, 5, MI_UI);
	ctx_enable(h, 2);
	wait32(h, OFF_DATA + RESULT + 8, 5);
	page_present(h, VA_BATCH, true);
	answer_fault(h, dw, true);
	expect_page_fault(h, 1, dw);
	assert_int_equal(dw[2], MISSING);
	page_present(h, MISSING, true);
	answer_fault(h, dw, true);
	wait32(h, OFF_DATA + RESULT, 0x77);
}

static void read_only_page(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	ctx_make_user(h, 1, 3);
	ram64_set(h, off_leaf(MISSING), ram64(h, off_leaf(MISSING)) & ~2ull);
	RING(h, 1, MI_SDI, MISSING, 0, 1);
	ctx_enable(h, 1);
	expect_page_fault(h, 1, dw);
	assert_int_equal(dw[2] & 0xf, 1 << 2 | 1);
}

/* A driver that says "mapped" and never maps must not keep the model busy for ever. */
static void endless_answers_end(void **state)
{
	struct harness *h = *state;
	uint32_t msg[16], dw[4], n = 0;

	ctx_make_user(h, 1, 3);
	page_present(h, MISSING, false);
	RING(h, 1, MI_SDI, MISSING, 0, 1);
	ctx_enable(h, 1);
	for (;;) {
		assert_int_not_equal(g2h(h, msg, 3000), 0);
		if (msg[1] != 0x90006002)
			break;
		memcpy(dw, msg + 2, 16);
		answer_fault(h, dw, true);
		assert_true(++n < 5000);
	}
	assert_int_equal(msg[1], 0x90006000);
}

static void disable_while_faulting(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	fault_now(h, 0x55, dw);
	ctx_disable(h, 9);
	ctx_enable(h, 9);
	expect_silence(h); /* still waits for the one answer */
	page_present(h, MISSING, true);
	answer_fault(h, dw, true);
	wait32(h, OFF_DATA + MISSING, 0x55);
}

/* The answer for a context that is gone must not reach the next one of that number. */
static void answer_after_death(void **state)
{
	struct harness *h = *state;
	uint32_t old[4], dw[4];

	fault_now(h, 0x55, old);
	ctx_disable(h, 9);
	ctx_free(h, 9);
	fault_now(h, 0x66, dw);
	answer_fault(h, old, false);
	expect_silence(h);
	page_present(h, MISSING, true);
	answer_fault(h, dw, true);
	wait32(h, OFF_DATA + MISSING, 0x66);
	assert_int_equal(harness_witness_total(h), 0);
}

static void answers_nobody_waits_for(void **state)
{
	struct harness *h = *state;

	ctx_make_user(h, 9, 3);
	ctx_enable(h, 9);
	H2G(h, 0x6003, 1, 9u << 16);
	H2G(h, 0x6003, 1, 0xffffu << 16);
	H2G(h, 0x6003, 3, 9u << 16);
	H2G(h, 0x6003, 1);
	H2G(h, 0x6003, 0, 9u << 16); /* not valid */
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 5);
	expect_silence(h);
}

static void reset_forgets_faults(void **state)
{
	struct harness *h = *state;
	uint32_t dw[4];

	fault_now(h, 0x55, dw);
	gpu_boot(h);
	assert_int_equal(stat_of(h, "contexts"), 0);
	answer_fault(h, dw, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(fault_and_retry),	BAD(GPU_TEST(refusal_ends_the_context)),
		GPU_TEST(faults_of_a_batch),	BAD(GPU_TEST(read_only_page)),
		BAD(GPU_TEST(endless_answers_end)),	BAD(GPU_TEST(disable_while_faulting)),
		BAD(GPU_TEST(answer_after_death)),	BAD(GPU_TEST(answers_nobody_waits_for)),
		BAD(GPU_TEST(reset_forgets_faults)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
