/* SPDX-License-Identifier: MIT */
/* Regions, indirect addresses, architecture registers and the conversion between types. */
#include "eu_regs.h"

#include <math.h>
#include <string.h>

#include "device.h"

/* Registers that are not simply memory of the thread are copied here to be read. */
struct scratch {
	uint32_t dw[8];
};

static bool is_float(unsigned int type)
{
	return type >= T_VF && type <= T_DF;
}

bool eu_is_signed(unsigned int type)
{
	return type >= T_B && type <= T_Q;
}

int64_t eu_wrap(unsigned int type, int64_t v)
{
	switch (type) {
	case T_UB:
		return (uint8_t)v;
	case T_UW:
	case T_HF:
		return (uint16_t)v;
	case T_UD:
	case T_F:
		return (uint32_t)v;
	case T_B:
		return (int8_t)v;
	case T_W:
		return (int16_t)v;
	case T_D:
		return (int32_t)v;
	default:
		return v;
	}
}

/* Half precision. */
static double from_half(uint16_t h)
{
	int exp = h >> 10 & 31, man = h & 0x3ff;
	double d;

	if (exp == 31)
		d = man ? NAN : INFINITY;
	else
		d = exp ? ldexp(man + 1024, exp - 25) : ldexp(man, -24);
	return h & 0x8000 ? -d : d;
}

/* Ties go to the even one, as everywhere. */
static uint16_t to_half(double d)
{
	uint16_t sign = signbit(d) ? 0x8000 : 0;
	int exp;
	double man;

	if (isnan(d))
		return sign | 0x7e00;
	d = fabs(d);
	if (d >= 65520.0)
		return sign | 0x7c00;
	if (d < ldexp(1, -14))
		return sign | (uint16_t)nearbyint(ldexp(d, 24));
	man = nearbyint(ldexp(frexp(d, &exp), 11)); /* 1024..2048 */
	return sign | (uint16_t)((exp + 13) * 1024 + (int)man);
}

/* Eight bits: sign, three of exponent, four of mantissa. */
static double from_vf(uint8_t b)
{
	double d = b & 0x7f ? ldexp((b & 15) + 16, (b >> 4 & 7) - 3 - 4) : 0;

	return b & 0x80 ? -d : d;
}

/* Memory behind an architecture register and its neighbours, NULL if there is none to read. */
static uint8_t *arf(struct eu_thread *t, unsigned int reg, bool write, size_t *len,
		    struct scratch *s)
{
	unsigned int nr = reg & 15;

	memset(s, 0, sizeof(*s));
	*len = sizeof(*s);
	switch (reg >> 4) {
	case ARF_ADDR:
		*len = sizeof(t->addr);
		return nr ? NULL : (uint8_t *)t->addr;
	case ARF_ACC:
		if (nr >= EU_ACCS)
			return NULL;
		*len = (EU_ACCS - nr) * EU_REG_BYTES;
		return t->acc[nr];
	case ARF_FLAG:
		if (nr >= EU_FLAGS)
			return NULL;
		*len = 4 * (EU_FLAGS - nr);
		return (uint8_t *)(t->flag + nr);
	case ARF_CONTROL:
		*len = sizeof(t->cr);
		return nr ? NULL : (uint8_t *)t->cr;
	case ARF_STATE:
		*len = sizeof(t->sr);
		return nr ? NULL : (uint8_t *)t->sr;
	case ARF_CE:
		s->dw[0] = t->live & ~t->parked;
		break;
	case ARF_NOTIFY:
		break;
	case ARF_IP:
		s->dw[0] = (uint32_t)t->ip;
		break;
	case ARF_TIME:
		s->dw[0] = (uint32_t)hw_ticks();
		s->dw[1] = (uint32_t)(hw_ticks() >> 32);
		break;
	default:
		return NULL;
	}
	return write ? NULL : (uint8_t *)s->dw;
}

static bool is_null(const struct eu_operand *o)
{
	return o->file == FILE_ARF && o->reg >> 4 == ARF_NULL;
}

