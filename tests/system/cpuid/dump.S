/* SPDX-License-Identifier: MIT */
/*
 * A ROM of 64 KiB for the top of a PC's first 4 GiB that prints all leaves of CPUID to the first
 * serial port, a line each: leaf.subleaf EAX EBX ECX EDX, in hexadecimal, without lines of zeros;
 * before them what EDX is after the reset, and behind them "end". Then it faults until the CPU
 * resets itself. It stays in 16-bit code where it begins.
 */
    .code16
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x7000, %sp
    movl %edx, %eax
    call word
    call line
    xorl %esi, %esi
    call range
    movl $0x40000000, %esi
    call range
    movl $0x80000000, %esi
    call range
    movw $text_end, %bx
1:  movb %cs:(%bx), %al
    call put
    incw %bx
    cmpw $text_done, %bx
    jne 1b
    lidtl %cs:nothing
    int3

/* Leaves from ESI to what it says is the last, and one more. */
range:
    movl %esi, %eax
    xorl %ecx, %ecx
    cpuid
    movl %eax, %ebp
    movl %esi, %ecx
    addl $0x40, %ecx
    cmpl %ecx, %ebp
    jb 1f
    movl %ecx, %ebp
1:  xorl %edi, %edi
2:  call leaf
    incl %edi
    cmpl $0x40, %edi
    jne 2b
    incl %esi
    leal -1(%esi), %eax
    cmpl %ebp, %eax
    jbe 1b
    ret

/* Leaf ESI, subleaf EDI; the same again for other subleaves is left out, where ECX does not count. */
leaf:
    movl %esi, %eax
    movl %edi, %ecx
    cpuid
    pushl %edx
    pushl %ecx
    pushl %ebx
    pushl %eax
    testl %edi, %edi
    jz 2f
    orl %ebx, %eax
    orl %edx, %eax
    movl %ecx, %edx
    subl %edi, %edx /* leaves 0xb and 0x1f give the subleaf back */
    jz 1f
    orl %edx, %eax
1:  testl %eax, %eax
    jz 3f
    movl %esi, %eax
    movl %edi, %ecx
    decl %ecx
    cpuid
    cmpl %eax, (%esp)
    jne 2f
    cmpl %ebx, 4(%esp)
    jne 2f
    cmpl %ecx, 8(%esp)
    je 3f
2:  movl %esi, %eax
    call word
    movb $'.', %al
    call put
    movl %edi, %eax
    call word
    movw $4, %cx
4:  movb $' ', %al
    call put
    popl %eax
    pushw %cx
    movl %eax, %ebx
    call word
    popw %cx
    decw %cx
    jnz 4b
line:
    movb $'\n', %al
put:
    pushw %dx
    pushw %ax
    movw $0x3fd, %dx
1:  inb %dx, %al
    testb $0x20, %al
    jz 1b
    popw %ax
    movw $0x3f8, %dx
    outb %al, %dx
    popw %dx
    ret
3:  addw $16, %sp
    ret

/* EAX in hexadecimal. */
word:
    movw $8, %cx
    movl %eax, %ebx
1:  roll $4, %ebx
    movb %bl, %al
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 2f
    addb $'a' - '0' - 10, %al
2:  call put
    decw %cx
    jnz 1b
    ret

nothing:
    .word 0
    .long 0
text_end:
    .ascii "end\n"
text_done:

    .org 0xfff0
    jmp _start
    .org 0xffff
    .byte 0
