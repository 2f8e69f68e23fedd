// SPDX-License-Identifier: MIT
/* Control socket: the requests, and clients of every bad kind. */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "witness.h"

/* ---- requests ---------------------------------------------------------------------- */

static void must(struct harness *h, const char *line)
{
	json_decref(harness_control(h, line, true));
}

static void must_not(struct harness *h, const char *line)
{
	json_decref(harness_control(h, line, false));
}

static void hello(void **state)
{
	json_t *r = harness_control(*state, "{\"cmd\":\"hello\"}", true);

	assert_int_equal(harness_num(r, "version"), 1);
	assert_int_equal(harness_num(r, "pid"), getpid());
	assert_string_equal(json_string_value(json_object_get(r, "personality")), "stub");
	json_decref(r);
}

static void stats(void **state)
{
	static const char *const numbers[] = { "dma_map", "dma_unmap", "mmio_reads", "mmio_writes", "mmio_memory",
					       "msi",	  "contexts",  "jobs_running", "jobs_done" };
	static const char *const booleans[] = { "connected", "dead", "bus_master" };
	struct harness *h = *state;
	uint32_t v;
	json_t *r, *s;

	vgpu_bar0_read(h->g, 0, &v, 4);
	vgpu_msi(h->g);
	r = harness_control(h, "{\"cmd\":\"stats\"}", true);
	s = json_object_get(r, "stats");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		harness_num(s, numbers[i]);
	for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++)
		assert_true(json_is_boolean(json_object_get(s, booleans[i])));
	assert_true(json_is_object(json_object_get(s, "unknown_registers")));
	assert_int_equal(harness_num(s, "live_dma_pages"), HARNESS_RAM_SIZE / 4096);
	assert_int_equal(harness_num(s, "mmio_reads"), 1);
	assert_int_equal(harness_num(s, "msi"), 1);
	assert_true(json_is_true(json_object_get(s, "bus_master")));
	json_decref(r);
}

static void dead(void **state)
{
	struct harness *h = *state;

	must(h, "{\"cmd\":\"dead\",\"on\":true}");
	assert_true(vgpu_is_dead(h->g));
	must(h, "{\"cmd\":\"dead\",\"on\":true}");
	assert_int_equal(h->g->hw->quiesced, 1);
	must(h, "{\"cmd\":\"dead\",\"on\":false}");
	assert_false(vgpu_is_dead(h->g));
	assert_int_equal(h->g->hw->quiesced, 0);
}

static void slow(void **state)
{
	struct harness *h = *state;

	must(h, "{\"cmd\":\"slow\",\"wake_us\":30000,\"reset_us\":4000}");
	assert_int_equal(h->g->hw->wake_us, 30000);
	assert_int_equal(h->g->hw->reset_us, 4000);
	must(h, "{\"cmd\":\"slow\"}");
	assert_int_equal(h->g->hw->wake_us, 0);
	assert_int_equal(h->g->hw->reset_us, 0);
}

static void gone(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_control(h, "{\"cmd\":\"gone\",\"on\":true}", true);

	assert_true(h->g->gone);
	assert_int_equal(harness_num(r, "live_dma_pages"), HARNESS_RAM_SIZE / 4096);
	assert_int_equal(harness_num(r, "contexts"), 3);
	assert_int_equal(harness_num(r, "jobs_running"), 2);
	assert_true(json_is_true(json_object_get(r, "bus_master")));
	json_decref(r);
	r = harness_control(h, "{\"cmd\":\"gone\",\"on\":false}", true);
	assert_false(h->g->gone);
	assert_int_equal(json_object_size(r), 1);
	json_decref(r);
}

