/* SPDX-License-Identifier: MIT */
/* Repeated string instructions: what the functions of the run-time are told by op call's constant.
 */
#ifndef CPU_X86_STRING_H
#define CPU_X86_STRING_H

#include "cpu/x86/cpu.h"

#define X86_STRING_SIZE 3   /* log2, 2 bits */
#define X86_STRING_AS 5     /* log2, 2 bits */
#define X86_STRING_SEG 7    /* 3 bits */
#define X86_STRING_UNTIL 10 /* 2 bits: 0 always, 1 while ZF is clear, 2 while it is set */
#define X86_STRING_CODE 12  /* 2 bits: log2 of the code's bytes */
#define X86_STRING_LONG 14  /* addresses have 64 bits */
#define X86_STRING_MMU 15   /* 5 bits */

/* string_leaf.c: at linear addresses, at most `left` elements. They give how many were done, and
 * comparisons the flags in bits 32 to 47; 0: none, somebody else must look. */
uint64_t x86_copy_leaf(struct vcpu *v, uint64_t to, uint64_t from, uint64_t left, uint32_t aux);
uint64_t x86_fill_leaf(struct vcpu *v, uint64_t to, uint64_t value, uint64_t left, uint32_t aux);
uint64_t x86_compare_leaf(struct vcpu *v, uint64_t x, uint64_t y, uint64_t left, uint32_t aux);
uint64_t x86_scan_leaf(struct vcpu *v, uint64_t x, uint64_t value, uint64_t left, uint32_t aux);

#endif
