/* SPDX-License-Identifier: MIT */
/*
 * Interrupt tree of graphics 20.x without media GT. A source's level is "its vector is not zero";
 * moving the vector to the identity register drops the level, so the W1C of the bank register has
 * nothing left to clear and cannot lose an edge. Facts: section 12 of the device specification
 * (dg1_irq_handler() in xe_irq.c).
 */
#include "irq.h"

#include <string.h>

#include "device.h"

#define MASTER_ON (1u << 31)

static uint32_t source_id(unsigned int src)
{
	switch (src) {
	case IRQ_RCS0:
		return 0;
	case IRQ_CCS0:
		return 5u << 16;
	case IRQ_BCS0:
		return 3u << 16;
	case IRQ_BCS8:
		return 8u << 20 | 3u << 16;
	default:
		return 4u << 16; /* GuC */
	}
}

static uint32_t bank0_level(const struct irq *irq)
{
	uint32_t level = 0;

	for (unsigned int i = 0; i < 32; i++)
		level |= (uint32_t)(irq->vec[i] != 0) << i;
	return level;
}

/* Caller holds irq->lock. */
static void send_if_due(struct vgpu_hw *h)
{
	struct irq *irq = &h->irq;

	if (!irq->master || irq->outstanding || !bank0_level(irq))
		return;
	if (!vgpu_msi(h->g))
		return; /* off or masked: the level stays and the next master-on sends it */
	irq->outstanding = true;
	irq->sent++;
}

void irq_init(struct irq *irq)
{
	memset(irq, 0, sizeof(*irq));
	pthread_mutex_init(&irq->lock, NULL);
}

void irq_reset(struct irq *irq)
{
	pthread_mutex_lock(&irq->lock);
	memset(irq->vec, 0, sizeof(irq->vec));
	memset(irq->identity, 0, sizeof(irq->identity));
	irq->master = false;
	irq->outstanding = false;
	pthread_mutex_unlock(&irq->lock);
}

void irq_raise(struct vgpu_hw *h, enum irq_source src, uint16_t bits)
{
	struct irq *irq = &h->irq;

	pthread_mutex_lock(&irq->lock);
	irq->vec[src] |= bits;
	irq->raised++;
	send_if_due(h);
	pthread_mutex_unlock(&irq->lock);
}

static uint32_t master_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	uint32_t level;

	pthread_mutex_lock(&h->irq.lock);
	level = bank0_level(&h->irq) != 0;
	pthread_mutex_unlock(&h->irq.lock);
	return level;
}

static void master_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			 uint32_t old)
{
	struct irq *irq = &h->irq;

	pthread_mutex_lock(&irq->lock);
	if (val & MASTER_ON) {
		irq->master = true;
		/* whatever was sent before the driver enabled itself again has been handled */
		irq->outstanding = false;
		send_if_due(h);
	} else if (!val) {
		irq->master = false;
		irq->outstanding = false;
	} /* else: the read value written back, an acknowledge without effect on levels */
	pthread_mutex_unlock(&irq->lock);
}

static uint32_t gfx_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	return master_read(h, d, base, val); /* bit 0: bank 0; bank 1 is media, never */
}

static uint32_t bank_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	uint32_t level;

	if (d->off != 0x190018)
		return 0;
	pthread_mutex_lock(&h->irq.lock);
	level = bank0_level(&h->irq);
	pthread_mutex_unlock(&h->irq.lock);
	return level;
}

static void selector_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			   uint32_t old)
{
	struct irq *irq = &h->irq;
	unsigned int bank = d->off == 0x190074, src;

	if (!val)
		return;
	src = (unsigned int)__builtin_ctz(val);
	pthread_mutex_lock(&irq->lock);
	irq->identity[bank] = 0;
	if (!bank && irq->vec[src]) {
		irq->identity[0] = 1u << 31 | source_id(src) | irq->vec[src];
		irq->vec[src] = 0;
	}
	pthread_mutex_unlock(&irq->lock);
}

static uint32_t identity_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base,
			      uint32_t val)
{
	uint32_t id;

	pthread_mutex_lock(&h->irq.lock);
	id = h->irq.identity[d->off == 0x190064];
	pthread_mutex_unlock(&h->irq.lock);
	return id;
}

static void identity_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			   uint32_t old)
{
	unsigned int bank = d->off == 0x190064;

	pthread_mutex_lock(&h->irq.lock);
	if (val & MASTER_ON)
		h->irq.identity[bank] = 0;
	pthread_mutex_unlock(&h->irq.lock);
}

#define ALL 0xffffffffu

const struct reg_def irq_regs[] = {
	{ .off = 0x190008, .name = "DG1_MSTR_TILE_INTR", .read = master_read, .write = master_write },
	/* never stored: the driver writes all ones at reset and takes all ones for a lost device */
	{ .off = 0x190010, .name = "GFX_MSTR_IRQ", .self_clear = ALL, .read = gfx_read },
	{ .off = 0x190018, .name = "GT_INTR_DW0", .self_clear = ALL, .read = bank_read },
	{ .off = 0x19001c, .name = "GT_INTR_DW1", .self_clear = ALL, .read = bank_read },
	{ .off = 0x190060, .name = "INTR_IDENTITY_REG0", .read = identity_read,
	  .write = identity_write },
	{ .off = 0x190064, .name = "INTR_IDENTITY_REG1", .read = identity_read,
	  .write = identity_write },
	{ .off = 0x190070, .name = "IIR_REG_SELECTOR0", .write = selector_write },
	{ .off = 0x190074, .name = "IIR_REG_SELECTOR1", .write = selector_write },
	{ .off = 0x0444e0, .name = "PCU_ISR" },
	{ .off = 0x0444e4, .name = "PCU_IMR" },
	{ .off = 0x0444e8, .name = "PCU_IIR", .self_clear = ALL },
	{ .off = 0x0444ec, .name = "PCU_IER" },
	{ .off = 0x0444f0, .name = "GU_MISC_ISR" },
	{ .off = 0x0444f4, .name = "GU_MISC_IMR" },
	{ .off = 0x0444f8, .name = "GU_MISC_IIR", .self_clear = ALL },
	{ .off = 0x0444fc, .name = "GU_MISC_IER" },
};
const size_t nr_irq_regs = sizeof(irq_regs) / sizeof(irq_regs[0]);
