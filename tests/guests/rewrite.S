/* SPDX-License-Identifier: MIT */
/*
 * A guest that keeps a translator busy: it spins for a while at `spin`, then runs a function TIMES times at `place`, which
 * returns x0 + n, and writes and maintains it anew each time; at the end it powers off by PSCI (ARM DEN 0022) if the sum
 * is right, and stays else.
 */
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .equ TIMES, 8000

    .text
    .global _start, spin, place
_start:
    ldr x1, =100000000
spin:
    subs x1, x1, #1
    b.ne spin

    ldr x19, =TIMES
    adr x20, place
    ldr w21, [x20]
    mov x22, #0             // what the function has added
    mov x23, #0             // and what it should have
1:  and w1, w19, #0xfff
    add x23, x23, x1
    bfi w21, w1, #10, #12   // imm12 of ADD
    str w21, [x20]
    dc cvau, x20
    dsb ish
    ic ivau, x20
    dsb ish
    isb
    mov x0, x22
    bl place
    mov x22, x0
    subs x19, x19, #1
    b.ne 1b
    cmp x22, x23
    b.ne wrong
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
wrong:
    wfi
    b wrong

    .balign 64
place:
    add x0, x0, #0
    ldr x2, [x20]
    str x2, [x20, #32]
    ldp x2, x3, [x20, #64]
    ret
    .space 128
