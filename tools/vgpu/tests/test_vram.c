// SPDX-License-Identifier: MIT
/* Local memory: through GGTT and page tables, by engines, at its end, and when the card goes. */
#define _GNU_SOURCE
#include "gpu.h"

#include <errno.h>
#include <unistd.h>

#include "ppgtt.h"

static const struct dma_origin who = { .engine = "test", .guc_id = 1 };

#define V_PT   0x100000u /* page tables, one a level, in VRAM */
#define V_DATA 0x400000u /* VA 0..2 MiB leads here */
#define DM     (1ull << 11)
#define LEVEL(n) (V_PT + 4096 * (4 - (n)))
#define END    (1ull << 30)

static uint8_t *mem(struct harness *h)
{
	return h->g->hw->vram.mem;
}

static void v64(struct harness *h, uint64_t off, uint64_t val)
{
	__atomic_store_n((uint64_t *)(void *)(mem(h) + off), val, __ATOMIC_RELEASE);
}

static uint32_t v32(struct harness *h, uint64_t off)
{
	return __atomic_load_n((uint32_t *)(void *)(mem(h) + off), __ATOMIC_ACQUIRE);
}

static void ggtt_entry(struct harness *h, uint64_t gpu, uint64_t pte)
{
	h->g->hw->ggtt.table[gpu >> 12] = pte;
}

/* Tables in VRAM: entries that point to tables carry no memory bit. Returns the space. */
static struct mem_space space_make(struct harness *h, uint64_t data, uint64_t flags)
{
	for (uint32_t level = 0; level < 4; level++)
		v64(h, V_PT + 4096 * level, (V_PT + 4096 * (level + 1)) | 3);
	for (uint32_t i = 0; i < 512; i++)
		v64(h, LEVEL(0) + 8 * i, (data + 4096 * i) | flags | 3);
	return (struct mem_space){ .root = V_PT };
}

static struct mem_space vram_space(struct harness *h)
{
	return space_make(h, V_DATA, DM);
}

/* ---- the part ------------------------------------------------------------------------ */

static void registers_agree(void **state)
{
	struct harness *h = *state;
	uint64_t gsm = rd(h, 0x108100) | (uint64_t)rd(h, 0x108104) << 32;
	uint64_t dsm = rd(h, 0x1080c0) | (uint64_t)rd(h, 0x1080c4) << 32;
	uint64_t size = (uint64_t)(rd(h, 0x4900) >> 8 & 0x7f) << 30;

	assert_int_equal(size, h->g->personality->vram_size);
	assert_int_equal(rd(h, 0x4900), rd(h, 0x1083a0));
	assert_true(gsm && gsm <= h->g->personality->bar2_size);
	assert_int_equal(gsm & 0x1fffff, 0);
	assert_true(gsm + (8u << 20) <= dsm); /* the GGTT's copy fits */
	assert_true(dsm + (8u << 20) <= size); /* and WOPCM */
	assert_int_equal(dsm & 0xfffff, 0);
	assert_int_equal(rd(h, 0x8800), 0); /* no compression */
	assert_int_equal(rd(h, 0xd8c) >> 22, 20);
	assert_int_equal(rd(h, 0xd8c) >> 14 & 0xff, 1);
}

static void memory_is_ready(void **state)
{
	struct harness *h = *state;

	assert_int_equal(rd(h, 0x101010), 0x80);
	wr(h, 0x101010, rd(h, 0x101010) | 1u << 31); /* driver FLR */
	assert_int_equal(rd(h, 0x101010), 0x80);
	assert_int_equal(rd(h, 0x101018), 1u << 31);
	wr(h, 0x138124, 1u << 31 | 0x7e); /* DGFX_PCODE_STATUS */
	assert_int_equal(rd(h, 0x138124), 0);
	assert_int_equal(rd(h, 0x138128), 1);
}

/* ---- translation ----------------------------------------------------------------------- */

