// SPDX-License-Identifier: MIT
/*
 * Accesses by engines through the DMA table: one hold of its lock a piece, one move a run of pages
 * that are neighbours on the host, too.
 */
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "dma_table.h"

/* ---- memory that may vanish: a client can truncate a file it gave us -------- */

static _Thread_local sigjmp_buf *guard;

static void on_sigbus(int sig)
{
	if (guard)
		siglongjmp(*guard, 1);
	signal(sig, SIG_DFL);
}

void vgpu_dma_catch_sigbus(void)
{
	struct sigaction sa = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &sa, NULL);
}

/* As memcpy(), but every aligned 8 bytes of @src in one access. */
static void load_words(uint64_t *dst, const uint64_t *src, size_t len)
{
	for (size_t i = 0; i < len / 8; i++)
		dst[i] = __atomic_load_n(src + i, __ATOMIC_ACQUIRE);
}

/*
 * Moves @len bytes; @atomic: naturally aligned 4 bytes or words of 8, a single access each, of
 * which only one can be written. False if the host has no memory there any more.
 */
static bool __attribute__((noinline)) move(uint8_t *host, void *buf, size_t len, bool write,
					   bool atomic)
{
	sigjmp_buf env;
	bool ok = false;

	if (!sigsetjmp(env, 0)) {
		guard = &env;
		atomic_signal_fence(memory_order_seq_cst);
		if (atomic && len == 4 && write)
			__atomic_store_n((uint32_t *)host, *(uint32_t *)buf, __ATOMIC_RELEASE);
		else if (atomic && len == 4)
			*(uint32_t *)buf = __atomic_load_n((uint32_t *)host, __ATOMIC_ACQUIRE);
		else if (atomic && write)
			__atomic_store_n((uint64_t *)host, *(uint64_t *)buf, __ATOMIC_RELEASE);
		else if (atomic)
			load_words(buf, (uint64_t *)host, len);
		else if (write)
			memmove(host, buf, len); /* of a copy between two names of one page */
		else
			memcpy(buf, host, len);
		atomic_signal_fence(memory_order_seq_cst);
		guard = NULL;
		ok = true;
	} else {
		guard = NULL;
	}
	return ok;
}

/* ---- accesses --------------------------------------------------------------- */

/* A run of neighbouring bytes that failed for one reason. */
struct fault {
	enum dma_status status;
	uint64_t iova, len, tomb_us;
	bool unbacked;
};

static void report(struct vgpu *g, const struct fault *f, bool write, const struct dma_origin *who)
{
	const char *dir = write ? "write" : "read";

	if (f->status == DMA_OK)
		return;
	g->dma->faults++;
	switch (f->status) {
	case DMA_AFTER_UNMAP:
		vgpu_witness(g, WITNESS_DMA_AFTER_UNMAP, who, f->iova, f->len, write,
			     "%s of an address unmapped %llu us ago", dir,
			     (unsigned long long)(vgpu_now_us() - f->tomb_us));
		break;
	case DMA_NEVER_MAPPED:
		vgpu_witness(g, WITNESS_DMA_NEVER_MAPPED, who, f->iova, f->len, write,
			     "%s of an address %s", dir,
			     f->unbacked ? "mapped without memory behind it" : "never mapped");
		break;
	case DMA_READ_ONLY:
		vgpu_witness(g, WITNESS_DMA_READ_ONLY, who, f->iova, f->len, write,
			     "%s of a %s mapping", dir, write ? "read-only" : "write-only");
		break;
	case DMA_NO_BUS_MASTER:
		vgpu_witness(g, WITNESS_DMA_NO_BUS_MASTER, who, f->iova, f->len, write,
			     "%s with bus master off", dir);
		break;
	case DMA_OK:
	case DMA_DEAD:
		break;
	}
}

/* Bytes from @addr to the end of its page. */
static size_t in_page(uint64_t addr)
{
	return VGPU_PAGE_SIZE - (addr & (VGPU_PAGE_SIZE - 1));
}

/* Looks up the page of @iova, and what follows it in the next @len bytes. Lock held. */
static struct dma_found find(const struct vgpu_dma *d, uint64_t iova, uint64_t len)
{
	uint64_t end = (iova & (VGPU_PAGE_SIZE - 1)) + len + VGPU_PAGE_SIZE - 1;

	return dma_tree_find(&d->tree, iova >> VGPU_PAGE_SHIFT, end >> VGPU_PAGE_SHIFT);
}

/*
 * Shortens *@len to what of @iova on is one run on the host, and returns its memory; NULL if there
 * is none, which for a mapping means one without. Lock held.
 */
static uint8_t *memory(const struct vgpu_dma *d, const struct dma_found *e, uint64_t iova,
		       uint64_t *len)
{
	uint64_t off = iova & (VGPU_PAGE_SIZE - 1);
	uint64_t pos = (e->pgoff << VGPU_PAGE_SHIFT) + off;

	if (*len > (e->run << VGPU_PAGE_SHIFT) - off)
		*len = (e->run << VGPU_PAGE_SHIFT) - off;
	if (e->slot != DMA_SLOT_MAP || !e->file || pos + *len > d->files[e->file].size)
		return NULL;
	return d->files[e->file].base + pos;
}

