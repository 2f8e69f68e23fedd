// SPDX-License-Identifier: MIT
/* Transport: messages cut out of a byte stream, in memory and over a real socket. */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "transport.h"
#include "witness.h"

/* ---- in memory --------------------------------------------------------------------- */

struct tape {
	uint8_t in[4096];
	size_t len, pos, chunk; /* at most chunk bytes a call */
	bool end;		/* closed after the last byte */
	int error;		/* or this */
	uint8_t out[65536];
	size_t out_len;
};

static ssize_t tape_recv(void *ctx, void *buf, size_t len, int *fds, unsigned int *nfds)
{
	struct tape *t = ctx;
	size_t n = t->len - t->pos;

	(void)fds;
	(void)nfds;
	if (!n)
		return t->error ? t->error : t->end ? 0 : -EAGAIN;
	if (n > len)
		n = len;
	if (n > t->chunk)
		n = t->chunk;
	memcpy(buf, t->in + t->pos, n);
	t->pos += n;
	return (ssize_t)n;
}

static int tape_send(void *ctx, const void *buf, size_t len, int fd)
{
	struct tape *t = ctx;

	(void)fd;
	assert_true(t->out_len + len <= sizeof(t->out));
	memcpy(t->out + t->out_len, buf, len);
	t->out_len += len;
	return 0;
}

static const struct transport_ops tape_ops = { tape_recv, tape_send };

static void put(struct tape *t, unsigned int command, const void *body, size_t len)
{
	struct vu_header h = { .command = (uint16_t)command, .size = (uint32_t)(16 + len) };

	memcpy(t->in + t->len, &h, sizeof(h));
	if (len)
		memcpy(t->in + t->len + 16, body, len);
	t->len += 16 + len;
}

/* A version, a write and a read, whatever the pieces they come in. */
static void any_cut(void **state)
{
	struct harness *h = *state;

	for (size_t chunk = 1; chunk < 80; chunk++) {
		struct vu_region_access r = { 0x40, 0, 4 };
		struct tape t = { .chunk = chunk, .end = true };
		struct connection c;
		uint8_t w[20];

		memcpy(w, &r, 16);
		memset(w + 16, (int)chunk, 4);
		put(&t, VU_VERSION, "\0\0\0\0", 4);
		put(&t, VU_REGION_WRITE, w, 20);
		put(&t, VU_REGION_READ, &r, 16);
		assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
		assert_int_equal(connection_pump(&c, 100), -EPIPE);
		assert_int_equal(t.out[t.out_len - 1], chunk);
		connection_fini(&c);
	}
}

static void budget(void **state)
{
	struct harness *h = *state;
	struct tape t = { .chunk = 4096 };
	struct connection c;

	put(&t, VU_VERSION, "\0\0\0\0", 4);
	for (int i = 0; i < 9; i++)
		put(&t, VU_DEVICE_RESET, NULL, 0);
	assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
	assert_int_equal(connection_pump(&c, 4), 1);
	/* one more when it has come with the last of the four: nothing whole stays behind */
	assert_in_range(h->g->hw->resets[VGPU_RESET_FLR], 3, 4);
	assert_true(c.msg.len < sizeof(struct vu_header));
	assert_int_equal(connection_pump(&c, 100), 0);
	assert_int_equal(h->g->hw->resets[VGPU_RESET_FLR], 9);
	connection_fini(&c);
}

static void cut_short(void **state)
{
	struct harness *h = *state;
	struct tape whole = { 0 };

	put(&whole, VU_VERSION, "\0\0\0\0", 4);
	for (size_t len = 1; len < whole.len; len++) {
		struct tape t = whole;
		struct connection c;

		t.len = len;
		t.chunk = 4096;
		t.end = true;
		assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
		assert_int_equal(connection_pump(&c, 10), -EPROTO);
		assert_int_equal(t.out_len, 0);
		connection_fini(&c);
	}
}

static void receive_error(void **state)
{
	struct harness *h = *state;
	struct tape t = { .error = -ECONNRESET };
	struct connection c;

	assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
	assert_int_equal(connection_pump(&c, 10), -ECONNRESET);
	connection_fini(&c);
}

