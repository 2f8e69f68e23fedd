// SPDX-License-Identifier: MIT
/*
 * Speed of the model without a guest: one JSON object on stdout.
 *
 *   bench VGPU [PART]	(the program to measure; registers, copy or iova for a profile of one)
 *
 * register		a register read over the socket, from the program and from a server that answers
 *			every message with zeros: what the model adds to the protocol. The quotient,
 *			median of many short rounds; register_ns and empty_ns are what went into it
 * copy_*_mb_s		copy engine, by size of page, and memcpy() of the same memory; scattered: every page
 *			a mapping of its own, as a guest with IOMMU makes them, and no two neighbours; local:
 *			4 KiB pages in the memory of a card
 * iova			while so many pages are mapped, nanoseconds to map and to unmap one: as a request
 *			over the socket, and in the table alone
 * idle_*		what the program costs while nobody talks to it
 */
#define _GNU_SOURCE
#include "gpu.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dma.h"
#include "vfio_user_wire.h"

#define LINGER_NS  50000ull
#define PATIENCE_NS 10000000000ull
/* a round is a few milliseconds, less than the scheduler leaves both servers where they are */
#define READS	   200u
#define WARM_UP	   40u
#define ROUNDS	   151u
/* twice that in 4 KiB pages is beyond the TLB, for who is measured and for memcpy() */
#define COPY_BYTES (8u << 20)
#define COPIES	   16u
#define COPY_ROUNDS 15u
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

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* So that who else runs on the machine does not count. Sorts @v. */
static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
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

/* Nanoseconds of a read, median of a round. */
static double time_reads(int fd)
{
	struct read_msg m = { { .command = VU_REGION_READ, .size = sizeof(m) },
			      { .offset = REG, .region = VU_REGION_BAR0, .count = 4 } };
	double took[READS];
	struct read_reply r;

	for (unsigned int i = 0; i < WARM_UP + READS; i++) {
		uint64_t t = now();

		m.head.id = (uint16_t)i;
		if (send(fd, &m, sizeof(m), 0) != sizeof(m))
			die("send");
		/* asleep it would measure how long the kernel takes to wake it up */
		while (recv(fd, &r, REPLY_BYTES, MSG_DONTWAIT) != REPLY_BYTES)
			if (now() - t > PATIENCE_NS)
				die("recv");
		if (i >= WARM_UP)
			took[i - WARM_UP] = (double)(now() - t);
	}
	return median(took, READS);
}

/*
 * On which of two processors a server runs beside its client decides more than what it does. So the
 * client has one for itself, if there is a second, and both servers share that.
 */
static void to_processor(pid_t pid, const cpu_set_t *all, int n)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t one;

	/* before who else runs here, if we may: a round trip with a stranger in it says nothing */
	sched_setscheduler(pid, SCHED_FIFO, &first);
	CPU_ZERO(&one);
	if (CPU_COUNT(all) < 2)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, all) && n-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(pid, sizeof(one), &one);
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

/* Behind its sandbox the program cannot remove the socket. */
static void stop_program(pid_t pid, const struct harness_path *at)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	unlink(at->path);
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
	double mine[ROUNDS], empty[ROUNDS], ratio[ROUNDS];
	cpu_set_t all;
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
	hello(fd);
	if (sched_getaffinity(0, sizeof(all), &all))
		die("affinity");
	to_processor(0, &all, 0);
	to_processor(pid, &all, 1);
	to_processor(server, &all, 1);
	/* by turns, so that both meet the same neighbours on the machine */
	for (unsigned int i = 0; i < ROUNDS; i++) {
		empty[i] = time_reads(pair[0]);
		mine[i] = time_reads(fd);
		ratio[i] = mine[i] / empty[i];
	}
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	sched_setaffinity(0, sizeof(all), &all);
	printf("\"register\": %.3f, \"register_ns\": %.0f, \"empty_ns\": %.0f, ",
	       median(ratio, ROUNDS), median(mine, ROUNDS), median(empty, ROUNDS));
	printf("\"register_rounds\": [%.3f, %.3f], ", ratio[ROUNDS / 10], ratio[ROUNDS - 1 - ROUNDS / 10]);
	usleep(200000);
	cost_of(pid, &ticks[0], &wakeups[0]);
	sleep(2);
	cost_of(pid, &ticks[1], &wakeups[1]);
	printf("\"idle_ticks\": %ld, \"idle_wakeups\": %ld, ", ticks[1] - ticks[0],
	       wakeups[1] - wakeups[0]);
	close(fd);
	close(pair[0]);
	stop_program(pid, &at);
	waitpid(server, NULL, 0);
	harness_path_free(&at);
}

