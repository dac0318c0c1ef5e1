/* SPDX-License-Identifier: MIT */
/*
 * Firmware of 64 KiB that goes from real mode to protected mode and to long mode, and stays there, with something in
 * registers of each kind: for debuggers. Labels are places in the firmware, which is seen from 0xf0000 on.
 */
    .set BASE, 0xf0000
    .code16
    .globl _start, real, protected, long_mode
_start:
    cli
    movw $0x1234, %bx
real:
    incw %bx
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
    movl $0x12345678, %ebx
    fninit
    fld1
    fldpi
    /* Tables at 0x10000: one page of 1 GiB would do, but not every CPU has those. */
    movl $0x10000, %edi
    xorl %eax, %eax
    movl $0xc00, %ecx
    rep stosl
    movl $0x11003, 0x10000
    movl $0x12003, 0x11000
    movl $0x83, 0x12000
    movl %cr4, %eax
    orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0x10000, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    ljmp $0x18, $(long_mode - _start + BASE)
    .code64
long_mode:
    movabsq $0x123456789abcdef0, %rax
    movq %rax, %xmm3
    movq %rax, %r9
1:  jmp 1b

    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdtr:
    .word 31
    .long gdt - _start + BASE

    .org 0xfff0
    .code16
    ljmp $0xf000, $0
    .org 0x10000
