/* SPDX-License-Identifier: MIT */
/*
 * The state of one Arm vCPU in AArch64 (Arm Architecture Reference Manual, DDI 0487).
 *
 * Not here: AArch32, EL2, EL3, SVE, SME, MTE. Registers that exist once for each exception level
 * are arrays indexed by the level, so that EL2 and EL3 find their place; entry 0 is unused where
 * EL0 has no such register.
 */
#ifndef CPU_ARM_CPU_H
#define CPU_ARM_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "tcg/ir.h"

/* Identification registers whose values make a model; the rest reads as zero. */
enum arm_id {
    ARM_ID_MIDR,
    ARM_ID_REVIDR,
    ARM_ID_CTR,
    ARM_ID_CLIDR,
    ARM_ID_A32_PFR0, /* what the product says of AArch32 */
    ARM_ID_A32_PFR1,
    ARM_ID_A32_PFR2,
    ARM_ID_A32_DFR0,
    ARM_ID_A32_DFR1,
    ARM_ID_A32_MMFR0,
    ARM_ID_A32_MMFR1,
    ARM_ID_A32_MMFR2,
    ARM_ID_A32_MMFR3,
    ARM_ID_A32_MMFR4,
    ARM_ID_A32_MMFR5,
    ARM_ID_A32_ISAR0,
    ARM_ID_A32_ISAR1,
    ARM_ID_A32_ISAR2,
    ARM_ID_A32_ISAR3,
    ARM_ID_A32_ISAR4,
    ARM_ID_A32_ISAR5,
    ARM_ID_A32_ISAR6,
    ARM_ID_MVFR0,
    ARM_ID_MVFR1,
    ARM_ID_MVFR2,
    ARM_ID_PFR0,
    ARM_ID_PFR1,
    ARM_ID_PFR2,
    ARM_ID_DFR0,
    ARM_ID_DFR1,
    ARM_ID_ISAR0,
    ARM_ID_ISAR1,
    ARM_ID_ISAR2,
    ARM_ID_MMFR0,
    ARM_ID_MMFR1,
    ARM_ID_MMFR2,
    ARM_ID_MMFR3,
    ARM_ID_MMFR4,
    ARM_ID_COUNT
};

enum arm_feature {
#define ARM_FEATURE(name, reg, lo, value) ARM_HAS_##name,
#include "cpu/arm/features.h"
    ARM_HAS_pauth, /* any of the three algorithms */
    ARM_HAS_fp16,
    ARM_HAS_pmu,
    ARM_HAS_lpa2,
    ARM_HAS_impdef_a5x, /* the product's own registers: see enum arm_impdef */
    ARM_HAS_impdef_n1,
    ARM_HAS_impdef_v1,
    ARM_FEATURE_COUNT
};
_Static_assert(ARM_FEATURE_COUNT <= 128, "struct arm_cpu.features");

/* PSTATE but NZCV, in the layout of SPSR_ELx: bits of arm_cpu.pstate. */
enum {
    PSTATE_SP = 1u << 0,
    PSTATE_EL_SHIFT = 2,
    PSTATE_EL = 3u << 2,
    PSTATE_NRW = 1u << 4,
    PSTATE_F_SHIFT = 6,
    PSTATE_F = 1u << 6,
    PSTATE_I = 1u << 7,
    PSTATE_A = 1u << 8,
    PSTATE_D = 1u << 9,
    PSTATE_DAIF = 15u << 6,
    PSTATE_BTYPE_SHIFT = 10, /* only in SPSR_ELx: see arm_cpu.branch_pc */
    PSTATE_BTYPE = 3u << 10,
    PSTATE_SSBS = 1u << 12,
    PSTATE_ALLINT = 1u << 13,
    PSTATE_IL = 1u << 20,
    PSTATE_SS = 1u << 21,
    PSTATE_PAN = 1u << 22,
    PSTATE_UAO = 1u << 23,
    PSTATE_DIT = 1u << 24,
};

/* MMU indices: translation regime and privilege of an access. */
enum arm_mmu_index {
    ARM_MMU_EL0,
    ARM_MMU_EL1,
    ARM_MMU_EL1_PAN
};

