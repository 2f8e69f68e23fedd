/* SPDX-License-Identifier: MIT */
/*
 * A device inside the test program: struct vgpu with guest memory behind its
 * DMA table, bus master on, MSI wired. Include this first in every test; it
 * brings cmocka's headers in the order it needs.
 */
#ifndef VGPU_TESTS_HARNESS_H
#define VGPU_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vgpu.h"

/* Guest memory: this many bytes at this bus address; the pages around it are not mapped. */
#define HARNESS_RAM_SIZE (32u << 20)
#define HARNESS_RAM_IOVA 0x140000000ull

struct harness {
	struct vgpu *g;
	uint8_t *ram; /* the test's own view of guest memory */
	int ram_fd;
	int msi_fd; /* eventfd, non-blocking */
};

/*
 * harness_new_of - a device of that personality, all memory 0; harness_new - of "lnl". The front
 * half's tests get stand-ins. Fails the test if it cannot be made.
 */
struct harness *harness_new_of(const char *personality);
struct harness *harness_new(void);
/* harness_free - NULL is allowed. */
void harness_free(struct harness *h);
/* harness_setup, harness_setup_bmg, harness_teardown - the same as cmocka fixtures; *state is the harness. */
int harness_setup(void **state);
int harness_setup_bmg(void **state);
int harness_teardown(void **state);

/* harness_msis - MSIs since the last call. */
uint64_t harness_msis(struct harness *h);
/* harness_wait_msi - waits at most @ms for one; false if none came. Does not consume it. */
bool harness_wait_msi(struct harness *h, int ms);
/* harness_witness - events of @kind so far. */
uint64_t harness_witness(struct harness *h, enum vgpu_witness_kind kind);
/* harness_witness_total - events of all kinds so far. */
uint64_t harness_witness_total(struct harness *h);
/* harness_bus_master - what the driver does with COMMAND.BME. */
void harness_bus_master(struct harness *h, bool on);
/* harness_ggtt - maps @pages pages from GGTT address @gpu on to guest memory at @off. */
void harness_ggtt(struct harness *h, uint64_t gpu, uint32_t off, unsigned int pages);

/* A unix socket's path in a folder of its own below $TMPDIR. */
struct harness_path {
	char dir[64], path[80];
};

/* harness_path_new - makes the folder; fails the test if it cannot or if its name leaves no room. */
void harness_path_new(struct harness_path *p);
/* harness_path_free - removes the folder; fails the test if the socket is still in it. */
void harness_path_free(const struct harness_path *p);
/* harness_dial - a stream connected to @p; the caller closes it. */
int harness_dial(const struct harness_path *p);

/* harness_open_fds - how many descriptors the process has, and a constant. */
int harness_open_fds(void);
/* harness_run_deferred - what the loop does about vgpu_defer(), within @ms; false if nothing was due. */
bool harness_run_deferred(struct harness *h, int ms);
/* harness_num - member @key of @o, which must be an integer. */
json_int_t harness_num(const json_t *o, const char *key);
/* harness_control - the answer to a control request; must be a refusal with a reason if !@ok. */
json_t *harness_control(struct harness *h, const char *line, bool ok);

/*
 * Marks a negative test, for tests/run to count: somebody does what must not be done (a bad value,
 * message, order or address), or something breaks, and it is refused, contained or witnessed.
 */
#define BAD(...) __VA_ARGS__

/* A test with a fresh "lnl". */
#define TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

/* Aligned little-endian words of guest memory. */
static inline uint32_t ram32(const struct harness *h, uint32_t off)
{
	return __atomic_load_n((uint32_t *)(void *)(h->ram + off), __ATOMIC_ACQUIRE);
}

static inline uint64_t ram64(const struct harness *h, uint32_t off)
{
	return __atomic_load_n((uint64_t *)(void *)(h->ram + off), __ATOMIC_ACQUIRE);
}

static inline void ram32_set(const struct harness *h, uint32_t off, uint32_t v)
{
	__atomic_store_n((uint32_t *)(void *)(h->ram + off), v, __ATOMIC_RELEASE);
}

static inline void ram64_set(const struct harness *h, uint32_t off, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(h->ram + off), v, __ATOMIC_RELEASE);
}

#endif
