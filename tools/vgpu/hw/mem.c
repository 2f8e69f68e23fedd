/* SPDX-License-Identifier: MIT */
/* Accessors by GPU address. Every access walks; nothing is kept from one to the next. */
#include "mem.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "ppgtt.h"

/* Flat, and written field by field: these are made for every page of a copy. */
struct span {
	uint64_t addr; /* in local memory if @vram, else on the bus */
	size_t len;
	bool vram, null;
};

#define SPANS 18u /* 17 pages of 64 KiB, and one to try */

/* Where a piece leads to; neighbours are one span. */
struct spans {
	unsigned int n;
	struct span s[SPANS];
};

_Thread_local struct mem_fault mem_fault;

enum miss { FOUND, NO_GGTT_ENTRY, NO_PAGE };

/* Translates the start of [addr, addr + len) and says how far the result reaches. Tells nobody. */
static enum miss look_up(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp,
			 uint64_t addr, size_t len, bool write, struct span *s,
			 struct ppgtt_cursor *cur, struct ppgtt_leaf *leaf, enum ppgtt_status *st)
{
	size_t page = 4096 - (addr & 4095);
	struct place at;

	s->len = page < len ? page : len;
	s->null = false;
	if (sp.ggtt) {
		if (!ggtt_walk(&h->ggtt, addr, &at) || (at.vram && !h->vram.size))
			return NO_GGTT_ENTRY;
		s->addr = at.addr;
		s->vram = at.vram;
		return FOUND;
	}
	*st = ppgtt_walk(h, who, sp.root, addr, len, write, leaf, cur);
	if (*st != PPGTT_OK)
		return NO_PAGE;
	s->addr = leaf->at.addr;
	s->vram = leaf->at.vram;
	s->null = leaf->null;
	s->len = leaf->bytes < len ? leaf->bytes : len;
	return FOUND;
}

/* The same, and a failure is counted, witnessed (unless @quiet) and noted. Returns 0 or -EFAULT. */
static int translate(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp,
		     uint64_t addr, size_t len, bool write, bool quiet, struct span *s,
		     struct ppgtt_cursor *cur)
{
	struct ppgtt_leaf leaf;
	enum ppgtt_status st;

	switch (look_up(h, who, sp, addr, len, write, s, cur, &leaf, &st)) {
	case FOUND:
		return 0;
	case NO_GGTT_ENTRY:
		h->ggtt_faults++;
		if (!quiet)
			vgpu_witness(h->g, WITNESS_GGTT_FAULT, who, addr, len, write,
				     "GGTT entry not valid");
		break;
	case NO_PAGE:
		h->ppgtt_faults++;
		if (st == PPGTT_TABLE_ERROR && !quiet)
			vgpu_witness(h->g, WITNESS_PPGTT_FAULT, who, addr & PPGTT_VA_MASK, len,
				     write, "page table not readable");
		else if (!mem_fault.valid)
			mem_fault = (struct mem_fault){ .valid = st != PPGTT_TABLE_ERROR,
							.write = write,
							.read_only = st == PPGTT_READ_ONLY,
							.level = leaf.level,
							.addr = addr & PPGTT_VA_MASK };
		break;
	}
	return -EFAULT;
}

/*
 * Translates [addr, addr + len) as far as it goes. Returns the bytes that translate; 0 if the first
 * does not, which then is dealt with as above and @l->s[0].len says how many bytes that is.
 */
static size_t translate_piece(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp,
			      uint64_t addr, size_t len, bool write, bool quiet, struct spans *l,
			      struct ppgtt_cursor *cur)
{
	struct span *last = l->s;
	struct ppgtt_leaf leaf;
	enum ppgtt_status st;
	size_t sum;

	l->n = 1;
	if (translate(h, who, sp, addr, len, write, quiet, last, cur))
		return 0;
	sum = last->len;
	while (sum < len && l->n < SPANS) {
		struct span *next = last + 1;

		if (look_up(h, who, sp, addr + sum, len - sum, write, next, cur, &leaf, &st) != FOUND)
			break;
		sum += next->len;
		if (next->null == last->null && next->vram == last->vram &&
		    (next->null || next->addr == last->addr + last->len)) {
			last->len += next->len;
		} else {
			last = next;
			l->n++;
		}
	}
	return sum;
}

/* The access itself, translated. Return 0 or -EIO. */
static int read_at(struct vgpu_hw *h, const struct dma_origin *who, const struct span *s, void *buf)
{
	enum dma_status st = s->vram ? vram_read(h, s->addr, buf, s->len, who) :
					  vgpu_dma_read(h->g, s->addr, buf, s->len, who);

	return st == DMA_OK ? 0 : -EIO;
}

static int write_at(struct vgpu_hw *h, const struct dma_origin *who, const struct span *s,
		    const void *buf)
{
	enum dma_status st = s->vram ? vram_write(h, s->addr, buf, s->len, who) :
					  vgpu_dma_write(h->g, s->addr, buf, s->len, who);

	return st == DMA_OK ? 0 : -EIO;
}

/* Both ways of access, of which each caller has one: inlined, it does not ask which. */
static inline __attribute__((always_inline)) int access_mem(struct vgpu_hw *h,
							    const struct dma_origin *who,
							    struct mem_space sp, uint64_t addr,
							    char *buf, size_t len, bool write)
{
	struct ppgtt_cursor cur;
	struct spans l;
	int ret = 0;

	ppgtt_cursor_init(&cur);
	pthread_rwlock_rdlock(&h->xlat);
	while (len) {
		size_t in = translate_piece(h, who, sp, addr, len, write, ret == -EFAULT, &l, &cur);
		int err = in ? 0 : -EFAULT;

		for (struct span *s = l.s; s < l.s + l.n; s++) {
			if (in && !s->null)
				err = write ? write_at(h, who, s, buf) : read_at(h, who, s, buf);
			else if (!write)
				memset(buf, 0, s->len);
			if (err && ret != -EFAULT)
				ret = err;
			buf += s->len;
			addr += s->len;
			len -= s->len;
		}
	}
	pthread_rwlock_unlock(&h->xlat);
	return ret;
}

