// SPDX-License-Identifier: MIT
/*
 * DMA table. The client's requests come from the loop thread and take the lock
 * for writing; accesses by engines (dma_access.c) take it for reading, one piece
 * at a time. A file is mapped into the process once, however many IOVA pages
 * point into it: with a vIOMMU every 4 KiB arrives as a request of its own.
 */
#define _GNU_SOURCE
#include "dma.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dma_table.h"

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
	uint64_t now;
	int err = 0;

	if (!aligned(iova) || !aligned(size) || (size && iova + (size - 1) < iova))
		return -EINVAL;
	dma_tree_prefetch(&d->tree, iova >> VGPU_PAGE_SHIFT);
	now = vgpu_now_us();
	pthread_rwlock_wrlock(&d->lock);
	if (size && iova < limit) {
		if (size > limit - iova)
			size = limit - iova;
		err = dma_tree_unmap(&d->tree, iova >> VGPU_PAGE_SHIFT,
				     ((iova + size) >> VGPU_PAGE_SHIFT) - 1, now);
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
