/* SPDX-License-Identifier: MIT */
/*
 * MI_ATOMIC: dword and quadword operations and the 16-byte compare and write. Engines are atomic
 * among themselves; a CPU that uses atomics on the same word at the same time is not ordered with
 * them.
 */
#include <string.h>

#include "device.h"

#define OP(dw0)	    ((dw0) >> 8 & 0x1f)
#define QWORD(dw0)  ((dw0) >> 8 & 0x20)
#define CMPWR_16B   0x4e
#define RETURN_DATA (1u << 16)
#define INLINE_DATA (1u << 18)

enum {
	OP_MOVE = 4, OP_INC, OP_DEC, OP_ADD, OP_SUB, OP_RSUB, OP_IMAX, OP_IMIN, OP_UMAX, OP_UMIN,
	OP_CMPWR, OP_AND = 0x10, OP_OR, OP_XOR,
};

struct operands {
	uint64_t a[2], b[2];
};

/* Inline operands come as pairs of dwords, the first one's and the second one's. */
static struct operands get_operands(const struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	uint32_t in[8] = { 0 };
	struct operands o;

	if (!(dw[0] & INLINE_DATA))
		return (struct operands){ { c->gpr[0], c->gpr[1] }, { c->gpr[1], c->gpr[2] } };
	memcpy(in, dw + 3, 4ul * (n - 3 < 8 ? n - 3 : 8));
	for (int i = 0; i < 2; i++) {
		o.a[i] = in[4 * i] | (uint64_t)in[4 * i + 2] << 32;
		o.b[i] = in[4 * i + 1] | (uint64_t)in[4 * i + 3] << 32;
	}
	return o;
}

static bool less(uint64_t x, uint64_t y, bool is_signed, bool qword)
{
	if (!is_signed)
		return x < y;
	return qword ? (int64_t)x < (int64_t)y : (int32_t)x < (int32_t)y;
}

/* New value of a word that holds @old; false if there is no such operation. */
static bool operate(uint32_t op, bool qword, uint64_t old, const struct operands *o, uint64_t *new)
{
	uint64_t mask = qword ? ~0ull : 0xffffffff, a = o->a[0] & mask, b = o->b[0] & mask;

	switch (op) {
	case OP_MOVE:
		*new = a;
		break;
	case OP_INC:
		*new = old + 1;
		break;
	case OP_DEC:
		*new = old - 1;
		break;
	case OP_ADD:
		*new = old + a;
		break;
	case OP_SUB:
		*new = old - a;
		break;
	case OP_RSUB:
		*new = a - old;
		break;
	case OP_IMAX:
	case OP_UMAX:
		*new = less(old, a, op == OP_IMAX, qword) ? a : old;
		break;
	case OP_IMIN:
	case OP_UMIN:
		*new = less(a, old, op == OP_IMIN, qword) ? a : old;
		break;
	case OP_CMPWR:
		*new = old == a ? b : old;
		break;
	case OP_AND:
		*new = old & a;
		break;
	case OP_OR:
		*new = old | a;
		break;
	case OP_XOR:
		*new = old ^ a;
		break;
	default:
		return false;
	}
	*new &= mask;
	return true;
}

static enum step unknown(struct engine *e, struct guc_ctx *c, uint32_t dw0)
{
	e->unknown_commands++;
	vgpu_witness(e->h->g, WITNESS_UNKNOWN_COMMAND, &c->who, 0, 4, true,
		     "MI_ATOMIC 0x%08x skipped", dw0);
	return STEP_NEXT;
}

enum step cmd_atomic(struct engine *e, struct guc_ctx *c, struct mem_space sp, const uint32_t *dw,
		     uint32_t n)
{
	bool wide = (dw[0] >> 8 & 0xff) == CMPWR_16B, qword = !wide && QWORD(dw[0]);
	size_t len = wide ? 16 : qword ? 8 : 4;
	uint64_t old[2] = { 0 }, new[2], addr;
	struct operands o;
	int err;

	if (n < 3)
		return STEP_NEXT;
	addr = (dw[1] | (uint64_t)dw[2] << 32) & ~(uint64_t)(len - 1);
	o = get_operands(c, dw, n);
	pthread_mutex_lock(&e->h->atomics);
	err = mem_read(e->h, &c->who, sp, addr, old, len);
	if (!err && wide) {
		memcpy(new, old[0] == o.a[0] && old[1] == o.a[1] ? o.b : old, sizeof(new));
	} else if (!err && !operate(OP(dw[0]), qword, old[0], &o, new)) {
		pthread_mutex_unlock(&e->h->atomics);
		return unknown(e, c, dw[0]);
	}
	if (!err && len == 4)
		err = mem_write32(e->h, &c->who, sp, addr, (uint32_t)new[0]);
	else if (!err && len == 8)
		err = mem_write64(e->h, &c->who, sp, addr, new[0]);
	else if (!err)
		err = mem_write(e->h, &c->who, sp, addr, new, len);
	pthread_mutex_unlock(&e->h->atomics);
	if (err)
		return STEP_FAULT;
	if (dw[0] & RETURN_DATA)
		memcpy(c->gpr, old, len);
	return STEP_NEXT;
}