int mem_read(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	     void *buf, size_t len)
{
	return access_mem(h, who, sp, addr, buf, len, false);
}

int mem_write(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	      const void *buf, size_t len)
{
	return access_mem(h, who, sp, addr, (char *)buf, len, true);
}

/* Goes through two lists of spans in steps that lie in one span of either. */
struct pairs {
	const struct span *to, *from;
	size_t to_off, from_off, left;
};

static struct span part(const struct span *s, size_t off, size_t len)
{
	return (struct span){ .addr = s->addr + off, .len = len, .vram = s->vram, .null = s->null };
}

/* Length of the next step, 0 at the end. */
static size_t pair_len(const struct pairs *p)
{
	size_t len = p->left;

	if (!len)
		return 0;
	len = len < p->to->len - p->to_off ? len : p->to->len - p->to_off;
	return len < p->from->len - p->from_off ? len : p->from->len - p->from_off;
}

static void pair_done(struct pairs *p, size_t len)
{
	p->left -= len;
	p->to_off += len;
	p->from_off += len;
	if (p->to_off == p->to->len) {
		p->to_off = 0;
		p->to++;
	}
	if (p->from_off == p->from->len) {
		p->from_off = 0;
		p->from++;
	}
}

static bool direct_side(struct vgpu_hw *h, const struct span *s, size_t off, size_t len, bool write,
			struct dma_side *side)
{
	if (s->null)
		return false;
	side->iova = s->addr + off;
	side->mem = s->vram ? vram_direct(h, s->addr + off, len, write) : NULL;
	return !s->vram || side->mem;
}

/* All of it in one go, if nobody needs to hear of it. */
static bool copy_direct(struct vgpu_hw *h, struct pairs p)
{
	struct dma_seg segs[2 * SPANS], *seg = segs;

	for (; (seg->len = pair_len(&p)); pair_done(&p, seg->len), seg++)
		if (!direct_side(h, p.from, p.from_off, seg->len, false, &seg->src) ||
		    !direct_side(h, p.to, p.to_off, seg->len, true, &seg->dst))
			return false;
	return vgpu_dma_copy(h->g, segs, (unsigned int)(seg - segs));
}

/* The long way; ends at what fails. */
static int copy_slowly(struct vgpu_hw *h, const struct dma_origin *who, struct pairs p)
{
	uint8_t buf[4096];
	size_t len;
	int err = 0;

	for (; !err && (len = pair_len(&p)); pair_done(&p, len)) {
		struct span from, to;

		len = len < sizeof(buf) ? len : sizeof(buf);
		from = part(p.from, p.from_off, len);
		to = part(p.to, p.to_off, len);
		if (from.null)
			memset(buf, 0, len);
		else
			err = read_at(h, who, &from, buf);
		if (!err && !to.null)
			err = write_at(h, who, &to, buf);
	}
	return err;
}

int mem_copy(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t dst,
	     uint64_t src, size_t len)
{
	struct ppgtt_cursor from_cur, to_cur;
	struct spans from, to;
	int err = 0;

	ppgtt_cursor_init(&from_cur);
	ppgtt_cursor_init(&to_cur);
	pthread_rwlock_rdlock(&h->xlat);
	while (len && !err) {
		size_t n = translate_piece(h, who, sp, src, len, false, false, &from, &from_cur);
		struct pairs p = { .to = to.s, .from = from.s };

		if (n)
			n = translate_piece(h, who, sp, dst, n, true, false, &to, &to_cur);
		p.left = n;
		if (!n)
			err = -EFAULT;
		else if (!copy_direct(h, p))
			err = copy_slowly(h, who, p);
		src += n;
		dst += n;
		len -= n;
	}
	pthread_rwlock_unlock(&h->xlat);
	return err;
}

/* A word that is in one span: 4 bytes are read or written, 8 are written. */
static enum dma_status word_at(struct vgpu_hw *h, const struct dma_origin *who, const struct span *s,
			       bool write, void *val)
{
	if (!write)
		return s->vram ? vram_read32(h, s->addr, val, who) :
				 vgpu_dma_read32(h->g, s->addr, val, who);
	if (s->len == 4)
		return s->vram ? vram_write32(h, s->addr, *(uint32_t *)val, who) :
				 vgpu_dma_write32(h->g, s->addr, *(uint32_t *)val, who);
	return s->vram ? vram_write64(h, s->addr, *(uint64_t *)val, who) :
			 vgpu_dma_write64(h->g, s->addr, *(uint64_t *)val, who);
}

static int word(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		size_t len, bool write, void *val)
{
	struct span s;
	int err;

	if (addr & (len - 1))
		return write ? mem_write(h, who, sp, addr, val, len) :
			       mem_read(h, who, sp, addr, val, len);
	pthread_rwlock_rdlock(&h->xlat);
	err = translate(h, who, sp, addr, len, write, false, &s, NULL);
	if (!err && !s.null && word_at(h, who, &s, write, val) != DMA_OK)
		err = -EIO;
	pthread_rwlock_unlock(&h->xlat);
	return err;
}

int mem_read32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	       uint32_t *val)
{
	*val = 0;
	return word(h, who, sp, addr, sizeof(*val), false, val);
}

int mem_write32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint32_t val)
{
	return word(h, who, sp, addr, sizeof(val), true, &val);
}

int mem_write64(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint64_t val)
{
	return word(h, who, sp, addr, sizeof(val), true, &val);
}
