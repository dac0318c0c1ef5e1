/* SPDX-License-Identifier: MIT */
/*
 * What a guest may do without end and an emulator has only so much room for: code, calls that are
 * not returned from, returns that nobody called, address spaces, changes of mappings. Results must
 * be right however often something is full; the machine's options make that often.
 */
#include "tests/system/aarch64/lib/guest.h"

#define CPUS 4
#define RET 0xd65f03c0u
#define MOVZ(rd, imm) (0xd2800000u | (u32)(imm) << 5 | (rd))
#define ADD(rd, rn, imm) (0x91000000u | (u32)(imm) << 10 | (rn) << 5 | (rd))
#define B(words) (0x14000000u | ((u32)(words)&0x3ffffff))
#define BL(words) (0x94000000u | ((u32)(words)&0x3ffffff))
#define PUSH_LR 0xf81f0ffeu /* str x30, [sp, #-16]! */
#define POP_LR 0xf84107feu  /* ldr x30, [sp], #16 */

#define CODE_VIRTUAL 0x140000000ull

/* Memory for code: that of tests is mapped a second time, by blocks, executable for EL1. */
static u32 *code_new(u64 bytes)
{
    static u64 level2[512] __attribute__((aligned(4096)));
    u64 *level1 = (u64 *)(kernel_root()[0] & 0xfffffffff000ull);
    for (u64 i = 0; i < FREE_BYTES >> 21; i++) {
        level2[i] = (FREE_MEMORY + (i << 21)) | PAGE_VALID | PAGE_NORMAL | PAGE_UXN;
    }
    level1[CODE_VIRTUAL >> 30] = (u64)level2 | 3;
    dsb();
    isb();
    return (u32 *)(CODE_VIRTUAL + memory_new(bytes) - FREE_MEMORY);
}

static void publish(const void *p, u64 bytes)
{
    for (u64 a = (u64)p & ~63ull; a < (u64)p + bytes; a += 64) {
        DC(cvau, a);
    }
    dsb();
    ASM("ic ialluis");
    dsb();
    isb();
}

/* Calls function(a, b) with the stack pointer stack: C's own stack is small. */
u64 call_on(const void *stack, const void *function, u64 a, u64 b);
__asm__(".text\n"
        "call_on: stp x29, x30, [sp, #-16]!\n mov x29, sp\n mov sp, x0\n mov x9, x1\n mov x0, x2\n"
        " mov x1, x3\n blr x9\n mov sp, x29\n ldp x29, x30, [sp], #16\n ret\n");

#define STACK_BYTES (4u << 20)

static const void *stack_new(void)
{
    return (const void *)(memory_new(STACK_BYTES) + STACK_BYTES);
}

/* ---- more code than there is room for */

#define CHAIN 1500
#define CHAIN_WORDS 24

/* Functions that call the next: each adds its number on the way in, and 1 on the way out. */
static u32 *chain_new(void)
{
    u32 *code = code_new(256 * 1024);
    for (u32 i = 0; i < CHAIN; i++) {
        u32 *f = code + i * CHAIN_WORDS, n = 0;
        f[n++] = PUSH_LR;
        while (n < 10) {
            f[n++] = ADD(0, 0, i);
        }
        f[n] = i + 1 < CHAIN ? BL(CHAIN_WORDS - (int)n) : MOVZ(1, 0);
        n++;
        while (n < 20) {
            f[n++] = ADD(0, 0, 1);
        }
        f[n++] = POP_LR;
        f[n] = RET;
    }
    publish(code, 4 * CHAIN * CHAIN_WORDS);
    return code;
}

#define CHAIN_SUM (9ull * CHAIN * (CHAIN - 1) / 2 + 9ull * CHAIN)

static u32 *chains[CPUS];
static const void *stacks_of[CPUS];

static void run_chains(u64 number)
{
    for (u32 round = 0; round < 6; round++) {
        const u32 *code = chains[(number + round) % CPUS];
        u64 got = call_on(stacks_of[number], code, round, 0);
        if (got != CHAIN_SUM + round) {
            test_equal(__FILE__, __LINE__, "sum of a chain of calls", got, CHAIN_SUM + round);
            return;
        }
    }
}

TEST(cache_fills_up_in_deep_calls)
{
    for (u32 i = 0; i < CPUS; i++) {
        chains[i] = chain_new();
        stacks_of[i] = stack_new();
    }
    run_chains(0);
}

TEST(cache_fills_up_while_others_run)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (u32 i = 0; i < CPUS; i++) {
        chains[i] = chain_new();
        stacks_of[i] = stack_new();
    }
    cpus_run(CPUS, run_chains);
}

