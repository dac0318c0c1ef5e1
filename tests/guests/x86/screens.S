/* SPDX-License-Identifier: MIT */
/*
 * A boot disk that sets a mode by the BIOS, draws a pattern, says "ready" on the first serial line and
 * halts. Byte 0x1f0 of the disk says which: 1 text of 25 lines, 2 text of 50 lines, 3 16 colours in
 * planes, 4 256 colours, 5 the same without chain 4, panned and split, 6 four colours of CGA,
 * 7 to 10 VBE of 8, 16, 24 and 32 bits through the window, 11 VBE of 1024x768; 12 shows what is typed.
 * tests/boot/screens_amd64.sh compares what is seen with what another emulator shows.
 */
        .code16
        .globl  _start
_start: ljmp    $0, $begin
begin:  cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        movw    %ax, %es
        movw    $0x0203, %ax            /* three sectors more */
        movw    $0x0002, %cx
        movb    $0, %dh
        movw    $0x7e00, %bx
        int     $0x13
        jc      .
        movzbw  kind, %bx
        addw    %bx, %bx
        call    *table(%bx)
        movw    $word, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movw    $0x3f8, %dx
        outb    %al, %dx
        jmp     1b
2:      hlt
        jmp     2b

word:   .asciz  "ready\r\n"
table:  .word   0, text, text50, planes, bytes, unchained, cga, vbe8, vbe16, vbe24, vbe32, vbe_large, echo

        .org    _start + 0x1f0
kind:   .byte   1
        .org    _start + 0x1fe
        .word   0xaa55

/* Every code with every attribute that two rows have room for. */
fill_text:
        movw    $0xb800, %ax
        movw    %ax, %es
        xorw    %di, %di
        xorw    %ax, %ax
1:      stosw
        addw    $0x0301, %ax
        cmpw    $8000, %di
        jb      1b
        movw    $0x2000, %cx            /* no cursor */
        movb    $1, %ah
        int     $0x10
        ret

text:   movw    $0x0003, %ax
        int     $0x10
        jmp     fill_text

text50: movw    $0x0003, %ax
        int     $0x10
        movw    $0x1112, %ax            /* the font of 8 lines */
        movb    $0, %bl
        int     $0x10
        jmp     fill_text

/* Write mode 2 with a bit mask that turns, then write mode 0 with an operation on the latches. */
planes: movw    $0x0012, %ax
        int     $0x10
        movw    $0xa000, %ax
        movw    %ax, %es
        movw    $0x3ce, %dx
        movw    $0x0205, %ax
        outw    %ax, %dx
        xorw    %di, %di
        movw    $0x8108, %ax
1:      outw    %ax, %dx
        movb    %es:(%di), %bl
        movw    %di, %cx
        shrw    $2, %cx
        movb    %cl, %es:(%di)
        rolb    $1, %ah
        incw    %di
        cmpw    $38400, %di
        jb      1b
        movw    $0x0005, %ax
        outw    %ax, %dx
        movw    $0x1803, %ax            /* exclusive or */
        outw    %ax, %dx
        movw    $0xff08, %ax
        outw    %ax, %dx
        xorw    %di, %di
2:      movb    %es:(%di), %bl
        movb    $0x3c, %es:(%di)
        addw    $7, %di
        cmpw    $38000, %di
        jb      2b
        ret

fill_bytes:
        movw    $0xa000, %ax
        movw    %ax, %es
        xorw    %di, %di
1:      movw    %di, %ax
        shrw    $3, %ax
        addw    %di, %ax
        stosb
        testw   %di, %di
        jnz     1b
        ret

bytes:  movw    $0x0013, %ax
        int     $0x10
        jmp     fill_bytes

unchained:
        movw    $0x0013, %ax
        int     $0x10
        movw    $0x3c4, %dx
        movw    $0x0604, %ax            /* sequencer: no chain 4 */
        outw    %ax, %dx
        movw    $0x3d4, %dx
        movw    $0x0014, %ax            /* CRT controller: no doublewords, bytes */
        outw    %ax, %dx
        movw    $0xe317, %ax
        outw    %ax, %dx
        movw    $0x0d0c, %ax            /* start address */
        outw    %ax, %dx
        movw    $0x370d, %ax
        outw    %ax, %dx
        movw    $0x1f07, %ax            /* line 0x150 is compared */
        outw    %ax, %dx
        movw    $0x0109, %ax
        outw    %ax, %dx
        movw    $0x5018, %ax
        outw    %ax, %dx
        movw    $0x0102, %cx            /* each plane by itself */
1:      movw    $0x3c4, %dx
        movb    $2, %al
        movb    %cl, %ah
        outw    %ax, %dx
        pushw   %cx
        call    fill_bytes
        popw    %cx
        shlb    $1, %cl
        testb   $0x10, %cl
        jz      1b
        ret

cga:    movw    $0x0004, %ax
        int     $0x10
        movw    $0xb800, %ax
        movw    %ax, %es
        xorw    %di, %di
1:      movw    %di, %ax
        shrw    $2, %ax
        xorw    %di, %ax
        stosb
        cmpw    $0x4000, %di
        jb      1b
        ret

/* Lines at once, so that they are seen at once. */
echo:   movw    $0x0003, %ax
        int     $0x10
        movw    $prompt, %si
        call    show
1:      movw    $line, %di
2:      movb    $0, %ah
        int     $0x16
        stosb
        cmpb    $13, %al
        jne     2b
        movl    $0x0a, (%di)
        movw    $line, %si
        call    show
        jmp     1b

show:   lodsb
        testb   %al, %al
        jz      1f
        movb    $0x0e, %ah
        movw    $0x0007, %bx
        int     $0x10
        jmp     show
1:      ret

prompt: .asciz  "type a line\r\n"
        .set    line, 0x9000

vbe8:   movw    $0x101, %bx
        jmp     vbe
vbe16:  movw    $0x111, %bx
        jmp     vbe
vbe24:  movw    $0x112, %bx
        jmp     vbe
vbe32:  movw    $0x142, %bx
        jmp     vbe
vbe_large:
        movw    $0x118, %bx
vbe:    movw    $0x4f02, %ax
        int     $0x10
        xorw    %bp, %bp
1:      movw    $0x1ce, %dx             /* bank after bank */
        movw    $5, %ax
        outw    %ax, %dx
        incw    %dx
        movw    %bp, %ax
        outw    %ax, %dx
        movw    $0xa000, %ax
        movw    %ax, %es
        xorw    %di, %di
2:      movw    %di, %ax
        shrw    $5, %ax
        xorw    %di, %ax
        addw    %bp, %ax
        stosw
        testw   %di, %di
        jnz     2b
        incw    %bp
        cmpw    $48, %bp
        jb      1b
        ret

        .org    _start + 2048
