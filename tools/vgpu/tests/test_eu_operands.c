/* SPDX-License-Identifier: MIT */
/* Where the operands of an instruction lie: regions, indirect ones, architecture registers, compact forms. */
#include "eu_unit.h"

#define DST_INDIRECT (1u << 3) /* of the second dword */
#define INDIRECT     (1u << 16)
#define ADDR_REG(n)  ((uint32_t)(n) << 12)

static struct eu_thread *t;
static uint32_t dw[4];

/* r5 and r6: 100, 101, ... as dwords */
static int setup(void **state)
{
	t = unit_thread();
	for (uint32_t i = 0; i < 32; i++)
		eu_reg(t, 5 + i / 16)[i % 16] = 100 + i;
	return 0;
}

static int teardown(void **state)
{
	free(t);
	return 0;
}

static void rows(void **state)
{
	/* <16;16,1> */
	asm1(dw, OP_MOV, W | X(5), D(8, 0), T_UD, S(5, 0) | 1 | 4u << 17 | 5u << 20, T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_memory_equal(eu_reg(t, 8), eu_reg(t, 5), 128);
	/* a destination whose stride is not given is dense */
	asm1(dw, OP_MOV, W | X(2), D(10, 0) & ~3u, T_UD, V(5, 0), T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_memory_equal(eu_reg(t, 10), eu_reg(t, 5), 16);
	/* bytes at odd places */
	asm1(dw, OP_MOV, W1, D(12, 0), T_UB, S(5, 4) | 1u << 23, T_UB);
	dw[1] |= 2;
	t->grf[5][5] = 0x77;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 12)[0], 0x7700);
}

static void rows_of_three(void **state)
{
	/* first <4;2>, which is each second; second the first element for all; third each fourth */
	eu_reg(t, 7)[0] = 1000;
	asm3(dw, OP_ADD3, W | X(2), D(10, 0), T_D, S(5, 0) | 2, S(7, 0), S(5, 0) | 3, false);
	dw[1] |= 1u << 11 | 1u << 16; /* vertical stride 4; destination each second */
	dw[2] |= 2;
	dw[3] |= 3u << 16;
	assert_true(unit_exec(t, dw, 0));
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(eu_reg(t, 10)[2 * i], 100 + 2 * i + 1000 + 100 + 4 * i);
		assert_int_equal(eu_reg(t, 10)[2 * i + 1], 0);
	}
	/* a vertical stride without a horizontal one: the first of each row */
	asm3(dw, OP_ADD3, W | X(2), D(11, 0), T_D, S(5, 0), S(7, 0), S(8, 0), false);
	dw[1] |= 1u << 11;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 11)[3], 100 + 12 + 1000);
}

static void indirect(void **state)
{
	t->addr[3] = 9 * 64 + 8;
	t->grf[9][5] = 0x77;
	asm1(dw, OP_MOV, W1, D(10, 0), T_UB, INDIRECT | ADDR_REG(3) | 0x1feu << 3 | 1u << 23, T_UB);
	assert_true(unit_exec(t, dw, 0)); /* three bytes before it */
	assert_int_equal(eu_reg(t, 10)[0], 0x77);
	t->addr[3] = 11 * 64 + 4;
	asm1(dw, OP_MOV, W1, ADDR_REG(3) | 0x1feu << 3, T_UD, S(5, 0), T_UD);
	dw[1] |= DST_INDIRECT;
	assert_true(unit_exec(t, dw, 0)); /* a dword before it */
	assert_int_equal(eu_reg(t, 11)[0], 100);
	/* each row has an address of its own; behind the last comes the first */
	t->addr[14] = 5 * 64;
	t->addr[15] = 5 * 64 + 16;
	t->addr[0] = 6 * 64;
	t->cr[0] = 0xdead;
	asm1(dw, OP_MOV, W | X(2), D(12, 0), T_UD, INDIRECT | ADDR_REG(14) | 1 | 1u << 17 | 7u << 20,
	     T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 12)[0], 100);
	assert_int_equal(eu_reg(t, 12)[1], 101);
	assert_int_equal(eu_reg(t, 12)[2], 104);
	assert_int_equal(eu_reg(t, 12)[3], 105);
	asm1(dw, OP_MOV, W | X(2), D(13, 0), T_UD, INDIRECT | ADDR_REG(14) | 7u << 20, T_UD);
	t->addr[1] = 6 * 64 + 4;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 13)[2], 116);
	assert_int_equal(eu_reg(t, 13)[3], 117);
}

/* Just before the first register, where an offset and a size are zero together. */
static void before_the_first_register(void **state)
{
	for (uint32_t off = 1; off <= 4; off++) {
		t->addr[0] = 0;
		asm1(dw, OP_MOV, W1, (0x200 - off) << 3, T_UD, S(5, 0), T_UD);
		dw[1] |= DST_INDIRECT;
		assert_false(unit_exec(t, dw, 0));
		asm1(dw, OP_MOV, W1, D(10, 0), T_UD, INDIRECT | (0x200 - off) << 3, T_UD);
		assert_false(unit_exec(t, dw, 0));
	}
}

/* What a channel that is off would touch does not matter. */
static void only_enabled_channels_count(void **state)
{
	asm1(dw, OP_MOV, X(5), D(127, 0), T_UD, V(127, 0), T_UD);
	assert_true(unit_alu(t, dw, 0xffff, 0));
	assert_false(unit_alu(t, dw, 0x1ffff, 0));
}

