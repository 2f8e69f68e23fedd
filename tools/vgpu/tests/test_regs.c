/* SPDX-License-Identifier: MIT */
/* Register file: rules as data, hooks, unknown registers, forcewake, pcode, resets, WOPCM. */
#include "gpu.h"

static unsigned int hook_calls;
static uint32_t hook_val, hook_old;

static void hook(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
		 uint32_t old)
{
	hook_calls++;
	hook_val = val;
	hook_old = old;
}

static const struct reg_def defs[] = {
	{ .off = 0x00, .name = "PLAIN", .reset = 7 },
	{ .off = 0x04, .name = "RO", .reset = 0x1234, .ro = 0xffff0000 },
	{ .off = 0x08, .name = "W1C", .reset = 0xff, .w1c = 0x0f },
	{ .off = 0x0c, .name = "SELF", .self_clear = 1 },
	{ .off = 0x10, .name = "MASKED", .masked = true, .write = hook },
};

static const struct reg_range range[] = {
	{ 0x2000, 0x3000, "range" },
	{ 0x4000, 0x4010, "nothing there", .reads_as = 0xdeadbeef },
};
static const struct range_set ranges = REG_SET(range);
static const struct range_set *const sets[] = { NULL, &ranges };

static int file_setup(void **state)
{
	struct regs *r = calloc(1, sizeof(*r));

	assert_int_equal(regs_init(r, sets, 2), 0);
	assert_int_equal(regs_add(r, defs, 5, 0x1000), 0);
	hook_calls = 0;
	*state = r;
	return 0;
}

static int file_teardown(void **state)
{
	regs_fini(*state);
	free(*state);
	return 0;
}

static void rules(void **state)
{
	struct regs *r = *state;

	assert_int_equal(regs_read(NULL, r, 0x1000), 7);
	regs_write(NULL, r, 0x1000, 9);
	assert_int_equal(regs_read(NULL, r, 0x1000), 9);
	regs_write(NULL, r, 0x1004, 0xffffffff);
	assert_int_equal(regs_read(NULL, r, 0x1004), 0x0000ffff);
	regs_write(NULL, r, 0x1008, 0x13); /* bits 0, 1 cleared; 4 written; 2, 3 stay */
	assert_int_equal(regs_read(NULL, r, 0x1008), 0x1c);
	regs_write(NULL, r, 0x100c, 0x81);
	assert_int_equal(regs_read(NULL, r, 0x100c), 0x80);
}

static void masked(void **state)
{
	struct regs *r = *state;

	regs_write(NULL, r, 0x1010, 0x00ff00a5);
	assert_int_equal(regs_read(NULL, r, 0x1010), 0xa5);
	regs_write(NULL, r, 0x1010, 0x0001ffff);
	assert_int_equal(regs_read(NULL, r, 0x1010), 0xa5);
	regs_write(NULL, r, 0x1010, 0x00010000);
	assert_int_equal(regs_read(NULL, r, 0x1010), 0xa4);
	assert_int_equal(hook_calls, 3);
	assert_int_equal(hook_val, 0x00010000);
	assert_int_equal(hook_old, 0xa5);
}

static void reset_values(void **state)
{
	struct regs *r = *state;

	regs_write(NULL, r, 0x1000, 1);
	regs_write(NULL, r, 0x5000, 1);
	regs_reset(r);
	assert_int_equal(regs_read(NULL, r, 0x1000), 7);
	assert_int_equal(regs_read(NULL, r, 0x5000), 0);
}

static void add_refuses(void **state)
{
	static const struct reg_def odd = { .off = 2, .name = "ODD" };
	static const struct reg_def twice = { .off = 0x1000, .name = "TWICE" };
	static const struct reg_def beyond = { .off = REGS_SPACE, .name = "BEYOND" };
	struct regs *r = *state;

	assert_int_equal(regs_add(r, &odd, 1, 0), -22);
	assert_int_equal(regs_add(r, &twice, 1, 0), -22);
	assert_int_equal(regs_add(r, &beyond, 1, 0), -22);
}

