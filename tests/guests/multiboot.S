/* SPDX-License-Identifier: MIT */
/*
 * A kernel for the tests of boards: says on the first serial line how it was started, and ends the
 * emulator by its debug exit with status 33; before that it resets the machine once, if the command
 * line is "k" (by the keyboard controller), "c" (port 0xcf9), "f" (port 0x92) or "t" (a triple
 * fault); "p" switches it off. Of a multiboot command line that is behind the first space. FORM is 1: multiboot in ELF, 2: multiboot with
 * addresses in its header, 3: ELF with Xen's note (PVH).
 *
 *     cpp -DFORM=1 multiboot.S | as --32; ld -m elf_i386 -Ttext-segment=0x200000 -e begin
 * and, of the second form, with -Ttext=0x200000 --oformat binary.
 */
#define SERIAL 0x3f8
#define DEBUG_EXIT 0x501
#define PM1_CONTROL 0x604
#define AGAIN 0x1000000
#define MARK 0x52455345

#if FORM == 1
#define FLAGS 0x3
#else
#define FLAGS 0x10003
#endif

    .text
    .globl _start, begin
_start:
    jmp begin
#if FORM < 3
    .p2align 2
header:
    .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
#if FORM == 2
    .long header, _start, 0, end, begin
#endif
#endif

begin:
    movl $stack, %esp
    movl %ebx, info
    pushl %eax
    movl $says_magic, %esi
    call say
    popl %eax
    call say_hex
    movl info, %ebx
#if FORM < 3
    movl 16(%ebx), %esi /* the command line */
    movl %esi, line
    call say_line
    movl 20(%ebx), %ecx /* modules */
    movl 24(%ebx), %edi
1:  testl %ecx, %ecx
    jz 2f
    movl 8(%edi), %esi
    call say_line
    movl (%edi), %esi
    pushl %ecx
    movl 4(%edi), %ecx
    subl %esi, %ecx
    call say_bytes
    popl %ecx
    addl $16, %edi
    decl %ecx
    jmp 1b
2:  movl 44(%ebx), %ecx /* the map */
    movl 48(%ebx), %edi
3:  cmpl $1, 20(%edi)
    jne 4f
    movl 12(%edi), %eax
    addl %eax, memory
4:  movl (%edi), %eax
    addl $4, %eax
    addl %eax, %edi
    subl %eax, %ecx
    ja 3b
#else
    movl (%ebx), %eax
    call say_hex
    movl 24(%ebx), %esi
    movl %esi, line
    call say_line
    movl 16(%ebx), %edi /* the module */
    movl (%edi), %esi
    movl 8(%edi), %ecx
    call say_bytes
    movl 32(%ebx), %esi /* ACPI's root pointer */
    movl $8, %ecx
    call say_bytes
    movl 48(%ebx), %ecx /* the map */
    movl 40(%ebx), %edi
3:  cmpl $1, 16(%edi)
    jne 4f
    movl 8(%edi), %eax
    addl %eax, memory
4:  addl $24, %edi
    decl %ecx
    jnz 3b
#endif
    movl memory, %eax
    shrl $20, %eax
    call say_hex
    movl $bss, %esi
    movl $end, %ecx
    subl %esi, %ecx
    xorl %eax, %eax
5:  orb (%esi), %al
    incl %esi
    decl %ecx
    jnz 5b
    call say_hex /* memory behind the file is clear */
    cmpl $MARK, AGAIN /* memory survives a reset */
    je leave
    movl $MARK, AGAIN
    movl line, %esi
#if FORM < 3
7:  lodsb
    cmpb $' ', %al
    jne 7b
#endif
    movb (%esi), %al
    cmpb $'k', %al
    je by_keyboard
    cmpb $'c', %al
    je by_control
    cmpb $'f', %al
    je by_fast_gate
    cmpb $'t', %al
    je by_triple_fault
    cmpb $'p', %al
    jne leave
    movl $PM1_CONTROL, %edx
    movl $0x2000, %eax
    outw %ax, %dx
    jmp stop
by_keyboard:
    movb $0xfe, %al
    outb %al, $0x64
    jmp stop
by_control:
    movl $0xcf9, %edx
    movb $6, %al
    outb %al, %dx
    jmp stop
by_fast_gate:
    movb $1, %al
    outb %al, $0x92
    jmp stop
by_triple_fault:
    lidt nothing
    int $3
leave:
    movl $DEBUG_EXIT, %edx
    movl $16, %eax
    outl %eax, %dx
stop:
    hlt
    jmp stop

/* %ecx bytes at %esi, in brackets */
say_bytes:
    movb $'[', %al
    call put
1:  testl %ecx, %ecx
    jz 2f
    movb (%esi), %al
    call put
    incl %esi
    decl %ecx
    jmp 1b
2:  movb $']', %al
    call put
    jmp new_line

say_line:
    call say
new_line:
    movb $'\n', %al
put:
    pushl %edx
    movl $SERIAL, %edx
    outb %al, %dx
    popl %edx
    ret

say:
    movb (%esi), %al
    testb %al, %al
    jz 1f
    call put
    incl %esi
    jmp say
1:  ret

/* %eax in hexadecimal */
say_hex:
    pushl %ecx
    movl $8, %ecx
1:  roll $4, %eax
    pushl %eax
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 2f
    addb $'a' - '0' - 10, %al
2:  call put
    popl %eax
    loop 1b
    popl %ecx
    jmp new_line

says_magic:
    .asciz "started with "
    .p2align 2
info:
    .long 0
memory:
    .long 0
line:
    .long 0
nothing:
    .long 0, 0
    .fill 64, 4, 0
stack:

#if FORM == 3
    .section .note, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long begin
#endif

    .bss
bss:
    .skip 8192
end:
