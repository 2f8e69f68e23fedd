/* SPDX-License-Identifier: MIT */
/*
 * Untyped messages of the data port (LSC): loads and stores of each channel at an address of its own
 * or, transposed, of a block by the first; on memory and on the shared local memory of a group.
 * Descriptors: Xe2 volume of the PRM, "LSC messages".
 */
#include "eu_lsc.h"

#include <string.h>

#include "device.h"
#include "dwords.h"

#define OP(desc)	 ((desc) & 0x3f)
#define ADDR_SIZE(desc)	 ((desc) >> 7 & 3) /* 2: 32 bits, 3: 64 bits */
#define DATA_SIZE(desc)	 ((desc) >> 9 & 7)
#define VECTOR(desc)	 ((desc) >> 12 & 7)
#define TRANSPOSED(desc) ((desc) >> 15 & 1)
#define MODEL(desc)	 ((desc) >> 29 & 3)
#define BTI(exdesc)	 ((exdesc) >> 24)
#define BTI_STATELESS	 255u

#define SURFACE_DWORDS 16u
#define SURFACE_BUFFER 4u /* type in bits [31:29] */

#define DATA_MAX 512u /* bytes of the longest message: 8 registers a source, 32 a destination */

static const uint8_t vector_length[8] = { 1, 2, 3, 4, 8, 16, 32, 64 };

unsigned int lsc_data_bytes(uint32_t desc)
{
	static const uint8_t bytes[8] = { 1, 2, 4, 8, 1, 2 };

	return bytes[DATA_SIZE(desc)];
}

/* Bytes of an element in a register: small ones may be widened. */
static unsigned int register_bytes(uint32_t desc)
{
	static const uint8_t bytes[8] = { 0, 0, 4, 8, 4, 4 };

	return bytes[DATA_SIZE(desc)];
}

static enum eu_status buffer_surface(struct eu_thread *t, uint64_t state, struct lsc_target *to)
{
	struct eu_env *env = t->env;
	uint32_t dw[SURFACE_DWORDS];

	if (mem_read(env->e->h, &env->c->who, eu_space(env), state, dw, sizeof(dw)))
		return EU_FAULT;
	if (dw[0] >> 29 != SURFACE_BUFFER)
		return EU_UNKNOWN;
	to->base = addr64(dw + 8);
	to->bounded = true;
	to->size = ((dw[2] & 0x7f) | (uint64_t)(dw[2] >> 16 & 0x3fff) << 7 |
		    (uint64_t)(dw[3] >> 21 & 0x7ff) << 21) + 1;
	return EU_OK;
}

enum eu_status lsc_target(struct eu_thread *t, const struct eu_send *s, struct lsc_target *to)
{
	struct eu_env *env = t->env;
	uint64_t state;

	memset(to, 0, sizeof(*to));
	if (s->sfid == EU_SF_SLM) {
		to->slm = to->bounded = true;
		to->size = env->slm_bytes;
		return EU_OK;
	}
	switch ((enum lsc_model)MODEL(s->desc)) {
	case LSC_FLAT:
		return EU_OK;
	case LSC_BSS:
		return buffer_surface(t, env->bindless + (s->exdesc & ~0x3fu), to);
	case LSC_SS:
		return buffer_surface(t, env->surfaces + (s->exdesc & ~0x3fu), to);
	default:
		if (BTI(s->exdesc) == BTI_STATELESS) {
			to->base = env->general;
			return EU_OK;
		}
		if (!eu_surface(env, BTI(s->exdesc), &state))
			return EU_FAULT;
		return buffer_surface(t, state, to);
	}
}

bool lsc_read(struct eu_thread *t, const struct lsc_target *to, uint64_t addr, void *buf,
	      size_t len)
{
	struct eu_env *env = t->env;

	if (to->bounded && (addr > to->size || len > to->size - addr)) {
		memset(buf, 0, len);
		return true;
	}
	if (to->slm) {
		memcpy(buf, env->slm + addr, len);
		return true;
	}
	return !mem_read(env->e->h, &env->c->who, eu_space(env), to->base + addr, buf, len);
}

bool lsc_write(struct eu_thread *t, const struct lsc_target *to, uint64_t addr, const void *buf,
	       size_t len)
{
	struct eu_env *env = t->env;
	uint64_t at = to->base + addr, quad;
	uint32_t dword;

	if (to->bounded && (addr > to->size || len > to->size - addr))
		return true;
	if (to->slm) {
		memcpy(env->slm + addr, buf, len);
		return true;
	}
	/* what somebody may wait for is seen as a whole */
	if (len == sizeof(dword)) {
		memcpy(&dword, buf, len);
		return !mem_write32(env->e->h, &env->c->who, eu_space(env), at, dword);
	}
	if (len == sizeof(quad)) {
		memcpy(&quad, buf, len);
		return !mem_write64(env->e->h, &env->c->who, eu_space(env), at, quad);
	}
	return !mem_write(env->e->h, &env->c->who, eu_space(env), at, buf, len);
}

/* Registers that @n elements of @bytes need. */
static unsigned int registers(unsigned int n, unsigned int bytes)
{
	return (n * bytes + EU_REG_BYTES - 1) / EU_REG_BYTES;
}

static unsigned int addr_bytes(uint32_t desc)
{
	return ADDR_SIZE(desc) == 3 ? 8 : ADDR_SIZE(desc) == 2 ? 4 : 0;
}