static void marks_and_events(void **state)
{
	struct harness *h = *state;
	uint32_t v;
	json_t *r, *e;

	must(h, "{\"cmd\":\"mark\",\"name\":\"bo-mmap/unbind\"}");
	vgpu_dma_read32(h->g, 0x1000, &v, NULL);
	r = harness_control(h, "{\"cmd\":\"witness\",\"since\":0}", true);
	e = json_array_get(json_object_get(r, "events"), 0);
	assert_string_equal(json_string_value(json_object_get(e, "mark")), "bo-mmap/unbind");
	assert_int_equal(harness_num(json_object_get(r, "counts"), "dma_never_mapped"), 1);
	assert_int_equal(harness_num(r, "next"), 1);
	json_decref(r);
	must(h, "{\"cmd\":\"witness\"}");
	must(h, "{\"cmd\":\"accesses\"}");
	must(h, "{\"cmd\":\"mark\",\"name\":\"x\",\"guest_us\":5}");
	must_not(h, "{\"cmd\":\"mark\",\"name\":\"x\",\"guest_us\":-5}");
	must_not(h, "{\"cmd\":\"mark\",\"name\":\"x\",\"guest_us\":\"noon\"}");
	must(h, "{\"cmd\":\"witness\",\"stories\":true}");
}

/* Table writes through the mapped BAR are found when somebody asks. */
static void asking_looks_at_the_table(void **state)
{
	struct harness *h = *state;
	json_t *r;

	must(h, "{\"cmd\":\"gone\",\"on\":true}");
	*(uint64_t *)h->g->ggtt = 1;
	r = harness_control(h, "{\"cmd\":\"witness\",\"since\":0}", true);
	assert_int_equal(harness_num(json_object_get(r, "counts"), "mmio_after_remove"), 1);
	json_decref(r);
}

static void shutdown_request(void **state)
{
	struct harness *h = *state;
	bool stop = false;

	json_decref(control_execute(h->g, "{\"cmd\":\"shutdown\"}", 18, &stop));
	assert_true(stop);
}

static void bad_requests(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"[]",
		"1",
		"null",
		"\"hello\"",
		"{}",
		"{\"cmd\":5}",
		"{\"cmd\":null}",
		"{\"cmd\":\"\"}",
		"{\"cmd\":\"no such thing\"}",
		"{\"cmd\":\"hello\",\"cmd\":\"shutdown\"}",
		"{\"cmd\":\"hello\"} x",
		"{\"cmd\":\"dead\"}",
		"{\"cmd\":\"dead\",\"on\":1}",
		"{\"cmd\":\"dead\",\"on\":\"true\"}",
		"{\"cmd\":\"gone\"}",
		"{\"cmd\":\"gone\",\"on\":null}",
		"{\"cmd\":\"mark\"}",
		"{\"cmd\":\"mark\",\"name\":3}",
		"{\"cmd\":\"witness\",\"since\":-1}",
		"{\"cmd\":\"witness\",\"since\":\"0\"}",
		"{\"cmd\":\"witness\",\"since\":1.5}",
		"{\"cmd\":\"witness\",\"since\":99999999999999999999999}",
		"{\"cmd\":\"slow\",\"wake_us\":-1}",
		"{\"cmd\":\"slow\",\"wake_us\":\"1\"}",
		"{\"cmd\":\"slow\",\"reset_us\":10000001}",
		"{\"cmd\":\"\xff\xff\"}",
	};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		must_not(h, bad[i]);
	assert_false(vgpu_is_dead(h->g));
	assert_false(h->g->gone);
	assert_int_equal(h->g->hw->wake_us, 0);
	assert_int_equal(h->g->hw->reset_us, 0);
}

static void noise(void **state)
{
	static const char words[] = "{}[]:,\"\\ncmdeadgone-01truefals \x80\xff";
	struct harness *h = *state;

	srand(4);
	for (int n = 0; n < 20000; n++) {
		char line[64];
		bool stop = false;
		size_t len = (size_t)rand() % sizeof(line);
		json_t *r;

		for (size_t i = 0; i < len; i++)
			line[i] = words[(size_t)rand() % sizeof(words)];
		r = control_execute(h->g, line, len, &stop);
		assert_true(json_is_object(r));
		assert_false(stop);
		json_decref(r);
	}
}

/* ---- clients ----------------------------------------------------------------------- */

struct net {
	struct harness *h;
	struct control c;
	struct harness_path at;
};

static int setup(void **state)
{
	struct net *n = calloc(1, sizeof(*n));

	n->h = harness_new();
	harness_path_new(&n->at);
	assert_int_equal(control_open(&n->c, n->h->g, n->at.path), 0);
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct net *n = *state;

	control_close(&n->c);
	harness_path_free(&n->at);
	harness_free(n->h);
	free(n);
	return 0;
}

