/* SPDX-License-Identifier: MIT */
/*
 * A second process of a program. It dies with the program, however that ends.
 */
#ifndef SCENARIOS_CHILD_H
#define SCENARIOS_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;	/* 0: none */
	int sock;	/* of a connected pair; the child has the other end */
};

/*
 * Fork; the child runs @fn(its end of the pair, @arg) and exits with what that
 * returns. To be called before the program starts threads. 0 or -1, reported.
 */
int child_start(struct child *c, int (*fn)(int sock, void *arg), void *arg);

/* A message of up to @n bytes from the other end within @ms; returns its length, 0 for none. */
int child_receive(const struct child *c, void *data, unsigned int n, int ms);

/* Send and receive @n bytes and a file descriptor. 0 or -1, not reported. */
int child_send_fd(int sock, const void *data, unsigned int n, int fd);
int child_receive_fd(int sock, void *data, unsigned int n, int *fd);

/* Wait for the child's own end, up to @ms; its exit status, -1 if it did not end or was killed. */
int child_wait(struct child *c, unsigned int ms);

/* End it, whatever it does; fine when there is none. */
void child_kill(struct child *c);

#endif
