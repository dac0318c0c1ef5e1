/* SPDX-License-Identifier: MIT */
/*
 * Micro-benchmarks as a bare-metal AArch64 guest of the virt board: each prints "MICRO name
 * picoseconds-per-operation", by the virtual counter, then the guest powers off. The number of
 * iterations doubles until a run takes 0.2 s. What is measured is in the table at the end.
 *
 * Memory: RAM from 1 GiB identically mapped by 2 MiB blocks; the 64 MiB at 0x50000000 once more at
 * SMALL_PAGES by 4 KiB pages that belong to an ASID; the image once more at USER_ALIAS for EL0.
 */
    .equ UART, 0x09000000
    .equ UARTFR, 0x18
    .equ UARTIMSC, 0x38
    .equ SMALL_PAGES, 0x80000000
    .equ USER_ALIAS, 0x100000000
    .equ DATA, 0x50000000
    .equ DATA_BYTES, 0x4000000
    .equ IMAGE, 0x40200000
    .equ PSCI_SYSTEM_OFF, 0x84000008

    /* descriptors (Arm ARM D8.3): valid, block or page, AttrIndx, AP, SH, AF, nG */
    .equ DEVICE_BLOCK, 0x401 | 1 << 54 | 1 << 53
    .equ NORMAL_BLOCK, 0x705 | 1 << 54
    .equ USER_BLOCK, 0x7c5
    .equ NORMAL_PAGE, 0xf07 | 1 << 54 | 1 << 53
    .equ TABLE, 3

    .equ CALL_SITES, 2000
    .equ HANDLERS, 1024
    .equ BYTECODES, 4096
    .equ FN_BYTES, 12

    .text
    .global _start
_start:
    ldr x0, =stack_top
    mov sp, x0
    bl map_memory
    ldr x0, =vectors
    msr vbar_el1, x0
    mov x0, #3 << 20
    msr cpacr_el1, x0
    isb
    bl fill_tables
    ldr x19, =benches
1:  ldr x0, [x19]
    cbz x0, off
    bl measure
    add x19, x19, #24
    b 1b

off:
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
2:  wfi
    b 2b

/* ---- page tables and data */

