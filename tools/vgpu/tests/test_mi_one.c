/* SPDX-License-Identifier: MIT */
/* Commands one by one, executed in the test program: their fields, and what a short one leaves alone. */
#include "gpu.h"

#define R	 0x5000u /* results, VA = offset behind OFF_DATA */
#define NOWHERE	 0x40000000u
#define GGTT_R	 (GPU_GGTT + 0x6000u)
#define PPHWSP	 0x9000u /* offset in guest memory */
#define CS	 (1u << 19)
#define GPR(n)	 (0x2600u + 8 * (n)) /* of the render engine, absolute */
#define SRM	 0x12000002u
#define LRM	 0x14800002u
#define SDI	 0x10000002u
#define GGTT	 (1u << 22)
#define ATOMIC	 0x17800001u
#define INLINE	 (1u << 18)
#define RETURN	 (1u << 16)
#define POISON	 0x5f5f5f5fu

struct one {
	struct harness *h;
	struct engine *e;
	struct guc_ctx c;
};

static int setup(void **state)
{
	struct one *o = calloc(1, sizeof(*o));

	o->h = harness_new();
	harness_ggtt(o->h, GPU_GGTT, 0, 256);
	o->e = &o->h->g->hw->engines[RCS0];
	o->c.e = o->e;
	o->c.root = ppgtt_make(o->h);
	o->c.lrca = GPU_GGTT + PPHWSP;
	o->c.who = (struct dma_origin){ .engine = "rcs0", .guc_id = 1 };
	*state = o;
	return 0;
}

static int teardown(void **state)
{
	struct one *o = *state;

	harness_free(o->h);
	free(o);
	return 0;
}

/* In a batch of the context's own space, or (in the ring) with the right to the GGTT. */
static void in_batch(struct one *o, bool yes)
{
	o->c.depth = yes;
	o->c.batch[0] = (struct lrc_level){ .ip = VA_BATCH };
}

static enum step execute(struct one *o, const uint32_t *dw, uint32_t n)
{
	if (dw[0] >> 29)
		return cmd_render(o->e, &o->c, dw, n);
	return cmd_mi(o->e, &o->c, dw, n);
}

