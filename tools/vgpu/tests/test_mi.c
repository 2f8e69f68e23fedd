/* SPDX-License-Identifier: MIT */
/* The command interpreter: one batch a test, results read back from guest memory. */
#include "gpu.h"

#define R  0x5000u /* results, PPGTT VA = offset behind OFF_DATA */
#define VA VA_BATCH
#define CS (1u << 19)

#define LRI_CS(n)   (0x11000000u | CS | (2 * (n) - 1))
#define SRM_CS	    (0x12000002u | CS)
#define LRM_CS	    (0x14800002u | CS)
#define LRR_CS	    (0x15000001u | CS | 1u << 18)
#define GPR(n)	    (0x600u + 8 * (n))
#define MATH(n)	    (0x0d000000u | ((n) - 1))
#define ALU(op, a, b) ((op) << 20 | (a) << 10 | (b))
#define SEM(op)	    (0x0e000002u | 1u << 15 | (op) << 12)
#define COND(op)    (0x1b000002u | 1u << 21 | (op) << 12)

static uint32_t res(struct harness *h, unsigned int i)
{
	return ram32(h, OFF_DATA + R + 4 * i);
}

static void res_set(struct harness *h, unsigned int i, uint32_t v)
{
	ram32_set(h, OFF_DATA + R + 4 * i, v);
}

/* Starts the batch at VA on context 1 of @class; completion is a user interrupt and a store. */
static void go(struct harness *h, uint32_t class)
{
	ctx_make(h, 1, class, 1);
	RING(h, 1, MI_BBS, VA, 0, MI_SDI | MI_GGTT, GPU_GGTT + 0x7000, 0, 1, MI_UI);
	ctx_enable(h, 1);
}

static void run(struct harness *h)
{
	go(h, 3);
	wait32(h, 0x7000, 1);
}

static void store_data(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, MI_SDI, R, 0, 0x11,			     /* DW */
	      0x10200003, R + 8, 0, 0x22, 0x33,			     /* QW */
	      0x10200005, R + 16, 0, 1, 2, 3, 4,		     /* two QWs */
	      MI_SDI, R + 64, 0xffff0000, 5, MI_BBE); /* canonical */
	run(h);
	assert_int_equal(res(h, 0), 0x11);
	assert_int_equal(res(h, 2), 0x22);
	assert_int_equal(res(h, 3), 0x33);
	assert_int_equal(res(h, 7), 4);
	assert_int_equal(res(h, 16), 5);
	assert_int_equal(harness_witness_total(h), 0);
}

/* xe writes page tables with up to 510 QWs in one command: ten bits of length. */
static void store_data_longest(void **state)
{
	struct harness *h = *state;
	uint32_t b[1025 + 1], *p = b;

	*p++ = 0x10200000 | (3 + 1020 - 2);
	*p++ = R;
	*p++ = 0;
	for (uint32_t i = 0; i < 1020; i++)
		*p++ = i;
	*p++ = MI_BBE;
	batch_at(h, VA + 0xff0, b, (unsigned int)(p - b)); /* across a page too */
	BATCH(h, VA, MI_BBS, VA + 0xff0, 0);
	run(h);
	for (uint32_t i = 0; i < 1020; i++)
		assert_int_equal(res(h, i), i);
}

static void math(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, LRI_CS(4), GPR(0), 10, GPR(0) + 4, 0, GPR(1), 3, GPR(1) + 4, 0,
	      MATH(4), ALU(0x080u, 0x20, 0), ALU(0x080u, 0x21, 1), ALU(0x101u, 0, 0),
	      ALU(0x180u, 2, 0x31), /* 10 - 3 */
	      MATH(4), ALU(0x080u, 0x20, 1), ALU(0x080u, 0x21, 0), ALU(0x101u, 0, 0),
	      ALU(0x180u, 3, 0x33), /* carry of 3 - 10 */
	      MATH(4), ALU(0x480u, 0x20, 0), ALU(0x081u, 0x21, 0), ALU(0x103u, 0, 0),
	      ALU(0x180u, 4, 0x31), /* ~10 | 0 */
	      SRM_CS, GPR(2), R, 0, SRM_CS, GPR(3), R + 4, 0, SRM_CS, GPR(4) + 4, R + 8, 0,
	      SRM_CS, GPR(4), R + 12, 0, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 7);
	assert_int_equal(res(h, 1), 0xffffffff);
	assert_int_equal(res(h, 2), 0xffffffff);
	assert_int_equal(res(h, 3), ~10u);
}

