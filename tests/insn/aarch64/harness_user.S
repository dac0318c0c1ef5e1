/* SPDX-License-Identifier: MIT */
/*
 * Runs a batch of instruction test cases as a Linux program (tests/support/a64_case.h). A case ends by a
 * signal; the handler stores the state that the signal found and returns into that of the next case.
 * Writes all records to standard output at the end. Layout of the signal frame: Linux'
 * arch/arm64/include/uapi/asm/sigcontext.h.
 *
 * The symbols in capitals come from the assembler's command line: offsets and addresses of a64_case.h.
 */
    .equ SYS_WRITE, 64
    .equ SYS_EXIT, 93
    .equ SYS_SIGALTSTACK, 132
    .equ SYS_RT_SIGACTION, 134
    .equ SYS_RT_SIGRETURN, 139
    .equ SA_SIGINFO_ONSTACK, 0x08000004

    /* from the start of the ucontext */
    .equ UC_FAULT, 176
    .equ UC_X, 184
    .equ UC_SP, 432
    .equ UC_PC, 440 /* and PSTATE */
    .equ UC_FPSR, 176 + 288 + 8 /* and FPCR: two words of 32 bits */
    .equ UC_V, 176 + 288 + 16
    .equ NZCV, 0xf0000000

    .text
    .global _start
_start:
    adr x0, stack
    mov x1, #0
    mov x8, #SYS_SIGALTSTACK
    svc #0
    .irp signal, 4, 5, 7, 8, 11
    mov x0, #\signal
    adr x1, action
    mov x2, #0
    mov x3, #8
    mov x8, #SYS_RT_SIGACTION
    svc #0
    .endr
    brk #0

/* x0 the signal, x2 the ucontext */
handler:
    ldr x28, =CONTROL
    ldr x1, [x28, #CONTROL_STARTED]
    cbnz x1, store
    mov x1, #1
    str x1, [x28, #CONTROL_STARTED]
    b next_case

store:
    ldr x29, [x28, #(CONTROL_INPUT + 8)] /* the output */
    ldr x3, [x2, #UC_FAULT]
    str x3, [x29, #(RECORD_ESR + 8)]
    str x0, [x29, #RECORD_SIGNAL]
    add x4, x29, #RECORD_STATE
    add x5, x2, #UC_X
    mov x6, #34 /* x0 to x30, SP, PC, PSTATE: in the same order */
1:  ldr x7, [x5], #8
    str x7, [x4], #8
    subs x6, x6, #1
    b.ne 1b
    add x5, x2, #UC_FPSR
    ldp w5, w6, [x5]
    stp x6, x5, [x4], #16
    add x5, x2, #UC_V
    mov x6, #64
2:  ldr x7, [x5], #8
    str x7, [x4], #8
    subs x6, x6, #1
    b.ne 2b

    mov x27, x2
    add x4, x29, #RECORD_BYTES
    ldr x2, [x28, #CONTROL_PATTERN]
    ldr x1, =MAIN
    mov x3, #MAIN_BYTES
    bl changes
    ldr x1, =EDGE
    mov x3, #EDGE_BYTES
    bl changes
    sub x5, x4, x29
    sub x6, x5, #RECORD_BYTES
    lsr x6, x6, #4
    stp x5, x6, [x29] /* bytes, number of changes */
    ldr x1, [x28, #CONTROL_INPUT]
    add x1, x1, #STATE_BYTES
    stp x1, x4, [x28, #CONTROL_INPUT]
    ldr x1, [x28, #CONTROL_LEFT]
    sub x1, x1, #1
    str x1, [x28, #CONTROL_LEFT]
    mov x2, x27

next_case:
    ldr x1, [x28, #CONTROL_LEFT]
    cbz x1, finish
    ldr x4, [x28, #CONTROL_INPUT]
    add x5, x2, #UC_X
    mov x6, #33
1:  ldr x7, [x4], #8
    str x7, [x5], #8
    subs x6, x6, #1
    b.ne 1b
    ldr x7, [x4], #8
    and x7, x7, #NZCV
    str x7, [x5], #8
    ldp x6, x5, [x4], #16
    add x7, x2, #UC_FPSR
    stp w5, w6, [x7]
    msr fpcr, x6 /* QEMU's return from the signal alone does not notice a change of AH and NEP */
    add x5, x2, #UC_V
    mov x6, #64
2:  ldr x7, [x4], #8
    str x7, [x5], #8
    subs x6, x6, #1
    b.ne 2b
    msr tpidr_el0, xzr
    mov x8, #SYS_RT_SIGRETURN
    mov sp, x2
    sub sp, sp, #128 /* the frame starts with the siginfo */
    svc #0

/* Appends to x4 what differs at x1 from the pattern at x2 in x3 bytes, and restores it; advances x2. */
changes:
    ldr x5, [x1]
    ldr x6, [x2], #8
    cmp x5, x6
    b.eq 1f
    stp x1, x5, [x4], #16
    str x6, [x1]
1:  add x1, x1, #8
    subs x3, x3, #8
    b.ne changes
    ret

finish:
    ldr x19, =OUTPUT
    ldr x20, [x28, #(CONTROL_INPUT + 8)]
1:  mov x0, #1
    mov x1, x19
    subs x2, x20, x19
    b.eq 2f
    mov x8, #SYS_WRITE
    svc #0
    tbnz x0, #63, 3f
    add x19, x19, x0
    b 1b
2:  mov x0, #0
    b 4f
3:  mov x0, #1
4:  mov x8, #SYS_EXIT
    svc #0

    .balign 8
action: /* handler, flags, restorer, mask */
    .quad A64_HARNESS + (handler - _start), SA_SIGINFO_ONSTACK, 0, 0
stack: /* address, flags, size */
    .quad STACK, 0, STACK_BYTES
