/* SPDX-License-Identifier: MIT */
/*
 * The state of an x86 vCPU. Intel SDM, volume 1, chapter 3, and volume 3, chapters 2 and 3.
 */
#ifndef CPU_X86_CPU_H
#define CPU_X86_CPU_H

#include "base/rng.h"
#include "cpu/x86.h"
#include "cpu/x86/cpuid.h"
#include "tcg/ir.h"

enum {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI
};

/* Rows of the translator: general registers by their numbers, the status flags, YMM registers. */
enum {
    X86_REG_FLAGS = 16,
    X86_REG_YMM, /* the first of 16 */
    X86_REGS = X86_REG_YMM + 16
};

/* Segment registers by their numbers. */
enum {
    X86_ES,
    X86_CS,
    X86_SS,
    X86_DS,
    X86_FS,
    X86_GS,
    X86_SEGMENTS
};

/* RFLAGS */
#define X86_CF 0x1u
#define X86_PF 0x4u
#define X86_AF 0x10u
#define X86_ZF 0x40u
#define X86_SF 0x80u
#define X86_TF 0x100u
#define X86_IF 0x200u
#define X86_DF 0x400u
#define X86_OF 0x800u
#define X86_IOPL 0x3000u
#define X86_NT 0x4000u
#define X86_RF 0x10000u
#define X86_VM 0x20000u
#define X86_AC 0x40000u
#define X86_VIF 0x80000u
#define X86_VIP 0x100000u
#define X86_ID 0x200000u
#define X86_STATUS (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)
/* Those that x86_cpu.rflags has. */
#define X86_RFLAGS_KEPT                                                                            \
    (X86_TF | X86_IF | X86_IOPL | X86_NT | X86_RF | X86_VM | X86_AC | X86_VIF | X86_VIP | X86_ID)

#define X86_CR0_PE 0x1u
#define X86_CR0_MP 0x2u
#define X86_CR0_EM 0x4u
#define X86_CR0_TS 0x8u
#define X86_CR0_NE 0x20u
#define X86_CR0_AM 0x40000u
#define X86_CR0_WP 0x10000u
#define X86_CR0_PG 0x80000000u
#define X86_CR4_VME 0x1u
#define X86_CR4_PVI 0x2u
#define X86_CR4_TSD 0x4u
#define X86_CR4_DE 0x8u
#define X86_CR4_PSE 0x10u
#define X86_CR4_PAE 0x20u
#define X86_CR4_PGE 0x80u
#define X86_CR4_PCE 0x100u
#define X86_CR4_OSFXSR 0x200u
#define X86_CR4_OSXMMEXCPT 0x400u
#define X86_CR4_UMIP 0x800u
#define X86_CR4_LA57 0x1000u
#define X86_CR4_FSGSBASE 0x10000u
#define X86_CR4_PCIDE 0x20000u
#define X86_CR4_OSXSAVE 0x40000u
#define X86_CR4_SMEP 0x100000u
#define X86_CR4_SMAP 0x200000u
#define X86_CR4_PKE 0x400000u
#define X86_DR6_BD 0x2000u
#define X86_DR6_BS 0x4000u
#define X86_DR6_BT 0x8000u
#define X86_DR6_FIXED 0xffff0ff0u
#define X86_DR7_GD 0x2000u
#define X86_DR7_FIXED 0x400u
#define X86_EFER_SCE 0x1u
#define X86_EFER_LME 0x100u
#define X86_EFER_LMA 0x400u
#define X86_EFER_NXE 0x800u

/* Exceptions: volume 3, table 6-1. */
enum x86_vector {
    X86_DE,
    X86_DB,
    X86_NMI,
    X86_BP,
    X86_OF_TRAP,
    X86_BR,
    X86_UD,
    X86_NM,
    X86_DOUBLE,
    X86_TS = 10,
    X86_NP,
    X86_STACK,
    X86_GP,
    X86_PAGE,
    X86_MF = 16,
    X86_AC_FAULT,
    X86_XM = 19
};

