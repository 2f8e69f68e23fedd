// SPDX-License-Identifier: MIT
/*
 * Speed of the model without a guest: one JSON object on stdout.
 *
 *   bench VGPU	(the program to measure)
 *
 * register_ns/empty_ns	a register read over the socket, from the program and from a server that
 *			answers every message with zeros: what the model adds to the protocol
 * copy_*_mb_s		copy engine, by size of page, and memcpy() on the same memory
 * iova			nanoseconds to map and to unmap a page while so many are mapped
 * idle_*		what the program costs while nobody talks to it
 */
#define _GNU_SOURCE
#include "../tests/gpu.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dma.h"
#include "vfio_user_wire.h"

#define READS	   20000u
#define ROUNDS	   5
#define LINGER_NS  50000ull
#define COPY_BYTES (4u << 20)
#define COPIES	   8u
#define REG	   0x138108u /* reads a constant */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	return hw_now_ns();
}

/* CPU time of the process: what else runs on the machine does not count. */
static uint64_t spent(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- a register read over the socket ------------------------------------------------- */

struct read_msg {
	struct vu_header head;
	struct vu_region_access a;
};

struct read_reply {
	struct read_msg m;
	uint32_t val;
};

#define REPLY_BYTES (sizeof(struct read_msg) + 4) /* the struct has padding behind it */

static void recv_all(int fd, void *buf, size_t len)
{
	if (recv(fd, buf, len, MSG_WAITALL) != (ssize_t)len)
		die("recv");
}

/* Answers everything with zeros; waits for messages as the program does. */
static void empty_server(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t last = 0;
	struct read_msg m;

	for (;;) {
		struct read_reply r = { 0 };
		int ready;

		do
			ready = poll(&p, 1, 0);
		while (!ready && now() - last < LINGER_NS);
		if (!ready)
			poll(&p, 1, -1);
		if (recv(fd, &m, sizeof(m), MSG_WAITALL) != sizeof(m))
			_exit(0);
		r.m = m;
		r.m.head.size = REPLY_BYTES;
		r.m.head.flags = 1;
		if (send(fd, &r, REPLY_BYTES, MSG_NOSIGNAL) != REPLY_BYTES)
			_exit(0);
		last = now();
	}
}

static void hello(int fd)
{
	struct {
		struct vu_header head;
		struct vu_version v;
	} m = { { .command = VU_VERSION, .size = sizeof(m) }, { 0 } };
	char buf[1024];

	if (send(fd, &m, sizeof(m), 0) != sizeof(m) || recv(fd, buf, sizeof(buf), 0) <= 0)
		die("version");
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Nanoseconds of a read: the median, so that who else runs on the machine does not count. */
static double time_reads(int fd)
{
	struct read_msg m = { { .command = VU_REGION_READ, .size = sizeof(m) },
			      { .offset = REG, .region = VU_REGION_BAR0, .count = 4 } };
	static uint64_t took[READS];
	struct read_reply r;

	for (unsigned int i = 0; i < READS; i++) {
		uint64_t t = now();

		m.head.id = (uint16_t)i;
		if (send(fd, &m, sizeof(m), 0) != sizeof(m))
			die("send");
		recv_all(fd, &r, REPLY_BYTES);
		took[i] = now() - t;
	}
	qsort(took, READS, sizeof(took[0]), by_value);
	return (double)took[READS / 2];
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	for (int i = 0; i < 500; i++) {
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return fd;
		usleep(10000);
	}
	die(path);
	return -1;
}

static pid_t start_program(const char *program, const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		execl(program, program, "--socket", path, "--log", "/dev/null", NULL);
		_exit(127);
	}
	return pid;
}

/* CPU ticks and wake-ups of a process so far. */
static void cost_of(pid_t pid, long *ticks, long *wakeups)
{
	char path[64], line[1024];
	long u = 0, s = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f) ||
	    sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &u, &s) != 2)
		die(path);
	fclose(f);
	*ticks = u + s;
	*wakeups = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			*wakeups = n;
	if (f)
		fclose(f);
}

static void registers(const char *program)
{
	struct harness_path at;
	struct timeval limit = { .tv_sec = 10 };
	double mine = 1e12, empty = 1e12, t;
	long ticks[2], wakeups[2];
	pid_t server, pid;
	int pair[2], fd;

	harness_path_new(&at);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socket");
	pid = start_program(program, at.path);
	fd = connect_to(at.path);
	server = fork();
	if (!server) {
		close(pair[0]);
		empty_server(pair[1]);
	}
	close(pair[1]);
	/* a server that falls silent must not hold the benchmark */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	hello(fd);
	/* by turns, so that both meet the same neighbours on the machine */
	for (int i = 0; i < ROUNDS; i++) {
		t = time_reads(pair[0]);
		empty = t < empty ? t : empty;
		t = time_reads(fd);
		mine = t < mine ? t : mine;
	}
	printf("\"register_ns\": %.0f, \"empty_ns\": %.0f, ", mine, empty);
	usleep(200000);
	cost_of(pid, &ticks[0], &wakeups[0]);
	sleep(2);
	cost_of(pid, &ticks[1], &wakeups[1]);
	printf("\"idle_ticks\": %ld, \"idle_wakeups\": %ld, ", ticks[1] - ticks[0],
	       wakeups[1] - wakeups[0]);
	close(fd);
	close(pair[0]);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	waitpid(server, NULL, 0);
	harness_path_free(&at);
}

