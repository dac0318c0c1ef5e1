/* SPDX-License-Identifier: MIT */
/*
 * Bare-metal test guests for the virt board: what a test may use. A guest is one C file with tests
 * and this library; it prints "ok NAME" or "not ok NAME: why" on the UART and ends by semihosting
 * with status 0 or 1.
 *
 *     TEST(svc_gives_its_number) { CHECK(try_call(call_svc)); CHECK_EQ(caught()->esr & 0xffff, 5);
 * }
 *
 * Tests run at EL1 with the MMU on, on CPU 0; memory is mapped to itself: code read-only for EL0
 * too, USER data for both, other data and devices for EL1. Interrupts are masked unless a test
 * opens them.
 */
#ifndef TESTS_SYSTEM_AARCH64_GUEST_H
#define TESTS_SYSTEM_AARCH64_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

/* ---- tests */

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(name_)                                                                                \
    static void test_##name_(void);                                                                \
    static const struct test test_row_##name_                                                      \
        __attribute__((section("tests"), used)) = {#name_, test_##name_};                          \
    static void test_##name_(void)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, #cond))
#define CHECK_EQ(a, b) test_equal(__FILE__, __LINE__, #a, (u64)(a), (u64)(b))

/* Leaves the test as not run, with the reason. */
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        test_skip(why);                                                                            \
        return;                                                                                    \
    } while (0)

void test_fail(const char *file, int line, const char *text);
void test_equal(const char *file, int line, const char *text, u64 a, u64 b);
void test_skip(const char *why);
void print(const char *text);
void print_hex(u64 v);
_Noreturn void guest_exit(int status);

/* Of data that EL0 uses. */
#define USER __attribute__((section(".user")))

/* ---- instructions */