/* Addresses of the channels, relative to the target; an immediate offset belongs to flat ones. */
static bool addresses(struct eu_thread *t, const struct eu_send *s, unsigned int n,
		      uint64_t addr[EU_CHANNELS])
{
	unsigned int bytes = addr_bytes(s->desc);
	const uint8_t *p = t->grf[s->src0];
	int64_t offset = 0;

	if (!bytes || s->src0_len < registers(n, bytes))
		return false;
	if (s->sfid == EU_SF_SLM || MODEL(s->desc) == LSC_FLAT)
		offset = (int32_t)s->exdesc >> 12;
	memset(addr, 0, EU_CHANNELS * sizeof(*addr));
	for (unsigned int i = 0; i < n; i++) {
		memcpy(&addr[i], p + i * bytes, bytes);
		addr[i] += (uint64_t)offset;
		if (bytes == 4)
			addr[i] &= 0xffffffff;
	}
	return true;
}

/*
 * Channels from @i on that follow each other in memory: they are moved together. Not where there is
 * an end: beyond it each is cut for itself.
 */
static unsigned int run_length(const struct eu_send *s, const struct lsc_target *to,
			       const uint64_t *addr, unsigned int i, unsigned int step)
{
	unsigned int n = 1;

	while (!to->bounded && i + n < s->channels && s->mask >> (i + n) & 1 &&
	       addr[i + n] == addr[i + n - 1] + step)
		n++;
	return n;
}

/* One address for all: a block of @v elements. */
static enum eu_status block(struct eu_thread *t, const struct eu_send *s,
			    const struct lsc_target *to, bool store)
{
	unsigned int size = lsc_data_bytes(s->desc), v = vector_length[VECTOR(s->desc)];
	unsigned int regs = registers(v, size);
	uint64_t addr[EU_CHANNELS];
	uint8_t buf[DATA_MAX];

	if ((size != 4 && size != 8) || register_bytes(s->desc) != size ||
	    !addresses(t, s, 1, addr) || (store ? s->src1_len : s->dst_len) < regs)
		return EU_UNKNOWN;
	if (store)
		return lsc_write(t, to, addr[0], t->grf[s->src1], v * size) ? EU_OK : EU_FAULT;
	if (!lsc_read(t, to, addr[0], buf, v * size))
		return EU_FAULT;
	memcpy(t->grf[s->dst], buf, v * size);
	return EU_OK;
}

static enum eu_status scatter(struct eu_thread *t, const struct eu_send *s,
			      const struct lsc_target *to, const uint64_t *addr, bool store)
{
	unsigned int size = lsc_data_bytes(s->desc), wide = register_bytes(s->desc);
	unsigned int v = vector_length[VECTOR(s->desc)], part = registers(s->channels, wide);
	uint8_t buf[4 * EU_CHANNELS * 8]; /* [channel][component] */
	uint8_t *reg;

	if (!wide || v > 4 || (store ? s->src1_len : s->dst_len) < v * part)
		return EU_UNKNOWN;
	reg = store ? t->grf[s->src1] : t->grf[s->dst];
	memset(buf, 0, sizeof(buf));
	for (unsigned int i = 0; store && i < s->channels; i++)
		for (unsigned int k = 0; k < v; k++)
			memcpy(buf + (i * v + k) * size, reg + k * part * EU_REG_BYTES + i * wide,
			       size);
	for (unsigned int i = 0, n; i < s->channels; i += n) {
		uint8_t *p = buf + (size_t)i * v * size;

		n = 1;
		if (!(s->mask >> i & 1))
			continue;
		n = run_length(s, to, addr, i, v * size);
		if (store ? !lsc_write(t, to, addr[i], p, (size_t)n * v * size) :
			    !lsc_read(t, to, addr[i], p, (size_t)n * v * size))
			return EU_FAULT;
	}
	for (unsigned int i = 0; !store && i < s->channels; i++)
		for (unsigned int k = 0; s->mask >> i & 1 && k < v; k++) {
			uint8_t *to_reg = reg + k * part * EU_REG_BYTES + i * wide;

			memset(to_reg, 0, wide);
			memcpy(to_reg, buf + (i * v + k) * size, size);
		}
	return EU_OK;
}

static enum eu_status untyped(struct eu_thread *t, const struct eu_send *s)
{
	bool store = OP(s->desc) == LSC_STORE;
	uint64_t addr[EU_CHANNELS];
	struct lsc_target to;
	enum eu_status st;

	switch (OP(s->desc)) {
	case LSC_FENCE: /* memory is coherent; somebody may wait for an answer */
		if (s->dst_len)
			memset(t->grf[s->dst], 0, EU_REG_BYTES);
		return EU_OK;
	case LSC_LOAD:
	case LSC_STORE:
	case LSC_INC ... LSC_CAS:
	case LSC_AND ... LSC_XOR:
		break;
	default:
		return EU_UNKNOWN;
	}
	st = lsc_target(t, s, &to);
	if (st != EU_OK)
		return st;
	if (OP(s->desc) <= LSC_STORE && TRANSPOSED(s->desc))
		return s->channels == 1 ? block(t, s, &to, store) : EU_UNKNOWN;
	if (!addresses(t, s, s->channels, addr))
		return EU_UNKNOWN;
	if (OP(s->desc) > LSC_STORE)
		return lsc_atomic(t, s, &to, addr);
	return scatter(t, s, &to, addr, store);
}

enum eu_status eu_send_ugm(struct eu_thread *t, const struct eu_send *s)
{
	if (OP(s->desc) == LSC_LOAD_2D || OP(s->desc) == LSC_STORE_2D)
		return lsc_block_2d(t, s);
	return untyped(t, s);
}

enum eu_status eu_send_slm(struct eu_thread *t, const struct eu_send *s)
{
	return untyped(t, s);
}
