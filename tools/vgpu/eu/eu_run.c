/* SPDX-License-Identifier: MIT */
/*
 * The loop of a thread: fetch, control flow, predication, messages.
 *
 * Channels that part each have an instruction pointer of their own; the ones that are furthest behind
 * go first. Structured code meets again where the compiler says so, because that is where the
 * pointers are equal; the targets where the hardware looks for somebody to wake are not needed.
 */
#include <string.h>

#include "device.h"
#include "eu.h"
#include "eu_alu.h"
#include "eu_inst.h"

#define STOP_EVERY 64u /* instructions between looks at the engine */
#define IP_MASK	   (0xffffffffffffull & ~7ull)

enum { PRED_NONE, PRED_CHANNEL, PRED_ANY, PRED_ALL };
enum { SYNC_BARRIER = 14 };

void eu_thread_init(struct eu_thread *t, struct eu_env *env, uint64_t start, uint32_t mask,
		    unsigned int regs)
{
	memset(t, 0, sizeof(*t));
	t->env = env;
	t->ip = start & IP_MASK;
	t->live = mask;
	t->regs = regs == EU_REGS ? EU_REGS : EU_REGS_SMALL;
}

struct mem_space eu_space(const struct eu_env *env)
{
	return (struct mem_space){ .root = env->c->root };
}

bool eu_surface(const struct eu_env *env, unsigned int index, uint64_t *state)
{
	uint32_t entry;

	if (mem_read32(env->e->h, &env->c->who, eu_space(env), env->bindings + 4ull * index, &entry))
		return false;
	*state = env->surfaces + (entry & ~0x3fu);
	return true;
}

static bool read_code(struct eu_thread *t, uint64_t addr, uint32_t *dw, unsigned int n)
{
	return !mem_read(t->env->e->h, &t->env->c->who, eu_space(t->env), addr, dw, 4ul * n);
}

/* The @n dwords at @addr. A line is read at once, but not of the next page: that need not be there. */
static bool code_at(struct eu_thread *t, uint64_t addr, uint32_t *dw, unsigned int n)
{
	unsigned int page = (unsigned int)(4096 - (addr & 4095)) / 4;
	uint64_t in = addr - t->line;

	if (addr < t->line || in / 4 + n > t->line_dwords) {
		t->line_dwords = 0;
		if (n > page)
			return read_code(t, addr, dw, n);
		page = page < EU_LINE_DWORDS ? page : EU_LINE_DWORDS;
		if (!read_code(t, addr, t->code, page))
			return false;
		t->line = addr;
		t->line_dwords = page;
		in = 0;
	}
	memcpy(dw, t->code + in / 4, 4ul * n);
	return true;
}

static bool fetch(struct eu_thread *t, uint32_t dw[4])
{
	uint64_t addr = t->env->instructions + t->ip;

	if (!code_at(t, addr, dw, 2))
		return false;
	return eu_inst_bytes(dw[0]) == 8 || code_at(t, addr, dw, 4);
}

/* Brings the channels together that are furthest behind. False: nobody is left. */
static bool converge(struct eu_thread *t)
{
	uint64_t least = t->live & ~t->parked ? t->ip : UINT64_MAX;

	if (!t->live)
		return false;
	if (!t->parked)
		return true;
	for (unsigned int i = 0; i < EU_CHANNELS; i++)
		if (t->parked >> i & 1 && t->there[i] < least)
			least = t->there[i];
	for (unsigned int i = 0; i < EU_CHANNELS; i++) {
		if (t->parked >> i & 1) {
			if (t->there[i] == least)
				t->parked &= ~(1u << i);
		} else if (least != t->ip) {
			t->there[i] = t->ip;
			t->parked |= t->live & 1u << i;
		}
	}
	t->ip = least;
	return true;
}

/* Channels of the instruction that the mask enables, and those for which the predicate holds. */
static void enabled(const struct eu_thread *t, const struct eu_inst *in, uint32_t *mask,
		    uint32_t *holds)
{
	uint32_t all = in->channels == 32 ? ~0u : (1u << in->channels) - 1, bits;

	*mask = in->nomask ? all : (t->live & ~t->parked) >> in->first & all;
	bits = (uint32_t)((uint64_t)t->flag[in->flag >> 1] >> (16 * (in->flag & 1) + in->first));
	switch (in->pred) {
	case PRED_NONE:
		*holds = all;
		return;
	case PRED_ANY:
		bits = bits & *mask ? all : 0;
		break;
	case PRED_ALL:
		bits = (bits & *mask) == *mask ? all : 0;
		break;
	}
	*holds = (in->pred_inv ? ~bits : bits) & all;
}