static uint8_t *memory(struct eu_thread *t, const struct eu_operand *o, bool write, size_t *len,
		       size_t *at, struct scratch *s)
{
	uint8_t *p;

	if (o->file == FILE_GRF) {
		*len = (size_t)t->regs * EU_REG_BYTES;
		*at = o->indirect ? 0 : (size_t)o->reg * EU_REG_BYTES + (size_t)o->byte;
		return t->grf[0];
	}
	p = arf(t, o->reg, write, len, s);
	*at = (size_t)o->byte;
	return p;
}

static double float_at(const uint8_t *p, unsigned int type)
{
	uint16_t h;
	float f;
	double d;

	switch (type) {
	case T_HF:
		memcpy(&h, p, sizeof(h));
		return from_half(h);
	case T_F:
		memcpy(&f, p, sizeof(f));
		return (double)f;
	default:
		memcpy(&d, p, sizeof(d));
		return d;
	}
}

static void apply_mods(const struct eu_operand *o, bool logic, unsigned int i, struct eu_vals *v)
{
	if (v->is_float) {
		if (o->abs)
			v->f[i] = fabs(v->f[i]);
		if (o->neg)
			v->f[i] = -v->f[i];
		return;
	}
	if (o->abs && v->i[i] < 0)
		v->i[i] = (int64_t)(0 - (uint64_t)v->i[i]);
	if (o->neg)
		v->i[i] = logic ? ~v->i[i] : (int64_t)(0 - (uint64_t)v->i[i]);
}

static int64_t nibble(uint64_t imm, unsigned int i, bool is_signed)
{
	int64_t n = (int64_t)(imm >> (4 * (i & 7)) & 15);

	return is_signed && n > 7 ? n - 16 : n;
}

/* A value of an immediate: those of the types of bytes are vectors. */
static void imm_value(const struct eu_operand *o, unsigned int i, bool raw, struct eu_vals *v)
{
	switch (o->type) {
	case T_UB:
	case T_B:
		v->i[i] = nibble(o->imm, i, o->type == T_B);
		return;
	case T_VF:
		v->f[i] = from_vf((uint8_t)(o->imm >> (8 * (i & 3))));
		return;
	default:
		if (is_float(o->type) && !raw)
			v->f[i] = float_at((const uint8_t *)&o->imm, o->type);
		else
			v->i[i] = eu_wrap(o->type, (int64_t)o->imm);
	}
}

/* Offset of channel @i's element from the start of the region's memory; may be anything. */
static int64_t element(const struct eu_thread *t, const struct eu_operand *o, size_t at,
		       unsigned int i, unsigned int size)
{
	unsigned int row = i / o->width, col = i % o->width;
	int64_t base = (int64_t)at, step = (int64_t)col * o->hs;

	if (o->indirect) {
		unsigned int a = o->reg + (o->vs == VS_INDIRECT ? row : 0);

		base = (int64_t)t->addr[a % EU_ADDRS] + o->byte;
	}
	if (o->vs != VS_INDIRECT)
		step += (int64_t)row * o->vs;
	return base + step * size;
}

bool eu_fetch(struct eu_thread *t, const struct eu_inst *in, const struct eu_operand *o,
	      uint32_t mask, bool raw, bool logic, struct eu_vals *v)
{
	unsigned int size = eu_type_bytes(o->type);
	struct scratch s;
	size_t len = 0, at = 0;
	uint8_t *p = NULL;
	int64_t off;

	memset(v, 0, sizeof(*v));
	v->is_float = is_float(o->type) && (!raw || o->type == T_VF);
	if (o->file != FILE_IMM && !is_null(o)) {
		p = memory(t, o, false, &len, &at, &s);
		if (!p)
			return false;
	}
	for (unsigned int i = 0; i < in->channels; i++) {
		if (!(mask >> i & 1))
			continue;
		if (o->file == FILE_IMM) {
			imm_value(o, i, raw, v);
		} else if (p) {
			off = element(t, o, at, i, size);
			if (off < 0 || (uint64_t)off + size > len)
				return false;
			if (v->is_float) {
				v->f[i] = float_at(p + off, o->type);
			} else {
				memcpy(&v->i[i], p + off, size);
				v->i[i] = eu_wrap(o->type, v->i[i]);
			}
		}
		apply_mods(o, logic, i, v);
	}
	return true;
}

