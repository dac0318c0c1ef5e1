/* SPDX-License-Identifier: MIT */
/*
 * Code that changes: by the CPU that runs it, by others while they run it, through another mapping,
 * by another mapping. After the maintenance that DDI 0487, B2.4 asks for the new code runs; without
 * any, only what may be changed while it is executed is changed here (B2.3.9).
 */
#include "tests/system/aarch64/lib/guest.h"

#define CPUS 4
#define NOP 0xd503201fu
#define RET 0xd65f03c0u
#define MOVZ(rd, imm) (0xd2800000u | (u32)(imm) << 5 | (rd))
#define ADD(rd, rn, imm) (0x91000000u | (u32)(imm) << 10 | (rn) << 5 | (rd))
#define B(words) (0x14000000u | ((u32)(words)&0x3ffffff))

/* Pages for code, mapped writable and executable for EL1. */
static u64 code_page(unsigned pages)
{
    static u64 next;
    u64 pa = memory_new(4096ull * pages), va = FREE_VIRTUAL + 0x10000000 + next;
    next += 4096ull * pages;
    map_pages(kernel_root(), va, pa, 4096ull * pages, PAGE_NORMAL | PAGE_UXN);
    return va;
}

/* Makes what was written at p visible to instruction fetch: of this CPU, and of others after their
 * ISB. */
static void publish(const void *p, u64 bytes)
{
    for (u64 a = (u64)p & ~15ull; a < (u64)p + bytes; a += 16) {
        DC(cvau, a);
    }
    __asm__ volatile("dsb ish" : : : "memory");
    for (u64 a = (u64)p & ~15ull; a < (u64)p + bytes; a += 16) {
        IC(ivau, a);
    }
    __asm__ volatile("dsb ish\n isb" : : : "memory");
}

static u64 call(const u32 *code, u64 a)
{
    return ((u64(*)(u64))(uintptr_t)code)(a);
}

static void put(u32 *code, u32 insn)
{
    STORE(code, insn);
    publish(code, 4);
}

TEST(changed_instruction_runs)
{
    u32 *code = (u32 *)code_page(1);
    code[1] = RET;
    for (u32 i = 0; i < 2000; i++) {
        put(code, MOVZ(0, i));
        publish(code, 8);
        CHECK_EQ(call(code, 0), i);
    }
}

TEST(instruction_cache_can_be_invalidated_as_a_whole)
{
    u32 *code = (u32 *)code_page(1);
    code[1] = RET;
    for (u32 i = 0; i < 200; i++) {
        STORE(code, MOVZ(0, i));
        DC(cvau, code);
        dsb();
        if (i & 1) {
            ASM("ic iallu");
        } else {
            ASM("ic ialluis");
        }
        dsb();
        isb();
        CHECK_EQ(call(code, 0), i);
    }
}

/* Only one instruction in the middle of a long block changes. */
TEST(change_in_the_middle_of_a_block)
{
    u32 *code = (u32 *)code_page(1);
    enum {
        LENGTH = 60
    };
    for (u32 i = 0; i < LENGTH; i++) {
        code[i] = ADD(0, 0, 1);
    }
    code[LENGTH] = RET;
    publish(code, 4 * LENGTH + 4);
    CHECK_EQ(call(code, 0), LENGTH);
    for (u32 i = 0; i < LENGTH; i++) {
        put(&code[i], ADD(0, 0, 3));
        CHECK_EQ(call(code, 0), LENGTH + 2 * (i + 1));
    }
}

/* A block that runs over the end of its page, changed on either side. */
TEST(change_of_code_across_pages)
{
    u32 *pages = (u32 *)code_page(2), *code = pages + 1024 - 8;
    for (u32 i = 0; i < 16; i++) {
        code[i] = ADD(0, 0, 1);
    }
    code[16] = RET;
    publish(code, 68);
    for (u32 i = 0; i < 16; i++) {
        CHECK_EQ(call(code, 0), 16 + i);
        put(&code[15 - i], ADD(0, 0, 2));
        CHECK_EQ(call(code, 0), 17 + i);
    }
}

