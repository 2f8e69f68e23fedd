/* SPDX-License-Identifier: MIT */
/* The page walk: leaf sizes, NULL, read-only, and what a hostile table may say. */
#include "gpu.h"

#include <errno.h>

#include "dma.h"
#include "ppgtt.h"

static const struct dma_origin who = { .engine = "test", .guc_id = 1 };

#define LEVEL(n) (OFF_PT + 4096 * (4 - (n))) /* table of that level */

static struct ppgtt_leaf leaf;

static enum ppgtt_status walk(struct harness *h, uint64_t va, bool write)
{
	memset(&leaf, 0, sizeof(leaf));
	return ppgtt_walk(h->g->hw, &who, HARNESS_RAM_IOVA + OFF_PT, va, 1, write, &leaf, NULL);
}

static void small_page(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	assert_int_equal(walk(h, 0x3123, true), PPGTT_OK);
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + OFF_DATA + 0x3123);
	assert_int_equal(leaf.bytes, 0x1000 - 0x123);
	assert_false(leaf.null);
}

static void canonical_address(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	assert_int_equal(walk(h, 0xffff000000003123, true), PPGTT_OK);
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + OFF_DATA + 0x3123);
}

static void huge_2m(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	/* bit 12 is PAT[2] in a large leaf, not address */
	ram64_set(h, LEVEL(1), (HARNESS_RAM_IOVA & ~0x1fffffull) | 0x1000 | 0x83);
	assert_int_equal(walk(h, 0x12345, true), PPGTT_OK);
	assert_int_equal(leaf.at.addr, (HARNESS_RAM_IOVA & ~0x1fffffull) + 0x12345);
	assert_int_equal(leaf.bytes, 0x200000 - 0x12345);
}

static void huge_1g(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	ram64_set(h, LEVEL(2), 0x180000000ull | 0x1000 | 0x83);
	assert_int_equal(walk(h, 0x3abcdef0, false), PPGTT_OK);
	assert_int_equal(leaf.at.addr, 0x180000000ull + 0x3abcdef0);
	assert_int_equal(leaf.bytes, 0x40000000 - 0x3abcdef0);
}

static void compact_64k(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	memset(h->ram + LEVEL(0), 0, 4096);
	ram64_set(h, LEVEL(0) + 8 * 3, (HARNESS_RAM_IOVA + 0x100000) | 3);
	ram64_set(h, LEVEL(1), (HARNESS_RAM_IOVA + LEVEL(0)) | 0x43);
	assert_int_equal(walk(h, 0x3abcd, true), PPGTT_OK);
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + 0x10abcd);
	assert_int_equal(leaf.bytes, 0x10000 - 0xabcd);
	assert_int_equal(walk(h, 0x40000, true), PPGTT_NOT_PRESENT);
}

static void ps64_hint_is_4k(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	ram64_set(h, LEVEL(0) + 8, ram64(h, LEVEL(0) + 8) | 0x100);
	assert_int_equal(walk(h, 0x1000, true), PPGTT_OK);
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + OFF_DATA + 0x1000);
	assert_int_equal(leaf.bytes, 0x1000);
}

static void null_leaves(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = { .root = HARNESS_RAM_IOVA + OFF_PT };
	uint32_t val = 9;

	ppgtt_make(h);
	ram64_set(h, LEVEL(0), 0xdead000 | 0x201); /* not writable, but NULL */
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0x10, 1), 0);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0x10, &val), 0);
	assert_int_equal(val, 0);
	ram64_set(h, LEVEL(2), 0x283);
	assert_int_equal(walk(h, 0x1000, true), PPGTT_OK);
	assert_true(leaf.null);
	assert_int_equal(leaf.bytes, 0x40000000 - 0x1000);
	assert_int_equal(harness_witness_total(h), 0);
}

static void not_present_at_each_level(void **state)
{
	struct harness *h = *state;

	for (int level = 0; level <= 4; level++) {
		ppgtt_make(h);
		ram64_set(h, LEVEL(level), ram64(h, LEVEL(level)) & ~1ull);
		assert_int_equal(walk(h, 0, false), PPGTT_NOT_PRESENT);
	}
}