/* Fields of arm_cpu.mode: all that translated code depends on beside the guest's instructions. */
enum {
    MODE_EL_SHIFT = 0,
    MODE_SPSEL = 1u << 2,
    MODE_IDX_SHIFT = 3,       /* MMU index of ordinary accesses */
    MODE_UIDX_SHIFT = 6,      /* and of LDTR and STTR */
    MODE_ALIGN = 1u << 9,     /* SCTLR_ELx.A */
    MODE_NAA = 1u << 10,      /* SCTLR_ELx.nAA */
    MODE_FP_TRAP = 1u << 11,  /* CPACR_EL1.FPEN */
    MODE_SA = 1u << 12,       /* SCTLR_ELx.SA or SA0: SP must be aligned when it is a base */
    MODE_SP_CHECK = 1u << 25, /* and it is not: see arm_cpu.sp_misaligned */
    MODE_IL = 1u << 13,
    MODE_TBI0 = 1u << 14, /* branches ignore the top byte, by bit 55 */
    MODE_TBI1 = 1u << 15,
    MODE_DEBUG = 1u << 16,    /* some breakpoint is enabled: instructions are checked one by one */
    MODE_STEP = 1u << 17,     /* software step: execute one instruction */
    MODE_STEP_DUE = 1u << 18, /* software step: the exception comes next */
    MODE_ENIA = 1u << 19,
    MODE_ENIB = 1u << 20,
    MODE_ENDA = 1u << 21,
    MODE_ENDB = 1u << 22,
    MODE_BTI = 1u << 23,      /* guarded pages have been seen */
    MODE_BT = 1u << 24,       /* SCTLR_ELx.BT: PACIxSP is no landing pad for BTYPE 3 */
    MODE_KDE = 1u << 26,      /* MDSCR_EL1.KDE, with breakpoints or software step */
    MODE_UNCACHED = 1u << 27, /* !SCTLR_ELx.I: nothing keeps old instructions from being changed */
    MODE_BIG_ENDIAN = 1u << 28, /* of data: SCTLR_EL1.EE, at EL0 E0E */
    MODE_EBF = 1u << 29,        /* FPCR.EBF */
    MODE_NMI = 1u << 30,        /* SCTLR_EL1.NMI */
    MODE_FP_SHIFT = 32,         /* IR_FP_ bits of FPCR, 8 bits */
    MODE_TRAPS_SHIFT = 40,      /* ARM_TRAP_ bits, only at EL0 */
};

/* What EL0 may not do: traps to EL1, from SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0, MDSCR_EL1. */
enum {
    ARM_TRAP_UMA = 1 << 0, /* DAIF */
    ARM_TRAP_UCT = 1 << 1, /* CTR_EL0 */
    ARM_TRAP_UCI = 1 << 2, /* cache maintenance */
    ARM_TRAP_DZE = 1 << 3, /* DC ZVA */
    ARM_TRAP_WFE = 1 << 4,
    ARM_TRAP_WFI = 1 << 5,
    ARM_TRAP_RCTX = 1 << 6,  /* CFP RCTX and its like */
    ARM_TRAP_PCT = 1 << 7,   /* CNTPCT_EL0 */
    ARM_TRAP_VCT = 1 << 8,   /* CNTVCT_EL0 */
    ARM_TRAP_FRQ = 1 << 9,   /* CNTFRQ_EL0: both of the above */
    ARM_TRAP_PTEN = 1 << 10, /* CNTP_* */
    ARM_TRAP_VTEN = 1 << 11, /* CNTV_* */
    ARM_TRAP_PMU = 1 << 12,  /* PMU registers; bits 13 to 15 exempt some */
    ARM_TRAP_PMU_SW = 1 << 13,
    ARM_TRAP_PMU_CR = 1 << 14,
    ARM_TRAP_PMU_ER = 1 << 15,
    ARM_TRAP_TDCC = 1 << 16, /* debug communication channel */
    ARM_TRAP_MOPS = 1 << 17,
    ARM_TRAP_SCXT = 1 << 18,  /* SCXTNUM_EL0 */
    ARM_TRAP_TIDCP = 1 << 19, /* implementation-defined registers and operations */
};

/* FPCR and FPSR. */
enum {
    FPCR_FIZ = 1u << 0,
    FPCR_AH = 1u << 1,
    FPCR_NEP = 1u << 2,
    FPCR_EBF = 1u << 13,
    FPCR_FZ16 = 1u << 19,
    FPCR_RMODE_SHIFT = 22,
    FPCR_FZ = 1u << 24,
    FPCR_DN = 1u << 25,
    FPCR_AHP = 1u << 26,
    FPSR_IOC = 1u << 0,
    FPSR_DZC = 1u << 1,
    FPSR_OFC = 1u << 2,
    FPSR_UFC = 1u << 3,
    FPSR_IXC = 1u << 4,
    FPSR_IDC = 1u << 7,
    FPSR_QC = 1u << 27,
};
#define FPSR_FLAGS (FPSR_IOC | FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC | FPSR_IDC)