/* Many blocks of one instruction: room for blocks runs out before room for code. */
TEST(many_small_blocks)
{
    enum {
        WORDS = 1 << 16
    };
    u32 *code = code_new(4 * WORDS);
    for (u32 i = 0; i < WORDS; i++) {
        code[i] = RET;
    }
    publish(code, 4 * WORDS);
    for (u32 i = 0; i < WORDS; i++) {
        CHECK_EQ(((u64(*)(u64))(uintptr_t)(code + i))(i), i);
    }
}

/* The longest block there is must fit into the smallest cache. */
TEST(page_of_straight_code)
{
    enum {
        WORDS = 1024
    };
    u32 *code = code_new(4 * WORDS);
    for (u32 kind = 0; kind < 2; kind++) {
        for (u32 i = 0; i < WORDS; i++) {
            code[i] = kind ? 0xf9000020u + (i << 10 & 0xff << 10) : ADD(0, 0, i);
        }
        code[WORDS - 1] = RET; /* the others: str x0, [x1, #8 * i] */
        publish(code, 4 * WORDS);
        const u64 memory = memory_new(4096);
        CHECK_EQ(((u64(*)(u64, u64))(uintptr_t)code)(5, memory),
                 kind ? 5 : 5 + (WORDS - 1) * (WORDS - 2) / 2);
    }
}

/* One CPU takes code away that others run, which are filling the cache at the same time. */
static u32 *rewritten;
static u64 stop;

static void rewrite(void)
{
    for (u32 i = 0; i < 300; i++) {
        STORE(rewritten, MOVZ(0, i));
        if (i & 1) {
            publish(rewritten, 4);
        } else {
            DC(cvau, rewritten);
            dsb();
            IC(ivau, rewritten);
            dsb();
            isb();
        }
        CHECK_EQ(((u64(*)(void))(uintptr_t)rewritten)(), i);
    }
    STORE(&stop, 1);
}

static void rewrite_or_run(u64 number)
{
    if (number == 0) {
        rewrite();
        return;
    }
    while (!LOAD(&stop)) {
        u64 got = call_on(stacks_of[number], chains[number], number, 0);
        u64 changing = ((u64(*)(void))(uintptr_t)rewritten)();
        if (got != CHAIN_SUM + number || changing >= 300) {
            test_equal(__FILE__, __LINE__, "sum of a chain of calls", got, CHAIN_SUM + number);
            return;
        }
    }
}

TEST(code_changes_while_others_fill_the_cache)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    rewritten = code_new(4096);
    rewritten[0] = MOVZ(0, 0);
    rewritten[1] = RET;
    stop = 0;
    for (u32 i = 0; i < CPUS; i++) {
        chains[i] = chain_new();
        stacks_of[i] = stack_new();
    }
    cpus_run(CPUS, rewrite_or_run);
}

/* ---- calls and returns that do not pair */

/* f(n) = n + f(n - 1) */
void recurse(void);
__asm__("recurse: cbz x0, 1f\n stp x0, x30, [sp, #-16]!\n sub x0, x0, #1\n bl recurse\n"
        " ldp x1, x30, [sp], #16\n add x0, x0, x1\n1: ret\n");

TEST(recursion_deeper_than_any_stack_of_frames)
{
    const void *stack = stack_new();
    for (u64 n = 100; n <= 200000; n = n < 10000 ? n * 10 : n + 63000) {
        CHECK_EQ(call_on(stack, recurse, n, 0), n * (n + 1) / 2);
        CHECK_EQ(call_on(stack, recurse, 3, 0), 6);
    }
}

/* BL as a jump: no return ever comes. x0 times. */
void call_and_forget(void);
__asm__("call_and_forget: mov x9, x30\n1: sub x0, x0, #1\n cbz x0, 3f\n bl 1b\n"
        "3: mov x0, x10\n mov x30, x9\n ret\n");

/* The same by a pointer, from two places. */
void call_pointer_and_forget(void);
__asm__("call_pointer_and_forget: mov x9, x30\n adr x11, 1f\n"
        "1: sub x0, x0, #1\n cbz x0, 3f\n tbz x0, #0, 2f\n blr x11\n2: add x10, x10, #1\n blr x11\n"
        "3: mov x30, x9\n ret\n");

TEST(calls_without_returns)
{
    call_on(stack_new(), call_and_forget, 100000, 0);
    call_on(stack_new(), call_pointer_and_forget, 100000, 0);
    CHECK_EQ(call_on(stack_new(), recurse, 1000, 0), 500500);
}

