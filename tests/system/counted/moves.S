/* SPDX-License-Identifier: MIT */
/*
 * Code that goes round through three addresses at which it is mapped. x0 adds up what it sees of its own address, x2 counts
 * rounds, x3 exceptions, of which one in four rounds is taken in the middle of a block; x4 adds up where they came from.
 */
    .text
    .global _start
_start:
    adrp x9, table
    add x9, x9, :lo12:table
    mov x10, #0x40000000
    movz x11, #0x0401 /* a block of normal memory, accessed, global */
    orr x11, x11, #0x300
    orr x11, x11, x10
    str x11, [x9, #8]
    str x11, [x9, #16]
    str x11, [x9, #24]
    mov x10, #0xff
    msr mair_el1, x10
    movz x10, #0x3519 /* 39 bits, write-back, inner shareable */
    movk x10, #0x0080, lsl #16
    msr tcr_el1, x10
    msr ttbr0_el1, x9
    adr x9, vectors
    msr vbar_el1, x9
    isb
    mrs x10, sctlr_el1
    movz x11, #0x1005
    orr x10, x10, x11
    msr sctlr_el1, x10
    isb
    mov x6, #0x40000000
    mov x7, #0x100000000
loop:
    adr x1, loop
    eor x0, x1, x0, ror #7
    bl other
    add x2, x2, #1
    tst x2, #3
    b.ne 1f
    add x0, x0, #3
    svc #0
    add x0, x0, x3
1:  adr x1, loop
    add x1, x1, x6
    cmp x1, x7
    b.lo 2f
    mov x9, #0xc0000000
    sub x1, x1, x9
2:  br x1

    .balign 4096
other:
    add x0, x0, x30
    cbz x0, other
    ret

    .balign 2048
vectors:
    .skip 0x200
    mrs x10, elr_el1
    eor x4, x10, x4, ror #9
    add x3, x3, #1
    eret

    .bss
    .balign 4096
table:
    .skip 4096
