/* SPDX-License-Identifier: MIT */
/* What each operation of the execution units computes, into which type, with which flags. */
#include "eu_unit.h"

#include <math.h>

#define SAT  (1u << 2) /* of the second dword */
#define ABS  1u
#define NEG  2u
#define MATH(fn) (fn), OP_MATH

static struct eu_thread *t;

static int setup(void **state)
{
	t = unit_thread();
	return 0;
}

static int teardown(void **state)
{
	free(t);
	return 0;
}

static void put(unsigned int reg, uint64_t v)
{
	memcpy(t->grf[reg], &v, sizeof(v));
}

static uint64_t get(unsigned int reg)
{
	uint64_t v;

	memcpy(&v, t->grf[reg], sizeof(v));
	return v;
}

/* r4 = @op of r1, r2, r3, one channel, all of @type. False if it is refused. */
static bool exec(uint32_t op, uint32_t cond, uint32_t type, uint64_t a, uint64_t b, uint64_t d)
{
	uint32_t dw[4];

	put(1, a);
	put(2, b);
	put(3, d);
	put(4, 0);
	switch (eu_form_of(op)) {
	case FORM_ALU1:
		asm1(dw, op, W1, D(4, 0), type, S(1, 0), type);
		break;
	case FORM_ALU2:
		asm2(dw, op, W1, D(4, 0), type, S(1, 0), S(2, 0), 0);
		break;
	default:
		asm3(dw, op, W1, D(4, 0), type, S(1, 0), S(2, 0), S(3, 0), false);
		break;
	}
	dw[2] |= cond << 28;
	return unit_exec(t, dw, 0);
}

static void integers(void **state)
{
	static const struct {
		uint32_t cond, op, type;
		uint64_t a, b, d, want;
	} row[] = {
		{ 0, OP_NOT, T_UD, 0xff, 0, 0, 0xffffff00 },
		{ 0, OP_LZD, T_UD, 0, 0, 0, 32 },
		{ 0, OP_LZD, T_UD, 1, 0, 0, 31 },
		{ 0, OP_FBH, T_D, 0xffff0000, 0, 0, 16 },
		{ 0, OP_FBH, T_D, 0xffffffff, 0, 0, 0xffffffff },
		{ 0, OP_FBH, T_UD, 0, 0, 0, 0xffffffff },
		{ 0, OP_FBH, T_UQ, 0xffffffff80000000, 0, 0, 0 },
		{ 0, OP_FBL, T_UD, 8, 0, 0, 3 },
		{ 0, OP_FBL, T_UD, 0, 0, 0, 0xffffffff },
		{ 0, OP_CBIT, T_UD, 0xf0f1, 0, 0, 9 },
		{ 0, OP_BFREV, T_UD, 0x80000001, 0, 0, 0x80000001 },
		{ 0, OP_BFREV, T_UD, 6, 0, 0, 0x60000000 },
		/* words are shifted as dwords are, but what comes in from the left is theirs */
		{ 0, OP_SHL, T_UW, 1, 17, 0, 0 },
		{ 0, OP_SHL, T_UQ, 1, 40, 0, 1ull << 40 },
		{ 0, OP_SHR, T_W, 0x8000, 4, 0, 0x0800 },
		{ 0, OP_SHR, T_B, 0x80, 4, 0, 0x08 },
		{ 0, OP_SHR, T_UQ, 1ull << 63, 63, 0, 1 },
		{ 0, OP_ASR, T_Q, 1ull << 63, 63, 0, ~0ull },
		{ 0, OP_ROL, T_UW, 0x8001, 20, 0, 0x0018 },
		{ 0, OP_ROL, T_UD, 0x1234, 32, 0, 0x1234 },
		{ 0, OP_ROR, T_UQ, 1, 1, 0, 1ull << 63 },
		{ 0, OP_AVG, T_D, (uint32_t)-3, (uint32_t)-4, 0, (uint32_t)-3 },
		{ 0, OP_BFI1, T_UD, 8, 20, 0, 0x0ff00000 },
		{ 0, OP_ADD3, T_D, 1, 10, 100, 111 },
		{ 0, OP_MAD, T_D, 5, 7, 9, 68 },
		{ 0, OP_BFE, T_UD, 4, 8, 0xbcd, 0xb },
		{ 0, OP_BFE, T_D, 4, 8, 0xbcd, (uint32_t)-5 },
		{ 0, OP_BFE, T_D, 4, 8, 0x5cd, 5 },
		{ 0, OP_BFE, T_UD, 0, 8, 0xbcd, 0 },
		{ 0, OP_BFI2, T_UD, 0xf00, 5, 0xffff, 0xf5ff },
		{ 0, OP_BFI2, T_UD, 0, 5, 0xffff, 0xffff },
		{ C_GT, OP_CSEL, T_D, 1, 2, 3, 1 },
		{ C_GT, OP_CSEL, T_D, 1, 2, (uint32_t)-3, 2 },
		{ MATH(12), T_D, 7, 2, 0, 3 },
		{ MATH(13), T_D, 7, 4, 0, 3 },
		{ MATH(11), T_D, (uint32_t)-7, 2, 0, (uint32_t)-3 },
		{ MATH(12), T_D, 5, (uint32_t)-1, 0, (uint32_t)-5 },
		{ MATH(13), T_D, 5, (uint32_t)-1, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_true(exec(row[i].op, row[i].cond, row[i].type, row[i].a, row[i].b, row[i].d));
		if (get(4) != row[i].want)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)get(4));
	}
	/* the smallest number has no opposite */
	assert_true(exec(OP_MATH, 12, T_Q, 1ull << 63, ~0ull, 0));
	assert_true(get(4) == 1ull << 63);
}

