/* SPDX-License-Identifier: MIT */
/*
 * A guest of the tree itself, for `make demo` without network: greets on the PL011 of the virt board
 * (ARM DDI 0183, at 0x09000000), echoes what is typed in upper case, and powers off by PSCI
 * (ARM DEN 0022) when ctrl-d comes. No MMU, no stack, no interrupts.
 */
    .equ UART, 0x09000000
    .equ DR, 0x00
    .equ FR, 0x18
    .equ FR_RXFE, 4 /* bit number: receive FIFO empty */
    .equ FR_TXFF, 5 /* bit number: transmit FIFO full */
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .equ CTRL_D, 4

    .text
    .global _start
_start:
    ldr x19, =UART
    adr x20, greeting
    bl puts

echo:
    ldr w0, [x19, #FR]
    tbnz w0, #FR_RXFE, echo
    ldr w0, [x19, #DR]
    and w0, w0, #0xff
    cmp w0, #CTRL_D
    b.eq off
    cmp w0, #'\r'
    b.eq newline
    sub w1, w0, #'a'
    cmp w1, #25
    sub w2, w0, #32
    csel w0, w2, w0, ls
    bl putc
    b echo

newline:
    adr x20, crlf
    bl puts
    b echo

off:
    adr x20, farewell
    bl puts
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
1:  wfi
    b 1b

/* Writes the string at x20; clobbers x0, x1, x20, x30, x29. */
puts:
    mov x29, x30
1:  ldrb w0, [x20], #1
    cbz w0, 2f
    bl putc
    b 1b
2:  ret x29

/* Writes the character w0; clobbers x1. */
putc:
    ldr w1, [x19, #FR]
    tbnz w1, #FR_TXFF, putc
    str w0, [x19, #DR]
    ret

greeting:
    .asciz "\r\nHello from a bare-metal AArch64 guest.\r\nWhat you type comes back in upper case; ctrl-d powers off.\r\n"
farewell:
    .asciz "\r\nPowering off.\r\n"
crlf:
    .asciz "\r\n"