/* Sends the channels @who (numbers of the thread) to @to; they wait there for the rest. */
static void park(struct eu_thread *t, uint32_t who, uint64_t to)
{
	for (unsigned int i = 0; i < EU_CHANNELS; i++)
		if (who >> i & 1)
			t->there[i] = to & IP_MASK;
	t->parked |= who & t->live;
}

/* Behind the while at @at: where a break leads to. */
static bool loop_end(struct eu_thread *t, uint64_t at, uint64_t *end)
{
	uint32_t dw[2];

	if (!code_at(t, t->env->instructions + (at & IP_MASK), dw, 2))
		return false;
	*end = at + eu_inst_bytes(dw[0]);
	return true;
}

static enum eu_status branch(struct eu_thread *t, const struct eu_inst *in, uint64_t at,
			     uint32_t mask, uint32_t holds)
{
	uint64_t jip = at + (uint64_t)(int64_t)in->jip, uip = at + (uint64_t)(int64_t)in->uip;
	uint32_t yes, no;

	/* numbers of the thread's channels, and none that is elsewhere */
	mask = (mask << in->first) & t->live & ~t->parked;
	yes = mask & holds << in->first;
	no = mask & ~yes;
	switch (in->op) {
	case OP_IF:
		park(t, no, jip);
		break;
	case OP_ELSE:
		park(t, mask, uip);
		break;
	case OP_WHILE:
	case OP_BRD:
		park(t, yes, jip);
		break;
	case OP_BREAK:
		if (!loop_end(t, uip, &uip))
			return EU_FAULT;
		park(t, yes, uip);
		break;
	case OP_CONT:
	case OP_HALT:
	case OP_GOTO:
		park(t, yes, uip);
		break;
	default: /* endif, join: whoever waits for it is there */
		break;
	}
	return EU_OK;
}

static uint32_t field(uint32_t dw, unsigned int lo, unsigned int bits)
{
	return dw >> lo & ((1u << bits) - 1);
}

static uint32_t addr_dword(const struct eu_thread *t, unsigned int n)
{
	return t->addr[2 * n] | (uint32_t)t->addr[2 * n + 1] << 16;
}

/* A register range; one that names an architecture register has no registers. */
static bool range(const struct eu_thread *t, uint32_t is_grf, uint32_t reg, unsigned int *first,
		  unsigned int *len)
{
	*first = reg;
	if (!is_grf)
		*len = 0;
	return !*len || reg + *len <= t->regs;
}

static bool decode_send(const struct eu_thread *t, const struct eu_inst *in, struct eu_send *s)
{
	const uint32_t *dw = in->dw;
	bool untyped, exdesc_reg = dw[1] >> 17 & 1;

	memset(s, 0, sizeof(*s));
	s->sfid = (enum eu_sfid)(dw[2] >> 28);
	untyped = s->sfid == EU_SF_UGM;
	s->eot = dw[1] >> 2 & 1;
	s->conditional = in->op == OP_SENDC;
	s->channels = in->channels;
	if (dw[1] >> 16 & 1)
		s->desc = addr_dword(t, 0);
	else
		s->desc = field(dw[2], 17, 11) | field(dw[3], 17, 9) << 11 |
			  field(dw[1], 19, 5) << 20 | field(dw[2], 3, 5) << 25 |
			  field(dw[3], 26, 2) << 30;
	if (exdesc_reg)
		s->exdesc = addr_dword(t, field(dw[1], 8, 3));
	else
		s->exdesc = field(dw[3], 3, 5) << 6 | field(dw[1], 3, 13) << 11 |
			    field(dw[2], 0, 2) << 24 | field(dw[3], 0, 2) << 26 |
			    (dw[3] >> 28) << 28;
	s->dst_len = field(s->desc, 20, 5);
	if (s->dst_len == 31)
		s->dst_len = 32;
	s->src0_len = field(s->desc, 25, 4);
	/* a descriptor in a register leaves the length in the instruction, for some */
	if (exdesc_reg && (untyped || dw[1] >> 7 & 1))
		s->src1_len = field(dw[3], 3, 5);
	else
		s->src1_len = field(s->exdesc, 6, 5);
	return range(t, dw[1] >> 18 & 1, dw[1] >> 24, &s->dst, &s->dst_len) &&
	       range(t, dw[2] >> 2 & 1, field(dw[2], 8, 8), &s->src0, &s->src0_len) &&
	       range(t, dw[3] >> 2 & 1, field(dw[3], 8, 8), &s->src1, &s->src1_len);
}

