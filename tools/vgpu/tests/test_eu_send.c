/* SPDX-License-Identifier: MIT */
/* Messages of shaders: what the data port answers, and what nobody may. */
#include "walker.h"

/* What IGT's shaders do: blocks of a surface, typed. */
static void typed_blocks(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = k;

	p = asm1i(p, OP_MOV, W | X(4), D(31, 0), T_UD, 0);
	for (uint32_t i = 0; i < 4; i++)
		p = asm1i(p, OP_MOV, W1, D(31, 4 * i), T_UD, 0xcafe0000 + i);
	p = asm1i(p, OP_MOV, W | X(3), D(30, 0), T_UD, 0);
	p = asm1i(p, OP_MOV, W1, D(30, 24), T_UD, 5); /* row */
	p = asm1i(p, OP_MOV, W1, D(30, 28), T_UD, 15);
	p = asm_send(p, W1, 13, 7 | 2u << 25 | 3u << 29, 0, 0, 30, 0, 0, false);
	/* and back, one dword further, into the next row but one */
	p = asm1i(p, OP_MOV, W1, D(30, 20), T_UD, 4);
	p = asm1i(p, OP_MOV, W1, D(30, 28), T_UD, 3);
	p = asm_send(p, W1, 13, 3 | 1u << 20 | 1u << 25 | 3u << 29, 0, 33, 30, 0, 0, false);
	p = asm1i(p, OP_MOV, W1, D(30, 24), T_UD, 7);
	p = asm_send(p, W1, 13, 7 | 1u << 25 | 3u << 29, 0, 0, 30, 33, 1, false);
	run_kernel(h, &g, k, p);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(out(h, 5 * 16 + i), 0xcafe0000 + i);
	assert_int_equal(out(h, 5 * 16 + 4), 0);
	assert_int_equal(out(h, 7 * 16 + 1), 0xcafe0001);
	assert_int_equal(out(h, 7 * 16 + 2), 0);
	assert_int_equal(harness_witness_total(h), 0);
}

/* 4 threads of 16 channels each add one to one word; all of them. And the mask of the last counts. */
static void atomics(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	g.threads = 4;
	g.x = 3;
	g.mask = 0x7;
	p = asm1(p, OP_MOV, W | X(4), D(20, 0), T_UQ, S(1, 0), T_UD);
	p = asm1i(p, OP_MOV, W | X(4), D(24, 0), T_UD, 2);
	p = asm_send(p, X(4), 15, LSC(12, A64, D32, 0, 0, 1, 2), 0, 26, 20, 24, 1, false);
	run_kernel(h, &g, k, p);
	assert_int_equal(out(h, 0), 2 * 3 * (3 * 16 + 3));
}

/* One message each: none of them may be answered. */
static void senseless_messages(void **state)
{
	static const struct {
		uint32_t ctrl, sfid, desc, exdesc, dst, src0, src1, src1_len;
	} bad[] = {
		{ W1, 9, 1u << 25, 0, 0, 1, 0, 0 },			    /* nobody there */
		{ W1, 15, 0x3d | 1u << 25, 0, 0, 1, 0, 0 },		    /* no such operation */
		{ W1, 15, LSC(0, 0, D32, 0, 0, 1, 1), 0, 2, 1, 0, 0 },	    /* no address size */
		{ W1, 15, LSC(0, A64, D32, 0, 0, 1, 0), 0, 2, 1, 0, 0 },    /* no addresses */
		{ W1, 15, LSC(0, A64, D32, 0, 0, 0, 1), 0, 2, 1, 0, 0 },    /* no destination */
		{ W | X(5), 15, LSC(0, A64, D32, 0, 0, 2, 3), 0, 2, 1, 0, 0 }, /* addresses too short */
		{ W | X(5), 15, LSC(0, A64, D32, 3, 0, 7, 4), 0, 2, 1, 0, 0 }, /* four parts in seven */
		{ W1, 15, LSC(0, A64, D32, 4, 0, 8, 1), 0, 2, 1, 0, 0 },    /* eight parts of a channel */
		{ W | X(1), 15, LSC(0, A64, D32, 4, 1, 8, 1), 0, 2, 1, 0, 0 }, /* a block of two */
		{ W1, 15, LSC(0, A64, D64, 7, 1, 7, 1), 0, 2, 1, 0, 0 },    /* 512 bytes into 448 */
		{ W1, 15, LSC(0, A64, 7, 0, 0, 1, 1), 0, 2, 1, 0, 0 },	    /* no data size */
		{ W1, 15, LSC(4, A64, D32, 0, 0, 0, 1), 0, 0, 1, 2, 0 },    /* nothing to store */
		{ W1, 15, LSC(0, A64, D32, 0, 0, 31, 1), 0, 100, 1, 0, 0 }, /* beyond the registers */
		{ W1, 15, LSC(0, A64, D32, 0, 0, 1, 15), 0, 2, 120, 0, 0 },
		{ W1, 15, LSC(4, A64, D32, 0, 0, 0, 1), 0, 0, 1, 127, 2 },
		{ W1, 15, LSC(18, A64, D32, 0, 0, 1, 1), 0, 2, 1, 3, 1 },   /* compare with one operand */
		{ W1, 15, LSC(12, A64, 1, 0, 0, 1, 1), 0, 2, 1, 3, 1 },	    /* bytes are not atomic */
		{ W1, 15, LSC(0, A64, D32, 0, 0, 1, 1) | 3u << 29, 0, 2, 1, 0, 0 }, /* no buffer */
		{ W1, 15, 3 | D32 << 9 | 1u << 20, 0, 2, 1, 0, 0 },	    /* 2D without a header */
		{ W1, 13, 3 | 1u << 20 | 1u << 25, 0, 2, 1, 0, 0 },	    /* typed, flat */
		{ W1, 13, 0 | 1u << 20 | 1u << 25 | 3u << 29, 0, 2, 1, 0, 0 },
		{ W1, 13, 7 | 1u << 25 | 3u << 29, 0, 0, 1, 0, 0 },	    /* without data */
		{ W1, 3, 6 | 1u << 25, 0, 0, 1, 0, 0 },			    /* no such event */
	};
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[32], *p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = asm_send(k, bad[i].ctrl, bad[i].sfid, bad[i].desc, bad[i].exdesc, bad[i].dst,
			     bad[i].src0, bad[i].src1, bad[i].src1_len, false);
		p = asm_eot(p);
		kernel(h, k, p);
		expect_skipped(h, &g);
	}
}