static void unknown_counted(void **state)
{
	struct regs *r = *state;

	regs_read(NULL, r, 0x5000);
	regs_write(NULL, r, 0x5000, 1);
	regs_read(NULL, r, 0x6000);
	regs_read(NULL, r, 0x2004); /* in a named range */
	regs_read(NULL, r, 0x1000);
	assert_int_equal(r->nr_unknown, 2);
	assert_int_equal(r->unknown[0].off, 0x5000);
	assert_int_equal(r->unknown[0].count, 2);
	assert_string_equal(regs_name(r, 0x2004), "range");
	assert_null(regs_name(r, 0x5000));
}

static void range_without_storage(void **state)
{
	struct regs *r = *state;

	for (uint32_t off = 0x4000; off < 0x4010; off += 4) {
		regs_write(NULL, r, off, off);
		assert_int_equal(regs_read(NULL, r, off), 0xdeadbeef);
	}
	regs_write(NULL, r, 0x4010, 1);
	assert_int_equal(regs_read(NULL, r, 0x4010), 1);
	assert_int_equal(r->nr_unknown, 1); /* the last one */
}

/* IGT's xe_mmap@pci-membarrier: what a program reads in the page it is given for barriers. */
static void doorbell_page(void **state)
{
	struct harness *h = *state;

	for (uint32_t off = 0x7ff000; off < 0x800000; off += 4) {
		wr(h, off, off);
		assert_int_equal(rd(h, off), 0xdeadbeef);
	}
	vgpu_mmio_write(h->g, 0x7ff002, 1, 1);
	assert_int_equal(vgpu_mmio_read(h->g, 0x7ff002, 1), 0xad);
	vgpu_mmio_write(h->g, 0x7ffff8, 1, 8);
	assert_int_equal(vgpu_mmio_read(h->g, 0x7ffff8, 8), 0xdeadbeefdeadbeef);
}

static void unknown_bounded(void **state)
{
	struct regs *r = *state;

	for (uint32_t off = 0x100000; off < 0x100000 + 4 * 5000; off += 4)
		regs_read(NULL, r, off);
	assert_true(r->nr_unknown <= 4096);
	assert_int_equal(r->nr_unknown + r->unknown_overflow, 5000);
}

/* Hostile guest: a sweep over all there is must not take a search each (seconds, found by fuzzing). */
static void unknown_are_found_at_once(void **state)
{
	struct regs *r = *state;
	uint64_t t;

	for (uint32_t off = 0x100000; off < 0x100000 + 4 * 5000; off += 4)
		regs_read(NULL, r, off);
	t = hw_now_ns();
	for (uint32_t off = 0x100000; off < 0x700000; off += 4)
		regs_read(NULL, r, off);
	assert_true(hw_now_ns() - t < 1000000000);
	assert_int_equal(r->unknown[0].count, 2);
	assert_int_equal(r->unknown[r->nr_unknown - 1].count, 2);
	assert_int_equal(regs_power_on_value(r, 0x100000, 1), -22);
	assert_false(regs_is_active(r, 0x100000));
}

static void power_on_values(void **state)
{
	struct harness *h = *state;

	assert_int_equal(rd(h, 0xd8c), 0x05010004);
	assert_int_equal(rd(h, 0x380d8c), 0);
	assert_int_equal(rd(h, 0xd00), 0xe);
	assert_int_equal(rd(h, 0xc000), 1);
	assert_int_equal(rd(h, 0x9120) & 4, 4);
	assert_int_equal(rd(h, 0x3ee000 + 0x54), 0x40);
	assert_int_equal(rd(h, 0x3ee000 + 0x8c), 8 << 4 | 3);
}

