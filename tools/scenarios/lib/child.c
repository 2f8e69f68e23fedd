// SPDX-License-Identifier: MIT
/*
 * Second processes, see child.h.
 */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

int child_start(struct child *c, int (*fn)(int sock, void *arg), void *arg)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return scn_fail_errno(errno, "socketpair");
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		return scn_fail_errno(errno, "fork");
	}
	if (!c->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		_exit(fn(ends[1], arg));
	}
	close(ends[1]);
	c->sock = ends[0];
	return 0;
}

int child_receive(const struct child *c, void *data, unsigned int n, int ms)
{
	struct pollfd p = { .fd = c->sock, .events = POLLIN };
	int got;

	if (poll(&p, 1, ms) != 1)
		return 0;
	got = recv(c->sock, data, n, 0);
	return got > 0 ? got : 0;
}

int child_send_fd(int sock, const void *data, unsigned int n, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = n };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	return sendmsg(sock, &m, 0) == (ssize_t)n ? 0 : -1;
}

int child_receive_fd(int sock, void *data, unsigned int n, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = data, .iov_len = n };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *h;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != (ssize_t)n)
		return -1;
	h = CMSG_FIRSTHDR(&m);
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(fd, CMSG_DATA(h), sizeof(*fd));
	return 0;
}

int child_wait(struct child *c, unsigned int ms)
{
	uint64_t end = scn_now_ms() + ms;
	int status;

	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (scn_now_ms() > end)
			return -1;
		scn_sleep_ms(2);
	}
	c->pid = 0;
	close(c->sock);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void child_kill(struct child *c)
{
	if (!c->pid)
		return;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->sock);
	c->pid = 0;
}