/* Two functions that call each other in turn: links between blocks must follow the change. */
TEST(branch_is_patched)
{
    u32 *code = (u32 *)code_page(3), *first = code + 512, *second = code + 1024 + 512;
    first[0] = MOVZ(0, 1);
    first[1] = RET;
    second[0] = MOVZ(0, 2);
    second[1] = RET;
    publish(code, 3 * 4096);
    for (u32 i = 0; i < 1000; i++) {
        put(code, i & 1 ? B(first - code) : B(second - code));
        CHECK_EQ(call(code, 0), i & 1 ? 1 : 2);
    }
}

TEST(nop_becomes_a_branch_and_back)
{
    u32 *code = (u32 *)code_page(1);
    static const u32 text[] = {NOP, MOVZ(0, 7), RET, NOP, MOVZ(0, 8), RET};
    for (u32 i = 0; i < 6; i++) {
        code[i] = text[i];
    }
    publish(code, 24);
    for (u32 i = 0; i < 1000; i++) {
        put(code, i & 1 ? B(4) : NOP);
        CHECK_EQ(call(code, 0), i & 1 ? 8 : 7);
    }
}

/* Code writes over what comes next in its own page, with the maintenance in line. */
void patch_ahead(u32 *p, u32 insn);
__asm__(
    ".text\n"
    "patch_ahead: str w1, [x0]\n dc cvau, x0\n dsb ish\n ic ivau, x0\n dsb ish\n isb\n br x0\n");

TEST(code_changes_what_it_runs_next)
{
    u32 *code = (u32 *)code_page(1);
    /* a copy of patch_ahead, and behind it the place that it changes */
    for (u32 i = 0; i < 7; i++) {
        code[i] = ((const u32 *)(uintptr_t)patch_ahead)[i];
    }
    u32 *place = code + 7;
    place[1] = RET;
    publish(code, 64);
    for (u32 i = 0; i < 1000; i++) {
        u64 got = ((u64(*)(u32 *, u32))(uintptr_t)code)(place, MOVZ(0, i & 0xffff));
        CHECK_EQ(got, i);
    }
}

/* Data that is written all the time next to code that does not change. */
TEST(data_in_a_page_of_code)
{
    u32 *code = (u32 *)code_page(1);
    u64 *data = (u64 *)(code + 512);
    code[0] = ADD(0, 0, 5);
    code[1] = RET;
    publish(code, 8);
    u64 sum = 0;
    for (u64 i = 0; i < 20000; i++) {
        STORE(data, i);
        sum = call(code, sum);
        CHECK_EQ(LOAD(data), i);
    }
    CHECK_EQ(sum, 100000);
}

/* ---- without caches: nothing keeps an old instruction behind a context synchronization */

enum {
    SCTLR_M = 1,
    SCTLR_C = 1 << 2,
    SCTLR_I = 1 << 12
};

#define WITHOUT(bits)                                                                              \
    u64 sctlr = READ(sctlr_el1);                                                                   \
    WRITE(sctlr_el1, sctlr & ~(u64)(bits));                                                        \
    isb()
#define AGAIN                                                                                      \
    WRITE(sctlr_el1, sctlr);                                                                       \
    isb()

/* Both of code's instructions change, in turn with one of another page, and one is changed back. */
static u64 rewrite(volatile u32 *code)
{
    volatile u32 *other = code + 1024;
    u64 wrong = 0;
    code[1] = other[1] = RET;
    for (u32 i = 0; i < 300; i++) {
        code[0] = MOVZ(0, i);
        other[i & 1 ? 0 : 2] = MOVZ(0, i & 2);
        other[0] = i & 1 ? other[0] : MOVZ(0, i);
        dsb();
        isb();
        wrong += call((const u32 *)(u64)code, 0) != i;
        wrong += call((const u32 *)(u64)other, 0) != (i & 1 ? i & 2 : i);
    }
    return wrong;
}

TEST(changed_instruction_runs_without_mmu_and_caches)
{
    u64 pa = memory_new(8192);
    WITHOUT(SCTLR_M | SCTLR_C | SCTLR_I);
    u64 wrong = rewrite((u32 *)pa);
    AGAIN;
    CHECK_EQ(wrong, 0);
}

TEST(changed_instruction_runs_without_caches)
{
    u32 *code = (u32 *)code_page(2);
    WITHOUT(SCTLR_C | SCTLR_I);
    u64 wrong = rewrite(code);
    AGAIN;
    CHECK_EQ(wrong, 0);
}