/* Quotients that are none do not end the process. */
static void no_quotient(void **state)
{
	for (uint32_t type = T_UB; type <= T_Q; type++)
		for (uint32_t fn = 11; fn <= 13; fn++) {
			uint64_t ones = type == T_UQ || type == T_Q ?
						~0ull :
						(1ull << 8 * eu_type_bytes(type)) - 1;

			assert_true(exec(OP_MATH, fn, type, 9, 0, 0));
			assert_true(get(4) == ones);
			assert_true(exec(OP_MATH, fn, type, 1ull << 63, ~0ull, 0));
		}
}

/* Functions that integers have not, also with the divisor that is looked at first. */
static void no_such_function(void **state)
{
	for (uint32_t b = 0; b < 2; b++) {
		assert_false(exec(OP_MATH, 1, T_D, 5, 0u - b, 0));
		assert_false(exec(OP_MATH, 14, T_D, 5, 0u - b, 0));
	}
	assert_false(exec(OP_MATH, 8, T_F, float_bits(1), float_bits(1), 0));
	assert_false(exec(OP_FRC, 0, T_D, 5, 0, 0));
	assert_false(exec(OP_LZD, 0, T_F, float_bits(5), 0, 0));
}

static void truth_tables(void **state)
{
	uint32_t dw[4];

	/* all that a table of eight bits can say, at the places of one bit each */
	for (uint32_t table = 0; table < 256; table++) {
		put(1, 0xaa);
		put(2, 0xcc);
		put(3, 0xf0);
		put(4, 0);
		asm3(dw, OP_BFN, W1, D(4, 0), T_UD, S(1, 0), S(2, 0), S(3, 0), false);
		dw[2] |= (table & 15) << 20 | (table >> 4) << 28;
		assert_true(unit_exec(t, dw, 0));
		assert_int_equal(get(4) & 0xff, table);
		assert_int_equal(t->flag[0], 0); /* the table is no condition */
	}
	/* of the bits, whatever they mean */
	asm3(dw, OP_BFN, W1, D(4, 0), T_F, S(1, 0), S(2, 0), S(3, 0), false);
	dw[2] |= 10u << 20 | 10u << 28;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(get(4), 0xaa);
}