/* Returns of x0 times through addresses that are on the guest's stack, and nobody's call. */
void return_uncalled(void);
__asm__("return_uncalled: mov x9, x30\n mov x10, x0\n mov x0, #0\n adr x11, 2f\n adr x12, 3f\n"
        "1: cbz x10, 4f\n sub x10, x10, #1\n tst x10, #1\n csel x30, x11, x12, ne\n ret\n"
        "2: add x0, x0, #1\n b 1b\n3: add x0, x0, #2\n b 1b\n4: mov x30, x9\n ret\n");

TEST(returns_without_calls)
{
    CHECK_EQ(call_on(stack_new(), return_uncalled, 100000, 0), 150000);
}

/*
 * Calls x0 deep, and then back to the start at once, as longjmp() goes; x1 times. The frames in
 * between are never returned through.
 */
void jump_out(void);
__asm__("jump_out: stp x29, x30, [sp, #-16]!\n mov x29, sp\n mov x9, x0\n mov x10, x1\n"
        " mov x0, #0\n"
        "1: mov x11, x9\n bl 2f\n add x0, x0, #1\n subs x10, x10, #1\n b.ne 1b\n"
        " ldp x29, x30, [sp], #16\n ret\n"
        "2: mov x12, x30\n"
        "3: cbz x11, 4f\n sub x11, x11, #1\n str x30, [sp, #-16]!\n bl 3b\n brk #1\n"
        "4: mov sp, x29\n mov x30, x12\n ret\n");

TEST(returns_that_skip_frames)
{
    static const u64 depths[] = {1, 2, 3, 4, 5, 17, 1000};
    for (u32 i = 0; i < 7; i++) {
        const u64 times = depths[i] < 100 ? 5000 : 100;
        CHECK_EQ(call_on(stack_new(), jump_out, depths[i], times), times);
    }
}

/*
 * Two stacks in turn, x0 times, from calls x1 deep on each: returns meet frames that the other has
 * pushed. x0 counts the turns, x13 is the stack that waits.
 */
void take_turns(void);
__asm__("take_turns: stp x29, x30, [sp, #-16]!\n mov x29, sp\n mov x9, x0\n mov x10, x1\n"
        " mov x0, #0\n"
        " sub x13, sp, #256, lsl #12\n"
        " adr x11, coroutine\n str x11, [x13, #-16]!\n"
        " bl coroutine\n"
        " mov sp, x29\n ldp x29, x30, [sp], #16\n ret\n"
        "coroutine: mov x14, x10\n"
        "1: cbz x14, 2f\n sub x14, x14, #1\n str x30, [sp, #-16]!\n bl 1b\n"
        " ldr x30, [sp], #16\n ret\n"
        "2: str x30, [sp, #-16]!\n bl switch_stacks\n ldr x30, [sp], #16\n"
        " cmp x0, x9\n b.lo coroutine\n mov sp, x29\n ldp x29, x30, [sp], #16\n ret\n"
        "switch_stacks: add x0, x0, #1\n str x30, [sp, #-16]!\n mov x15, sp\n mov sp, x13\n"
        " mov x13, x15\n ldr x30, [sp], #16\n ret\n");

TEST(coroutines_return_past_each_other)
{
    CHECK_EQ(call_on(stack_new(), take_turns, 2000, 3), 2000);
    CHECK_EQ(call_on(stack_new(), take_turns, 2000, 20), 2000);
}

/* A function that returns behind the place that called it. */
void return_further(void);
__asm__("return_further: mov x9, x30\n mov x10, x0\n mov x0, #0\n"
        "1: bl 2f\n add x0, x0, #100\n add x0, x0, #1\n subs x10, x10, #1\n b.ne 1b\n"
        " mov x30, x9\n ret\n2: add x30, x30, #4\n ret\n");

TEST(returns_to_elsewhere)
{
    CHECK_EQ(call_on(stack_new(), return_further, 50000, 0), 50000);
}

/* Exceptions are taken and returned from deep in calls. */
static bool skip_svc(struct frame *f)
{
    f->x[0] += 7;
    return EC(f->esr) == EC_SVC;
}

void recurse_svc(void);
__asm__("recurse_svc: cbz x1, 1f\n str x30, [sp, #-16]!\n sub x1, x1, #1\n bl recurse_svc\n"
        " ldr x30, [sp], #16\n1: svc #0\n ret\n");

TEST(exceptions_in_deep_calls)
{
    on_sync(skip_svc);
    CHECK_EQ(call_on(stack_new(), recurse_svc, 0, 30000), 7 * 30001);
    on_sync(NULL);
}

/* ---- address spaces and mappings */

static u64 page_returning(u32 n)
{
    u64 pa = memory_new(4096);
    ((u32 *)pa)[0] = MOVZ(0, n);
    ((u32 *)pa)[1] = RET;
    publish((void *)pa, 8);
    return pa;
}

