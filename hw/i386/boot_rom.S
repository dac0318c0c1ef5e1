/* SPDX-License-Identifier: MIT */
/*
 * The option ROM by which BIOS firmware starts the kernel of -kernel (PnP BIOS Specification 1.0A,
 * chapter 3: a boot entry vector). What it loads are items of fw_cfg, which it has copied to where
 * they belong by that device's DMA. pc_kernel.c fills in what stands at `kind` and behind it, and the
 * checksums.
 *
 * Memory that it takes: 0x10000 the kernel's setup code (Linux) with its heap, 0x20000 its command
 * line, 0x30000 its own variables, at 0x31000 what other kernels are told, at 0x38000 the map of
 * memory for those.
 */
#define ROM_BYTES 2048

#define SETUP_SEG   0x1000
#define SETUP_STACK 0xe000
#define OWN_SEG     0x3000
#define OWN         0x30000
#define OWN_STACK   0x0ff0
#define INFO        0x31000
#define COMMAND     0x20000
#define MAP         0x8000 /* in our segment */
#define MAP_MOST    100

#define KEY_KERNEL_ADDR  0x07
#define KEY_KERNEL_SIZE  0x08
#define KEY_INITRD_ADDR  0x0a
#define KEY_INITRD_SIZE  0x0b
#define KEY_KERNEL_ENTRY 0x10
#define KEY_KERNEL_DATA  0x11
#define KEY_INITRD_DATA  0x12
#define KEY_CMDLINE_SIZE 0x14
#define KEY_CMDLINE_DATA 0x15
#define KEY_SETUP_SIZE   0x17
#define KEY_SETUP_DATA   0x18

/* Variables, in our segment. */
#define DMA_CONTROL 0x40
#define DMA_LENGTH  0x44
#define DMA_HIGH    0x48
#define DMA_LOW     0x4c
#define BEST        0x50
#define SIZE        0x54
#define E820        0x60
#define GDTR        0x80
#define ENTRY       0x88 /* of 32-bit code: offset, selector */

#define KIND_LINUX     0
#define KIND_MULTIBOOT 1
#define KIND_PVH       2

    .code16
    .text
rom:
    .byte 0x55, 0xaa, ROM_BYTES / 512
    jmp init
    .org 8
kind:        .long 0
initrd_end:  .long 0 /* a RAM disk ends there at the latest */
initrd_from: .long 0 /* and begins there at the earliest */
    .org 0x1a
    .word pnp
    .org 0x20
pnp:
    .ascii "$PnP"
    .byte 1, 2
    .word 0
    .byte 0, 0 /* the checksum */
    .long 0
    .word maker, product
    .byte 0, 0, 0x80, 0x64
    .word 0, 0, boot, 0, 0
maker:
    .asciz "dragoman"
product:
    .asciz "kernel"

init:
    xorw %ax, %ax
    lretw

/* ---- fw_cfg */

/* %eax = item %ax, of four bytes */
read_number:
    pushw %cx
    movw $0x510, %dx
    outw %ax, %dx
    incw %dx
    movw $4, %cx
1:  inb %dx, %al
    rorl $8, %eax
    loop 1b
    popw %cx
    ret

/* Item %ax to address %ebx, %ecx bytes. */
read_item:
    testl %ecx, %ecx
    jz 2f
    shll $16, %eax
    orl $0x0a, %eax /* select and read */
    bswapl %eax
    movl %eax, DMA_CONTROL
    bswapl %ecx
    movl %ecx, DMA_LENGTH
    movl $0, DMA_HIGH
    bswapl %ebx
    movl %ebx, DMA_LOW
    xorl %eax, %eax
    movw $0x514, %dx
    outl %eax, %dx
    movl $OWN + DMA_CONTROL, %eax
    bswapl %eax
    movw $0x518, %dx
    outl %eax, %dx
1:  movl DMA_CONTROL, %eax
    bswapl %eax
    testl $1, %eax
    jnz no_memory
    testl %eax, %eax
    jnz 1b
2:  ret

/* ---- memory */

/* The next range at E820; %ebx goes on, carry: there is none. */
next_range:
    movl $0xe820, %eax
    movl $0x534d4150, %edx
    movl $20, %ecx
    movw $E820, %di
    int $0x15
    ret

/* %ebx = the highest place of a page for %ecx bytes of RAM disk. */
find_place:
    movl %ecx, SIZE
    movl $0, BEST
    xorl %ebx, %ebx
1:  call next_range
    jc 4f
    cmpl $1, E820 + 16
    jne 3f
    cmpl $0, E820 + 4
    jne 3f /* above 4 GiB */
    movl E820, %esi
    movl %esi, %eax
    addl E820 + 8, %eax
    jc 2f
    cmpl $0, E820 + 12
    jne 2f
    cmpl %cs:initrd_end, %eax
    jbe 5f
