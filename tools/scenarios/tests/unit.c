// SPDX-License-Identifier: MIT
/*
 * Tests of the shared parts that need no GPU: memory, batches, waiters.
 * Prints a line a failure; status 0 or 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../batch.h"
#include "../common.h"
#include "../mem.h"
#include "../waiter.h"

static unsigned int checks, failures;

static void check(bool ok, const char *what, int line)
{
	checks++;
	if (ok)
		return;
	failures++;
	printf("unit.c:%d: %s\n", line, what);
}
#define CHECK(cond) check(cond, #cond, __LINE__)

static void test_pattern(void)
{
	static uint32_t p[4096];

	mem_fill(p, sizeof(p), 7);
	CHECK(mem_check(p, sizeof(p), 7, "p") == 0);
	CHECK(mem_classify(p, sizeof(p), 7) == MEM_DATA);
	CHECK(mem_classify(p, sizeof(p), 8) == MEM_OTHER);
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		if (!p[i])
			CHECK(!"pattern holds a zero word");
	p[4095] ^= 0x100;
	CHECK(mem_check(p, sizeof(p), 7, "p") == -1);
	CHECK(mem_classify(p, sizeof(p), 7) == MEM_OTHER);
	memset(p, 0, sizeof(p));
	CHECK(mem_classify(p, sizeof(p), 7) == MEM_ZERO);
}

/* Memory beyond the end of a file raises SIGBUS, read-only memory SIGSEGV. */
static void test_faults(void)
{
	int fd = memfd_create("unit", MFD_CLOEXEC);
	uint8_t *p;

	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mem_classify(p, 4096, 1) == MEM_ZERO);
	CHECK(mem_try_write(p, 4096) == 0);
	for (int i = 0; i < 3; i++) {	/* the handler must be usable again */
		CHECK(mem_classify(p, 8192, 1) == MEM_FAULT);
		CHECK(mem_try_write(p, 8192) == -1);
	}
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	CHECK(mem_classify(p, 4096, 1) == MEM_OTHER);
	CHECK(mem_try_write(p, 4096) == -1);
	munmap(p, 8192);
	close(fd);
}

static void test_batch(void)
{
	uint32_t cs[64] = { 0 };
	static const uint32_t store[] = { 0x10000002, 0x55556000, 0x1234, 0xabcd };
	static const uint32_t copy[] = { 0x17000003, 0x2004, 2, 0x1004, 1 };
	static const uint32_t jump[] = { 0x18800101, 0x1000, 0x10 };
	static const uint32_t blit[] = {
		0x50800008, 0x03001000, 0, 3u << 16 | 1024,
		0x3000, 3, 0, 4096, 0x1000, 1,
	};
	struct batch b;

	batch_begin(&b, cs, sizeof(cs), 0x100000);
	batch_store(&b, 0x123455556000ull, 0xabcd);
	CHECK(!memcmp(cs, store, sizeof(store)));
	CHECK(batch_here(&b) == 0x100010);

	batch_begin(&b, cs, sizeof(cs), 0);
	batch_copy_dwords(&b, 0x200002000ull, 0x100001000ull, 8);
	CHECK(b.n == 10 && !memcmp(cs + 5, copy, sizeof(copy)));

	batch_begin(&b, cs, sizeof(cs), 0);
	batch_jump(&b, 0x1000001000ull);
	batch_preempt(&b);
	batch_end(&b);
	CHECK(!memcmp(cs, jump, sizeof(jump)));
	CHECK(b.n == 5 && cs[3] == 0x02800000 && cs[4] == 0x05000000);

	batch_begin(&b, cs, sizeof(cs), 0);
	batch_copy_blit(&b, 0x300003000ull, 0x100001000ull, 3 * 4096);
	CHECK(b.n == 10 && !memcmp(cs, blit, sizeof(blit)));
	batch_begin(&b, cs, sizeof(cs), 0);
	batch_copy_blit(&b, 0, 0, 256);
	CHECK(cs[3] == (1u << 16 | 64));
	CHECK(batch_check(&b) == 0);

	/* Too much is counted, not written. */
	cs[2] = 0x77;
	batch_begin(&b, cs, 8, 0);
	batch_store(&b, 0, 0);
	CHECK(cs[2] == 0x77 && batch_check(&b) == -1);
}

static int sleep_on_pipe(void *arg)
{
	char c;

	return read(*(int *)arg, &c, 1) < 0 ? errno : 0;
}

static int return_at_once(void *arg)
{
	(void)arg;
	return EBADF;
}

static void test_waiter(void)
{
	struct waiter w = { .what = "read", .call = sleep_on_pipe };
	struct waiter q = { .what = "nothing", .call = return_at_once };
	int fds[2];

	CHECK(pipe(fds) == 0);
	w.arg = &fds[0];
	CHECK(waiter_stop(&w) == 0);
	CHECK(waiter_start(&w) == 0);
	CHECK(!waiter_ended(&w, 20));
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(waiter_ended(&w, 1000) && w.err == 0);
	CHECK(waiter_stop(&w) == 0);

	memset(&w, 0, sizeof(w));
	w = (struct waiter){ .what = "read", .call = sleep_on_pipe, .arg = &fds[0] };
	CHECK(waiter_start(&w) == 0);
	CHECK(waiter_stop(&w) == 0 && w.err == EINTR);

	CHECK(waiter_start(&q) == -1);
	CHECK(waiter_stop(&q) == 0 && q.err == EBADF);
}

int main(void)
{
	test_pattern();
	test_faults();
	test_batch();
	test_waiter();
	printf("unit: %u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