/* ---- copy engine ------------------------------------------------------------------------ */

#define VA_SRC 0x200000u
#define VA_DST 0x800000u
#define DONE   0x5000u
#define LEAVES 8u		/* of 2 MiB, or tables of 512 pages */
#define OFF_TABLES 0x20000u

/* VA 0 .. 16 MiB on to the data area. */
static void map_all(struct harness *h, bool huge)
{
	for (uint32_t i = 0; i < LEAVES; i++) {
		uint64_t pa = HARNESS_RAM_IOVA + OFF_DATA + ((uint64_t)i << 21);

		for (uint32_t k = 0; k < 512; k++)
			ram64_set(h, OFF_TABLES + 4096 * i + 8 * k, (pa + 4096 * k) | 3);
		ram64_set(h, OFF_PT + 3 * 4096 + 8 * i,
			  huge ? pa | 0x83 : (HARNESS_RAM_IOVA + OFF_TABLES + 4096 * i) | 3);
	}
}

static double engine_mb_s(bool huge)
{
	struct harness *h = harness_new();
	uint32_t seq = 0;
	double best = 0;

	gpu_boot(h);
	ctx_make(h, 1, 3, 1);
	map_all(h, huge);
	memset(h->ram + OFF_DATA + VA_SRC, 0x5a, COPY_BYTES);
	ctx_enable(h, 1);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t;
		double mb_s;

		for (unsigned int k = 0; k < COPIES; k++)
			RING(h, 1, 0x56800008, COPY_BYTES - 1, 0, 0, 0, VA_SRC, 0, VA_DST, 0, 0);
		RING(h, 1, MI_SDI, DONE, 0, ++seq);
		t = spent();
		H2G(h, 0x1000, 1);
		while (ram32(h, OFF_DATA + DONE) != seq)
			usleep(200);
		mb_s = COPIES * (double)COPY_BYTES / (double)(spent() - t) * 1000;
		best = mb_s > best ? mb_s : best;
	}
	if (memcmp(h->ram + OFF_DATA + VA_SRC, h->ram + OFF_DATA + VA_DST, COPY_BYTES))
		die("the copy is wrong");
	harness_free(h);
	return best;
}

static double memcpy_mb_s(void)
{
	struct harness *h = harness_new();
	double best = 0;

	memset(h->ram, 1, HARNESS_RAM_SIZE);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t t = spent();
		double mb_s;

		for (unsigned int k = 0; k < COPIES; k++) {
			memcpy(h->ram + OFF_DATA + VA_DST, h->ram + OFF_DATA + VA_SRC, COPY_BYTES);
			__asm__ volatile("" : : "r"(h->ram) : "memory");
		}
		mb_s = COPIES * (double)COPY_BYTES / (double)(spent() - t) * 1000;
		best = mb_s > best ? mb_s : best;
	}
	harness_free(h);
	return best;
}

/* ---- DMA table -------------------------------------------------------------------------- */

#define IOVA_PROBE 2000u

static void iova_curve(void)
{
	static const uint64_t sizes[] = { 1000, 10000, 100000, 1000000 };
	struct vgpu_dma *d = vgpu_dma_new();
	int fd = memfd_create("ram", MFD_CLOEXEC);
	uint64_t live = 0, base = 1ull << 32;

	if (!d || ftruncate(fd, 4096 * 1024))
		die("memory");
	printf("\"iova\": [");
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint64_t t, map, unmap;

		for (; live < sizes[s]; live++)
			if (vgpu_dma_map(d, base + live * 4096, 4096, fd, live % 1024 * 4096,
					 VGPU_DMA_READ | VGPU_DMA_WRITE))
				die("map");
		/* pages all over the table, not the newest */
		t = spent();
		for (uint64_t i = 0; i < IOVA_PROBE; i++)
			vgpu_dma_unmap(d, base + i * 7919 % live * 4096, 4096);
		unmap = spent() - t;
		t = spent();
		for (uint64_t i = 0; i < IOVA_PROBE; i++)
			vgpu_dma_map(d, base + i * 7919 % live * 4096, 4096, fd, 0, VGPU_DMA_READ);
		map = spent() - t;
		printf("%s[%llu, %.0f, %.0f]", s ? ", " : "", (unsigned long long)live,
		       (double)map / IOVA_PROBE, (double)unmap / IOVA_PROBE);
	}
	printf("]");
	vgpu_dma_free(d);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench VGPU\n");
		return 2;
	}
	vgpu_log_level = VGPU_LOG_NONE;
	printf("{");
	registers(argv[1]);
	printf("\"memcpy_mb_s\": %.0f, ", memcpy_mb_s());
	printf("\"copy_4k_mb_s\": %.0f, ", engine_mb_s(false));
	printf("\"copy_2m_mb_s\": %.0f, ", engine_mb_s(true));
	iova_curve();
	printf("}\n");
	return 0;
}
