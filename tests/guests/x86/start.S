/* SPDX-License-Identifier: MIT */
/*
 * The beginning of the bare-metal guests of PCs: entered as Xen's PVH boot ABI has it, in 32-bit code and flat segments.
 * 256 vectors, each of which leaves what was pushed in `seen` and goes on where guest_try() has said; guest_try() itself;
 * and guest_user(), which runs a function at privilege level 3.
 */
    .section .note.pvh, "a"
    .long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start

    .text
    .globl _start
_start:
    movl $stack_top, %esp
    lgdt gdtr
    ljmp $0x08, $1f
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    call guest_main
    xorl %eax, %eax
    movw $0x501, %dx
    outb %al, %dx
2:  hlt
    jmp 2b

/* Vector n is at vectors + 16 n. The error code is made 0 where there is none. */
    .balign 16
    .globl vectors
vectors:
    .set v, 0
    .rept 256
    .if (v != 8) && ((v < 10) || (v > 14)) && (v != 17)
    pushl $0
    .endif
    pushl $v
    jmp common
    .balign 16
    .set v, v + 1
    .endr

/* On the stack: vector, error, EIP, CS, EFLAGS, and ESP, SS, ES, DS, FS, GS if there are some. */
common:
    pushal
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    leal 32(%esp), %esi
    movl $seen, %edi
    movl $11, %ecx
    cld
    rep movsl
    movl %esp, %eax
    addl $32, %eax
    movl %eax, seen_esp
    movl %ss, %eax
    movl %eax, seen_ss
    movl %esp, %esi
    movl $seen_regs, %edi
    movl $8, %ecx
    rep movsl
    movl recover, %esp
    movl $0x10, %eax
    movl %eax, %ss
    movl recover, %esp
    movl %eax, %fs
    movl %eax, %gs
    movl $1, %eax

    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    popfl
    ljmp $0x08, $1f
1:  movl $1, %eax
    ret

/* int guest_try(void (*f)(void)): 1 if an exception ended f. */
    .globl guest_try
guest_try:
    movl 4(%esp), %eax
    pushfl
    pushl %ebx
    pushl %esi
    pushl %edi
    pushl %ebp
    movl %esp, recover
    call *%eax
    popl %ebp
    popl %edi
    popl %esi
    popl %ebx
    popfl
    xorl %eax, %eax
    ret

/* void guest_user(void (*f)(void)): f at level 3, on a stack of its own, until it makes an exception. With user_iopl. */
    .globl guest_user
guest_user:
    movl 4(%esp), %eax
    movl %esp, tss_esp0
    subl $512, tss_esp0
    pushl $0x23
    pushl $user_stack_top
    pushfl
    movl user_flags, %ecx
    orl %ecx, (%esp)
    pushl $0x1b
    pushl %eax
    movl $0x23, %eax
    movl %eax, %ds
    movl %eax, %es
    iretl

    .data
    .balign 16
    .globl gdt, gdtr, seen, seen_esp, seen_ss, seen_regs, recover, user_flags, tss_esp0, tss
gdt: /* null, code, data, user's code, user's data, TSS, then what tests want */
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
    .fill 59, 8, 0
gdtr:
    .word 64 * 8 - 1
    .long gdt
    .balign 16
tss:
    .long 0
tss_esp0: .long 0, 0x10
    .fill 23, 4, 0
    .word 0, 104
seen: .fill 11, 4, 0
seen_esp: .long 0
seen_ss: .long 0
seen_regs: .fill 8, 4, 0
recover: .long 0
user_flags: .long 0

    .bss
    .balign 4096
    .skip 16384
stack_top:
    .skip 8192
    .globl user_stack_top
user_stack_top:
    .section .note.GNU-stack, "", @progbits
