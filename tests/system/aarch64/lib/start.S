/* SPDX-License-Identifier: MIT */
/*
 * Start, exception vectors and the switches between levels of the bare-metal test guests (guest.h).
 * C runs at EL1 on SP_EL0 (PSTATE.SP = 0); exceptions have the stack SP_EL1 of their CPU to themselves,
 * so that a test may break the stack pointer. TPIDR_EL1 points to the CPU's struct cpu.
 */
    .equ FRAME_BYTES, 304 /* struct frame */
    .equ CPU_RECOVERY, 0  /* in struct cpu: saved stack pointer of try_*(), or 0 */
    .equ CPU_BYTES, 4096
    .equ STACK_BYTES, 65536

    .section .text.start, "ax"
    .global _start
_start:
    mov x19, #0
    b 1f

/* Where PSCI starts the others, with their number in x0. */
    .global secondary_start
secondary_start:
    mov x19, x0
1:  msr daifset, #15
    msr spsel, #1
    ldr x1, =cpus
    mov x2, #CPU_BYTES
    madd x1, x19, x2, x1
    msr tpidr_el1, x1
    ldr x1, =stacks
    mov x2, #(2 * STACK_BYTES)
    madd x1, x19, x2, x1
    add x1, x1, #(STACK_BYTES / 4096), lsl #12
    mov sp, x1 /* for exceptions */
    add x1, x1, #(STACK_BYTES / 4096), lsl #12
    msr spsel, #0
    mov sp, x1
    adr x1, vectors
    msr vbar_el1, x1
    mov x1, #(3 << 20)
    msr cpacr_el1, x1 /* floating point is not trapped */
    isb
    mov x0, x19
    mov x29, #0
    mov x30, #0
    bl guest_start
1:  wfi
    b 1b

    .macro vector number
    .balign 128
    sub sp, sp, #FRAME_BYTES
    stp x0, x1, [sp]
    mov x0, #\number
    b taken
    .endm

    .text
    .balign 2048
    .global vectors
vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector \n
    .endr

    .balign 128
taken:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x1, sp_el0
    stp x30, x1, [sp, #240]
    mrs x1, elr_el1
    mrs x2, spsr_el1
    stp x1, x2, [sp, #256]
    mrs x1, esr_el1
    mrs x2, far_el1
    stp x1, x2, [sp, #272]
    str x0, [sp, #288]
    mov x0, sp
    bl exception
    cbnz x0, recover
    ldp x1, x2, [sp, #256]
    msr elr_el1, x1
    msr spsr_el1, x2
    ldp x30, x1, [sp, #240]
    msr sp_el0, x1
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldp x0, x1, [sp]
    add sp, sp, #FRAME_BYTES
    eret

/* Out of the exception to where try_*() was called; x0 is its stack pointer. */
recover:
    add sp, sp, #FRAME_BYTES
    msr spsel, #0
    mov sp, x0
    mov x0, #1
    b leave

/* Keeps what C expects to be kept, for leave and recover. */
    .macro keep
    stp x29, x30, [sp, #-128]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    mrs x9, tpidr_el1
    ldr x10, [x9, #CPU_RECOVERY] /* of an outer try */
    mrs x11, daif
    stp x10, x11, [sp, #96]
    mov x10, sp
    str x10, [x9, #CPU_RECOVERY]
    .endm

leave:
    mrs x9, tpidr_el1
    ldp x10, x11, [sp, #96]
    str x10, [x9, #CPU_RECOVERY]
    msr daif, x11
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp x29, x30, [sp], #128
    ret

/* bool try_call(function, a, b, c): true if an exception came */
    .global try_call
try_call:
    keep
    mov x9, x0
    mov x0, x1
    mov x1, x2
    mov x2, x3
    blr x9
    mrs x9, tpidr_el1
    str x0, [x9, #8] /* cpu.result */
    mov x0, #0
    b leave

/* void try_state(pstate, function, a, b, c, sp): goes there by ERET; an exception must lead back */
    .global try_state
try_state:
    keep
    msr spsr_el1, x0
    msr elr_el1, x1
    mov x0, x2
    mov x1, x3
    mov x2, x4
    mov sp, x5 /* SP_EL0 */
    eret

/* ---- pieces that EL0 and faults are tried on */

    .global el0_exit
el0_exit:
    svc #0x123
