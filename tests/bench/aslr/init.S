/* SPDX-License-Identifier: MIT */
/*
 * The guest's first process: runs /p0 20 times, so that the kernel is warm, then /p1 RUNS times at one address and /p2 as
 * often at random ones, all copies of one program. Prints the microseconds of both and turns the machine off.
 */
        .set    RUNS, 100
        .set    ADDR_NO_RANDOMIZE, 0x0040000
        .macro  sys number
        mov     x8, #\number
        svc     #0
        .endm

        .text
        .globl  _start
_start: adr     x19, p0
        mov     x20, #20
        mov     x21, #0
        bl      run
        adr     x19, p1
        mov     x20, #RUNS
        mov     x21, #ADDR_NO_RANDOMIZE
        bl      run
        mov     x24, x0
        adr     x19, p2
        mov     x20, #RUNS
        mov     x21, #0
        bl      run
        mov     x25, x0
        adr     x0, said
        mov     x1, #said_end - said
        bl      say
        mov     x0, x24
        bl      say_number
        mov     x0, x25
        bl      say_number
        adr     x0, newline
        mov     x1, #1
        bl      say
off:    mov     x0, #0xdead
        movk    x0, #0xfee1, lsl #16
        mov     x1, #0x1969
        movk    x1, #0x2812, lsl #16
        mov     x2, #0xfedc
        movk    x2, #0x4321, lsl #16
        sys     142                     /* reboot: power off */
        b       off

/* x0 = microseconds for x20 processes of the program x19 with the personality x21 */
run:    mov     x29, x30
        bl      now
        mov     x22, x0
1:      mov     x0, #17                 /* SIGCHLD */
        mov     x1, #0
        mov     x2, #0
        mov     x3, #0
        mov     x4, #0
        sys     220                     /* clone */
        cbz     x0, child
        mov     x0, #-1
        adr     x1, status
        mov     x2, #0
        mov     x3, #0
        sys     260                     /* wait4 */
        ldr     w1, status
        cbnz    w1, failed
        subs    x20, x20, #1
        b.ne    1b
        bl      now
        sub     x0, x0, x22
        mov     x30, x29
        ret
child:  mov     x0, x21
        sys     92                      /* personality */
        mov     x0, x19
        adr     x1, none
        adr     x2, none
        sys     221                     /* execve */
        mov     x0, #99
        sys     93                      /* exit */
failed: adr     x0, sorry
        mov     x1, #sorry_end - sorry
        bl      say
        b       off

now:    mov     x0, #1                  /* CLOCK_MONOTONIC */
        adr     x1, time
        sys     113                     /* clock_gettime */
        ldr     x0, time
        ldr     x1, time + 8
        mov     x2, #16960
        movk    x2, #15, lsl #16        /* 1,000,000 */
        mul     x0, x0, x2
        mov     x2, #1000
        udiv    x1, x1, x2
        add     x0, x0, x1
        ret

say:    mov     x2, x1
        mov     x1, x0
        mov     x0, #1
        sys     64                      /* write */
        ret

say_number:
        adr     x1, digits_end
        mov     x3, #10
2:      udiv    x2, x0, x3
        msub    x4, x2, x3, x0
        add     w4, w4, #'0'
        strb    w4, [x1, #-1]!
        mov     x0, x2
        cbnz    x0, 2b
        mov     w4, #' '
        strb    w4, [x1, #-1]!
        mov     x0, x1
        adr     x2, digits_end
        sub     x1, x2, x1
        b       say

p0:     .asciz  "/p0"
p1:     .asciz  "/p1"
p2:     .asciz  "/p2"
said:   .ascii  "ASLR"
said_end:
sorry:  .ascii  "a program failed\n"
sorry_end:
newline: .ascii "\n"
        .balign 8
none:   .quad   0
time:   .quad   0, 0
status: .word   0
        .skip   24
digits_end:
