// SPDX-License-Identifier: MIT
/* Life of a device: power, reset, surprise removal, the window after remove(). */
#include "vgpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dma.h"
#include "events.h"
#include "pci.h"
#include "witness.h"

struct vgpu *vgpu_new(const struct personality *p)
{
	struct vgpu *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return NULL;
	g->personality = p;
	g->ggtt = MAP_FAILED;
	g->witness = vgpu_witness_new();
	g->events = g->witness ? vgpu_events_new() : NULL;
	g->dma = g->events ? vgpu_dma_new() : NULL;
	g->pci = g->dma ? vgpu_pci_new(p) : NULL;
	err = g->pci ? vgpu_hw_init(g, p) : -errno;
	if (!err) {
		g->ggtt = mmap(NULL, VGPU_GGTT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       vgpu_ggtt_fd(g), VGPU_GGTT_OFFSET);
		if (g->ggtt == MAP_FAILED)
			err = -errno;
	}
	err = err ?: bar2_init(g);
	if (err) {
		vgpu_free(g);
		errno = -err;
		return NULL;
	}
	return g;
}

void vgpu_free(struct vgpu *g)
{
	if (!g)
		return;
	bar2_fini(g);
	if (g->pci)
		vgpu_hw_fini(g);
	if (g->ggtt != MAP_FAILED)
		munmap(g->ggtt, VGPU_GGTT_SIZE);
	free(g->ggtt_snapshot);
	vgpu_pci_free(g->pci);
	vgpu_dma_free(g->dma);
	vgpu_events_free(g->events);
	vgpu_witness_free(g->witness);
	free(g);
}

bool vgpu_is_dead(const struct vgpu *g)
{
	return atomic_load_explicit(&g->dead, memory_order_acquire);
}

static void end_gone(struct vgpu *g)
{
	g->gone = false;
	free(g->ggtt_snapshot);
	g->ggtt_snapshot = NULL;
	bar2_forget(g);
}

void vgpu_power_cycle(struct vgpu *g)
{
	vgpu_gone_check(g);
	end_gone(g);
	vgpu_hw_quiesce(g, true);
	vgpu_events_forget(g->events);
	vgpu_msi_wire(g->pci, -1);
	vgpu_dma_reset(g->dma);
	vgpu_pci_reset(g);
	vgpu_hw_reset(g, VGPU_RESET_POWER_ON);
	g->dead = false;
	g->dead_settled = false;
	vgpu_hw_quiesce(g, false);
}

void vgpu_function_reset(struct vgpu *g)
{
	if (vgpu_is_dead(g))
		return;
	log_debug("function reset");
	vgpu_gone_check(g);
	vgpu_hw_quiesce(g, true);
	vgpu_pci_reset(g);
	vgpu_hw_reset(g, VGPU_RESET_FLR);
	vgpu_hw_quiesce(g, false);
	/* the reset may have cleared the table; that was not the driver */
	if (g->ggtt_snapshot)
		memcpy(g->ggtt_snapshot, g->ggtt, VGPU_GGTT_SIZE);
	if (g->bar2.sums)
		bar2_remember(g);
}

static void settle(struct vgpu *g, uint64_t arg)
{
	vgpu_settle(g);
}

void vgpu_kill(struct vgpu *g)
{
	if (atomic_exchange(&g->dead, true))
		return;
	log_info("device dead");
	vgpu_defer(g, 0, settle, 0);
}

void vgpu_settle(struct vgpu *g)
{
	if (!vgpu_is_dead(g) || g->dead_settled)
		return;
	g->dead_settled = true;
	vgpu_dma_fence(g->dma);
	vgpu_msi_fence(g->pci);
	vgpu_hw_quiesce(g, true);
	bar2_forget(g);
	bar2_die(g);
}

void vgpu_set_dead(struct vgpu *g, bool on)
{
	if (on) {
		vgpu_gone_check(g);
		vgpu_kill(g);
		vgpu_settle(g);
		return;
	}
	if (!vgpu_is_dead(g))
		return;
	log_info("device alive again");
	vgpu_settle(g);
	vgpu_events_forget(g->events);
	bar2_revive(g);
	vgpu_pci_reset(g);
	vgpu_hw_reset(g, VGPU_RESET_POWER_ON);
	g->dead = false;
	g->dead_settled = false;
	vgpu_hw_quiesce(g, false);
}

void vgpu_set_gone(struct vgpu *g, bool on)
{
	if (on == g->gone)
		return;
	if (!on) {
		vgpu_gone_check(g);
		end_gone(g);
		return;
	}
	/* without memory for the copy only the trapped accesses are seen */
	g->ggtt_snapshot = malloc(VGPU_GGTT_SIZE);
	if (g->ggtt_snapshot)
		memcpy(g->ggtt_snapshot, g->ggtt, VGPU_GGTT_SIZE);
	if (!vgpu_is_dead(g))
		bar2_remember(g);
	g->gone = true;
}

void vgpu_gone_check(struct vgpu *g)
{
	const uint64_t *now = g->ggtt, *then = g->ggtt_snapshot;
	uint64_t n = VGPU_GGTT_SIZE / sizeof(*now), first = n, changed = 0;

	if (!g->gone || vgpu_is_dead(g))
		return;
	bar2_check(g);
	if (!then || !memcmp(now, then, VGPU_GGTT_SIZE))
		return;
	for (uint64_t i = 0; i < n; i++) {
		if (now[i] == then[i])
			continue;
		if (!changed++)
			first = i;
	}
	vgpu_witness(g, WITNESS_MMIO_AFTER_REMOVE, NULL, VGPU_GGTT_OFFSET + first * sizeof(*now),
		     changed * sizeof(*now), true,
		     "%llu GGTT entries changed after remove() returned, first number %#llx",
		     (unsigned long long)changed, (unsigned long long)first);
	memcpy(g->ggtt_snapshot, g->ggtt, VGPU_GGTT_SIZE);
}
