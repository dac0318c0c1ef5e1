/* SPDX-License-Identifier: MIT */
/*
 * All CPUs work on one word, each in its own way and with the time in it, so that the word depends on who did what when.
 * x0 is what a CPU saw last. Without end.
 */
    .text
    .global _start
_start:
    mov x19, #1
1:  ldr w0, =0xc4000003 /* CPU_ON */
    mov x1, x19
    adr x2, work
    mov x3, x19
    hvc #0
    add x19, x19, #1
    cmp x19, #4
    b.ne 1b
    mov x0, #0

work: /* x0: number */
    add x10, x0, #3
    adr x11, word
    ldr x12, =0x9e3779b97f4a7c15
2:  ldxr x0, [x11]
    mul x0, x0, x12
    add x0, x0, x10
    stxr w1, x0, [x11]
    cbnz w1, 2b
    mrs x13, cntvct_el0
    eor x10, x10, x13
    tst x0, #0xf00
    b.ne 2b
    yield
    b 2b

    .balign 16
word:
    .quad 1
