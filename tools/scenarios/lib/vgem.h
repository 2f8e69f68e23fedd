/* SPDX-License-Identifier: MIT */
/*
 * vgem, a driver of the kernel without hardware: a foreign exporter and importer
 * of dma-bufs.
 */
#ifndef SCENARIOS_VGEM_H
#define SCENARIOS_VGEM_H

#include <stdint.h>

struct vgem {
	int fd;			/* primary node, -1: none */
	uint32_t handle;	/* of the one buffer object */
	void *map;		/* by the CPU */
	uint64_t bytes;
};

/* Open vgem's node. 0, SCN_SKIP when the kernel has none, or -1, reported. */
int vgem_open(struct vgem *v);

/* Make an object of @bytes, mapped. 0 or -1, reported. */
int vgem_create(struct vgem *v, uint64_t bytes);

/*
 * Take an object over from a dma-buf of @bytes: vgem attaches and has the pages
 * mapped for its device. The CPU's mapping is the dma-buf's. 0 or -1, reported.
 */
int vgem_import(struct vgem *v, int dmabuf, uint64_t bytes);

/* The object as a dma-buf. 0 or -1, reported. */
int vgem_export(struct vgem *v, int *dmabuf);

int vgem_munmap(struct vgem *v);
int vgem_close(struct vgem *v);

#endif
