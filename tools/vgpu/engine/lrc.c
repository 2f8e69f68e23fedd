/* SPDX-License-Identifier: MIT */
/*
 * Logical ring context: loads the image, executes ring and batches, writes the image back.
 * Dword numbers of the image: section 9.1 of the device specification (xe_lrc.c, xe_lrc_layout.h).
 */
#include <string.h>

#include "cmd_blt.h"
#include "device.h"
#include "eu_walker.h"

#define REG_STATE      0x1000u /* behind the PPHWSP page */
#define IMAGE_DWORDS   LRC_REGS_END
#define DW_RING_HEAD   0x05
#define DW_RING_TAIL   0x07
#define DW_RING_START  0x09
#define DW_RING_CTL    0x0b
#define DW_BB_PER_CTX  0x13
#define DW_TIMESTAMP   0x23
#define DW_TIMESTAMP_U 0x25
#define DW_ASID	       0x2f
#define DW_PDP0_UPPER  0x31
#define DW_PDP0_LOWER  0x33
#define HEAD_MASK      0x1ffffcu
#define TAIL_MASK      0x1ffff8u
#define RING_ENABLE    1u
#define ASID_MASK      0xfffffu
#define ROOT_MASK      0x000ffffffffff000ull
#define TS_MARKER      1u /* xe stores this while the context is active; never ours */

#define SLICE_NS       5000000ull
#define PER_CTX_MAX    256u  /* commands of the switch-in batch; the driver's has four */
#define FETCH_DWORDS   16u
#define LOOP_FREE      4096u /* jumps back at full speed; then a pause every LOOP_PACE */
#define LOOP_PACE      8u

uint64_t lrc_timestamp(const struct guc_ctx *c)
{
	return c->ts_base + hw_ns_to_ticks(hw_now_ns() - c->ts_start_ns);
}

static uint64_t image(const struct guc_ctx *c, unsigned int dw)
{
	return c->lrca + REG_STATE + 4ull * dw;
}

static int read_image(struct engine *e, struct guc_ctx *c, unsigned int dw, uint32_t *val)
{
	return mem_read32(e->h, &c->who, MEM_GGTT, image(c, dw), val);
}

static int read_tail(struct engine *e, struct guc_ctx *c)
{
	uint32_t tail;

	if (read_image(e, c, DW_RING_TAIL, &tail))
		return -1;
	tail &= TAIL_MASK;
	if (tail >= c->ring_size)
		return -1;
	c->ring_tail = tail;
	return 0;
}

/* Reads @n dwords of the current position; the ring wraps. */
static int fetch(struct engine *e, struct guc_ctx *c, uint32_t *buf, uint32_t n)
{
	uint32_t first;
	int err;

	if (c->depth) {
		const struct lrc_level *l = &c->batch[c->depth - 1];
		struct mem_space sp = l->ggtt ? MEM_GGTT : (struct mem_space){ .root = c->root };

		return mem_read(e->h, &c->who, sp, l->ip, buf, 4ul * n);
	}
	first = (c->ring_size - c->ring_head) / 4;
	if (first > n)
		first = n;
	err = mem_read(e->h, &c->who, MEM_GGTT, c->ring_start + c->ring_head, buf, 4ul * first);
	if (!err && first < n)
		err = mem_read(e->h, &c->who, MEM_GGTT, c->ring_start, buf + first,
			       4ul * (n - first));
	return err;
}

/* Dwords from the current position that one fetch can have without touching the next page. */
static uint32_t dwords_ahead(const struct guc_ctx *c)
{
	uint64_t at = c->depth ? c->batch[c->depth - 1].ip : c->ring_start + c->ring_head;
	uint32_t n = (uint32_t)(4096 - (at & 4095)) / 4;

	if (!c->depth && n > (c->ring_size - c->ring_head) / 4)
		n = (c->ring_size - c->ring_head) / 4;
	return n < FETCH_DWORDS ? n : FETCH_DWORDS;
}

static void advance(struct guc_ctx *c, uint32_t n)
{
	if (c->depth)
		c->batch[c->depth - 1].ip += 4ull * n;
	else
		c->ring_head = (c->ring_head + 4 * n) % c->ring_size;
}

struct blt_ctx {
	struct engine *e;
	struct guc_ctx *c;
};

static bool blt_read(void *p, uint64_t addr, void *buf, size_t len)
{
	struct blt_ctx *b = p;

	return !mem_read(b->e->h, &b->c->who, (struct mem_space){ .root = b->c->root }, addr, buf,
			 len);
}

