/* SPDX-License-Identifier: MIT */
/*
 * Memory interface commands, understood by every engine. Encodings: section 9.4 of the device
 * specification (instructions/xe_mi_commands.h).
 */
#include <string.h>

#include "device.h"
#include "dwords.h"

#define MI_OP(dw0)     ((dw0) >> 23 & 0x3f)
#define NOOP	       0x00
#define USER_INTERRUPT 0x02
#define ARB_CHECK      0x05
#define BATCH_END      0x0a
#define MI_MATH	       0x1a
#define SEMAPHORE_WAIT 0x1c
#define STORE_DATA_IMM 0x20
#define LOAD_REG_IMM   0x22
#define STORE_REG_MEM  0x24
#define FLUSH_DW       0x26
#define LOAD_REG_MEM   0x29
#define LOAD_REG_REG   0x2a
#define COPY_MEM_MEM   0x2e
#define BATCH_START    0x31
#define ATOMIC	       0x2f
#define COND_BATCH_END 0x36

#define BIT_GGTT     (1u << 22)
#define SDI_QWORD    (1u << 21)
#define BIT_CS_MMIO  (1u << 19) /* register offset is relative to the engine */
#define LRR_SRC_CS   (1u << 18)
#define BB_PPGTT     (1u << 8)
#define BB_SECOND    (1u << 22)
#define SEM_REGISTER (1u << 16)
#define POST_SYNC(x) ((x) >> 14 & 3)
#define STORE_INDEX  (1u << 21) /* address is an offset into the PPHWSP */
#define FLUSH_GGTT   (1u << 2)

#define REG_MASK  0x7ffffcu
#define CTX_TS	  0x3a8u
#define CS_TS	  0x358u
#define CS_ID	  0x8cu
#define GPR_FIRST 0x600u
#define GPR_END	  (GPR_FIRST + 8u * LRC_GPRS)

/* commands that change nothing the model has */
static const uint64_t skipped = 1ull << NOOP | 1ull << ARB_CHECK | 1ull << 0x03 | 1ull << 0x04 |
				1ull << 0x07 | 1ull << 0x08 | 1ull << 0x09 | 1ull << 0x0b |
				1ull << 0x0c | 1ull << 0x0d | 1ull << 0x0e | 1ull << 0x1b |
				1ull << 0x1d | 1ull << 0x23;

uint32_t cmd_length(uint32_t dw0)
{
	switch (dw0 >> 29) {
	case 0:
		switch (MI_OP(dw0)) {
		case 0x00 ... 0x0f:
			return 1;
		case STORE_DATA_IMM:
			return (dw0 & 0x3ff) + 2 > CMD_MAX_DWORDS ? 0 : (dw0 & 0x3ff) + 2;
		case FLUSH_DW:
			return (dw0 & 0x3f) + 2;
		default:
			return (dw0 & 0xff) + 2;
		}
	case 2:
		return (dw0 & 0xff) + 2;
	case 3:
		if ((dw0 >> 27 & 3) == 1)
			return 1;
		if (dw0 >> 16 == 0x7917) /* 3DSTATE_SO_DECL_LIST: nine bits */
			return (dw0 & 0x1ff) + 2;
		return (dw0 & 0xff) + 2;
	default:
		return 0;
	}
}

/* The ring and batches that run from the GGTT may do what a batch in the PPGTT may not. */
static bool privileged(const struct guc_ctx *c)
{
	return !c->depth || c->batch[c->depth - 1].ggtt;
}

struct mem_space cmd_space(const struct guc_ctx *c, bool ggtt)
{
	if (ggtt && privileged(c))
		return MEM_GGTT;
	return (struct mem_space){ .root = c->root };
}

static enum step done(int err)
{
	return err ? STEP_FAULT : STEP_NEXT;
}

/* Offset of a register relative to the engine, or ~0 for one of somebody else. */
static uint32_t relative(const struct engine *e, uint32_t reg, bool cs)
{
	reg &= REG_MASK;
	if (cs)
		return reg < 0x1000 ? reg : reg - 0x2000 < 0x1000 ? reg - 0x2000 : ~0u;
	return reg - e->mmio_base < 0x1000 ? reg - e->mmio_base : ~0u;
}

static uint32_t half(uint64_t v, uint32_t rel)
{
	return rel & 4 ? (uint32_t)(v >> 32) : (uint32_t)v;
}

static uint32_t load_reg(const struct engine *e, const struct guc_ctx *c, uint32_t reg, bool cs)
{
	uint32_t rel = relative(e, reg, cs);

	if (rel >= GPR_FIRST && rel < GPR_END)
		return half(c->gpr[(rel - GPR_FIRST) / 8], rel);
	switch (rel) {
	case CTX_TS:
		return (uint32_t)lrc_timestamp(c);
	case CTX_TS + 4:
		return (uint32_t)(lrc_timestamp(c) >> 32);
	case CS_TS:
		return (uint32_t)hw_ticks();
	case CS_TS + 4:
		return (uint32_t)(hw_ticks() >> 32);
	case CS_ID:
		return e->engine_id_reg;
	default:
		return lrc_reg_get(e, c, reg & REG_MASK);
	}
}