#define DO(o, ...) \
	execute(o, (uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

static uint32_t res(struct one *o, unsigned int i)
{
	return ram32(o->h, OFF_DATA + R + 4 * i);
}

static void res_set(struct one *o, unsigned int i, uint32_t v)
{
	ram32_set(o->h, OFF_DATA + R + 4 * i, v);
}

/* With each dword less than it needs a command does nothing, whatever lies behind it. */
static void short_commands(void **state)
{
	static const struct {
		uint32_t dw[6], need;
	} cmd[] = {
		{ { SDI, R, 0, POISON }, 4 },
		{ { 0x13004002, R, 0, POISON }, 4 },			      /* MI_FLUSH_DW */
		{ { 0x0e00c002, 9, NOWHERE, 0 }, 4 },			      /* MI_SEMAPHORE_WAIT */
		{ { 0x1b200002, 9, NOWHERE, 0 }, 4 },			      /* MI_CONDITIONAL_BATCH_BUFFER_END */
		{ { SRM, GPR(1), R, 0 }, 4 },
		{ { LRM, GPR(1), R + 16, 0 }, 4 },
		{ { 0x17000003, R, 0, R + 16, 0 }, 5 },			      /* MI_COPY_MEM_MEM */
		{ { 0x11000001, GPR(1), POISON }, 3 },			      /* MI_LOAD_REGISTER_IMM */
		{ { 0x15000001, GPR(0), GPR(1) }, 3 },			      /* MI_LOAD_REGISTER_REG */
		{ { 0x18800101, R, 0 }, 3 },				      /* MI_BATCH_BUFFER_START */
		{ { ATOMIC | 5u << 8, R, 0 }, 3 },
		{ { 0x7a000004, 0x4000, R, 0, POISON, POISON }, 6 },	      /* PIPE_CONTROL */
	};
	struct one *o = *state;

	for (size_t i = 0; i < sizeof(cmd) / sizeof(cmd[0]); i++)
		for (uint32_t n = 1; n < cmd[i].need; n++) {
			in_batch(o, true);
			memset(o->c.gpr, 0, sizeof(o->c.gpr));
			o->c.gpr[0] = POISON;
			res_set(o, 0, 0x11);
			res_set(o, 1, 0x22);
			res_set(o, 4, POISON);
			if (execute(o, cmd[i].dw, n) != STEP_NEXT)
				fail_msg("command %zu of %u dwords does not go on", i, n);
			assert_int_equal(res(o, 0), 0x11);
			assert_int_equal(res(o, 1), 0x22);
			assert_int_equal(o->c.gpr[1], 0);
			assert_int_equal(o->c.depth, 1);
			assert_int_equal(o->c.batch[0].ip, VA_BATCH);
		}
	/* an odd one out is no pair */
	memset(o->c.gpr, 0, sizeof(o->c.gpr));
	assert_int_equal(execute(o, (uint32_t[]){ 0x11000002, GPR(1), 5, GPR(2), POISON }, 4), STEP_NEXT);
	assert_int_equal(o->c.gpr[1], 5);
	assert_int_equal(o->c.gpr[2], 0);
	assert_int_equal(harness_witness_total(o->h), 0);
}

/* Sixteen general registers and nothing before or behind them. */
static void general_registers_end(void **state)
{
	static const uint32_t outside[] = { GPR(0) - 8, GPR(0) - 4, GPR(16), GPR(16) + 4, GPR(17), 0x3600, 0x600 };
	struct one *o = *state;
	struct guc_ctx was;

	for (unsigned int i = 0; i < LRC_GPRS; i++)
		o->c.gpr[i] = 0x1111111122222222;
	for (unsigned int i = 0; i < LRC_REGS_MAX; i++)
		o->c.regs.val[i] = 0x33333333;
	o->c.batch[1].ip = 0x4444444444444444;
	for (int batch = 0; batch < 2; batch++)
		for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
			in_batch(o, batch);
			was = o->c;
			assert_int_equal(DO(o, 0x11000001, outside[i], POISON), STEP_NEXT);
			assert_memory_equal(&was, &o->c, sizeof(was));
			in_batch(o, true);
			res_set(o, 0, 0x11);
			assert_int_equal(DO(o, SRM, outside[i], R, 0), STEP_NEXT);
			assert_int_equal(res(o, 0), 0);
		}
	/* a half leaves the other as it is */
	DO(o, 0x11000001, GPR(15), 5);
	assert_int_equal(o->c.gpr[15], 0x1111111100000005);
	DO(o, 0x11000001, GPR(0) + 4, 6);
	assert_int_equal(o->c.gpr[0], 0x0000000622222222);
	/* each side of a move says for itself whether it is relative */
	DO(o, 0x15000001 | 1u << 18, 0x600, GPR(3));
	assert_int_equal((uint32_t)o->c.gpr[3], 0x22222222);
	assert_int_equal(DO(o, 0x15000001 | CS, GPR(0) + 4, 0x620), STEP_NEXT);
	assert_int_equal((uint32_t)o->c.gpr[4], 6);
}

/* Registers of the arithmetic unit that are none, one past the last and far off, on either side. */
static void math_registers_end(void **state)
{
	static const uint32_t bad[] = { 0x34, 0x35, 0x3f, 0x40, 0x3ff };
	static const uint32_t ops[] = { 0x080, 0x480, 0x081, 0x481, 0x180, 0x580 };
	struct one *o = *state;
	struct guc_ctx was;

	for (unsigned int i = 0; i < LRC_GPRS; i++)
		o->c.gpr[i] = i + 1;
	was = o->c;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
			assert_int_equal(DO(o, 0x0d000000, ops[k] << 20 | bad[i] << 10 | 0x20), STEP_NEXT);
			assert_int_equal(DO(o, 0x0d000000, ops[k] << 20 | bad[i]), STEP_NEXT);
			assert_memory_equal(&was, &o->c, sizeof(was));
		}
}

