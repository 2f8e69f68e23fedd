/* SPDX-License-Identifier: MIT */
/*
 * The guest's init: sets the machine up, then obeys the rig over a virtio-serial port.
 * One JSON object a line in both directions; every request runs on its own thread, so that
 * a write that the kernel never returns from blocks nothing but its own reply.
 */
#ifndef XE_UNPLUG_AGENT_H
#define XE_UNPLUG_AGENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_PORT "xe-unplug.agent"

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t agent_now_ns(void);

/* setup.c: mounts the pseudo file systems, the 9p shares named in XE_UNPLUG_9P, opens DMA-API reporting. */
void setup_mounts(void);
/* Runs the program and waits; returns its exit status, or -errno. Only before proc_init(). */
int setup_run(const char *const argv[]);
/* Runs a shell on the console named by XE_UNPLUG_SHELL until it ends; false if none was asked for. */
bool setup_shell(void);

/* port.c: opens the port, waiting for the device to appear; aborts never, retries for ever. */
void port_open(void);
/* Sends one object as a line and drops the reference. Any thread. */
void port_send(json_t *obj);
/* Reads request lines for ever, calling handle for each parsed object (reference is the callee's). */
void port_loop(void (*handle)(json_t *req));
/* A JSON string of bytes that need not be UTF-8: what is not becomes '?'. */
json_t *port_text(const char *s, size_t len);

/* kmsg.c: streams /dev/kmsg as "kmsg" events from a thread of its own. */
void kmsg_start(void);
/* Writes one record to the kernel log; returns 0 or -errno. */
int kmsg_write(const char *text);

/* proc.c: children. */
void proc_init(void);
/* Starts argv with env added to the agent's; returns the pid or -errno. */
int proc_spawn(json_t *argv, json_t *env);
/* Writes a line to the child's stdin; returns 0 or -errno (-ESRCH: no such child). */
int proc_send(int pid, const char *line);

/* ops.c: serves one request on a thread of its own. */
void ops_handle(json_t *req);

#endif
