/* SPDX-License-Identifier: MIT */
/*
 * A position-independent program of 400 KB of code: 1,600 functions of 256 bytes that branch, read what lies at addresses
 * relative to their own, and call others across pages. Each runs three times; then the program ends.
 */
        .set    FUNCTIONS, 1600
        .text
        .globl  _start
_start: mov     x20, #3
        mov     x0, #1
1:      mov     x19, #0
        .set    i, 0
        .rept   FUNCTIONS
        bl      functions + 256 * i
        .set    i, i + 1
        .endr
        subs    x20, x20, #1
        b.ne    1b
        mov     x19, #100               /* calls of a function by the one before */
        bl      functions
        mov     x0, #0
        mov     x8, #93                 /* exit */
        svc     #0

        .balign 256
functions:
        .set    i, 0
        .rept   FUNCTIONS
        .balign 256
        stp     x29, x30, [sp, #-16]!
        adrp    x1, words
        add     x1, x1, :lo12:words
        ldr     x2, [x1, #8 * (i & 63)]
        adr     x3, functions + 256 * i
        ldr     w4, [x3]
        add     x0, x0, x2
        tbz     x0, #(i % 7), 2f
        eor     x0, x0, x4
2:      cmp     x0, #i
        b.lo    2f
        sub     x0, x0, x2, lsr #3
2:
        .rept   4
        add     x5, x0, x4
        ands    x6, x5, #0xff
        csel    x0, x5, x6, ne
        cbz     x6, 2f
        ror     x0, x0, #9
        orr     x7, x0, #1
2:      mul     x0, x5, x4
        .endr
        cbz     x19, 2f
        sub     x19, x19, #1
        bl      functions + 256 * ((i * 37 + 11) % FUNCTIONS)
2:      ldp     x29, x30, [sp], #16
        ret
        .set    i, i + 1
        .endr

        .data
        .balign 8
        .set    i, 1
words:
        .rept   64
        .quad   i * 0x9e3779b97f4a7c15
        .set    i, i + 1
        .endr
