/* SPDX-License-Identifier: MIT */
/*
 * Checks after the removal of the device: what the teardown contract of the
 * series (Documentation/gpu/xe) and the DRM uAPI ("Device Hot-Unplug")
 * promise to who still holds file descriptors and mappings.
 * Failures are reported with scn_fail(); all checks run whatever fails.
 */
#ifndef SCENARIOS_GONE_H
#define SCENARIOS_GONE_H

#include "mem.h"
#include "work.h"

/* Time in which fences and waiters must have ended once remove() returned. */
#define GONE_MS 2000

/*
 * Every kind of ioctl on the held fd gives -ENODEV, and so does mmap. @w and @bo
 * give them objects which were valid; either may be NULL.
 */
void gone_ioctls(struct xe *xe, const struct work *w, const struct xe_bo *bo);

/* The same for one more VM and queue. */
void gone_more_work(struct xe *xe, const struct work *w);

/*
 * Reading the @bytes at @map gives no signal. What is there, seen against the pattern of
 * @seed, is returned and goes into the fact @name; steps and failures call it @article
 * ("", "the ", ...) and @name.
 */
enum mem_content gone_read(const void *map, uint64_t bytes, uint32_t seed,
			   const char *article, const char *name);

/*
 * The mapping can be read and written without a signal. Its content is free
 * and goes into the fact @name ("data", "zero", "other").
 */
void gone_readable(void *map, uint64_t bytes, uint32_t seed, const char *name);

/* The mapping still holds the pattern of @seed. */
void gone_intact(const void *map, uint64_t bytes, uint32_t seed, const char *name);

/*
 * Memory of the process that the GPU had for its own, @bytes of it, still holds the
 * pattern of @seed. Where its last copy was on a card that was pulled (@lost), an access
 * may give a signal instead. What it was goes into the fact "process_memory".
 */
void gone_process_memory(const void *p, uint64_t bytes, uint32_t seed, bool lost);

#endif