static void through_the_ggtt(void **state)
{
	struct harness *h = *state;
	char buf[6000], back[6000];
	uint32_t val;

	ggtt_entry(h, 0x800000, 0x5000 | 3);
	ggtt_entry(h, 0x801000, (HARNESS_RAM_IOVA + 0x9000) | 1);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 11);
	assert_int_equal(mem_write(h->g->hw, &who, MEM_GGTT, 0x800010, buf, sizeof(buf)), 0);
	assert_memory_equal(mem(h) + 0x5010, buf, 4096 - 16);
	assert_memory_equal(h->ram + 0x9000, buf + 4080, sizeof(buf) - 4080);
	assert_int_equal(mem_read(h->g->hw, &who, MEM_GGTT, 0x800010, back, sizeof(back)), 0);
	assert_memory_equal(back, buf, sizeof(buf));
	assert_int_equal(mem_write32(h->g->hw, &who, MEM_GGTT, 0x800100, 0x12345678), 0);
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x800100, &val), 0);
	assert_int_equal(val, 0x12345678);
	assert_int_equal(mem_write64(h->g->hw, &who, MEM_GGTT, 0x800108, 1ull << 50), 0);
	assert_int_equal(*(uint64_t *)(void *)(mem(h) + 0x5108), 1ull << 50);
	assert_int_equal(harness_witness_total(h), 0);
}

static void tables_in_vram(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint32_t val;

	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0x3008, 99), 0);
	assert_int_equal(*(uint32_t *)(void *)(mem(h) + V_DATA + 0x3008), 99);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0x3008, &val), 0);
	assert_int_equal(val, 99);
	assert_int_equal(stat_of(h, "vram_faults"), 0);
	assert_int_equal(harness_witness_total(h), 0);
}

static void system_leaf(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = space_make(h, HARNESS_RAM_IOVA + OFF_DATA, 0);

	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0x3008, 98), 0);
	assert_int_equal(ram32(h, OFF_DATA + 0x3008), 98);
}

/* A copy within the card needs no bus; of half a page beyond its end nothing is done quietly. */
static void copies(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	static uint8_t want[65536];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = (uint8_t)(i * 13 >> 3);
	memcpy(mem(h) + V_DATA + 0x1080, want, sizeof(want));
	harness_bus_master(h, false);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 0x80010, 0x1080, sizeof(want)), 0);
	harness_bus_master(h, true);
	assert_memory_equal(mem(h) + V_DATA + 0x80010, want, sizeof(want));
	/* to the bus and back */
	for (uint32_t i = 0; i < 32; i++)
		v64(h, LEVEL(0) + 8 * (0x100 + i), (HARNESS_RAM_IOVA + OFF_DATA + 4096 * (i ^ 1)) | 3);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 0x100008, 0x1080, sizeof(want)), 0);
	assert_memory_equal(h->ram + OFF_DATA + 4096 + 8, want, 4088);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 0xc0000, 0x100008, sizeof(want)), 0);
	assert_memory_equal(mem(h) + V_DATA + 0xc0000, want, sizeof(want));
	assert_int_equal(harness_witness_total(h), 0);
	vgpu_set_gone(h->g, true);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 0x80010, 0x1080, 4096), 0);
	assert_true(harness_witness(h, WITNESS_VRAM_AFTER_REMOVE) >= 2);
	vgpu_set_gone(h->g, false);
	v64(h, LEVEL(0) + 8 * 2, (END - 4096) | DM | 3);
	v64(h, LEVEL(0) + 8 * 3, END | DM | 3);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, 0x80000, 0x2000, 4096), 0);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 0);
	assert_int_not_equal(mem_copy(h->g->hw, &who, sp, 0x80000, 0x2000, 8192), 0);
	assert_true(harness_witness(h, WITNESS_VRAM_FAULT) > 0);
	assert_null(vram_direct(h->g->hw, END - 8, 9, false));
	assert_null(vram_direct(h->g->hw, ~0ull, 8, true));
	atomic_store(&h->g->dead, true);
	assert_null(vram_direct(h->g->hw, 0, 8, true));
	atomic_store(&h->g->dead, false);
}

static void words(void **state)
{
	struct harness *h = *state;
	uint64_t v[3];

	v64(h, END - 16, 7);
	v64(h, END - 8, 8);
	assert_int_equal(vram_read_words(h->g->hw, END - 16, v, 2, &who), DMA_OK);
	assert_true(v[0] == 7 && v[1] == 8);
	assert_int_equal(vram_read_words(h->g->hw, END - 16, v, 3, &who), DMA_NEVER_MAPPED);
	assert_true(v[0] == 7 && v[1] == 8 && !v[2]);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 1);
}