static void turn(struct net *n)
{
	struct pollfd p[CONTROL_CLIENTS + 1];
	nfds_t k;

	while (k = control_poll(&n->c, p), poll(p, k, 20) > 0)
		control_ready(&n->c, p, k);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Lines received so far. */
static int lines(int fd)
{
	char buf[65536];
	int count = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < n; i++)
			count += buf[i] == '\n';
	return count;
}

static bool closed(int fd)
{
	char c;

	lines(fd);
	return recv(fd, &c, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void several_clients(void **state)
{
	struct net *n = *state;
	int a = harness_dial(&n->at), b = harness_dial(&n->at);

	say(a, "{\"cmd\":\"hello\"}\n{\"cmd\":\"stats\"}\n");
	say(b, "{\"cmd\":\"hel");
	turn(n);
	assert_int_equal(lines(a), 2);
	assert_int_equal(lines(b), 0);
	say(b, "lo\"}\n");
	close(a);
	turn(n);
	assert_int_equal(lines(b), 1);
	say(b, "nonsense\n");
	turn(n);
	assert_int_equal(lines(b), 1);
	assert_false(closed(b));
	assert_false(n->c.shutdown);
	say(b, "{\"cmd\":\"shutdown\"}\n");
	turn(n);
	assert_true(n->c.shutdown);
	assert_int_equal(lines(b), 1);
	close(b);
}

static void too_many_clients(void **state)
{
	struct net *n = *state;
	int fds[CONTROL_CLIENTS + 2];

	for (int i = 0; i < CONTROL_CLIENTS + 2; i++) {
		fds[i] = harness_dial(&n->at);
		turn(n);
	}
	for (int i = 0; i < CONTROL_CLIENTS + 2; i++)
		assert_int_equal(closed(fds[i]), i >= CONTROL_CLIENTS);
	close(fds[3]);
	turn(n);
	fds[3] = harness_dial(&n->at);
	say(fds[3], "{\"cmd\":\"hello\"}\n");
	turn(n);
	assert_int_equal(lines(fds[3]), 1);
	for (int i = 0; i < CONTROL_CLIENTS + 2; i++)
		close(fds[i]);
	turn(n);
}

static void endless_line(void **state)
{
	struct net *n = *state;
	char block[4096];
	int a = harness_dial(&n->at);

	memset(block, 'x', sizeof(block));
	for (unsigned int i = 0; i < CONTROL_LINE / sizeof(block); i++) {
		turn(n);
		assert_false(closed(a));
		assert_int_equal(send(a, block, sizeof(block), MSG_NOSIGNAL), sizeof(block));
	}
	turn(n);
	assert_true(closed(a));
	close(a);
}

/* Asks and asks and never reads: its replies must not grow without end, others are served. */
static void client_that_does_not_read(void **state)
{
	struct net *n = *state;
	int a = harness_dial(&n->at), b = harness_dial(&n->at);
	size_t asked = 0;

	for (int i = 0; i < 200000; i++) {
		static const char q[] = "{\"cmd\":\"stats\"}\n";

		if (send(a, q, sizeof(q) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(q) - 1)
			break;
		asked++;
		if (i % 1000 == 0)
			turn(n);
	}
	turn(n);
	assert_true(asked < 200000);
	say(b, "{\"cmd\":\"hello\"}\n");
	turn(n);
	assert_int_equal(lines(b), 1);
	close(a);
	close(b);
	turn(n);
}

static void empty_lines(void **state)
{
	struct net *n = *state;
	int a = harness_dial(&n->at);

	say(a, "\n\n\n");
	turn(n);
	assert_int_equal(lines(a), 3);
	assert_int_equal(send(a, "\0\0\n", 3, 0), 3);
	turn(n);
	assert_int_equal(lines(a), 1);
	close(a);
	turn(n);
}

int main(void)
{
#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(hello),
		TEST(stats),
		TEST(dead),
		TEST(slow),
		TEST(gone),
		TEST(marks_and_events),
		TEST(asking_looks_at_the_table),
		TEST(shutdown_request),
		BAD(TEST(bad_requests)),
		BAD(TEST(noise)),
		S(several_clients),
		BAD(S(too_many_clients)),
		BAD(S(endless_line)),
		BAD(S(client_that_does_not_read)),
		S(empty_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