#define ARM_BREAKPOINTS_MAX 16
#define ARM_PMU_COUNTERS 6 /* event counters; the cycle counter is number 31 */

/* The exception that arm_raise() recorded. */
struct arm_exception {
    uint32_t syndrome; /* ESR_EL1 */
    bool has_far;
    bool interrupt; /* none: an interrupt is to be taken if it is still there */
    bool retry;     /* none: the instruction is to be executed again */
    uint64_t far;
};

/* A 128-bit key of pointer authentication. */
struct arm_pac_key {
    uint64_t lo, hi;
};
enum arm_pac_key_id {
    ARM_KEY_IA,
    ARM_KEY_IB,
    ARM_KEY_DA,
    ARM_KEY_DB,
    ARM_KEY_GA,
    ARM_KEY_COUNT
};

struct arm_timer_state {
    uint64_t cval;
    uint32_t ctl; /* ENABLE and IMASK; ISTATUS is computed */
    bool level;   /* of the line */
    uint8_t pad[3];
    struct irq irq;
    struct clock_timer *timer;
};

struct arm_pmu {
    uint64_t cr, cnten, inten, ovs, userenr, selr;
    uint64_t type[ARM_PMU_COUNTERS + 1];  /* PMEVTYPER<n>_EL0; the last is PMCCFILTR_EL0 */
    uint64_t count[ARM_PMU_COUNTERS + 1]; /* as of base; the last is the cycle counter */
    uint64_t base[ARM_PMU_COUNTERS + 1];  /* what the counted event stood at; see pmu.c */
    bool filtered;                        /* some counter counts at one exception level only */
    bool level;
    uint8_t pad[6];
    struct irq irq;
    struct clock_timer *timer;
};

/*
 * Half of a translation regime as its registers describe it: the lower or the upper addresses of
 * EL1 and EL0. Kept by arm_update_mode().
 */
struct arm_regime {
    bool enabled; /* SCTLR_ELx.M */
    bool wxn, hpd, epan;
    bool ha, hd;        /* hardware management of the access flag, of dirty state */
    bool walk_disabled; /* EPDn */
    bool el0_disabled;  /* E0PDn */
    bool ds;            /* 52-bit descriptors of 4 and 16 KB granules (FEAT_LPA2) */
    bool wide_64k;      /* 52-bit descriptors of 64 KB granules (FEAT_LPA) */
    bool bad_size;      /* TxSZ is out of range */
    bool tbi;           /* bits 63 to 56 are ignored */
    bool big_endian;    /* descriptors are: SCTLR_ELx.EE */
    uint8_t granule_bits, pa_bits;
    uint8_t start_shift;             /* of the first level: the lowest bit that it translates */
    int8_t start_level, least_block; /* -1 to 3 */
    uint64_t start_mask;             /* of the first level's index */
    uint64_t start_table;            /* physical address */
    uint64_t top, top_value;         /* bits of an address that must be equal, and what to */
    uint64_t sctlr, tcr, ttbr, mair; /* what all this was made from */
};

/* RAM that translation tables were found in, valid for a generation of the memory map. */
struct arm_table_ram {
    const uint8_t *host;
    uint64_t base, size, generation;
    const uint64_t *now; /* the map's generation */
};

struct arm_cpu {
    struct vcpu vcpu; /* first; generated code addresses what follows */
    uint64_t x[31];
    uint64_t sp;   /* of the current exception level and SPSel */
    uint64_t nzcv; /* an IR FLAGS value, its C complemented */
    uint64_t pc;
    union ir_v128 v[32];
    union ir_v128 qc; /* not 0: FPSR.QC */

    uint64_t mode;   /* MODE_ fields; kept by arm_update_mode() */
    uint32_t pstate; /* PSTATE_ bits */
    /*
     * BTYPE: the last indirect branch went to branch_pc (low 32 bits) with type branch_type. An
     * instruction has a BTYPE that is not 0 only if it is at branch_pc; so nobody has to clear it.
     */
    uint32_t branch_pc;
    uint8_t branch_type;
    bool bti_page_fetched; /* the page walk has seen a guarded page */
    bool bti_seen;         /* and code knows of it: MODE_BTI */
    /*
     * SP is misaligned, or the next instruction may make it so. Code of the ordinary mode need not
     * check SP when it is a base: whatever may misalign it sets this first, and is executed in the
     * mode that checks.
     */
    bool sp_misaligned;
    bool off_pending;  /* switched off; its thread has not seen that yet */
    bool tlbi_pending; /* TLB invalidations since the last DSB */
    uint8_t pad1[2];

