/* SPDX-License-Identifier: MIT */
/*
 * For debuggers: code and data that breakpoints and watchpoints are put at. Without the MMU, then
 * with it, by a block of 1 GiB; the last round runs until CPU 1, if there is one, has written too.
 */
    .equ PSCI_CPU_ON, 0xc4000003
    .equ PSCI_OFF, 0x84000008

    .text
    .global _start
_start:
    ldr     x0, =stack
    mov     sp, x0
    bl      early
    bl      mmu_on
    bl      round
    ldr     x0, =PSCI_CPU_ON
    mov     x1, #1
    adr     x2, second
    mov     x3, #0
    hvc     #0
    bl      round
many:
    mov     x20, #0
    adr     x21, leaf
1:  add     x20, x20, #1
    blr     x21
    ldr     x0, =2000
    cmp     x20, x0
    b.ne    1b
    ldr     x1, =counter
    str     x20, [x1]
    bl      others
    ldr     w0, =PSCI_OFF
    hvc     #0
    b       .

/* Without the MMU. */
early:
    ldr     x1, =counter
    mov     x2, #100
    str     x2, [x1]
    ldr     x2, [x1]
    b       leaf

/* Each kind of access, around the words below. */
round:
    stp     x29, x30, [sp, #-16]!
    ldr     x1, =counter
    ldr     x2, [x1]
    add     x2, x2, #1
    str     x2, [x1]
after_store:
    ldr     x3, =pair
    stp     x2, x2, [x3]
    ldr     x4, =bytes
    strb    w2, [x4, #5]
    ldrh    w5, [x4, #4]
    ldr     x6, =border
    str     x2, [x6, #-4]       /* the end of a page and the start of the next */
    ldur    x7, [x6, #-4]
    ldr     x8, =atomic
    ldadd   x2, x9, [x8]
1:  ldxr    x9, [x8]
    add     x9, x9, #1
    stxr    w10, x9, [x8]
    cbnz    w10, 1b
    ldr     x11, =vector
    dup     v0.2d, x2
    str     q0, [x11]
    ldr     q1, [x11]
    ldr     x12, =line
    dc      zva, x12
    bl      leaf
    b       far
    .balign 4096
far:
    ldr     x1, =counter
    ldr     x3, [x1]
    ldp     x29, x30, [sp], #16
    ret

leaf:
    add     x22, x22, #1
    ret

    .balign 4096
straight:
    .rept   100
    add     x23, x23, #1
    .endr
    ret

others:
    mov     x19, x30
    bl      straight
    ldr     x1, =theirs
    mov     x5, #0x1000000
1:  ldr     x2, [x1]
    sub     x5, x5, #1
    cbz     x5, 2f
    cbz     x2, 1b
2:  ret     x19

mmu_on:
    ldr     x5, =table
    ldr     x6, =0x40000701
    str     x6, [x5, #8]
    ldr     x6, =0x00000705
    str     x6, [x5]
    ldr     x0, =0x04ff
    msr     mair_el1, x0
    ldr     x0, =(25 | (25 << 16) | (1 << 23) | (2 << 32))
    msr     tcr_el1, x0
    msr     ttbr0_el1, x5
    mov     x0, #3 << 20
    msr     cpacr_el1, x0
    isb
    mrs     x0, sctlr_el1
    orr     x0, x0, #1
    msr     sctlr_el1, x0
    isb
    ret

second:
    ldr     x1, =theirs
    mov     x2, #7
second_store:
    str     x2, [x1]
second_end:
    wfi
    b       second_end

    .ltorg
    .data
    .balign 4096
    .global counter, pair, bytes, border, atomic, vector, line, theirs
counter: .quad 0
pair:    .quad 0, 0
bytes:   .quad 0
atomic:  .quad 0
    .balign 64
vector:  .quad 0, 0
    .balign 64
line:    .space 64, 0x55
    .balign 4096
    .space 4096
border:  .quad 0
theirs:  .quad 0
    .balign 4096
table:   .space 4096
         .space 4096
stack:
