/* SPDX-License-Identifier: MIT */
/* Instructions of the execution units: their bits, what they compute, what they may not touch. */
#include "eu_unit.h"

static void region_and_stride(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	for (uint32_t i = 0; i < 16; i++)
		eu_reg(t, 5)[i] = 100 + i;
	asm1(dw, OP_MOV, W | X(4), D(6, 0), T_UD, V(5, 0), T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_memory_equal(eu_reg(t, 6), eu_reg(t, 5), 64);
	/* each second word of the source, into each second dword */
	asm1(dw, OP_MOV, W | X(3), D_STRIDE2(7, 0), T_UD, S(5, 0) | 2u << 20, T_UW);
	assert_true(unit_exec(t, dw, 0));
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(eu_reg(t, 7)[2 * i], 100 + i);
		assert_int_equal(eu_reg(t, 7)[2 * i + 1], 0);
	}
	/* <8;4,1>: two rows of four, eight apart */
	asm1(dw, OP_MOV, W | X(3), D(8, 0), T_UD, S(5, 0) | 1 | 2u << 17 | 4u << 20, T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 8)[3], 103);
	assert_int_equal(eu_reg(t, 8)[4], 108);
	free(t);
}

static void region_indirect(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	eu_reg(t, 9)[3] = 0x1234;
	t->addr[2] = 9 * 64;
	/* the offset of twelve bytes begins a bit below that of a register */
	asm1(dw, OP_MOV, W1, D(10, 0), T_UD, 2u << 12 | 12u >> 1 << 3 | 1u << 16, T_UD);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 10)[0], 0x1234);
	free(t);
}

static void arithmetic(void **state)
{
	static const struct {
		uint32_t op, type, a, b, want;
	} table[] = {
		{ OP_ADD, T_UD, 0xffffffff, 2, 1 },
		{ OP_ADD, T_D, 0x7fffffff, 1, 0x80000000 },
		{ OP_MUL, T_D, (uint32_t)-3, 7, (uint32_t)-21 },
		{ OP_AND, T_UD, 0xff0f, 0x0ff0, 0x0f00 },
		{ OP_OR, T_UD, 0xf000, 0x000f, 0xf00f },
		{ OP_XOR, T_UD, 0xff00, 0x0ff0, 0xf0f0 },
		{ OP_SHL, T_UD, 1, 33, 2 },
		{ OP_SHR, T_UD, 0x80000000, 31, 1 },
		{ OP_SHR, T_D, 0x80000000, 31, 1 },
		{ OP_ASR, T_D, 0x80000000, 31, 0xffffffff },
		{ OP_ROL, T_UD, 0x80000001, 4, 0x18 },
		{ OP_ROR, T_UD, 0x18, 4, 0x80000001 },
		{ OP_AVG, T_UD, 3, 4, 4 },
		{ OP_BFI1, T_UD, 4, 8, 0xf00 },
		{ OP_ADDC, T_UD, 0xffffffff, 1, 0 },
		{ OP_SUBB, T_UD, 1, 2, 0xffffffff },
	};
	struct eu_thread *t = unit_thread();
	uint32_t dw[4], f[2];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		eu_reg(t, 1)[0] = table[i].a;
		asm2i(dw, table[i].op, W1, D(2, 0), table[i].type, S(1, 0), table[i].b, 0);
		assert_true(unit_exec(t, dw, 0));
		if (eu_reg(t, 2)[0] != table[i].want)
			fail_msg("row %zu: 0x%x", i, eu_reg(t, 2)[0]);
	}
	/* f: 1.5 * -2.25 + 10 */
	eu_reg(t, 1)[0] = float_bits(10);
	eu_reg(t, 3)[0] = float_bits(1.5);
	eu_reg(t, 4)[0] = float_bits(-2.25);
	asm3(dw, OP_MAD, W1, D(2, 0), T_F, S(1, 0), S(3, 0), S(4, 0), false);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 2)[0], float_bits(6.625));
	/* half precision there and back, with rounding to even */
	eu_reg(t, 1)[0] = float_bits(1.0f + 1.0f / 2048);
	asm1(dw, OP_MOV, W1, D(2, 0), T_HF, S(1, 0), T_F);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 2)[0] & 0xffff, 0x3c00);
	eu_reg(t, 2)[0] = 0x0001;
	asm1(dw, OP_MOV, W1, D(3, 0), T_F, S(2, 0), T_HF);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 3)[0], float_bits(0x1p-24f));
	asm1(dw, OP_MOV, W1, D(5, 0), T_HF, S(3, 0), T_F);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 5)[0] & 0xffff, 1);
	/* to integers: towards zero, and no further than they reach */
	f[0] = float_bits(-2.75);
	f[1] = float_bits(3e10);
	memcpy(eu_reg(t, 1), f, sizeof(f));
	asm1(dw, OP_MOV, W | X(1), D(2, 0), T_D, V(1, 0), T_F);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 2)[0], (uint32_t)-2);
	assert_int_equal(eu_reg(t, 2)[1], 0x7fffffff);
	free(t);
}