static void store_reg(const struct engine *e, struct guc_ctx *c, uint32_t reg, bool cs,
		      uint32_t val)
{
	uint32_t rel = relative(e, reg, cs);
	uint64_t *g;

	if (rel < GPR_FIRST || rel >= GPR_END) {
		if (privileged(c))
			lrc_reg_set(e, c, reg & REG_MASK, val);
		return; /* nothing else a job may set changes what the model does */
	}
	g = &c->gpr[(rel - GPR_FIRST) / 8];
	if (rel & 4)
		*g = (*g & 0xffffffffu) | (uint64_t)val << 32;
	else
		*g = (*g & ~0xffffffffull) | val;
}

/* Memory against inline data; @op as in dw0 [14:12]. */
static bool compare(uint32_t op, uint32_t mem, uint32_t data)
{
	switch (op & 7) {
	case 0:
		return mem > data;
	case 1:
		return mem >= data;
	case 2:
		return mem < data;
	case 3:
		return mem <= data;
	case 4:
		return mem == data;
	case 5:
		return mem != data;
	default:
		return true;
	}
}

#define ALU_REGS 0x34
#define ALU_SRCA 0x20
#define ALU_SRCB 0x21
#define ALU_ACCU 0x31
#define ALU_ZF	 0x32
#define ALU_CF	 0x33

static void alu_flags(uint64_t *r, uint64_t result, bool carry)
{
	r[ALU_ACCU] = result;
	r[ALU_ZF] = result ? 0 : ~0ull;
	r[ALU_CF] = carry ? ~0ull : 0;
}

static void math(struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint64_t r[ALU_REGS] = { 0 }, a, b;

	memcpy(r, c->gpr, sizeof(c->gpr));
	for (uint32_t i = 1; i < n; i++) {
		uint32_t op = dw[i] >> 20, x = dw[i] >> 10 & 0x3ff, y = dw[i] & 0x3ff;

		if (x >= ALU_REGS || y >= ALU_REGS)
			continue;
		a = r[ALU_SRCA];
		b = r[ALU_SRCB];
		switch (op) {
		case 0x080: /* LOAD */
			r[x] = r[y];
			break;
		case 0x480: /* LOADINV */
			r[x] = ~r[y];
			break;
		case 0x081: /* LOAD0 */
			r[x] = 0;
			break;
		case 0x481: /* LOAD1 */
			r[x] = ~0ull;
			break;
		case 0x100:
			alu_flags(r, a + b, a + b < a);
			break;
		case 0x101:
			alu_flags(r, a - b, a < b);
			break;
		case 0x102:
			alu_flags(r, a & b, false);
			break;
		case 0x103:
			alu_flags(r, a | b, false);
			break;
		case 0x104:
			alu_flags(r, a ^ b, false);
			break;
		case 0x105:
			alu_flags(r, a << (b & 63), false);
			break;
		case 0x106:
			alu_flags(r, a >> (b & 63), false);
			break;
		case 0x107:
			alu_flags(r, (uint64_t)((int64_t)a >> (b & 63)), false);
			break;
		case 0x180: /* STORE */
			r[x] = r[y];
			break;
		case 0x580: /* STOREINV */
			r[x] = ~r[y];
			break;
		}
	}
	memcpy(c->gpr, r, sizeof(c->gpr));
}

/* The dword at the address in @at and the next one, GGTT or the context's. As mem_read32(). */
static int read_dword(struct engine *e, struct guc_ctx *c, bool ggtt, const uint32_t *at,
		      uint32_t *val)
{
	return mem_read32(e->h, &c->who, cmd_space(c, ggtt), addr64(at) & ~3ull, val);
}

static enum step write_dword(struct engine *e, struct guc_ctx *c, bool ggtt, const uint32_t *at,
			     uint32_t val)
{
	return done(mem_write32(e->h, &c->who, cmd_space(c, ggtt), addr64(at) & ~3ull, val));
}

static enum step store_data(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	struct mem_space sp = cmd_space(c, dw[0] & BIT_GGTT);
	uint64_t addr;

	if (n < 4)
		return STEP_NEXT;
	if (n == 4)
		return write_dword(e, c, dw[0] & BIT_GGTT, dw + 1, dw[3]);
	addr = addr64(dw + 1) & ~3ull;
	if (n == 5 && dw[0] & SDI_QWORD)
		return done(mem_write64(e->h, &c->who, sp, addr, addr64(dw + 3)));
	return done(mem_write(e->h, &c->who, sp, addr, dw + 3, 4ul * (n - 3)));
}

