/* SPDX-License-Identifier: MIT */
/* The last and the first beyond it, of numbers that a guest or a client chooses freely. */
#define _GNU_SOURCE
#include "gpu.h"

#include <errno.h>
#include <unistd.h>

#include "ggtt.h"

#define VA 0x40000u

static const struct dma_origin who = { .engine = "test", .guc_id = 1 };

static struct mem_space space(struct harness *h)
{
	return (struct mem_space){ .root = ppgtt_make(h) };
}

/* ---- registers and the GGTT ------------------------------------------------------------ */

static void registers_end(void **state)
{
	struct harness *h = *state;
	const uint32_t end = VGPU_GGTT_OFFSET;

	assert_int_equal(vgpu_mmio_read(h->g, end - 4, 4), 0);
	for (uint32_t off = end - 4; off <= end + 4; off += 4) {
		vgpu_mmio_write(h->g, off, ~0ull, 8);
		assert_true(vgpu_mmio_read(h->g, off, 8) == ~0ull);
	}
	assert_int_equal(vgpu_mmio_read(h->g, end - 4, 4), 0);
	assert_null(vgpu_mmio_name(h->g, end));
	assert_null(vgpu_mmio_name(h->g, ~0u));
	/* the selector of no source at all */
	vgpu_mmio_write(h->g, 0x190070, 0, 4);
	assert_int_equal(vgpu_mmio_read(h->g, 0x190060, 4), 0);
}

static void ggtt_ends(void **state)
{
	struct harness *h = *state;
	struct ggtt behind = { .fd = -1 };
	struct place at;

	h->g->hw->ggtt.table[GGTT_ENTRIES - 1] = HARNESS_RAM_IOVA | 1;
	assert_true(ggtt_walk(&h->g->hw->ggtt, (uint64_t)(GGTT_ENTRIES - 1) << 12, &at));
	assert_false(ggtt_walk(&h->g->hw->ggtt, (uint64_t)GGTT_ENTRIES << 12, &at));
	assert_false(ggtt_walk(&h->g->hw->ggtt, ~0ull, &at));
	/* whatever lies behind it */
	behind.table = calloc(GGTT_ENTRIES + 1, 8);
	assert_non_null(behind.table);
	behind.table[GGTT_ENTRIES] = HARNESS_RAM_IOVA | 1;
	assert_false(ggtt_walk(&behind, (uint64_t)GGTT_ENTRIES << 12, &at));
	free(behind.table);
	/* whoever has the descriptor cannot take the table away */
	assert_int_equal(ftruncate(vgpu_ggtt_fd(h->g), VGPU_GGTT_OFFSET), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(vgpu_ggtt_fd(h->g), 2 * VGPU_BAR0_SIZE), -1);
}

/* ---- page tables and accesses through them ----------------------------------------------- */

/* More pieces than an access keeps a list of: no page is the neighbour of the next. */
static void pieces_without_end(void **state)
{
	struct harness *h = *state;
	const unsigned int pages = 100;
	struct mem_space sp = space(h);
	uint8_t *buf = malloc(pages * 4096);

	for (unsigned int i = 0; i < pages; i++) {
		ram64_set(h, off_leaf(VA + 4096 * i),
			  (HARNESS_RAM_IOVA + OFF_DATA + VA + 4096 * (pages - 1 - i)) | 3);
		memset(h->ram + OFF_DATA + VA + 4096 * (pages - 1 - i), (int)i + 1, 4096);
	}
	assert_int_equal(mem_read(h->g->hw, &who, sp, VA, buf, pages * 4096), 0);
	for (unsigned int i = 0; i < pages * 4096; i++)
		assert_int_equal(buf[i], i / 4096 + 1);
	for (unsigned int i = 0; i < pages * 4096; i++)
		buf[i] ^= 0xff;
	assert_int_equal(mem_write(h->g->hw, &who, sp, VA, buf, pages * 4096), 0);
	assert_int_equal(h->ram[OFF_DATA + VA], pages ^ 0xff);
	assert_int_equal(h->ram[OFF_DATA + VA + 4096 * (pages - 1)], 1 ^ 0xff);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, VA, VA + 50 * 4096, 50 * 4096), 0);
	assert_int_equal(h->ram[OFF_DATA + VA + 4096 * (pages - 1)], 51 ^ 0xff);
	free(buf);
}

