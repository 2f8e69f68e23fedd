/* SPDX-License-Identifier: MIT */
/*
 * Patterns in memory, and access to memory that may raise SIGBUS.
 */
#ifndef SCENARIOS_MEM_H
#define SCENARIOS_MEM_H

#include <stddef.h>
#include <stdint.h>

/* What a piece of memory holds, seen against a pattern. */
enum mem_content { MEM_DATA, MEM_ZERO, MEM_OTHER, MEM_FAULT };

/* "data", "zero", "other", "fault" */
const char *mem_content_name(enum mem_content c);

/* Fresh memory of the process, @bytes of it, zero. NULL: reported. */
void *mem_map(size_t bytes);

/* The same, aligned to @bytes (a power of two), of single pages instead of huge ones. */
void *mem_map_aligned(size_t bytes);

/*
 * Unmap the @bytes at *@p and forget them; fine when NULL. @what names the memory in
 * the step and the failure. 0 or -1, reported.
 */
int mem_unmap(void **p, size_t bytes, const char *what);

/* Fill @bytes (multiple of 4) at @p with the pattern of @seed. */
void mem_fill(void *p, size_t bytes, uint32_t seed);

/*
 * Compare with the pattern of @seed. @what names the memory in the failure,
 * which is reported with scn_fail(). Returns 0, or -1.
 */
int mem_check(const void *p, size_t bytes, uint32_t seed, const char *what);

/*
 * Read all of @bytes at @p and say what is there; SIGBUS and SIGSEGV are caught
 * and give MEM_FAULT. Main thread only.
 */
enum mem_content mem_classify(const void *p, size_t bytes, uint32_t seed);

/* Write one word to the first word of each page. 0, or -1 on SIGBUS/SIGSEGV. */
int mem_try_write(void *p, size_t bytes);

#endif