/* Attributes of a segment: bits 40 to 55 of its descriptor. */
#define X86_A_TYPE 0xfu
#define X86_A_ACCESSED 0x1u
#define X86_A_WRITE 0x2u /* data: writable; code: readable */
#define X86_A_DOWN 0x4u  /* data: expands down; code: conforming */
#define X86_A_CODE 0x8u
#define X86_A_USER 0x10u /* S: code or data, not a system segment */
#define X86_A_DPL_SHIFT 5
#define X86_A_PRESENT 0x80u
#define X86_A_LONG 0x2000u
#define X86_A_BIG 0x4000u
#define X86_A_PAGES 0x8000u

struct x86_segment {
    uint64_t base;
    uint64_t end_read, end_write; /* offsets below them are fine without a further look */
    uint32_t limit;               /* in bytes */
    uint16_t attr;
    uint16_t selector;
};

struct x86_table {
    uint64_t base;
    uint32_t limit, unused;
};

/* A register of the x87 unit, whose low part is one of MMX. */
struct x86_st {
    uint64_t low;
    uint16_t high; /* sign and exponent */
    uint16_t unused[3];
};

/* Registers are R0 to R7; ST(n) is register (top + n) modulo 8. */
struct x86_fpu {
    struct x86_st st[8];
    uint8_t top, used;           /* a bit for each register: it is not empty */
    uint16_t control, status;    /* without TOP */
    uint16_t opcode, code, data; /* of the last instruction: opcode, CS, DS */
    uint16_t unused[2];
    uint64_t ip, dp;
};

/* The lower half is XMM. */
union x86_ymm {
    union ir_v128 half[2];
    uint8_t u8[32];
};

struct x86_caches;
struct x86_model;

/* What CPUID says beside features. */
struct x86_identity {
    char vendor[13];
    char text[49]; /* leaves 0x80000002 to 0x80000004 */
    uint16_t family;
    uint8_t model, stepping;
    uint8_t phys_bits;        /* 0: as all models have */
    uint32_t level, extended; /* greatest leaves */
    const struct x86_caches *caches;
};

/* What is delivered: it decides EXT in error codes, and whose rights a gate looks at. */
enum x86_event {
    X86_EVENT_NONE,
    X86_EVENT_SOFTWARE, /* INT n, INT3, INTO */
    X86_EVENT_EXTERNAL  /* all others */
};

/* RAM of a space, where page tables were found last: as long as its generation is that. */
struct x86_table_ram {
    struct space *space;
    const uint8_t *host;
    paddr base;
    uint64_t size, generation;
};