/* A root at a bus address is an offset into VRAM here, where there are zeroes. */
static void tables_in_system_memory(void **state)
{
	struct harness *h = *state;
	struct ppgtt_leaf leaf;
	uint64_t root = ppgtt_make(h);

	assert_int_equal(ppgtt_walk(h->g->hw, &who, root, 0x1000, 1, false, &leaf, NULL),
			 PPGTT_TABLE_ERROR); /* beyond the end */
	assert_int_equal(ppgtt_walk(h->g->hw, &who, 0x8000, 0x1000, 1, false, &leaf, NULL),
			 PPGTT_NOT_PRESENT);
}

static void large_leaves(void **state)
{
	struct harness *h = *state;
	struct ppgtt_leaf leaf;

	vram_space(h);
	v64(h, LEVEL(2), 0x0 | DM | 0x83); /* the identity map of the driver: 1 GiB */
	assert_int_equal(ppgtt_walk(h->g->hw, &who, V_PT, 0x3abcdef8, 1, true, &leaf, NULL), PPGTT_OK);
	assert_true(leaf.at.vram);
	assert_int_equal(leaf.at.addr, 0x3abcdef8);
	assert_int_equal(leaf.bytes, END - 0x3abcdef8);
	v64(h, LEVEL(2), LEVEL(1) | 3);
	v64(h, LEVEL(1), 0x600000 | DM | 1 << 12 | 0x83); /* 2 MiB; bit 12 is PAT */
	assert_int_equal(ppgtt_walk(h->g->hw, &who, V_PT, 0x12345, 1, true, &leaf, NULL), PPGTT_OK);
	assert_int_equal(leaf.at.addr, 0x612345);
	v64(h, LEVEL(1), LEVEL(0) | 0x43); /* compact table of 64 KiB pages */
	v64(h, LEVEL(0) + 8, 0x750000 | DM | 3);
	assert_int_equal(ppgtt_walk(h->g->hw, &who, V_PT, 0x1abcd, 1, true, &leaf, NULL), PPGTT_OK);
	assert_int_equal(leaf.at.addr, 0x75abcd);
	assert_true(leaf.at.vram);
}

static void null_leaf_is_no_vram(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint32_t val = 5;

	v64(h, LEVEL(0), DM | 0x201);
	memset(mem(h), 0x77, 8);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0, &val), 0);
	assert_int_equal(val, 0);
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0, 1), 0);
	assert_int_equal(mem(h)[0], 0x77);
}

static void read_only_leaf(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint32_t val;

	v64(h, LEVEL(0), V_DATA | DM | 1);
	mem_fault.valid = false;
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0, &val), 0);
	assert_false(mem_fault.valid);
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0, 1), -EFAULT);
	assert_true(mem_fault.valid && mem_fault.read_only);
	assert_int_equal(mem(h)[V_DATA], 0);
}

/* ---- beyond the end -------------------------------------------------------------------- */

static void leaf_beyond_the_end(void **state)
{
	static const uint64_t where[] = { END, END + 4096, 1ull << 40, 0x000ffffffffff000 };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		struct mem_space sp = vram_space(h);
		char buf[16];
		uint32_t val = 3;

		v64(h, LEVEL(0), where[i] | DM | 3);
		assert_int_equal(mem_read32(h->g->hw, &who, sp, 4, &val), -EIO);
		assert_int_equal(val, 0);
		assert_int_equal(mem_write32(h->g->hw, &who, sp, 4, 1), -EIO);
		assert_int_equal(mem_write64(h->g->hw, &who, sp, 8, 1), -EIO);
		memset(buf, 1, sizeof(buf));
		assert_int_equal(mem_read(h->g->hw, &who, sp, 9, buf, sizeof(buf)), -EIO);
		for (size_t k = 0; k < sizeof(buf); k++)
			assert_int_equal(buf[k], 0);
		assert_int_equal(mem_write(h->g->hw, &who, sp, 9, buf, sizeof(buf)), -EIO);
		assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 5 * (i + 1));
		assert_int_equal(stat_of(h, "vram_faults"), 5 * (i + 1));
	}
}

