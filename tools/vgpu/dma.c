// SPDX-License-Identifier: MIT
/*
 * DMA table. The client's requests come from the loop thread and take the lock
 * for writing; accesses by engines take it for reading, one piece at a time.
 * A file is mapped into the process once, however many IOVA pages point into
 * it: with a vIOMMU every 4 KiB arrives as a request of its own.
 */
#define _GNU_SOURCE
#include "dma.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dma_tree.h"
#include "log.h"

struct backing {
	dev_t dev;
	ino_t ino;
	uint8_t *base;
	uint64_t size;
	bool writable;
};

struct vgpu_dma {
	pthread_rwlock_t lock;
	struct dma_tree tree;
	struct backing files[DMA_TREE_MAX_FILES]; /* [0] is "no memory" */
	uint32_t nfiles;
	bool bus_master;
	uint64_t maps, unmaps;
	atomic_ullong reads, writes, bytes, faults;
};

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

/*
 * Moves @len bytes; a naturally aligned 4 or 8 byte move is a single access.
 * False if the host has no memory there any more.
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
			*(uint64_t *)buf = __atomic_load_n((uint64_t *)host, __ATOMIC_ACQUIRE);
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

/* ---- table ------------------------------------------------------------------ */

struct vgpu_dma *vgpu_dma_new(void)
{
	struct vgpu_dma *d = calloc(1, sizeof(*d));
	pthread_rwlockattr_t attr;
	int err;

	if (!d)
		return NULL;
	err = dma_tree_init(&d->tree);
	if (err) {
		free(d);
		errno = -err;
		return NULL;
	}
	d->nfiles = 1;
	vgpu_dma_catch_sigbus();
	/* engines read without pause; an unmap must get its turn at once */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&d->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return d;
}

static void drop_files(struct vgpu_dma *d)
{
	for (uint32_t i = 1; i < d->nfiles; i++)
		munmap(d->files[i].base, d->files[i].size);
	d->nfiles = 1;
}

void vgpu_dma_free(struct vgpu_dma *d)
{
	if (!d)
		return;
	drop_files(d);
	dma_tree_fini(&d->tree);
	pthread_rwlock_destroy(&d->lock);
	free(d);
}

