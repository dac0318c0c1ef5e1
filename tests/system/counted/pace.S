/* SPDX-License-Identifier: MIT */
/*
 * Time that passes: ends by semihosting after a tenth of a second in which it does nothing else than look at the
 * virtual counter, and after so many tenths of a second asleep (virtual timer, masked) as the word at SLEEPS says.
 */
    .equ GICD, 0x08000000
    .equ GICC, 0x08010000
    .equ VTIMER, 27
    .equ SLEEPS, 0x42000000

    .text
    .global _start
_start:
    msr daifset, #15
    mrs x0, cntfrq_el0
    mov x1, #10
    udiv x10, x0, x1
    mrs x0, cntvct_el0
    add x1, x0, x10
1:  mrs x0, cntvct_el0
    cmp x0, x1
    b.lo 1b

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
    msr cntv_ctl_el0, x1
    ldr x2, =SLEEPS
    ldr x2, [x2]
    cbz x2, 3f
    mul x10, x10, x2
    mrs x3, cntvct_el0
    add x3, x3, x10
    msr cntv_cval_el0, x3
    isb
2:  wfi
    mrs x0, cntvct_el0
    cmp x0, x3
    b.lo 2b

3:  adr x1, parameters
    mov w0, #0x20
    hlt #0xf000
    b .

    .data
    .balign 8
parameters:
    .quad 0x20026, 0
