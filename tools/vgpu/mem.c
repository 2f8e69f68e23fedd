/* SPDX-License-Identifier: MIT */
/* Accessors by GPU address. Every access walks; nothing is kept from one to the next. */
#include "mem.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "ppgtt.h"

struct span {
	struct place at;
	size_t len;
	bool null;
};

_Thread_local struct mem_fault mem_fault;

/* Translates the start of [addr, addr + len) and says how far the result reaches. */
static int translate(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp,
		     uint64_t addr, size_t len, bool write, bool quiet, struct span *s,
		     struct ppgtt_cursor *cur)
{
	struct ppgtt_leaf leaf;
	enum ppgtt_status st;
	size_t page = 4096 - (addr & 4095);

	s->len = page < len ? page : len;
	s->null = false;
	if (sp.ggtt) {
		if (ggtt_walk(&h->ggtt, addr, &s->at) && (!s->at.vram || h->vram.size))
			return 0;
		h->ggtt_faults++;
		if (!quiet)
			vgpu_witness(h->g, WITNESS_GGTT_FAULT, who, addr, len, write,
				     "GGTT entry not valid");
		return -EFAULT;
	}
	st = ppgtt_walk(h, who, sp.root, addr, write, &leaf, cur);
	if (st != PPGTT_OK) {
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
		return -EFAULT;
	}
	s->at = leaf.at;
	s->null = leaf.null;
	s->len = leaf.bytes < len ? leaf.bytes : len;
	return 0;
}

/* The access itself, translated. Return 0 or -EIO. */
static int read_at(struct vgpu_hw *h, const struct dma_origin *who, const struct span *s, void *buf)
{
	enum dma_status st = s->at.vram ? vram_read(h, s->at.addr, buf, s->len, who) :
					  vgpu_dma_read(h->g, s->at.addr, buf, s->len, who);

	return st == DMA_OK ? 0 : -EIO;
}

static int write_at(struct vgpu_hw *h, const struct dma_origin *who, const struct span *s,
		    const void *buf)
{
	enum dma_status st = s->at.vram ? vram_write(h, s->at.addr, buf, s->len, who) :
					  vgpu_dma_write(h->g, s->at.addr, buf, s->len, who);

	return st == DMA_OK ? 0 : -EIO;
}

int mem_read(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	     void *buf, size_t len)
{
	struct ppgtt_cursor cur = { 0 };
	char *p = buf;
	int ret = 0;

	pthread_rwlock_rdlock(&h->xlat);
	while (len) {
		struct span s;
		int err = translate(h, who, sp, addr, len, false, ret == -EFAULT, &s, &cur);

		if (err || s.null)
			memset(p, 0, s.len);
		else
			err = read_at(h, who, &s, p);
		if (err && ret != -EFAULT)
			ret = err;
		p += s.len;
		addr += s.len;
		len -= s.len;
	}
	pthread_rwlock_unlock(&h->xlat);
	return ret;
}

int mem_write(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	      const void *buf, size_t len)
{
	struct ppgtt_cursor cur = { 0 };
	const char *p = buf;
	int ret = 0;

	pthread_rwlock_rdlock(&h->xlat);
	while (len) {
		struct span s;
		int err = translate(h, who, sp, addr, len, true, ret == -EFAULT, &s, &cur);

		if (!err && !s.null)
			err = write_at(h, who, &s, p);
		if (err && ret != -EFAULT)
			ret = err;
		p += s.len;
		addr += s.len;
		len -= s.len;
	}
	pthread_rwlock_unlock(&h->xlat);
	return ret;
}

/* One piece that both translations cover. */
static int copy_at(struct vgpu_hw *h, const struct dma_origin *who, struct span *to, struct span *from)
{
	uint8_t buf[4096];
	size_t len = to->len < from->len ? to->len : from->len;
	int err = 0;

	if (!to->at.vram && !from->at.vram && !to->null && !from->null &&
	    vgpu_dma_copy(h->g, to->at.addr, from->at.addr, len)) {
		to->len = len;
		return 0;
	}
	len = len < sizeof(buf) ? len : sizeof(buf);
	to->len = from->len = len;
	if (from->null)
		memset(buf, 0, len);
	else
		err = read_at(h, who, from, buf);
	if (!err && !to->null)
		err = write_at(h, who, to, buf);
	return err;
}

int mem_copy(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t dst,
	     uint64_t src, size_t len)
{
	struct ppgtt_cursor from_cur = { 0 }, to_cur = { 0 };
	int err = 0;

	pthread_rwlock_rdlock(&h->xlat);
	while (len && !err) {
		struct span from, to;

		err = translate(h, who, sp, src, len, false, false, &from, &from_cur);
		if (!err)
			err = translate(h, who, sp, dst, len, true, false, &to, &to_cur);
		if (!err)
			err = copy_at(h, who, &to, &from);
		if (err)
			break;
		src += to.len;
		dst += to.len;
		len -= to.len;
	}
	pthread_rwlock_unlock(&h->xlat);
	return err;
}

int mem_read32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	       uint32_t *val)
{
	struct span s;
	int err;

	*val = 0;
	if (addr & 3)
		return mem_read(h, who, sp, addr, val, sizeof(*val));
	pthread_rwlock_rdlock(&h->xlat);
	err = translate(h, who, sp, addr, 4, false, false, &s, NULL);
	if (!err && !s.null && (s.at.vram ? vram_read32(h, s.at.addr, val, who) :
					    vgpu_dma_read32(h->g, s.at.addr, val, who)) != DMA_OK)
		err = -EIO;
	pthread_rwlock_unlock(&h->xlat);
	return err;
}

int mem_write32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint32_t val)
{
	struct span s;
	int err;

	if (addr & 3)
		return mem_write(h, who, sp, addr, &val, sizeof(val));
	pthread_rwlock_rdlock(&h->xlat);
	err = translate(h, who, sp, addr, 4, true, false, &s, NULL);
	if (!err && !s.null && (s.at.vram ? vram_write32(h, s.at.addr, val, who) :
					    vgpu_dma_write32(h->g, s.at.addr, val, who)) != DMA_OK)
		err = -EIO;
	pthread_rwlock_unlock(&h->xlat);
	return err;
}

int mem_write64(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint64_t val)
{
	struct span s;
	int err;

	if (addr & 7)
		return mem_write(h, who, sp, addr, &val, sizeof(val));
	pthread_rwlock_rdlock(&h->xlat);
	err = translate(h, who, sp, addr, 8, true, false, &s, NULL);
	if (!err && !s.null && (s.at.vram ? vram_write64(h, s.at.addr, val, who) :
					    vgpu_dma_write64(h->g, s.at.addr, val, who)) != DMA_OK)
		err = -EIO;
	pthread_rwlock_unlock(&h->xlat);
	return err;
}
