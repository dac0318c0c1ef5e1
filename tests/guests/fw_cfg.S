/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes on the PL011 of the virt board what its fw_cfg device holds, and powers off (PSCI): for each item
 * that was asked for by number a line "item NUMBER SIZE", for each file of the directory "file NAME SIZE", and behind
 * either a line with the bytes in hexadecimal.
 */
    .equ UART, 0x09000000
    .equ FW_CFG, 0x09020000
    .equ SELECT, 8
    .equ DIRECTORY, 0x19
    .equ ENTRY, 64
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .text
    .global _start
_start:
    ldr x19, =UART
    ldr x20, =FW_CFG
    adr x21, numbers
1:  ldrb w22, [x21], #1 /* key, size */
    cbz w22, 2f
    ldrb w23, [x21], #1
    adr x0, item
    bl text
    mov w24, w22
    bl hex8
    bl blank
    mov w24, w23
    bl hex8
    bl line
    mov w0, w22
    bl select
    bl dump
    b 1b

2:  mov w0, #DIRECTORY
    bl select
    bl word
    mov w25, w26 /* entries */
    mov w27, #4  /* how far the directory was read */
3:  cbz w25, 9f
    mov w0, #DIRECTORY
    bl select
    mov w1, w27 /* skip what is known */
4:  ldrb w0, [x20]
    subs w1, w1, #1
    b.ne 4b
    adr x0, file
    bl text
    bl word
    mov w23, w26
    ldrb w0, [x20]
    ldrb w1, [x20]
    orr w22, w1, w0, lsl #8
    ldrb w0, [x20]
    ldrb w0, [x20]
    mov w1, #56
5:  ldrb w0, [x20]
    cbz w0, 6f
    str w0, [x19]
    subs w1, w1, #1
    b.ne 5b
6:  bl blank
    mov w24, w23
    bl hex8
    bl line
    mov w0, w22
    bl select
    bl dump
    add w27, w27, #ENTRY
    sub w25, w25, #1
    b 3b

9:  ldr w0, =PSCI_SYSTEM_OFF
    hvc #0
    b .

/* w0: key */
select:
    rev16 w0, w0
    strh w0, [x20, #SELECT]
    ret

/* w26 = four bytes, the highest first */
word:
    mov w26, #0
    mov w1, #4
1:  ldrb w0, [x20]
    orr w26, w0, w26, lsl #8
    subs w1, w1, #1
    b.ne 1b
    ret

/* w23 bytes of the item, and a new line */
dump:
    mov x28, x30
    cbz w23, 2f
1:  ldrb w24, [x20]
    lsl w24, w24, #24
    mov w1, #2
    bl hex
    subs w23, w23, #1
    b.ne 1b
2:  bl line
    ret x28

/* w24 in eight digits */
hex8:
    mov w1, #8
/* the highest w1 digits of w24 */
hex:
    ror w24, w24, #28
    and w0, w24, #15
    cmp w0, #10
    add w2, w0, #'0'
    add w0, w0, #('a' - 10)
    csel w0, w2, w0, lo
    str w0, [x19]
    subs w1, w1, #1
    b.ne hex
    ret

/* the string at x0 */
text:
    ldrb w1, [x0], #1
    cbz w1, 1f
    str w1, [x19]
    b text
1:  ret

blank:
    mov w0, #' '
    str w0, [x19]
    ret

line:
    mov w0, #'\r'
    str w0, [x19]
    mov w0, #'\n'
    str w0, [x19]
    ret

numbers:
    .byte 0x01, 4, 0x02, 16, 0x03, 8, 0x04, 2, 0x05, 2, 0x0d, 2, 0x0e, 2, 0x0f, 2, 0
item:
    .asciz "item "
file:
    .asciz "file "
