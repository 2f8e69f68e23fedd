/* SPDX-License-Identifier: MIT */
/* GuC boot handshake, MMIO mailbox, SLPC. */
#include "gpu.h"

#define STATUS 0xc000u
#define READY  0x8000f0ecu

static void ggtt_on(struct harness *h)
{
	harness_ggtt(h, GPU_GGTT, 0, HARNESS_RAM_SIZE / 4096);
}

static void boots(void **state)
{
	struct harness *h = *state;

	ggtt_on(h);
	wr(h, 0x941c, 8);
	assert_int_equal(rd(h, STATUS) & 1, 1);
	guc_load(h);
	assert_int_equal(rd(h, STATUS), READY);
	assert_int_equal(rd(h, 0xc314) & 1, 0);
	wr(h, 0x941c, 8);
	assert_int_equal(rd(h, STATUS), 1);
	assert_int_equal(harness_witness_total(h), 0);
}

static void image_not_mapped(void **state)
{
	struct harness *h = *state;

	guc_load(h);
	assert_int_equal(rd(h, STATUS), 1);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

static void image_sizes(void **state)
{
	static const uint32_t bad[] = { 0, 0x00400001, 0xffffffff };
	struct harness *h = *state;

	ggtt_on(h);
	for (unsigned int i = 0; i < 3; i++) {
		wr(h, 0xc300, GPU_GGTT);
		wr(h, 0xc310, bad[i]);
		wr(h, 0xc314, 0x00110011);
		assert_int_equal(rd(h, STATUS), 1);
	}
}

static void dma_without_start(void **state)
{
	struct harness *h = *state;

	ggtt_on(h);
	wr(h, 0xc300, GPU_GGTT);
	wr(h, 0xc310, 0x4000);
	wr(h, 0xc314, 0x00100011); /* mask without START */
	assert_int_equal(rd(h, STATUS), 1);
	wr(h, 0xc314, 0x00010001); /* START, but not the GuC's image */
	assert_int_equal(rd(h, STATUS), 1);
}

static void mute_before_boot(void **state)
{
	struct harness *h = *state;

	assert_int_equal(mailbox(h, 0x4100, 0, 0, 0), 0x4100);
}

static void hwconfig_table(void **state)
{
	struct harness *h = *state;
	uint32_t size, *t = (uint32_t *)(void *)(h->ram + 0x20000);
	bool slices = false, subslices = false;

	size = mailbox(h, 0x4100, 0, 0, 0) & 0x0fffffff;
	assert_true(size > 0 && size % 4 == 0);
	assert_int_equal(mailbox(h, 0x4100, GPU_GGTT + 0x20000, 0, size), 0xf0000000 | size);
	for (uint32_t i = 0; i < size / 4; i += 2 + t[i + 1]) {
		assert_true(i + 2 + t[i + 1] <= size / 4);
		slices |= t[i] == 1 && t[i + 2] == 1;
		subslices |= t[i] == 70 && t[i + 2] == 4;
	}
	assert_true(slices && subslices);
}

static void hwconfig_refuses(void **state)
{
	struct harness *h = *state;

	assert_int_equal(mailbox(h, 0x4100, GPU_GGTT, 0, 4) >> 28, 0xe);
	assert_int_equal(mailbox(h, 0x4100, 0x1000, 0, 4096) >> 28, 0xe); /* not in the GGTT */
	assert_int_equal(mailbox(h, 0x4100, 0, 0xffffffff, 4096) >> 28, 0xe);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 2);
}

static void unknown_request(void **state)
{
	struct harness *h = *state;

	assert_int_equal(mailbox(h, 0x5555, 0, 0, 0) >> 28, 0xe);
	assert_int_equal(stat_of(h, "unknown_actions"), 1);
}

static void self_cfg_counts(void **state)
{
	struct harness *h = *state;

	assert_int_equal(mailbox(h, 0x508, 0x902u << 16 | 2, 1, 0), 0xf0000001);
	assert_int_equal(mailbox(h, 0x508, 0x999u << 16 | 2, 1, 0), 0xf0000000);
	assert_int_equal(mailbox(h, 0x508, 0x902u << 16 | 3, 1, 0) >> 28, 0xe);
	assert_int_equal(mailbox(h, 0x508, 0x902u << 16, 1, 0) >> 28, 0xe);
}

static void ctb_needs_sizes(void **state)
{
	static const uint32_t bad[] = { 0, 4, 4095, 4097, 0x80000000 };
	struct harness *h = *state;

	for (unsigned int i = 0; i < 5; i++) {
		ctb_cfg(h, 0x904, bad[i]);
		assert_int_equal(mailbox(h, 0x4509, 1, 0, 0) >> 28, 0xe);
	}
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 5);
	assert_int_equal(mailbox(h, 0x4509, 0, 0, 0), 0xf0000000);
}

