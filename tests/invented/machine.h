/* SPDX-License-Identifier: MIT */
/*
 * An invented architecture, which has what A64 has not and other guests have: so that the core is
 * tried with it before they come. It is a class of CPUs like any other, and only tests know it.
 *
 * Sixteen registers of 64 bits and flags; big-endian; instructions of 2, 4 and 6 bytes, aligned to
 * 2 (inv.decode). Addresses have 32 bits, or with INV_AM31 31, and wrap around; their two upper
 * bits name a region. Each region has a space of its own, and each space a table of 64 pages.
 *
 * Code is fetched from a base behind which PCs count; FAR sets it. From the highest PCs nothing is
 * fetched: who goes there returns from an exception. EX executes an instruction from elsewhere with
 * bits of a register in it, COPY is a loop within an instruction, IT makes instructions depend on a
 * condition, EI delays interrupts by an instruction, and TM leaves another kind of condition than
 * arithmetic does. All of these are `aux` (tcg/ir.h).
 *
 * Addresses of data that are made from registers 10 and 11 count from a segment's base. PIN and
 * POUT have ports, which are another space of physical addresses. XADD is one access for all vCPUs,
 * wherever it is.
 *
 * With INV_TRACE each instruction, as with EX the one that is executed, is followed by an
 * exception. So is one that accesses what SETWP names; that comes behind a shadow.
 *
 * An exception saves mode and PC, clears the mode, which turns translation off, and goes on at a
 * vector; SKIP goes back to the instruction behind it.
 */
#ifndef TESTS_INVENTED_MACHINE_H
#define TESTS_INVENTED_MACHINE_H

#include "cpu/cpu.h"
#include "tcg/ir.h"

/* ---- modes */
#define INV_DAT 1u   /* addresses are translated */
#define INV_AM31 2u  /* addresses have 31 bits */
#define INV_PORTS 2u /* of MMU indices: ports, in place of INV_AM31 */
#define INV_PORT_BYTES 0x100u
#define INV_TRACE 4u /* an exception behind each instruction */
#define INV_MODES 7u /* all of them */
#define INV_HELD 8u  /* of mode keys: one is due behind the next instruction */

/* ---- physical memory: RAM from 0 on */
#define INV_RAM_BYTES 0x100000u
#define INV_CODE_BYTES 0x10000u /* at its start */
#define INV_TABLES 0xf0000u     /* of pages: big-endian words, 64 for each space */
#define INV_SPACES                                                                                 \
    16u /* tables; a space is any number of 16 bits, of which the lower four say which             \
           is its table */
#define INV_SPACE_PAGES 64u
#define INV_VECTORS 0xe0000u     /* 256 bytes for each cause */
#define INV_DEVICE INV_RAM_BYTES /* a page of registers */

/* ---- a page's word: its address, and */
#define INV_PTE_VALID 1u
#define INV_PTE_READ 2u
#define INV_PTE_WRITE 4u
#define INV_PTE_EXEC 8u
#define INV_PTE_LOW 16u  /* the first 512 bytes may not be written, */
#define INV_PTE_HIGH 32u /* the last ones only be written: 32, or as bits 6 and 7 say */
#define INV_LOW_BYTES 512u
#define INV_HIGH_BYTES(pte) (CPU_PART_BYTES << ((pte) >> 6 & 3))

/* ---- aux. Local, of ordinary instructions: */
#define INV_NUMBER 1u       /* conditions are of the number in ccn, not of the flags */
#define INV_IT_SHIFT 1      /* instructions that depend on a condition: two bits, and */
#define INV_IT_COND_SHIFT 3 /* the condition */
#define INV_SHADOW 0x80u    /* no interrupt before this instruction */
#define INV_LOOK 0x100u     /* they are looked at before this one */
#define INV_BODY 0x200u     /* a round of COPY */
/* Upper half: */
#define INV_BASE_MASK 0x0fffffffu /* where code begins, in units of 16 bytes */
#define INV_EXECUTED (1u << 28)   /* the instruction is the lower half */
#define INV_EXECUTED_NUMBER (1u << 29)
#define INV_NOWHERE 16u /* PCs from the end that are no memory */

/* ---- virtual addresses */
#define INV_REGIONS 4u
#define INV_REGION_SHIFT 30

enum inv_cause {
    INV_ILLEGAL,
    INV_TRAP,
    INV_FETCH, /* not mapped, or not to be executed */
    INV_DATA,
    INV_BUS,
    INV_INTERRUPT,
    INV_FOLLOWED, /* behind an instruction, whose PC is the address */
    INV_CAUSES
};

/* Accesses that are followed by an exception. */
#define INV_WATCHES 2u
#define INV_WATCH_READ 1u
#define INV_WATCH_WRITE 2u
#define INV_WATCH_PORTS 4u /* of ports, in place of memory */
#define INV_TRACED 0x100u  /* in hits, beside a bit for each */
struct inv_watch {
    uint32_t from, bytes, kinds;
};

struct inv_cpu {
    struct vcpu vcpu;
    uint64_t r[16];
    uint32_t ccn;   /* 0 to 3 */
    uint16_t flags; /* as values of FLAGS have them */
    uint16_t spaces[INV_REGIONS];
    uint32_t mode;
    uint64_t pc, aux;
    uint64_t segment[2];
    uint32_t ie; /* interrupts are taken */
    struct inv_watch watch[INV_WATCHES];
    uint32_t held; /* bits of those that were met, and not told of yet */
    /* Of the last exception. */
    uint64_t saved_pc, saved_aux, address;
    uint32_t saved_mode, cause, hits;
    uint64_t counts[INV_CAUSES];
    /* Of one that was raised, and not taken yet. */
    uint32_t raised_cause;
    uint64_t raised_address;
    uint64_t restart; /* where SKIP goes on when it finds no instruction */
};

static inline struct inv_cpu *inv_cpu(struct vcpu *v)
{
    return (struct inv_cpu *)v;
}

enum inv_reg {
    INV_R0,
    INV_FLAGS = 16,
    INV_CCN,
    INV_ROWS
};

extern const struct cpu_class inv_cpu_class;

/* class.c */
uint64_t inv_wrap(uint32_t mode, uint64_t address);
void inv_raise(struct inv_cpu *c, enum inv_cause cause, uint64_t address);
bool inv_is_nowhere(uint32_t mode, uint64_t pc);
void inv_fetch(struct vcpu *v, uint64_t pc, uint64_t aux, struct cpu_fetch *f);
void inv_retry(struct inv_cpu *c); /* an interrupt comes first */
bool inv_interrupt_waits(const struct inv_cpu *c);
unsigned inv_length(uint16_t first); /* bytes of the instruction with that first halfword */

/* watch.c: as those of struct cpu_class */
bool inv_page_watched(const struct inv_cpu *c, uint64_t va, unsigned idx);
bool inv_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx);
bool inv_traces(uint64_t mode_key);
bool inv_marks_accesses(struct vcpu *v);
void inv_followed(struct vcpu *v, uint64_t pc, uint64_t mode_key, uint32_t marks);

/* mmu.c */
bool inv_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault);
uint32_t inv_space_tag(struct vcpu *v, vaddr va, unsigned idx);
uint64_t inv_identity(unsigned space); /* of a space, for flushes */
void inv_set_pte(struct vcpu *v, unsigned space, unsigned page, uint32_t word);

/* translate.c */
void inv_translate_block(struct vcpu *v, struct ir_builder *b);
unsigned inv_disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                   size_t size);

#endif