/* Each operation of two sources, its carry and its zero flag. */
static void math_operations(void **state)
{
	static const struct {
		uint32_t op;
		uint64_t a, b, want;
		bool carry;
	} of[] = {
		{ 0x100, ~0ull, 1, 0, true },		 /* ADD */
		{ 0x100, 5, 6, 11, false },
		{ 0x101, 6, 6, 0, false },		 /* SUB */
		{ 0x102, 0xff0f, 0x0ff0, 0x0f00, false }, /* AND */
		{ 0x103, 0xf000, 0x000f, 0xf00f, false }, /* OR */
		{ 0x104, 0xff00, 0x0ff0, 0xf0f0, false }, /* XOR */
		{ 0x105, 3, 62, 3ull << 62, false },	 /* SHL */
		{ 0x106, 1ull << 63, 60, 8, false },	 /* SHR */
		{ 0x107, 1ull << 63, 60, ~7ull, false },	 /* SAR */
	};
	struct harness *h = *state;

	const size_t n = sizeof(of) / sizeof(of[0]);

	for (size_t i = 0; i < n; i++) {
		uint32_t at = R + 16 * (uint32_t)i;
		uint32_t dw[] = {
			LRI_CS(4), GPR(0), (uint32_t)of[i].a, GPR(0) + 4, (uint32_t)(of[i].a >> 32),
			GPR(1), (uint32_t)of[i].b, GPR(1) + 4, (uint32_t)(of[i].b >> 32),
			MATH(6), ALU(0x080u, 0x20, 0), ALU(0x080u, 0x21, 1), ALU(of[i].op, 0, 0),
			ALU(0x580u, 2, 0x31), ALU(0x180u, 3, 0x33), ALU(0x180u, 4, 0x32),
			SRM_CS, GPR(2), at, 0, SRM_CS, GPR(2) + 4, at + 4, 0,
			SRM_CS, GPR(3), at + 8, 0, SRM_CS, GPR(4), at + 12, 0, MI_BBE,
		};

		/* each writes over the end of the one before */
		batch_at(h, VA + (uint32_t)(i * (sizeof(dw) - 4)), dw, sizeof(dw) / 4);
	}
	run(h);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(res(h, 4 * i) | (uint64_t)res(h, 4 * i + 1) << 32, ~of[i].want);
		assert_int_equal(res(h, 4 * i + 2), of[i].carry ? ~0u : 0);
		assert_int_equal(res(h, 4 * i + 3), of[i].want ? 0 : ~0u);
	}
}

static void math_bad_operands(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, MATH(4), 0xffffffff, ALU(0x080u, 0x3ff, 0x3ff), ALU(0x180u, 0x35, 0),
	      ALU(0x105u, 0, 0), MI_SDI, R, 0, 1, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 1);
}

static void registers(void **state)
{
	struct harness *h = *state;

	res_set(h, 8, 0xabcd);
	BATCH(h, VA, LRM_CS, GPR(5), R + 32, 0, LRR_CS, GPR(5), GPR(6), SRM_CS, GPR(6), R, 0,
	      SRM_CS, 0x8c, R + 4, 0, SRM_CS, 0x358, R + 8, 0, SRM_CS, 0x3a8, R + 12, 0,
	      /* absolute offset of BCS0's GPR 5, then a register nobody has */
	      0x12000002, 0x22000 + GPR(5), R + 16, 0, 0x12000002, 0x7ffffc, R + 20, 0, MI_BBE);
	res_set(h, 5, 9);
	run(h);
	assert_int_equal(res(h, 0), 0xabcd);
	assert_int_equal(res(h, 1), 3);
	assert_int_not_equal(res(h, 2), 0);
	assert_true(res(h, 3) < 10 * 19200000u);
	assert_int_equal(res(h, 4), 0xabcd);
	assert_int_equal(res(h, 5), 0);
}