/* A run of the access, lock held. @f->len: the most it may be. Fills @f with what happened. */
static void access_run(struct vgpu_dma *d, struct fault *f, uint8_t *buf, bool write, bool atomic)
{
	struct dma_found e = find(d, f->iova, f->len);
	uint8_t *host = memory(d, &e, f->iova, &f->len);

	f->tomb_us = 0;
	f->unbacked = false;
	if (e.slot != DMA_SLOT_MAP) {
		f->status = e.slot == DMA_SLOT_TOMB ? DMA_AFTER_UNMAP : DMA_NEVER_MAPPED;
		f->tomb_us = e.tomb_us;
	} else if (!(e.prot & (write ? VGPU_DMA_WRITE : VGPU_DMA_READ))) {
		f->status = DMA_READ_ONLY;
	} else {
		f->unbacked = !host || !move(host, buf, f->len, write, atomic);
		if (f->unbacked && f->len > in_page(f->iova)) {
			/* some page of the run is gone: one at a time tells which */
			f->len = in_page(f->iova);
			f->unbacked = !host || !move(host, buf, f->len, write, atomic);
		}
		f->status = f->unbacked ? DMA_NEVER_MAPPED : DMA_OK;
	}
	if (f->status != DMA_OK && !write)
		memset(buf, 0, f->len);
}

/* At most VGPU_DMA_PIECE bytes under one hold of the lock. */
static enum dma_status access_piece(struct vgpu *g, uint64_t iova, uint8_t *buf, size_t len,
				    bool write, bool atomic, const struct dma_origin *who)
{
	struct fault run = { .status = DMA_OK, .iova = iova };
	enum dma_status first = DMA_OK;
	struct vgpu_dma *d = g->dma;
	uint64_t good = 0;

	pthread_rwlock_rdlock(&d->lock);
	if (vgpu_is_dead(g) || !d->bus_master) {
		first = vgpu_is_dead(g) ? DMA_DEAD : DMA_NO_BUS_MASTER;
		run.status = first;
		run.len = len;
		if (!write)
			memset(buf, 0, len);
		goto out;
	}
	while (len) {
		struct fault f = { .iova = iova, .len = len };

		access_run(d, &f, buf, write, atomic);
		if (f.status == DMA_OK)
			good += f.len;
		else if (first == DMA_OK)
			first = f.status;
		if (f.status == run.status && f.unbacked == run.unbacked) {
			run.len += f.len;
		} else {
			report(g, &run, write, who);
			run = f;
		}
		iova += f.len;
		buf += f.len;
		len -= f.len;
	}
out:
	pthread_rwlock_unlock(&d->lock);
	report(g, &run, write, who);
	d->bytes += good;
	return first;
}

static enum dma_status dma_access(struct vgpu *g, uint64_t iova, void *buf, size_t len, bool write,
				  bool atomic, const struct dma_origin *who)
{
	enum dma_status first = DMA_OK;
	uint64_t at = iova, bad = 0;
	struct vgpu_verdict v;
	uint8_t *p = buf;

	v = vgpu_event(g, write ? EVENT_DMA_WRITE : EVENT_DMA_READ, who, iova, len);
	if (write)
		g->dma->writes++;
	else
		g->dma->reads++;
	if (atomic_load_explicit(&g->gone, memory_order_relaxed) && len)
		vgpu_witness(g, WITNESS_DMA_AFTER_REMOVE, who, iova, len, write,
			     "%s after remove() returned", write ? "write" : "read");
	if (write && v.action == ACTION_DROP)
		return DMA_OK;
	if (write && v.action == ACTION_CORRUPT && len) {
		size_t n = len < sizeof(bad) ? len : sizeof(bad);

		memcpy(&bad, p, n);
		vgpu_distort(&bad, n, v);
		first = access_piece(g, at, (uint8_t *)&bad, n, true, atomic && n == len, who);
		at += n;
		p += n;
		len -= n;
	}
	while (len) {
		/* pieces end at multiples of their size, so pages are never cut in two */
		size_t n = VGPU_DMA_PIECE - (at & (VGPU_DMA_PIECE - 1));
		enum dma_status s;

		if (n > len)
			n = len;
		s = access_piece(g, at, p, n, write, atomic, who);
		if (first == DMA_OK)
			first = s;
		at += n;
		p += n;
		len -= n;
	}
	if (!write)
		vgpu_distort(buf, (size_t)(at - iova), v);
	return first;
}

/* ---- copies without a detour ------------------------------------------------- */

/* Host memory of the side of a copy that is @done bytes on; *@len shrinks to what is one run. */
static uint8_t *side(struct vgpu_dma *d, const struct dma_side *s, size_t done, uint64_t *len,
		     uint32_t prot)
{
	struct dma_found e;
	uint8_t *host;

	if (s->mem)
		return s->mem + done;
	e = find(d, s->iova + done, *len);
	host = memory(d, &e, s->iova + done, len);
	return e.prot & prot ? host : NULL;
}

