/* What the process of a protocol gives up.
 *
 * The sandbox of Lua (protocol/lua_sandbox.c) bounds what a script can say; this bounds what a
 * defect of Lua, of libyaml or of ours can do with it. In order:
 *
 *   all descriptors but its socket; core files; child processes, programs, connections and signals
 *   (a filter that lists what is refused); memory beyond CYC_SOURCE_MEMORY_MAX        before a byte
 *   CPU time: a timer of the process's own computing, whose signal ends it           per question
 *   everything but reading, writing, memory and ending (a filter that lists what is allowed)
 *                                                         once protocol and journal have been read
 *
 * A filter is a small program that the kernel runs at each system call (seccomp(2), kernel
 * documentation userspace-api/seccomp_filter.rst): check the architecture, load the number, compare
 * with a list, and give one verdict or the other. A call that is refused ends the process with
 * SIGSYS. Where the kernel has no such filters, the other bounds stand alone.
 *
 * The 32-bit calls of x86-64 have numbers beyond 0x40000000 and are refused by the second filter
 * like any other that it does not list; the first one refuses them by that bit.
 */
#include "run/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define OUR_ARCHITECTURE 0 /* not known: no filter */
#endif

#define LIST_MAX    48
#define OTHER_CALLS 0x40000000u /* of x86-64: numbers of the x32 ABI */

static const int never[] = {
    SYS_execve,  SYS_execveat,       SYS_clone,  SYS_clone3,     SYS_ptrace,
    SYS_kill,    SYS_tkill,          SYS_tgkill, SYS_pidfd_open, SYS_socket,
    SYS_connect, SYS_bind,           SYS_listen, SYS_mount,      SYS_process_vm_writev,
    SYS_bpf,     SYS_io_uring_setup,
#ifdef SYS_fork
    SYS_fork,    SYS_vfork,
#endif
};

static const int only[] = {
    SYS_read,   SYS_write,      SYS_brk,       SYS_mmap,          SYS_munmap,
    SYS_mremap, SYS_madvise,    SYS_futex,     SYS_rt_sigreturn,  SYS_setitimer,
    SYS_exit,   SYS_exit_group, SYS_getrandom, SYS_clock_gettime, SYS_restart_syscall,
};

/* One comparison per number of the list, each of which jumps to the second verdict. */
static bool install(const int *list, size_t count, uint32_t listed, uint32_t others)
{
    struct sock_filter code[LIST_MAX + 8];
    unsigned short used = 0;
    if (OUR_ARCHITECTURE == 0 || count > LIST_MAX) {
        return false;
    }
    const struct sock_filter begin[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_CALLS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
        code[used++] = begin[i];
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t to_listed = (uint8_t)(count - i);
        code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)list[i],
                                                    to_listed, 0);
    }
    code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
    code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
    const struct sock_fprog program = {.len = used, .filter = code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What this process maps now: programs, libraries, and what it has allocated so far. */
static size_t mapped_bytes(void)
{
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    const ssize_t size = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return size > 0 ? (size_t)strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static bool bound(int resource, rlim_t value)
{
    const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

void cyc_sandbox_close_others(int fd)
{
    (void)close_range((unsigned)fd + 1, ~0u, 0);
}

int cyc_sandbox_enter(struct cyc_err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return cyc_err_set(err, CYC_E_FILE, "the protocol's process cannot be confined: %m");
    }
    (void)setpriority(PRIO_PROCESS, 0, 10); /* decisions and readings go first */
    const size_t mapped = mapped_bytes();
    bool confined = bound(RLIMIT_CORE, 0);
    if (!CYC_SANITIZED) { /* a sanitizer maps and calls what it likes */
        confined = confined && mapped > 0 && bound(RLIMIT_AS, mapped + CYC_SOURCE_MEMORY_MAX);
        (void)install(never, sizeof never / sizeof never[0], SECCOMP_RET_KILL_PROCESS,
                      SECCOMP_RET_ALLOW);
    }
    return confined ? CYC_OK
                    : cyc_err_set(err, CYC_E_FILE,
                                  "the memory of the protocol's process cannot be bounded: %m");
}

void cyc_sandbox_seal(void)
{
    if (!CYC_SANITIZED) {
        (void)install(only, sizeof only / sizeof only[0], SECCOMP_RET_ALLOW,
                      SECCOMP_RET_KILL_PROCESS);
    }
}

void cyc_sandbox_budget(int seconds)
{
    const struct itimerval budget = {.it_value = {.tv_sec = seconds}};
    (void)setitimer(ITIMER_PROF, &budget, NULL);
}