2:  movl %cs:initrd_end, %eax
5:  subl SIZE, %eax
    jc 3f
    andl $0xfffff000, %eax
    cmpl %esi, %eax
    jb 3f
    cmpl %cs:initrd_from, %eax
    jb 3f
    cmpl BEST, %eax
    jbe 3f
    movl %eax, BEST
3:  testl %ebx, %ebx
    jnz 1b
4:  movl BEST, %ebx
    testl %ebx, %ebx
    jz no_memory
    ret

/* ---- all */

boot:
    cli
    cld
    movw $OWN_SEG, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $OWN_STACK, %esp
    sti
    /* the kernel */
    movw $KEY_KERNEL_ADDR, %ax
    call read_number
    movl %eax, %ebx
    movw $KEY_KERNEL_SIZE, %ax
    call read_number
    movl %eax, %ecx
    movw $KEY_KERNEL_DATA, %ax
    call read_item
    /* its command line */
    movw $KEY_CMDLINE_SIZE, %ax
    call read_number
    movl %eax, %ecx
    movl $COMMAND, %ebx
    movw $KEY_CMDLINE_DATA, %ax
    call read_item
    /* setup code, or what it is told */
    movw $KEY_SETUP_SIZE, %ax
    call read_number
    movl %eax, %ecx
    movl $SETUP_SEG * 16, %ebx
    cmpl $KIND_LINUX, %cs:kind
    je 1f
    movl $INFO, %ebx
1:  movw $KEY_SETUP_DATA, %ax
    call read_item
    /* the RAM disk */
    movw $KEY_INITRD_SIZE, %ax
    call read_number
    testl %eax, %eax
    jz 3f
    movl %eax, %ecx
    pushl %ecx
    cmpl $KIND_LINUX, %cs:kind
    jne 2f
    call find_place
    movw $SETUP_SEG, %ax
    movw %ax, %fs
    movl %ebx, %fs:0x218 /* ramdisk_image */
    jmp 4f
2:  movw $KEY_INITRD_ADDR, %ax
    call read_number
    movl %eax, %ebx
4:  popl %ecx
    movw $KEY_INITRD_DATA, %ax
    call read_item
3:  cmpl $KIND_LINUX, %cs:kind
    jne flat
    cli
    movw $SETUP_SEG, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $SETUP_STACK, %esp
    pushw $SETUP_SEG + 0x20
    pushw $0
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    lretw

/* ---- kernels that begin in 32-bit mode: the map of memory is that of now */

flat:
    movw $MAP, %bp
    xorl %ebx, %ebx
1:  call next_range
    jc 3f
    cmpw $MAP + MAP_MOST * 24, %bp
    jae 3f
    movw $E820, %si
    movw %bp, %di
    cmpl $KIND_PVH, %cs:kind
    je 2f
    movl $20, %eax /* multiboot: the length of what follows */
    stosl
2:  movw $5, %cx
    rep movsl
    addw $24, %bp /* PVH: four bytes behind, of zeros */
    testl %ebx, %ebx
    jnz 1b
3:  subw $MAP, %bp
    movzwl %bp, %eax
    cmpl $KIND_PVH, %cs:kind
    je 4f
    movl %eax, INFO - OWN + 44 /* mmap_length */
    jmp 5f
4:  xorl %edx, %edx
    movl $24, %ecx
    divl %ecx
    movl %eax, INFO - OWN + 48 /* memmap_entries */
    call find_rsdp
    movl %eax, INFO - OWN + 32
5:  movw $KEY_KERNEL_ENTRY, %ax
    call read_number
    movl %eax, %edi
    xorl %eax, %eax
    movw %cs, %ax
    shll $4, %eax
    leal gdt(%eax), %ecx
    movl %ecx, GDTR + 2
    movw $gdt_end - gdt - 1, GDTR
    leal start32(%eax), %ecx
    movl %ecx, ENTRY
    movw $8, ENTRY + 4
    movl %cs:kind, %esi
    cli
    lgdtl GDTR
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *ENTRY

/* %eax = where ACPI's root pointer is, or 0 */
find_rsdp:
    movw $0xe000, %dx
1:  movw %dx, %fs
    cmpl $0x20445352, %fs:0 /* "RSD PTR " */
    jne 2f
    cmpl $0x20525450, %fs:4
    je 3f
2:  incw %dx
    jnz 1b
3:  movzwl %dx, %eax
    shll $4, %eax
    ret

no_memory:
    movw %cs, %ax
    movw %ax, %ds
    movw $message, %si
1:  lodsb
    testb %al, %al
    jz 2f
    movb $0x0e, %ah
    movw $7, %bx
    int $0x10
    jmp 1b
2:  hlt
    jmp 2b
message:
    .asciz "-kernel: there is not enough memory below 4 GiB for the kernel and its RAM disk\r\n"

    .code32
start32:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $OWN + OWN_STACK, %esp
    movl $0x2badb002, %eax
    movl $INFO, %ebx
    jmp *%edi

    .p2align 3
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_end:
    .org ROM_BYTES
