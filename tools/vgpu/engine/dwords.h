/* SPDX-License-Identifier: MIT */
/* What commands are read with. */
#ifndef VGPU_DWORDS_H
#define VGPU_DWORDS_H

#include <stdint.h>

/* addr64 - address in the two dwords at @dw, the low one first. */
static inline uint64_t addr64(const uint32_t *dw)
{
	return dw[0] | (uint64_t)dw[1] << 32;
}

#endif