static void read_only(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = { .root = HARNESS_RAM_IOVA + OFF_PT };
	uint32_t val;

	ppgtt_make(h);
	ram64_set(h, LEVEL(0), (HARNESS_RAM_IOVA + OFF_DATA) | 1);
	ram32_set(h, OFF_DATA, 5);
	mem_fault.valid = false;
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0, 6), -EFAULT);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0, &val), 0);
	assert_int_equal(val, 5);
	assert_true(mem_fault.valid && mem_fault.write && mem_fault.read_only);
}

static void vram_leaf(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	ram64_set(h, LEVEL(0), (HARNESS_RAM_IOVA + OFF_DATA) | 0x803);
	assert_int_equal(walk(h, 0, false), PPGTT_NOT_PRESENT);
}

static void table_not_mapped(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	ram64_set(h, LEVEL(2), 0x10000003);
	assert_int_equal(walk(h, 0, false), PPGTT_TABLE_ERROR);
	assert_int_equal(harness_witness(h, WITNESS_DMA_NEVER_MAPPED), 1);
}

/* A table that points at itself gives an address after five steps, not a loop. */
static void table_cycle(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	ram64_set(h, OFF_PT, (HARNESS_RAM_IOVA + OFF_PT) | 3);
	assert_int_equal(walk(h, 0, false), PPGTT_OK);
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + OFF_PT);
}

static void all_ones_table(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	memset(h->ram + OFF_PT, 0xff, 4096);
	walk(h, ~0ull, true); /* any answer, no crash */
	memset(h->ram + LEVEL(0), 0xff, 4096);
	walk(h, 0x1fffff, true);
}

static void faults_once_a_call(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = { .root = HARNESS_RAM_IOVA + OFF_PT };
	static char buf[65536];

	ppgtt_make(h);
	memset(h->ram + LEVEL(0), 0, 4096);
	mem_fault.valid = false;
	assert_int_equal(mem_read(h->g->hw, &who, sp, 0x2000, buf, sizeof(buf)), -EFAULT);
	/* the first of them, and not the fault of a driver yet */
	assert_true(mem_fault.valid && !mem_fault.write && mem_fault.addr == 0x2000);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 0);
	assert_int_equal(stat_of(h, "ppgtt_faults"), 16);
}

/* A cursor answers as a walk from the top does, in whatever order the addresses come. */
static void cursor_agrees(void **state)
{
	static const uint32_t vas[] = { 0, 0x1000, 0x1ff000, 0x200000, 0x3000, 0x40001000, 0x2000,
					0x210000, 0x220000, 0x200000 };
	struct harness *h = *state;
	struct ppgtt_cursor cur;

	ppgtt_make(h);
	ppgtt_cursor_init(&cur);
	/* 2 MiB on: a compact table of 64 KiB pages; its second entry is missing */
	ram64_set(h, LEVEL(1) + 8, (HARNESS_RAM_IOVA + 0x30000) | 3 | 1 << 6);
	memset(h->ram + 0x30000, 0, 4096);
	ram64_set(h, 0x30000, (HARNESS_RAM_IOVA + OFF_DATA) | 3);
	ram64_set(h, 0x30010, (HARNESS_RAM_IOVA + OFF_DATA + 0x20000) | 3);
	for (size_t i = 0; i < sizeof(vas) / sizeof(vas[0]); i++) {
		struct ppgtt_leaf a = { .bytes = 1 }, b = { .bytes = 1 };
		enum ppgtt_status x, y;

		x = ppgtt_walk(h->g->hw, &who, HARNESS_RAM_IOVA + OFF_PT, vas[i], 1, true, &a, NULL);
		y = ppgtt_walk(h->g->hw, &who, HARNESS_RAM_IOVA + OFF_PT, vas[i], 1, true, &b,
			       &cur);
		assert_int_equal(x, y);
		assert_int_equal(a.level, b.level);
		if (x != PPGTT_OK)
			continue;
		assert_int_equal(a.at.addr, b.at.addr);
		assert_int_equal(a.bytes, b.bytes);
	}
}

