// SPDX-License-Identifier: MIT
/* Local memory. */
#define _GNU_SOURCE
#include "vram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

int vram_init(struct vram *v, uint64_t size)
{
	int err;

	v->mem = NULL;
	v->size = 0;
	v->fd = -1;
	if (!size)
		return 0;
	v->fd = memfd_create("vgpu-vram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (v->fd < 0)
		return -errno;
	/* the client gets the descriptor: it must not take the memory away under the engines */
	if (ftruncate(v->fd, (off_t)size) ||
	    fcntl(v->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	v->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, v->fd, 0);
	if (v->mem == MAP_FAILED)
		goto fail;
	v->size = size;
	return 0;
fail:
	err = -errno;
	v->mem = NULL;
	close(v->fd);
	v->fd = -1;
	return err;
}

void vram_fini(struct vram *v)
{
	if (v->mem)
		munmap(v->mem, v->size);
	if (v->fd >= 0)
		close(v->fd);
	v->mem = NULL;
	v->size = 0;
	v->fd = -1;
}

void vram_clear(struct vram *v)
{
	/* a hole gives the pages back, and they read as zero in every mapping */
	if (v->size && madvise(v->mem, v->size, MADV_REMOVE))
		memset(v->mem, 0, v->size);
}

/*
 * Counts and checks an access of @len bytes. @in: how many of them exist.
 * Nothing is done by a dead device.
 */
static enum dma_status admit(struct vgpu_hw *h, uint64_t at, size_t len, bool write,
			     const struct dma_origin *who, size_t *in)
{
	struct vram *v = &h->vram;
	const char *dir = write ? "write" : "read";

	*in = 0;
	if (vgpu_is_dead(h->g))
		return DMA_DEAD;
	if (write)
		v->writes++;
	else
		v->reads++;
	if (atomic_load_explicit(&h->g->gone, memory_order_relaxed) && len)
		vgpu_witness(h->g, WITNESS_VRAM_AFTER_REMOVE, who, at, len, write,
			     "%s of VRAM after remove() returned", dir);
	if (at < v->size)
		*in = v->size - at < len ? (size_t)(v->size - at) : len;
	if (*in == len)
		return DMA_OK;
	v->faults++;
	vgpu_witness(h->g, WITNESS_VRAM_FAULT, who, at + *in, len - *in, write,
		     "%s beyond the end of VRAM, which has %llu bytes", dir,
		     (unsigned long long)v->size);
	return DMA_NEVER_MAPPED;
}

enum dma_status vram_read(struct vgpu_hw *h, uint64_t at, void *buf, size_t len,
			  const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, len, false, who, &in);

	if (in)
		memcpy(buf, h->vram.mem + at, in);
	memset((uint8_t *)buf + in, 0, len - in);
	return s;
}

enum dma_status vram_write(struct vgpu_hw *h, uint64_t at, const void *buf, size_t len,
			   const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, len, true, who, &in);

	if (in)
		memcpy(h->vram.mem + at, buf, in);
	return s;
}

uint8_t *vram_direct(struct vgpu_hw *h, uint64_t at, size_t len, bool write)
{
	struct vram *v = &h->vram;

	if (vgpu_is_dead(h->g) || atomic_load_explicit(&h->g->gone, memory_order_relaxed) ||
	    at >= v->size || len > v->size - at)
		return NULL;
	if (write)
		v->writes++;
	else
		v->reads++;
	return v->mem + at;
}

/* An aligned access is inside or outside as a whole: the size is a multiple of 8. */
enum dma_status vram_read32(struct vgpu_hw *h, uint64_t at, uint32_t *val,
			    const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, sizeof(*val), false, who, &in);

	*val = in ? __atomic_load_n((uint32_t *)(h->vram.mem + at), __ATOMIC_ACQUIRE) : 0;
	return s;
}

enum dma_status vram_read64(struct vgpu_hw *h, uint64_t at, uint64_t *val,
			    const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, sizeof(*val), false, who, &in);

	*val = in ? __atomic_load_n((uint64_t *)(h->vram.mem + at), __ATOMIC_ACQUIRE) : 0;
	return s;
}

enum dma_status vram_read_words(struct vgpu_hw *h, uint64_t at, uint64_t *vals, unsigned int n,
				const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, n * sizeof(*vals), false, who, &in);

	for (unsigned int i = 0; i < n; i++)
		vals[i] = 8ull * i < in ? __atomic_load_n((uint64_t *)(h->vram.mem + at) + i,
							  __ATOMIC_ACQUIRE) : 0;
	return s;
}

enum dma_status vram_write32(struct vgpu_hw *h, uint64_t at, uint32_t val,
			     const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, sizeof(val), true, who, &in);

	if (in)
		__atomic_store_n((uint32_t *)(h->vram.mem + at), val, __ATOMIC_RELEASE);
	return s;
}

enum dma_status vram_write64(struct vgpu_hw *h, uint64_t at, uint64_t val,
			     const struct dma_origin *who)
{
	size_t in;
	enum dma_status s = admit(h, at, sizeof(val), true, who, &in);

	if (in)
		__atomic_store_n((uint64_t *)(h->vram.mem + at), val, __ATOMIC_RELEASE);
	return s;
}
