// SPDX-License-Identifier: MIT
/*
 * PCI function. Layout of the registers: PCI Local Bus 3.0 chapter 6, PCI
 * Express base specification chapter 7; PCI Power Management 1.2 chapter 3. One
 * MSI vector and no MSI-X, SR-IOV or ROM: what the driver does without them is
 * wanted. Of the power states there are D0 and D3hot, and no PME.
 */
#include "pci.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dma.h"
#include "witness.h"

#define CFG_COMMAND 0x04
#define CFG_BAR0    0x10

#define COMMAND_MEMORY	   0x0002
#define COMMAND_BUS_MASTER 0x0004
#define COMMAND_PARITY	   0x0040
#define COMMAND_SERR	   0x0100
#define COMMAND_NO_INTX	   0x0400
#define COMMAND_RW                                                                                 \
	(COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_PARITY | COMMAND_SERR | COMMAND_NO_INTX)

#define PCIE_DEVCTL	  (VGPU_CFG_PCIE + 0x08)
#define DEVCTL_FLR	  0x8000
#define DEVCAP_FLR	  (1u << 28)
#define DEVCAP_ROLE_ERROR (1u << 15)

#define PM_CTRL		 (VGPU_CFG_PM + 0x04)
#define PM_CTRL_STATE	 0x3
#define PM_CTRL_NO_RESET 0x8 /* the state of the device survives D3hot */
#define PM_D0		 0
#define PM_D3HOT	 3

struct vgpu_pci {
	uint8_t por[256];   /* power-on values; the extended space is all 0 */
	uint8_t wmask[256]; /* bits a write changes */
	uint8_t cfg[256];
	atomic_bool bus_master; /* may use the bus: COMMAND says so, and the device is in D0 */
	pthread_mutex_t lock; /* msi_fd */
	int msi_fd;
	atomic_ullong msi, msi_dropped;
};

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v & 0xff;
	p[1] = v >> 8 & 0xff;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static uint32_t get16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static void add_bar(struct vgpu_pci *pci, unsigned int n, uint64_t size, bool prefetch)
{
	uint64_t mask = ~(size - 1) & ~0xfull;

	if (!size)
		return;
	/* memory, 64 bits wide */
	put32(pci->por + CFG_BAR0 + 4 * n, 0x4 | (prefetch ? 0x8 : 0));
	put32(pci->wmask + CFG_BAR0 + 4 * n, (uint32_t)mask);
	put32(pci->wmask + CFG_BAR0 + 4 * n + 4, (uint32_t)(mask >> 32));
}

struct vgpu_pci *vgpu_pci_new(const struct personality *p)
{
	struct vgpu_pci *pci = calloc(1, sizeof(*pci));
	uint8_t *c;

	if (!pci)
		return NULL;
	pthread_mutex_init(&pci->lock, NULL);
	pci->msi_fd = -1;
	c = pci->por;
	put16(c + 0x00, p->vendor);
	put16(c + 0x02, p->device);
	put16(c + 0x06, 0x0010); /* status: capability list */
	put32(c + 0x08, p->class_code << 8 | p->revision);
	add_bar(pci, 0, p->bar0_size, false);
	add_bar(pci, 2, p->bar2_size, true);
	put16(c + 0x2c, p->subvendor);
	put16(c + 0x2e, p->subdevice);
	c[0x34] = VGPU_CFG_PCIE;
	put16(c + VGPU_CFG_GMCH, p->gmch_ctl);

	c[VGPU_CFG_PCIE] = 0x10;
	c[VGPU_CFG_PCIE + 1] = VGPU_CFG_MSI;
	put16(c + VGPU_CFG_PCIE + 0x02, 0x0002); /* version 2, endpoint */
	put32(c + VGPU_CFG_PCIE + 0x04, DEVCAP_FLR | DEVCAP_ROLE_ERROR);
	put32(c + VGPU_CFG_PCIE + 0x0c, 0x00000011); /* link: 2.5 GT/s, x1 */
	put16(c + VGPU_CFG_PCIE + 0x12, 0x0011);

	c[VGPU_CFG_MSI] = 0x05;
	c[VGPU_CFG_MSI + 1] = VGPU_CFG_PM;
	put16(c + VGPU_CFG_MSI + 0x02, 0x0080); /* one vector, 64-bit address */

	c[VGPU_CFG_PM] = 0x01;
	put16(c + VGPU_CFG_PM + 0x02, 0x0003); /* version 3 */
	put16(c + PM_CTRL, PM_CTRL_NO_RESET);