struct x86_cpu {
    struct vcpu vcpu;
    uint64_t r[16];
    uint16_t flags; /* as values of FLAGS have them; the rest of RFLAGS: */
    uint16_t pad1;
    uint32_t rflags;    /* IF, TF, IOPL, NT, RF, VM, AC, VIF, VIP, ID */
    uint64_t direction; /* of string instructions: 1, or all ones if DF is set */
    uint64_t rip, aux;
    union x86_ymm ymm[16];
    struct x86_fpu fpu;
    uint32_t mxcsr;     /* flags do not count: x86_mxcsr() */
    uint8_t upper_used; /* 0: the upper halves of all YMM registers are 0 */
    uint8_t pad2[3];
    struct x86_segment seg[X86_SEGMENTS], ldt, tr;
    struct x86_table gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer;
    uint64_t dr[8];
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t tsc_offset, tsc_aux;
    uint64_t pat, misc_enable, mtrr_default;
    uint64_t mtrr_range[16], mtrr_fixed[11]; /* base and mask of each; 64K, 16K, 4K */
    uint64_t xcr0, xss;
    uint32_t pkru;
    uint32_t smbase;
    uint64_t repeat_pc;  /* of a string instruction that goes on there */
    uint64_t monitor_at; /* linear */
    uint64_t pdpte[4];   /* of PAE: read when CR3 is loaded */
    bool nmi_blocked;    /* until IRET */
    bool in_smm;
    bool nmi_was_blocked;  /* before the SMI */
    uint8_t debug_pending; /* bits of DR6 for behind the next instruction */
    bool ignne;            /* IGNNE#, until there is no x87 exception */
    bool monitors;         /* MONITOR has been executed: */
    uint8_t monitor_value; /* the byte at its address, */
    uint8_t in_mwait;      /* and the CPU sleeps in MWAIT */
    bool keeps_rf;         /* the instruction that runs began with RF, and has set it again */
    bool steps_by_new;     /* it began with TF, and is followed by a step if TF still is set */
    uint8_t event;         /* enum x86_event: while it is delivered */
    /* Raised, and not taken yet. */
    uint8_t vector;
    uint8_t skip;  /* bytes of the instruction that it goes on behind: a trap */
    bool software; /* by INT n and its like */
    bool has_error;
    bool trap;        /* it goes on there even so (skip is 0) */
    bool look_again;  /* the instruction says which exception it is */
    bool interrupted; /* no exception: an interrupt comes before the instruction */
    uint8_t pad3[2];
    uint32_t error;
    /* A reset keeps the rest. */
    const struct x86_model *model;
    struct x86_identity identity;
    uint32_t cpuid[X86_CPUID_WORD_COUNT]; /* of the model, with what was chosen */
    uint32_t asked[X86_CPUID_WORD_COUNT]; /* ... and what is not emulated */
    uint64_t features;                    /* enum x86_feat as bits; from these */
    struct rng rng;                       /* of RDRAND */
    const struct x86_apic *apic;
    struct x86_table_ram table_ram;
    struct irq ferr;                   /* the line FERR#, to the board */
    struct clock_timer *monitor_timer; /* or NULL */
    unsigned cpu_count;                /* of the machine */
    uint32_t logged;                   /* deliveries */
    uint8_t boot;                      /* enum x86_boot */
    bool a20_masked;                   /* bit 20 of physical addresses is 0, */
    _Atomic bool a20_wanted;           /* and what it is to be */
    bool checks;                       /* users are told of what is asked for and not emulated */
    uint8_t pad4[4];
    _Atomic uint32_t
        startup; /* a start-up message that came before the INIT was done: 256 | vector */
};

static inline struct x86_cpu *x86_cpu(struct vcpu *v)
{
    return (struct x86_cpu *)v;
}

/*
 * The mode key. In 64-bit code FS and GS have bases, which are always added, and nothing else of
 * segments counts.
 */
#define X86_KEY_CODE_SHIFT 0 /* 2 bits: 0, 1, 2 for 16-, 32-, 64-bit code */
#define X86_KEY_BIG_STACK 4u /* the stack pointer has 32 bits; in 64-bit code 64 */
#define X86_KEY_CPL_SHIFT 3
#define X86_KEY_BASE_SHIFT 5   /* a bit for each segment: its base is not 0 */
#define X86_KEY_LIMIT_SHIFT 11 /* a bit for each: accesses look at its limit and attributes */
#define X86_KEY_PROTECTED (UINT64_C(1) << 17)
#define X86_KEY_VM86 (UINT64_C(1) << 18)
#define X86_KEY_ALIGN (UINT64_C(1) << 19) /* #AC */
#define X86_KEY_LONG (UINT64_C(1) << 20)  /* EFER.LMA */
#define X86_KEY_IOPL_SHIFT 21
#define X86_KEY_OPEN                                                                               \
    (UINT64_C(1) << 23)                /* system code with SMAP and AC: accesses to user pages     \
                                        */
#define X86_KEY_TF (UINT64_C(1) << 24) /* single steps */
#define X86_KEY_TS (UINT64_C(1) << 25) /* CR0.TS, CR0.EM, CR4.OSFXSR clear */
#define X86_KEY_EM (UINT64_C(1) << 26)
#define X86_KEY_NO_SSE (UINT64_C(1) << 27)
#define X86_KEY_FTZ (UINT64_C(1) << 28) /* of MXCSR, and: not all exceptions are masked */
#define X86_KEY_DAZ (UINT64_C(1) << 29)
#define X86_KEY_XM (UINT64_C(1) << 30)
#define X86_KEY_XSAVE (UINT64_C(1) << 31) /* CR4.OSXSAVE */
#define X86_KEY_FSGSBASE (UINT64_C(1) << 32)
#define X86_KEY_UMIP (UINT64_C(1) << 33)
#define X86_KEY_AVX (UINT64_C(1) << 34)     /* of CR4 and XCR0 */
#define X86_KEY_BREAK_SHIFT 35              /* a bit for each of DR0 to DR3: a breakpoint of code */
#define X86_KEY_RF (UINT64_C(1) << 39)      /* it lets one instruction go by */
#define X86_KEY_PENDING (UINT64_C(1) << 40) /* a debug exception waits for its end */