static void copy_and_atomic(void **state)
{
	struct harness *h = *state;

	res_set(h, 0, 40);
	BATCH(h, VA, 0x17000003, R + 4, 0, R, 0,    /* copy */
	      0x17800501, R + 4, 0,		    /* INC */
	      0x17840709, R, 0, 2, 0, 0, 0, 0, 0, 0, 0, /* ADD, inline */
	      MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 42);
	assert_int_equal(res(h, 1), 41);
}

static void flush_dw(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, 0x13004002, R, 0, 0x77,	  /* DW */
	      0x13004003, R + 8, 0, 1, 2,	  /* QW */
	      0x13204003, 0xd0, 0, 0xaa, 0xbb,	  /* into the PPHWSP */
	      0x13000002, R + 16, 0, 0x99,	  /* no post-sync */
	      MI_BBE);
	res_set(h, 1, 0xdead); /* behind the DW */
	/* the PPHWSP is in the GGTT: only the ring may */
	ctx_make(h, 1, 3, 1);
	RING(h, 1, MI_BBS, VA, 0, 0x13204003, 0xd0, 0, 0xaa, 0xbb, 0x13004002,
	     (GPU_GGTT + 0x7000) | 4, 0, 1, MI_UI);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1); /* the one from the batch: no such page in the PPGTT */
	assert_int_equal(res(h, 0), 0x77);
	assert_int_equal(res(h, 1), 0xdead);
	assert_int_equal(res(h, 3), 2);
	assert_int_equal(res(h, 4), 0);
}

static void flush_dw_from_ring(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, 3, 1);
	RING(h, 1, 0x13204003, 0xd0, 0, 0xaa, 0xbb, 0x13004002, (GPU_GGTT + 0x7000) | 4, 0, 1);
	ctx_enable(h, 1);
	wait32(h, 0x7000, 1);
	assert_int_equal(ram64(h, lrc_off(1) + RING_BYTES + 0xd0), 0xbb000000aaull);
}

static void pipe_control(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, 0, 1);
	BATCH(h, VA, 0x7a000004, 0x4000, R, 0, 0x55, 0x66, 0x7a000004, 0xc000, R + 8, 0, 0, 0,
	      0x7a000004, 0x8000, R + 16, 0, 1, 1, 0x7a000004, 0, R + 16, 0, 1, 1,
	      0x79170003, 0, 0, 0, 0, 0x69040000, /* 3DSTATE_SO_DECL_LIST, PIPELINE_SELECT */
	      MI_BBE);
	RING(h, 1, MI_BBS, VA, 0, 0x7a000004, 0x4000 | 1 << 24, GPU_GGTT + 0x7000, 0, 1, 0,
	     0x7a000004, 0x4000 | 1 << 21, 0xd0, 0, 3, 4);
	ctx_enable(h, 1);
	wait32(h, 0x7000, 1);
	wait32(h, lrc_off(1) + RING_BYTES + 0xd4, 4);
	assert_int_equal(res(h, 0), 0x55);
	assert_int_equal(res(h, 1), 0x66);
	assert_int_not_equal(res(h, 2), 0);
	assert_int_equal(res(h, 4), 0);
}

static void second_level(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, MI_BBS | 1 << 22, VA + 0x1000, 0, MI_SDI, R + 4, 0, 2, MI_BBE);
	BATCH(h, VA + 0x1000, MI_SDI, R, 0, 1, MI_BBS, VA + 0x2000, 0); /* a jump */
	BATCH(h, VA + 0x2000, MI_SDI, R + 8, 0, 3, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 1);
	assert_int_equal(res(h, 1), 2);
	assert_int_equal(res(h, 2), 3);
}