/* Blocks that hang over the surface's edges, blocks larger than what a message may hold. */
static void blocks_beyond_the_surface(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[128], *p = k;
	static const int32_t at[][2] = { { -8, 0 }, { 0, -1 }, { 56, 0 }, { 0, 128 }, { 64, 127 },
					 { INT32_MIN, INT32_MAX }, { INT32_MAX, INT32_MIN } };

	p = asm1i(p, OP_MOV, W | X(4), D(31, 0), T_UD, 0x55555555);
	p = asm1i(p, OP_MOV, W1, D(30, 28), T_UD, 15);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		p = asm1i(p, OP_MOV, W1, D(30, 20), T_UD, (uint32_t)at[i][0]);
		p = asm1i(p, OP_MOV, W1, D(30, 24), T_UD, (uint32_t)at[i][1]);
		p = asm_send(p, W1, 13, 7 | 2u << 25 | 3u << 29, 0, 0, 30, 0, 0, false);
	}
	run_kernel(h, &g, k, p);
	assert_int_equal(out(h, 1), 0x55555555);  /* of the one that began before */
	assert_int_equal(out(h, 15), 0x55555555); /* of the one that ends behind */
	assert_int_equal(out(h, 16), 0);
	assert_int_equal(out(h, 128 * 16), 0);
	assert_int_equal(ram32(h, OFF_DATA + DATA - 4), 0);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Local memory has an end: loads beyond give 0, stores vanish. */
static void local_memory_ends(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = k;

	g.slm = 1; /* 1 KiB */
	p = asm1i(p, OP_MOV, W1, D(11, 0), T_UD, 0x77);
	p = asm1i(p, OP_MOV, W1, D(20, 0), T_UD, 1022);
	p = asm_send(p, W1, 14, LSC(4, A32, D32, 0, 0, 0, 1), 0, 0, 20, 11, 1, false);
	p = asm1i(p, OP_MOV, W1, D(20, 0), T_UD, 0xfffffffc);
	p = asm_send(p, W1, 14, LSC(4, A32, D32, 0, 0, 0, 1), 0, 0, 20, 11, 1, false);
	p = asm_send(p, W1, 14, LSC(12, A32, D32, 0, 0, 1, 1), 0, 13, 20, 11, 1, false);
	p = asm_send(p, W1, 14, LSC(0, A32, D32, 0, 0, 1, 1), 0, 11, 20, 0, 0, false);
	p = put_store(p);
	p = asm_eot(p);
	kernel(h, k, p);
	ram32_set(h, OFF_DATA + DATA, 1);
	run(h, &g);
	assert_int_equal(out(h, 0), 0);
	/* and with none at all */
	ctx_disable(h, 1);
	ctx_free(h, 1);
	ram32_set(h, MARK, 0);
	g.slm = 0;
	run(h, &g);
	assert_int_equal(harness_witness_total(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(typed_blocks),
		GPU_TEST(atomics),
		BAD(GPU_TEST(senseless_messages)),
		BAD(GPU_TEST(blocks_beyond_the_surface)),
		BAD(GPU_TEST(local_memory_ends)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
