/* SPDX-License-Identifier: MIT */
/* GGTT entries and the accessors that go through them. */
#include "gpu.h"

#include <errno.h>

static const struct dma_origin who = { .engine = "test", .guc_id = -1 };

static uint64_t *table(struct harness *h)
{
	return h->g->hw->ggtt.table;
}

static void translates(void **state)
{
	struct harness *h = *state;
	uint32_t val;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	ram32_set(h, 0x5010, 0xabcd);
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x400010, &val), 0);
	assert_int_equal(val, 0xabcd);
	assert_int_equal(mem_write32(h->g->hw, &who, MEM_GGTT, 0x400020, 55), 0);
	assert_int_equal(ram32(h, 0x5020), 55);
	assert_int_equal(mem_write64(h->g->hw, &who, MEM_GGTT, 0x400028, 1ull << 40), 0);
	assert_int_equal(ram64(h, 0x5028), 1ull << 40);
	assert_int_equal(harness_witness_total(h), 0);
}

static void pat_bits_ignored(void **state)
{
	struct harness *h = *state;
	struct place at;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	table(h)[0x400] |= 3ull << 52;
	assert_true(ggtt_walk(&h->g->hw->ggtt, 0x400123, &at));
	assert_false(at.vram);
	assert_int_equal(at.addr, HARNESS_RAM_IOVA + 0x5123);
}

static void walks_every_time(void **state)
{
	struct harness *h = *state;
	uint32_t val;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	ram32_set(h, 0x5000, 1);
	ram32_set(h, 0x6000, 2);
	mem_read32(h->g->hw, &who, MEM_GGTT, 0x400000, &val);
	assert_int_equal(val, 1);
	harness_ggtt(h, 0x400000, 0x6000, 1);
	mem_read32(h->g->hw, &who, MEM_GGTT, 0x400000, &val);
	assert_int_equal(val, 2);
}

static void scattered_pages(void **state)
{
	struct harness *h = *state;
	char buf[8192], back[8192];

	harness_ggtt(h, 0x400000, 0x9000, 1);
	harness_ggtt(h, 0x401000, 0x5000, 1);
	harness_ggtt(h, 0x402000, 0x7000, 1);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7 + (i >> 8));
	assert_int_equal(mem_write(h->g->hw, &who, MEM_GGTT, 0x400800, buf, sizeof(buf)), 0);
	assert_memory_equal(h->ram + 0x9800, buf, 0x800);
	assert_memory_equal(h->ram + 0x5000, buf + 0x800, 0x1000);
	assert_memory_equal(h->ram + 0x7000, buf + 0x1800, 0x800);
	assert_int_equal(mem_read(h->g->hw, &who, MEM_GGTT, 0x400800, back, sizeof(back)), 0);
	assert_memory_equal(back, buf, sizeof(buf));
}

static void invalid_entry_faults(void **state)
{
	struct harness *h = *state;
	uint32_t val = 77;

	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x400000, &val), -EFAULT);
	assert_int_equal(val, 0);
	assert_int_equal(mem_write32(h->g->hw, &who, MEM_GGTT, 0x400000, 1), -EFAULT);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 2);
	assert_int_equal(stat_of(h, "ggtt_faults"), 2);
}

static void hole_in_the_middle(void **state)
{
	struct harness *h = *state;
	char buf[3 * 4096];

	harness_ggtt(h, 0x400000, 0x5000, 1);
	harness_ggtt(h, 0x402000, 0x7000, 1);
	memset(buf, 0x5a, sizeof(buf));
	assert_int_equal(mem_write(h->g->hw, &who, MEM_GGTT, 0x400000, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(h->ram[0x5fff], 0x5a);
	assert_int_equal(h->ram[0x7000], 0x5a); /* the rest is still done */
	memset(buf, 0x11, sizeof(buf));
	assert_int_equal(mem_read(h->g->hw, &who, MEM_GGTT, 0x400000, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(buf[4096], 0);
	assert_int_equal(buf[8192], 0x5a);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 2); /* once a call */
}

static void vram_entry_faults(void **state)
{
	struct harness *h = *state;
	uint32_t val = 77;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	table(h)[0x400] |= 2;
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x400000, &val), -EFAULT);
	assert_int_equal(val, 0);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

static void beyond_the_table(void **state)
{
	struct harness *h = *state;
	uint32_t val;

	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 1ull << 32, &val), -EFAULT);
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, ~0ull - 3, &val), -EFAULT);
	assert_int_equal(mem_read(h->g->hw, &who, MEM_GGTT, ~0ull - 1, &val, 4), -EFAULT);
}

static void unmapped_iova_is_io_error(void **state)
{
	struct harness *h = *state;
	uint32_t val = 3;

	table(h)[0x400] = (HARNESS_RAM_IOVA - 0x10000) | 1;
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x400000, &val), -EIO);
	assert_int_equal(val, 0);
	assert_int_equal(harness_witness(h, WITNESS_DMA_NEVER_MAPPED), 1);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 0);
}

static void unaligned_falls_back(void **state)
{
	struct harness *h = *state;
	uint32_t val;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	harness_ggtt(h, 0x401000, 0x9000, 1);
	assert_int_equal(mem_write32(h->g->hw, &who, MEM_GGTT, 0x400ffe, 0x11223344), 0);
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x400ffe, &val), 0);
	assert_int_equal(val, 0x11223344);
	assert_int_equal(h->ram[0x9001], 0x11);
	assert_int_equal(mem_write64(h->g->hw, &who, MEM_GGTT, 0x400ffc, ~0ull), 0);
	assert_int_equal(h->ram[0x9003], 0xff);
}

static void power_on_clears(void **state)
{
	struct harness *h = *state;

	harness_ggtt(h, 0x400000, 0x5000, 1);
	vgpu_hw_reset(h->g, VGPU_RESET_FLR);
	assert_int_not_equal(table(h)[0x400], 0);
	vgpu_hw_reset(h->g, VGPU_RESET_POWER_ON);
	assert_int_equal(table(h)[0x400], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(translates),
		TEST(pat_bits_ignored),
		TEST(walks_every_time),
		TEST(scattered_pages),
		BAD(TEST(invalid_entry_faults)),
		BAD(TEST(hole_in_the_middle)),
		BAD(TEST(vram_entry_faults)),
		BAD(TEST(beyond_the_table)),
		BAD(TEST(unmapped_iova_is_io_error)),
		TEST(unaligned_falls_back),
		TEST(power_on_clears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
