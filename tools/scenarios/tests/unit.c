// SPDX-License-Identifier: MIT
/*
 * Tests of the shared parts that need no GPU.
 * Prints a line a failure; status 0 or 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "batch.h"
#include "child.h"
#include "common.h"
#include "fence.h"
#include "../igt/igt.h"
#include "../igt/judge.h"
#include "mem.h"
#include "spin.h"
#include "uffd.h"
#include "waiter.h"

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

static void test_maps(void)
{
	const size_t bytes = 1 << 20;
	void *p = mem_map(bytes);

	CHECK(p && mem_classify(p, bytes, 1) == MEM_ZERO);
	CHECK(mem_unmap(&p, bytes, "p") == 0 && !p);
	CHECK(mem_unmap(&p, bytes, "nothing") == 0);
	for (int i = 0; i < 3; i++) {	/* the neighbours differ, and so does what is cut off */
		char *q = mem_map_aligned(bytes);

		p = q;
		CHECK(q && !((uintptr_t)q & (bytes - 1)));
		CHECK(mem_try_write(q, bytes) == 0);
		CHECK(msync(q + bytes, bytes, MS_ASYNC) == -1);	/* nothing else is left behind */
		CHECK(mem_unmap(&p, bytes, "p") == 0);
		CHECK(mem_classify(q, 4096, 1) == MEM_FAULT);
	}
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

static void test_spin(void)
{
	static uint32_t memory[2 * SPIN_BYTES / 4];
	struct xe_bo bo = { .size = sizeof(memory), .va = 0x10000, .map = memory };
	struct spin s;

	CHECK(spin_write(&s, &bo, 2) == -1);
	CHECK(spin_write(&s, &bo, 1) == 0);
	CHECK(s.va == 0x10000 + SPIN_BYTES && s.cs == memory + SPIN_BYTES / 4);
	/* The store goes to the flag, the jump to the store. */
	CHECK(s.cs[1] == s.va + ((char *)s.flag - (char *)s.cs));
	CHECK(s.cs[6] == s.va && s.cs[4] == 0x02800000);
	CHECK(memory[0] == 0);
	*s.flag = s.cs[3];
	CHECK(spin_check(&s, 0, "nothing") == 0);
	spin_end(&s);
	CHECK(s.cs[4] == 0x05000000 && s.cs[6] == s.va);
}

static int child_main(int sock, void *arg)
{
	int number, fd;
	char c;

	if (child_receive_fd(sock, &number, sizeof(number), &fd))
		return 9;
	if (read(fd, &c, 1) != 1 || child_send_fd(sock, &c, 1, fd))
		return 8;
	if (arg)
		pause();
	return number;
}

static void test_child(void)
{
	struct child c = { 0 };
	int number = 7, fds[2], back = -1;
	char byte = 0;

	child_kill(&c);
	CHECK(pipe(fds) == 0 && write(fds[1], "ab", 2) == 2);
	CHECK(child_start(&c, child_main, NULL) == 0);
	CHECK(child_receive(&c, &byte, 1, 20) == 0);
	CHECK(child_send_fd(c.sock, &number, sizeof(number), fds[0]) == 0);
	CHECK(child_receive_fd(c.sock, &byte, 1, &back) == 0 && byte == 'a' && back >= 0);
	CHECK(read(back, &byte, 1) == 1 && byte == 'b');
	CHECK(child_wait(&c, 2000) == 7 && c.pid == 0);

	CHECK(child_start(&c, child_main, &c) == 0);
	CHECK(child_wait(&c, 20) == -1);
	child_kill(&c);
	CHECK(c.pid == 0);
	/* One that ends at once without a word. */
	CHECK(child_start(&c, child_main, NULL) == 0);
	CHECK(shutdown(c.sock, SHUT_RDWR) == 0);
	CHECK(child_wait(&c, 2000) == 9);
}

static int read_page(void *page)
{
	return *(volatile uint32_t *)page == 0x11 ? 0 : EINVAL;
}

static void test_uffd(void)
{
	struct waiter w = { .what = "read of a missing page", .call = read_page };
	uint32_t data = 0x11;
	struct uffd u;

	if (uffd_open(&u, 2) == SCN_SKIP)
		return;		/* a container may forbid it */
	w.arg = uffd_page(&u, 1);
	CHECK(waiter_start(&w) == 0);
	CHECK(uffd_wait(&u, 1, 1000) == 0);
	CHECK(uffd_wait(&u, 0, 20) == -1);
	CHECK(!waiter_ended(&w, 0));
	CHECK(uffd_resolve(&u, 1, &data, sizeof(data)) == 0);
	CHECK(waiter_ended(&w, 1000) && w.err == 0);
	CHECK(uffd_resolve(&u, 1, &data, sizeof(data)) == 0);
	CHECK(waiter_stop(&w) == 0);
	uffd_close(&u);
	uffd_close(&u);
}

static void test_fence(void)
{
	uint64_t now = scn_now_ms();
	int status = 5;

	CHECK(!strcmp(fence_status_name(0), "active"));
	CHECK(!strcmp(fence_status_name(1), "success"));
	CHECK(!strcmp(fence_status_name(-ENODEV), "ENODEV"));
	CHECK(fence_status(-1, &status) == -1 && status == 5);
	CHECK(ms_left(now) == 0);
	CHECK(ms_left(now + 5000) > 4000);
}

static void test_waiter_gone(void)
{
	struct waiter w = { .what = "w" };
	uint64_t now = scn_now_ms();
	static const struct {
		bool done, may_succeed;
		int err;
		bool fails;
	} cases[] = {
		{ false, true, 0, true }, { true, true, 0, false }, { true, false, 0, true },
		{ true, false, ENODEV, false }, { true, true, EIO, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int before = scn_failures();

		w.done = cases[i].done;
		w.err = cases[i].err;
		waiter_gone(&w, now, cases[i].may_succeed);
		CHECK((scn_failures() > before) == cases[i].fails);
	}
}

static void test_igt_patterns(void)
{
	CHECK(igt_matches("userptr-remove", "userptr-remove"));
	CHECK(!igt_matches("userptr-remove-kill", "userptr-remove"));
	CHECK(igt_matches("userptr-remove-kill", "userptr-*"));
	CHECK(igt_matches("idle-fd-unbind", "userptr-*,idle-*"));
	CHECK(!igt_matches("userptr-remove-kill", "userptr-*,!*-kill"));
	CHECK(igt_matches("userptr-remove-kill", "!*-kill,userptr-*"));
	CHECK(!igt_matches("userptr", ""));
}

static void test_judge_record(void)
{
	char warn[] = "4,100,5,-;WARNING: CPU: 0 at xe\n", info[] = "6,1,1,-;xe fine\n";
	char facility[] = "11,1,1,-;a program at error level\n";
	char clock[] = "4,1,1,-;hrtimer: interrupt took 5 ns\n", odd[] = "3";
	const char *text = NULL;

	CHECK(judge_record(warn, &text) && !strcmp(text, "WARNING: CPU: 0 at xe"));
	CHECK(!judge_record(info, &text));
	CHECK(!judge_record(facility, &text));
	CHECK(!judge_record(clock, &text));
	CHECK(!judge_record(odd, &text));
}

int main(void)
{
	test_pattern();
	test_faults();
	test_maps();
	test_batch();
	test_waiter();
	test_waiter_gone();
	test_fence();
	test_spin();
	test_child();
	test_uffd();
	test_igt_patterns();
	test_judge_record();
	printf("unit: %u checks, %u failed\n", checks, failures);
	return failures ? 1 : 0;
}
