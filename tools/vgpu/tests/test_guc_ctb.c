/* SPDX-License-Identifier: MIT */
/* Command transport: wrap, padding, lengths, and rings that lie. */
#include "gpu.h"

#define H2G_HEAD ram32(h, OFF_DESC)
#define H2G_TAIL ram32(h, OFF_DESC + 4)
#define DWORDS	 (CTB_BYTES / 4)

static void exact_answer(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x7000, 0x12345, 0x80000000);
	EXPECT_EVENT(h, 0x7001, 0x12345);
	assert_int_equal(H2G_HEAD, H2G_TAIL);
	assert_int_equal(rd(h, 0x190018), 1u << 25);
	assert_true(harness_wait_msi(h, 1000));
}

static void request_gets_its_fence(void **state)
{
	struct harness *h = *state;
	uint32_t msg[16];

	h2g(h, 0x77, 0, 0x550e, (uint32_t[]){ 0, 0, 0 }, 3);
	assert_int_equal(g2h(h, msg, 1000), 2);
	assert_int_equal(msg[0], 0x77u << 16 | 1);
	assert_int_equal(msg[1], 0xf0000000);
	/* the number of KLVs */
	h2g(h, 0x78, 0, 0x0509, (uint32_t[]){ 0x10010002, 80, 20 }, 3);
	assert_int_equal(g2h(h, msg, 1000), 2);
	assert_int_equal(msg[1], 0xf0000001);
}

static void version_gated_actions(void **state)
{
	static const uint32_t action[] = { 0x0509, 0x550c, 0x550d, 0x550e };
	struct harness *h = *state;
	uint32_t msg[16];

	for (unsigned int i = 0; i < 4; i++) {
		h2g(h, i, 0, action[i], (uint32_t[]){ 0 }, 1);
		assert_int_equal(g2h(h, msg, 1000), 2);
		assert_int_equal(msg[1] >> 28, 0xf);
	}
	assert_int_equal(stat_of(h, "unknown_actions"), 0);
}

static void fast_request_is_silent(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x3004, 0);
	H2G(h, 0x100b, 1, 0x20010001, 0);
	expect_silence(h);
	assert_int_equal(H2G_HEAD, H2G_TAIL);
}

static void unknown_action(void **state)
{
	struct harness *h = *state;
	uint32_t msg[16];

	H2G(h, 0xabc, 1);
	expect_silence(h);
	h2g(h, 9, 0, 0xabc, (uint32_t[]){ 1 }, 1);
	assert_int_equal(g2h(h, msg, 1000), 2);
	assert_int_equal(stat_of(h, "unknown_actions"), 2);
	assert_int_equal(stat_of(h, "last_unknown_action"), 0xabc);
	assert_int_equal(harness_witness_total(h), 0);
}

static void several_per_doorbell(void **state)
{
	struct harness *h = *state;
	uint32_t m[] = { 0x80010003, 0x20007000, 1, 0, 0x80010003, 0x20007000, 2, 0 };

	h2g_raw(h, m, 8, true);
	EXPECT_EVENT(h, 0x7001, 1);
	EXPECT_EVENT(h, 0x7001, 2);
}