static void constants_resist(void **state)
{
	struct harness *h = *state;

	wr(h, 0xd8c, 0);
	wr(h, 0xc000, 0x8000f0ec);
	wr(h, 0xfd0, 0);
	wr(h, 0x1901f8, 1);
	assert_int_equal(rd(h, 0xd8c), 0x05010004);
	assert_int_equal(rd(h, 0xc000), 1);
	assert_int_equal(rd(h, 0xfd0), 1);
	assert_int_equal(rd(h, 0x1901f8), 0);
}

static void forcewake(void **state)
{
	struct harness *h = *state;

	wr(h, 0xa188, 0x00010001);
	assert_int_equal(rd(h, 0xdfc), 1);
	assert_int_equal(rd(h, 0xd84), 0);
	wr(h, 0xa278, 0x00010001);
	wr(h, 0xa188, 0x00000000); /* mask empty: nothing changes */
	assert_int_equal(rd(h, 0xdfc), 1);
	wr(h, 0xa188, 0x00010000);
	assert_int_equal(rd(h, 0xdfc), 0);
	assert_int_equal(rd(h, 0xd84), 1);
	wr(h, 0xd84, 0);
	assert_int_equal(rd(h, 0xd84), 1);
}

static void slow_forcewake(void **state)
{
	struct harness *h = *state;
	uint64_t t = hw_now_ns();

	json_decref(harness_control(h, "{\"cmd\":\"slow\",\"wake_us\":50000}", true));
	wr(h, 0xa188, 0x00010001);
	wr(h, 0xa278, 0x00010001);
	assert_int_equal(rd(h, 0xdfc), 0);
	while (!rd(h, 0xdfc))
		assert_true(hw_now_ns() - t < 5000000000);
	assert_true(hw_now_ns() - t >= 50000000);
	while (!rd(h, 0xd84))
		assert_true(hw_now_ns() - t < 5000000000);
	assert_true(hw_now_ns() - t >= 100000000); /* one after the other */
	wr(h, 0xa188, 0x00010000); /* sleeps at once */
	assert_int_equal(rd(h, 0xdfc), 0);
	wr(h, 0xa188, 0x00010001);
	wr(h, 0xa188, 0x00010000); /* and is not woken by what was taken back */
	sleep_ms(60);
	assert_int_equal(rd(h, 0xdfc), 0);
	json_decref(harness_control(h, "{\"cmd\":\"slow\"}", true));
	wr(h, 0xa188, 0x00010001);
	assert_int_equal(rd(h, 0xdfc), 1);
}

static void pcode(void **state)
{
	struct harness *h = *state;

	wr(h, 0x138128, 99);
	wr(h, 0x138124, 0x8000007e);
	assert_int_equal(rd(h, 0x138124), 0);
	assert_int_equal(rd(h, 0x138128), 1);
	wr(h, 0x138124, 0x800000ee);
	assert_int_equal(rd(h, 0x138124) & 0x800000ff, 1);
	assert_int_equal(rd(h, 0x138128), 0);
}

static void wopcm_lock(void **state)
{
	struct harness *h = *state;

	wr(h, 0xc050, 0x00100000);
	assert_int_equal(rd(h, 0xc050), 0x00100001);
	wr(h, 0xc050, 0x00200000);
	assert_int_equal(rd(h, 0xc050), 0x00100001);
	wr(h, 0x941c, 1); /* a GT reset keeps the lock */
	assert_int_equal(rd(h, 0xc050), 0x00100001);
	vgpu_hw_reset(h->g, VGPU_RESET_FLR);
	assert_int_equal(rd(h, 0xc050), 0);
}

static void driver_flr(void **state)
{
	struct harness *h = *state;

	wr(h, 0x5a5a0, 77);
	assert_int_equal(rd(h, 0x101018), 0);
	wr(h, 0x101010, 1u << 31);
	assert_int_equal(rd(h, 0x101010), 0);
	assert_int_equal(rd(h, 0x101018), 1u << 31);
	assert_int_equal(rd(h, 0x5a5a0), 0);
	wr(h, 0x101018, 1u << 31);
	assert_int_equal(rd(h, 0x101018), 0);
	wr(h, 0x101010, 0);
	assert_int_equal(rd(h, 0x101018), 0);
}