/* Deeper than the hardware goes: a third level is a jump, the stack cannot grow. */
static void levels_bounded(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, MI_BBS | 1 << 22, VA + 0x1000, 0, MI_SDI, R, 0, 1, MI_BBE);
	BATCH(h, VA + 0x1000, MI_BBS | 1 << 22, VA + 0x2000, 0, MI_SDI, R + 4, 0, 1, MI_BBE);
	BATCH(h, VA + 0x2000, MI_BBS | 1 << 22, VA + 0x3000, 0, MI_BBE);
	BATCH(h, VA + 0x3000, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 1);
	assert_int_equal(res(h, 1), 0);
}

static void compares(void **state)
{
	/* memory 5 against 4, 5, 6: does the batch go on? */
	static const char *const want[] = { "100", "110", "001", "011", "010", "101" };
	struct harness *h = *state;

	for (uint32_t op = 0; op < 6; op++) {
		for (uint32_t i = 0; i < 3; i++) {
			memset(h->ram + OFF_DATA + R, 0, 64);
			ram32_set(h, 0x7000, 0);
			res_set(h, 0, 5);
			BATCH(h, VA, COND(op), 4 + i, R, 0, MI_SDI, R + 4, 0, 1, MI_BBE);
			run(h);
			assert_int_equal(res(h, 1), want[op][i] - '0');
			ctx_free(h, 1);
		}
	}
}

static void semaphore_waits(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, SEM(4), 9, R, 0, MI_SDI, R + 4, 0, 1, MI_BBE);
	go(h, 3);
	sleep_ms(20);
	assert_int_equal(res(h, 1), 0);
	res_set(h, 0, 9);
	wait32(h, 0x7000, 1);
	assert_int_equal(res(h, 1), 1);
}

static void semaphore_stops(void **state)
{
	struct harness *h = *state;
	json_int_t before;

	BATCH(h, VA, SEM(1), 9, R, 0, MI_BBE);
	go(h, 3);
	sleep_ms(10);
	before = (json_int_t)h->g->hw->engines[BCS0].commands;
	sleep_ms(100);
	/* looks again now and then, does not spin */
	assert_true((json_int_t)h->g->hw->engines[BCS0].commands - before < 200);
	ctx_disable(h, 1);
	res_set(h, 0, 9);
	sleep_ms(10);
	assert_int_equal(ram32(h, 0x7000), 0);
	ctx_enable(h, 1);
	wait32(h, 0x7000, 1);
}

static void user_batch_cannot_reach_ggtt(void **state)
{
	struct harness *h = *state;

	ram32_set(h, 0x6000, 1);
	BATCH(h, VA, MI_SDI | MI_GGTT, GPU_GGTT + 0x6000, 0, 2, MI_BBE);
	go(h, 3);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(ram32(h, 0x6000), 1);
}

static void user_batch_stays_in_ppgtt(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, 0x18800001, VA + 0x1000, 0); /* GGTT jump */
	BATCH(h, VA + 0x1000, MI_SDI, R, 0, 1, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 1);
}

static void unknown_mi(void **state)
{
	struct harness *h = *state;

	BATCH(h, VA, 0x1f800001, 0, 0, MI_SDI, R, 0, 1, MI_BBE);
	run(h);
	assert_int_equal(res(h, 0), 1);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
	assert_int_equal(stat_of(h, "unknown_commands"), 1);
}

static void no_such_client(void **state)
{
	static const uint32_t bad[] = { 0x20000000, 0x80000000, 0xffffffff };
	struct harness *h = *state;

	for (uint32_t i = 0; i < 3; i++) {
		BATCH(h, VA, bad[i], MI_BBE);
		go(h, 3);
		EXPECT_EVENT(h, 0x1008, 1);
		ctx_free(h, 1);
	}
}

static void batch_end_in_ring(void **state)
{
	struct harness *h = *state;

	ctx_make(h, 1, 3, 1);
	RING(h, 1, MI_BBE, MI_SDI, R, 0, 1);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA + R, 1);
}

static void batch_runs_off_the_map(void **state)
{
	struct harness *h = *state;

	BATCH(h, 0x1ff000, 0); /* NOOPs to the end of the mapped 2 MiB */
	BATCH(h, VA, MI_BBS, 0x1ff000, 0);
	go(h, 3);
	EXPECT_EVENT(h, 0x6000, 1);
}

/* Every first dword once, alone on a page of zeros: no crash, no hang. */
static void every_opcode(void **state)
{
	struct harness *h = *state;
	uint32_t x = 1;

	ctx_make(h, 1, 3, 1);
	ctx_enable(h, 1);
	for (uint32_t i = 0; i < 400; i++) {
		x = x * 1664525 + 1013904223;
		for (uint32_t j = 0; j < 64; j++) {
			x = x * 1664525 + 1013904223;
			ram32_set(h, OFF_DATA + VA + 4 * j, j & 3 ? x & 0x1fffff : x);
		}
		if (h->g->hw->guc.submit.ctx[1]->hung) {
			uint32_t msg[16];

			H2G(h, 0x4503, 1);
			while (g2h(h, msg, 1000))
				if ((msg[1] & 0xffff) == 0x4600)
					break;
			ctx_make(h, 1, 3, 1);
			ctx_enable(h, 1);
		}
		RING(h, 1, MI_BBS, VA, 0);
		H2G(h, 0x1000, 1);
		sleep_ms(1);
	}
	H2G(h, 0x4503, 1);
	for (int t = 0; t < 3000 && stat_of(h, "contexts"); t++)
		sleep_ms(1);
	assert_int_equal(stat_of(h, "contexts"), 0);
}

static void lengths(void **state)
{
	assert_int_equal(cmd_length(0), 1);
	assert_int_equal(cmd_length(MI_UI), 1);
	assert_int_equal(cmd_length(MI_SDI), 4);
	assert_int_equal(cmd_length(0x102003fb), 1021);
	assert_int_equal(cmd_length(0x102003ff), 1025);
	assert_int_equal(cmd_length(0x13000043), 5);
	assert_int_equal(cmd_length(0x110000ff), 257);
	assert_int_equal(cmd_length(0x50800008), 10);
	assert_int_equal(cmd_length(0x69040000), 1);
	assert_int_equal(cmd_length(0x79170103), 0x105);
	assert_int_equal(cmd_length(0x7a000004), 6);
	assert_int_equal(cmd_length(0x20000000), 0);
}

/* One MI_ATOMIC with inline operands @a and @b on memory that holds @old; the value afterwards. */
static uint64_t atomic(struct harness *h, uint32_t op, uint64_t old, uint64_t a, uint64_t b)
{
	static uint32_t id;

	ctx_make(h, ++id, 3, 1);
	ram64_set(h, OFF_DATA + R, old);
	ram32_set(h, OFF_DATA + R + 16, 0);
	RING(h, id, 0x17840009 | op << 8, R, 0, (uint32_t)a, (uint32_t)b, (uint32_t)(a >> 32),
	     (uint32_t)(b >> 32), 0, 0, 0, 0, MI_SDI, R + 16, 0, 1);
	ctx_enable(h, id);
	wait32(h, OFF_DATA + R + 16, 1);
	return ram64(h, OFF_DATA + R);
}

