/* SPDX-License-Identifier: MIT */
/*
 * Cases by the host CPU: see x86_case.h. A child maps code and data; each case ends by a signal,
 * whose handler notes the state and returns to the next case. 32-bit code runs in the segment that
 * Linux has for it, 16-bit code in segments of a local descriptor table.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/os.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/x86_case.h"

#if defined(__x86_64__)

#include <asm/ldt.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* What the kernel calls what not every host has. */
static const char *const feature_names[X86_FEAT_COUNT] = {
    [X86_FEAT_adx] = "adx",
    [X86_FEAT_aes] = "aes",
    [X86_FEAT_avx] = "avx",
    [X86_FEAT_avx2] = "avx2",
    [X86_FEAT_bmi1] = "bmi1",
    [X86_FEAT_bmi2] = "bmi2",
    [X86_FEAT_clflushopt] = "clflushopt",
    [X86_FEAT_clwb] = "clwb",
    [X86_FEAT_cx16] = "cx16",
    [X86_FEAT_f16c] = "f16c",
    [X86_FEAT_fma] = "fma",
    [X86_FEAT_lzcnt] = "abm",
    [X86_FEAT_movbe] = "movbe",
    [X86_FEAT_pclmul] = "pclmulqdq",
    [X86_FEAT_popcnt] = "popcnt",
    [X86_FEAT_sha] = "sha_ni",
    [X86_FEAT_sse41] = "sse4_1",
    [X86_FEAT_sse42] = "sse4_2",
    [X86_FEAT_crc32] = "sse4_2",
    [X86_FEAT_sse4a] = "sse4a",
    [X86_FEAT_ssse3] = "ssse3",
    [X86_FEAT_vaes] = "vaes",
};

/* Features that CPUID shows and the kernel hides are none. */
bool x86_host_has(unsigned feat)
{
    static char *names;
    char name[32];

    if (!feature_names[feat]) {
        return true;
    }
    names = names ? names : os_cpu_names();
    snprintf(name, sizeof(name), " %s ", feature_names[feat]);
    return names && strstr(names, name);
}

static struct {
    const struct x86_batch *batch;
    struct x86_results *out;
    int current;
} run;

/* CS, SS, DS and ES of each mode. */
static const struct selectors {
    uint16_t code, stack, data;
} selectors[9] = {[2] = {0x07, 0x0f, 0x0f}, [4] = {0x23, 0x2b, 0x2b}, [8] = {0x33, 0x2b, 0x2b}};

/* The order of registers in the machine context. */
static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

static void note(const greg_t *g, struct x86_record *r)
{
    for (unsigned k = 0; k < 16; k++) {
        r->r[k] = (uint64_t)g[order[k]];
    }
    r->rflags = (uint64_t)g[REG_EFL];
    r->rip = (uint64_t)g[REG_RIP];
    r->vector = (uint64_t)g[REG_TRAPNO];
    r->error = (uint64_t)g[REG_ERR];
    memcpy(r->window, (void *)(uintptr_t)(X86_CASE_DATA + X86_CASE_WINDOW), X86_CASE_WINDOW_BYTES);
}

/* FP_XSTATE_MAGIC1: behind the legacy area is more. */
static bool has_xstate(const uint8_t *fx)
{
    return load_le32(fx + 464) == 0x46505853;
}

static void note_fx(const uint8_t *fx, struct x86_record *r)
{
    memset(r->fx, 0, sizeof(r->fx));
    memcpy(r->fx, fx, has_xstate(fx) ? X86_FX_BYTES : 512);
}

static void begin_fx(uint8_t *fx, const struct x86_case *c)
{
    memcpy(fx, c->fx, 416);
    if (has_xstate(fx)) {
        fx[X86_FX_HEADER] = (uint8_t)((fx[X86_FX_HEADER] & ~7) |
                                      (c->fx[X86_FX_HEADER] &
                                       (x86_host_has(X86_FEAT_avx) ? 7 : 3)));
        memcpy(fx + X86_FX_YMM, c->fx + X86_FX_YMM, 256);
    }
}

static void begin(greg_t *g, const struct x86_case *c)
{
    const struct selectors *s = &selectors[run.batch->mode];
    for (unsigned k = 0; k < 16; k++) {
        g[order[k]] = (greg_t)c->r[k];
    }
    g[REG_EFL] = (greg_t)c->rflags;
    g[REG_RIP] = (greg_t)c->rip;
    g[REG_CSGSFS] = (greg_t)(((uint64_t)g[REG_CSGSFS] & 0x0000ffffffff0000) | s->code |
                             (uint64_t)s->stack << 48);
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"((uint32_t)s->data));
}

static void ended(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint8_t *fx = (uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
    (void)sig, (void)info;
    if (run.current >= 0) {
        note(g, &run.out->record[run.current]);
        note_fx(fx, &run.out->record[run.current]);
        run.out->count = (unsigned)run.current + 1;
    }
    if (++run.current == (int)run.batch->count) {
        memcpy(run.out->data, (void *)(uintptr_t)X86_CASE_DATA, X86_CASE_ROOM);
        _exit(0);
    }
    begin(g, &run.batch->cases[run.current]);
    begin_fx(fx, &run.batch->cases[run.current]);
}

static bool map_at(uint32_t at, const uint8_t *bytes, int more)
{
    void *p = mmap((void *)(uintptr_t)at, X86_CASE_ROOM, PROT_READ | PROT_WRITE | more,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)(uintptr_t)at) {
        return false;
    }
    memcpy(p, bytes, X86_CASE_ROOM);
    return true;
}

static bool add_segment(unsigned number, uint32_t base, bool code)
{
    struct user_desc d = {.entry_number = number,
                          .base_addr = base,
                          .limit = 0xffff,
                          .contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA};
    return syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)) == 0;
}

enum {
    DONE,
    NO_SEGMENTS = 10,
    NO_MEMORY
};

static void child(void)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGBUS};
    static uint8_t stack[65536];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = ended;
    /* A case that never ends. */
    setrlimit(RLIMIT_CPU, &(struct rlimit){3, 3});
    if (run.batch->mode == 2 &&
        !(add_segment(0, X86_CASE_CODE, true) && add_segment(1, X86_CASE_DATA, false))) {
        _exit(NO_SEGMENTS);
    }
    if (!map_at(X86_CASE_CODE, run.batch->code, PROT_EXEC) ||
        !map_at(X86_CASE_DATA, run.batch->data, 0)) {
        _exit(NO_MEMORY);
    }
    sigaltstack(&alternate, NULL);
    for (size_t k = 0; k < sizeof(signals) / sizeof(signals[0]); k++) {
        sigaction(signals[k], &action, NULL);
    }
    run.current = -1;
    __asm__ volatile("int3");
}

bool x86_host_run(const struct x86_batch *b, struct x86_results *out, const char **why)
{
    struct x86_results *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    *why = NULL;
    if (shared == MAP_FAILED) {
        return false;
    }
    run.batch = b;
    run.out = shared;
    const pid_t pid = fork();
    if (pid == 0) {
        child();
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    *out = *shared;
    munmap(shared, sizeof(*shared));
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == NO_SEGMENTS) {
        *why = "the kernel grants no 16-bit segments (modify_ldt)";
    }
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == DONE;
}

#else

bool x86_host_has(unsigned feat)
{
    (void)feat;
    return false;
}

bool x86_host_run(const struct x86_batch *b, struct x86_results *out, const char **why)
{
    (void)b, (void)out;
    *why = "the host is not x86-64";
    return false;
}

#endif
