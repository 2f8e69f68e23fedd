/* SPDX-License-Identifier: MIT */
/*
 * BAR2: the CPU's window into local memory. The client maps it, so nothing here sees what the
 * driver does with it; what can be known afterwards is found by looking at the memory.
 */
#ifndef VGPU_BAR2_H
#define VGPU_BAR2_H

#include <stdint.h>

struct vgpu;

struct bar2 {
	uint8_t *mem;	    /* NULL: the device has none */
	uint64_t size;
	uint64_t *sums;	    /* of each page, made when gone was switched on */
	uint64_t dead_pages; /* pages that the driver wrote while the device was dead */
};

/* bar2_init - map the window; vgpu_hw_init() has been called. Returns 0 or -errno. */
int bar2_init(struct vgpu *g);
/* bar2_fini - works after a failed bar2_init() and without one. */
void bar2_fini(struct vgpu *g);
/*
 * vgpu_bar2_read, vgpu_bar2_write - access of a client that did not map the window. The range lies
 * in the BAR. Dead: all ones, dropped. Loop thread.
 */
void vgpu_bar2_read(struct vgpu *g, uint64_t off, void *buf, uint32_t len);
void vgpu_bar2_write(struct vgpu *g, uint64_t off, const void *buf, uint32_t len);

/*
 * bar2_die - every byte of the window reads as ones from now on, through existing mappings too.
 * No memory can be taken out of a client's mapping, so a write by the driver still sticks; it is
 * counted by bar2_revive(). Engines stand still. Loop thread.
 */
void bar2_die(struct vgpu *g);
/* bar2_revive - count what was written into the dead window; the content is cleared by the reset. */
void bar2_revive(struct vgpu *g);

/* bar2_remember - note the content, for bar2_check(). Without memory for it nothing is checked. */
void bar2_remember(struct vgpu *g);
/* bar2_check - witness pages that have changed since the last look. */
void bar2_check(struct vgpu *g);
/* bar2_forget - stop checking. */
void bar2_forget(struct vgpu *g);

#endif
