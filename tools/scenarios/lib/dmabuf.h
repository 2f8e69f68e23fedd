/* SPDX-License-Identifier: MIT */
/*
 * The two states of an exported BO: GEM handle still open, and closed. Callbacks
 * of struct scenario; the set-up decides which of the two it is, and in which memory.
 */
#ifndef SCENARIOS_DMABUF_H
#define SCENARIOS_DMABUF_H

#include "common.h"

extern const struct scn_option dmabuf_options[];

int dmabuf_setup_open(const char *device);
int dmabuf_setup_closed(const char *device);
/* In local memory, the handle still open. */
int dmabuf_setup_vram(const char *device);
int dmabuf_verify(void);
int dmabuf_gone(void);
int dmabuf_unmap(void);
int dmabuf_close(void);

#endif