static void half_beyond_the_end(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	char buf[8192];

	v64(h, LEVEL(0), (END - 4096) | DM | 3);
	v64(h, LEVEL(0) + 8, END | DM | 3);
	memset(buf, 0x33, sizeof(buf));
	assert_int_equal(mem_write(h->g->hw, &who, sp, 0, buf, sizeof(buf)), -EIO);
	assert_int_equal(mem(h)[END - 1], 0x33); /* the rest is still done */
	assert_int_equal(vram_read(h->g->hw, END - 4, buf, 8, &who), DMA_NEVER_MAPPED);
	assert_int_equal(buf[3], 0x33);
	assert_int_equal(buf[4], 0);
	assert_int_equal(vram_write(h->g->hw, END - 1, "ab", 2, &who), DMA_NEVER_MAPPED);
	assert_int_equal(mem(h)[END - 1], 'a');
	assert_int_equal(vram_read(h->g->hw, ~0ull - 3, buf, 8, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vram_read(h->g->hw, ~0ull, buf, 1, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vram_read(h->g->hw, END, buf, 0, &who), DMA_OK);
}

static void table_beyond_the_end(void **state)
{
	struct harness *h = *state;
	struct ppgtt_leaf leaf;

	for (int level = 4; level > 0; level--) {
		vram_space(h);
		v64(h, LEVEL(level), END | 3);
		assert_int_equal(ppgtt_walk(h->g->hw, &who, V_PT, 0, 1, false, &leaf, NULL),
				 PPGTT_TABLE_ERROR);
	}
	assert_int_equal(ppgtt_walk(h->g->hw, &who, END, 0, 1, false, &leaf, NULL), PPGTT_TABLE_ERROR);
	assert_int_equal(ppgtt_walk(h->g->hw, &who, ~0ull, 0, 1, false, &leaf, NULL), PPGTT_TABLE_ERROR);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 6);
}

static void ggtt_beyond_the_end(void **state)
{
	struct harness *h = *state;
	uint32_t val = 1;

	ggtt_entry(h, 0x800000, END | 3);
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x800000, &val), -EIO);
	assert_int_equal(val, 0);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 1);
	ggtt_entry(h, 0x800000, 0x5000 | 2); /* not valid */
	assert_int_equal(mem_read32(h->g->hw, &who, MEM_GGTT, 0x800000, &val), -EFAULT);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

/* ---- engines ----------------------------------------------------------------------------- */

/* A context whose page tables are in VRAM; VA 0..2 MiB is VRAM, 2..4 MiB guest memory. */
static void card_ctx(struct harness *h, uint32_t id, uint32_t class, uint32_t mask)
{
	ctx_make(h, id, class, mask);
	vram_space(h);
	v64(h, LEVEL(1) + 8, (V_PT + 0x8000) | 3);
	for (uint32_t i = 0; i < 512; i++)
		v64(h, V_PT + 0x8000 + 8 * i, (HARNESS_RAM_IOVA + OFF_DATA + 4096 * i) | 3);
	lrc_set(h, id, 0x31, 0);
	lrc_set(h, id, 0x33, V_PT);
}

#define MEM_COPY(bytes, src, dst) \
	0x56800008, (bytes) - 1, 0, 0, 0, src, 0, dst, 0, 0

static void engine_copies(void **state)
{
	struct harness *h = *state;
	uint8_t *sys = h->ram + OFF_DATA;

	card_ctx(h, 1, 3, 1);
	for (uint32_t i = 0; i < 200000; i++)
		mem(h)[V_DATA + i] = (uint8_t)(i * 13 >> 3);
	RING(h, 1, MEM_COPY(200000, 0, 0x200000), /* VRAM to guest */
	     MEM_COPY(200000, 0x200000, 0x100000), /* and back, elsewhere */
	     MI_SDI, 0x300000, 0, 0x600d, MI_UI);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA + 0x100000, 0x600d);
	assert_memory_equal(sys, mem(h) + V_DATA, 200000);
	assert_memory_equal(mem(h) + V_DATA + 0x100000, sys, 200000);
	assert_int_equal(harness_witness_total(h), 0);
}

/* The driver's own page tables are written by the GPU: the very next access must see it. */
static void engine_writes_tables(void **state)
{
	struct harness *h = *state;
	uint64_t pte = (V_DATA + 0x5000) | DM | 3;

	card_ctx(h, 1, 3, 2);
	v64(h, LEVEL(0) + 8 * 16, LEVEL(0) | DM | 3); /* VA 0x10000 is the table itself */
	RING(h, 1, 0x10200003, 0x10000 + 8 * 32, 0, (uint32_t)pte, (uint32_t)(pte >> 32),
	     MI_SDI, 0x20000, 0, 0xcafe, MI_SDI, 0x200000, 0, 1, MI_UI);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA, 1);
	assert_int_equal(v32(h, V_DATA + 0x5000), 0xcafe);
}