/* The doorbell of the CTB must not run an old mailbox request again. */
static void doorbell_twice(void **state)
{
	struct harness *h = *state;
	json_int_t before = stat_of(h, "mmio_requests");

	mailbox(h, 0x4100, 0, 0, 0);
	wr(h, 0x1901f0, 0);
	wr(h, 0x1901f0, 0);
	assert_int_equal(stat_of(h, "mmio_requests"), before + 1);
}

static void soft_reset_drops_contexts(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 4, 3, 1);
	assert_int_equal(stat_of(h, "contexts"), 1);
	assert_int_equal(mailbox(h, 0x5507, 0, 0, 0), 0xf0000000);
	assert_int_equal(stat_of(h, "contexts"), 0);
	assert_int_equal(stat_of(h, "contexts_dropped_by_reset"), 1);
	H2G(h, 0x7000, 1, 0); /* the transport is still up */
	EXPECT_EVENT(h, 0x7001, 1);
}

static void guc_reset_forgets(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 4, 3, 1);
	wr(h, 0x941c, 8);
	assert_int_equal(stat_of(h, "contexts"), 0);
	H2G(h, 0x7000, 1, 0);
	expect_silence(h);
	guc_load(h);
	/* the addresses are forgotten too */
	assert_int_equal(mailbox(h, 0x4509, 1, 0, 0) >> 28, 0xe);
}

#define SLPC_OFF 0x30000u
#define SLPC_GG	 (GPU_GGTT + SLPC_OFF)

static void slpc(void **state)
{
	struct harness *h = *state;
	uint32_t msg[16];

	H2G(h, 0x3003, 0 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(ram32(h, SLPC_OFF + 4), 3);
	h2g(h, 5, 0, 0x3003, (uint32_t[]){ 5 << 8 | 2, SLPC_GG, 0 }, 3);
	assert_int_equal(g2h(h, msg, 1000), 2);
	assert_int_equal(msg[0], 5u << 16 | 1);
	assert_int_equal(msg[1], 0xf0000000);
	assert_int_equal(ram32(h, SLPC_OFF + 132) & 0xffff, 18 << 8 | 123);
	H2G(h, 0x3003, 6 << 8 | 2, 6, 1200); /* minimum 1200 MHz */
	H2G(h, 0x3003, 6 << 8 | 2, 7, 60000);
	H2G(h, 0x3003, 5 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(ram32(h, SLPC_OFF + 132) & 0xffff, 72 << 8 | 123);
	H2G(h, 0x3003, 7 << 8 | 1, 6);
	H2G(h, 0x3003, 5 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(ram32(h, SLPC_OFF + 132) >> 8 & 0xff, 18);
	H2G(h, 0x3003, 1 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(ram32(h, SLPC_OFF + 4), 0);
}

static void frequency_follows_limits(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x3003, 0 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(rd(h, 0xc60), 3 << 9); /* asleep */
	wr(h, 0xa188, 0x00010001);
	assert_int_equal(rd(h, 0xc60), 72);
	H2G(h, 0x3003, 6 << 8 | 2, 6, 1500);
	assert_int_equal(rd(h, 0xc60), 90);
	H2G(h, 0x3003, 6 << 8 | 2, 7, 1200); /* below the minimum, which wins */
	assert_int_equal(rd(h, 0xc60), 90);
	assert_int_equal(rd(h, 0xa008) >> 23, 90);
	H2G(h, 0x3003, 6 << 8 | 2, 6, 300);
	H2G(h, 0x3003, 6 << 8 | 2, 7, 300);
	assert_int_equal(rd(h, 0xc60), 18);
	H2G(h, 0x3003, 6 << 8 | 2, 7, 1); /* below what the part can do */
	assert_int_equal(rd(h, 0xc60), 18);
	H2G(h, 0x3003, 7 << 8 | 1, 7);
	assert_int_equal(rd(h, 0xc60), 72);
}

static void slpc_refuses(void **state)
{
	struct harness *h = *state;

	H2G(h, 0x3003, 0);
	H2G(h, 0x3003, 6 << 8 | 2, 6);
	H2G(h, 0x3003, 99 << 8 | 2, SLPC_GG, 0);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 3);
	H2G(h, 0x3003, 0 << 8 | 2, 0x1000, 0);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(boots),
		BAD(TEST(image_not_mapped)),
		BAD(TEST(image_sizes)),
		BAD(TEST(dma_without_start)),
		BAD(TEST(mute_before_boot)),
		GPU_TEST(hwconfig_table),
		BAD(GPU_TEST(hwconfig_refuses)),
		BAD(GPU_TEST(unknown_request)),
		GPU_TEST(self_cfg_counts),
		BAD(GPU_TEST(ctb_needs_sizes)),
		GPU_TEST(doorbell_twice),
		GPU_TEST(soft_reset_drops_contexts),
		GPU_TEST(guc_reset_forgets),
		GPU_TEST(slpc),
		GPU_TEST(frequency_follows_limits),
		BAD(GPU_TEST(slpc_refuses)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