/* Maps the whole file behind @fd unless it is mapped already; its number or -errno. */
static int backing_get(struct vgpu_dma *d, int fd, uint64_t end, uint32_t prot)
{
	struct backing b = { 0 };
	struct stat st;
	uint32_t i;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (uint64_t)st.st_size < end)
		return -EINVAL;
	if ((flags & O_ACCMODE) == O_WRONLY || flags & O_PATH)
		return -EACCES;
	b.writable = (flags & O_ACCMODE) == O_RDWR;
	if (prot & VGPU_DMA_WRITE && !b.writable)
		return -EACCES;
	for (i = 1; i < d->nfiles; i++)
		if (d->files[i].dev == st.st_dev && d->files[i].ino == st.st_ino)
			break;
	if (i < d->nfiles && d->files[i].size >= end &&
	    (d->files[i].writable || !(prot & VGPU_DMA_WRITE)))
		return (int)i;
	if (i == DMA_TREE_MAX_FILES)
		return -ENOSPC;

	b.dev = st.st_dev;
	b.ino = st.st_ino;
	b.size = (uint64_t)st.st_size;
	if (i < d->nfiles)
		b.writable |= d->files[i].writable && (flags & O_ACCMODE) == O_RDWR;
	b.base = mmap(NULL, b.size, PROT_READ | (b.writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (b.base == MAP_FAILED)
		return -ENOMEM;
	if (i < d->nfiles) {
		/* the file has grown; old entries go on with the new view of it */
		if (d->files[i].size > b.size || (d->files[i].writable && !b.writable)) {
			munmap(b.base, b.size);
			return -EACCES;
		}
		munmap(d->files[i].base, d->files[i].size);
	} else {
		d->nfiles++;
	}
	d->files[i] = b;
	return (int)i;
}

static bool aligned(uint64_t v)
{
	return !(v & (VGPU_PAGE_SIZE - 1));
}

int vgpu_dma_map(struct vgpu_dma *d, uint64_t iova, uint64_t size, int fd, uint64_t offset,
		 uint32_t prot)
{
	const uint64_t limit = 1ull << VGPU_DMA_ADDR_BITS;
	uint64_t first, last;
	int file = 0, err;

	if (!size || !aligned(iova) || !aligned(size) || prot & ~(VGPU_DMA_READ | VGPU_DMA_WRITE))
		return -EINVAL;
	if (iova >= limit || size > limit - iova)
		return -EINVAL;
	if (fd >= 0 && (!aligned(offset) || offset > UINT64_MAX - size))
		return -EINVAL;
	first = iova >> VGPU_PAGE_SHIFT;
	last = first + (size >> VGPU_PAGE_SHIFT) - 1;

	pthread_rwlock_wrlock(&d->lock);
	err = -EEXIST;
	if (dma_tree_any(&d->tree, first, last))
		goto out;
	if (fd >= 0) {
		file = backing_get(d, fd, offset + size, prot);
		err = file;
		if (file < 0)
			goto out;
	}
	err = dma_tree_map(&d->tree, first, last, (uint32_t)file, offset >> VGPU_PAGE_SHIFT, prot,
			   vgpu_now_us());
	if (!err)
		d->maps++;
out:
	pthread_rwlock_unlock(&d->lock);
	return err;
}

int vgpu_dma_unmap(struct vgpu_dma *d, uint64_t iova, uint64_t size)
{
	const uint64_t limit = 1ull << VGPU_DMA_ADDR_BITS;
	int err = 0;

	if (!aligned(iova) || !aligned(size) || (size && iova + (size - 1) < iova))
		return -EINVAL;
	pthread_rwlock_wrlock(&d->lock);
	if (size && iova < limit) {
		if (size > limit - iova)
			size = limit - iova;
		err = dma_tree_unmap(&d->tree, iova >> VGPU_PAGE_SHIFT,
				     ((iova + size) >> VGPU_PAGE_SHIFT) - 1, vgpu_now_us());
	}
	if (!err)
		d->unmaps++;
	pthread_rwlock_unlock(&d->lock);
	return err;
}

void vgpu_dma_unmap_all(struct vgpu_dma *d)
{
	pthread_rwlock_wrlock(&d->lock);
	dma_tree_unmap(&d->tree, 0, (1ull << DMA_TREE_BITS) - 1, vgpu_now_us());
	d->unmaps++;
	pthread_rwlock_unlock(&d->lock);
}

void vgpu_dma_reset(struct vgpu_dma *d)
{
	struct dma_tree old;

	pthread_rwlock_wrlock(&d->lock);
	old = d->tree;
	if (dma_tree_init(&d->tree)) {
		/* no memory for one page: keep the tree, with everything unmapped */
		d->tree = old;
		dma_tree_unmap(&d->tree, 0, (1ull << DMA_TREE_BITS) - 1, vgpu_now_us());
	} else {
		dma_tree_fini(&old);
	}
	drop_files(d);
	d->bus_master = false;
	pthread_rwlock_unlock(&d->lock);
}

void vgpu_dma_set_bus_master(struct vgpu_dma *d, bool on)
{
	pthread_rwlock_wrlock(&d->lock);
	d->bus_master = on;
	pthread_rwlock_unlock(&d->lock);
}

bool vgpu_dma_bus_master(struct vgpu_dma *d)
{
	bool on;

	pthread_rwlock_rdlock(&d->lock);
	on = d->bus_master;
	pthread_rwlock_unlock(&d->lock);
	return on;
}

void vgpu_dma_fence(struct vgpu_dma *d)
{
	pthread_rwlock_wrlock(&d->lock);
	pthread_rwlock_unlock(&d->lock);
}

void vgpu_dma_get_stats(struct vgpu_dma *d, struct vgpu_dma_stats *out)
{
	pthread_rwlock_rdlock(&d->lock);
	*out = (struct vgpu_dma_stats){
		.live_pages = d->tree.live_pages,
		.unbacked_pages = d->tree.unbacked_pages,
		.tables = d->tree.nodes,
		.files = d->nfiles - 1,
		.maps = d->maps,
		.unmaps = d->unmaps,
		.reads = d->reads,
		.writes = d->writes,
		.bytes = d->bytes,
		.faults = d->faults,
	};
	pthread_rwlock_unlock(&d->lock);
}

/* ---- accesses --------------------------------------------------------------- */

const char *dma_status_name(enum dma_status s)
{
	static const char *const names[] = {
		[DMA_OK] = "ok",
		[DMA_NEVER_MAPPED] = "never mapped",
		[DMA_AFTER_UNMAP] = "after unmap",
		[DMA_READ_ONLY] = "not permitted",
		[DMA_NO_BUS_MASTER] = "bus master off",
		[DMA_DEAD] = "device dead",
	};

	return (unsigned int)s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}

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

/* One page's part of an access, lock held. Fills @f with what happened. */
static void access_page(struct vgpu_dma *d, struct fault *f, uint8_t *buf, bool write, bool atomic)
{
	struct dma_found e = dma_tree_find(&d->tree, f->iova >> VGPU_PAGE_SHIFT);
	const struct backing *b;
	uint64_t pos;

	f->tomb_us = 0;
	f->unbacked = false;
	if (e.slot != DMA_SLOT_MAP) {
		f->status = e.slot == DMA_SLOT_TOMB ? DMA_AFTER_UNMAP : DMA_NEVER_MAPPED;
		f->tomb_us = e.tomb_us;
	} else if (!(e.prot & (write ? VGPU_DMA_WRITE : VGPU_DMA_READ))) {
		f->status = DMA_READ_ONLY;
	} else {
		b = &d->files[e.file];
		pos = (e.pgoff << VGPU_PAGE_SHIFT) + (f->iova & (VGPU_PAGE_SIZE - 1));
		f->unbacked = !e.file || pos + f->len > b->size ||
			      !move(b->base + pos, buf, f->len, write, atomic);
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
		struct fault f = { .iova = iova };

		f.len = VGPU_PAGE_SIZE - (iova & (VGPU_PAGE_SIZE - 1));
		if (f.len > len)
			f.len = len;
		access_page(d, &f, buf, write, atomic);
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

/* Host memory of @len bytes within one page, NULL if there is none for this direction. Lock held. */
static uint8_t *host_at(struct vgpu_dma *d, uint64_t iova, size_t len, uint32_t prot)
{
	struct dma_found e = dma_tree_find(&d->tree, iova >> VGPU_PAGE_SHIFT);
	uint64_t pos = (e.pgoff << VGPU_PAGE_SHIFT) + (iova & (VGPU_PAGE_SIZE - 1));
	const struct backing *b = &d->files[e.file];

	if (e.slot != DMA_SLOT_MAP || !(e.prot & prot) || !e.file || pos + len > b->size)
		return NULL;
	return b->base + pos;
}

bool vgpu_dma_copy(struct vgpu *g, uint64_t dst, uint64_t src, size_t len)
{
	struct vgpu_dma *d = g->dma;
	size_t left = len;

	if (atomic_load(&g->gone) || atomic_load(&g->watched))
		return false;
	pthread_rwlock_rdlock(&d->lock);
	while (left && !vgpu_is_dead(g) && d->bus_master) {
		size_t a = VGPU_PAGE_SIZE - (src & (VGPU_PAGE_SIZE - 1));
		size_t b = VGPU_PAGE_SIZE - (dst & (VGPU_PAGE_SIZE - 1));
		size_t n = a < b ? a : b;
		uint8_t *from, *to;

		if (n > left)
			n = left;
		from = host_at(d, src, n, VGPU_DMA_READ);
		to = host_at(d, dst, n, VGPU_DMA_WRITE);
		if (!from || !to || !move(to, from, n, true, false))
			break;
		src += n;
		dst += n;
		left -= n;
	}
	pthread_rwlock_unlock(&d->lock);
	if (left)
		return false;
	d->reads++;
	d->writes++;
	d->bytes += 2 * len;
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