/* What a command writes after its other work: nothing, a value, the time; where its bits say. */
static void post_sync(void **state)
{
	struct one *o = *state;

	in_batch(o, true);
	for (uint32_t op = 0; op < 4; op++) {
		res_set(o, 0, 0x11);
		res_set(o, 1, 0x22);
		assert_int_equal(DO(o, 0x13000003 | op << 14, R, 0, 5, 6), STEP_NEXT);
		if (op == 1)
			assert_int_equal(res(o, 0), 5);
		assert_int_equal(res(o, 0) == 0x11, op == 0);
	}
	/* eight bytes in the page of the context's own, whatever else the address says */
	in_batch(o, false);
	assert_int_equal(DO(o, 0x13204003, 0x123450d7, 0, 7, 8), STEP_NEXT);
	assert_int_equal(ram32(o->h, PPHWSP + 0xd0), 7);
	assert_int_equal(DO(o, 0x7a000004, 0x4000 | 1u << 21, 0x123451d7, 0, 9, 8), STEP_NEXT);
	assert_int_equal(ram32(o->h, PPHWSP + 0x1d0), 9);
	/* the ring writes into the context's space, too, if not told otherwise */
	assert_int_equal(DO(o, 0x13004003, R, 0, 10, 0), STEP_NEXT);
	assert_int_equal(res(o, 0), 10);
	assert_int_equal(DO(o, 0x7a000004, 0x4000, R, 0, 11, 0), STEP_NEXT);
	assert_int_equal(res(o, 0), 11);
	assert_int_equal(DO(o, 0x13004003, GGTT_R | 4, 0, 12, 0), STEP_NEXT);
	assert_int_equal(ram32(o->h, 0x6000), 12);
	assert_int_equal(harness_witness_total(o->h), 0);
}

/* Who may not reach the GGTT reaches his own space instead. */
static void nobody_elses_space(void **state)
{
	struct one *o = *state;

	ram32_set(o->h, 0x6000, 0x77);
	in_batch(o, true);
	assert_int_equal(DO(o, SDI | GGTT, GGTT_R, 0, 1), STEP_FAULT);
	assert_int_equal(DO(o, 0x13204003, 0xd0, 0, 1, 2), STEP_FAULT);
	assert_int_equal(DO(o, 0x13004003, GGTT_R | 4, 0, 1, 2), STEP_FAULT);
	assert_int_equal(DO(o, 0x7a000004, 0x4000 | 1u << 24, GGTT_R, 0, 1, 2), STEP_FAULT);
	assert_int_equal(DO(o, 0x7a000004, 0x4000 | 1u << 21, 0xd0, 0, 1, 2), STEP_FAULT);
	assert_int_equal(DO(o, SRM | GGTT, GPR(0), GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, LRM | GGTT, GPR(0), GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x17600003, GGTT_R, 0, R, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x17600003, R, 0, GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, ATOMIC | GGTT | 5u << 8, GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x0e00c002 | GGTT, 9, GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x1b200002 | GGTT, 9, GGTT_R, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x18800001, GGTT_R, 0), STEP_JUMP);
	assert_false(o->c.batch[0].ggtt);
	assert_int_equal(ram32(o->h, 0x6000), 0x77);
	assert_int_equal(ram32(o->h, PPHWSP + 0xd0), 0);
	/* with the right each side of a copy says for itself */
	in_batch(o, false);
	res_set(o, 0, 0x55);
	assert_int_equal(DO(o, 0x17000003 | 1u << 21, GGTT_R, 0, R, 0), STEP_NEXT);
	assert_int_equal(ram32(o->h, 0x6000), 0x55);
	ram32_set(o->h, 0x6000, 0x66);
	assert_int_equal(DO(o, 0x17000003 | GGTT, R, 0, GGTT_R, 0), STEP_NEXT);
	assert_int_equal(res(o, 0), 0x66);
}

/* An address where nothing is ends the command, whichever it is, and leaves no trace. */
static void nothing_there(void **state)
{
	struct one *o = *state;

	in_batch(o, true);
	o->c.gpr[0] = 5;
	assert_int_equal(DO(o, SDI, NOWHERE, 0, 1), STEP_FAULT);
	assert_int_equal(DO(o, 0x10200003, NOWHERE, 0, 1, 2), STEP_FAULT);
	assert_int_equal(DO(o, 0x10000005, NOWHERE, 0, 1, 2, 3, 4), STEP_FAULT);
	assert_int_equal(DO(o, 0x0e00c002, 9, NOWHERE, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x1b200002, 9, NOWHERE, 0), STEP_FAULT);
	assert_int_equal(o->c.depth, 1);
	assert_int_equal(DO(o, LRM, GPR(0), NOWHERE, 0), STEP_FAULT);
	assert_int_equal(DO(o, ATOMIC | RETURN | 5u << 8, NOWHERE, 0), STEP_FAULT);
	assert_int_equal(o->c.gpr[0], 5);
	assert_int_equal(DO(o, 0x17000003, R, 0, NOWHERE, 0), STEP_FAULT);
	assert_int_equal(DO(o, 0x17000003, NOWHERE, 0, R, 0), STEP_FAULT);
}