/* ---- copy engine ------------------------------------------------------------------------ */

#define VA_SRC 0x200000u
#define VA_DST 0xc00000u
#define DONE   0x5000u
#define LEAVES 12u		/* of 2 MiB, or tables of 512 pages */
#define PAGES  (LEAVES * 512u)
#define OFF_TABLES 0x20000u
#define IOVA_SCATTERED (1ull << 40)

#define VRAM_PT	  0x100000u /* as OFF_PT, and the last tables behind it */
#define VRAM_DATA 0x1000000u

enum layout { HUGE, SMALL, SCATTERED, LOCAL };

/* Offset of VA in guest memory, or local memory. Numbers of pages times something odd: each once, far apart. */
static uint32_t offset_of(enum layout l, uint32_t va)
{
	uint32_t page = va >> 12;

	if (l == LOCAL)
		return VRAM_DATA + va;
	return OFF_DATA + ((l == SCATTERED ? page * 1237 % PAGES : page) << 12) + (va & 4095);
}

static uint8_t *at(struct harness *h, enum layout l, uint32_t va)
{
	return (l == LOCAL ? h->g->hw->vram.mem : h->ram) + offset_of(l, va);
}

/* VA 0 .. 24 MiB on to the data area, from guest memory's tables. */
static void map_ram(struct harness *h, enum layout l)
{
	for (uint32_t page = 0; page < PAGES; page++) {
		uint32_t leaf = page / 512, in = page % 512;
		uint64_t bus = HARNESS_RAM_IOVA + offset_of(l, page << 12);

		if (l == SCATTERED) {
			bus = IOVA_SCATTERED + (page * 2731 % PAGES << 12);
			if (vgpu_dma_map(h->g->dma, bus, 4096, h->ram_fd, offset_of(l, page << 12),
					 VGPU_DMA_READ | VGPU_DMA_WRITE))
				die("map");
		}
		ram64_set(h, OFF_TABLES + 4096 * leaf + 8 * in, bus | 3);
		if (!in)
			ram64_set(h, OFF_PT + 3 * 4096 + 8 * leaf,
				  l == HUGE ? bus | 0x83 : (HARNESS_RAM_IOVA + OFF_TABLES + 4096 * leaf) | 3);
	}
}

/* The same in local memory, pages of 4 KiB; the context gets the root. */
static void map_local(struct harness *h)
{
	uint64_t *pt = (uint64_t *)(void *)(h->g->hw->vram.mem + VRAM_PT);

	for (uint32_t level = 0; level < 3; level++)
		pt[512 * level] = (VRAM_PT + 4096 * (level + 1)) | 3;
	for (uint32_t page = 0; page < PAGES; page++) {
		pt[512 * 3 + page / 512] = (VRAM_PT + 4096 * (4 + page / 512)) | 3;
		pt[512 * 4 + page] = offset_of(LOCAL, page << 12) | 1 << 11 | 3;
	}
	lrc_set(h, 1, 0x31, 0);
	lrc_set(h, 1, 0x33, VRAM_PT);
}

static double mb_s(uint64_t ns)
{
	return COPIES * (double)COPY_BYTES / (double)ns * 1000;
}

static double engine_once(struct harness *h, enum layout l, uint32_t seq)
{
	uint64_t t;

	for (unsigned int k = 0; k < COPIES; k++)
		RING(h, 1, 0x56800008, COPY_BYTES - 1, 0, 0, 0, VA_SRC, 0, VA_DST, 0, 0);
	RING(h, 1, MI_SDI, DONE, 0, seq);
	t = spent();
	H2G(h, 0x1000, 1);
	while (__atomic_load_n((uint32_t *)(void *)at(h, l, DONE), __ATOMIC_ACQUIRE) != seq)
		usleep(200);
	return mb_s(spent() - t);
}