static enum eu_status send(struct eu_thread *t, const struct eu_inst *in, uint32_t mask)
{
	enum eu_status st;
	struct eu_send s;
	eu_send_fn fn;

	if (!mask && !(in->dw[1] >> 2 & 1))
		return EU_OK;
	if (!decode_send(t, in, &s))
		return EU_UNKNOWN;
	fn = t->env->send[s.sfid];
	s.mask = mask;
	if (!fn)
		return EU_UNKNOWN;
	st = fn(t, &s);
	if (st == EU_OK) {
		t->done = 0;
		if (s.eot)
			return EU_END;
	}
	return st;
}

static enum eu_status execute(struct eu_thread *t, const struct eu_inst *in, uint64_t at)
{
	uint32_t mask, holds;

	enabled(t, in, &mask, &holds);
	switch (in->form) {
	case FORM_NONE:
		if (in->op == OP_SYNC && in->dw[2] >> 28 == SYNC_BARRIER && t->barrier)
			return EU_BARRIER;
		return EU_OK;
	case FORM_JUMP:
		/* all who are here go, if the first channel's predicate says so */
		if (holds & 1)
			t->ip = (at + (uint64_t)(int64_t)in->jip) & IP_MASK;
		return EU_OK;
	case FORM_BRANCH:
		return branch(t, in, at, mask, holds);
	case FORM_SEND:
		return send(t, in, mask & holds);
	default:
		if (in->op == OP_SEL)
			return eu_alu(t, in, mask, holds) ? EU_OK : EU_UNKNOWN;
		return eu_alu(t, in, mask & holds, holds) ? EU_OK : EU_UNKNOWN;
	}
}

static void give_up(struct eu_thread *t, const struct eu_inst *in, uint64_t at)
{
	struct eu_env *env = t->env;

	env->e->unknown_commands++;
	vgpu_witness(env->e->h->g, WITNESS_UNKNOWN_COMMAND, &env->c->who, env->instructions + at,
		     in->bytes, false, "EU instruction %08x %08x %08x %08x: thread ended", in->dw[0],
		     in->dw[1], in->dw[2], in->dw[3]);
	t->ended = true;
}

static enum eu_status run(struct eu_thread *t, unsigned int budget, unsigned int *n)
{
	uint32_t dw[4] = { 0 };
	struct eu_inst in;
	enum eu_status st;
	bool look = true; /* a message may have taken long */
	uint64_t at;

	for (; *n < budget && !t->ended; ++*n) {
		if ((look || !(*n % STOP_EVERY)) && atomic_load(&t->env->e->preempt))
			return EU_MORE;
		if (!converge(t)) {
			t->ended = true;
			break;
		}
		at = t->ip;
		if (!fetch(t, dw))
			return EU_FAULT;
		if (!eu_decode(dw, &in)) {
			give_up(t, &in, at);
			break;
		}
		t->ip = (at + in.bytes) & IP_MASK;
		look = in.form == FORM_SEND;
		st = execute(t, &in, at);
		switch (st) {
		case EU_OK:
			break;
		case EU_END:
			t->ended = true;
			break;
		case EU_UNKNOWN:
			give_up(t, &in, at);
			break;
		default: /* fault, barrier: this instruction again */
			t->ip = at;
			return st;
		}
	}
	return t->ended ? EU_END : EU_MORE;
}

enum eu_status eu_run(struct eu_thread *t, unsigned int budget)
{
	unsigned int n = 0;
	enum eu_status st;

	t->line_dwords = 0;
	st = run(t, budget, &n);
	t->waits = st == EU_BARRIER;
	t->instructions += n;
	t->env->e->instructions += n;
	return st;
}