static void floats(void **state)
{
	static const struct {
		uint32_t cond, op;
		float a, b, d, want;
	} row[] = {
		{ 0, OP_MUL, 1.5f, -3, 0, -4.5f },
		{ 0, OP_MAD, 1.5f, 2, 3, 7.5f },
		{ 0, OP_ADD3, 1, 10, 100, 111 },
		{ 0, OP_FRC, -0.25f, 0, 0, 0.75f },
		{ 0, OP_RNDU, 1.25f, 0, 0, 2 },
		{ 0, OP_RNDD, -1.25f, 0, 0, -2 },
		{ 0, OP_RNDE, 2.5f, 0, 0, 2 },
		{ 0, OP_RNDZ, -1.75f, 0, 0, -1 },
		{ C_LT, OP_CSEL, 1, 2, -1, 1 },
		{ C_LT, OP_CSEL, 1, 2, 1, 2 },
		{ MATH(1), 4, 0, 0, 0.25f },
		{ MATH(2), 8, 0, 0, 3 },
		{ MATH(3), 3, 0, 0, 8 },
		{ MATH(4), 9, 0, 0, 3 },
		{ MATH(5), 4, 0, 0, 0.5f },
		{ MATH(6), 0, 0, 0, 0 },
		{ MATH(7), 0, 0, 0, 1 },
		{ MATH(9), 1, 8, 0, 0.125f },
		{ MATH(10), -2, 3, 0, 8 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_true(exec(row[i].op, row[i].cond, T_F, float_bits(row[i].a), float_bits(row[i].b),
				 float_bits(row[i].d)));
		if (get(4) != float_bits(row[i].want))
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)get(4));
	}
}

/* One operand is a number, the other none: both are numbers then. */
static void kinds_are_mixed(void **state)
{
	uint32_t dw[4];

	put(1, float_bits(1.5f));
	put(2, (uint32_t)-3);
	asm2(dw, OP_ADD, W1, D(4, 0), T_F, S(1, 0), S(2, 0), 0);
	dw[2] = (dw[2] & ~(15u << 24)) | T_D << 24;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), float_bits(-1.5f));
	asm2(dw, OP_ADD, W1, D(4, 0), T_F, S(2, 0), S(1, 0), 0);
	dw[1] = (dw[1] & ~(15u << 8)) | T_D << 8;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), float_bits(-1.5f));
}

