/* SPDX-License-Identifier: MIT */
/*
 * A guest that says on the PL011 of the virt board what it was started with: x0 to x3, its own address, and
 * in 128 MiB of RAM each page that begins with a device tree (its size) or with a mark that the test left. It powers
 * off by PSCI. Its code runs at any address.
 */
    .equ UART, 0x09000000
    .equ RAM, 0x40000000
    .equ RAM_BYTES, 128 << 20
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .include "report.inc"

    .macro say name, value
    mov x21, \value
    adr x20, \name
    bl report
    .endm

    .text
    .global _start
_start:
    ldr x19, =UART
    mov x23, x0
    mov x24, x1
    mov x25, x2
    mov x26, x3
    say x0_is, x23
    say x1_is, x24
    say x2_is, x25
    say x3_is, x26
    adr x23, _start
    say begins_at, x23
    ldr x23, =RAM
    ldr x24, =RAM + RAM_BYTES
    ldr w25, =0xedfe0dd0
    ldr w26, =0x4b52414d
scan:
    ldr w27, [x23]
    cmp w27, w25
    b.ne 1f
    say tree_at, x23
    ldr w27, [x23, #4]
    rev w27, w27
    say tree_bytes, x27
    b 2f
1:  cmp w27, w26
    b.ne 2f
    say mark_at, x23
2:  add x23, x23, #4096
    cmp x23, x24
    b.lo scan
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b .

    report_routine 16

x0_is:
    .asciz "x0 "
x1_is:
    .asciz "x1 "
x2_is:
    .asciz "x2 "
x3_is:
    .asciz "x3 "
begins_at:
    .asciz "begins "
tree_at:
    .asciz "tree "
tree_bytes:
    .asciz "bytes "
mark_at:
    .asciz "mark "
    .balign 8