static void engine_beyond_the_end(void **state)
{
	struct harness *h = *state;

	card_ctx(h, 1, 3, 1);
	v64(h, LEVEL(0), END | DM | 3);
	RING(h, 1, MI_SDI, 0, 0, 1, MI_UI);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1); /* CAT error */
	assert_int_equal(harness_witness(h, WITNESS_VRAM_FAULT), 1);
}

/* Local memory needs no bus mastering, guest memory does. */
static void bus_master_off(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint32_t val;

	harness_bus_master(h, false);
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0, 4), 0);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0, &val), 0);
	assert_int_equal(val, 4);
	sp = space_make(h, HARNESS_RAM_IOVA, 0);
	assert_int_equal(mem_write32(h->g->hw, &who, sp, 0, 4), -EIO);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void resets(void **state)
{
	struct harness *h = *state;

	mem(h)[0] = mem(h)[END - 1] = 1;
	vgpu_function_reset(h->g);
	assert_int_equal(mem(h)[0], 1);
	assert_int_equal(mem(h)[END - 1], 1);
	vgpu_power_cycle(h->g);
	assert_int_equal(mem(h)[0], 0);
	assert_int_equal(mem(h)[END - 1], 0);
}

static void dead_card(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint64_t q = 3;
	uint32_t val = 7;

	vgpu_set_dead(h->g, true);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, 0, &val), -EFAULT);
	assert_int_equal(val, 0);
	assert_int_equal(vram_read64(h->g->hw, 0, &q, &who), DMA_DEAD);
	assert_int_equal(q, 0);
	assert_int_equal(vram_write64(h->g->hw, 0, 0, &who), DMA_DEAD);
	assert_int_equal(vram_write(h->g->hw, 0, "x", 1, &who), DMA_DEAD);
	assert_int_equal(mem(h)[0], 0xff);
	assert_int_equal(harness_witness_total(h), 0);
	vgpu_set_dead(h->g, false); /* a new card */
	for (uint64_t i = 0; i < h->g->personality->bar2_size; i += 65536)
		assert_int_equal(mem(h)[i], 0);
}

static void gone_is_witnessed(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = vram_space(h);
	uint32_t val;

	vgpu_set_gone(h->g, true);
	mem_read32(h->g->hw, &who, sp, 0, &val);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_AFTER_REMOVE), 6); /* five tables, one leaf */
	mem_write32(h->g->hw, &who, sp, 0, 1);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_AFTER_REMOVE), 12);
	assert_int_equal(*(uint32_t *)(void *)(mem(h) + V_DATA), 1);
	vgpu_set_gone(h->g, false);
	mem_read32(h->g->hw, &who, sp, 0, &val);
	assert_int_equal(harness_witness(h, WITNESS_VRAM_AFTER_REMOVE), 12);
}

static void client_cannot_take_it_away(void **state)
{
	struct harness *h = *state;

	assert_int_equal(ftruncate(vgpu_vram_fd(h->g), 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(vgpu_vram_fd(h->g), 2ll * END), -1);
}

#define CARD(f) cmocka_unit_test_setup_teardown(f, harness_setup_bmg, harness_teardown)

static int boot_setup(void **state)
{
	*state = harness_new_of("bmg");
	gpu_boot(*state);
	return 0;
}

#define BOOTED(f) cmocka_unit_test_setup_teardown(f, boot_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CARD(registers_agree),
		CARD(memory_is_ready),
		CARD(through_the_ggtt),
		CARD(tables_in_vram),
		CARD(system_leaf),
		CARD(copies),
		CARD(words),
		CARD(tables_in_system_memory),
		CARD(large_leaves),
		CARD(null_leaf_is_no_vram),
		BAD(CARD(read_only_leaf)),
		BAD(CARD(leaf_beyond_the_end)),
		BAD(CARD(half_beyond_the_end)),
		BAD(CARD(table_beyond_the_end)),
		BAD(CARD(ggtt_beyond_the_end)),
		BOOTED(engine_copies),
		BOOTED(engine_writes_tables),
		BAD(BOOTED(engine_beyond_the_end)),
		BAD(CARD(bus_master_off)),
		CARD(resets),
		BAD(CARD(dead_card)),
		BAD(CARD(gone_is_witnessed)),
		BAD(CARD(client_cannot_take_it_away)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