static void atomics(void **state)
{
	const uint64_t hi = 0x1234567800000000, m1 = 0xffffffff;
	struct harness *h = *state;

	/* a dword operation leaves what follows it alone */
	assert_int_equal(atomic(h, 0x05, hi | m1, 0, 0), hi);
	assert_int_equal(atomic(h, 0x06, hi, 0, 0), hi | m1);
	assert_int_equal(atomic(h, 0x04, hi | 1, 7, 0), hi | 7);
	assert_int_equal(atomic(h, 0x07, hi | 1, 7, 0), hi | 8);
	assert_int_equal(atomic(h, 0x08, hi | 9, 7, 0), hi | 2);
	assert_int_equal(atomic(h, 0x09, hi | 7, 9, 0), hi | 2);
	assert_int_equal(atomic(h, 0x0a, hi | m1, 5, 0), hi | 5);  /* -1 < 5 */
	assert_int_equal(atomic(h, 0x0b, hi | m1, 5, 0), hi | m1);
	assert_int_equal(atomic(h, 0x0c, hi | m1, 5, 0), hi | m1); /* unsigned */
	assert_int_equal(atomic(h, 0x0d, hi | m1, 5, 0), hi | 5);
	assert_int_equal(atomic(h, 0x0e, hi | 3, 3, 4), hi | 4);
	assert_int_equal(atomic(h, 0x0e, hi | 2, 3, 4), hi | 2);
	assert_int_equal(atomic(h, 0x10, hi | 6, 3, 0), hi | 2);
	assert_int_equal(atomic(h, 0x11, hi | 6, 3, 0), hi | 7);
	assert_int_equal(atomic(h, 0x12, hi | 6, 3, 0), hi | 5);
	assert_int_equal(atomic(h, 0x25, hi | m1, 0, 0), 0x1234567900000000);
	assert_int_equal(atomic(h, 0x27, hi, hi, 0), 2 * hi);
	assert_int_equal(atomic(h, 0x2a, ~0ull, 5, 0), 5);
	assert_int_equal(atomic(h, 0x2e, hi | 3, hi | 3, 9), 9);
	assert_int_equal(atomic(h, 0x2e, hi | 3, 3, 9), hi | 3);
	assert_int_equal(harness_witness_total(h), 0);
	/* no such operations: nothing is written, somebody is told */
	assert_int_equal(atomic(h, 0x00, hi | 3, 1, 1), hi | 3);
	assert_int_equal(atomic(h, 0x1f, hi | 3, 1, 1), hi | 3);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 2);
}

/* MEM_COPY through the page tables: across pages, between two names of a page, into a hole. */
static void copies_through_page_tables(void **state)
{
	struct harness *h = *state;
	uint32_t *pte;

	for (uint32_t i = 0; i < 0x3000; i += 4)
		ram32_set(h, OFF_DATA + 0x40000 + i, i * 7);
	ctx_make(h, 1, 3, 1);
	pte = (uint32_t *)(void *)(h->ram + off_leaf(0));
	memcpy(pte + 2 * 0x61, pte + 2 * 0x60, 8); /* VA 0x61000 is page 0x60, too */
	pte[2 * 0x72] = 0;
	RING(h, 1, 0x56800008, 0x2fff, 0, 0, 0, 0x40000, 0, 0x50800, 0, 0, /* three pages, shifted */
	     0x56800008, 0xff, 0, 0, 0, 0x60000, 0, 0x61080, 0, 0,	  /* overlaps in memory only */
	     MI_SDI, R, 0, 1,
	     0x56800008, 0x2fff, 0, 0, 0, 0x40000, 0, 0x70000, 0, 0, MI_UI);
	ctx_enable(h, 1);
	wait32(h, OFF_DATA + R, 1);
	assert_memory_equal(h->ram + OFF_DATA + 0x50800, h->ram + OFF_DATA + 0x40000, 0x3000);
	EXPECT_EVENT(h, 0x6000, 1); /* the hole */
	assert_memory_equal(h->ram + OFF_DATA + 0x70000, h->ram + OFF_DATA + 0x40000, 0x2000);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(store_data),
		GPU_TEST(store_data_longest),
		GPU_TEST(math),
		GPU_TEST(math_operations),
		BAD(GPU_TEST(math_bad_operands)),
		GPU_TEST(registers),
		GPU_TEST(copy_and_atomic),
		GPU_TEST(atomics),
		GPU_TEST(copies_through_page_tables),
		GPU_TEST(flush_dw),
		GPU_TEST(flush_dw_from_ring),
		GPU_TEST(pipe_control),
		GPU_TEST(second_level),
		BAD(GPU_TEST(levels_bounded)),
		GPU_TEST(compares),
		GPU_TEST(semaphore_waits),
		BAD(GPU_TEST(semaphore_stops)),
		BAD(GPU_TEST(user_batch_cannot_reach_ggtt)),
		BAD(GPU_TEST(user_batch_stays_in_ppgtt)),
		BAD(GPU_TEST(unknown_mi)),
		BAD(GPU_TEST(no_such_client)),
		BAD(GPU_TEST(batch_end_in_ring)),
		BAD(GPU_TEST(batch_runs_off_the_map)),
		BAD(GPU_TEST(every_opcode)),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