/* mul of the lower words and macl make the lower half of a product, as compilers do it. */
static void product_in_two(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	eu_reg(t, 1)[0] = 0x12345678;
	eu_reg(t, 2)[0] = 0x9abcdef0;
	asm2(dw, OP_MUL, W1, ARF(D(ACC(0), 0)), T_D, S(1, 0), S(2, 0), 0);
	dw[2] = (dw[2] & 0xffffff) | T_UW << 24;
	assert_true(unit_exec(t, dw, 0));
	asm2(dw, OP_MACL, W1, D(3, 0), T_D, S(1, 0), S(2, 0), 0);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 3)[0], 0x12345678u * 0x9abcdef0u);
	free(t);
}

static void compare_and_select(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	for (uint32_t i = 0; i < 16; i++)
		eu_reg(t, 1)[i] = i;
	asm2i(dw, OP_CMP, X(4) | F(1), NULL_REG, T_UD, V(1, 0), 7, C_GT);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(t->flag[0], 0xff000000); /* the upper half of f0 */
	asm2i(dw, OP_SEL, X(4) | F(1) | P, D(2, 0), T_UD, V(1, 0), 99, 0);
	assert_true(unit_exec(t, dw, 0xff00));
	assert_int_equal(eu_reg(t, 2)[7], 99);
	assert_int_equal(eu_reg(t, 2)[8], 8);
	/* sel.l is the minimum and sets no flag */
	asm2i(dw, OP_SEL, X(4), D(2, 0), T_D, V(1, 0), 5, C_LT);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 2)[4], 4);
	assert_int_equal(eu_reg(t, 2)[15], 5);
	assert_int_equal(t->flag[0], 0xff000000);
	free(t);
}

/* A compact instruction is its native form: (16) r20.0<2>:ud = r6:ud, and add of q. */
static void compact(void **state)
{
	static const uint32_t mov[2] = { 0xb4000061, 0x00100614 }, add[2] = { 0x38001a40, 0x05101808 };
	struct eu_inst in;

	assert_true(eu_decode(mov, &in));
	assert_int_equal(in.bytes, 8);
	assert_int_equal(in.op, OP_MOV);
	assert_int_equal(in.channels, 16);
	assert_false(in.nomask);
	assert_int_equal(in.dst.reg, 20);
	assert_int_equal(in.dst.hs, 2);
	assert_int_equal(in.dst.type, T_UD);
	assert_int_equal(in.src[0].reg, 6);
	assert_int_equal(in.src[0].vs, 1);
	assert_true(eu_decode(add, &in));
	assert_int_equal(in.op, OP_ADD);
	assert_int_equal(in.dst.reg, 8);
	assert_int_equal(in.dst.type, T_Q);
	assert_int_equal(in.src[0].reg, 24);
	assert_int_equal(in.src[1].reg, 5);
	assert_int_equal(in.src[1].vs, 0);
	assert_int_equal(in.src[1].byte, 0);
	assert_int_equal(eu_imm_expand(T_W, 0xfff), 0xffffffff);
	assert_int_equal(eu_imm_expand(T_F, 0x3f8), 0x3f800000);
	assert_int_equal(eu_imm_expand(T_UW, 0x123), 0x01230123);
}

static void no_such_opcode(void **state)
{
	uint32_t dw[4] = { 0 };
	struct eu_inst in;
	unsigned int known = 0;

	for (dw[0] = 0; dw[0] < 128; dw[0]++)
		if (eu_form_of(dw[0]) != FORM_BAD)
			known++;
		else
			assert_false(eu_decode(dw, &in));
	assert_in_range(known, 40, 70);
}

static void no_such_size_or_type(void **state)
{
	uint32_t dw[4];
	struct eu_inst in;

	for (uint32_t size = 6; size < 8; size++) {
		asm1(dw, OP_MOV, W | X(size), D(1, 0), T_UD, S(2, 0), T_UD);
		assert_false(eu_decode(dw, &in));
	}
	asm1(dw, OP_MOV, W | X(5) | M(1), D(1, 0), T_UD, S(2, 0), T_UD); /* 32 channels from the 8th */
	assert_false(eu_decode(dw, &in));
	for (uint32_t type = 12; type < 16; type++) {
		asm1(dw, OP_MOV, W1, D(1, 0), type, S(2, 0), T_UD);
		assert_false(eu_decode(dw, &in));
		asm1(dw, OP_MOV, W1, D(1, 0), T_UD, S(2, 0), type);
		assert_false(eu_decode(dw, &in));
	}
	asm1(dw, OP_MOV, W1, D(1, 0), T_VF, S(2, 0), T_UD);
	assert_false(eu_decode(dw, &in));
}