static void architecture_registers(void **state)
{
	static const uint8_t none[] = { 0x11, 0x28, 0x34, 0x50, 0x60, 0x71, 0x81, 0xb0, 0xd0, 0xf0 };
	static const uint8_t read_only[] = { 0x40, 0x90, 0xa0, 0xc0 };

	t->live = 0xff;
	t->parked = 0x0f;
	t->ip = 0x1238;
	asm1(dw, OP_MOV, W1, D(10, 0), T_UD, ARF(S(0x40, 0)), T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 10)[0], 0xf0);
	asm1(dw, OP_MOV, W1, D(10, 0), T_UD, ARF(S(0xa0, 0)), T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 10)[0], 0x1238);
	for (size_t i = 0; i < sizeof(none); i++) {
		asm1(dw, OP_MOV, W1, D(10, 0), T_UD, ARF(S(none[i], 0)), T_UD);
		assert_false(unit_exec(t, dw, 0));
		asm1(dw, OP_MOV, W1, ARF(D(none[i], 0)), T_UD, S(5, 0), T_UD);
		assert_false(unit_exec(t, dw, 0));
	}
	for (size_t i = 0; i < sizeof(read_only); i++) {
		asm1(dw, OP_MOV, W1, D(10, 0), T_UD, ARF(S(read_only[i], 0)), T_UD);
		assert_true(unit_exec(t, dw, 0));
		asm1(dw, OP_MOV, W1, ARF(D(read_only[i], 0)), T_UD, S(5, 0), T_UD);
		assert_false(unit_exec(t, dw, 0));
	}
	/* nor is there anything behind the last of each */
	for (uint32_t reg = 0x70; reg <= 0x80; reg += 0x10) {
		asm1(dw, OP_MOV, W1, ARF(D(reg, 12)), T_UD, S(5, 0), T_UD);
		assert_true(unit_exec(t, dw, 0));
		asm1(dw, OP_MOV, W1, ARF(D(reg, 16)), T_UD, S(5, 0), T_UD);
		assert_false(unit_exec(t, dw, 0));
	}
	assert_int_equal(t->cr[3], 100);
	assert_int_equal(t->sr[3], 100);
	assert_false(t->barrier);
}

static void compact_immediates(void **state)
{
	struct eu_inst in;

	assert_int_equal(eu_imm_expand(T_HF, 0x3c0), 0x3c003c00);
	assert_int_equal(eu_imm_expand(T_W, 0x7ff), 0x07ff07ff);
	assert_int_equal(eu_imm_expand(T_W, 0x801), 0xf801f801);
	assert_int_equal(eu_imm_expand(T_D, 0x801), 0xfffff801);
	assert_int_equal(eu_imm_expand(T_UD, 0x801), 0x801);
	/* mov (1|W) r20:ud 0xabc: types 9, control 1 */
	dw[0] = OP_MOV | 1u << 18 | 1u << 23 | 1u << 26 | 1u << 29 | 1u << 30;
	dw[1] = 20 | 0xabcu << 20;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 20)[0], 0xabc);
	/* add (1|W) r21:d r5:d -2047:w: types 10; the second operand's type counts */
	dw[0] = OP_ADD | 1u << 18 | 1u << 23 | 2u << 26 | 1u << 29 | 1u << 30;
	dw[1] = 21 | 5u << 8 | 0x801u << 20;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 21)[0], (uint32_t)(100 - 2047));
	assert_true(eu_decode(dw, &in));
	assert_int_equal(in.dw[3], 0xf801f801);
}

/* mad of floats: control 12 is one channel without mask; sources 0 are registers, 1 has an accumulator. */
static void compact_three(void **state)
{
	struct eu_inst in;

	for (unsigned int i = 0; i < 3; i++)
		eu_reg(t, 40 + i)[0] = float_bits((float)(i + 2));
	dw[0] = OP_MAD | 12u << 18 | 0u << 22 | 1u << 29;
	dw[1] = 50 | 40u << 8 | 42u << 16 | 41u << 24;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 50)[0], float_bits(14)); /* 2 + 3 * 4 */
	assert_int_equal(eu_reg(t, 50)[1], 0);
	assert_true(eu_decode(dw, &in));
	assert_true(in.nomask);
	assert_int_equal(in.src[0].file, FILE_GRF);
	assert_int_equal(in.src[0].vs, 1);
	assert_int_equal(in.src[1].reg, 41);
	assert_int_equal(in.src[2].reg, 42);
	dw[0] |= 1u << 22;
	assert_true(eu_decode(dw, &in));
	assert_int_equal(in.src[0].file, FILE_ARF);
	assert_int_equal(in.src[1].file, FILE_GRF);
}

/* A jump to where a register says is none the core knows. */
static void no_jumps_through_registers(void **state)
{
	static const uint32_t op[] = { OP_JMPI, OP_BRD, OP_GOTO };
	struct eu_inst in;

	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
		asm_branch(dw, op[i], W1, 16, 16);
		assert_true(eu_decode(dw, &in));
		dw[1] &= ~(1u << 14);
		assert_false(eu_decode(dw, &in));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(rows),
		T(rows_of_three),
		T(indirect),
		BAD(T(before_the_first_register)),
		T(only_enabled_channels_count),
		BAD(T(architecture_registers)),
		T(compact_immediates),
		T(compact_three),
		BAD(T(no_jumps_through_registers)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
