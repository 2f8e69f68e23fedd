/* SPDX-License-Identifier: MIT */
/* Blitter commands (client 2) of the copy engines. Knows memory only through two callbacks. */
#ifndef VGPU_CMD_BLT_H
#define VGPU_CMD_BLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a blit reaches memory: addresses are those of the context that runs it. All return false
 * when the access failed; the blit ends there with BLT_FAULT. It may be executed again from its
 * start once the missing page is there.
 */
struct blt_mem {
	bool (*read)(void *ctx, uint64_t addr, void *buf, size_t len);
	bool (*write)(void *ctx, uint64_t addr, const void *buf, size_t len);
	/* Moves bytes between areas that do not overlap; NULL: read and write do. */
	bool (*copy)(void *ctx, uint64_t dst, uint64_t src, size_t len);
	/* Asked between pieces of at most 64 KiB; true ends the blit early. */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

enum blt_status {
	BLT_DONE,
	BLT_UNKNOWN,   /* not a command this file executes: skip it by its length */
	BLT_BAD,       /* known command, fields that no hardware accepts; nothing was written */
	BLT_FAULT,     /* begun, an access failed */
	BLT_CANCELLED,
};

/* Documented name of the command, NULL when blt_execute() does not know it. */
const char *blt_name(uint32_t dw0);
/*
 * Executes the command of @n dwords at @cmd. Engine thread, no lock of the model held.
 * Layouts: virtual-xe2-gpu.md 9.4, that is instructions/xe_gpu_commands.h of the driver and the
 * blitter volume of the PRM.
 */
enum blt_status blt_execute(const uint32_t *cmd, unsigned int n, const struct blt_mem *mem);

#endif