static void registers_end(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	asm1(dw, OP_MOV, W | X(4), D(127, 0), T_UD, V(127, 0), T_UD);
	assert_true(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W | X(4), D(127, 4), T_UD, V(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W | X(5), D(127, 0), T_UD, V(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W | X(5), D(1, 0), T_UQ, V(125, 0), T_UQ);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W1, D(255, 62), T_UD, S(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm2(dw, OP_ADD, W1, D(1, 0), T_UD, S(1, 0), S(128, 0), 0);
	assert_false(unit_exec(t, dw, 0));
	asm3(dw, OP_MAD, W1, D(1, 0), T_F, S(1, 0), S(2, 0), S(255, 60), false);
	assert_false(unit_exec(t, dw, 0));
	/* with 256 of them the same goes a step further */
	t->regs = EU_REGS;
	asm2(dw, OP_ADD, W1, D(1, 0), T_UD, S(1, 0), S(255, 60), 0);
	assert_true(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W | X(5), D(1, 0), T_UD, V(255, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	free(t);
}

static void nothing_is_stored_halfway(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	asm1i(dw, OP_MOV, W | X(5), D(127, 0), T_UD, 7);
	assert_false(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 127)[0], 0);
	free(t);
}

static void addresses_out_of_range(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	for (uint32_t addr = 128 * 64 - 3; addr < 0x10000; addr += 997) {
		t->addr[0] = (uint16_t)addr;
		asm1(dw, OP_MOV, W1, D(10, 0), T_UD, 1u << 16, T_UD);
		assert_false(unit_exec(t, dw, 0));
	}
	t->addr[0] = 0; /* before the first register */
	asm1(dw, OP_MOV, W1, D(10, 0), T_UD, 1u << 16 | 0x1ffu << 3, T_UD);
	assert_false(unit_exec(t, dw, 0));
	/* a destination, too */
	t->addr[0] = 0xfff0;
	asm1(dw, OP_MOV, W1, 0, T_UD, S(1, 0), T_UD);
	dw[1] |= 8;
	assert_false(unit_exec(t, dw, 0));
	free(t);
}

static void architecture_registers_end(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	for (uint32_t reg = 0; reg < 256; reg++)
		for (uint32_t byte = 0; byte < 64; byte += 6) {
			/* none of these may touch anything else; the sanitizer looks */
			asm1(dw, OP_MOV, W | X(5), ARF(D(reg, byte)), T_UD, V(1, 0), T_UD);
			unit_exec(t, dw, 0);
			asm1(dw, OP_MOV, W | X(5), D(1, 0), T_UQ, ARF(V(reg, byte)), T_UQ);
			unit_exec(t, dw, 0);
		}
	asm1(dw, OP_MOV, W1, ARF(D(FLAG(3), 4)), T_UD, S(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W1, ARF(D(FLAG(4), 0)), T_UD, S(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W1, ARF(D(ADDR, 32)), T_UD, S(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W | X(5), ARF(D(ACC(7), 0)), T_UD, V(1, 0), T_UD);
	assert_false(unit_exec(t, dw, 0));
	asm1(dw, OP_MOV, W1, ARF(D(0xa0, 0)), T_UD, S(1, 0), T_UD); /* the instruction pointer */
	assert_false(unit_exec(t, dw, 0));
	free(t);
}

static void divisions_by_nothing(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	for (uint32_t fn = 0; fn < 16; fn++)
		for (uint32_t type = T_UB; type <= T_DF; type++) {
			if (!eu_type_bytes(type))
				continue;
			eu_reg(t, 1)[0] = 0;
			eu_reg(t, 1)[1] = 0x80000000;
			for (uint32_t b = 0; b < 2; b++) {
				asm2i(dw, OP_MATH, W1, D(2, 0), type, S(1, 0), 0 - b, fn);
				unit_exec(t, dw, 0);
			}
		}
	eu_reg(t, 1)[0] = 7;
	asm2i(dw, OP_MATH, W1, D(2, 0), T_D, S(1, 0), 0, 12);
	assert_true(unit_exec(t, dw, 0));
	assert_int_equal(eu_reg(t, 2)[0], 0xffffffff);
	asm2i(dw, OP_MATH, W1, D(2, 0), T_D, S(1, 0), 1, 14); /* a macro's */
	assert_false(unit_exec(t, dw, 0));
	free(t);
}

/* Any bits at all: nothing may be touched that is not there. The sanitizers look. */
static void anything(void **state)
{
	struct eu_thread *t = unit_thread();
	uint32_t dw[4];

	srand(7);
	for (unsigned int i = 0; i < 200000; i++) {
		for (int k = 0; k < 4; k++)
			dw[k] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
		/* mostly something that is known */
		if (i % 4)
			dw[0] = (dw[0] & ~0x7fu) | (0x40 + (uint32_t)rand() % 0x3c);
		unit_exec(t, dw, dw[3]);
		if (i % 1024 == 0)
			t->addr[rand() % 16] = (uint16_t)rand();
	}
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(region_and_stride),
		cmocka_unit_test(region_indirect),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(product_in_two),
		cmocka_unit_test(compare_and_select),
		cmocka_unit_test(compact),
		BAD(cmocka_unit_test(no_such_opcode)),
		BAD(cmocka_unit_test(no_such_size_or_type)),
		BAD(cmocka_unit_test(registers_end)),
		BAD(cmocka_unit_test(nothing_is_stored_halfway)),
		BAD(cmocka_unit_test(addresses_out_of_range)),
		BAD(cmocka_unit_test(architecture_registers_end)),
		BAD(cmocka_unit_test(divisions_by_nothing)),
		BAD(cmocka_unit_test(anything)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
