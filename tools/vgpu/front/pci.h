/* SPDX-License-Identifier: MIT */
/* PCI function: configuration space, BAR0 accesses, MSI. vgpu_msi() is in vgpu.h. */
#ifndef VGPU_PCI_H
#define VGPU_PCI_H

#include "vgpu.h"

#define VGPU_CFG_SIZE 4096u

/* Where the capabilities lie; word 0x50 belongs to the graphics control. */
#define VGPU_CFG_GMCH 0x50
#define VGPU_CFG_PCIE 0x70
#define VGPU_CFG_MSI  0xac
#define VGPU_CFG_PM   0xd0

struct vgpu_pci_stats {
	uint64_t msi;	      /* sent */
	uint64_t msi_dropped; /* asked for, but not enabled, bus master off or dead */
};

/* vgpu_pci_new - function of personality @p after power-on. NULL with errno set on failure. */
struct vgpu_pci *vgpu_pci_new(const struct personality *p);
/* vgpu_pci_free - closes the MSI's eventfd; NULL is allowed. */
void vgpu_pci_free(struct vgpu_pci *pci);
/* vgpu_pci_reset - configuration registers back to power-on; MSI wiring stays. Loop thread. */
void vgpu_pci_reset(struct vgpu *g);

/*
 * vgpu_cfg_read, vgpu_cfg_write - configuration space; @off + @len is at most
 * VGPU_CFG_SIZE. While dead: all ones, dropped. A write can clear bus master
 * (waits for DMA under way) or start a function level reset. Loop thread.
 */
void vgpu_cfg_read(struct vgpu *g, uint32_t off, void *buf, uint32_t len);
void vgpu_cfg_write(struct vgpu *g, uint32_t off, const void *buf, uint32_t len);

/* vgpu_pci_asleep - in D3hot: BARs do not answer, no DMA, no MSI. Loop thread. */
bool vgpu_pci_asleep(const struct vgpu *g);

/*
 * vgpu_bar0_read, vgpu_bar0_write - BAR0 accesses that trapped; @off + @len is
 * at most VGPU_BAR0_SIZE. While dead or asleep: all ones, dropped. Loop thread.
 */
void vgpu_bar0_read(struct vgpu *g, uint32_t off, void *buf, uint32_t len);
void vgpu_bar0_write(struct vgpu *g, uint32_t off, const void *buf, uint32_t len);

/*
 * vgpu_msi_wire - connect MSI vector 0 to eventfd @fd, which becomes the
 * device's, or to nothing (-1). Returns 0, or -EINVAL if @fd is no eventfd
 * (then it stays the caller's). Loop thread.
 */
int vgpu_msi_wire(struct vgpu_pci *pci, int fd);
/* vgpu_msi_fence - waits for an MSI being sent. */
void vgpu_msi_fence(struct vgpu_pci *pci);

/* vgpu_pci_get_stats - snapshot of the counters. Any thread. */
void vgpu_pci_get_stats(struct vgpu_pci *pci, struct vgpu_pci_stats *out);

#endif