static void many_wraps(void **state)
{
	struct harness *h = *state;

	/* 4 dwords a message in both directions' rings: neither size divides evenly */
	for (uint32_t i = 1; i <= 2000; i++) {
		H2G(h, 0x7000, i, 0);
		EXPECT_EVENT(h, 0x7001, i);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* xe zero-fills the end of the ring, sets the tail to 0 and goes on there. */
static void zero_padding(void **state)
{
	struct harness *h = *state;
	uint32_t zero[DWORDS] = { 0 };

	H2G(h, 0x7000, 1, 0);
	H2G(h, 0x7000, 1, 0);
	EXPECT_EVENT(h, 0x7001, 1);
	EXPECT_EVENT(h, 0x7001, 1);
	h2g_raw(h, zero, DWORDS - H2G_TAIL, false);
	assert_int_equal(H2G_TAIL, 0);
	H2G(h, 0x7000, 2, 0);
	EXPECT_EVENT(h, 0x7001, 2);
	assert_int_equal(H2G_HEAD, 4);
}

static void only_padding(void **state)
{
	struct harness *h = *state;
	uint32_t zero[7] = { 0 };

	h2g_raw(h, zero, 7, true);
	assert_int_equal(H2G_HEAD, 7);
	expect_silence(h);
}

#define BIG_BYTES (4u << 20)

/* The largest ring there is, in the data area: one message at the end of it behind a million zeroes. */
static void big_ring(struct harness *h)
{
	const uint32_t m[] = { 0x80010003, 0x20007000, 77, 0 }, at = BIG_BYTES / 4 - 8;

	assert_int_equal(mailbox(h, 0x4509, 0, 0, 0), 0xf0000000);
	memset(h->ram + OFF_DESC, 0, 0x1000);
	ctb_cfg(h, 0x902, GPU_GGTT + OFF_DATA);
	ctb_cfg(h, 0x904, BIG_BYTES);
	assert_int_equal(mailbox(h, 0x4509, 1, 0, 0), 0xf0000000);
	memcpy(h->ram + OFF_DATA + 4 * at, m, sizeof(m));
	ram32_set(h, OFF_DESC + 4, at + 4);
}

/* Hostile: nobody waits for a walk over all of it, and what follows is not forgotten. */
static void a_million_zeroes(void **state)
{
	struct harness *h = *state;
	uint64_t t;

	big_ring(h);
	t = hw_now_ns();
	wr(h, 0x1901f0, 0);
	assert_true(hw_now_ns() - t < 100000000);
	assert_in_range(H2G_HEAD, 1, BIG_BYTES / 4 / 2);
	expect_silence(h);
	while (harness_run_deferred(h, 100))
		;
	EXPECT_EVENT(h, 0x7001, 77);
	assert_int_equal(H2G_HEAD, BIG_BYTES / 4 - 4);
	assert_int_equal(harness_witness_total(h), 0);
}

static void zeroes_end_with_the_ring(void **state)
{
	struct harness *h = *state;

	big_ring(h);
	wr(h, 0x1901f0, 0);
	assert_int_equal(mailbox(h, 0x4509, 0, 0, 0), 0xf0000000); /* disabled: none of it is read on */
	ctb_on(h);
	while (harness_run_deferred(h, 100))
		;
	H2G(h, 0x7000, 5, 0);
	EXPECT_EVENT(h, 0x7001, 5);
	assert_int_equal(H2G_HEAD, 4);
}

static void message_across_the_end(void **state)
{
	struct harness *h = *state;
	uint32_t zero[DWORDS] = { 0 };

	h2g_raw(h, zero, DWORDS - 2, true);
	H2G(h, 0x7000, 3, 0);
	EXPECT_EVENT(h, 0x7001, 3);
	assert_int_equal(H2G_HEAD, 2);
}

static void length_beyond_tail(void **state)
{
	struct harness *h = *state;
	uint32_t m[] = { 0x80010009, 0x20007000, 1, 0 };

	h2g_raw(h, m, 4, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	assert_int_not_equal(ram32(h, OFF_DESC + 8), 0);
	H2G(h, 0x7000, 2, 0); /* the ring is dead now, told once */
	expect_silence(h);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
}

static void message_without_body(void **state)
{
	struct harness *h = *state;
	uint32_t m[] = { 0x80010000 };

	h2g_raw(h, m, 1, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
}

static void wrong_format(void **state)
{
	struct harness *h = *state;
	uint32_t m[] = { 0x80011003, 0x20007000, 1, 0 };

	h2g_raw(h, m, 4, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	expect_silence(h);
}

static void tail_beyond_ring(void **state)
{
	struct harness *h = *state;

	ram32_set(h, OFF_DESC + 4, DWORDS);
	wr(h, 0x1901f0, 0);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	ram32_set(h, OFF_DESC + 4, 0xffffffff);
	wr(h, 0x1901f0, 0);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
}

static void origin_guc(void **state)
{
	struct harness *h = *state;
	uint32_t m[] = { 0x80010003, 0xa0007000, 1, 0 };

	h2g_raw(h, m, 4, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	expect_silence(h);
}

static void short_messages(void **state)
{
	static const uint32_t action[] = { 0x4502, 0x4503, 0x1001, 0x1000, 0x7000, 0x3003 };
	struct harness *h = *state;

	for (unsigned int i = 0; i < 6; i++)
		h2g_raw(h, (uint32_t[]){ 0x80010001, 0x20000000 | action[i] }, 2, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 6);
	expect_silence(h);
}

static void g2h_overflow(void **state)
{
	struct harness *h = *state;

	for (uint32_t i = 0; i < 400; i++) /* 400 answers of 3 dwords into 1024, nobody reads */
		H2G(h, 0x7000, i + 1, 0);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	assert_int_not_equal(ram32(h, OFF_DESC + 0x808), 0);
}

static void g2h_head_lies(void **state)
{
	struct harness *h = *state;

	ram32_set(h, OFF_DESC + 0x800, 0x7fffffff);
	H2G(h, 0x7000, 1, 0);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
}

static void ring_leaves_the_ggtt(void **state)
{
	struct harness *h = *state;
	uint64_t *pte = &h->g->hw->ggtt.table[(GPU_GGTT + OFF_H2G) >> 12], keep = *pte;

	*pte = 0;
	H2G(h, 0x7000, 1, 0);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
	expect_silence(h);
	*pte = keep;
	wr(h, 0x1901f0, 0);
	EXPECT_EVENT(h, 0x7001, 1);
}

static void disabled_is_deaf(void **state)
{
	struct harness *h = *state;

	mailbox(h, 0x4509, 0, 0, 0);
	H2G(h, 0x7000, 1, 0);
	expect_silence(h);
	assert_int_equal(H2G_HEAD, 0);
}

/* Deterministic noise in ring, descriptor and doorbell: nothing may crash or hang. */
static void noise(void **state)
{
	struct harness *h = *state;
	uint32_t x = 12345;

	for (int round = 0; round < 300; round++) {
		ctb_on(h);
		for (unsigned int i = 0; i < DWORDS; i++) {
			x = x * 1664525 + 1013904223;
			/* plausible headers half of the time */
			ram32_set(h, OFF_H2G + 4 * i, i & 1 ? x : x & 0xffff000f);
		}
		ram32_set(h, OFF_DESC + 4, x >> 8 & (DWORDS - 1));
		ram32_set(h, OFF_DESC + 0x800, x >> 20);
		wr(h, 0x1901f0, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(exact_answer),
		GPU_TEST(request_gets_its_fence),
		GPU_TEST(version_gated_actions),
		GPU_TEST(fast_request_is_silent),
		BAD(GPU_TEST(unknown_action)),
		GPU_TEST(several_per_doorbell),
		GPU_TEST(many_wraps),
		BAD(GPU_TEST(zero_padding)),
		BAD(GPU_TEST(only_padding)),
		BAD(GPU_TEST(a_million_zeroes)),
		BAD(GPU_TEST(zeroes_end_with_the_ring)),
		GPU_TEST(message_across_the_end),
		BAD(GPU_TEST(length_beyond_tail)),
		BAD(GPU_TEST(message_without_body)),
		BAD(GPU_TEST(wrong_format)),
		BAD(GPU_TEST(tail_beyond_ring)),
		BAD(GPU_TEST(origin_guc)),
		BAD(GPU_TEST(short_messages)),
		BAD(GPU_TEST(g2h_overflow)),
		BAD(GPU_TEST(g2h_head_lies)),
		BAD(GPU_TEST(ring_leaves_the_ggtt)),
		BAD(GPU_TEST(disabled_is_deaf)),
		BAD(GPU_TEST(noise)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
