/* SPDX-License-Identifier: MIT */
/* Recoverable page faults between engines and the driver. */
#ifndef VGPU_GUC_PAGEFAULT_H
#define VGPU_GUC_PAGEFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

struct guc_ctx;

/*
 * Reports fault @f of @c to the driver; @c is off its engine until the answer. Returns false if
 * that cannot be: the context is lost then. submit.lock held.
 */
bool pagefault_raise(struct vgpu_hw *h, struct guc_ctx *c, const struct mem_fault *f);
/* Handles PAGE_FAULT_RES_DESC, @n dwords of payload at @p. Loop thread; takes submit.lock. */
void pagefault_reply(struct vgpu_hw *h, const uint32_t *p, size_t n);

#endif
