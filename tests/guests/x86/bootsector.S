# SPDX-License-Identifier: MIT
# A boot sector that reads more of what it came from by the BIOS, and tells the first serial line. Of a floppy: sectors 1
# and 56 by cylinder, head and sector; of a disk: sector 1 so, and 5000 by its number; each begins with its number. Of a
# CD, whose boot image it is: block 16, which says CD001.
    .code16
    .text
    .globl _start
_start:
    cli
    xorw    %ax, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movw    $0x7c00, %sp
    sti
    ljmp    $0, $main
main:
    movb    %dl, drive
    movw    $booted, %si
    call    print
    movb    drive, %al
    call    print_byte
    movb    drive, %dl
    cmpb    $0x88, %dl              # SeaBIOS gives CDs numbers from 0xe0 on
    jae     from_cd

    movw    $0x0201, %ax            # a sector of cylinder 0, head 0, from 1 on: the second
    movw    $0x0002, %cx
    xorb    %dh, %dh
    movw    $1, %di
    call    read
    movb    drive, %dl
    testb   $0x80, %dl
    jnz     from_disk
    movw    $0x0201, %ax            # cylinder 1, head 1, sector 3 of 18
    movw    $0x0103, %cx
    movb    $1, %dh
    movw    $56, %di
    call    read
    jmp     good

from_disk:
    movb    $0x42, %ah
    movw    $packet, %si
    movw    $5000, %di
    call    read
    jmp     good

from_cd:
    movw    $16, packet_block
    movb    $0x42, %ah
    movw    $packet, %si
    call    ask
    cmpl    $0x30304443, 0x8001     # CD00
    jne     bad
good:
    movw    $is_good, %si
    call    print
1:  hlt
    jmp     1b

# What ax, cx, dx and si ask for is to begin with di.
read:
    call    ask
    cmpw    %di, 0x8000
    jne     bad
    ret
ask:
    movw    $0x8000, %bx
    int     $0x13
    jc      bad
    ret
bad:
    movw    $is_bad, %si
    call    print
    movb    %ah, %al
    call    print_byte
1:  hlt
    jmp     1b

# ---- the serial line

print:
    lodsb
    testb   %al, %al
    jz      1f
    call    put
    jmp     print
1:  ret

print_byte:
    pushw   %ax
    shrb    $4, %al
    call    print_digit
    popw    %ax
print_digit:
    andb    $15, %al
    addb    $'0', %al
    cmpb    $'9', %al
    jbe     put
    addb    $'a' - '9' - 1, %al
put:
    pushw   %dx
    pushw   %ax
    movw    $0x3fd, %dx
1:  inb     %dx, %al
    testb   $0x20, %al
    jz      1b
    popw    %ax
    movw    $0x3f8, %dx
    outb    %al, %dx
    popw    %dx
    ret

booted:
    .asciz  "booted from "
is_good:
    .asciz  ", and it reads well\r\n"
is_bad:
    .asciz  ", but it reads badly: "
drive:
    .byte   0
    .balign 4
packet:
    .byte   16, 0
    .word   1
    .word   0x8000, 0
packet_block:
    .quad   5000
    .org    510
    .word   0xaa55
