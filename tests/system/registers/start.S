/* SPDX-License-Identifier: MIT */
/*
 * The start of the guest that prints registers, and its vectors. Exceptions within peek_call() and peek_el0() end the
 * call; its result is then the syndrome, and peek_failed is 1.
 */
    .section .text.start, "ax"
    .global _start
_start:
    adr x9, entry_registers
    stp x0, x1, [x9]
    stp x2, x3, [x9, #16]
    stp x4, x5, [x9, #32]
    mrs x10, nzcv
    mrs x11, daif
    orr x10, x10, x11
    mrs x11, CurrentEL
    orr x10, x10, x11
    mrs x11, SPSel
    orr x10, x10, x11
    mrs x11, sp_el0
    stp x10, x11, [x9, #48]
    mrs x10, vbar_el1
    mrs x11, cpacr_el1
    stp x10, x11, [x9, #64]
    ldr x10, =image_end + 0x10000
    mov sp, x10
    ldr x10, =vectors
    msr vbar_el1, x10
    isb
    bl registers_main
1:  wfi
    b 1b
    .balign 16
    .global entry_registers
entry_registers: .skip 80

    /* What a function keeps for its caller, on the stack, and where that is. */
    .macro keep
    stp x29, x30, [sp, #-96]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    adr x9, saved_sp
    mov x10, sp
    stp x10, xzr, [x9]
    .endm

    .text
    /* u64 peek_call(code, x0): the x0 that the code leaves, or what it ran into */
    .global peek_call
peek_call:
    keep
    mov x9, x0
    mov x0, x1
    blr x9
end_call:
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp x29, x30, [sp], #96
    ret

    /* u64 peek_el0(code): the same at EL0; the code ends by SVC 0x7ee, its x0 is the result */
    .global peek_el0
peek_el0:
    keep
    msr elr_el1, x0
    mov x9, #0x3c0
    msr spsr_el1, x9
    eret

    .balign 16
saved_sp: .quad 0
    .global peek_failed
peek_failed: .quad 0

caught:
    mrs x9, esr_el1
    ldr x10, =0x560007ee
    cmp x9, x10
    b.eq 1f
    mov x0, x9
    adr x10, peek_failed
    mov x9, #1
    str x9, [x10]
1:  mov x9, #0x3c5
    msr spsr_el1, x9
    adr x10, saved_sp
    ldr x10, [x10]
    mov sp, x10
    adr x9, end_call
    msr elr_el1, x9
    eret

    .balign 2048
    .global vectors
vectors:
    .rept 16
    .balign 128
    b caught
    .endr