/* Bytes of table entries that a walk of @len bytes from @va reads; what it finds is in leaf. */
static uint64_t bytes_read(struct harness *h, uint64_t va, size_t len, bool write)
{
	struct vgpu_dma_stats before, after;
	struct ppgtt_cursor cur;

	ppgtt_cursor_init(&cur);
	vgpu_dma_get_stats(h->g->dma, &before);
	ppgtt_walk(h->g->hw, &who, HARNESS_RAM_IOVA + OFF_PT, va, len, write, &leaf, &cur);
	vgpu_dma_get_stats(h->g->dma, &after);
	return after.bytes - before.bytes;
}

/* Neighbours are found in the same go; nothing beyond what was asked for is read. */
static void runs_of_pages(void **state)
{
	struct harness *h = *state;

	ppgtt_make(h);
	assert_int_equal(bytes_read(h, 0x3100, 65536, true), 8 * (4 + 17));
	assert_int_equal(leaf.at.addr, HARNESS_RAM_IOVA + OFF_DATA + 0x3100);
	assert_int_equal(leaf.bytes, 17 * 4096 - 0x100);
	assert_int_equal(bytes_read(h, 0x3100, 0xf00, true), 8 * (4 + 1));
	assert_int_equal(bytes_read(h, 0x3100, 0xf01, true), 8 * (4 + 2));
	assert_int_equal(leaf.bytes, 2 * 4096 - 0x100);
	/* the end of the table ends it, and so does what could not be read in one piece */
	assert_int_equal(bytes_read(h, 0x1fe000, 65536, true), 8 * (4 + 2));
	assert_int_equal(leaf.bytes, 2 * 4096);
	assert_int_equal(bytes_read(h, 0, 1 << 20, true), 8 * (4 + PPGTT_AHEAD));
	assert_int_equal(leaf.bytes, PPGTT_AHEAD * 4096);
}

/* What a run must not go across. */
static void runs_end(void **state)
{
	static const uint64_t entries[] = {
		0,					      /* a hole */
		(HARNESS_RAM_IOVA + OFF_DATA + 0x9000) | 3,   /* another page */
		(HARNESS_RAM_IOVA + OFF_DATA + 0x5000) | 1,   /* read-only */
		(HARNESS_RAM_IOVA + OFF_DATA + 0x5000) | 3 | 1 << 9,  /* NULL */
		(HARNESS_RAM_IOVA + OFF_DATA + 0x5000) | 3 | 1 << 11, /* VRAM */
	};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		ppgtt_make(h);
		ram64_set(h, LEVEL(0) + 8 * 5, entries[i]);
		bytes_read(h, 0x3000, 65536, true);
		assert_int_equal(leaf.bytes, 2 * 4096);
	}
	/* a run of NULL pages is not one of addresses */
	ram64_set(h, LEVEL(0) + 8 * 3, 0x1000 | 3 | 1 << 9);
	ram64_set(h, LEVEL(0) + 8 * 4, 0x2000 | 3 | 1 << 9);
	bytes_read(h, 0x3000, 65536, true);
	assert_true(leaf.null);
	assert_int_equal(leaf.bytes, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small_page),
		TEST(cursor_agrees),
		TEST(runs_of_pages),
		BAD(TEST(runs_end)),
		TEST(canonical_address),
		TEST(huge_2m),
		TEST(huge_1g),
		TEST(compact_64k),
		TEST(ps64_hint_is_4k),
		BAD(TEST(null_leaves)),
		BAD(TEST(not_present_at_each_level)),
		BAD(TEST(read_only)),
		TEST(vram_leaf),
		BAD(TEST(table_not_mapped)),
		BAD(TEST(table_cycle)),
		BAD(TEST(all_ones_table)),
		BAD(TEST(faults_once_a_call)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