struct run {
	uint8_t *to, *from;
	size_t len;
};

#define RUNS 34u /* a piece of 64 KiB in pages, neither side of which begins or ends with the other */

/*
 * The next run's beginning is asked for while this one is copied: with pages all over the memory each
 * would begin with misses of cache and TLB that no hardware foresees.
 */
static void move_runs(const struct run *r, unsigned int n)
{
	for (; n; n--, r++) {
		if (n > 1) {
			__builtin_prefetch(r[1].from);
			__builtin_prefetch(r[1].to, 1);
		}
		memmove(r->to, r->from, r->len); /* two names of one page may be copied */
	}
}

/* Lock and guard held. Neighbouring runs become one. */
static bool copy_runs(struct vgpu *g, const struct dma_seg *segs, unsigned int n)
{
	struct vgpu_dma *d = g->dma;
	struct run runs[RUNS], *r = runs;
	uint64_t len;

	r->len = 0;
	for (const struct dma_seg *s = segs; s < segs + n; s++) {
		if (vgpu_is_dead(g) || (!d->bus_master && !(s->dst.mem && s->src.mem)))
			return false;
		for (size_t done = 0; done < s->len; done += len) {
			uint8_t *a, *b;

			len = s->len - done;
			a = side(d, &s->src, done, &len, VGPU_DMA_READ);
			b = a ? side(d, &s->dst, done, &len, VGPU_DMA_WRITE) : NULL;
			if (!b)
				return false;
			if (r->len && a == r->from + r->len && b == r->to + r->len) {
				r->len += len;
				continue;
			}
			if (r->len && ++r == runs + RUNS) {
				move_runs(runs, RUNS);
				r = runs;
			}
			*r = (struct run){ b, a, len };
		}
	}
	move_runs(runs, (unsigned int)(r - runs) + (r->len != 0));
	return true;
}

static bool __attribute__((noinline)) copy_guarded(struct vgpu *g, const struct dma_seg *segs,
						   unsigned int n)
{
	sigjmp_buf env;
	bool ok;

	if (sigsetjmp(env, 0)) {
		guard = NULL;
		return false;
	}
	guard = &env;
	atomic_signal_fence(memory_order_seq_cst);
	ok = copy_runs(g, segs, n);
	atomic_signal_fence(memory_order_seq_cst);
	guard = NULL;
	return ok;
}

bool vgpu_dma_copy(struct vgpu *g, const struct dma_seg *segs, unsigned int n)
{
	uint64_t reads = 0, writes = 0, bytes = 0;
	struct vgpu_dma *d = g->dma;
	bool ok;

	if (atomic_load(&g->gone) || atomic_load(&g->watched))
		return false;
	pthread_rwlock_rdlock(&d->lock);
	ok = copy_guarded(g, segs, n);
	pthread_rwlock_unlock(&d->lock);
	if (!ok)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		reads += !segs[i].src.mem;
		writes += !segs[i].dst.mem;
		bytes += (!segs[i].src.mem + !segs[i].dst.mem) * segs[i].len;
	}
	d->reads += reads;
	d->writes += writes;
	d->bytes += bytes;
	return true;
}

enum dma_status vgpu_dma_read(struct vgpu *g, uint64_t iova, void *buf, size_t len,
			      const struct dma_origin *who)
{
	return dma_access(g, iova, buf, len, false, false, who);
}

enum dma_status vgpu_dma_write(struct vgpu *g, uint64_t iova, const void *buf, size_t len,
			       const struct dma_origin *who)
{
	/* the write direction never stores through it */
	return dma_access(g, iova, (void *)(uintptr_t)buf, len, true, false, who);
}

enum dma_status vgpu_dma_read32(struct vgpu *g, uint64_t iova, uint32_t *val,
				const struct dma_origin *who)
{
	return dma_access(g, iova, val, sizeof(*val), false, !(iova & 3), who);
}

enum dma_status vgpu_dma_read64(struct vgpu *g, uint64_t iova, uint64_t *val,
				const struct dma_origin *who)
{
	return dma_access(g, iova, val, sizeof(*val), false, !(iova & 7), who);
}

enum dma_status vgpu_dma_read_words(struct vgpu *g, uint64_t iova, uint64_t *vals, unsigned int n,
				    const struct dma_origin *who)
{
	return dma_access(g, iova, vals, n * sizeof(*vals), false, !(iova & 7), who);
}

enum dma_status vgpu_dma_write32(struct vgpu *g, uint64_t iova, uint32_t val,
				 const struct dma_origin *who)
{
	return dma_access(g, iova, &val, sizeof(val), true, !(iova & 3), who);
}

enum dma_status vgpu_dma_write64(struct vgpu *g, uint64_t iova, uint64_t val,
				 const struct dma_origin *who)
{
	return dma_access(g, iova, &val, sizeof(val), true, !(iova & 7), who);
}
