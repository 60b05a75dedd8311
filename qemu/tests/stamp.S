/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of one boot sector that knows what its memory must hold. Round after round it visits every page of two
 * ranges, guest RAM and the frame buffer of a VGA card at PCI address 0:2.0 (another RAMBlock), expects the number
 * of the last round in it and writes the number of this one. A page that lost a store shows an older number: the
 * guest says 'B' on its serial port and stops. Every 16384 rounds it says '.'.
 */
        /*
         * Few enough pages, and far enough apart modulo 256, to stay in a TLB of 256 entries together with the
         * pages of code and stack: an entry that is evicted and filled again would hide what the test is for.
         */
        .set RAM_START, 0x00210000
        .set RAM_PAGES, 96
        .set COLD_START, 0x00800000     /* written once, so that the first pass takes its time */
        .set COLD_PAGES, 512
        .set VIDEO_OFFSET, 0x00080000
        .set VIDEO_PAGES, 64
        .set SERIAL, 0x3f8

        .code16
        .globl _start
_start: cli
        xorw %ax, %ax
        movw %ax, %ds
        lgdt gdt_descriptor
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmp $8, $protected

        .code32
protected:
        movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x7000, %esp

        movl $0x80001010, %eax          /* BAR 0 of 0:2.0: where the firmware put the frame buffer */
        movw $0xcf8, %dx
        outl %eax, %dx
        movw $0xcfc, %dx
        inl %dx, %eax
        andl $~15, %eax
        leal VIDEO_OFFSET(%eax), %ebx

        xorl %ebp, %ebp                 /* the number of the last round */
        movl $RAM_START, %edi           /* round 0: no expectation */
        movl $RAM_PAGES, %ecx
        call clear
        movl %ebx, %edi
        movl $VIDEO_PAGES, %ecx
        call clear
        movl $COLD_START, %edi
        movl $COLD_PAGES, %ecx
cold:   movl %edi, (%edi)
        addl $4096, %edi
        loop cold

round:  leal 1(%ebp), %eax
        movl $RAM_START, %edi
        movl $RAM_PAGES, %ecx
        call visit
        movl %ebx, %edi
        movl $VIDEO_PAGES, %ecx
        call visit
        movl %eax, %ebp
        testl $0x3fff, %eax
        jnz round
        movb $'.', %al
        movw $SERIAL, %dx
        outb %al, %dx
        jmp round

clear:  movl $0, (%edi)
        addl $4096, %edi
        loop clear
        ret

visit:  cmpl %ebp, (%edi)
        jne bug
        movl %eax, (%edi)
        addl $4096, %edi
        loop visit
        ret

bug:    movb $'B', %al
        movw $SERIAL, %dx
        outb %al, %dx
stop:   hlt
        jmp stop

        .align 4
gdt:    .quad 0
        .quad 0x00cf9a000000ffff
        .quad 0x00cf92000000ffff
gdt_descriptor:
        .word gdt_descriptor - gdt - 1
        .long gdt

        .org 510
        .word 0xaa55
