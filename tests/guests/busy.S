/* SPDX-License-Identifier: MIT */
/*
 * A guest that never looks at anything, on up to four CPUs (by PSCI, ARM DEN 0022): the first two run in loops, one
 * that jumps backward within its page and one of calls and returns across pages, the third sleeps by WFI, until the
 * virtual timer wakes it after a third of a second, and the fourth by WFE, with all interrupts masked. It says "busy"
 * on the PL011 of the virt board when all are on their way; what a CPU has counted is in its x0.
 */
    .equ GICD, 0x08000000 /* GICv2, IHI 0048 */
    .equ GICD_ISENABLER, 0x100
    .equ GICC, 0x08010000
    .equ GICC_PMR, 0x04
    .equ PPI_VIRTUAL_TIMER, 27
    .equ UART, 0x09000000
    .equ PSCI_CPU_ON, 0xc4000003

    .text
    .global _start
_start:
    msr daifset, #15
    mov x19, #1
1:  ldr x0, =PSCI_CPU_ON
    mov x1, x19
    adr x2, second_start
    mov x3, x19
    hvc #0
    add x19, x19, #1
    cmp x19, #4
    b.lo 1b
    ldr x1, =UART
    adr x2, text
2:  ldrb w0, [x2], #1
    cbz w0, 3f
    str w0, [x1]
    b 2b
3:  mov x0, #0
    .global loop
loop:
    add x0, x0, #1
    b loop

second_start:
    msr daifset, #15
    cmp x0, #1
    b.eq calls
    cmp x0, #3
    b.eq events
    ldr x1, =GICD
    mov w2, #1
    str w2, [x1]
    mov w3, #(1 << PPI_VIRTUAL_TIMER)
    str w3, [x1, #GICD_ISENABLER]
    ldr x1, =GICC
    mov w3, #0xff
    str w3, [x1, #GICC_PMR]
    str w2, [x1]
    mrs x3, cntfrq_el0
    mov x4, #3
    udiv x3, x3, x4
    msr cntv_ctl_el0, x2
    mov x0, #0
    .global sleep
sleep:
    msr cntv_tval_el0, x3
    wfi
    .global awake
awake:
    add x0, x0, #1
    b sleep
events:
    add x0, x0, #1
    wfe
    b events

    .global calls
calls:
    bl near
    b next
next:
    bl far
    b calls
near:
    add x0, x0, #1
    ret

text:
    .asciz "busy\r\n"

    .balign 4096
far:
    add x0, x0, #1
    ret
