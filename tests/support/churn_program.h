/* SPDX-License-Identifier: MIT */
/* The programs of churn.h: where what is, and who writes them. */
#ifndef TESTS_SUPPORT_CHURN_PROGRAM_H
#define TESTS_SUPPORT_CHURN_PROGRAM_H

#include "base/rng.h"
#include "memory/space.h"

/* ---- physical memory */

#define CHURN_RAM UINT64_C(0x40000000)
#define CHURN_RAM_BYTES UINT64_C(0x400000)
#define CHURN_VECTORS (CHURN_RAM + 0x1000)
#define CHURN_ROOT_A (CHURN_RAM + 0x2000) /* level 1 */
#define CHURN_ROOT_B (CHURN_RAM + 0x3000)
#define CHURN_LEVEL2_A (CHURN_RAM + 0x4000) /* of the window, 0xc0000000 */
#define CHURN_LEVEL2_B (CHURN_RAM + 0x5000)
#define CHURN_LEVEL3_A (CHURN_RAM + 0x6000) /* of its first 2 MiB */
#define CHURN_LEVEL3_B (CHURN_RAM + 0x7000)
#define CHURN_COUNTS (CHURN_RAM + 0x8000) /* faults taken */
#define CHURN_CODE (CHURN_RAM + 0x100000)
#define CHURN_CODE_BYTES 0x40000u
#define CHURN_DATA (CHURN_RAM + 0x200000)
#define CHURN_DATA_PAGES 16u
#define CHURN_COVERED (CHURN_DATA + 2 * 4096) /* two pages that other memory may cover */
#define CHURN_MIXED (CHURN_DATA + 5 * 4096)   /* a device may cover a part of this page */
#define CHURN_MIXED_FROM 0x340u
#define CHURN_MIXED_BYTES 0x80u
#define CHURN_FUNCTIONS (CHURN_RAM + 0x300000) /* a page, and one that may cover it */
#define CHURN_DEVICE UINT64_C(0x09000000)
#define CHURN_FLASH UINT64_C(0x04000000)
#define CHURN_FLASH_BYTES 0x4000u
#define CHURN_MOVED_BYTES 0x4000u          /* pages of functions and of data in turn */
#define CHURN_MOVED_A UINT64_C(0x0a000000) /* where it is, if anywhere */
#define CHURN_MOVED_B UINT64_C(0x0a002000)

/* What a write to the device does: the register's number. Reads of CHURN_TURN turn that one. */
enum churn_register {
    CHURN_COVER,    /* other memory on two pages of data, or not */
    CHURN_MIX,      /* a device on a part of a page */
    CHURN_FLASH_IO, /* the flash is a device, or can be read */
    CHURN_MOVE,     /* memory is at A, at B, nowhere */
    CHURN_FUNCTION, /* other memory on the page of functions */
    CHURN_TURN,     /* as CHURN_COVER, by a read */
    CHURN_BASE,     /* a device on a part of the first page */
    CHURN_REGISTERS,
    CHURN_DMA = 16 /* a function's first instruction becomes what the value says */
};

/* ---- virtual addresses beside the identity: */
#define CHURN_ALIAS UINT64_C(0x80000000)  /* the first GiB again, cacheable and executable */
#define CHURN_WINDOW UINT64_C(0xc0000000) /* what the page tables of the two address spaces say */
#define CHURN_WINDOW_PAGES 16u            /* at its start; the last is for code */
#define CHURN_WINDOW_SAME 14u  /* of these, the one that each space has for a page of functions */
#define CHURN_WINDOW_BLOCKS 4u /* of 2 MiB */

#define CHURN_FUNCTION_COUNT 8u /* in a page of functions, 0x100 bytes each at its end */
uint64_t churn_function_offset(unsigned n); /* in the page */

/* Writes the program into RAM (host address of CHURN_RAM). */
void churn_program(struct rng *r, uint8_t *ram, bool coherent);
/* Writes a page of functions. */
void churn_functions(struct rng *r, uint8_t *page);

#endif
