/* SPDX-License-Identifier: MIT */
/*
 * The stack pointer: it must be aligned when it is the base of an access (SCTLR_EL1.SA, SA0), and
 * there is one for each exception level. DDI 0487, D1.3.9 and D1.2.2.
 */
#include "tests/system/aarch64/lib/guest.h"

#define SA0 (1ull << 4)

void odd_load(void), odd_store(void), odd_pair(void), even_again(void), odd_no_access(void),
    odd_push(void);
void odd_add(u64), odd_in_loop(u64), from_load(u64);
void detour(u64), detour_load(void), detour_out(void), at_page_end(u64), behind_page_end(void);
void odd_jump(u64), odd_jump_load(void), odd_call(u64), odd_call_load(void);
__asm__("odd_load: mov x9, sp\n sub sp, sp, #8\n ldr x1, [sp]\n svc #0\n"
        "odd_store: sub sp, sp, #24\n str x1, [sp, #16]\n svc #0\n"
        "odd_pair: sub sp, sp, #40\n stp x1, x2, [sp], #16\n svc #0\n"
        "even_again: sub sp, sp, #8\n sub sp, sp, #8\n str x1, [sp]\n ldr x2, [sp]\n svc #0\n"
        "odd_no_access: sub sp, sp, #4\n mov x1, sp\n and sp, x1, #-16\n str x1, [sp]\n svc #0\n"
        "odd_push: str x1, [sp, #-8]!\n str x1, [sp, #-8]!\n svc #0\n"
        "odd_add: mov x9, sp\n sub sp, x9, x0\n ldr x1, [sp]\n svc #0\n"
        "odd_in_loop: mov x10, #20\n1: mov x9, sp\n sub x9, x9, x0\n mov sp, x9\n str x10, [sp]\n"
        " subs x10, x10, #1\n b.ne 1b\n svc #0\n"
        "from_load: ldr x9, [x0]\n mov sp, x9\n ldr x1, [sp]\n svc #0\n"
        /* as kernels look whether their stack is full: SP is anything for a while */
        "detour: sub sp, sp, #32\n add sp, sp, x0\n sub x0, sp, x0\n tbnz x0, #5, detour_out\n"
        " sub x0, sp, x0\n sub sp, sp, x0\n detour_load: ldr x1, [sp]\n svc #0\n"
        "detour_out: ldr x1, [sp]\n svc #0\n"
        "odd_jump: add sp, sp, x0\n mul x1, x0, x0\n b 1f\n nop\n 1: cbz x0, odd_jump\n"
        "odd_jump_load: ldr x1, [sp]\n svc #0\n"
        "odd_call: mov x9, sp\n add sp, sp, x0\n bl 1f\n odd_call_load: ldr x1, [sp]\n svc #0\n"
        "1: ret\n"
        ".balign 4096\n .skip 4088\n at_page_end: nop\n add sp, sp, x0\n"
        "behind_page_end: ldr x1, [sp]\n svc #0\n");

static USER u64 stack[512] __attribute__((aligned(4096)));
static USER u64 pointer;

static u64 top(void)
{
    return (u64)&stack[256];
}

static void run(const void *f, u64 a)
{
    try_state(EL0 | PSTATE_DAIF, f, a, 0, 0, top());
}

static void check_fault(const void *at)
{
    CHECK_EQ(EC(caught()->esr), EC_SP);
    CHECK_EQ(ISS(caught()->esr), 0);
    CHECK_EQ(caught()->elr, (u64)at);
}

static void check_done(void)
{
    CHECK_EQ(EC(caught()->esr), EC_SVC);
}

/* f adds x0 to SP, which is the base of the access at load. */
static void check_by_offset(const void *f, const void *load)
{
    for (u64 x = 16; x < 50; x += 2) {
        run(f, x);
        if (x % 16) {
            check_fault(load);
        } else {
            check_done();
        }
        CHECK_EQ(caught()->sp, top() + x);
    }
}

TEST(misaligned_sp_faults_when_it_is_a_base)
{
    run(odd_load, 0);
    check_fault((u8 *)odd_load + 8);
    run(odd_store, 0);
    check_fault((u8 *)odd_store + 4);
    run(odd_pair, 0);
    check_fault((u8 *)odd_pair + 4);
}

TEST(misaligned_sp_may_be_computed_with)
{
    run(even_again, 0);
    check_done();
    run(odd_no_access, 0);
    check_done();
}

TEST(push_that_misaligns_succeeds_and_the_next_faults)
{
    run(odd_push, 0);
    check_fault((u8 *)odd_push + 4);
    CHECK_EQ(caught()->sp, top() - 8);
}

TEST(alignment_depends_on_a_register)
{
    run(odd_add, 16);
    check_done();
    run(odd_add, 24);
    check_fault((u8 *)odd_add + 8);
    run(odd_add, 32);
    check_done();
    run(odd_in_loop, 16);
    check_done();
    run(odd_in_loop, 8);
    check_fault((u8 *)odd_in_loop + 16);
    pointer = top() + 8;
    run(from_load, (u64)&pointer);
    check_fault((u8 *)from_load + 8);
    pointer = top();
    run(from_load, (u64)&pointer);
    check_done();
}

TEST(alignment_counts_where_sp_is_used)
{
    for (u64 x = 0; x < 40; x++) {
        try_state(EL0 | PSTATE_DAIF, detour, x, 0, 0, top() + 32);
        check_done();
        CHECK_EQ(caught()->sp, top());
        CHECK_EQ(caught()->x[0], x);
        /* the branch is taken: SP stays what it became */
        try_state(EL0 | PSTATE_DAIF, detour, x, 0, 0, top());
        if (x % 16) {
            check_fault(detour_out);
        } else {
            check_done();
        }
        CHECK_EQ(caught()->sp, top() - 32 + x);
    }
    check_by_offset(odd_jump, odd_jump_load);
    check_by_offset(odd_call, odd_call_load);
    check_by_offset(at_page_end, behind_page_end);
}

TEST(misaligned_sp_on_entry)
{
    try_state(EL0 | PSTATE_DAIF, from_load, (u64)&pointer, 0, 0, top() + 4);
    check_done();
    try_state(EL0 | PSTATE_DAIF, (u8 *)odd_load + 8, 0, 0, 0, top() + 4);
    check_fault((u8 *)odd_load + 8);
}

TEST(check_is_off_without_sa0)
{
    u64 sctlr = READ(sctlr_el1);
    WRITE(sctlr_el1, sctlr & ~SA0);
    isb();
    run(odd_load, 0);
    check_done();
    WRITE(sctlr_el1, sctlr);
    isb();
    run(odd_load, 0);
    check_fault((u8 *)odd_load + 8);
}

void read_sp_el0(void);
__asm__("read_sp_el0: mrs x0, sp_el0\n ret\n");

/* The library runs on SP_EL0, at EL1. */
TEST(each_level_has_its_stack_pointer)
{
    u64 now, other, name, again;
    __asm__ volatile("mov %0, sp\n msr spsel, #1\n mov %1, sp\n mrs %2, sp_el0\n"
                     "msr spsel, #0\n mov %3, sp"
                     : "=&r"(now), "=&r"(other), "=&r"(name), "=&r"(again));
    CHECK(now != other);
    CHECK_EQ(name, now);
    CHECK_EQ(again, now);
}

TEST(stack_pointer_in_use_has_no_other_name)
{
    CHECK(try_call(read_sp_el0, 0, 0, 0));
    CHECK_EQ(EC(caught()->esr), EC_UNKNOWN);
}
