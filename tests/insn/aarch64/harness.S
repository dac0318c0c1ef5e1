/* SPDX-License-Identifier: MIT */
/*
 * Runs a batch of instruction test cases at EL1 without an operating system (tests/support/a64_case.h).
 * For each case: loads the state, enters its slot by ERET, and stores what the exception that ends it
 * leaves. At the end it prints a checksum of each record if asked for, and switches off by PSCI.
 *
 * The symbols in capitals come from the assembler's command line: offsets and addresses of a64_case.h.
 * While a case runs TPIDR_EL1 points to its record; TPIDRRO_EL0, otherwise 0, keeps x30 on entry.
 */
    .arch armv8.5-a+fp16
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .equ SYS_WRITE0, 4

    /* ldp or stp of registers \first to \last, \letter saying which, \bytes each, at \base + \offset */
    .macro pairs operation, letter, base, offset, bytes, first, last
    .altmacro
    .set n, \first
    .rept (\last - \first + 1) / 2
    pair \operation, \letter, \base, %(\offset + n * \bytes), %n, %(n + 1)
    .set n, n + 2
    .endr
    .noaltmacro
    .endm
    .macro pair operation, letter, base, offset, one, two
    \operation \letter\()\one, \letter\()\two, [\base, #\offset]
    .endm

    .text
    .global _start
_start:
    mov x0, #(3 << 20)
    msr cpacr_el1, x0 /* floating point is not trapped */
    adr x0, vectors
    msr vbar_el1, x0
    ldr x28, =CONTROL
    ldp x0, x1, [x28, #CONTROL_TCR] /* and the memory attributes */
    msr tcr_el1, x0
    msr mair_el1, x1
    ldr x0, [x28, #CONTROL_TTBR]
    msr ttbr0_el1, x0
    msr ttbr1_el1, xzr
    tlbi vmalle1
    ic iallu
    dsb sy
    isb
    ldr x0, [x28, #CONTROL_SCTLR]
    msr sctlr_el1, x0
    isb
    add x27, x28, #CONTROL_KEY
    .irp key, apia, apib, apda, apdb, apga
    ldp x0, x1, [x27], #16
    msr \key\()keylo_el1, x0
    msr \key\()keyhi_el1, x1
    .endr
    isb

next_case:
    ldr x28, =CONTROL
    ldp x30, x2, [x28, #CONTROL_INPUT] /* and the output */
    ldr x3, [x28, #CONTROL_LEFT]
    cbz x3, finish
    msr tpidr_el1, x2
    ldr x4, [x30, #STATE_SP]
    msr sp_el0, x4
    ldr x4, [x30, #STATE_SP_EL1]
    mov sp, x4
    ldp x4, x5, [x30, #STATE_PC] /* and PSTATE */
    msr elr_el1, x4
    msr spsr_el1, x5
    ldp x4, x5, [x30, #STATE_FPCR] /* and FPSR */
    msr fpcr, x4
    msr fpsr, x5
    msr tpidr_el0, xzr
    msr tpidrro_el0, xzr
    msr far_el1, xzr
    pairs ldp, q, x30, STATE_V, 16, 0, 31
    pairs ldp, x, x30, 0, 8, 0, 29
    ldr x30, [x30, #30 * 8]
    eret

    .balign 2048
vectors:
    .rept 16
    msr tpidrro_el0, x30
    b ended
    .balign 128
    .endr

ended:
    mrs x30, tpidr_el1
    add x30, x30, #RECORD_STATE
    pairs stp, x, x30, 0, 8, 0, 29
    pairs stp, q, x30, STATE_V, 16, 0, 31
    mrs x0, tpidrro_el0
    str x0, [x30, #30 * 8]
    mov x0, sp
    str x0, [x30, #STATE_SP_EL1]
    mrs x0, sp_el0
    str x0, [x30, #STATE_SP]
    mrs x0, elr_el1
    mrs x1, spsr_el1
    stp x0, x1, [x30, #STATE_PC]
    mrs x0, fpcr
    mrs x1, fpsr
    stp x0, x1, [x30, #STATE_FPCR]
    msr pan, #0 /* the case may have set it, and the window belongs to EL0 */
    sub x30, x30, #RECORD_STATE
    mrs x0, esr_el1
    mrs x1, far_el1
    stp x0, x1, [x30, #RECORD_ESR]

    add x4, x30, #RECORD_BYTES
    ldr x28, =CONTROL
    ldr x2, [x28, #CONTROL_PATTERN]
    ldr x1, =MAIN
    mov x3, #MAIN_BYTES
    bl changes
    ldr x1, =EDGE
    mov x3, #EDGE_BYTES
    bl changes

    mrs x30, tpidr_el1
    sub x5, x4, x30
    sub x6, x5, #RECORD_BYTES
    lsr x6, x6, #4
    stp x5, x6, [x30] /* bytes, number of changes */
    ldr x1, [x28, #CONTROL_INPUT]
    add x1, x1, #STATE_BYTES
    stp x1, x4, [x28, #CONTROL_INPUT]
    ldr x1, [x28, #CONTROL_LEFT]
    sub x1, x1, #1
    str x1, [x28, #CONTROL_LEFT]
    b next_case

/* Appends to x4 what differs at x1 from the pattern at x2 in x3 bytes, and restores it; advances x2. */
changes:
    ldp x5, x6, [x1]
    ldp x7, x8, [x2], #16
    cmp x5, x7
    ccmp x6, x8, #0, eq
    b.ne 2f
1:  add x1, x1, #16
    subs x3, x3, #16
    b.ne changes
    ret
2:  cmp x5, x7
    b.eq 3f
    stp x1, x5, [x4], #16
3:  cmp x6, x8
    b.eq 4f
    add x9, x1, #8
    stp x9, x6, [x4], #16
4:  stp x7, x8, [x1]
    b 1b

finish:
    ldr x0, [x28, #CONTROL_REPORT]
    cbz x0, off
    ldr x1, =OUTPUT
    mov x20, x2 /* the end of the records; the text goes behind them */
    mov x4, x20
record:
    cmp x1, x20
    b.eq print
    ldr x3, [x1]
    mov x5, #0
    ldr x7, =0x9e3779b97f4a7c15
word:
    ldr x6, [x1], #8
    eor x5, x5, x6
    mul x5, x5, x7
    eor x5, x5, x5, lsr #29
    subs x3, x3, #8
    b.ne word
    mov x3, #16 /* hexadecimal digits */
digit:
    ror x5, x5, #60
    and x6, x5, #15
    add x8, x6, #('a' - 10)
    add x6, x6, #'0'
    cmp x6, #'9'
    csel x6, x6, x8, ls
    strb w6, [x4], #1
    subs x3, x3, #1
    b.ne digit
    mov w6, #'\n'
    strb w6, [x4], #1
    b record
print:
    strb wzr, [x4]
    mov w0, #SYS_WRITE0
    mov x1, x20
    hlt #0xf000

off:
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
1:  wfi
    b 1b