static double memcpy_once(struct harness *h, enum layout l)
{
	const volatile uint32_t piece = l == SCATTERED ? 4096 : COPY_BYTES; /* libc's, not the compiler's */
	uint64_t t = spent();

	for (unsigned int k = 0; k < COPIES; k++) {
		for (uint32_t p = 0; p < COPY_BYTES; p += piece)
			memcpy(at(h, l, VA_DST + p), at(h, l, VA_SRC + p), piece);
		__asm__ volatile("" : : "r"(h->ram) : "memory");
	}
	return mb_s(spent() - t);
}

/* Both by turns, the medians of each and of what one is of the other. */
static void copies(enum layout l, const char *name)
{
	double engine[COPY_ROUNDS], host[COPY_ROUNDS], ratio[COPY_ROUNDS];
	struct harness *h = harness_new_of(l == LOCAL ? "bmg" : "lnl");

	gpu_boot(h);
	ctx_make(h, 1, 3, 1);
	if (l == LOCAL)
		map_local(h);
	else
		map_ram(h, l);
	ctx_enable(h, 1);
	for (uint32_t i = 0; i < COPY_ROUNDS; i++) {
		host[i] = memcpy_once(h, l);
		for (uint32_t p = 0; p < COPY_BYTES; p += 4096)
			memset(at(h, l, VA_SRC + p), (int)(p / 4096 + i), 4096);
		engine[i] = engine_once(h, l, i + 1);
		ratio[i] = engine[i] / host[i];
		for (uint32_t p = 0; p < COPY_BYTES; p += 4096)
			if (memcmp(at(h, l, VA_SRC + p), at(h, l, VA_DST + p), 4096))
				die("the copy is wrong");
	}
	printf("\"copy_%s_mb_s\": [%.0f, %.0f], \"copy_%s\": %.3f, ", name, median(engine, COPY_ROUNDS),
	       median(host, COPY_ROUNDS), name, median(ratio, COPY_ROUNDS));
	harness_free(h);
}

static void copy_engine(void)
{
	copies(HUGE, "2m");
	copies(SMALL, "4k");
	copies(SCATTERED, "scattered");
	copies(LOCAL, "local");
}

/* ---- DMA table -------------------------------------------------------------------------- */

#define IOVA_PROBE 500u /* pages, each once a round: fewer than the fewest that live */
#define IOVA_ROUNDS 20u
#define IOVA_BASE  (1ull << 32)
#define IOVA_FILE_PAGES 1024u

struct iova_point {
	double map, unmap; /* over the socket */
	double table_map, table_unmap;
};

/* A page that is mapped; all over the table: neighbours of the last one would be in the cache. */
static uint64_t some_page(uint64_t n, uint64_t live)
{
	return n * 7919 % live;
}

static uint64_t iova_of(uint64_t page)
{
	return IOVA_BASE + page * 4096;
}

static void table_map(struct vgpu_dma *d, int fd, uint64_t page)
{
	if (vgpu_dma_map(d, iova_of(page), 4096, fd, page % IOVA_FILE_PAGES * 4096,
			 VGPU_DMA_READ | VGPU_DMA_WRITE))
		die("map");
}

/* CPU time a page, median of the rounds. */
static void probe_table(struct vgpu_dma *d, int fd, uint64_t live, struct iova_point *p)
{
	double map[IOVA_ROUNDS], unmap[IOVA_ROUNDS];

	for (uint64_t r = 0; r < IOVA_ROUNDS; r++) {
		uint64_t t = spent();

		for (uint64_t i = 0; i < IOVA_PROBE; i++)
			if (vgpu_dma_unmap(d, iova_of(some_page(r * IOVA_PROBE + i, live)), 4096))
				die("unmap");
		unmap[r] = (double)(spent() - t) / IOVA_PROBE;
		t = spent();
		for (uint64_t i = 0; i < IOVA_PROBE; i++)
			table_map(d, fd, some_page(r * IOVA_PROBE + i, live));
		map[r] = (double)(spent() - t) / IOVA_PROBE;
	}
	p->table_map = median(map, IOVA_ROUNDS);
	p->table_unmap = median(unmap, IOVA_ROUNDS);
}

