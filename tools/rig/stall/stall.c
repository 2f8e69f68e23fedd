// SPDX-License-Identifier: MIT
/*
 * Stalls a task at the entry of a function of another module, so that the rig can do something
 * else in between: the races that a removal has with a caller that is already inside, at will.
 *
 * A kprobe at the function sends the first task that may sleep there into stall_entry(), which
 * looks to the function as if it had not been called yet: all registers and the stack are the
 * caller's.
 *
 * /sys/kernel/debug/stall/
 *	at	write "MODULE:FUNCTION MILLISECONDS": arm, with " kthread" behind it for kernel
 *		threads only, or nothing: catch nobody. Ends what was before. The probe stays until
 *		the next is armed: there is no good moment to take it away from under those who pass.
 *		read: "none", "armed", "stalled" or "left". The task goes on with the next write, or
 *		when its time is over.
 *	calls	write "MODULE:FUNCTION" lines: watch these; "again": forget what was called;
 *		nothing: watch no more. read: those that were called by somebody who may sleep,
 *		with " kthread" behind it where one of them was a kernel thread.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define MOST_TEXT SZ_1M
#define MOST_MS 60000

enum stall_state { STALL_NONE, STALL_ARMED, STALL_STALLED, STALL_LEFT };

static const char * const state_names[] = { "none", "armed", "stalled", "left" };

/* Serializes the writers of all files, and what they set up. */
static DEFINE_MUTEX(setup_lock);
static DECLARE_WAIT_QUEUE_HEAD(stall_wait);
static atomic_t stall_state = ATOMIC_INIT(STALL_NONE);
static bool stall_go;
static unsigned long stall_resume;
static unsigned int stall_ms;
static bool stall_kthread;
static char stall_name[KSYM_NAME_LEN];
static struct kprobe stall_probe;

struct watch {
	struct kprobe probe;
	bool called, kthread;
};

static struct watch *watches;
static struct kprobe **watch_probes;	/* of those that are registered */
static char *watched;
static unsigned int watch_count;

/* Referenced from assembly only. */
unsigned long stall_task(void);
void stall_entry(void);

/* int3 counts as NMI and hard interrupt (irqentry_nmi_enter()); beyond these is the caller's. */
static bool may_sleep(const struct pt_regs *regs)
{
	return (regs->flags & X86_EFLAGS_IF) && !rcu_preempt_depth() && !is_idle_task(current) &&
	       preempt_count() == NMI_OFFSET + HARDIRQ_OFFSET;
}
NOKPROBE_SYMBOL(may_sleep);

static int stall_hit(struct kprobe *probe, struct pt_regs *regs)
{
	if (!may_sleep(regs) || (stall_kthread && !(current->flags & PF_KTHREAD)) ||
	    atomic_cmpxchg(&stall_state, STALL_ARMED, STALL_STALLED) != STALL_ARMED)
		return 0;
	stall_resume = (unsigned long)probe->addr;
	regs->ip = (unsigned long)stall_entry;
	return 1;
}
NOKPROBE_SYMBOL(stall_hit);

static int watch_hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct watch *watch = container_of(probe, struct watch, probe);

	if (may_sleep(regs)) {
		WRITE_ONCE(watch->called, true);
		if (current->flags & PF_KTHREAD)
			WRITE_ONCE(watch->kthread, true);
	}
	return 0;
}
NOKPROBE_SYMBOL(watch_hit);

/* With one the probe is not optimized into a jump, which ignores a new instruction pointer. */
static void no_jump(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}
NOKPROBE_SYMBOL(no_jump);

asm(
	"	.pushsection .text, \"ax\"\n"
	"	.globl	stall_entry\n"
	"	.type	stall_entry, @function\n"
	"stall_entry:\n"
	"	pushq	$0\n"		/* room for the address to go on at */
	"	pushfq\n"
	"	pushq	%rax\n"
	"	pushq	%rcx\n"
	"	pushq	%rdx\n"
	"	pushq	%rsi\n"
	"	pushq	%rdi\n"
	"	pushq	%r8\n"
	"	pushq	%r9\n"
	"	pushq	%r10\n"
	"	pushq	%r11\n"
	"	call	stall_task\n"	/* 11 words pushed: the stack is aligned */
	"	movq	%rax, 80(%rsp)\n"
	"	popq	%r11\n"
	"	popq	%r10\n"
	"	popq	%r9\n"
	"	popq	%r8\n"
	"	popq	%rdi\n"
	"	popq	%rsi\n"
	"	popq	%rdx\n"
	"	popq	%rcx\n"
	"	popq	%rax\n"
	"	popfq\n"
	"	" ASM_RET
	"	.size	stall_entry, .-stall_entry\n"
	"	.popsection\n");
STACK_FRAME_NON_STANDARD(stall_entry);

/* Runs in the place of the function, as the task that called it; returns where to go on. */
__visible unsigned long stall_task(void)
{
	unsigned long resume = stall_resume;

	wait_event_idle_timeout(stall_wait, READ_ONCE(stall_go), msecs_to_jiffies(stall_ms));
	atomic_set(&stall_state, STALL_LEFT);
	wake_up_all(&stall_wait);
	return resume;
}

