/* SPDX-License-Identifier: MIT */
/* Interrupt tree: per-source vectors, identity registers, master bit, one MSI. */
#ifndef VGPU_IRQ_H
#define VGPU_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "regs.h"

enum irq_source { IRQ_RCS0 = 0, IRQ_CCS0 = 4, IRQ_BCS0 = 15, IRQ_BCS8 = 23, IRQ_GUC = 25 };

#define IRQ_VEC_USER	 0x0001 /* engine: MI_USER_INTERRUPT */
#define IRQ_VEC_GUC2HOST 0x8000

struct irq {
	pthread_mutex_t lock;
	uint16_t vec[32];     /* accumulated vector of each source of bank 0 */
	uint32_t identity[2];
	bool master;
	bool outstanding; /* an MSI was sent and the driver has not turned the master off since */
	_Atomic uint64_t raised, sent;
};

extern const struct reg_def irq_regs[];
extern const size_t nr_irq_regs;

/* Nothing pending, master off. */
void irq_init(struct irq *irq);
/* Forgets every pending vector, master off. */
void irq_reset(struct irq *irq);
/* Adds @bits to the vector of @src and sends the MSI when the rules ask for it. Any thread. */
void irq_raise(struct vgpu_hw *h, enum irq_source src, uint16_t bits);

#endif