static void use(u64 *root, u64 asid)
{
    WRITE(ttbr0_el1, (u64)root | asid << 48);
    isb();
}

#define SPACES 4

static u64 *space_returning(u32 n)
{
    u64 *root = root_new();
    map_pages(root, FREE_VIRTUAL, page_returning(n), 4096, PAGE_NORMAL | PAGE_UXN | PAGE_NG);
    return root;
}

static u64 call_page(void)
{
    return ((u64(*)(void))(uintptr_t)FREE_VIRTUAL)();
}

/* More address spaces than an emulator will keep apart at a time; and all of them again. */
TEST(thousands_of_address_spaces)
{
    u64 *roots[SPACES];
    const u64 tcr = READ(tcr_el1);
    WRITE(tcr_el1, tcr | 1ull << 36); /* AS: 16 bits of ASID */
    isb();
    for (u32 i = 0; i < SPACES; i++) {
        roots[i] = space_returning(i);
    }
    flush_all();
    for (u32 round = 0; round < 2; round++) {
        for (u64 asid = 1; asid <= 3000; asid++) {
            use(roots[asid % SPACES], asid);
            CHECK_EQ(call_page(), asid % SPACES);
        }
    }
    use(kernel_root(), 0);
    WRITE(tcr_el1, tcr);
    isb();
    flush_all();
}

/* The same, of all CPUs at once, each with ASIDs of its own. */
static u64 *own_roots[CPUS][SPACES];

static void switch_spaces(u64 number)
{
    const u64 tcr = READ(tcr_el1);
    WRITE(tcr_el1, tcr | 1ull << 36);
    isb();
    for (u64 n = 0; n < 2000; n++) {
        use(own_roots[number][n % SPACES], 1 + number * 4096 + n);
        u64 got = call_page();
        if (got != number * SPACES + n % SPACES) {
            test_equal(__FILE__, __LINE__, "result of an address space's code", got,
                       number * SPACES + n % SPACES);
            break;
        }
    }
    use(kernel_root(), 0);
    WRITE(tcr_el1, tcr);
    isb();
}

TEST(thousands_of_address_spaces_of_each_cpu)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    for (u32 i = 0; i < CPUS; i++) {
        for (u32 k = 0; k < SPACES; k++) {
            own_roots[i][k] = space_returning(i * SPACES + k);
        }
    }
    flush_all();
    cpus_run(CPUS, switch_spaces);
    flush_all();
}

/* An ASID is given to another address space, thousands of times: its code is not what it was. */
TEST(address_space_is_used_again)
{
    u64 *roots[SPACES];
    for (u32 i = 0; i < SPACES; i++) {
        roots[i] = space_returning(i);
    }
    flush_all();
    for (u64 n = 0; n < 5000; n++) {
        WRITE(ttbr0_el1, (u64)kernel_root());
        isb();
        TLBI(aside1is, 5ull << 48);
        dsb();
        use(roots[n % SPACES], 5);
        CHECK_EQ(call_page(), n % SPACES);
    }
    use(kernel_root(), 0);
    flush_all();
}

/* One page of code at very many addresses, in several address spaces. */
TEST(code_at_many_addresses)
{
    enum {
        PAGES = 9000,
        TIMES = 3
    };
    u64 *root = root_new();
    const u64 code = page_returning(42);
    for (u64 i = 0; i < PAGES; i++) {
        *page_entry(root, FREE_VIRTUAL + i * 4096) = code | PAGE_VALID | 2 | PAGE_NORMAL |
                                                     PAGE_UXN | PAGE_NG;
    }
    flush_all();
    for (u64 asid = 1; asid <= TIMES; asid++) {
        use(root, asid);
        for (u64 i = 0; i < PAGES; i++) {
            CHECK_EQ(((u64(*)(void))(uintptr_t)(FREE_VIRTUAL + i * 4096))(), 42);
        }
    }
    use(kernel_root(), 0);
    flush_all();
}

/* Few addresses in very many address spaces. */
TEST(code_in_many_address_spaces)
{
    enum {
        PAGES = 40
    };
    u64 *root = root_new();
    for (u64 i = 0; i < PAGES; i++) {
        map_pages(root, FREE_VIRTUAL + i * 4096, page_returning(i), 4096,
                  PAGE_NORMAL | PAGE_UXN | PAGE_NG);
    }
    flush_all();
    for (u64 asid = 1; asid < 256; asid++) {
        use(root, asid);
        for (u64 i = 0; i < PAGES; i++) {
            CHECK_EQ(((u64(*)(void))(uintptr_t)(FREE_VIRTUAL + i * 4096))(), i);
        }
    }
    use(kernel_root(), 0);
    flush_all();
}
