/* SPDX-License-Identifier: MIT */
/*
 * A guest that says on the PL011 of the virt board which virtio transports have a device, and which functions are on
 * the first PCI bus, each as its registers tell it; then it powers off by PSCI.
 */
    .equ UART, 0x09000000
    .equ TRANSPORTS, 0x0a000000
    .equ ECAM, 0x4010000000
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .include "report.inc"

    .macro say name, value
    mov w21, \value
    adr x20, \name
    bl report
    .endm

    .macro register name, base, offset
    ldr w21, [\base, #\offset]
    adr x20, \name
    bl report
    .endm

    .text
    .global _start
_start:
    ldr x19, =UART
    ldr x23, =TRANSPORTS
    mov w24, #0
transport:
    ldr w0, [x23, #8]
    cbz w0, 1f
    say transport_is, w24
    register version_is, x23, 4
    register device_is, x23, 8
    register vendor_is, x23, 12
    str wzr, [x23, #0x30]
    register entries_are, x23, 0x34
    str wzr, [x23, #0x14]
    register features_are, x23, 0x10
    mov w0, #1
    str w0, [x23, #0x14]
    register features_are, x23, 0x10
1:  add x23, x23, #0x200
    add w24, w24, #1
    cmp w24, #32
    b.lo transport

    ldr x23, =ECAM
    mov w24, #0
function:
    ldr w0, [x23]
    cmn w0, #1
    b.eq 4f
    say function_is, w24
    register ids_are, x23, 0
    register class_is, x23, 8
    register subsystem_is, x23, 0x2c
    register pin_is, x23, 0x3c
    mov w25, #0x10
bar:
    add x26, x23, w25, uxtw
    mov w0, #-1
    ldr w27, [x26]
    str w0, [x26]
    ldr w28, [x26]
    str w27, [x26]
    say bar_is, w28
    add w25, w25, #4
    cmp w25, #0x28
    b.lo bar
    ldrb w25, [x23, #0x34]
capability:
    cbz w25, 3f
    say at, w25
    add x26, x23, w25, uxtw
    register capability_is, x26, 0
    ldrb w25, [x26, #1]
    b capability
3:  register extended_is, x23, 0x100
4:  add x23, x23, #0x8000
    add w24, w24, #1
    cmp w24, #32
    b.lo function
    ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b .

    report_routine 8

transport_is:
    .asciz "transport "
version_is:
    .asciz "  version "
device_is:
    .asciz "  device "
vendor_is:
    .asciz "  vendor "
entries_are:
    .asciz "  entries "
features_are:
    .asciz "  features "
function_is:
    .asciz "function "
ids_are:
    .asciz "  ids "
class_is:
    .asciz "  class "
subsystem_is:
    .asciz "  subsystem "
pin_is:
    .asciz "  pin "
bar_is:
    .asciz "  bar "
at:
    .asciz "  at "
capability_is:
    .asciz "  capability "
extended_is:
    .asciz "  extended "
    .balign 8
