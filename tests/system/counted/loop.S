/* SPDX-License-Identifier: MIT */
/* Counts to no end: one instruction, then four a round. After n instructions of both: x2 and x3 have been added to
 * (n - 1 + 3) / 4 and (n - 1 + 2) / 4 times. */
    .text
    .global _start
_start:
    mov x9, #7
loop:
    add x2, x2, #1
    add x3, x3, #1
    eor x4, x2, x3
    b loop