/* The accumulator of each channel: set by mul, added to by mac; carries lie there, too. */
static void accumulator(void **state)
{
	uint32_t dw[4];

	for (uint32_t i = 0; i < 4; i++) {
		eu_reg(t, 1)[i] = 10 + i;
		eu_reg(t, 2)[i] = 3;
	}
	asm2(dw, OP_MUL, W | X(2), ARF(D(ACC(0), 0)), T_D, V(1, 0), V(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	/* what goes elsewhere leaves it alone */
	asm1i(dw, OP_MOV, W1, ARF(D(FLAG(1), 0)), T_UD, 77);
	assert_true(unit_exec(t, dw, 0));
	asm2(dw, OP_MAC, W | X(2), D(4, 0), T_D, V(1, 0), V(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(eu_reg(t, 4)[i], 6 * (10 + i));
	/* floats */
	for (uint32_t i = 0; i < 4; i++) {
		eu_reg(t, 1)[i] = float_bits((float)i);
		eu_reg(t, 2)[i] = float_bits(2);
	}
	asm2(dw, OP_MUL, W | X(2), ARF(D(ACC(0), 0)), T_F, V(1, 0), V(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	asm2(dw, OP_MAC, W | X(2), D(4, 0), T_F, V(1, 0), V(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(eu_reg(t, 4)[i], float_bits(4 * (float)i));
	/* carry and borrow of the enabled channels; mac adds a carry as it would a product */
	for (uint32_t i = 0; i < 4; i++) {
		eu_reg(t, 1)[i] = i < 2 ? ~0u : 1;
		eu_reg(t, 2)[i] = 1;
	}
	asm2(dw, OP_ADDC, X(2), D(4, 0), T_UD, V(1, 0), V(2, 0), 0);
	memset(t->acc, 0x55, sizeof(t->acc));
	assert_true(unit_alu(t, dw, 0xe, 0));
	memcpy(eu_reg(t, 5), t->acc[0], 16);
	assert_int_equal(eu_reg(t, 5)[0], 0x55555555);
	assert_int_equal(eu_reg(t, 5)[1], 1);
	assert_int_equal(eu_reg(t, 5)[2], 0);
	asm2(dw, OP_MAC, W | X(2), D(4, 0), T_UD, V(2, 0), V(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 4)[1], 2);
	assert_int_equal(eu_reg(t, 4)[2], 1);
	asm2(dw, OP_SUBB, W | X(2), D(4, 0), T_UD, V(2, 0), V(1, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	memcpy(eu_reg(t, 5), t->acc[0], 16);
	assert_int_equal(eu_reg(t, 5)[0], 1);
	assert_int_equal(eu_reg(t, 5)[2], 0); /* of equal ones there is none */
}

static void carries_of_32_channels(void **state)
{
	uint32_t dw[4], carry[32];

	for (uint32_t i = 0; i < 32; i++) {
		eu_reg(t, 10)[i] = i & 1 ? ~0u : 0;
		eu_reg(t, 12)[i] = 1;
	}
	asm2(dw, OP_ADDC, W | X(5), D(14, 0), T_UD, V(10, 0), V(12, 0), 0);
	memset(t->acc, 0x55, sizeof(t->acc));
	assert_true(unit_exec(t, dw, 0));
	memcpy(carry, t->acc, sizeof(carry));
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(carry[i], i & 1);
	assert_int_equal(t->acc[2][0], 0x55);
}

static void product_high(void **state)
{
	const uint32_t a = 0x92345678, b = 0x9abcdef0;
	uint32_t dw[4];

	put(1, a);
	put(2, b);
	asm2(dw, OP_MUL, W1, ARF(D(ACC(0), 0)), T_D, S(1, 0), S(2, 0), 0);
	dw[2] = (dw[2] & ~(15u << 24)) | T_UW << 24;
	assert_true(unit_exec(t, dw, 0));
	asm2(dw, OP_MACH, W1, D(4, 0), T_D, S(1, 0), S(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), (uint32_t)((int64_t)(int32_t)a * (int32_t)b >> 32));
}

static void conditions(void **state)
{
	static const struct {
		uint32_t cond, type;
		uint64_t a, b;
		bool yes;
	} row[] = {
		{ C_EQ, T_D, 5, 5, true },	      { C_EQ, T_D, 5, 6, false },
		{ C_NE, T_D, 5, 6, true },	      { C_GT, T_D, 5, 5, false },
		{ C_GT, T_D, 5, (uint32_t)-1, true }, { C_GE, T_D, 5, 5, true },
		{ C_LT, T_D, 5, 5, false },	      { C_LE, T_D, 5, 5, true },
		{ C_LE, T_D, 4, 5, true },	      { C_OV, T_D, 5, 5, false },
		{ C_LT, T_UQ, 1, ~0ull, true },	      { C_LT, T_Q, 1, ~0ull, false },
		{ C_GT, T_UD, ~0u, 1, true },
	};
	/* whoever is compared with what is no number differs from it, and nothing else */
	static const bool unordered[10] = { [C_NE] = true, [C_UN] = true };
	uint32_t dw[4];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(1, row[i].a);
		put(2, row[i].b);
		put(4, 0x5555555555555555);
		asm2(dw, OP_CMP, W1, D(4, 0), row[i].type, S(1, 0), S(2, 0), row[i].cond);
		t->flag[0] = row[i].yes ? 0 : 1;
		assert_true(unit_exec(t, dw, 0));
		if (t->flag[0] != row[i].yes)
			fail_msg("row %zu", i);
		assert_int_equal((uint32_t)get(4), row[i].yes ? ~0u : 0);
	}
	for (uint32_t cond = C_EQ; cond <= C_UN; cond++)
		for (int which = 0; which < 2 && cond != 7; which++) {
			put(1, float_bits(which ? NAN : 1));
			put(2, float_bits(which ? 1 : NAN));
			asm2(dw, OP_CMP, W1, NULL_REG, T_F, S(1, 0), S(2, 0), cond);
			t->flag[0] = !unordered[cond];
			assert_true(unit_exec(t, dw, 0));
			assert_int_equal(t->flag[0], unordered[cond]);
		}
}

/* Flags of the channels an instruction has, and of no others: not behind the last there is. */
static void flags_have_an_end(void **state)
{
	uint32_t dw[4];

	for (uint32_t i = 0; i < 32; i++)
		eu_reg(t, 1 + i / 16)[i % 16] = i;
	asm2i(dw, OP_CMP, X(3) | M(1), NULL_REG, T_UD, V(1, 0), 100, C_LT);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(t->flag[0], 0xff00);
	t->flag[0] = 0xffff0000;
	asm2i(dw, OP_CMP, X(5) | F(1), NULL_REG, T_UD, V(1, 0), 16, C_GE);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(t->flag[0], 0);
	assert_int_equal(t->flag[1], 0);
	/* a channel that is not enabled keeps its flag */
	t->flag[0] = 0xf0;
	asm2i(dw, OP_ADD, X(3), D(4, 0), T_UD, V(1, 0), 0, C_EQ);
	assert_true(unit_alu(t, dw, 0x2f, 0));
	assert_int_equal(t->flag[0], 0xd1);
	t->flag[0] = 0xff;
	asm2i(dw, OP_CMP, X(3), NULL_REG, T_UD, V(1, 0), 100, C_GT);
	assert_true(unit_alu(t, dw, 0x0f, 0));
	assert_int_equal(t->flag[0], 0xf0);
}

/* Results are compared with zero as what they are in the destination. */
static void flags_of_results(void **state)
{
	static const struct {
		uint32_t type, a, b, cond;
	} row[] = {
		{ T_UB, 0xff, 1, C_EQ }, { T_UW, 0xffff, 1, C_EQ }, { T_UD, ~0u, 1, C_EQ },
		{ T_B, 0x7f, 1, C_LT },	 { T_W, 0x7fff, 1, C_LT },  { T_D, 0x7fffffff, 1, C_LT },
	};
	uint32_t dw[4];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(1, row[i].a);
		put(2, row[i].b);
		t->flag[0] = 0;
		asm2(dw, OP_ADD, W1, D(4, 0), row[i].type, S(1, 0), S(2, 0), row[i].cond);
		assert_true(unit_exec(t, dw, 0));
		if (t->flag[0] != 1)
			fail_msg("row %zu", i);
	}
	put(1, float_bits(-1));
	asm2(dw, OP_MUL, W1, D(4, 0), T_F, S(1, 0), S(1, 0), C_GT);
	t->flag[0] = 0;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(t->flag[0], 1);
	/* where the condition means something else there is none */
	t->flag[0] = 0;
	assert_true(exec(OP_MATH, 4, T_F, float_bits(4), 0, 0));
	assert_int_equal(t->flag[0], 0);
	assert_true(exec(OP_CSEL, C_GE, T_D, 1, 1, 1));
	assert_int_equal(t->flag[0], 0);
}

static void selection(void **state)
{
	uint32_t dw[4];

	/* the minimum of unsigned ones */
	assert_true(exec(OP_SEL, C_LT, T_UQ, ~0ull, 1, 0));
	assert_int_equal(get(4), 1);
	assert_true(exec(OP_SEL, C_LT, T_Q, ~0ull, 1, 0));
	assert_true(get(4) == ~0ull);
	/* what is no number loses */
	assert_true(exec(OP_SEL, C_GE, T_F, float_bits(5), float_bits(NAN), 0));
	assert_int_equal(get(4), float_bits(5));
	assert_true(exec(OP_SEL, C_GE, T_F, float_bits(NAN), float_bits(5), 0));
	assert_int_equal(get(4), float_bits(5));
	/* by the predicate */
	put(1, 1);
	put(2, 2);
	asm2(dw, OP_SEL, W1 | P, D(4, 0), T_D, S(1, 0), S(2, 0), 0);
	assert_true(unit_exec(t, dw, 1));
	assert_int_equal((uint32_t)get(4), 1);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), 2);
}

/* From one type to another: mov of what lies in r1. */
static void conversions(void **state)
{
	const uint64_t F = T_F, HF = T_HF;
	const struct {
		uint64_t from, to, in, want;
	} row[] = {
		{ T_UB, T_UD, 0xff, 0xff },
		{ T_B, T_D, 0x80, 0xffffff80 },
		{ T_W, T_D, 0x8001, 0xffff8001 },
		{ T_D, T_Q, 0x80000000, 0xffffffff80000000 },
		{ T_UD, T_Q, 0x80000000, 0x80000000 },
		{ T_UD, F, 0x80000000, float_bits(0x1p31f) },
		{ T_D, F, 0x80000000, float_bits(-0x1p31f) },
		{ F, T_DF, float_bits(1.5f), 0x3ff8000000000000 },
		{ T_DF, F, 0xbff8000000000000, float_bits(-1.5f) },
		/* half precision */
		{ HF, F, 0xc000, float_bits(-2) },
		{ HF, F, 0x7c00, float_bits(INFINITY) },
		{ HF, F, 0xfc00, float_bits(-INFINITY) },
		{ F, HF, float_bits(65519), 0x7bff },
		{ F, HF, float_bits(65520), 0x7c00 },
		{ F, HF, float_bits(1e30f), 0x7c00 },
		{ F, HF, float_bits(-0.f), 0x8000 },
		{ F, HF, float_bits(0x1p-14f), 0x0400 },
		{ F, HF, float_bits(0x3p-25f), 0x0002 },
		{ F, HF, float_bits(3), 0x4200 },
		/* to integers: not a number is 0, and no further than they reach */
		{ F, T_D, float_bits(NAN), 0 },
		{ F, T_Q, float_bits(NAN), 0 },
		{ F, T_D, float_bits(-3e10f), 0x80000000 },
		{ F, T_UD, float_bits(-1), 0 },
		{ F, T_UB, float_bits(300), 0xff },
		{ F, T_W, float_bits(40000), 0x7fff },
		{ F, T_W, float_bits(-40000), 0x8000 },
		{ F, T_B, float_bits(200), 0x7f },
		{ F, T_UW, float_bits(1e9f), 0xffff },
		{ F, T_UQ, float_bits(0x1p63f), 1ull << 63 },
		{ F, T_UQ, float_bits(0x1p65f), ~0ull },
		{ F, T_UQ, float_bits(-1), 0 },
		{ F, T_Q, float_bits(0x1p65f), INT64_MAX },
		{ F, T_Q, float_bits(-0x1p65f), 1ull << 63 },
	};
	uint32_t dw[4];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(1, row[i].in | (eu_type_bytes((unsigned int)row[i].from) < 8 ? 0xffull << 56 : 0));
		put(4, 0);
		asm1(dw, OP_MOV, W1, D(4, 0), (uint32_t)row[i].to, S(1, 0), (uint32_t)row[i].from);
		assert_true(unit_exec(t, dw, 0));
		if (get(4) != row[i].want)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)get(4));
	}
	/* what is no number stays none */
	put(1, 0x7e01);
	asm1(dw, OP_MOV, W1, D(4, 0), T_F, S(1, 0), T_HF);
	assert_true(unit_exec(t, dw, 0));
	assert_true((get(4) & 0x7fffffff) > 0x7f800000);
	put(1, float_bits(NAN));
	asm1(dw, OP_MOV, W1, D(4, 0), T_HF, S(1, 0), T_F);
	assert_true(unit_exec(t, dw, 0));
	assert_true((get(4) & 0x7fff) > 0x7c00);
}

static void saturation(void **state)
{
	static const struct {
		uint32_t op, type, a, b, want;
	} row[] = {
		{ OP_ADD, T_UB, 200, 100, 0xff },
		{ OP_ADD, T_B, 100, 100, 0x7f },
		{ OP_ADD, T_W, (uint16_t)-30000, (uint16_t)-10000, 0x8000 },
		{ OP_ADD, T_W, 30000, 10000, 0x7fff },
		{ OP_ADD, T_UW, 60000, 10000, 0xffff },
		{ OP_ADD, T_D, 0x7fffffff, 1, 0x7fffffff },
		{ OP_ADD, T_UD, 0xffffffff, 1, 0xffffffff },
		{ OP_MUL, T_F, 0x40000000, 0x3f800000, 0x3f800000 }, /* 2 by 1 */
		{ OP_MUL, T_F, 0xc0000000, 0x3f800000, 0 },
		{ OP_MUL, T_F, 0x3f000000, 0x3f800000, 0x3f000000 },
		{ OP_MUL, T_F, 0x7fc00000, 0x3f800000, 0 },
	};
	uint32_t dw[4];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(1, row[i].a);
		put(2, row[i].b);
		put(4, 0);
		asm2(dw, row[i].op, W1, D(4, 0), row[i].type, S(1, 0), S(2, 0), 0);
		dw[1] |= SAT;
		assert_true(unit_exec(t, dw, 0));
		if (get(4) != row[i].want)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)get(4));
	}
	/* a copy with it is none of bits; bits are never saturated */
	put(1, float_bits(7));
	asm1(dw, OP_MOV, W1, D(4, 0), T_F, S(1, 0), T_F);
	dw[1] |= SAT;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), float_bits(1));
	put(1, 0xf);
	asm1(dw, OP_NOT, W1, D(4, 0), T_UD, S(1, 0), T_UD);
	dw[1] |= SAT;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), 0xfffffff0);
}