map_memory:
    ldr x0, =level1
    ldr x1, =DEVICE_BLOCK
    str x1, [x0]
    ldr x1, =level2_ram + TABLE
    str x1, [x0, #8]
    ldr x1, =level2_small + TABLE
    str x1, [x0, #16]
    ldr x1, =level2_user + TABLE
    str x1, [x0, #32]

    ldr x0, =level2_ram
    ldr x1, =0x40000000 + NORMAL_BLOCK
    mov x2, #512
1:  str x1, [x0], #8
    add x1, x1, #0x200000
    subs x2, x2, #1
    b.ne 1b

    ldr x0, =level2_user
    ldr x1, =IMAGE + USER_BLOCK
    str x1, [x0]

    ldr x0, =level2_small
    ldr x1, =level3_small + TABLE
    mov x2, #DATA_BYTES >> 21
1:  str x1, [x0], #8
    add x1, x1, #0x1000
    subs x2, x2, #1
    b.ne 1b

    ldr x0, =level3_small
    ldr x1, =DATA + NORMAL_PAGE
    mov x2, #DATA_BYTES >> 12
1:  str x1, [x0], #8
    add x1, x1, #0x1000
    subs x2, x2, #1
    b.ne 1b

    ldr x0, =0xff00 /* attribute 0 device-nGnRnE, 1 normal write-back */
    msr mair_el1, x0
    ldr x0, =2 << 32 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 25 /* 39 bits, 4 KiB granule */
    msr tcr_el1, x0
    ldr x0, =level1
    msr ttbr0_el1, x0
    dsb sy
    tlbi vmalle1
    dsb sy
    isb
    mrs x0, sctlr_el1
    ldr x1, =1 << 23 | 1 << 12 | 1 << 2 | 1
    orr x0, x0, x1
    bic x0, x0, #2 /* unaligned accesses are allowed */
    msr sctlr_el1, x0
    isb
    ret

/* Bytecode that jumps about among the handlers, and pointers to functions in random order. */
fill_tables:
    mov x29, x30
    ldr x1, =bytecode
    mov x2, #BYTECODES
    ldr x3, =handlers
    mov x4, #1
    mov x7, #FN_BYTES
1:  bl random
    lsr x5, x4, #33
    and x5, x5, #HANDLERS - 1
    madd x5, x5, x7, x3
    str x5, [x1], #8
    subs x2, x2, #1
    b.ne 1b
    ldr x5, =handler_end
    str x5, [x1]

    ldr x1, =pointers
    mov x2, #1024
    ldr x3, =functions
1:  bl random
    lsr x5, x4, #33
    and x5, x5, #1023
    madd x5, x5, x7, x3
    str x5, [x1], #8
    subs x2, x2, #1
    b.ne 1b
    mov x30, x29
    ret

/* The next of a linear congruential sequence in x4; clobbers x6. */
    .macro next_random
    madd x4, x4, x15, x16
    .endm
random:
    ldr x15, =6364136223846793005
    ldr x16, =1442695040888963407
    next_random
    ret

/* ---- measuring */

/* x19: row of the table. */
measure:
    stp x29, x30, [sp, #-16]!
    mov x20, #2 /* iterations */
1:  ldr x1, [x19, #8]
    mov x0, x20
    isb
    mrs x21, cntvct_el0
    blr x1
    isb
    mrs x1, cntvct_el0
    sub x21, x1, x21
    ldr x2, =1000000000
    mul x21, x21, x2
    mrs x3, cntfrq_el0
    udiv x21, x21, x3 /* nanoseconds */
    ldr x2, =200000000
    cmp x21, x2
    b.hs 2f
    lsl x20, x20, #1
    ldr x2, =2000000
    cmp x21, x2
    b.hs 1b
    lsl x20, x20, #3
    b 1b
2:  ldr x0, =word_micro
    bl puts
    ldr x0, [x19]
    bl puts
    mov x0, #' '
    bl putc
    mov x1, #1000
    mul x0, x21, x1
    ldr x1, [x19, #16]
    mul x1, x1, x20
    udiv x0, x0, x1
    bl put_decimal
    mov x0, #'\n'
    bl putc
    ldp x29, x30, [sp], #16
    ret

putc:
    ldr x1, =UART
1:  ldr w2, [x1, #UARTFR]
    tbnz w2, #5, 1b
    str w0, [x1]
    ret

puts:
    stp x29, x30, [sp, #-16]!
    mov x29, x0
1:  ldrb w0, [x29], #1
    cbz w0, 2f
    bl putc
    b 1b
2:  ldp x29, x30, [sp], #16
    ret

put_decimal:
    stp x29, x30, [sp, #-48]!
    add x29, sp, #47
    strb wzr, [x29]
    mov x2, #10
1:  udiv x1, x0, x2
    msub x3, x1, x2, x0
    add w3, w3, #'0'
    strb w3, [x29, #-1]!
    mov x0, x1
    cbnz x0, 1b
    mov x0, x29
    bl puts
    ldp x29, x30, [sp], #48
    ret

/* ---- exceptions */

    .balign 2048
vectors:
    .rept 8
    b fault
    .balign 128
    .endr
    /* synchronous, from EL0 in AArch64: a system call, and the last one with x0 = 0 */
    mrs x9, esr_el1
    lsr x9, x9, #26
    cmp x9, #0x15
    b.ne fault
    cbz x0, user_done
    eret
    .balign 128
    .rept 7
    b fault
    .balign 128
    .endr

fault:
    ldr x0, =word_fault
    bl puts
    mrs x0, esr_el1
    bl put_decimal
    mov x0, #'\n'
    bl putc
    b off

/* ---- what is measured; x0 iterations, clobbering x0 to x18 and all vector registers */

    .macro times_x0 label
    subs x0, x0, #1
    b.ne \label
    .endm

bench_alu:
    mov x1, #1
    mov x2, #3
1:  add x1, x1, x2
    eor x1, x1, x1, lsl #13
    sub x1, x1, #5
    and x3, x1, #0xff
    orr x1, x1, x3, lsl #3
    eor x1, x1, x1, lsr #7
    add x1, x1, x3
    ror x1, x1, #11
    times_x0 1b
    ret

bench_flags:
    mov x1, #1
    mov x2, #3
1:  adds x1, x1, x2
    adc x3, x3, xzr
    cmp x1, x3
    csel x2, x1, x3, lo
    ccmp x2, #5, #2, ne
    cset x4, hi
    add x2, x2, x4
    times_x0 1b
    ret

bench_branch_random:
    mov x4, #1
    ldr x15, =6364136223846793005
    ldr x16, =1442695040888963407
1:  next_random
    tbz x4, #63, 2f
    add x1, x1, #1
2:  tbz x4, #62, 3f
    add x2, x2, #1
3:  tbz x4, #61, 4f
    add x3, x3, #1
4:  times_x0 1b
    ret

bench_load_same_page:
    ldr x1, =DATA
1:
    .set i, 0
    .rept 16
    ldr x2, [x1, #8 * i]
    .set i, i + 1
    .endr
    times_x0 1b
    ret

bench_load_indexed:
    ldr x1, =DATA
    mov x2, #0
1:
    .rept 8
    ldr x3, [x1, x2]
    add x2, x2, #264
    and x2, x2, #0x3ff8
    .endr
    times_x0 1b
    ret

bench_load_chain:
    ldr x1, =DATA + 64
    str x1, [x1]
1:
    .rept 8
    ldr x1, [x1]
    .endr
    times_x0 1b
    ret

bench_store_indexed:
    ldr x1, =DATA
    mov x2, #0
1:
    .rept 8
    str x2, [x1, x2]
    add x2, x2, #264
    and x2, x2, #0x3ff8
    .endr
    times_x0 1b
    ret

bench_copy_16k:
1:  ldr x1, =DATA
    ldr x2, =DATA + 0x100000
    mov x3, #16384 / 64
2:  ldp q0, q1, [x1], #32
    ldp q2, q3, [x1], #32
    stp q0, q1, [x2], #32
    stp q2, q3, [x2], #32
    subs x3, x3, #1
    b.ne 2b
    times_x0 1b
    ret

/* Random loads over a power of two of bytes: x1 base, x2 mask. */
    .macro random_loads base, bytes
    ldr x1, =\base
    ldr x2, =\bytes - 8
    mov x4, #1
    ldr x15, =6364136223846793005
    ldr x16, =1442695040888963407
1:  .rept 4
    next_random
    and x3, x2, x4, lsr #30
    ldr x3, [x1, x3]
    .endr
    times_x0 1b
    ret
    .endm

bench_tlb_4k_256k:
    random_loads SMALL_PAGES, 0x40000
bench_tlb_4k_2m:
    random_loads SMALL_PAGES, 0x200000
bench_tlb_4k_16m:
    random_loads SMALL_PAGES, 0x1000000
bench_tlb_4k_64m:
    random_loads SMALL_PAGES, 0x4000000
bench_tlb_2m_64m:
    random_loads DATA, 0x4000000

bench_calls:
    mov x18, x30
1:
    .set i, 0
    .rept CALL_SITES
    bl functions + FN_BYTES * i
    .set i, i + 1
    .endr
    times_x0 1b
    ret x18

functions:
    .rept CALL_SITES
    add x1, x1, #1
    eor x2, x2, x1
    ret
    .endr

/* fib(15): 1,973 calls with stack frames */
bench_recursion:
    stp x29, x30, [sp, #-16]!
    mov x10, x0
1:  mov x0, #15
    bl fib
    subs x10, x10, #1
    b.ne 1b
    ldp x29, x30, [sp], #16
    ret
fib:
    cmp x0, #2
    b.lo 1f
    stp x29, x30, [sp, #-32]!
    str x0, [sp, #16]
    sub x0, x0, #1
    bl fib
    ldr x1, [sp, #16]
    str x0, [sp, #24]
    sub x0, x1, #2
    bl fib
    ldr x1, [sp, #24]
    add x0, x0, x1
    ldp x29, x30, [sp], #32
1:  ret

bench_pointer_calls:
    mov x18, x30
1:  ldr x10, =pointers
    mov x11, #1024
2:  ldr x9, [x10], #8
    blr x9
    subs x11, x11, #1
    b.ne 2b
    times_x0 1b
    ret x18

/* A threaded interpreter: each handler jumps to the next itself. */
bench_jumps:
    mov x18, x30
1:  ldr x1, =bytecode
    ldr x9, [x1], #8
    br x9
handler_end:
    times_x0 1b
    ret x18
handlers:
    .rept HANDLERS
    add x2, x2, #1
    ldr x9, [x1], #8
    br x9
    .endr

/* A switch: every jump is the same instruction's. */
bench_switch:
    mov x18, x30
1:  ldr x1, =bytecode
    mov x3, #BYTECODES
    adr x5, switch_cases
2:  ldr x9, [x1], #8
    ubfx x9, x9, #2, #4
    add x9, x5, x9, lsl #3
    br x9
switch_cases:
    .rept 16
    add x2, x2, #1
    b 3f
    .endr
3:  subs x3, x3, #1
    b.ne 2b
    times_x0 1b
    ret x18

    .macro fp_chain op, reg
    fmov \reg\()0, #1.0
    fmov \reg\()1, #1.0
1:  .rept 4
    \op \reg\()0, \reg\()0, \reg\()1
    \op \reg\()2, \reg\()0, \reg\()1
    .endr
    times_x0 1b
    ret
    .endm

bench_fp_add:
    fp_chain fadd, d
bench_fp_mul:
    fp_chain fmul, d
bench_fp_div:
    fp_chain fdiv, d
bench_fp_single_mul:
    fp_chain fmul, s

bench_fp_fma:
    fmov d0, #1.0
    fmov d1, #0.5
1:  .rept 8
    fmadd d0, d0, d1, d1
    .endr
    times_x0 1b
    ret

bench_fp_compare:
    fmov d0, #1.0
    fmov d1, #2.0
1:  .rept 4
    fcmp d0, d1
    fcsel d2, d0, d1, mi
    fcmp d2, d1
    fcsel d3, d1, d0, gt
    .endr
    times_x0 1b
    ret

bench_fp_convert:
    mov x1, #12345
1:  .rept 4
    scvtf d0, x1
    fcvtzs x1, d0
    .endr
    times_x0 1b
    ret

bench_simd_float:
    fmov v0.4s, #1.0
    fmov v1.4s, #0.5
1:  .rept 4
    fmla v0.4s, v0.4s, v1.4s
    fmul v0.4s, v0.4s, v1.4s
    .endr
    times_x0 1b
    ret

bench_simd_integer:
    movi v0.16b, #3
    movi v1.16b, #7
1:  .rept 2
    add v0.16b, v0.16b, v1.16b
    eor v2.16b, v0.16b, v1.16b
    umax v3.8h, v2.8h, v0.8h
    tbl v0.16b, {v3.16b}, v1.16b
    .endr
    times_x0 1b
    ret

/* A system call and its return: EL0 loops over svc, the vector returns at once. */
bench_svc_eret:
    ldr x1, =user_loop - IMAGE + USER_ALIAS
    msr elr_el1, x1
    msr spsr_el1, xzr
    eret
user_loop:
    svc #0
    sub x0, x0, #1
    b user_loop
user_done:
    ret

bench_irq_mask:
1:  msr daifset, #2
    msr daifclr, #2
    times_x0 1b
    msr daifset, #15
    ret

bench_counter:
1:  mrs x1, cntvct_el0
    times_x0 1b
    ret

bench_thread_pointer:
1:  .rept 8
    mrs x1, tpidr_el0
    msr tpidr_el0, x1
    .endr
    times_x0 1b
    ret

bench_mmio_read:
    ldr x1, =UART
1:  ldr w2, [x1, #UARTFR]
    times_x0 1b
    ret

bench_mmio_write:
    ldr x1, =UART
1:  str wzr, [x1, #UARTIMSC]
    times_x0 1b
    ret

bench_tlbi_refill:
    ldr x1, =SMALL_PAGES
    lsr x2, x1, #12
1:  tlbi vaae1is, x2
    dsb ish
    isb
    ldr x3, [x1]
    times_x0 1b
    ret

bench_asid_switch:
    ldr x1, =SMALL_PAGES
    ldr x2, =level1
    mov x5, #1 << 48
1:  eor x2, x2, x5
    msr ttbr0_el1, x2
    isb
    .set i, 0
    .rept 16
    ldr x3, [x1, #(4096 * i) & 0x7000]
    .set i, i + 1
    .endr
    times_x0 1b
    ldr x2, =level1
    msr ttbr0_el1, x2
    isb
    ret

bench_exclusive:
    ldr x1, =DATA
1:  ldxr x2, [x1]
    add x2, x2, #1
    stlxr w3, x2, [x1]
    cbnz w3, 1b
    times_x0 1b
    ret

bench_atomic:
    ldr x1, =DATA
    mov x2, #1
1:  ldaddal x2, x3, [x1]
    times_x0 1b
    ret

/* Code that is rewritten and run, as a guest's JIT does. */
bench_code_patch:
    mov x18, x30
    ldr x1, =patched
    ldr w2, [x1]
    mov w5, #1 << 10 /* the immediate's lowest bit */
1:  eor w2, w2, w5
    str w2, [x1]
    dc cvau, x1
    dsb ish
    ic ivau, x1
    dsb ish
    isb
    bl patched
    times_x0 1b
    ret x18
    .balign 4096
patched:
    add x3, x3, #2
    ret
    .balign 4096

/* ---- the table: name, function, operations in one iteration */

    .macro bench name, ops
    .pushsection .rodata.names, "a"
name_\name:
    .asciz "\name"
    .popsection
    .quad name_\name, bench_\name, \ops
    .endm

    .section .rodata
    .balign 8
benches:
    bench alu, 8
    bench flags, 7
    bench branch_random, 3
    bench load_same_page, 16
    bench load_indexed, 8
    bench load_chain, 8
    bench store_indexed, 8
    bench copy_16k, 256
    bench tlb_4k_256k, 4
    bench tlb_4k_2m, 4
    bench tlb_4k_16m, 4
    bench tlb_4k_64m, 4
    bench tlb_2m_64m, 4
    bench calls, CALL_SITES
    bench recursion, 1973
    bench pointer_calls, 1024
    bench jumps, BYTECODES
    bench switch, BYTECODES
    bench fp_add, 8
    bench fp_mul, 8
    bench fp_div, 8
    bench fp_single_mul, 8
    bench fp_fma, 8
    bench fp_compare, 8
    bench fp_convert, 8
    bench simd_float, 8
    bench simd_integer, 8
    bench svc_eret, 1
    bench irq_mask, 1
    bench counter, 1
    bench thread_pointer, 16
    bench mmio_read, 1
    bench mmio_write, 1
    bench tlbi_refill, 1
    bench asid_switch, 1
    bench exclusive, 1
    bench atomic, 1
    bench code_patch, 1
    .quad 0

word_micro:
    .asciz "MICRO "
word_fault:
    .asciz "FAULT syndrome "

    .bss
    .balign 4096
level1:
    .skip 4096
level2_ram:
    .skip 4096
level2_user:
    .skip 4096
level2_small:
    .skip 4096
level3_small:
    .skip (DATA_BYTES >> 21) * 4096
bytecode:
    .skip (BYTECODES + 1) * 8
pointers:
    .skip 1024 * 8
    .balign 16
    .skip 16384
stack_top:
