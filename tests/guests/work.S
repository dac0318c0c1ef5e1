/* SPDX-License-Identifier: MIT */
/*
 * A guest whose instructions can be counted, on the PL011 of the virt board (ARM DDI 0183). It says "ready", and then does
 * what keys ask for until the next key comes:
 *
 *   c  executes 30,000,000 instructions (less than 100 more) and says "done"
 *   a  computes for ever, with calls and returns
 *   v  asks for PSCI_VERSION for ever (ARM DEN 0022): five instructions, one of which is a call of the emulator
 *
 * While it waits for a key, each second instruction is a load from the PL011.
 */
    .equ UART, 0x09000000
    .equ DR, 0x00
    .equ FR, 0x18
    .equ FR_RXFE, 4 /* bit number: receive FIFO empty */
    .equ PSCI_VERSION, 0x84000000

    .text
    .global _start
_start:
    ldr x19, =UART
    adr x20, ready
    bl puts

keys:
    ldr w0, [x19, #FR]
    tbnz w0, #FR_RXFE, keys
    ldr w0, [x19, #DR]
    and w0, w0, #0xff
    cmp w0, #'c'
    b.eq count
    cmp w0, #'a'
    b.eq compute
    cmp w0, #'v'
    b.eq version
    b keys

count:
    ldr w1, =10000000
1:  add x2, x2, x1
    subs w1, w1, #1
    b.ne 1b
    adr x20, done
    bl puts
    b keys

compute:
    mov x2, #1
1:  mov w1, #64
2:  bl step
    subs w1, w1, #1
    b.ne 2b
    b 1b

step:
    eor x2, x2, x2, lsl #13
    eor x2, x2, x2, lsr #7
    eor x2, x2, x2, lsl #17
    ret

version:
    mov x21, #0
1:  ldr w0, =PSCI_VERSION
    hvc #0
    add x21, x21, #1
    nop
    b 1b

puts:
    ldrb w0, [x20], #1
    cbz w0, 1f
    str w0, [x19, #DR]
    b puts
1:  ret

ready:
    .asciz "ready\r\n"
done:
    .asciz "done\r\n"