static bool blt_write(void *p, uint64_t addr, const void *buf, size_t len)
{
	struct blt_ctx *b = p;

	return !mem_write(b->e->h, &b->c->who, (struct mem_space){ .root = b->c->root }, addr, buf,
			  len);
}

static bool blt_copy(void *p, uint64_t dst, uint64_t src, size_t len)
{
	struct blt_ctx *b = p;

	return !mem_copy(b->e->h, &b->c->who, (struct mem_space){ .root = b->c->root }, dst, src,
			 len);
}

static bool blt_cancelled(void *p)
{
	struct blt_ctx *b = p;

	return atomic_load(&b->e->preempt);
}

static enum step run_blt(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n)
{
	struct blt_ctx b = { e, c };
	struct blt_mem mem = { .read = blt_read, .write = blt_write, .copy = blt_copy,
			       .cancelled = blt_cancelled, .ctx = &b };

	switch (blt_execute(dw, n, &mem)) {
	case BLT_FAULT:
		return STEP_FAULT;
	case BLT_CANCELLED:
		return STEP_AGAIN; /* from its start: source and destination are still as they were */
	case BLT_UNKNOWN:
	case BLT_BAD:
		e->unknown_commands++;
		vgpu_witness(e->h->g, WITNESS_UNKNOWN_COMMAND, &c->who, 0, 4ul * n, false,
			     "%s 0x%08x skipped", blt_name(dw[0]) ?: "blitter command", dw[0]);
		return STEP_NEXT;
	default:
		return STEP_NEXT;
	}
}

/* Executes the command at the current position. */
static enum step exec_one(struct engine *e, struct guc_ctx *c)
{
	uint32_t dw[CMD_MAX_DWORDS], n, have = dwords_ahead(c);
	struct lrc_level at = { 0 };
	uint32_t ring_at = c->ring_head;
	int depth = c->depth;
	enum step st;

	mem_fault.valid = false;
	if (depth)
		at = c->batch[depth - 1];
	if (!have || fetch(e, c, dw, have))
		return STEP_FAULT;
	n = cmd_length(dw[0]);
	if (!n) {
		vgpu_witness(e->h->g, WITNESS_UNKNOWN_COMMAND, &c->who, depth ? at.ip : ring_at, 4,
			     false, "no such command: 0x%08x", dw[0]);
		return STEP_HANG;
	}
	if (n > have && fetch(e, c, dw, n))
		return STEP_FAULT;
	e->commands++;
	advance(c, n);
	switch (dw[0] >> 29) {
	case 0:
		st = cmd_mi(e, c, dw, n);
		break;
	case 2:
		st = run_blt(e, c, dw, n);
		break;
	default:
		st = cmd_render(e, c, dw, n);
		break;
	}
	if (!c->in_setup && st != STEP_AGAIN && st != STEP_FAULT)
		memset(&c->gfx.draw, 0, sizeof(c->gfx.draw));
	/* after a fault, too: once the page is there the command comes again */
	if (st == STEP_WAIT || st == STEP_AGAIN || st == STEP_FAULT) {
		if (depth)
			c->batch[depth - 1] = at;
		else
			c->ring_head = ring_at;
	}
	return st;
}

/* Batch the driver wants run at every switch-in: stores the engine id and a marker. */
static enum run_result run_per_ctx(struct engine *e, struct guc_ctx *c, uint32_t ptr)
{
	struct lrc_level keep[LRC_LEVELS - 1];
	int depth = c->depth;
	enum step st = STEP_NEXT;

	memcpy(keep, c->batch, sizeof(keep));
	c->depth = 1;
	c->in_setup = true;
	c->batch[0] = (struct lrc_level){ .ip = ptr & ~0x3fu, .ggtt = true };
	for (unsigned int i = 0; c->depth && i < PER_CTX_MAX; i++) {
		st = exec_one(e, c);
		if (st != STEP_NEXT && st != STEP_JUMP)
			break;
	}
	c->in_setup = false;
	c->depth = depth;
	memcpy(c->batch, keep, sizeof(keep)); /* it may have had a second level, too */
	if (st == STEP_FAULT)
		return RUN_FAULT;
	return st == STEP_HANG ? RUN_HANG : RUN_IDLE;
}

static enum run_result switch_in(struct engine *e, struct guc_ctx *c)
{
	uint32_t img[IMAGE_DWORDS], head;

