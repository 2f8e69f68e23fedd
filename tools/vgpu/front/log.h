/* SPDX-License-Identifier: MIT */
/* Parts of the log that only the front half needs; vgpu_log() itself is in vgpu.h. */
#ifndef VGPU_LOG_H
#define VGPU_LOG_H

#include "vgpu.h"

/* vgpu_log_open - write the log to @path (truncated) instead of stderr. Returns 0 or -errno. */
int vgpu_log_open(const char *path);

/* vgpu_now_us - microseconds since the program's first call; monotonic, never 0. Any thread. */
uint64_t vgpu_now_us(void);

#endif
