/* SPDX-License-Identifier: MIT */
/* What the process gives up before it listens to a guest. */
#ifndef VGPU_SANDBOX_H
#define VGPU_SANDBOX_H

/*
 * sandbox_drop_privileges - no capabilities, no way to get any. Threads inherit it: call it before
 * the first one is started. Returns 0 or -errno.
 */
int sandbox_drop_privileges(void);
/*
 * sandbox_enter - from now on no thread can open, make or remove files or sockets, start programs,
 * get memory that can be executed, copy descriptors, send signals to other processes, or do anything
 * else a running device does not need; such calls fail with EPERM. Returns 0 or -errno (-ENOSYS: not
 * on this processor).
 */
int sandbox_enter(void);

#endif
