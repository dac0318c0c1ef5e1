/* SPDX-License-Identifier: MIT */
/*
 * Firmware of 64 KiB that makes exceptions: one that is handled, in protected mode, and then one that cannot be
 * delivered, nor the double fault. For what the log says of it.
 */
    .set BASE, 0xf0000
    .code16
    .globl _start
_start:
    cli
    lgdtl %cs:(gdtr - _start)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x08, $(protected - _start + BASE)
    .code32
protected:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $0x7000, %esp
    lidt %cs:(idtr - _start + BASE)
    testl %eax, %eax
    ud2
    int $3
handler:
    addl $2, (%esp)
    andl $0xfffeffff, 8(%esp) /* RF */
    iret

    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:
    .word 23
    .long gdt - _start + BASE
idtr: /* number 6 is the last one, and there is no other */
    .word 55
    .long idt - _start + BASE
    .balign 8
idt:
    .quad 0, 0, 0, 0, 0, 0, 0x000f8e0000080000 + (handler - _start)

    .org 0xfff0
    .code16
    ljmp $0xf000, $0
    .org 0x10000