/* A size that lies must be found before anything of that size is awaited. */
static void lying_size(void **state)
{
	static const uint32_t sizes[] = { 0, 15, VGPU_VU_MAX_MSG + 1, 0x7fffffff, 0xffffffff };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tape t = { .chunk = 4096 };
		struct connection c;

		put(&t, VU_VERSION, NULL, 0);
		memcpy(t.in + 4, &sizes[i], 4);
		assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
		assert_int_equal(connection_pump(&c, 10), -EPROTO);
		connection_fini(&c);
	}
}

static void noise(void **state)
{
	struct harness *h = *state;

	srand(3);
	for (int n = 0; n < 400; n++) {
		struct tape t = { .chunk = (size_t)rand() % 200 + 1, .end = true };
		struct connection c;

		put(&t, VU_VERSION, "\0\0\0\0", 4);
		while (t.len < 600)
			t.in[t.len++] = rand() % 3 ? 0 : (uint8_t)rand();
		assert_int_equal(connection_init(&c, h->g, &tape_ops, &t), 0);
		assert_true(connection_pump(&c, 1000) < 0);
		connection_fini(&c);
	}
}

/* ---- socket ------------------------------------------------------------------------ */

struct net {
	struct harness *h;
	struct transport t;
	struct harness_path at;
};

static int setup(void **state)
{
	struct net *n = calloc(1, sizeof(*n));

	n->h = harness_new();
	harness_path_new(&n->at);
	assert_int_equal(transport_open(&n->t, n->h->g, n->at.path), 0);
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct net *n = *state;

	transport_close(&n->t);
	harness_path_free(&n->at);
	harness_free(n->h);
	free(n);
	return 0;
}

/* The loop of the program, until nothing happens any more. */
static void turn(struct net *n)
{
	struct pollfd p = { .events = POLLIN };

	while (p.fd = transport_fd(&n->t), poll(&p, 1, 20) == 1)
		transport_ready(&n->t);
}

static void send_fds(int fd, const void *data, size_t len, int nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(64 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		for (int i = 0; i < nfds; i++)
			((int *)(void *)CMSG_DATA(&control.align))[i] = STDIN_FILENO;
	}
	assert_int_equal(sendmsg(fd, &mh, 0), len);
}

static bool closed(int fd)
{
	uint8_t buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || errno == ECONNRESET;
}

static const uint8_t hello[20] = { 0, 0, VU_VERSION, 0, 20 };

static void one_after_the_other(void **state)
{
	struct net *n = *state;
	int a, b, before = harness_open_fds();
	uint32_t v;

	a = harness_dial(&n->at);
	b = harness_dial(&n->at);
	send_fds(b, hello, sizeof(hello), 0);
	send_fds(a, hello, sizeof(hello), 0);
	turn(n);
	assert_true(n->h->g->connected);
	assert_true(recv(a, &v, 4, MSG_DONTWAIT) == 4);
	assert_true(recv(b, &v, 4, MSG_DONTWAIT) < 0); /* waits for its turn */
	assert_int_equal(n->h->g->hw->resets[VGPU_RESET_POWER_ON], 0);
	close(a);
	turn(n);
	assert_true(recv(b, &v, 4, MSG_DONTWAIT) == 4);
	/* the second one finds a device fresh from power-on */
	assert_int_equal(n->h->g->hw->resets[VGPU_RESET_POWER_ON], 1);
	assert_false(n->h->g->hw->reset_while_running);
	assert_int_equal(n->h->g->hw->quiesced, 0);
	close(b);
	turn(n);
	assert_false(n->h->g->connected);
	/* minus the harness's MSI, which a client's leaving disconnects */
	assert_int_equal(harness_open_fds(), before - 1);
}

static void malformed_drops_only_the_client(void **state)
{
	static const uint8_t bad[16] = { 0, 0, VU_VERSION, 0, 3 };
	struct net *n = *state;
	int a = harness_dial(&n->at);

	send_fds(a, bad, sizeof(bad), 0);
	turn(n);
	assert_true(closed(a));
	close(a);
	a = harness_dial(&n->at);
	send_fds(a, hello, sizeof(hello), 0);
	turn(n);
	assert_false(closed(a));
	close(a);
	turn(n);
}