static enum step flush_dw(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint64_t addr, val;
	bool ggtt;

	if (n < 4 || !POST_SYNC(dw[0]))
		return STEP_NEXT;
	if (dw[0] & STORE_INDEX) {
		addr = c->lrca + (dw[1] & 0xff8);
		ggtt = true;
	} else {
		addr = addr64(dw + 1) & ~7ull;
		ggtt = dw[1] & FLUSH_GGTT;
	}
	if (POST_SYNC(dw[0]) == 1 && n < 5)
		return done(mem_write32(e->h, &c->who, cmd_space(c, ggtt), addr, dw[3]));
	val = POST_SYNC(dw[0]) == 1 ? addr64(dw + 3) : hw_ticks();
	return done(mem_write64(e->h, &c->who, cmd_space(c, ggtt), addr, val));
}

static enum step semaphore(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint32_t val;

	if (n < 4)
		return STEP_NEXT;
	if (dw[0] & SEM_REGISTER)
		val = load_reg(e, c, dw[2], false);
	else if (read_dword(e, c, dw[0] & BIT_GGTT, dw + 2, &val))
		return STEP_FAULT;
	return compare(dw[0] >> 12, val, dw[1]) ? STEP_NEXT : STEP_WAIT;
}

static enum step batch_start(struct guc_ctx *c, const uint32_t *dw)
{
	struct lrc_level to = { .ip = addr64(dw + 1) & ~3ull };

	to.ggtt = !(dw[0] & BB_PPGTT) && privileged(c);
	if (c->depth == 0 || (c->depth == 1 && dw[0] & BB_SECOND))
		c->depth++;
	else if (to.ip <= c->batch[c->depth - 1].ip)
		c->loops++; /* backwards: a loop */
	c->batch[c->depth - 1] = to;
	return STEP_JUMP;
}

static enum step batch_end(struct guc_ctx *c)
{
	if (!c->depth)
		return STEP_NEXT;
	c->depth--;
	return STEP_JUMP;
}

static enum step cond_end(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint32_t val;

	if (n < 4)
		return STEP_NEXT;
	if (read_dword(e, c, dw[0] & BIT_GGTT, dw + 2, &val))
		return STEP_FAULT;
	return compare(dw[0] >> 12, val, dw[1]) ? STEP_NEXT : batch_end(c);
}

static enum step reg_mem(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n,
			 bool load)
{
	bool cs = dw[0] & BIT_CS_MMIO, ggtt = dw[0] & BIT_GGTT;
	uint32_t val;

	if (n < 4)
		return STEP_NEXT;
	if (!load)
		return write_dword(e, c, ggtt, dw + 2, load_reg(e, c, dw[1], cs));
	if (read_dword(e, c, ggtt, dw + 2, &val))
		return STEP_FAULT;
	store_reg(e, c, dw[1], cs, val);
	return STEP_NEXT;
}

static enum step copy_dword(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint32_t val;

	if (n < 5)
		return STEP_NEXT;
	if (read_dword(e, c, dw[0] & BIT_GGTT, dw + 3, &val))
		return STEP_FAULT;
	return write_dword(e, c, dw[0] & SDI_QWORD, dw + 1, val);
}

static enum step user_interrupt(struct engine *e, struct guc_ctx *c)
{
	e->jobs_done++;
	c->jobs++;
	c->loops = 0;
	irq_raise(e->h, e->irq, IRQ_VEC_USER);
	return STEP_NEXT;
}

enum step cmd_mi(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	switch (MI_OP(dw[0])) {
	case USER_INTERRUPT:
		return user_interrupt(e, c);
	case BATCH_END:
		return batch_end(c);
	case MI_MATH:
		math(c, dw, n);
		return STEP_NEXT;
	case SEMAPHORE_WAIT:
		return semaphore(e, c, dw, n);
	case STORE_DATA_IMM:
		return store_data(e, c, dw, n);
	case LOAD_REG_IMM:
		for (uint32_t i = 1; i + 1 < n; i += 2)
			store_reg(e, c, dw[i], dw[0] & BIT_CS_MMIO, dw[i + 1]);
		return STEP_NEXT;
	case STORE_REG_MEM:
		return reg_mem(e, c, dw, n, false);
	case LOAD_REG_MEM:
		return reg_mem(e, c, dw, n, true);
	case LOAD_REG_REG:
		if (n >= 3)
			store_reg(e, c, dw[2], dw[0] & BIT_CS_MMIO,
				  load_reg(e, c, dw[1], dw[0] & LRR_SRC_CS));
		return STEP_NEXT;
	case FLUSH_DW:
		return flush_dw(e, c, dw, n);
	case COPY_MEM_MEM:
		return copy_dword(e, c, dw, n);
	case ATOMIC:
		return cmd_atomic(e, c, cmd_space(c, dw[0] & BIT_GGTT), dw, n);
	case BATCH_START:
		return n >= 3 ? batch_start(c, dw) : STEP_NEXT;
	case COND_BATCH_END:
		return cond_end(e, c, dw, n);
	default:
		if (!(skipped >> MI_OP(dw[0]) & 1)) {
			e->unknown_commands++;
			vgpu_witness(e->h->g, WITNESS_UNKNOWN_COMMAND, &c->who, 0, 4ul * n, false,
				     "MI command 0x%08x skipped", dw[0]);
		}
		return STEP_NEXT;
	}
}
