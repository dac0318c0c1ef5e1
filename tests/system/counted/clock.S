/* SPDX-License-Identifier: MIT */
/*
 * The clock at the instruction, with -icount shift=3,sleep=off and a counter of 1 GHz: between instructions, in the middle
 * of a block and across blocks; a timer's interrupt at its instruction; a long sleep that takes no time. Ends by
 * semihosting with status 0, or the number of the check that failed.
 */
    .equ NS, 8
    .equ GICD, 0x08000000
    .equ GICC, 0x08010000
    .equ VTIMER, 27

    .macro check number, condition
    mov x19, #\number
    b.\condition 9f
    b fail
9:
    .endm

    .text
    .global _start
_start:
    mrs x0, cntfrq_el0
    ldr x1, =1000000000
    cmp x0, x1
    check 1, eq

    /* Six instructions later. */
    mrs x0, cntvct_el0
    nop
    nop
    nop
    nop
    nop
    mrs x1, cntvct_el0
    sub x1, x1, x0
    cmp x1, #6 * NS
    check 2, eq

    /* Across blocks: two instructions a round, three before and one behind. */
    mrs x0, cntvct_el0
    mov x2, #1000
    b 1f
1:  sub x2, x2, #1
    cbnz x2, 1b
    mrs x1, cntvct_el0
    sub x1, x1, x0
    ldr x3, =2003 * NS
    cmp x1, x3
    check 3, eq

    /* The interrupt of the virtual timer. */
    adr x0, vectors
    msr vbar_el1, x0
    ldr x0, =GICD
    mov w1, #1
    str w1, [x0]
    mov w1, #1 << VTIMER
    str w1, [x0, #0x100]
    ldr x0, =GICC
    mov w1, #0xff
    str w1, [x0, #4]
    mov w1, #1
    str w1, [x0]
    msr daifclr, #2
    mov x20, #0
    mrs x0, cntvct_el0
    ldr x1, =123457
    add x0, x0, x1
    msr cntv_cval_el0, x0
    mov x1, #1
    msr cntv_ctl_el0, x1
    isb
2:  cbz x20, 2b
    /* x20 is the counter at the vector: the first instruction whose time is not before the timer's. */
    sub x1, x20, x0
    cmp x1, #NS
    check 4, lo

    /* The same in a longer block of a loop. */
    mov x20, #0
    mrs x0, cntvct_el0
    ldr x1, =654321
    add x0, x0, x1
    msr cntv_cval_el0, x0
    mov x1, #1
    msr cntv_ctl_el0, x1
    isb
3:  add x2, x2, #1
    add x3, x3, x2
    eor x4, x3, x2
    add x5, x4, #3
    cbz x20, 3b
    sub x1, x20, x0
    cmp x1, #NS
    check 5, lo

    /* An hour of sleep. The interrupt is masked, so that WFI is left by it and it is not taken. */
    msr daifset, #2
    mov x20, #0
    mrs x0, cntvct_el0
    ldr x1, =3600000000000
    add x0, x0, x1
    msr cntv_cval_el0, x0
    mov x1, #1
    msr cntv_ctl_el0, x1
    isb
    wfi
    mrs x1, cntvct_el0
    sub x1, x1, x0
    cmp x1, #16 * NS
    check 6, lo
    cbz x20, 4f
    mov x19, #7
    b fail

    /* Unmasked, it is taken before the next instruction, which counts when it is executed. */
4:  mrs x0, cntvct_el0
    msr daifclr, #2
    nop
    mrs x2, cntvct_el0
    sub x1, x20, x0
    cmp x1, #2 * NS
    check 8, eq
    sub x1, x2, x0
    cmp x1, #(2 + 6 + 1) * NS /* MRS and MSR, the handler, NOP */
    check 9, eq
    mov x19, #0

fail:
    adr x1, parameters
    str x19, [x1, #8]
    mov w0, #0x20
    hlt #0xf000
    b .

    .balign 2048
vectors:
    .skip 0x280
    mrs x20, cntvct_el0
    msr cntv_ctl_el0, xzr
    ldr x21, =GICC
    ldr w22, [x21, #0xc]
    str w22, [x21, #0x10]
    eret

    .data
    .balign 8
parameters:
    .quad 0x20026, 0