/* Absolute and opposite values, of each of three sources; of bits the opposite is the complement. */
static void modifiers(void **state)
{
	static const struct {
		uint32_t op, type, mods, a, want;
	} row[] = {
		{ OP_MOV, T_F, NEG, 0x3fc00000, 0xbfc00000 },
		{ OP_MOV, T_F, ABS, 0xc0000000, 0x40000000 },
		{ OP_MOV, T_F, ABS | NEG, 0x40000000, 0xc0000000 },
		{ OP_MOV, T_D, NEG, 5, (uint32_t)-5 },
		{ OP_MOV, T_D, ABS, (uint32_t)-5, 5 },
		{ OP_MOV, T_D, 0, (uint32_t)-5, (uint32_t)-5 },
		{ OP_MOV, T_D, ABS | NEG, 5, (uint32_t)-5 },
		{ OP_NOT, T_UD, NEG, 5, 5 },
	};
	uint32_t dw[4];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(1, row[i].a);
		asm1(dw, row[i].op, W1, D(4, 0), row[i].type, S(1, 0), row[i].type);
		dw[1] |= row[i].mods << 12;
		assert_true(unit_exec(t, dw, 0));
		if ((uint32_t)get(4) != row[i].want)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)get(4));
	}
	put(1, 100);
	put(2, 10);
	put(3, (uint32_t)-1);
	asm2(dw, OP_ADD, W1, D(4, 0), T_D, S(1, 0), S(2, 0), 0);
	dw[3] |= NEG << 24;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), 90);
	asm3(dw, OP_ADD3, W1, D(4, 0), T_D, S(1, 0), S(2, 0), S(3, 0), false);
	dw[1] |= NEG << 12;
	dw[2] |= ABS << 20;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), (uint32_t)-89);
	dw[2] = (dw[2] & ~(3u << 20)) | NEG << 22;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), (uint32_t)-111);
}

