/* SPDX-License-Identifier: MIT */
/* The guest of first.sh: its first store is to the UART of the virt board; then it powers off. */
    .text
    .global _start
_start:
    mov x1, #0x09000000
    mov w0, #'!'
    str w0, [x1]
    mov w0, #0x0008
    movk w0, #0x8400, lsl #16
    hvc #0
1:  wfi
    b 1b
