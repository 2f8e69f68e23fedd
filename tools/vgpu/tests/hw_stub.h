/* SPDX-License-Identifier: MIT */
/* Stands in for the hardware half when the front half is tested: records what it is asked. */
#ifndef VGPU_TESTS_HW_STUB_H
#define VGPU_TESTS_HW_STUB_H

#include "vgpu.h"

#define STUB_LOG 256

struct stub_access {
	uint32_t off;
	uint64_t val;
	unsigned int size;
	bool write;
};

#define STUB_BAR2_SIZE (4u << 20)

struct vgpu_hw {
	int ggtt_fd, vram_fd;
	unsigned int n; /* accesses, the first STUB_LOG of them kept */
	struct stub_access log[STUB_LOG];
	uint8_t regs[4096]; /* what reads give, by offset modulo the size */
	unsigned int resets[3];
	bool quiesced;
	unsigned int faults; /* raised from outside */
	enum vgpu_fault last_fault;
	int last_fault_id;
	uint64_t wake_us, reset_us; /* what vgpu_hw_slow() was told */
	bool reset_while_running; /* a reset came while engines were not stopped */
};

#endif
