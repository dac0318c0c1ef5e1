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

    .include "report.inc"

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

    report_routine 8, 1

clock:
    .asciz "clock "
processor:
    .asciz "processor "
bank0:
    .asciz "bank0 "
bank1:
    .asciz "bank1 "
