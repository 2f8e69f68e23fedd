// SPDX-License-Identifier: MIT
/*
 * A guest that finds a hole in the device must not find the host behind it. All sockets are open
 * and all threads run when the filter comes; a client sends the descriptors of its memory.
 */
#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* What the loop, the engines, malloc, stdio and the way out use. */
static const int allowed[] = {
	SYS_read, SYS_write, SYS_writev, SYS_close, SYS_ppoll, SYS_recvmsg, SYS_recvfrom,
	SYS_sendmsg, SYS_sendto, SYS_accept4, SYS_fstat, SYS_readlinkat, SYS_fallocate, SYS_lseek,
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_clock_gettime,
	SYS_clock_nanosleep, SYS_nanosleep, SYS_sched_yield, SYS_sched_getaffinity, SYS_getpid,
	SYS_gettid, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
	SYS_restart_syscall, SYS_timerfd_settime, SYS_getrandom, SYS_exit, SYS_exit_group,
#ifdef SYS_poll
	SYS_poll, SYS_readlink,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat, /* fstat() of newer libraries */
#endif
};

/* Allowed if an argument of 32 bits is right. */
enum test { NO_BITS, EQUALS };

struct rule {
	int nr;
	enum test test;
	uint8_t arg;
	uint32_t val;
};

#define NR_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))
#define NR_RULES   4u
#define RULE_LEN   5u

int sandbox_drop_privileges(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

#ifdef ARCH
#define STMT(code, k)	      ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | (code) | BPF_K, k, yes, no))
#define LOAD(field)	      STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define RETURN(what)	      STMT(BPF_RET | BPF_K, what)
#define DENY		      RETURN(SECCOMP_RET_ERRNO | EPERM)

/* RULE_LEN instructions that decide about call r->nr, and nothing about others. */
static void add_rule(struct sock_filter *code, const struct rule *r)
{
	code[0] = JUMP(BPF_JEQ, (uint32_t)r->nr, 0, RULE_LEN - 1);
	code[1] = STMT(BPF_LD | BPF_W | BPF_ABS,
		       (uint32_t)(offsetof(struct seccomp_data, args) + 8 * r->arg));
	code[2] = r->test == EQUALS ? JUMP(BPF_JEQ, r->val, 1, 0) : JUMP(BPF_JSET, r->val, 0, 1);
	code[3] = DENY;
	code[4] = RETURN(SECCOMP_RET_ALLOW);
}
#endif

int sandbox_enter(void)
{
#ifdef ARCH
	/* memory of new code; a signal for somebody else; input that raises signals */
	const struct rule rules[NR_RULES] = {
		{ SYS_mmap, NO_BITS, 2, PROT_EXEC },
		{ SYS_mprotect, NO_BITS, 2, PROT_EXEC },
		{ SYS_tgkill, EQUALS, 0, (uint32_t)getpid() }, /* abort() */
		{ SYS_fcntl, EQUALS, 1, F_GETFL },
	};
	struct sock_filter code[NR_ALLOWED + RULE_LEN * NR_RULES + 6];
	struct sock_fprog prog = { .filter = code };
	unsigned int n = 0;

	_Static_assert(NR_ALLOWED < 250, "jumps have eight bits");
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "low half of an argument first");
	code[n++] = LOAD(arch);
	code[n++] = JUMP(BPF_JEQ, ARCH, 1, 0);
	code[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
	code[n++] = LOAD(nr);
	for (size_t i = 0; i < NR_RULES; i++, n += RULE_LEN)
		add_rule(code + n, &rules[i]);
	for (size_t i = 0; i < NR_ALLOWED; i++)
		code[n++] = JUMP(BPF_JEQ, (uint32_t)allowed[i], (uint8_t)(NR_ALLOWED - i), 0);
	code[n++] = DENY;
	code[n++] = RETURN(SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)n;
	/* the engines' threads, too */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) ?
		       -errno :
		       0;
#else
	return -ENOSYS;
#endif
}