static void semaphore_on_a_register(void **state)
{
	struct one *o = *state;

	o->c.gpr[2] = 9;
	assert_int_equal(DO(o, 0x0e00c002 | 1u << 16 | 4u << 12, 9, GPR(2), 0), STEP_NEXT);
	assert_int_equal(DO(o, 0x0e008002 | 1u << 16 | 4u << 12, 8, GPR(2), 0), STEP_WAIT);
}

/* Jumps back are counted, since the last job that was done. */
static void loops_are_counted(void **state)
{
	struct one *o = *state;

	in_batch(o, true);
	assert_int_equal(DO(o, 0x18800101, VA_BATCH + 0x100, 0), STEP_JUMP);
	assert_int_equal(o->c.loops, 0);
	assert_int_equal(DO(o, 0x18800101, VA_BATCH, 0), STEP_JUMP);
	assert_int_equal(DO(o, 0x18800101, VA_BATCH, 0), STEP_JUMP);
	assert_int_equal(o->c.loops, 2);
	assert_int_equal(DO(o, 0x01000000), STEP_NEXT);
	assert_int_equal(o->c.loops, 0);
}

/* Operands of atomics from registers; 16 bytes at once; what was there is told. */
static void atomic_operands(void **state)
{
	struct one *o = *state;
	uint64_t *m = (uint64_t *)(void *)(o->h->ram + OFF_DATA + R);

	in_batch(o, true);
	o->c.gpr[0] = 7;
	m[0] = 5;
	assert_int_equal(DO(o, ATOMIC | 0x27u << 8, R, 0), STEP_NEXT);
	assert_int_equal(m[0], 12);
	assert_int_equal(o->c.gpr[0], 7);
	/* all eight bytes, at their place */
	m[0] = 0x100000005;
	m[1] = 3;
	assert_int_equal(DO(o, ATOMIC | RETURN | 0x25u << 8, R | 7, 0), STEP_NEXT);
	assert_int_equal(m[0], 0x100000006);
	assert_int_equal(m[1], 3);
	assert_int_equal(o->c.gpr[0], 0x100000005);
	/* compare with two, write two: both halves must be the same */
	m[0] = 1;
	m[1] = 2;
	assert_int_equal(DO(o, (ATOMIC + 8) | INLINE | 0x4eu << 8, R | 15, 0, 1, 10, 0, 0, 3, 20, 0, 0), STEP_NEXT);
	assert_int_equal(m[0], 1);
	assert_int_equal(m[1], 2);
	assert_int_equal(DO(o, (ATOMIC + 8) | INLINE | 0x4eu << 8, R | 15, 0, 1, 10, 0, 0, 2, 20, 0, 0), STEP_NEXT);
	assert_int_equal(m[0], 10);
	assert_int_equal(m[1], 20);
	/* its upper dword, where a dword is meant, is not */
	m[0] = 0x900000000 | 0xffffffff;
	assert_int_equal(DO(o, ATOMIC | 0x05u << 8, R | 3, 0), STEP_NEXT);
	assert_int_equal(m[0], 0x900000000);
	assert_int_equal(harness_witness_total(o->h), 0);
}

/* Inline operands that are not there are 0, and there are eight dwords of them at most. */
static void atomic_lengths(void **state)
{
	struct one *o = *state;
	uint64_t *m = (uint64_t *)(void *)(o->h->ram + OFF_DATA + R);
	uint32_t dw[256];

	in_batch(o, true);
	for (uint32_t n = 3; n <= 256; n++) {
		for (uint32_t i = 3; i < 256; i++)
			dw[i] = POISON;
		dw[0] = ATOMIC | INLINE | 0x24u << 8; /* move of eight bytes */
		dw[1] = R;
		dw[2] = 0;
		m[0] = 0x55;
		m[1] = 0x66;
		assert_int_equal(execute(o, dw, n), STEP_NEXT);
		assert_int_equal((uint32_t)m[0], n > 3 ? POISON : 0);
		assert_int_equal(m[0] >> 32, n > 5 ? POISON : 0);
		assert_int_equal(m[1], 0x66);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		BAD(T(short_commands)),
		BAD(T(general_registers_end)),
		BAD(T(math_registers_end)),
		T(post_sync),
		BAD(T(nobody_elses_space)),
		BAD(T(nothing_there)),
		T(semaphore_on_a_register),
		T(loops_are_counted),
		T(atomic_operands),
		BAD(T(atomic_lengths)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