/* Memory that may only be read, by every way there is to write it. */
static void read_only_stays(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = space(h);
	uint32_t pte = off_leaf(VA);
	uint8_t buf[64] = { 1 };

	ram64_set(h, pte, ram64(h, pte) & ~2ull);
	assert_int_not_equal(mem_write(h->g->hw, &who, sp, VA, buf, sizeof(buf)), 0);
	assert_int_not_equal(mem_write32(h->g->hw, &who, sp, VA, 1), 0);
	assert_int_not_equal(mem_write32(h->g->hw, &who, sp, VA + 1, 1), 0);
	assert_int_not_equal(mem_write64(h->g->hw, &who, sp, VA, 1), 0);
	assert_int_not_equal(mem_write64(h->g->hw, &who, sp, VA + 4, 1), 0);
	assert_int_not_equal(mem_copy(h->g->hw, &who, sp, VA, VA + 0x2000, 64), 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(h->ram[OFF_DATA + VA + i], 0);
	/* a page that is none swallows them and gives 0, whatever address its entry has */
	ram64_set(h, pte, ram64(h, pte) | 0x203);
	memset(h->ram + OFF_DATA + VA, 0x11, 64);
	assert_int_equal(mem_write(h->g->hw, &who, sp, VA, buf, sizeof(buf)), 0);
	assert_int_equal(mem_write64(h->g->hw, &who, sp, VA, 1), 0);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, VA, VA + 0x2000, 64), 0);
	memset(h->ram + OFF_DATA + VA + 0x2000, 0x22, 64);
	assert_int_equal(mem_copy(h->g->hw, &who, sp, VA + 0x2000, VA, 64), 0);
	assert_int_equal(h->ram[OFF_DATA + VA + 0x2000], 0);
	assert_int_equal(mem_read(h->g->hw, &who, sp, VA, buf, sizeof(buf)), 0);
	assert_int_equal(buf[0], 0);
	assert_int_equal(h->ram[OFF_DATA + VA], 0x11);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Bits of an entry above the address are none of it, at any level. */
static void entries_have_other_bits(void **state)
{
	struct harness *h = *state;
	struct mem_space sp = space(h);
	uint32_t val;

	ram32_set(h, OFF_DATA + VA, 0x77);
	for (uint32_t level = 0; level < 4; level++)
		ram64_set(h, OFF_PT + 4096 * level, ram64(h, OFF_PT + 4096 * level) | 0xfff0000000000000);
	ram64_set(h, off_leaf(VA), ram64(h, off_leaf(VA)) | 0xfff0000000000000);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, VA, &val), 0);
	assert_int_equal(val, 0x77);
	/* nor has one of the third level a size */
	ram64_set(h, OFF_PT + 4096, ram64(h, OFF_PT + 4096) | 1u << 7);
	assert_int_equal(mem_read32(h->g->hw, &who, sp, VA, &val), 0);
	assert_int_equal(val, 0x77);
	/* an empty one covers all below, wherever it stands */
	for (uint32_t level = 0; level < 4; level++) {
		sp = space(h);
		ram64_set(h, OFF_PT + 4096 * level, 0x203);
		assert_int_equal(mem_read32(h->g->hw, &who, sp, VA, &val), 0);
		assert_int_equal(val, 0);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* ---- the GuC ---------------------------------------------------------------------------- */

static void keys_end(void **state)
{
	struct harness *h = *state;
	struct guc_ctb was = h->g->hw->guc.ctb;

	for (uint32_t key = 0; key < 0x10000; key++)
		if (key < 0x902 || key > 0x907)
			assert_int_equal(ctb_config(&h->g->hw->guc.ctb, key, ~0ull), 0);
	assert_memory_equal(&was, &h->g->hw->guc.ctb, sizeof(was));
}

/* Rings whose size is none, the one or the other: there is no transport then. */
static void ring_sizes(void **state)
{
	static const uint32_t bad[] = { 0, 4, 32, 4095, 4097, 12288, 8u << 20, 0x80000000 };
	struct harness *h = *state;

	for (uint32_t key = 0x904; key <= 0x907; key += 3)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			ctb_on(h);
			ctb_cfg(h, key, bad[i]);
			assert_int_equal(mailbox(h, 0x4509, 1, 0, 0) >> 28, 0xe);
			assert_false(h->g->hw->guc.ctb.enabled);
		}
}

static void contexts_end(void **state)
{
	static const int id[] = { GUC_MAX_CONTEXTS, GUC_MAX_CONTEXTS + 1, INT32_MAX };
	struct harness *h = *state;
	uint64_t was;

	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++) {
		assert_int_equal(vgpu_hw_fault(h->g, FAULT_HANG, id[i]), -ENOENT);
		was = harness_witness(h, WITNESS_CTB_PROTOCOL);
		H2G(h, 0x4502, 0, (uint32_t)id[i], 3, 1, 0, 0, 0, 0, 0, 0x119, 0);
		H2G(h, 0x1001, (uint32_t)id[i], 1);
		H2G(h, 0x1000, (uint32_t)id[i]);
		H2G(h, 0x4503, (uint32_t)id[i]);
		assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), was + 4);
	}
	assert_int_equal(stat_of(h, "contexts"), 0);
	expect_silence(h);
}