/* ERET synchronizes as well, and so does an exception. */
u64 eret_to(u64 pc);
__asm__(".text\n"
        "eret_to: adr x1, 1f\n msr elr_el1, x1\n mrs x1, spsel\n add x1, x1, #0x3c4\n"
        "msr spsr_el1, x1\n"
        "dsb sy\n eret\n 1: br x0\n");

TEST(changed_instruction_runs_behind_eret_without_caches)
{
    volatile u32 *code = (u32 *)code_page(1);
    u64 wrong = 0;
    code[1] = RET;
    WITHOUT(SCTLR_C | SCTLR_I);
    for (u32 i = 0; i < 300; i++) {
        code[0] = MOVZ(0, i);
        wrong += eret_to((u64)code) != i;
    }
    AGAIN;
    CHECK_EQ(wrong, 0);
}

/* Code that another CPU's cache would hold when this one is switched on again. */
TEST(maintenance_is_needed_and_enough_when_the_cache_is_on_again)
{
    u32 *code = (u32 *)code_page(1);
    code[1] = RET;
    for (u32 i = 0; i < 100; i++) {
        WITHOUT(SCTLR_I);
        put(code, MOVZ(0, i));
        u64 got = call(code, 0);
        AGAIN;
        CHECK_EQ(got, i);
        put(code, MOVZ(0, i + 1));
        CHECK_EQ(call(code, 0), i + 1);
    }
}

/* ---- mappings */

TEST(code_is_written_through_another_mapping)
{
    u64 pa = memory_new(4096), run = FREE_VIRTUAL, write = FREE_VIRTUAL + 0x5000;
    u64 *root = root_new();
    map_pages(root, run, pa, 4096, PAGE_NORMAL | PAGE_UXN | PAGE_RO);
    map_pages(root, write, pa, 4096, PAGE_NORMAL | PAGE_XN);
    WRITE(ttbr0_el1, (u64)root);
    isb();
    flush_all();
    STORE((u32 *)(write + 4), RET);
    for (u32 i = 0; i < 1000; i++) {
        STORE((u32 *)write, MOVZ(0, i));
        publish((void *)write, 8);
        publish((void *)run, 8);
        CHECK_EQ(call((u32 *)run, 0), i);
    }
    WRITE(ttbr0_el1, (u64)kernel_root());
    isb();
    flush_all();
}

static u64 page_returning(u32 n)
{
    u64 pa = memory_new(4096);
    ((u32 *)pa)[0] = MOVZ(0, n);
    ((u32 *)pa)[1] = RET;
    publish((void *)pa, 8);
    return pa;
}

TEST(address_spaces_have_different_code_at_one_address)
{
    enum {
        SPACES = 6
    };
    u64 *roots[SPACES];
    for (u32 i = 0; i < SPACES; i++) {
        roots[i] = root_new();
        map_pages(roots[i], FREE_VIRTUAL, page_returning(i), 4096,
                  PAGE_NORMAL | PAGE_UXN | PAGE_NG);
    }
    flush_all();
    for (u32 n = 0; n < 2000; n++) {
        WRITE(ttbr0_el1, (u64)roots[n % SPACES] | (u64)(n % SPACES + 1) << 48);
        isb();
        CHECK_EQ(call((u32 *)FREE_VIRTUAL, 0), n % SPACES);
    }
    WRITE(ttbr0_el1, (u64)kernel_root());
    isb();
    flush_all();
}

TEST(remapped_page_has_its_new_code)
{
    u64 *root = root_new(), pages[4];
    for (u32 i = 0; i < 4; i++) {
        pages[i] = page_returning(100 + i);
    }
    map_pages(root, FREE_VIRTUAL, pages[0], 4096, PAGE_NORMAL | PAGE_UXN);
    u64 *e = page_entry(root, FREE_VIRTUAL), attributes = *e & ~0xfffffffff000ull;
    WRITE(ttbr0_el1, (u64)root);
    isb();
    flush_all();
    for (u32 n = 0; n < 500; n++) {
        STORE(e, 0);
        flush_page(FREE_VIRTUAL);
        STORE(e, pages[n % 4] | attributes);
        dsb();
        isb();
        CHECK_EQ(call((u32 *)FREE_VIRTUAL, 0), 100 + n % 4);
    }
    WRITE(ttbr0_el1, (u64)kernel_root());
    isb();
    flush_all();
}

