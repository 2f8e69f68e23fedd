// SPDX-License-Identifier: MIT
/*
 * Patterns in memory, see mem.h.
 */
#define _GNU_SOURCE
#include "mem.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "common.h"

static sigjmp_buf fault_return;

static void on_fault(int sig)
{
	siglongjmp(fault_return, sig);
}

static void catch_faults(struct sigaction old[2])
{
	struct sigaction sa = { .sa_handler = on_fault };

	sigaction(SIGBUS, &sa, &old[0]);
	sigaction(SIGSEGV, &sa, &old[1]);
}

static void release_faults(const struct sigaction old[2])
{
	sigaction(SIGBUS, &old[0], NULL);
	sigaction(SIGSEGV, &old[1], NULL);
}

/* Multiplicative hash: neighbours differ in all bytes, 0 never comes up. */
static inline uint32_t word(uint32_t seed, size_t i)
{
	uint32_t v = ((uint32_t)i + seed * 65599u + 1) * 2654435761u;

	return v ? v : 1;
}

const char *mem_content_name(enum mem_content c)
{
	static const char *const names[] = { "data", "zero", "other", "fault" };

	return names[c];
}

void *mem_map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		scn_fail_errno(errno, "mmap of %zu bytes", bytes);
		return NULL;
	}
	return p;
}

void *mem_map_aligned(size_t bytes)
{
	char *block = mem_map(2 * bytes), *p;
	size_t head;

	if (!block)
		return NULL;
	p = (char *)(((uintptr_t)block + bytes - 1) & ~(uintptr_t)(bytes - 1));
	head = p - block;
	if ((head && munmap(block, head)) || munmap(p + bytes, bytes - head)) {
		scn_fail_errno(errno, "munmap of what is not aligned");
		return NULL;
	}
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

int mem_unmap(void **p, size_t bytes, const char *what)
{
	void *old = *p;

	if (!old)
		return 0;
	scn_step("munmap of %s", what);
	*p = NULL;
	return munmap(old, bytes) ? scn_fail_errno(errno, "munmap of %s", what) : 0;
}

void mem_fill(void *p, size_t bytes, uint32_t seed)
{
	volatile uint32_t *w = p;

	for (size_t i = 0; i < bytes / 4; i++)
		w[i] = word(seed, i);
}

int mem_check(const void *p, size_t bytes, uint32_t seed, const char *what)
{
	const volatile uint32_t *w = p;

	for (size_t i = 0; i < bytes / 4; i++) {
		uint32_t v = w[i];

		if (v != word(seed, i))
			return scn_fail("%s: byte 0x%zx of 0x%zx is 0x%08x, not 0x%08x",
					what, i * 4, bytes, v, word(seed, i));
	}
	return 0;
}

enum mem_content mem_classify(const void *p, size_t bytes, uint32_t seed)
{
	const volatile uint32_t *w = p;
	volatile bool data = true, zero = true, fault = false;
	struct sigaction old[2];

	catch_faults(old);
	if (sigsetjmp(fault_return, 1)) {
		fault = true;
	} else {
		for (size_t i = 0; i < bytes / 4; i++) {
			uint32_t v = w[i];

			if (v != word(seed, i))
				data = false;
			if (v)
				zero = false;
		}
	}
	release_faults(old);
	return fault ? MEM_FAULT : data ? MEM_DATA : zero ? MEM_ZERO : MEM_OTHER;
}

int mem_try_write(void *p, size_t bytes)
{
	volatile uint8_t *b = p;
	struct sigaction old[2];
	volatile int ret = 0;

	catch_faults(old);
	if (sigsetjmp(fault_return, 1)) {
		ret = -1;
	} else {
		for (size_t i = 0; i < bytes; i += 4096)
			*(volatile uint32_t *)(b + i) = 0x600d600d;
	}
	release_faults(old);
	return ret;
}
