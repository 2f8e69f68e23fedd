// SPDX-License-Identifier: MIT
/* Stub of the hardware half. */
#define _GNU_SOURCE
#include "hw_stub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct personality stub = {
	.name = "stub",
	.vendor = 0x8086,
	.device = 0x64a0,
	.subvendor = 0x8086,
	.subdevice = 0x1234,
	.class_code = 0x038000,
	.revision = 4,
	.bar0_size = VGPU_BAR0_SIZE,
	.gmch_ctl = 0x00c0,
};

static const struct personality card = {
	.name = "card",
	.vendor = 0x8086,
	.device = 0xe20b,
	.class_code = 0x038000,
	.bar0_size = VGPU_BAR0_SIZE,
	.bar2_size = STUB_BAR2_SIZE,
	.vram_size = 2 * STUB_BAR2_SIZE,
};

const struct personality *personality_find(const char *name)
{
	return strcmp(name, "bmg") ? &stub : &card;
}

int vgpu_hw_init(struct vgpu *g, const struct personality *p)
{
	g->hw = calloc(1, sizeof(*g->hw));
	if (!g->hw)
		return -ENOMEM;
	g->hw->ggtt_fd = memfd_create("ggtt", MFD_CLOEXEC);
	g->hw->vram_fd = p->vram_size ? memfd_create("vram", MFD_CLOEXEC) : -1;
	if (g->hw->vram_fd >= 0 && ftruncate(g->hw->vram_fd, (off_t)p->vram_size))
		return -errno;
	return ftruncate(g->hw->ggtt_fd, VGPU_BAR0_SIZE) ? -errno : 0;
}

void vgpu_hw_fini(struct vgpu *g)
{
	if (g->hw)
		close(g->hw->ggtt_fd);
	if (g->hw && g->hw->vram_fd >= 0)
		close(g->hw->vram_fd);
	free(g->hw);
	g->hw = NULL;
}

void vgpu_hw_reset(struct vgpu *g, enum vgpu_reset why)
{
	g->hw->resets[why]++;
	if (!g->hw->quiesced)
		g->hw->reset_while_running = true;
}

void vgpu_hw_quiesce(struct vgpu *g, bool on)
{
	g->hw->quiesced = on;
}

void vgpu_hw_stats(struct vgpu *g, json_t *out)
{
	(void)g;
	json_object_set_new(out, "contexts", json_integer(3));
	json_object_set_new(out, "context_list", json_array());
	json_object_set_new(out, "jobs_running", json_integer(2));
	json_object_set_new(out, "jobs_done", json_integer(1));
	json_object_set_new(out, "unknown_registers", json_object());
}

int vgpu_ggtt_fd(struct vgpu *g)
{
	return g->hw->ggtt_fd;
}

int vgpu_vram_fd(struct vgpu *g)
{
	return g->hw->vram_fd;
}

static void record(struct vgpu *g, uint32_t off, uint64_t val, unsigned int size, bool write)
{
	if (g->hw->n < STUB_LOG)
		g->hw->log[g->hw->n] = (struct stub_access){ off, val, size, write };
	g->hw->n++;
}

uint64_t vgpu_mmio_read(struct vgpu *g, uint32_t off, unsigned int size)
{
	uint64_t val = 0;

	memcpy(&val, g->hw->regs + off % sizeof(g->hw->regs), size);
	record(g, off, val, size, false);
	return val;
}

void vgpu_mmio_write(struct vgpu *g, uint32_t off, uint64_t val, unsigned int size)
{
	record(g, off, val, size, true);
	memcpy(g->hw->regs + off % sizeof(g->hw->regs), &val, size);
}

const char *vgpu_mmio_name(const struct vgpu *g, uint32_t off)
{
	(void)g;
	return off == 0x44 ? "STUB_REG" : NULL;
}

const char *vgpu_action_name(uint32_t action)
{
	return action == 0x1001 ? "STUB_ACTION" : NULL;
}

void vgpu_hw_slow(struct vgpu *g, uint64_t wake_us, uint64_t reset_us)
{
	g->hw->wake_us = wake_us;
	g->hw->reset_us = reset_us;
}

int vgpu_hw_fault(struct vgpu *g, enum vgpu_fault fault, int guc_id)
{
	if (guc_id > 0xffff)
		return -ENOENT;
	g->hw->faults++;
	g->hw->last_fault = fault;
	g->hw->last_fault_id = guc_id;
	return 0;
}
