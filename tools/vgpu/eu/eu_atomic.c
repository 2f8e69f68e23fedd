/* SPDX-License-Identifier: MIT */
/*
 * Atomic messages. A page fault may interrupt one after some of its channels: what they found is
 * kept, and the message goes on with the others.
 */
#include <string.h>

#include "device.h"
#include "eu_lsc.h"

static bool less_signed(uint64_t a, uint64_t b, unsigned int size)
{
	return size == 8 ? (int64_t)a < (int64_t)b : (int32_t)a < (int32_t)b;
}

static uint64_t operate(unsigned int op, unsigned int size, uint64_t old, uint64_t a, uint64_t b)
{
	switch (op) {
	case LSC_INC:
		return old + 1;
	case LSC_DEC:
		return old - 1;
	case LSC_ATOMIC_STORE:
		return a;
	case LSC_ADD:
		return old + a;
	case LSC_SUB:
		return old - a;
	case LSC_SMIN:
		return less_signed(a, old, size) ? a : old;
	case LSC_SMAX:
		return less_signed(old, a, size) ? a : old;
	case LSC_UMIN:
		return a < old ? a : old;
	case LSC_UMAX:
		return a > old ? a : old;
	case LSC_CAS:
		return old == a ? b : old;
	case LSC_AND:
		return old & a;
	case LSC_OR:
		return old | a;
	case LSC_XOR:
		return old ^ a;
	default: /* load */
		return old;
	}
}

static unsigned int operands(unsigned int op)
{
	switch (op) {
	case LSC_INC:
	case LSC_DEC:
	case LSC_ATOMIC_LOAD:
		return 0;
	case LSC_CAS:
		return 2;
	default:
		return 1;
	}
}

/* One channel. The other engines' atomics are kept off. */
static bool one(struct eu_thread *t, const struct lsc_target *to, unsigned int op,
		unsigned int size, uint64_t addr, uint64_t a, uint64_t b, uint64_t *old)
{
	pthread_mutex_t *lock = &t->env->e->h->atomics;
	uint64_t val;
	bool ok;

	*old = 0;
	pthread_mutex_lock(lock);
	ok = lsc_read(t, to, addr, old, size);
	if (ok && op != LSC_ATOMIC_LOAD) {
		val = operate(op, size, *old, a, b);
		ok = lsc_write(t, to, addr, &val, size);
	}
	pthread_mutex_unlock(lock);
	return ok;
}

enum eu_status lsc_atomic(struct eu_thread *t, const struct eu_send *s, const struct lsc_target *to,
			  const uint64_t addr[EU_CHANNELS])
{
	unsigned int op = s->desc & 0x3f, size = lsc_data_bytes(s->desc), n = operands(op);
	unsigned int part = (s->channels * size + EU_REG_BYTES - 1) / EU_REG_BYTES;
	const uint8_t *src = t->grf[s->src1];

	if ((size != 4 && size != 8) || s->src1_len < n * part ||
	    (s->dst_len && s->dst_len < part))
		return EU_UNKNOWN;
	for (unsigned int i = 0; i < s->channels; i++) {
		uint64_t a = 0, b = 0;

		if (!(s->mask & ~t->done & 1u << i))
			continue;
		if (n)
			memcpy(&a, src + i * size, size);
		if (n > 1)
			memcpy(&b, src + part * EU_REG_BYTES + i * size, size);
		if (!one(t, to, op, size, addr[i], a, b, &t->old[i]))
			return EU_FAULT;
		t->done |= 1u << i;
	}
	for (unsigned int i = 0; s->dst_len && i < s->channels; i++)
		if (s->mask >> i & 1)
			memcpy(t->grf[s->dst] + i * size, &t->old[i], size);
	return EU_OK;
}