	put16(pci->wmask + CFG_COMMAND, COMMAND_RW);
	pci->wmask[0x0c] = 0xff; /* cache line size */
	pci->wmask[0x3c] = 0xff; /* interrupt line */
	put16(pci->wmask + PCIE_DEVCTL, 0x7fef);
	put16(pci->wmask + VGPU_CFG_PCIE + 0x10, 0x01c8); /* link control */
	put16(pci->wmask + PM_CTRL, PM_CTRL_STATE);
	put16(pci->wmask + VGPU_CFG_MSI + 0x02, 0x0071);
	put32(pci->wmask + VGPU_CFG_MSI + 0x04, 0xfffffffc);
	put32(pci->wmask + VGPU_CFG_MSI + 0x08, 0xffffffff);
	put16(pci->wmask + VGPU_CFG_MSI + 0x0c, 0xffff);
	memcpy(pci->cfg, pci->por, sizeof(pci->cfg));
	return pci;
}

void vgpu_pci_free(struct vgpu_pci *pci)
{
	if (!pci)
		return;
	if (pci->msi_fd >= 0)
		close(pci->msi_fd);
	pthread_mutex_destroy(&pci->lock);
	free(pci);
}

bool vgpu_pci_asleep(const struct vgpu *g)
{
	return (g->pci->cfg[PM_CTRL] & PM_CTRL_STATE) == PM_D3HOT;
}

static void update_command(struct vgpu *g)
{
	bool on = get16(g->pci->cfg + CFG_COMMAND) & COMMAND_BUS_MASTER && !vgpu_pci_asleep(g);

	if (on == g->pci->bus_master)
		return;
	log_debug("bus master %s", on ? "on" : "off");
	g->pci->bus_master = on;
	vgpu_dma_set_bus_master(g->dma, on);
}

void vgpu_pci_reset(struct vgpu *g)
{
	memcpy(g->pci->cfg, g->pci->por, sizeof(g->pci->cfg));
	update_command(g);
}

void vgpu_cfg_read(struct vgpu *g, uint32_t off, void *buf, uint32_t len)
{
	uint8_t *out = buf;

	for (uint32_t i = 0; i < len; i++, off++) {
		if (vgpu_is_dead(g))
			out[i] = 0xff;
		else
			out[i] = off < sizeof(g->pci->cfg) ? g->pci->cfg[off] : 0;
	}
}

void vgpu_cfg_write(struct vgpu *g, uint32_t off, const void *buf, uint32_t len)
{
	struct vgpu_pci *pci = g->pci;
	const uint8_t *in = buf;
	uint8_t power = pci->cfg[PM_CTRL];
	bool flr = false;

	if (vgpu_is_dead(g))
		return;
	for (uint32_t i = 0; i < len && off < sizeof(pci->cfg); i++, off++) {
		uint8_t m = pci->wmask[off];

		pci->cfg[off] = (pci->cfg[off] & ~m) | (in[i] & m);
		if (off == PCIE_DEVCTL + 1 && in[i] & DEVCTL_FLR >> 8)
			flr = true;
	}
	/* a write of a state that there is not is accepted and does nothing */
	if ((pci->cfg[PM_CTRL] & PM_CTRL_STATE) % PM_D3HOT != PM_D0)
		pci->cfg[PM_CTRL] = power;
	if (flr)
		vgpu_function_reset(g);
	else
		update_command(g);
}

/* ---- BAR0 --------------------------------------------------------------------- */

/* Longest naturally aligned access, at most 8 bytes, that starts at @off and fits in @len. */
static uint32_t piece(uint32_t off, uint32_t len)
{
	uint32_t n = 8;

	while (n > len || off & (n - 1))
		n >>= 1;
	return n;
}

/* What every trapped access means for the witness, before it is done. False: it is not done. */
static bool observe(struct vgpu *g, uint32_t off, uint32_t len, bool write)
{
	const char *dir = write ? "write" : "read";
	const char *name;

	if (atomic_load(&g->gone)) {
		name = off < VGPU_GGTT_OFFSET ? vgpu_mmio_name(g, off) : "GGTT";
		vgpu_witness(g, WITNESS_MMIO_AFTER_REMOVE, NULL, off, len, write,
			     "%s of register %#x %s after remove() returned", dir, off,
			     name ? name : "");
	}
	if (piece(off, len) != len)
		vgpu_witness(g, WITNESS_MMIO_BAD_ACCESS, NULL, off, len, write,
			     "%s of %u bytes at %#x is not one aligned access", dir, len, off);
	if (!vgpu_pci_asleep(g))
		return true;
	vgpu_witness(g, WITNESS_MMIO_BAD_ACCESS, NULL, off, len, write,
		     "%s of register %#x in D3hot", dir, off);
	return false;
}

