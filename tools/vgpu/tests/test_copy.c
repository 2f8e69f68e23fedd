// SPDX-License-Identifier: MIT
/* Copies through page tables, piece by piece: what a piece may consist of, and what stops it. */
#include "gpu.h"

#include <errno.h>

#include "dma.h"

static const struct dma_origin who = { .engine = "bcs0", .guc_id = 1 };

#define LEAF(page) off_leaf(4096 * (page)) /* entry of a 4 KiB page */
#define IOVA(page) (0x20000000ull + 4096 * (page))
#define SRC	   16u /* pages */
#define DST	   64u
#define PIECE	   65536u

/* Page @va of the tables is bus page @iova, a mapping of its own, and that is page @ram of the data. */
static void page_set(struct harness *h, uint32_t va, uint32_t iova, uint32_t ram)
{
	assert_int_equal(vgpu_dma_map(h->g->dma, IOVA(iova), 4096, h->ram_fd, OFF_DATA + 4096 * ram,
				      VGPU_DMA_READ | VGPU_DMA_WRITE), 0);
	ram64_set(h, LEAF(va), IOVA(iova) | 3);
}

/* Source and destination of 17 pages, no two of them neighbours on the bus or in memory. */
static struct mem_space scattered(struct harness *h)
{
	struct mem_space sp = { .root = ppgtt_make(h) };

	for (uint32_t i = 0; i < 17; i++) {
		page_set(h, SRC + i, 40 + i * 5 % 17 * 2, 200 + i * 7 % 17 * 2);
		page_set(h, DST + i, 140 + i * 3 % 17 * 2, 300 + i * 11 % 17 * 2);
	}
	return sp;
}

static uint8_t *src_page(struct harness *h, uint32_t i)
{
	return h->ram + OFF_DATA + 4096 * (200 + i * 7 % 17 * 2);
}

static uint8_t *dst_page(struct harness *h, uint32_t i)
{
	return h->ram + OFF_DATA + 4096 * (300 + i * 11 % 17 * 2);
}

static void fill(struct harness *h)
{
	for (uint32_t i = 0; i < 17; i++) {
		memset(src_page(h, i), (int)i + 1, 4096);
		memset(dst_page(h, i), 0, 4096);
	}
}

static int copy(struct harness *h, struct mem_space sp, uint32_t off, size_t len)
{
	mem_fault.valid = false;
	return mem_copy(h->g->hw, &who, sp, 4096 * DST + off, 4096 * SRC + off, len);
}

static void pages_all_over(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = scattered(h);

	fill(h);
	assert_int_equal(copy(h, sp, 100, PIECE), 0);
	assert_int_equal(dst_page(h, 0)[99], 0);
	assert_int_equal(dst_page(h, 0)[100], 1);
	for (uint32_t i = 1; i < 16; i++)
		assert_memory_equal(dst_page(h, i), src_page(h, i), 4096);
	assert_int_equal(dst_page(h, 16)[99], 17);
	assert_int_equal(dst_page(h, 16)[100], 0);
	/* the sides do not end pages together */
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 4096 * DST + 1, 4096 * SRC + 4000, 60000), 0);
	assert_int_equal(dst_page(h, 0)[96], 1);
	assert_int_equal(dst_page(h, 0)[97], 2);
	assert_int_equal(harness_witness_total(h), 0);
}

static void hole_in_the_middle(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = scattered(h);

	for (int side = 0; side < 2; side++) {
		uint32_t at = (side ? DST : SRC) + 9;
		uint64_t entry = ram64(h, LEAF(at));

		fill(h);
		ram64_set(h, LEAF(at), 0);
		assert_int_equal(copy(h, sp, 0, PIECE), -EFAULT);
		assert_true(mem_fault.valid && mem_fault.addr == 4096 * at && mem_fault.write == side);
		assert_int_equal(stat_of(h, "ppgtt_faults"), side + 1);
		assert_memory_equal(dst_page(h, 8), src_page(h, 8), 4096);
		assert_int_equal(dst_page(h, 10)[0], 0);
		ram64_set(h, LEAF(at), entry);
	}
	/* a destination that cannot be written */
	ram64_set(h, LEAF(DST), ram64(h, LEAF(DST)) & ~2ull);
	assert_int_equal(copy(h, sp, 0, PIECE), -EFAULT);
	assert_true(mem_fault.read_only);
	assert_int_equal(harness_witness_total(h), 0);
}

/* The next piece sees what the driver has taken away, and what it has put elsewhere. */
static void unmapped_between_pieces(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = scattered(h);

	fill(h);
	assert_int_equal(copy(h, sp, 0, PIECE), 0);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, ram64(h, LEAF(SRC + 3)) & ~0xfffull, 4096), 0);
	fill(h);
	assert_int_equal(copy(h, sp, 0, PIECE), -EIO);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP), 1);
	assert_memory_equal(dst_page(h, 2), src_page(h, 2), 4096);
	assert_int_equal(dst_page(h, 3)[0], 0);
	assert_int_equal(dst_page(h, 4)[0], 0);

	ram64_set(h, LEAF(SRC + 3), ram64(h, LEAF(SRC + 5)));
	assert_int_equal(copy(h, sp, 0, PIECE), 0);
	assert_int_equal(dst_page(h, 3)[0], 6);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, ram64(h, LEAF(DST + 1)) & ~0xfffull, 4096), 0);
	assert_int_equal(copy(h, sp, 0, PIECE), -EIO);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP), 2);
	assert_int_equal(harness_witness_total(h), 2);
}

static void null_pages(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = scattered(h);

	fill(h);
	memset(dst_page(h, 4), 0x99, 4096);
	ram64_set(h, LEAF(SRC + 4), 3 | 1 << 9);
	ram64_set(h, LEAF(DST + 6), 3 | 1 << 9);
	assert_int_equal(copy(h, sp, 0, PIECE), 0);
	assert_int_equal(dst_page(h, 4)[0], 0);
	assert_int_equal(dst_page(h, 4)[4095], 0);
	assert_int_equal(dst_page(h, 6)[0], 0); /* dropped */
	assert_int_equal(dst_page(h, 7)[0], 8);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Bus master off, remove() returned, dead: each copy is heard of, as by the long way. */
static void nothing_is_skipped(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = scattered(h);

	fill(h);
	harness_bus_master(h, false);
	assert_int_not_equal(copy(h, sp, 0, PIECE), 0);
	assert_true(harness_witness(h, WITNESS_DMA_NO_BUS_MASTER) > 0);
	harness_bus_master(h, true);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_REMOVE), 0);
	vgpu_set_gone(h->g, true);
	assert_int_equal(copy(h, sp, 0, PIECE), 0);
	assert_true(harness_witness(h, WITNESS_DMA_AFTER_REMOVE) >= 34); /* pages, and the tables */
	vgpu_set_gone(h->g, false);
	fill(h);
	vgpu_set_dead(h->g, true);
	assert_int_not_equal(copy(h, sp, 0, PIECE), 0);
	assert_int_equal(dst_page(h, 0)[0], 0);
	vgpu_set_dead(h->g, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_all_over),
		BAD(TEST(hole_in_the_middle)),
		BAD(TEST(unmapped_between_pieces)),
		BAD(TEST(null_pages)),
		TEST(nothing_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
