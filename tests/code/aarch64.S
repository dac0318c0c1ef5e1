/* SPDX-License-Identifier: MIT */
/*
 * Idioms of A64 programs, each a block of its own, for expect.sh to show what host code they become.
 * Runs at EL1 with the MMU on (one gigabyte, write-back) and floating point open, as a kernel does.
 */
    .arch armv8.5-a+fp16+crypto

    .macro idiom name
    b \name
    .global \name
    .type \name, %function
\name:
    .endm

    .text
    .global _start
_start:
    mov x0, #(3 << 20)
    msr cpacr_el1, x0
    adrp x0, table
    ldr x2, =0x40000701 /* block, access flag, inner shareable */
    str x2, [x0, #8]
    dsb sy
    msr ttbr0_el1, x0
    mov x0, #0xff
    msr mair_el1, x0
    ldr x0, =0x200803519 /* 39 bits, 4 KiB, TTBR1 not walked */
    msr tcr_el1, x0
    isb
    mrs x0, sctlr_el1
    orr x0, x0, #1
    orr x0, x0, #4
    msr sctlr_el1, x0
    isb
    adr x0, vectors
    msr vbar_el1, x0
    ldr x20, =data
    add x20, x20, #2048
    mov sp, x20
    mov x19, x20
    mov x3, #1
    b first

    .balign 2048
vectors:
    .rept 16
    eret
    .balign 128
    .endr

first:
/* ---- integers */
    idiom add_register
    add x0, x1, x2
    idiom add_shifted
    add x0, x1, x2, lsl #4
    idiom add_word_extended
    add x0, x1, w2, uxtw #2
    idiom move_constant
    mov x0, #0x1234
    movk x0, #0x5678, lsl #16
    idiom compare_and_branch
    cmp x0, x1
    b.hi 1f
1:
    idiom compare_constant_and_branch
    cmp w0, #10
    b.ne 1f
1:
    idiom subtract_and_branch
    subs x3, x3, #1
    b.eq 1f
1:
    idiom test_and_branch
    tst x0, #0xff00
    b.ne 1f
1:
    idiom branch_on_bit
    tbz x1, #5, 1f
1:
    idiom branch_on_zero
    cbz w2, 1f
1:
    idiom compare_and_select
    cmp x0, x1
    csel x2, x0, x1, lt
    idiom conditional_compare
    cmp x0, #1
    ccmp x1, #2, #0, ne
    b.eq 1f
1:
    idiom set_from_condition
    cmp w0, w1
    cset w2, lo
    idiom flags_that_are_kept
    adds x0, x1, x2
    idiom wide_addition
    adds x0, x1, x2
    adc x3, x4, x19
    mov x3, #1
    idiom extract_bits
    ubfx x0, x1, #8, #12
    idiom insert_bits
    bfi x0, x1, #8, #12
    idiom sign_extend
    sxtw x0, w1
    idiom multiply_add
    madd x0, x1, x2, x4
    idiom multiply_high
    umulh x0, x1, x2
    idiom divide
    udiv x0, x1, x2
    idiom byte_order
    rev x0, x1
    idiom leading_zeros
    clz x0, x1
    idiom variable_shift
    lsl x0, x1, x2
    idiom rotate
    ror x0, x1, #13
    idiom bitmask
    and x0, x1, #0xff
    idiom crc
    crc32cx w0, w1, x2

/* ---- memory */
    idiom load
    ldr x0, [x20, #16]
    idiom load_indexed
    ldr w0, [x20, x3, lsl #2]
    idiom load_signed_byte
    ldrsb x0, [x20, #3]
    idiom load_of_the_stack
    ldr x0, [sp, #8]
    ldr x1, [sp, #16]
    ldr x2, [sp, #24]
    idiom load_pair
    ldp x0, x1, [x20]
    idiom store
    str x0, [x20, #16]
    idiom store_byte_post_indexed
    strb w0, [x20], #1
    sub x20, x20, #1
    idiom fields_of_a_structure
    ldr w0, [x20, #8]
    add w0, w0, #1
    str w0, [x20, #8]
    ldr x1, [x20, #16]
    idiom push_and_pop
    stp x29, x30, [sp, #-32]!
    str x19, [sp, #16]
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    idiom load_of_an_address_in_code
    adrp x0, data
    ldr x1, [x0, #:lo12:data]
    idiom load_acquire
    ldar x0, [x20]
    idiom store_release
    stlr x0, [x20]
    idiom exclusive_loop
1:  ldxr x0, [x20]
    add x0, x0, #1
    stxr w1, x0, [x20]
    cbnz w1, 1b
    idiom atomic_add
    ldadd x0, x1, [x20]
    idiom compare_and_swap
    casal x0, x1, [x20]
    idiom barrier
    dmb ish
    idiom vector_load
    ldr q0, [x20]
    idiom vector_load_pair
    ldp q0, q1, [x20]
    idiom vector_structure
    ld2 {v0.4s, v1.4s}, [x20]

/* ---- control */
    idiom loop
1:  subs x3, x3, #1
    b.ne 1b
    mov x3, #1
    idiom call
    bl callee
    b after_call
    .global callee
    .type callee, %function
callee:
    ret
after_call:
    idiom indirect_jump
    adr x0, 1f
    br x0
1:
    idiom indirect_call
    adr x0, callee
    blr x0

/* ---- system */
    idiom thread_pointer
    mrs x0, tpidr_el0
    idiom interrupts_masked
    msr daifset, #2
    idiom interrupt_mask_saved_and_restored
    mrs x0, daif
    msr daif, x0
    idiom counter
    mrs x0, cntvct_el0
    idiom kernel_stack_pointer
    mrs x0, sp_el0
    idiom exception
    svc #0

/* ---- floating point */
    idiom fp_add
    fadd d0, d1, d2
    idiom fp_multiply_single
    fmul s0, s1, s2
    idiom fp_multiply_add
    fmadd d0, d1, d2, d3
    idiom fp_divide
    fdiv d0, d1, d2
    idiom fp_square_root
    fsqrt d0, d1
    idiom fp_compare_and_branch
    fcmp d0, d1
    b.gt 1f
1:
    idiom fp_maximum
    fmaxnm d0, d1, d2
    idiom fp_to_integer
    fcvtzs w0, d1
    idiom integer_to_fp
    scvtf d0, x1
    idiom fp_widen
    fcvt d0, s1
    idiom fp_constant
    fmov d0, #1.0
    idiom fp_negate
    fneg d0, d1

/* ---- vectors */
    idiom vector_add
    add v0.4s, v1.4s, v2.4s
    idiom vector_multiply
    mul v0.4s, v1.4s, v2.4s
    idiom vector_multiply_add_fp
    fmla v0.4s, v1.4s, v2.4s
    idiom vector_add_fp
    fadd v0.2d, v1.2d, v2.2d
    idiom vector_widening_multiply
    umull v0.4s, v1.4h, v2.4h
    idiom vector_compare
    cmeq v0.16b, v1.16b, v2.16b
    idiom vector_any_set
    umaxv b0, v1.16b
    idiom vector_select
    bsl v0.16b, v1.16b, v2.16b
    idiom vector_sum
    addv s0, v1.4s
    idiom vector_pairwise
    addp v0.16b, v1.16b, v2.16b
    idiom vector_narrow
    xtn v0.8b, v1.8h
    idiom vector_shift
    ushr v0.4s, v1.4s, #7
    idiom vector_shift_by_vector
    ushl v0.4s, v1.4s, v2.4s
    idiom vector_saturating_add
    uqadd v0.16b, v1.16b, v2.16b
    idiom vector_extract
    ext v0.16b, v1.16b, v2.16b, #3
    idiom vector_interleave
    zip1 v0.4s, v1.4s, v2.4s
    idiom vector_table
    tbl v0.16b, {v1.16b}, v2.16b
    idiom vector_duplicate
    dup v0.4s, w1
    idiom vector_to_general
    umov w0, v1.b[3]
    idiom vector_dot_product
    .inst 0x6e829420 /* udot v0.4s, v1.16b, v2.16b */
    idiom aes_round
    aese v0.16b, v1.16b
    aesmc v0.16b, v0.16b
    idiom sha256_round
    sha256h q0, q1, v2.4s
    idiom carryless_multiply
    pmull v0.1q, v1.1d, v2.1d

/* ---- of docs/internals.md, sections 2 and 3 */
    idiom prepare
    mov x0, x20
    mov x1, #1
    adr x17, 2f
    idiom documented_loop
1:  ldp x3, x4, [x0], #32
    ldr w5, [x0]
    add x2, x2, x3
    add x2, x2, x4
    str x2, [x0, #8]
    fmul d1, d1, d0
    subs x1, x1, #1
    b.ne 1b
    idiom jump_by_register
    br x17
2:
    idiom done
    mov w0, #0x18
    ldr x1, =exit_block
    hlt #0xf000

    .balign 8
exit_block:
    .quad 0x20026, 0

    .bss
    .balign 4096
table:
    .space 4096
data:
    .space 8192