static void stall_end(void)
{
	WRITE_ONCE(stall_go, true);
	/* Who was caught is awaited, so that there is never a second one. */
	atomic_cmpxchg(&stall_state, STALL_ARMED, STALL_NONE);
	wake_up_all(&stall_wait);
	wait_event(stall_wait, atomic_read(&stall_state) != STALL_STALLED);
	atomic_set(&stall_state, STALL_NONE);
}

static int stall_begin(char *text)
{
	char *name = strsep(&text, " "), *ms = strsep(&text, " ");
	int err = ms ? kstrtouint(ms, 10, &stall_ms) : -EINVAL;

	if (text && strcmp(text, "kthread"))
		return -EINVAL;
	if (err || stall_ms > MOST_MS || strlen(name) >= sizeof(stall_name))
		return -EINVAL;
	if (stall_probe.symbol_name)
		unregister_kprobe(&stall_probe);
	memset(&stall_probe, 0, sizeof(stall_probe));
	strscpy(stall_name, name, sizeof(stall_name));
	stall_probe.symbol_name = stall_name;
	stall_probe.pre_handler = stall_hit;
	stall_probe.post_handler = no_jump;
	WRITE_ONCE(stall_go, false);
	stall_kthread = text;
	atomic_set(&stall_state, STALL_ARMED);
	err = register_kprobe(&stall_probe);
	if (err) {
		atomic_set(&stall_state, STALL_NONE);
		memset(&stall_probe, 0, sizeof(stall_probe));
	}
	return err;
}

static ssize_t at_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	char *text = size < MOST_TEXT ? memdup_user_nul(from, size) : ERR_PTR(-E2BIG);
	int err = 0;

	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&setup_lock);
	stall_end();
	if (*strim(text))
		err = stall_begin(strim(text));
	mutex_unlock(&setup_lock);
	kfree(text);
	return err ?: size;
}

static int at_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", state_names[atomic_read(&stall_state)]);
	return 0;
}
DEFINE_SHOW_STORE_ATTRIBUTE(at);

static void watch_end(void)
{
	/* At once: each alone would wait for a grace period of its own. */
	if (watch_count)
		unregister_kprobes(watch_probes, watch_count);
	kvfree(watch_probes);
	kvfree(watches);
	kfree(watched);
	watch_probes = NULL;
	watches = NULL;
	watched = NULL;
	watch_count = 0;
}

/* Takes over text. Functions that cannot be probed are passed over. */
static int watch_begin(char *text)
{
	unsigned int most = 1;
	const char *c;
	char *name;

	for (c = text; *c; c++)
		most += *c == '\n';
	watched = text;
	watches = kvcalloc(most, sizeof(*watches), GFP_KERNEL);
	watch_probes = kvcalloc(most, sizeof(*watch_probes), GFP_KERNEL);
	if (!watches || !watch_probes) {
		watch_end();
		return -ENOMEM;
	}
	while ((name = strsep(&text, "\n"))) {
		struct kprobe *probe = &watches[watch_count].probe;

		probe->symbol_name = name;
		probe->pre_handler = watch_hit;
		probe->post_handler = no_jump;
		if (*name && !register_kprobe(probe))
			watch_probes[watch_count++] = probe;
		else
			memset(probe, 0, sizeof(*probe));
		cond_resched();
	}
	return 0;
}

static ssize_t calls_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	char *text = size < MOST_TEXT ? memdup_user_nul(from, size) : ERR_PTR(-E2BIG);
	unsigned int i;
	int err = 0;

	if (IS_ERR(text))
		return PTR_ERR(text);
	mutex_lock(&setup_lock);
	if (!strcmp(text, "again")) {
		for (i = 0; i < watch_count; i++) {
			watches[i].called = false;
			watches[i].kthread = false;
		}
		kfree(text);
	} else {
		watch_end();
		if (*text)
			err = watch_begin(text);
		else
			kfree(text);
	}
	mutex_unlock(&setup_lock);
	return err ?: size;
}

static int calls_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&setup_lock);
	for (i = 0; i < watch_count; i++)
		if (READ_ONCE(watches[i].called))
			seq_printf(m, "%s%s\n", watches[i].probe.symbol_name,
				   READ_ONCE(watches[i].kthread) ? " kthread" : "");
	mutex_unlock(&setup_lock);
	return 0;
}
DEFINE_SHOW_STORE_ATTRIBUTE(calls);

/* There is no way out: a task may be anywhere in stall_entry(). */
static int __init stall_init(void)
{
	struct dentry *folder = debugfs_create_dir("stall", NULL);

	debugfs_create_file("at", 0600, folder, NULL, &at_fops);
	debugfs_create_file("calls", 0600, folder, NULL, &calls_fops);
	return 0;
}
module_init(stall_init);

MODULE_DESCRIPTION("Stalls a task at the entry of a function");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_INFO(intree, "Y"); /* made with its kernel, which it is not to taint */