static void request(int sock, uint32_t flags, bool map, uint64_t page, int fd)
{
	struct {
		struct vu_header head;
		union {
			struct vu_dma_map map;
			struct vu_dma_unmap unmap;
		};
	} m = { .head = { .command = map ? VU_DMA_MAP : VU_DMA_UNMAP, .flags = flags } };
	uint32_t body = map ? sizeof(m.map) : sizeof(m.unmap);
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &m, sizeof(m.head) + body };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	m.head.size = (uint32_t)iov.iov_len;
	if (map) {
		struct cmsghdr *c = &control.align;

		m.map = (struct vu_dma_map){ body, VU_DMA_F_READ | VU_DMA_F_WRITE,
					     page % IOVA_FILE_PAGES * 4096, iova_of(page), 4096 };
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	} else {
		m.unmap = (struct vu_dma_unmap){ body, 0, iova_of(page), 4096 };
	}
	if (sendmsg(sock, &msg, 0) != (ssize_t)iov.iov_len)
		die("sendmsg");
}

/* Nanoseconds of a request that is answered. */
static double timed_request(int sock, bool map, uint64_t page, int fd)
{
	char buf[sizeof(struct vu_header) + sizeof(struct vu_dma_unmap)];
	struct vu_header *reply = (void *)buf;
	uint64_t t = now();

	request(sock, 0, map, page, fd);
	recv_all(sock, reply, sizeof(*reply));
	if (reply->flags & VU_ERROR)
		die("request");
	if (reply->size > sizeof(*reply))
		recv_all(sock, reply + 1, reply->size - sizeof(*reply));
	return (double)(now() - t);
}

static void probe_socket(int sock, int fd, uint64_t live, struct iova_point *p)
{
	static double map[IOVA_ROUNDS * IOVA_PROBE], unmap[IOVA_ROUNDS * IOVA_PROBE];

	for (uint64_t r = 0; r < IOVA_ROUNDS; r++) {
		uint64_t first = r * IOVA_PROBE;

		for (uint64_t i = first; i < first + IOVA_PROBE; i++)
			unmap[i] = timed_request(sock, false, some_page(i, live), -1);
		for (uint64_t i = first; i < first + IOVA_PROBE; i++)
			map[i] = timed_request(sock, true, some_page(i, live), fd);
	}
	p->map = median(map, IOVA_ROUNDS * IOVA_PROBE);
	p->unmap = median(unmap, IOVA_ROUNDS * IOVA_PROBE);
}

static void iova_curve(const char *program)
{
	static const uint64_t sizes[] = { 1000, 3000, 10000, 30000, 100000, 300000, 1000000 };
	struct vgpu_dma *d = vgpu_dma_new();
	int fd = memfd_create("ram", MFD_CLOEXEC), sock;
	struct harness_path at;
	uint64_t live = 0;
	pid_t pid;

	if (!d || ftruncate(fd, 4096 * IOVA_FILE_PAGES))
		die("memory");
	harness_path_new(&at);
	pid = start_program(program, at.path);
	sock = connect_to(at.path);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 60 },
		   sizeof(struct timeval));
	hello(sock);
	printf("\"iova\": [");
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct iova_point p;

		for (; live < sizes[s]; live++) {
			table_map(d, fd, live);
			request(sock, VU_NO_REPLY, true, live, fd);
		}
		probe_table(d, fd, live, &p);
		probe_socket(sock, fd, live, &p);
		printf("%s[%llu, %.0f, %.0f, %.0f, %.0f]", s ? ", " : "", (unsigned long long)live, p.map,
		       p.unmap, p.table_map, p.table_unmap);
	}
	printf("], ");
	close(sock);
	stop_program(pid, &at);
	harness_path_free(&at);
	vgpu_dma_free(d);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *part = argc == 3 ? argv[2] : "";
	bool all = !*part;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: bench VGPU [registers|copy|iova]\n");
		return 2;
	}
	vgpu_log_level = VGPU_LOG_NONE;
	printf("{");
	if (all || !strcmp(part, "registers"))
		registers(argv[1]);
	if (all || !strcmp(part, "copy"))
		copy_engine();
	if (all || !strcmp(part, "iova"))
		iova_curve(argv[1]);
	printf("\"version\": 1}\n");
	return 0;
}
