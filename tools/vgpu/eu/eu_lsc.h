/* SPDX-License-Identifier: MIT */
/* What messages of the data port have in common. */
#ifndef VGPU_EU_LSC_H
#define VGPU_EU_LSC_H

#include <stddef.h>

#include "eu.h"

/* Operations: bits [5:0] of the descriptor. */
enum lsc_op {
	LSC_LOAD = 0, LSC_LOAD_QUAD = 2, LSC_LOAD_2D, LSC_STORE, LSC_STORE_QUAD = 6, LSC_STORE_2D,
	LSC_INC, LSC_DEC, LSC_ATOMIC_LOAD, LSC_ATOMIC_STORE, LSC_ADD, LSC_SUB, LSC_SMIN, LSC_SMAX,
	LSC_UMIN, LSC_UMAX, LSC_CAS,
	LSC_AND = 0x18, LSC_OR, LSC_XOR,
	LSC_FENCE = 0x1f,
};

/* How the address is meant: bits [30:29]. */
enum lsc_model { LSC_FLAT, LSC_BSS, LSC_SS, LSC_BTI };

/* Where a message goes to, and how far. */
struct lsc_target {
	bool slm;
	bool bounded;	/* at @size bytes: beyond, reads give 0 and writes are dropped */
	uint64_t base, size;
};

/* A two-dimensional block: elements of @size bytes, in a surface or in plain memory. */
struct lsc_block {
	uint32_t x, y; /* first byte of a row, first row; signed */
	uint32_t width, rows, count; /* bytes, rows, blocks side by side */
};

/*
 * lsc_target - find what the descriptors of @s mean. Returns EU_OK, EU_FAULT if the surface state
 * could not be read, EU_UNKNOWN if there is no such thing.
 */
enum eu_status lsc_target(struct eu_thread *t, const struct eu_send *s, struct lsc_target *to);
/*
 * lsc_read, lsc_write - @len bytes at @addr of @to. Addresses wrap as the page tables' do. Return
 * false when memory failed.
 */
bool lsc_read(struct eu_thread *t, const struct lsc_target *to, uint64_t addr, void *buf,
	      size_t len);
bool lsc_write(struct eu_thread *t, const struct lsc_target *to, uint64_t addr, const void *buf,
	       size_t len);
/* lsc_data_bytes - size of an element in memory, from the descriptor; 0: none the core knows. */
unsigned int lsc_data_bytes(uint32_t desc);
/* lsc_atomic - eu_atomic.c: one operation of all enabled channels, in their order. */
enum eu_status lsc_atomic(struct eu_thread *t, const struct eu_send *s, const struct lsc_target *to,
			  const uint64_t addr[EU_CHANNELS]);
/* lsc_block_2d - eu_block.c: blocks of plain memory. */
enum eu_status lsc_block_2d(struct eu_thread *t, const struct eu_send *s);

#endif