/* Vectors in an instruction: eight signed or unsigned nibbles, four small floats. */
static void immediates(void **state)
{
	static const float vf[4] = { 1, -2, 0, 0.1875f };
	uint32_t dw[4];

	for (uint32_t type = T_UB; type <= T_B; type += T_B) {
		asm1i(dw, OP_MOV, W | X(3), D(4, 0), T_D, 0xfedc3210);
		dw[1] = (dw[1] & ~(15u << 8)) | type << 8;
		assert_true(unit_exec(t, dw, 0));
		assert_int_equal(eu_reg(t, 4)[3], 3);
		assert_int_equal(eu_reg(t, 4)[4], type == T_B ? (uint32_t)-4 : 12);
		assert_int_equal(eu_reg(t, 4)[7], type == T_B ? (uint32_t)-1 : 15);
	}
	asm1i(dw, OP_MOV, W | X(2), D(4, 0), T_F, 0x0800c030);
	dw[1] = (dw[1] & ~(15u << 8)) | T_VF << 8;
	assert_true(unit_exec(t, dw, 0));
	for (int i = 0; i < 4; i++)
		assert_int_equal(eu_reg(t, 4)[i], float_bits(vf[i]));
	/* which are no bits, and lie in no register */
	asm1i(dw, OP_NOT, W1, D(4, 0), T_UD, 0x30);
	dw[1] = (dw[1] & ~(15u << 8)) | T_VF << 8;
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W1, D(4, 0), T_F, S(1, 0), T_VF);
	assert_false(unit_exec(t, dw, 0));
	/* narrow ones are what their type holds */
	asm1i(dw, OP_MOV, W1, D(4, 0), T_D, 0x12348765);
	dw[1] = (dw[1] & ~(15u << 8)) | T_W << 8;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 4)[0], 0xffff8765);
	dw[1] = (dw[1] & ~(15u << 8)) | T_UW << 8;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 4)[0], 0x8765);
	/* wide ones take the room of the condition */
	put(4, 0);
	t->flag[0] = 0;
	dw[0] = OP_MOV | W1;
	dw[1] = T_UQ << 4 | T_UQ << 8 | 1u << 14 | D(4, 0) << 16;
	dw[2] = 0x20000001;
	dw[3] = 0x89abcdef;
	assert_true(unit_exec(t, dw, 0));
	assert_true(get(4) == 0x2000000189abcdef);
	assert_int_equal(t->flag[0], 0);
	/* the second operand has a type of its own */
	put(1, 10);
	asm2i(dw, OP_ADD, W1, D(4, 0), T_D, S(1, 0), 0xffff, 0);
	dw[2] = (dw[2] & ~(15u << 24)) | T_W << 24;
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal((uint32_t)get(4), 9);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(integers),
		BAD(T(no_quotient)),
		BAD(T(no_such_function)),
		T(truth_tables),
		T(floats),
		T(kinds_are_mixed),
		T(accumulator),
		T(carries_of_32_channels),
		T(product_high),
		T(conditions),
		BAD(T(flags_have_an_end)),
		T(flags_of_results),
		T(selection),
		T(conversions),
		T(saturation),
		T(modifiers),
		T(immediates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