/* Bits of an instruction's `local` (struct ir_builder). */
#define X86_LOCAL_SHADOW 1u /* behind STI or a load of SS: no interrupt comes before it is done */
#define X86_LOCAL_SS 4u     /* behind a load of SS: nor a debug exception */
#define X86_LOCAL_WAITS 8u  /* STI, and an interrupt waits; IN, from the backdoor */
#define X86_LOCAL_ALL (X86_LOCAL_SHADOW | X86_LOCAL_SS | X86_LOCAL_WAITS)
/* In code of level 3: upper halves of YMM registers may be used, which legacy SSE code must keep.
 * Other code never knows. */
#define X86_LOCAL_UPPER 2u

/* MMU indices. */
enum {
    X86_MMU_SYSTEM,
    X86_MMU_USER,
    X86_MMU_PORTS,
    X86_MMU_OPEN /* the system's where SMAP lets it access user pages */
};

static inline unsigned x86_cpl(const struct x86_cpu *c)
{
    return c->seg[X86_SS].attr >> X86_A_DPL_SHIFT & 3;
}

static inline bool x86_is_long(const struct x86_cpu *c)
{
    return (c->efer & X86_EFER_LMA) && (c->seg[X86_CS].attr & X86_A_LONG);
}

/* models.c: X86_HAS_ bits */
bool x86_has(const struct x86_cpu *c, unsigned bit);
bool x86_is_intel(const struct x86_cpu *c); /* what the maker decides */
const char *x86_model_name(const struct x86_cpu *c);

/* cpuid.c: MAXPHYADDR */
unsigned x86_physical_bits(const struct x86_cpu *c);

/* xsave.c: CPUID's leaf of it. */
void x86_cpuid_xsave(const struct x86_cpu *c, uint32_t subleaf, uint32_t r[4]);

/* msr.c */
uint64_t x86_tsc(struct x86_cpu *c);
/* What a program can have written, for saved states; those of control.c: control registers. */
bool x86_msrs_possible(const struct x86_cpu *c);
uint64_t x86_efer_bits(const struct x86_cpu *c); /* that it has */
bool x86_control_possible(const struct x86_cpu *c);

/* class.c */
void x86_reset(struct vcpu *v);
void x86_reset_by_init(struct x86_cpu *c);
void x86_boot(struct vcpu *v, uint64_t entry, uint64_t arg);
uint64_t x86_rflags(const struct x86_cpu *c);
void x86_set_rflags(struct x86_cpu *c, uint64_t value, uint64_t mask);
unsigned x86_code_bytes(const struct x86_cpu *c); /* 2, 4, 8: the code that runs */
unsigned x86_stack_bytes(const struct x86_cpu *c);
/* Of CS where code is not 64-bit: what PCs count from. */
uint64_t x86_code_base(const struct x86_cpu *c);
/* What code that begins now is translated for, beside its mode (struct ir_builder). */
uint64_t x86_code_aux(const struct x86_cpu *c);
/* From a run-time function of op tail: goes on at pc, with the state as it is. */
uint64_t x86_go(struct x86_cpu *c, uint64_t pc);

/* The number of the space of memory that the CPU sees, and the space. */
static inline unsigned x86_space_number(const struct x86_cpu *c)
{
    return c->in_smm && c->vcpu.spaces[X86_SPACE_SMM] ? X86_SPACE_SMM : 0;
}
/* With the A20 gate closed bit 20 is 0. */
static inline paddr x86_a20(const struct x86_cpu *c, paddr pa)
{
    return c->a20_masked ? pa & ~(UINT64_C(1) << 20) : pa;
}
static inline struct space *x86_space(const struct x86_cpu *c)
{
    return c->vcpu.spaces[x86_space_number(c)];
}