static void too_many_descriptors(void **state)
{
	struct net *n = *state;
	int a, before;

	vgpu_msi_wire(n->h->g->pci, -1);
	before = harness_open_fds();
	for (int nfds = 1; nfds <= 48; nfds += nfds < 10 ? 1 : 19) {
		a = harness_dial(&n->at);
		send_fds(a, hello, sizeof(hello), nfds);
		turn(n);
		assert_true(closed(a));
		close(a);
	}
	assert_int_equal(harness_open_fds(), before);
}

static void descriptors_of_a_message_cut_short(void **state)
{
	struct net *n = *state;
	int a, before;

	vgpu_msi_wire(n->h->g->pci, -1);
	before = harness_open_fds();
	a = harness_dial(&n->at);
	send_fds(a, hello, 10, 3);
	turn(n);
	assert_int_equal(harness_open_fds(), before + 2 + 3);
	close(a);
	turn(n);
	assert_int_equal(harness_open_fds(), before);
}

static void mapping_with_a_descriptor(void **state)
{
	struct net *n = *state;
	struct {
		struct vu_header h;
		struct vu_dma_map m;
	} m = { { 1, VU_DMA_MAP, 48, 0, 0 }, { 32, 3, 0, 0x10000, 0x1000 } };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	const struct vu_header reset = { .command = VU_DEVICE_RESET, .size = sizeof(reset) };
	uint32_t v;
	int a = harness_dial(&n->at);

	/* the descriptor comes in a read that begins with messages too short for one */
	send_fds(a, hello, sizeof(hello), 0);
	send_fds(a, &reset, sizeof(reset), 0);
	control.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.align), &n->h->ram_fd, sizeof(int));
	assert_int_equal(sendmsg(a, &mh, 0), sizeof(m));
	turn(n);
	harness_bus_master(n->h, true);
	ram32_set(n->h, 16, 0xc0ffee);
	assert_int_equal(vgpu_dma_read32(n->h->g, 0x10010, &v, NULL), DMA_OK);
	assert_int_equal(v, 0xc0ffee);
	close(a);
	turn(n);
	harness_bus_master(n->h, true);
	assert_int_equal(vgpu_dma_read32(n->h->g, 0x10010, &v, NULL), DMA_NEVER_MAPPED);
}

/* Reads replies never: dropped after a while, and nobody hangs. */
static void client_that_does_not_read(void **state)
{
	struct net *n = *state;
	struct {
		struct vu_header h;
		struct vu_region_access r;
	} m = { { 1, VU_REGION_READ, 32, 0, 0 }, { VGPU_GGTT_OFFSET, 0, VGPU_VU_MAX_DATA } };
	int a = harness_dial(&n->at);

	send_fds(a, hello, sizeof(hello), 0);
	for (int i = 0; i < 8; i++)
		send_fds(a, &m, sizeof(m), 0);
	alarm(20);
	turn(n);
	alarm(0);
	assert_false(n->h->g->connected);
	close(a);
}

static void listening(void **state)
{
	struct net *n = *state;
	char path[100], too_long[200];
	int fd;

	/* somebody serves it */
	assert_int_equal(unix_listen(n->at.path), -EADDRINUSE);
	/* a file is not ours to replace */
	snprintf(path, sizeof(path), "%s/file", n->at.dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(unix_listen(path), -EADDRINUSE);
	assert_int_equal(unlink(path), 0);
	/* left over from a server that was killed */
	fd = unix_listen(path);
	assert_true(fd >= 0);
	close(fd);
	fd = unix_listen(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	memset(too_long, 'x', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = 0;
	assert_int_equal(unix_listen(too_long), -ENAMETOOLONG);
	assert_int_equal(unix_listen("/nowhere/at/all"), -ENOENT);
}

int main(void)
{
#define S(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(any_cut),
		TEST(budget),
		BAD(TEST(cut_short)),
		BAD(TEST(receive_error)),
		BAD(TEST(lying_size)),
		BAD(TEST(noise)),
		S(one_after_the_other),
		BAD(S(malformed_drops_only_the_client)),
		BAD(S(too_many_descriptors)),
		BAD(S(descriptors_of_a_message_cut_short)),
		S(mapping_with_a_descriptor),
		BAD(S(client_that_does_not_read)),
		S(listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
