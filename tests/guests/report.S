/* SPDX-License-Identifier: MIT */
/*
 * A guest that says on the PL011 of the virt board what its machine is, and powers off (PSCI, ARM DEN 0022): the clock
 * (PL031, ARM DDI 0224), MIDR_EL1, a word of each flash bank.
 */
    .equ UART, 0x09000000
    .equ RTC, 0x09010000
    .equ FLASH0, 0x00000000
    .equ FLASH1, 0x04000000
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .macro say name
    adr x20, \name
    bl report
    .endm

    .text
    .global _start
_start:
    ldr x19, =UART
    ldr x0, =RTC
    ldr w21, [x0]
    say clock
    mrs x21, midr_el1
    say processor
    mov x0, #FLASH0
    ldr w21, [x0]
    say bank0
    mov x0, #FLASH1
    ldr w21, [x0]
    say bank1
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b .

/* Writes the string at x20, w21 in hexadecimal and a new line. */
report:
    ldrb w0, [x20], #1
    cbz w0, 1f
    str w0, [x19]
    b report
1:  mov w22, #8
2:  ror w21, w21, #28
    and w0, w21, #15
    cmp w0, #10
    add w1, w0, #'0'
    add w0, w0, #('a' - 10)
    csel w0, w1, w0, lo
    str w0, [x19]
    sub w22, w22, #1
    cbnz w22, 2b
    mov w0, #'\r'
    str w0, [x19]
    mov w0, #'\n'
    str w0, [x19]
    ret

clock:
    .asciz "clock "
processor:
    .asciz "processor "
bank0:
    .asciz "bank0 "
bank1:
    .asciz "bank1 "