    uint32_t fpcr;
    uint32_t pad2;
    uint64_t sp_el[4]; /* stack pointers that are not the current one */
    uint64_t elr[4], spsr[4], esr[4], far[4];
    uint64_t tpidr[4], tpidrro_el0, contextidr[4], scxtnum[4];
    uint64_t sctlr[4], ttbr0[4], ttbr1[4], tcr[4], mair[4], vbar[4], amair[4];
    uint64_t afsr0[4], afsr1[4], actlr[4], par, cpacr, csselr, disr;
    struct arm_pac_key key[ARM_KEY_COUNT];

    /* debug */
    uint64_t mdscr, mdccint, osdlr, oslsr, dbgclaim, osdtrrx, osdtrtx, oseccr;
    uint64_t dbgbvr[ARM_BREAKPOINTS_MAX], dbgbcr[ARM_BREAKPOINTS_MAX];
    uint64_t dbgwvr[ARM_BREAKPOINTS_MAX], dbgwcr[ARM_BREAKPOINTS_MAX];

    /* timers; counters run at cntfrq_hz, which the model gives, whatever CNTFRQ_EL0 says */
    uint64_t cntfrq, cntkctl;
    uint32_t cntfrq_hz;
    uint32_t pad3;
    struct arm_timer_state timer[ARM_TIMER_COUNT];
    struct clock_timer *wfit_timer;
    /* Set by the clock's thread, which then kicks the vCPU; its own thread looks at the timers. */
    _Atomic bool timer_due, pmu_due, wfit_due;
    uint8_t pad4[5];
    struct arm_pmu pmu;

    struct arm_exception exception; /* recorded by arm_raise() */

    struct arm_regime regime[2]; /* by bit 55 of the address */
    struct arm_table_ram table_ram;
    uint64_t mode_el[2]; /* the parts of mode that PSTATE does not change, for EL0 and EL1 */
    /* Pointer authentication, for translated code; kept by arm_update_mode(). By data key or not:
     */
    struct {
        uint64_t field[2]; /* where the code is, in pointers of the lower and the upper half */
        uint64_t
            shift; /* brings the bit that tells the half of a pointer without code to the top */
    } pac[2];

    /* the model: constant after creation */
    const struct arm_model *model;
    uint64_t features[2];
    uint64_t id[ARM_ID_COUNT];
    uint8_t pauth_level; /* of the algorithm's identification field: 2 EPAC, 3 PAuth2, 4 FPAC, 5
                            FPACCOMBINE */
    uint8_t pad5[7];
    struct qarma *qarma;          /* of FEAT_PACQARMA5 and FEAT_PACQARMA3, else NULL; owned */
    uint64_t cbar;                /* CBAR_EL1 */
    struct semihost *semihosting; /* NULL: not answered */
    struct rng rng;               /* RNDR, RNDRRS */
    unsigned cluster_cpus;        /* with this one */
    bool psci_by_hvc;
    bool semihosting_user; /* EL0 is answered too */
    uint8_t pad6[74];      /* to the end of a multiple of 64 bytes */
};

static inline struct arm_cpu *arm_cpu(struct vcpu *v)
{
    return (struct arm_cpu *)v;
}

static inline bool arm_has(const struct arm_cpu *cpu, enum arm_feature f)
{
    return cpu->features[f / 64] >> (f % 64) & 1;
}

static inline unsigned arm_el(const struct arm_cpu *cpu)
{
    return (cpu->pstate & PSTATE_EL) >> PSTATE_EL_SHIFT;
}

extern const struct cpu_class arm_cpu_class;

/* ---- state.c: processor state, and what translated code depends on */

/* Computes mode after a change of any register. */
void arm_update_mode(struct arm_cpu *cpu);
/* The same, and tells the translator: for functions called from guest code. */
void arm_mode_changed(struct arm_cpu *cpu);
/* Changes pstate, and sp to the stack pointer that it selects; mode follows, but for changes of
 * other registers. */
void arm_set_pstate(struct arm_cpu *cpu, uint32_t pstate);

/* NZCV in bits 31 to 28. */
uint32_t arm_nzcv(const struct arm_cpu *cpu);
void arm_set_nzcv(struct arm_cpu *cpu, uint32_t nzcv);

uint64_t arm_fpcr(const struct arm_cpu *cpu);
uint64_t arm_fpsr(struct arm_cpu *cpu);
void arm_set_fpcr(struct arm_cpu *cpu, uint64_t value);
void arm_set_fpsr(struct arm_cpu *cpu, uint64_t value);
/* The bits of FPCR that exist on this model. */
uint32_t arm_fpcr_mask(const struct arm_cpu *cpu);

#endif