#define READ(reg)                                                                                  \
    ({                                                                                             \
        u64 read_;                                                                                 \
        __asm__ volatile("mrs %0, " #reg : "=r"(read_) : : "memory");                              \
        read_;                                                                                     \
    })
#define WRITE(reg, v) __asm__ volatile("msr " #reg ", %0" : : "r"((u64)(v)) : "memory")
#define ASM(text) __asm__ volatile(text : : : "memory")
/* SYS instruction with an address or value: DC(civac, p), TLBI(vae1, p), AT(s1e1r, p) */
#define DC(op, v) __asm__ volatile("dc " #op ", %0" : : "r"((u64)(v)) : "memory")
#define IC(op, v) __asm__ volatile("ic " #op ", %0" : : "r"((u64)(v)) : "memory")
#define TLBI(op, v) __asm__ volatile("tlbi " #op ", %0" : : "r"((u64)(v)) : "memory")
#define AT(op, v) __asm__ volatile("at " #op ", %0" : : "r"((u64)(v)) : "memory")

static inline void isb(void)
{
    ASM("isb");
}

static inline void dsb(void)
{
    ASM("dsb sy");
}

/* Tests race on memory by plain accesses; the compiler may not merge or move these. */
#define LOAD(p) (*(volatile typeof(*(p)) *)(p))
#define STORE(p, v) (*(volatile typeof(*(p)) *)(p) = (v))

static inline u32 read32(u64 address)
{
    return LOAD((u32 *)address);
}

static inline void write32(u64 address, u32 v)
{
    STORE((u32 *)address, v);
}

/* ---- exceptions */

enum vector {
    SYNC,
    IRQ,
    FIQ,
    SERROR
}; /* plus: 0 from SP_EL0, 4 from SP_EL1, 8 from EL0 */

struct frame {
    u64 x[31], sp, elr, spsr, esr, far, vector, unused;
};

#define EC(esr) ((esr) >> 26 & 63)
#define ISS(esr) ((esr)&0x1ffffff)
#define IL (1u << 25)

enum {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP = 0x07,
    EC_PAUTH = 0x09,
    EC_BTI = 0x0d,
    EC_ILLEGAL = 0x0e,
    EC_SVC = 0x15,
    EC_SYSREG = 0x18,
    EC_FPAC = 0x1c,
    EC_FETCH_EL0 = 0x20,
    EC_FETCH_EL1 = 0x21,
    EC_PC = 0x22,
    EC_DATA_EL0 = 0x24,
    EC_DATA_EL1 = 0x25,
    EC_SP = 0x26,
    EC_BREAKPOINT_EL0 = 0x30,
    EC_BREAKPOINT_EL1 = 0x31,
    EC_STEP_EL0 = 0x32,
    EC_STEP_EL1 = 0x33,
    EC_WATCHPOINT_EL0 = 0x34,
    EC_WATCHPOINT_EL1 = 0x35,
    EC_BRK = 0x3c
};

/* Fault status codes, for level 0 to 3 */
#define FSC_TRANSLATION(level) (0x04u + (level))
#define FSC_ACCESS(level) (0x08u + (level))
#define FSC_PERMISSION(level) (0x0cu + (level))
#define FSC_SIZE(level) (0x00u + (level))
#define FSC_ALIGNMENT 0x21u
#define FSC_EXTERNAL 0x10u
#define WNR (1u << 6)

enum pstate {
    EL0 = 0,
    EL1T = 4,
    EL1H = 5,
    PSTATE_DAIF = 0x3c0
};

/*
 * Calls function(a, b, c). True if a synchronous exception came instead of its return: caught() is
 * it, and the call is over. try_result() is what it returned.
 */
bool try_call(const void *function, u64 a, u64 b, u64 c);
u64 try_result(void);
const struct frame *caught(void);

/*
 * Goes to function(a, b, c) by ERET with this PSTATE (interrupts masked by the caller's choice) and
 * SP_EL0, and comes back with the next synchronous exception. It may end by el0_exit().
 */
void try_state(u64 pstate, const void *function, u64 a, u64 b, u64 c, u64 sp);
void try_el0(const void *function, u64 a, u64 b);
_Noreturn void el0_exit(void);

/* Takes the interrupts of all CPUs, at EL1 with interrupts masked; NULL: none is expected. */
void on_irq(void (*handler)(void));

/* Called first with each synchronous exception; true: handled, go on as the frame says. */
void on_sync(bool (*handler)(struct frame *f));

static inline void irq_open(void)
{
    ASM("msr daifclr, #2");
}

static inline void irq_close(void)
{
    ASM("msr daifset, #2");
}

/* ---- page tables of 4 KiB granule and 48 bits (pages.c) */

enum page {
    PAGE_VALID = 1 << 0,
    PAGE_USER = 1 << 6,
    PAGE_RO = 1 << 7,
    PAGE_SHARED = 3 << 8,
    PAGE_AF = 1 << 10,
    PAGE_NG = 1 << 11,
    PAGE_DEVICE = 1 << 2, /* index into MAIR: 0 normal, 1 device-nGnRE, 2 normal not cacheable */
    PAGE_UNCACHED = 2 << 2
};
#define PAGE_GP (1ull << 50)
#define PAGE_DBM (1ull << 51)
#define PAGE_CONTIGUOUS (1ull << 52)
#define PAGE_PXN (1ull << 53)
#define PAGE_UXN (1ull << 54)
#define PAGE_XN (PAGE_PXN | PAGE_UXN)
#define PAGE_NORMAL (PAGE_AF | PAGE_SHARED)

/* Writable data of EL1 and EL0. */
#define PAGE_DATA (PAGE_NORMAL | PAGE_USER | PAGE_XN)

/* Maps [va, va + bytes) of the upper or lower half by pages in the tables at root. */
void map_pages(u64 *root, u64 va, u64 pa, u64 bytes, u64 attributes);
/* The entry of level 3 for va, its tables made as needed. */
u64 *page_entry(u64 *root, u64 va);
/* A zeroed page of its own. */
u64 *page_new(void);
/* Tables of what is said above: those that CPUs start with, and new ones. */
u64 *kernel_root(void);
u64 *root_new(void);

/*
 * The upper half of the addresses for a test, with tables of any granule: TTBR1_EL1 is changed, so
 * that the guest itself goes on as it was.
 */
struct upper {
    unsigned granule; /* bits: 12, 14, 16 */
    unsigned bits;    /* of addresses */
    bool ds;          /* 52 bits by FEAT_LPA2 */
    u64 tcr;          /* more bits of TCR_EL1 */
    u64 *root;
};

/* Makes empty tables and switches them on. */
void upper_on(struct upper *u);
/* The entry for va of this level, its tables made as needed. */
u64 *upper_entry(struct upper *u, u64 va, int level);
/* The level that walks start at. */
int upper_start(const struct upper *u);
/* An address in it. */
u64 upper_address(const struct upper *u, u64 offset);
/*
 * Memory for tests, mapped to itself. What page_new() and memory_new() gave is free again with the
 * next test.
 */
#define FREE_MEMORY 0x48000000ull
#define FREE_BYTES 0x4000000ull

/* Zeroed memory in FREE_MEMORY, aligned to its size: a power of two. */
u64 memory_new(u64 bytes);
void memory_reset(void);

/* Virtual addresses of nothing. */
#define FREE_VIRTUAL 0x100000000ull

/* Invalidates what this and other CPUs know of the page, or of everything; with the barriers. */
void flush_page(u64 va);
void flush_all(void);

/* What the MMU is set up with; tests that change it put it back. */
void mmu_on(void);

/* ---- other CPUs (smp.c) */

#define MAX_CPUS 8

struct cpu {
    u64 recovery; /* start.S knows the first two */
    u64 result;
    struct frame caught;
    u64 number;
    void (*work)(u64 argument);
    u64 argument;
    u64 state;          /* enum in smp.c */
    u32 sgi_source[16]; /* gic.c */
} __attribute__((aligned(4096)));

static inline struct cpu *this_cpu(void)
{
    return (struct cpu *)READ(tpidr_el1);
}

/* How many CPUs the machine has (at most MAX_CPUS). */
unsigned cpu_count(void);
/* Runs work(argument) on CPU n, started when needed; and waits until it is through. */
void cpu_run(unsigned n, void (*work)(u64), u64 argument);
void cpu_wait(unsigned n);
/* Runs work(0) to work(n - 1) on that many CPUs at once, this one being 0, and waits for all. */
void cpus_run(unsigned n, void (*work)(u64));
/* All n CPUs in cpus_run() wait for each other here. */
void cpus_meet(unsigned n);

/* A call of the firmware (PSCI) by HVC. */
u64 psci(u64 function, u64 a, u64 b, u64 c);

/* ---- time */

static inline u64 counter(void)
{
    isb();
    return READ(cntvct_el0);
}

static inline u64 counter_frequency(void)
{
    return READ(cntfrq_el0);
}

/* ---- the board */

#define UART 0x09000000ull
#define GICD 0x08000000ull
#define GICC 0x08010000ull
#define GICV2M 0x08020000ull
#define ITS 0x08080000ull
#define GICR 0x080a0000ull
#define PPI_TIMER_V 27u
#define PPI_TIMER_P 30u

/* ---- random numbers: the same for a seed */

static inline u64 random_next(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