TEST(code_loses_the_permission_to_execute)
{
    u64 *root = root_new();
    map_pages(root, FREE_VIRTUAL, page_returning(5), 4096, PAGE_NORMAL | PAGE_UXN);
    u64 *e = page_entry(root, FREE_VIRTUAL);
    WRITE(ttbr0_el1, (u64)root);
    isb();
    flush_all();
    for (u32 n = 0; n < 50; n++) {
        CHECK(!try_call((void *)FREE_VIRTUAL, 0, 0, 0));
        *e |= PAGE_PXN;
        flush_page(FREE_VIRTUAL);
        CHECK(try_call((void *)FREE_VIRTUAL, 0, 0, 0));
        CHECK_EQ(EC(caught()->esr), EC_FETCH_EL1);
        *e &= ~PAGE_PXN;
        flush_page(FREE_VIRTUAL);
    }
    WRITE(ttbr0_el1, (u64)kernel_root());
    isb();
    flush_all();
}

/* ---- other CPUs */

static u32 *shared_code;
static u64 version, acknowledged[CPUS], stop;

/* After a message that the code is changed, and an ISB, the new code runs. */
static void follow(u64 number)
{
    u64 seen = 0;
    while (!LOAD(&stop)) {
        u64 v = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
        if (v != seen) {
            isb();
            u64 got = call(shared_code, 0);
            if (got != (v & 0xffff)) {
                test_equal(__FILE__, __LINE__, "result of changed code", got, v & 0xffff);
                break;
            }
            seen = v;
            __atomic_store_n(&acknowledged[number], v, __ATOMIC_RELEASE);
        } else {
            call(shared_code, 0);
        }
    }
    __atomic_store_n(&acknowledged[number], UINT64_MAX, __ATOMIC_RELEASE);
}

static void lead(void)
{
    for (u64 v = 1; v <= 500; v++) {
        put(shared_code, MOVZ(0, v));
        __atomic_store_n(&version, v, __ATOMIC_RELEASE);
        for (unsigned i = 1; i < CPUS; i++) {
            while (__atomic_load_n(&acknowledged[i], __ATOMIC_ACQUIRE) < v) {
            }
        }
    }
    STORE(&stop, 1);
}

static void lead_or_follow(u64 number)
{
    if (number == 0) {
        lead();
    } else {
        follow(number);
    }
}

TEST(changed_code_reaches_other_cpus)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    shared_code = (u32 *)code_page(1);
    shared_code[0] = MOVZ(0, 0);
    shared_code[1] = RET;
    publish(shared_code, 8);
    version = stop = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        acknowledged[i] = 0;
    }
    cpus_run(CPUS, lead_or_follow);
}

/*
 * B and NOP may change into each other while others execute them: these see one or the other, and
 * nothing else. As Linux patches its static branches.
 */
static void execute(u64 number)
{
    (void)number;
    for (u64 n = 0; !LOAD(&stop); n++) {
        u64 got = call(shared_code, 0);
        if (got != 7 && got != 8) {
            test_equal(__FILE__, __LINE__, "result of code in change", got, 7);
            return;
        }
    }
}

static void patch_or_execute(u64 number)
{
    if (number != 0) {
        execute(number);
        return;
    }
    for (u32 i = 0; i < 2000; i++) {
        put(shared_code + 1, i & 1 ? B(3) : NOP);
    }
    STORE(&stop, 1);
}

TEST(branch_is_patched_while_others_run_it)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    shared_code = (u32 *)code_page(1);
    static const u32 text[] = {NOP, NOP, MOVZ(0, 7), RET, MOVZ(0, 8), RET};
    for (u32 i = 0; i < 6; i++) {
        shared_code[i] = text[i];
    }
    publish(shared_code, 24);
    stop = 0;
    cpus_run(CPUS, patch_or_execute);
}

/* Each CPU changes code of its own in a page that all of them execute from. */
static void change_own(u64 number)
{
    u32 *code = shared_code + 16 * number;
    for (u32 i = 0; i < 1000; i++) {
        put(code, MOVZ(0, i));
        u64 got = call(code, 0);
        if (got != i) {
            test_equal(__FILE__, __LINE__, "result of this CPU's code", got, i);
            return;
        }
    }
}

TEST(cpus_change_code_in_one_page)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    shared_code = (u32 *)code_page(1);
    for (u32 i = 0; i < CPUS; i++) {
        shared_code[16 * i + 1] = RET;
    }
    publish(shared_code, 4096);
    cpus_run(CPUS, change_own);
}
