/* SPDX-License-Identifier: MIT */
/* Arithmetic: what one channel computes, and the flags that follow from it. */
#include "eu_alu.h"

#include <math.h>
#include <string.h>

#include "eu_regs.h"

/* Functions of math, in the place of the condition. */
enum {
	MATH_INV = 1, MATH_LOG, MATH_EXP, MATH_SQRT, MATH_RSQ, MATH_SIN, MATH_COS,
	MATH_FDIV = 9, MATH_POW, MATH_IDIV, MATH_IQUOT, MATH_IREM,
};

static int64_t wrapping_mul(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t wrapping_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static bool holds(unsigned int cond, bool less, bool equal, bool unordered)
{
	switch (cond) {
	case C_EQ:
		return equal;
	case C_NE:
		return !equal;
	case C_GT:
		return !less && !equal && !unordered;
	case C_GE:
		return !less && !unordered;
	case C_LT:
		return less;
	case C_LE:
		return less || equal;
	case C_UN:
		return unordered;
	default: /* overflow: nothing here overflows that would tell */
		return false;
	}
}

static bool compare_int(unsigned int cond, int64_t a, int64_t b, bool is_unsigned)
{
	return holds(cond, is_unsigned ? (uint64_t)a < (uint64_t)b : a < b, a == b, false);
}

static bool compare_float(unsigned int cond, double a, double b)
{
	return holds(cond, a < b, a == b, isnan(a) || isnan(b));
}

static int64_t shift(unsigned int op, int64_t a, int64_t by, unsigned int type)
{
	unsigned int bits = 8 * eu_type_bytes(type), n;
	uint64_t u = (uint64_t)a;

	/* words are shifted as dwords are */
	n = (unsigned int)(by & (bits == 64 ? 63 : 31));
	switch (op) {
	case OP_SHL:
		return (int64_t)(u << n);
	case OP_SHR:
		return (int64_t)((bits == 64 ? u : bits == 32 ? (uint32_t)u :
				  bits == 16 ? (uint16_t)u : (uint8_t)u) >> n);
	default:
		return a >> n;
	}
}

static int64_t rotate(int64_t a, int64_t by, unsigned int bits, bool left)
{
	uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1, u = (uint64_t)a & mask;
	unsigned int n = (unsigned int)by & (bits - 1);

	if (!n)
		return (int64_t)u;
	if (!left)
		n = bits - n;
	return (int64_t)((u << n | u >> (bits - n)) & mask);
}

static uint32_t reverse(uint32_t v)
{
	uint32_t r = 0;

	for (int i = 0; i < 32; i++)
		r |= (v >> i & 1) << (31 - i);
	return r;
}

/* The number of the first bit from the top that differs from the sign. */
static int64_t first_high(int64_t v, unsigned int type)
{
	uint32_t u = (uint32_t)v;

	if (eu_is_signed(type) && v < 0)
		u = ~u;
	return u ? __builtin_clz(u) : -1;
}

static int64_t insert_mask(int64_t width, int64_t at)
{
	return (int64_t)(uint32_t)(((1ull << (width & 31)) - 1) << (at & 31));
}

static int64_t extract(int64_t width, int64_t at, int64_t v, bool is_signed)
{
	unsigned int w = width & 31, n = at & 31;
	uint32_t u = (uint32_t)v >> n;

	if (!w)
		return 0;
	u &= (uint32_t)((1ull << w) - 1);
	if (is_signed && u >> (w - 1) & 1)
		u |= ~(uint32_t)((1ull << w) - 1);
	return is_signed ? (int32_t)u : (int64_t)u;
}

/* Each bit of the result is looked up by the three bits of the sources. */
static int64_t boolean(uint32_t table, int64_t a, int64_t b, int64_t c)
{
	uint32_t r = 0;

	for (int i = 0; i < 32; i++)
		r |= (table >> ((a >> i & 1) | (b >> i & 1) << 1 | (c >> i & 1) << 2) & 1) << i;
	return r;
}

static bool int_math(unsigned int fn, int64_t a, int64_t b, int64_t *r)
{
	switch (fn) {
	case MATH_IDIV:
	case MATH_IQUOT:
		/* no exception on this hardware: all ones */
		*r = b ? a / b : -1;
		return true;
	case MATH_IREM:
		*r = b ? a % b : -1;
		return true;
	default:
		return false;
	}
}

static bool float_math(unsigned int fn, double a, double b, double *r)
{
	switch (fn) {
	case MATH_INV:
		*r = 1 / a;
		return true;
	case MATH_LOG:
		*r = log2(a);
		return true;
	case MATH_EXP:
		*r = exp2(a);
		return true;
	case MATH_SQRT:
		*r = sqrt(a);
		return true;
	case MATH_RSQ:
		*r = 1 / sqrt(a);
		return true;
	case MATH_SIN:
		*r = sin(a);
		return true;
	case MATH_COS:
		*r = cos(a);
		return true;
	case MATH_FDIV:
		*r = a / b;
		return true;
	case MATH_POW:
		*r = pow(fabs(a), b);
		return true;
	default:
		return false;
	}
}

struct channel {
	struct eu_thread *t;
	const struct eu_inst *in;
	unsigned int i; /* its number in the instruction */
	const struct eu_vals *s;
};

/* The channel's implicit accumulator: 32 channels fill two of them. */
static uint8_t *acc_of(const struct channel *c)
{
	return (uint8_t *)c->t->acc + 4 * c->i;
}

/* The same as number. */
static double acc_float(const struct channel *c)
{
	float f;

	memcpy(&f, acc_of(c), sizeof(f));
	return (double)f;
}

static bool float_op(const struct channel *c, double *r)
{
	unsigned int i = c->i;
	double a = c->s[0].f[i], b = c->s[1].f[i], d = c->s[2].f[i];

	switch (c->in->op) {
	case OP_MOV:
		*r = a;
		return true;
	case OP_ADD:
		*r = a + b;
		return true;
	case OP_MUL:
		*r = a * b;
		return true;
	case OP_MAC:
		*r = acc_float(c) + a * b;
		return true;
	case OP_MAD: /* the first source is what is added */
		*r = fma(b, d, a);
		return true;
	case OP_ADD3:
		*r = a + b + d;
		return true;
	case OP_FRC:
		*r = a - floor(a);
		return true;
	case OP_RNDU:
		*r = ceil(a);
		return true;
	case OP_RNDD:
		*r = floor(a);
		return true;
	case OP_RNDE:
		*r = nearbyint(a);
		return true;
	case OP_RNDZ:
		*r = trunc(a);
		return true;
	case OP_CSEL:
		*r = compare_float(c->in->cond, d, 0) ? a : b;
		return true;
	case OP_MATH:
		return float_math(c->in->cond, a, b, r);
	default:
		return false;
	}
}

static void set_carry(const struct channel *c, uint32_t carry)
{
	memcpy(acc_of(c), &carry, sizeof(carry));
	c->t->wide[c->i] = carry;
}

static bool int_op(const struct channel *c, int64_t *r)
{
	const struct eu_inst *in = c->in;
	unsigned int i = c->i, type = in->src[0].type;
	int64_t a = c->s[0].i[i], b = c->s[1].i[i], d = c->s[2].i[i];

	switch (in->op) {
	case OP_MOV:
		*r = a;
		return true;
	case OP_NOT:
		*r = ~a;
		return true;
	case OP_AND:
		*r = a & b;
		return true;
	case OP_OR:
		*r = a | b;
		return true;
	case OP_XOR:
		*r = a ^ b;
		return true;
	case OP_BFN:
		*r = boolean((in->dw[2] >> 20 & 15) | (in->dw[2] >> 28) << 4, a, b, d);
		return true;
	case OP_ADD:
		*r = wrapping_add(a, b);
		return true;
	case OP_ADD3:
		*r = wrapping_add(wrapping_add(a, b), d);
		return true;
	case OP_MUL:
		*r = wrapping_mul(a, b);
		return true;
	case OP_MAD:
		*r = wrapping_add(a, wrapping_mul(b, d));
		return true;
	case OP_MAC:
		*r = wrapping_add(c->t->wide[i], wrapping_mul(a, b));
		return true;
	case OP_MACL: /* the lower half of a product that mul began with the lower words */
		*r = wrapping_add(c->t->wide[i], wrapping_mul(a, b & ~0xffffll));
		return true;
	case OP_MACH:
		*r = wrapping_add(c->t->wide[i], wrapping_mul(a, b & ~0xffffll)) >> 32;
		return true;
	case OP_ADDC:
		set_carry(c, ((uint64_t)(uint32_t)a + (uint32_t)b) >> 32);
		*r = wrapping_add(a, b);
		return true;
	case OP_SUBB:
		set_carry(c, (uint32_t)a < (uint32_t)b);
		*r = (int64_t)((uint64_t)a - (uint64_t)b);
		return true;
	case OP_AVG:
		*r = wrapping_add(wrapping_add(a, b), 1) >> 1;
		return true;
	case OP_SHL:
	case OP_SHR:
	case OP_ASR:
		*r = shift(in->op, a, b, type);
		return true;
	case OP_ROL:
	case OP_ROR:
		*r = rotate(a, b, 8 * eu_type_bytes(type), in->op == OP_ROL);
		return true;
	case OP_LZD:
		*r = (uint32_t)a ? __builtin_clz((uint32_t)a) : 32;
		return true;
	case OP_FBH:
		*r = first_high(a, type);
		return true;
	case OP_FBL:
		*r = (uint32_t)a ? __builtin_ctz((uint32_t)a) : -1;
		return true;
	case OP_CBIT:
		*r = __builtin_popcount((uint32_t)a);
		return true;
	case OP_BFREV:
		*r = reverse((uint32_t)a);
		return true;
	case OP_BFE:
		*r = extract(a, b, d, eu_is_signed(type));
		return true;
	case OP_BFI1:
		*r = insert_mask(a, b);
		return true;
	case OP_BFI2: {
		uint32_t m = (uint32_t)a;

		*r = (int64_t)(((uint32_t)b << (m ? __builtin_ctz(m) : 0) & m) | ((uint32_t)d & ~m));
		return true;
	}
	case OP_CSEL:
		*r = compare_int(in->cond, d, 0, false) ? a : b;
		return true;
	case OP_MATH:
		if (b == -1) { /* the one quotient that does not fit */
			*r = in->cond == MATH_IREM ? 0 : (int64_t)(0 - (uint64_t)a);
			return in->cond >= MATH_IDIV && in->cond <= MATH_IREM;
		}
		return int_math(in->cond, a, b, r);
	default:
		return false;
	}
}

static bool is_logic(unsigned int op)
{
	return op == OP_NOT || op == OP_AND || op == OP_OR || op == OP_XOR;
}

/* Bits are moved as they are if nothing is to be done to them. */
static bool is_raw(const struct eu_inst *in)
{
	const struct eu_operand *o = &in->src[0];

	if (is_logic(in->op) || in->op == OP_BFN)
		return true;
	return in->op == OP_MOV && !in->sat && !o->neg && !o->abs && o->type == in->dst.type &&
	       in->cond == C_NONE;
}

/* Sources of different kinds are all numbers if one is. */
static void unify(struct eu_vals *s, unsigned int n, unsigned int channels)
{
	bool any = false;

	for (unsigned int k = 0; k < n; k++)
		any |= s[k].is_float;
	for (unsigned int k = 0; any && k < n; k++) {
		if (s[k].is_float)
			continue;
		for (unsigned int i = 0; i < channels; i++)
			s[k].f[i] = (double)s[k].i[i];
		s[k].is_float = true;
	}
}

/* The flag of channel @i of @in. */
static void flag_set(struct eu_thread *t, const struct eu_inst *in, unsigned int i, bool on)
{
	unsigned int bit = 16 * (in->flag & 1) + in->first + i;

	if (bit >= 32)
		return;
	if (on)
		t->flag[in->flag >> 1] |= 1u << bit;
	else
		t->flag[in->flag >> 1] &= ~(1u << bit);
}

static void compare_all(struct eu_thread *t, const struct eu_inst *in, uint32_t mask,
			const struct eu_vals *s, struct eu_vals *r)
{
	bool is_unsigned = in->src[0].type == T_UQ && in->src[1].type == T_UQ;

	for (unsigned int i = 0; i < in->channels; i++) {
		bool yes;

		if (!(mask >> i & 1))
			continue;
		yes = s[0].is_float ? compare_float(in->cond, s[0].f[i], s[1].f[i]) :
				      compare_int(in->cond, s[0].i[i], s[1].i[i], is_unsigned);
		flag_set(t, in, i, yes);
		r->i[i] = yes ? -1 : 0;
	}
}

/* sel: by the condition, which then sets no flag, or by @chosen. */
static void select_all(const struct eu_inst *in, uint32_t chosen, const struct eu_vals *s,
		       struct eu_vals *r)
{
	bool is_unsigned = in->src[0].type == T_UQ && in->src[1].type == T_UQ;

	r->is_float = s[0].is_float;
	for (unsigned int i = 0; i < in->channels; i++) {
		bool first = chosen >> i & 1;

		if (in->cond && s[0].is_float)
			first = isnan(s[1].f[i]) || compare_float(in->cond, s[0].f[i], s[1].f[i]);
		else if (in->cond)
			first = compare_int(in->cond, s[0].i[i], s[1].i[i], is_unsigned);
		r->i[i] = first ? s[0].i[i] : s[1].i[i];
	}
}

static void flags_of_result(struct eu_thread *t, const struct eu_inst *in, uint32_t mask,
			    const struct eu_vals *r)
{
	for (unsigned int i = 0; i < in->channels; i++)
		if (mask >> i & 1)
			flag_set(t, in, i,
				 r->is_float ? compare_float(in->cond, r->f[i], 0) :
					       compare_int(in->cond, eu_wrap(in->dst.type, r->i[i]),
							   0, false));
}

bool eu_alu(struct eu_thread *t, const struct eu_inst *in, uint32_t mask, uint32_t chosen)
{
	unsigned int n = in->form - FORM_ALU1 + 1;
	bool raw = is_raw(in);
	struct eu_vals s[3], r = { 0 };
	struct channel c = { .t = t, .in = in, .s = s };

	memset(s, 0, sizeof(s));
	for (unsigned int k = 0; k < n; k++)
		if (!eu_fetch(t, in, &in->src[k], mask, raw, is_logic(in->op), &s[k]))
			return false;
	if (!raw)
		unify(s, n, in->channels);
	if (in->op == OP_CMP || in->op == OP_CMPN) {
		compare_all(t, in, mask, s, &r);
		return eu_store(t, in, mask, true, &r);
	}
	if (in->op == OP_SEL) {
		select_all(in, chosen, s, &r);
		return eu_store(t, in, mask, false, &r);
	}
	r.is_float = s[0].is_float;
	for (c.i = 0; c.i < in->channels; c.i++)
		if (mask >> c.i & 1 &&
		    !(r.is_float ? float_op(&c, &r.f[c.i]) : int_op(&c, &r.i[c.i])))
			return false;
	if (!eu_store(t, in, mask, raw, &r))
		return false;
	if (in->cond && in->op != OP_MATH && in->op != OP_CSEL)
		flags_of_result(t, in, mask, &r);
	return true;
}
