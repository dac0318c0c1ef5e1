/* SPDX-License-Identifier: MIT */
/*
 * A guest whose life the person at the console decides: each key is a request, by PSCI (ARM DEN 0022) or semihosting
 * ("Semihosting for AArch32 and AArch64", release 3.0). It says "ready" when it starts, on the PL011 of the virt board.
 *
 *   o  power off          r  reset            e  end with status 42 by semihosting
 *   w  write a text by semihosting            2  start the second CPU, which says "second"
 *   s  say "asleep" and sleep for ever, with interrupts masked
 */
    .equ UART, 0x09000000
    .equ DR, 0x00
    .equ FR, 0x18
    .equ FR_RXFE, 4
    .equ FR_TXFF, 5
    .equ PSCI_CPU_ON, 0xc4000003
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .equ PSCI_SYSTEM_RESET, 0x84000009
    .equ SYS_WRITE0, 0x04
    .equ SYS_EXIT, 0x18
    .equ ADP_STOPPED_APPLICATION_EXIT, 0x20026

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
    cmp w0, #'o'
    b.eq off
    cmp w0, #'r'
    b.eq reset
    cmp w0, #'e'
    b.eq exit
    cmp w0, #'w'
    b.eq write
    cmp w0, #'2'
    b.eq second
    cmp w0, #'s'
    b.ne keys
    adr x20, asleep
    bl puts
    b sleep

off:
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b wrong

reset:
    ldr w0, =PSCI_SYSTEM_RESET
    hvc #0
    b wrong

exit:
    mov w0, #SYS_EXIT
    adr x1, parameters
    hlt #0xf000
    b wrong

write:
    mov w0, #SYS_WRITE0
    adr x1, text
    hlt #0xf000
    b keys

second:
    ldr x0, =PSCI_CPU_ON
    mov x1, #1
    adr x2, second_start
    mov x3, #0x55
    hvc #0
    cbz x0, keys
wrong:
    adr x20, failed
    bl puts
    b keys

second_start:
    cmp x0, #0x55
    b.ne sleep
    ldr x19, =UART
    adr x20, from_second
    bl puts
sleep:
    msr daifset, #15
    wfi
    b sleep

/* Writes the string at x20; clobbers x0, x1, x20, x29, x30. */
puts:
    mov x29, x30
1:  ldrb w0, [x20], #1
    cbz w0, 3f
2:  ldr w1, [x19, #FR]
    tbnz w1, #FR_TXFF, 2b
    str w0, [x19, #DR]
    b 1b
3:  ret x29

    .balign 8
parameters:
    .quad ADP_STOPPED_APPLICATION_EXIT, 42
ready:
    .asciz "ready\r\n"
failed:
    .asciz "failed\r\n"
from_second:
    .asciz "second\r\n"
asleep:
    .asciz "asleep\r\n"
text:
    .asciz "semihosting says so\n"