	if (mem_read(e->h, &c->who, MEM_GGTT, c->lrca + REG_STATE, img, sizeof(img)))
		return RUN_FAULT;
	c->ring_start = img[DW_RING_START] & ~0xfffu;
	c->ring_size = (img[DW_RING_CTL] & 0x1ff000) + 0x1000;
	c->root = (img[DW_PDP0_LOWER] | (uint64_t)img[DW_PDP0_UPPER] << 32) & ROOT_MASK;
	c->asid = img[DW_ASID] & ASID_MASK;
	lrc_regs_load(e, c, img, IMAGE_DWORDS);
	c->ts_base = img[DW_TIMESTAMP] | (uint64_t)img[DW_TIMESTAMP_U] << 32;
	c->ts_start_ns = hw_now_ns();
	atomic_store(&e->ts_base, c->ts_base);
	atomic_store(&e->ts_start_ns, c->ts_start_ns);
	atomic_store(&e->active, true);
	head = img[DW_RING_HEAD] & HEAD_MASK;
	if (head >= c->ring_size || read_tail(e, c))
		return RUN_HANG;
	/* a head that somebody moved: what was left of the batch is void */
	if (head != c->saved_head) {
		eu_walk_drop(c);
		memset(&c->gfx.draw, 0, sizeof(c->gfx.draw));
	}
	if (!c->depth || head != c->saved_head) {
		c->depth = 0;
		c->ring_head = head;
	}
	if (!(img[DW_RING_CTL] & RING_ENABLE))
		return RUN_HANG;
	if (img[DW_BB_PER_CTX] & 1)
		return run_per_ctx(e, c, img[DW_BB_PER_CTX]);
	return RUN_IDLE;
}

static void switch_out(struct engine *e, struct guc_ctx *c)
{
	uint32_t saved[LRC_REGS_DWORDS], n;
	uint64_t ts = lrc_timestamp(c);

	atomic_store(&e->active, false);
	if (ts == TS_MARKER)
		ts++;
	c->saved_head = c->ring_head;
	mem_write32(e->h, &c->who, MEM_GGTT, image(c, DW_RING_HEAD), c->ring_head);
	mem_write32(e->h, &c->who, MEM_GGTT, image(c, DW_TIMESTAMP), (uint32_t)ts);
	mem_write32(e->h, &c->who, MEM_GGTT, image(c, DW_TIMESTAMP_U), (uint32_t)(ts >> 32));
	n = lrc_regs_save(e, c, saved);
	if (n)
		mem_write(e->h, &c->who, MEM_GGTT, image(c, c->regs.at), saved, 4ul * n);
}

static enum run_result run(struct engine *e, struct guc_ctx *c)
{
	uint64_t end = hw_now_ns() + SLICE_NS;

	for (unsigned int i = 1;; i++) {
		uint32_t loops = c->loops;

		if (atomic_load(&e->preempt))
			return RUN_SLICE;
		if (!c->depth && c->ring_head == c->ring_tail) {
			if (read_tail(e, c))
				return RUN_HANG;
			if (c->ring_head == c->ring_tail)
				return RUN_IDLE;
		}
		if (!(i & 31) && atomic_load(&e->others) && hw_now_ns() > end)
			return RUN_SLICE;
		switch (exec_one(e, c)) {
		case STEP_NEXT:
			break;
		case STEP_JUMP:
			/*
			 * An endless batch must not cost the host a CPU. It keeps the engine and
			 * its time counts: the driver's job timeout measures it.
			 */
			if (c->loops == loops || c->loops < LOOP_FREE || c->loops % LOOP_PACE)
				break;
			engine_pause(e);
			if (atomic_load(&e->others) && hw_now_ns() > end)
				return RUN_SLICE;
			break;
		case STEP_AGAIN:
			return RUN_SLICE;
		case STEP_WAIT:
			if (atomic_load(&e->others))
				return RUN_WAIT;
			engine_pause(e);
			break;
		case STEP_FAULT:
			return mem_fault.valid ? RUN_PAGE_FAULT : RUN_FAULT;
		case STEP_HANG:
			return RUN_HANG;
		}
	}
}

enum run_result lrc_run(struct engine *e, struct guc_ctx *c)
{
	enum run_result r = switch_in(e, c);

	if (r == RUN_IDLE)
		r = run(e, c);
	if (c->ring_size)
		switch_out(e, c);
	return r;
}
