/* SPDX-License-Identifier: MIT */
/*
 * A guest that keeps numbers in the second flash bank of the virt board (Intel's command set, two 16-bit chips). It says
 * which words it finds programmed at the start, erases the first block if there are none, and then programs one word
 * after the other, each with its number (the first is 1), and says so when the status register says that it is done; it goes on until
 * somebody ends it. A program or erase that fails is told, and the guest powers off by PSCI.
 */
    .equ UART, 0x09000000
    .equ FLASH, 0x04000000
    .equ WORDS, 65536 /* of a block of 256 KiB */
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .include "report.inc"

    .macro say name, value
    mov w21, \value
    adr x20, \name
    bl report
    .endm

    .macro order code, at
    ldr w0, =\code << 16 | \code
    str w0, [\at]
    .endm

    .text
    .global _start
_start:
    ldr x19, =UART
    ldr x23, =FLASH
    mov w24, #0
    mov w25, #WORDS
count:
    ldr w0, [x23, w24, uxtw #2]
    add w1, w24, #1
    cmp w0, w1
    b.ne 1f
    mov w24, w1
    cmp w24, w25
    b.lo count
1:  say found, w24
    cbnz w24, program

    order 0x20, x23
    order 0xd0, x23
    bl wait
    cbnz w0, failed
    order 0xff, x23
    say erased, w24

program:
    add x26, x23, w24, uxtw #2
    order 0x40, x26
    add w24, w24, #1
    str w24, [x26]
    bl wait
    cbnz w0, failed
    say programmed, w24
    tst w24, #15 /* the array is read now and then */
    b.ne 2f
    order 0xff, x23
2:  cmp w24, w25
    b.lo program
    b off

failed:
    mov w27, w0
    say fails, w27
    order 0xff, x23
    ldr w27, [x23]
    say holds, w27
off:
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b .

/* Waits until both chips are ready; w0 has their errors. Clobbers w1. */
wait:
    ldr w0, [x23]
    ldr w1, =0x00800080
    and w2, w0, w1
    cmp w2, w1
    b.ne wait
    bic w0, w0, w1
    ret

    report_routine 8

found:
    .asciz "found "
erased:
    .asciz "erased "
programmed:
    .asciz "programmed "
fails:
    .asciz "fails "
holds:
    .asciz "holds "
    .balign 8
