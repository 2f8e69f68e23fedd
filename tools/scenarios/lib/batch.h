/* SPDX-License-Identifier: MIT */
/*
 * Building of GPU command buffers. Commands: Intel Xe2 PRM names; encodings as
 * the kernel's instructions/xe_mi_commands.h and xe_gpu_commands.h have them.
 */
#ifndef SCENARIOS_BATCH_H
#define SCENARIOS_BATCH_H

#include <stddef.h>
#include <stdint.h>

/* A command buffer being written. @va is the GPU address of @cs[0]. */
struct batch {
	volatile uint32_t *cs;
	size_t n, max;			/* dwords used, dwords there */
	uint64_t va;
};

/* Start writing at the beginning of @bytes of memory at @map. */
void batch_begin(struct batch *b, void *map, size_t bytes, uint64_t va);

/* GPU address of the next command. */
uint64_t batch_here(const struct batch *b);

/* Store @value at GPU address @dst (dword aligned). Any engine. */
void batch_store(struct batch *b, uint64_t dst, uint32_t value);

/* Copy @bytes (multiple of 4) dword by dword. Any engine, five dwords each. */
void batch_copy_dwords(struct batch *b, uint64_t dst, uint64_t src, size_t bytes);

/* Copy @bytes, linear, by the blitter. Copy engine; @bytes <= 4096 or a multiple. */
void batch_copy_blit(struct batch *b, uint64_t dst, uint64_t src, size_t bytes);

/* A point where the engine may switch to other work. */
void batch_preempt(struct batch *b);

/* Jump to @va and never come back. */
void batch_jump(struct batch *b, uint64_t va);

/* The end. */
void batch_end(struct batch *b);

/* 0, or -1 with scn_fail() when more was written than there was room for. */
int batch_check(const struct batch *b);

#endif