static void self_clearing(void **state)
{
	struct harness *h = *state;

	wr(h, 0x941c, 0xffffffff);
	wr(h, 0xb418, 1);
	wr(h, 0xb404, 1);
	wr(h, 0xc1bc, 0x40000000);
	wr(h, 0x444f8, 0xffffffff);
	assert_int_equal(rd(h, 0x941c), 0);
	assert_int_equal(rd(h, 0xb418), 0);
	assert_int_equal(rd(h, 0xb404), 0);
	assert_int_equal(rd(h, 0xc1bc), 0);
	assert_int_equal(rd(h, 0x444f8), 0);
}

static void widths(void **state)
{
	struct harness *h = *state;

	vgpu_mmio_write(h->g, 0x5a000, 0x1122334455667788, 8);
	assert_int_equal(rd(h, 0x5a000), 0x55667788);
	assert_int_equal(rd(h, 0x5a004), 0x11223344);
	assert_int_equal(vgpu_mmio_read(h->g, 0x5a000, 8), 0x1122334455667788);
	assert_int_equal(vgpu_mmio_read(h->g, 0x5a001, 1), 0x77);
	assert_int_equal(vgpu_mmio_read(h->g, 0x5a002, 2), 0x5566);
	vgpu_mmio_write(h->g, 0x5a001, 0xaa, 1);
	assert_int_equal(rd(h, 0x5a000), 0x5566aa88);
	assert_int_equal(harness_witness_total(h), 0);
	/* a part of a register with side effects */
	vgpu_mmio_write(h->g, 0x941c, 8, 1);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 1);
	/* beyond the registers */
	assert_int_equal(vgpu_mmio_read(h->g, REGS_SPACE, 4), ~0ull);
	assert_int_equal(vgpu_mmio_read(h->g, REGS_SPACE - 4, 8), ~0ull);
	vgpu_mmio_write(h->g, 0xfffffff8, 1, 8);
}

static void mocs_reads_back(void **state)
{
	struct harness *h = *state;

	for (uint32_t i = 0; i < 64; i++)
		wr(h, 0x4000 + 4 * i, i * 0x01010101);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(rd(h, 0x4000 + 4 * i), i * 0x01010101);
}

static void clock_ticks(void **state)
{
	struct harness *h = *state;
	uint32_t a = rd(h, 0x22358), b;

	sleep_ms(20);
	b = rd(h, 0x22358);
	assert_true(b - a >= 19200 * 19); /* 19.2 MHz */
	wr(h, 0x22358, 0);
	assert_true(rd(h, 0x22358) - b < 19200000);
	assert_int_equal(rd(h, 0x223a8), 0); /* no context runs */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rules, file_setup, file_teardown),
		cmocka_unit_test_setup_teardown(masked, file_setup, file_teardown),
		cmocka_unit_test_setup_teardown(reset_values, file_setup, file_teardown),
		BAD(cmocka_unit_test_setup_teardown(add_refuses, file_setup, file_teardown)),
		BAD(cmocka_unit_test_setup_teardown(unknown_counted, file_setup, file_teardown)),
		BAD(cmocka_unit_test_setup_teardown(unknown_bounded, file_setup, file_teardown)),
		BAD(cmocka_unit_test_setup_teardown(range_without_storage, file_setup, file_teardown)),
		BAD(cmocka_unit_test_setup_teardown(doorbell_page, harness_setup_bmg, harness_teardown)),
		BAD(cmocka_unit_test_setup_teardown(unknown_are_found_at_once, file_setup, file_teardown)),
		TEST(power_on_values),
		BAD(TEST(constants_resist)),
		TEST(forcewake),
		TEST(slow_forcewake),
		TEST(pcode),
		BAD(TEST(wopcm_lock)),
		TEST(driver_flr),
		TEST(self_clearing),
		BAD(TEST(widths)),
		TEST(mocs_reads_back),
		TEST(clock_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
