// SPDX-License-Identifier: MIT
/*
 * A guest that finds a hole in the device must not find the host behind it. All sockets are open
 * and all threads run when the filter comes; a client sends the descriptors of its memory.
 */
#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
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
	SYS_sendmsg, SYS_sendto, SYS_accept4, SYS_fcntl, SYS_fstat, SYS_readlinkat,
	SYS_fallocate, SYS_ftruncate, SYS_lseek, SYS_unlinkat, SYS_mmap, SYS_munmap,
	SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_futex, SYS_clock_gettime,
	SYS_clock_nanosleep, SYS_nanosleep, SYS_sched_yield, SYS_sched_getaffinity, SYS_getpid,
	SYS_gettid, SYS_tgkill, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_sigaltstack, SYS_restart_syscall, SYS_timerfd_settime, SYS_getrandom, SYS_exit,
	SYS_exit_group,
#ifdef SYS_poll
	SYS_poll, SYS_readlink, SYS_unlink,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat, /* fstat() of newer libraries */
#endif
};

#define NR_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

int sandbox_drop_privileges(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

int sandbox_enter(void)
{
#ifdef ARCH
	struct sock_filter code[NR_ALLOWED + 6];
	struct sock_fprog prog = { .filter = code };
	unsigned int n = 0;

	_Static_assert(NR_ALLOWED < 250, "jumps have eight bits");
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < NR_ALLOWED; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (uint32_t)allowed[i],
							 (uint8_t)(NR_ALLOWED - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)n;
	/* the engines' threads, too */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) ?
		       -errno :
		       0;
#else
	return -ENOSYS;
#endif
}