/* exception.c: of the instruction that runs. A fault without error code; one with; a trap behind
 * the instruction, which has so many bytes. */
void x86_raise(struct x86_cpu *c, enum x86_vector vector);
void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error);
/* #GP(0); false, for checks to return. */
bool x86_raise_gp(struct x86_cpu *c);
void x86_raise_trap(struct x86_cpu *c, unsigned vector, unsigned bytes, bool software);
void x86_raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault);

/* deliver.c */
void x86_take_exception(struct vcpu *v);
/* An external interrupt, or NMI. */
void x86_deliver_interrupt(struct x86_cpu *c, unsigned vector);
/* The CPU can do nothing more: the machine is told. */
void x86_shut_down(struct x86_cpu *c, const char *why);

/* debug.c: DR7 or DR0 to DR3 have changed. RFLAGS were loaded by an instruction that may set RF. */
void x86_debug_changed(struct x86_cpu *c);
void x86_flags_returned(struct x86_cpu *c, bool had_rf);

/* control.c: by a switch of tasks, which has no other checks. */
bool x86_load_cr3(struct x86_cpu *c, uint64_t value);
/* The local APIC's, where there is one. */
uint64_t x86_cr8(const struct x86_cpu *c);

/* interrupt.c */
bool x86_interrupt_ready(struct vcpu *v);
void x86_take_interrupt(struct vcpu *v);
bool x86_has_work(struct vcpu *v);
/* Interrupts may have been unmasked: leaves generated code soon if one waits. */
void x86_look_for_interrupts(struct x86_cpu *c);
/* As x86_go, and no interrupt comes before the instruction at pc is done; with X86_LOCAL_SS no
 * debug exception does either. */
uint64_t x86_go_shadowed(struct x86_cpu *c, uint64_t pc, unsigned local);
/* On v's thread, outside guest code: the A20 gate is as the board wants it. */
void x86_settle_a20(struct x86_cpu *c);

/* fault.c: the exception of an address that is not canonical or goes beyond 4 GiB. */
void x86_refine_fault(struct x86_cpu *c);

/* segment.c */
void x86_segment_fill(struct x86_segment *s, uint16_t selector, uint64_t descriptor);
/* What follows from base, limit and attributes. */
void x86_segment_settle(struct x86_segment *s);
void x86_segment_real(struct x86_segment *s, uint16_t selector);
/* The descriptor of a selector; false: it is beyond its table (nothing is raised). A fault of the
 * access is raised. */
enum x86_look {
    X86_FOUND,
    X86_BEYOND,
    X86_FAULTED
};
enum x86_look x86_descriptor(struct x86_cpu *c, uint16_t selector, uint64_t *d);
/* Loads a segment register other than CS by MOV and its like; false: raised. */
bool x86_load_segment(struct x86_cpu *c, unsigned reg, uint16_t selector);
/* Loads CS or SS with a descriptor that has been checked; sets its accessed bit. */
bool x86_load_checked(struct x86_cpu *c, unsigned reg, uint16_t selector, uint64_t descriptor);

/* access.c: whether a segment allows it; an access of so many bytes at an offset, in code that is
 * not 64-bit: false: raised. */
bool x86_segment_allows(const struct x86_segment *s, uint64_t offset, unsigned bytes, bool write);
bool x86_segment_check(struct x86_cpu *c, unsigned seg, uint64_t offset, unsigned bytes,
                       bool write);

/* system.c: whether ports may be used; false: raised. */
bool x86_port_allowed(struct x86_cpu *c, uint16_t port, unsigned bytes);

/* mmu.c */
bool x86_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault);
bool x86_debug_translate(struct vcpu *v, vaddr va, paddr *pa);
void x86_mapping(struct vcpu *v, vaddr va, struct cpu_mapping *m);
bool x86_is_canonical(const struct x86_cpu *c, uint64_t va);

/* translate.c */
void x86_translate_block(struct vcpu *v, struct ir_builder *b);
unsigned x86_disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                   size_t size);
bool x86_crosses(struct vcpu *v, const uint8_t *bytes, uint32_t n);

#endif