void vgpu_bar0_read(struct vgpu *g, uint32_t off, void *buf, uint32_t len)
{
	struct vgpu_verdict v;
	uint8_t *out = buf;
	size_t all = len;
	bool awake;

	g->mmio_reads++;
	if (vgpu_is_dead(g)) {
		g->mmio_dead++;
		memset(buf, 0xff, len);
		return;
	}
	if (!len)
		return;
	awake = observe(g, off, len, false);
	v = vgpu_event(g, EVENT_MMIO_READ, NULL, off, len);
	if (!awake || vgpu_is_dead(g)) {
		memset(buf, 0xff, len);
		return;
	}
	while (len) {
		uint32_t n = piece(off, len);
		uint64_t val;

		if (off >= VGPU_GGTT_OFFSET) {
			g->mmio_memory++;
			memcpy(out, (uint8_t *)g->ggtt + (off - VGPU_GGTT_OFFSET), n);
		} else {
			val = vgpu_mmio_read(g, off, n);
			memcpy(out, &val, n);
			vgpu_witness_recall(g->witness, EVENT_MMIO_READ, off, n, val);
		}
		off += n;
		out += n;
		len -= n;
	}
	vgpu_distort(buf, all, v);
}

void vgpu_bar0_write(struct vgpu *g, uint32_t off, const void *buf, uint32_t len)
{
	const uint8_t *in = buf;
	struct vgpu_verdict v;
	uint8_t bad[8];
	bool awake;

	g->mmio_writes++;
	if (vgpu_is_dead(g)) {
		g->mmio_dead++;
		return;
	}
	if (!len)
		return;
	awake = observe(g, off, len, true);
	v = vgpu_event(g, EVENT_MMIO_WRITE, NULL, off, len);
	if (!awake || vgpu_is_dead(g) || v.action == ACTION_DROP)
		return;
	if (v.action == ACTION_CORRUPT && len <= sizeof(bad)) {
		memcpy(bad, buf, len);
		vgpu_distort(bad, len, v);
		in = bad;
	}
	while (len) {
		uint32_t n = piece(off, len);
		uint64_t val = 0;

		memcpy(&val, in, n);
		if (off >= VGPU_GGTT_OFFSET) {
			uint8_t *pte = (uint8_t *)g->ggtt + (off - VGPU_GGTT_OFFSET);

			g->mmio_memory++;
			/* engines read entries while they are written */
			if (n == 8)
				__atomic_store_n((uint64_t *)pte, val, __ATOMIC_RELEASE);
			else
				memcpy(pte, in, n);
		} else {
			vgpu_witness_recall(g->witness, EVENT_MMIO_WRITE, off, n, val);
			vgpu_mmio_write(g, off, val, n);
		}
		off += n;
		in += n;
		len -= n;
	}
}

/* ---- MSI ----------------------------------------------------------------------- */

/* Writing to anything but an eventfd could block or do harm. */
static bool is_eventfd(int fd)
{
	char path[32], target[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return !strcmp(target, "anon_inode:[eventfd]");
}

int vgpu_msi_wire(struct vgpu_pci *pci, int fd)
{
	if (fd >= 0 && !is_eventfd(fd))
		return -EINVAL;
	pthread_mutex_lock(&pci->lock);
	if (pci->msi_fd >= 0)
		close(pci->msi_fd);
	pci->msi_fd = fd;
	pthread_mutex_unlock(&pci->lock);
	return 0;
}

void vgpu_msi_fence(struct vgpu_pci *pci)
{
	pthread_mutex_lock(&pci->lock);
	pthread_mutex_unlock(&pci->lock);
}

static void late_msi(struct vgpu *g, uint64_t arg);

/* @late: its time has come, no trigger has a say any more. */
static bool send_msi(struct vgpu *g, bool late)
{
	struct vgpu_verdict v = { ACTION_NONE, 0 };
	struct vgpu_pci *pci = g->pci;
	const uint64_t one = 1;
	bool sent = false;

	pthread_mutex_lock(&pci->lock);
	/* an MSI is a memory write of the device: no bus master, no MSI */
	if (pci->msi_fd >= 0 && pci->bus_master && !vgpu_is_dead(g)) {
		struct pollfd p = { .fd = pci->msi_fd, .events = POLLOUT };

		if (!late)
			v = vgpu_event(g, EVENT_IRQ, NULL, 0, 0);
		vgpu_witness_recall(g->witness, EVENT_IRQ, 0, 0, 0);
		if (v.action == ACTION_DELAY)
			vgpu_defer(g, v.arg, late_msi, 0);
		/* lost or late on its way, which the device does not see */
		sent = v.action == ACTION_DELAY || v.action == ACTION_DROP;
		/* a counter that is full has an interrupt pending anyway */
		sent = sent || vgpu_is_dead(g) || poll(&p, 1, 0) != 1 ||
		       write(pci->msi_fd, &one, sizeof(one)) == sizeof(one);
	}
	pthread_mutex_unlock(&pci->lock);
	if (sent)
		pci->msi++;
	else
		pci->msi_dropped++;
	return sent;
}

bool vgpu_msi(struct vgpu *g)
{
	return send_msi(g, false);
}

static void late_msi(struct vgpu *g, uint64_t arg)
{
	send_msi(g, true);
}

void vgpu_pci_get_stats(struct vgpu_pci *pci, struct vgpu_pci_stats *out)
{
	out->msi = pci->msi;
	out->msi_dropped = pci->msi_dropped;
}