static int64_t limit(unsigned int type, bool upper)
{
	switch (type) {
	case T_UB:
		return upper ? UINT8_MAX : 0;
	case T_UW:
		return upper ? UINT16_MAX : 0;
	case T_UD:
		return upper ? UINT32_MAX : 0;
	case T_B:
		return upper ? INT8_MAX : INT8_MIN;
	case T_W:
		return upper ? INT16_MAX : INT16_MIN;
	case T_D:
		return upper ? INT32_MAX : INT32_MIN;
	case T_UQ:
		return upper ? INT64_MAX : 0;
	default:
		return upper ? INT64_MAX : INT64_MIN;
	}
}

/* To an integer a number is rounded towards zero, and never beyond what the type holds. */
static int64_t to_int(double d, unsigned int type)
{
	if (isnan(d))
		return 0;
	if (type == T_UQ && d >= 0x1p63)
		return d >= 0x1p64 ? -1 : (int64_t)(uint64_t)d;
	if (d >= (double)limit(type, true))
		return limit(type, true);
	if (d <= (double)limit(type, false))
		return limit(type, false);
	return (int64_t)d;
}

static void put_float(uint8_t *p, unsigned int type, double d)
{
	uint16_t h;
	float f;

	switch (type) {
	case T_HF:
		h = to_half(d);
		memcpy(p, &h, sizeof(h));
		break;
	case T_F:
		f = (float)d;
		memcpy(p, &f, sizeof(f));
		break;
	default:
		memcpy(p, &d, sizeof(d));
	}
}

static void put_value(uint8_t *p, const struct eu_inst *in, bool raw, const struct eu_vals *v,
		      unsigned int i)
{
	unsigned int type = in->dst.type;
	double d;
	int64_t n;

	if (is_float(type) && !raw) {
		d = v->is_float ? v->f[i] : (double)v->i[i];
		if (in->sat)
			d = d > 0 ? d < 1 ? d : 1 : 0;
		put_float(p, type, d);
		return;
	}
	if (v->is_float) {
		n = to_int(v->f[i], type);
	} else {
		n = v->i[i];
		if (in->sat && !raw) {
			if (n > limit(type, true))
				n = limit(type, true);
			if (n < limit(type, false))
				n = limit(type, false);
		}
	}
	memcpy(p, &n, eu_type_bytes(type));
}

bool eu_store(struct eu_thread *t, const struct eu_inst *in, uint32_t mask, bool raw,
	      const struct eu_vals *v)
{
	const struct eu_operand *o = &in->dst;
	/* a destination is one row */
	struct eu_operand row = *o;
	unsigned int size = eu_type_bytes(o->type);
	int64_t off[EU_CHANNELS];
	struct scratch s;
	size_t len, at;
	uint8_t *p;

	if (is_null(o))
		return true;
	row.width = EU_CHANNELS;
	row.vs = 0;
	p = memory(t, o, true, &len, &at, &s);
	if (!p)
		return false;
	for (unsigned int i = 0; i < in->channels; i++) {
		if (!(mask >> i & 1))
			continue;
		off[i] = element(t, &row, at, i, size);
		if (off[i] < 0 || (uint64_t)off[i] + size > len)
			return false;
	}
	for (unsigned int i = 0; i < in->channels; i++) {
		if (!(mask >> i & 1))
			continue;
		put_value(p + off[i], in, raw, v, i);
		if (o->file == FILE_ARF && o->reg >> 4 == ARF_ACC && !v->is_float)
			t->wide[i] = v->i[i];
	}
	return true;
}