/* Each action with a dword less than it needs, the rest of the ring full of what would be one. */
static void short_actions(void **state)
{
	static const struct {
		uint32_t action, need;
	} row[] = { { 0x4502, 11 }, { 0x4503, 1 }, { 0x1001, 2 }, { 0x1000, 1 }, { 0x6003, 2 }, { 0x7000, 1 },
		    { 0x3003, 2 } };
	uint32_t data[16];
	struct harness *h = *state;

	ctx_make(h, 1, 3, 1);
	for (unsigned int i = 0; i < 16; i++)
		data[i] = 1;
	data[1] = 7; /* a context nobody has, of the copy engine */
	data[2] = 3;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		for (uint32_t n = 0; n < row[i].need; n++) {
			uint64_t was = harness_witness(h, WITNESS_CTB_PROTOCOL);

			h2g(h, 0x8001, 2, row[i].action, data, n);
			assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), was + 1);
		}
	assert_int_equal(stat_of(h, "contexts"), 1);
	expect_silence(h);
}

/* Answers to page faults: not marked as one, and of a context that is there but waits for nothing. */
static void answers_to_nothing(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, 3, 1);
	h->g->hw->guc.submit.faults_open[1] = 2;
	H2G(h, 0x6003, 0, 1 << 16);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	assert_int_equal(h->g->hw->guc.submit.faults_open[1], 2);
	H2G(h, 0x6003, 3, 1 << 16);
	H2G(h, 0x6003, 3, 1 << 16);
	expect_silence(h); /* it is not lost */
	h->g->hw->guc.submit.faults_open[5] = 2;
	H2G(h, 0x6003, 3, 5 << 16); /* nobody has that number any more */
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	H2G(h, 0x6003, 3); /* half of one, with the other half of the last one behind it */
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 2);
	assert_int_equal(h->g->hw->guc.submit.faults_open[5], 1);
}

/* A message a dword longer than what lies in the ring, and one of exactly that length. */
static void message_and_tail(void **state)
{
	struct harness *h = *state;
	uint32_t dw[3] = { 0x80010002, 2u << 28 | 0x1000, 77 };

	h2g_raw(h, dw, 3, true); /* one of 2 dwords behind its header */
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1); /* no such context */
	assert_int_equal(ram32(h, OFF_DESC + 8), 0);
	dw[0]++;
	h2g_raw(h, dw, 3, true);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 2);
	assert_int_not_equal(ram32(h, OFF_DESC + 8), 0); /* the ring is broken */
}

/* The last dword of the ring of answers is never written: full would be empty. */
static void answers_fill_the_ring(void **state)
{
	struct harness *h = *state;
	const uint32_t size = CTB_BYTES / 4, len = 3; /* an answer to an invalidation */
	uint32_t tail = ram32(h, OFF_DESC + 0x804);

	ram32_set(h, OFF_DESC + 0x800, (tail + len + 1) % size);
	H2G(h, 0x7000, 1);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 0);
	assert_int_equal(ram32(h, OFF_DESC + 0x804), (tail + len) % size);
	ram32_set(h, OFF_DESC + 0x800, (tail + 2 * len) % size);
	H2G(h, 0x7000, 1);
	assert_int_equal(harness_witness(h, WITNESS_CTB_PROTOCOL), 1);
	assert_int_equal(ram32(h, OFF_DESC + 0x804), (tail + len) % size);
}

/* An image of firmware ends where it says, not with the page. */
static void image_ends(void **state)
{
	struct harness *h = *state;

	wr(h, 0x941c, 8);
	wr(h, 0xc300, GPU_GGTT + HARNESS_RAM_SIZE - 64);
	wr(h, 0xc304, 8u << 16);
	wr(h, 0xc310, 64);
	wr(h, 0xc314, 0x00110011);
	assert_int_equal(rd(h, 0xc000), 0x8000f0ec);
	assert_int_equal(harness_witness_total(h), 0);
	wr(h, 0x941c, 8);
	wr(h, 0xc310, 68);
	wr(h, 0xc314, 0x00110011);
	assert_int_equal(rd(h, 0xc000), 1);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(GPU_TEST(registers_end)),
		BAD(GPU_TEST(ggtt_ends)),
		BAD(GPU_TEST(pieces_without_end)),
		BAD(GPU_TEST(read_only_stays)),
		BAD(GPU_TEST(entries_have_other_bits)),
		BAD(GPU_TEST(keys_end)),
		BAD(GPU_TEST(ring_sizes)),
		BAD(GPU_TEST(contexts_end)),
		BAD(GPU_TEST(short_actions)),
		BAD(GPU_TEST(answers_to_nothing)),
		BAD(GPU_TEST(message_and_tail)),
		BAD(GPU_TEST(answers_fill_the_ring)),
		BAD(GPU_TEST(image_ends)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
