/* SPDX-License-Identifier: MIT */
/*
 * What the rest of the program knows of a CPU: its class, and one vCPU's common part.
 *
 * An architecture's CPU struct starts with struct vcpu. Its registers are described by one table
 * (struct cpu_reg) from which gdb, `info registers`, saving and the translator's names derive.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/irq.h"
#include "base/power.h"
#include "base/semihost.h"
#include "base/strbuf.h"
#include "base/sysreg.h"
#include "memory/space.h"
#include "tcg/env.h"

struct accel_vcpu;
struct core_note;
struct cursor;
struct vcpu;
struct ir_builder;
struct ir_guest;

/* A row of an architecture's register table. */
struct cpu_reg {
    const char *name;
    uint32_t offset;         /* in the CPU struct */
    uint16_t bits;           /* 32, 64, 128 */
    int16_t gdb;             /* number in gdb's numbering, or -1 */
    const char *gdb_feature; /* org.gnu.gdb.aarch64.core, … */
    const char *gdb_type;    /* as gdb names types: "uint64", "data_ptr"; "code_ptr" is the PC */
    uint64_t (*get)(struct vcpu *v); /* not NULL: a view of several fields; offset is unused */
    void (*set)(struct vcpu *v, uint64_t value); /* NULL with get: it can only be looked at */
    /* Not NULL: where its bytes are now, by its offset or whatever the class likes. */
    void *(*place)(struct vcpu *v, const struct cpu_reg *r);
};

/* A type of gdb's register description, as it stands in each feature that uses it. */
struct gdb_type {
    const char *name;
    const char *definition; /* XML */
};

/* What a page walk found; also the contents of a second-level TLB entry. */
struct translation {
    paddr pa;               /* of the address that was asked for, and its space */
    uint8_t page_bits;      /* log2 of the size of the block or page: 12 … 30 */
    bool read, write, exec; /* allowed for the MMU index that was asked for */
    bool global;            /* not tagged with the ASID */
    bool device;            /* device memory type: no speculation, alignment enforced */
    bool slow;              /* every access must take the slow path (watchpoint) */
    uint8_t attr;           /* architecture's own */
    /* Kinds of access, 1 << enum access, of which read, write or exec holds in a part of the page
     * only: for the bytes [from, to) of the 4 KiB around the address. page_bits is 12 then, and
     * both are multiples of CPU_PART_BYTES. Such accesses are walked each time, others are not. */
    uint8_t in_part;
    uint16_t from, to;
};
#define CPU_PART_BYTES 32u

/* Piece of the current address space around an address: a page, a block, or a hole that page tables
 * leave. */
struct cpu_mapping {
    bool mapped;
    bool read[2], write[2], exec[2]; /* by user mode, by privileged mode */
    bool global, device;
    vaddr first, last; /* of the piece; addresses in it lie as in the physical piece */
    paddr pa;          /* of first */
};

/*
 * How a class parts its addresses: some bits name a region, and each region may be in a space of
 * its own (space_tag). One region is the rule; A64 has two halves, PowerPC sixteen segments.
 */
#define CPU_REGIONS 16u /* at most */
struct cpu_regions {
    uint8_t shift, bits; /* the region is the bits [shift, shift + bits) of an address */
    uint8_t copied;      /* upper bits that take no part: they are copies of the one below them */
    uint16_t common;     /* regions that all spaces mostly have alike, as kernels are: a bit each */
};

/* The address that a is known by. */
static inline uint64_t cpu_canonical(const struct cpu_regions *r, uint64_t a)
{
    return (uint64_t)((int64_t)(a << r->copied) >> r->copied);
}

/* Of a canonical address. */
static inline unsigned cpu_region(const struct cpu_regions *r, uint64_t a)
{
    return (unsigned)(a >> r->shift) & ((1u << r->bits) - 1);
}

static inline bool cpu_is_common(const struct cpu_regions *r, uint64_t a)
{
    return r->common >> cpu_region(r, a) & 1;
}

/* Where the bytes of the code at a PC are. */
struct cpu_fetch {
    uint64_t base, mask; /* at (PC + base) & mask */
    bool nothing;        /* no memory is fetched: what is executed there has no bytes */
};

struct cpu_class {
    const char *name;                 /* "arm" */
    const struct cpu_reg *regs;       /* ends with .name NULL */
    const char *gdb_arch;             /* "aarch64" */
    const struct gdb_type *gdb_types; /* that rows of regs name and gdb does not know; ends with
                                         .name NULL; or NULL */
    bool big_endian;                  /* gdb has registers and memory in this order */
    /* The order of v's data now; NULL: that of the class. On v's thread. */
    bool (*data_big_endian)(const struct vcpu *v);
    const struct core_note *core_notes; /* cpu/core_note.h; NULL: a core file has no registers */

    /* Makes vCPU number index of model ("name,feature=…"); false: error with what is accepted. */
    struct vcpu *(*create)(const char *model, unsigned index, struct error *e);
    void (*destroy)(struct vcpu *v);
    void (*reset)(struct vcpu *v);
    char *(*describe_models)(void);         /* -cpu help, allocated */
    char *(*missing)(const struct vcpu *v); /* what was asked for and is not there, a line each;
                                               allocated, or NULL; the class may have none */
    void (*registers)(struct vcpu *v, struct strbuf *out); /* info registers: a line CPU#N first */
    /* The class's part of a section of cpu/state.h. load takes its bytes off c and touches nothing
     * without store; with it bytes that passed before are good. check_state: see vcpu_check. */
    unsigned state_version;
    void (*save)(struct vcpu *v, struct strbuf *out);
    bool (*load)(struct vcpu *v, struct cursor *c, unsigned version, bool store, struct error *e);
    bool (*check_state)(struct vcpu *v, struct error *e);
    void (*loaded)(struct vcpu *v);
    void (*boot)(struct vcpu *v, uint64_t entry,
                 uint64_t arg); /* first vCPU's start state for a kernel */

    /* From now on s answers v's semihosting calls, those of user programs too; NULL: the
     * architecture has none. Before it runs. */
    void (*allow_semihosting)(struct vcpu *v, struct semihost *s, bool user);

    const struct ir_guest *ir; /* register rows for the translator */
    uint64_t (*pc)(const struct vcpu *v);
    void (*set_pc)(struct vcpu *v, uint64_t pc);

    /* Translation: everything that the code of a block depends on beside its bytes (exception
     * level, FP mode, …). */
    uint64_t (*mode_key)(struct vcpu *v);
    /* What else code depends on, and changes more often than a mode: see ir_builder.aux. Of the
     * state, with the PC; both NULL: it is always 0. */
    uint64_t (*aux)(const struct vcpu *v);
    void (*set_aux)(struct vcpu *v, uint64_t aux);
    /* Where code is that is not at its PC; NULL: it always is. Of the address only mode and aux may
     * decide, and what tcg_context_changed tells of. */
    void (*fetch)(struct vcpu *v, uint64_t pc, uint64_t aux, struct cpu_fetch *f);
    /* Where instructions have several lengths: the one that begins with these n bytes, behind which
     * the page ends, has more. NULL: none ever has. Its bytes are at most IR_CROSSING_BYTES. */
    bool (*crosses)(struct vcpu *v, const uint8_t *bytes, uint32_t n);
    /* Code of that mode is fetched from memory behind each context synchronization, which calls
     * tcg_compare_code; may be NULL: it never is. */
    bool (*fetches_uncached)(uint64_t mode_key);
    /* What people call the mode of a key ("EL1"), for names and logs; may be NULL. */
    void (*mode_name)(uint64_t mode_key, char *text, size_t size);
    /* Emits IR for one block that starts at b->pc; see tcg/ir.h. */
    void (*translate)(struct vcpu *v, struct ir_builder *b);
    /* Of code in that mode; gives the length of the instruction. */
    unsigned (*disas)(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                      size_t size);

    /* MMU indices of ordinary and of unprivileged accesses in the current state. */
    unsigned (*mmu_index)(struct vcpu *v);
    unsigned (*mmu_index_user)(struct vcpu *v);
    /* Walks the page tables for va with MMU index idx. false: *fault is the architecture's fault
     * word for raise_memory. */
    bool (*walk)(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
                 uint64_t *fault);
    /* What walk finds of a page of 4 KiB, where nothing else has to happen and no access is slow.
     * false: walk has to look. Class LEAF (tcg/ir.h); NULL: it always has to. */
    bool (*walk_leaf)(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t);
    /* Debug view: current address space, no side effects. */
    bool (*debug_translate)(struct vcpu *v, vaddr va, paddr *pa);
    /* The same, of all that page tables say of the piece that va is in. NULL: nobody can tell. */
    void (*mapping)(struct vcpu *v, vaddr va, struct cpu_mapping *m);
    struct cpu_regions regions;
    /* The identity of the address space of the region of va (ASID, and which base register), for
     * tags; see tcg/env.h. */
    uint32_t (*space_tag)(struct vcpu *v, vaddr va, unsigned idx);

    /* Takes the exception that vcpu_raise* recorded: changes state and PC to the handler. State in
     * memory is complete. */
    void (*take_exception)(struct vcpu *v);
    /* A memory access faulted (walk's word, or bus error / misaligned with the FAULT_ constants):
     * record the exception. */
    void (*raise_memory)(struct vcpu *v, vaddr va, enum access a, uint64_t fault);
    /* An access of a page whose translation is slow: false if the guest's own watchpoint recorded
     * an exception. May be NULL. */
    bool (*watch)(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx);
    /* Where gdb expects of the architecture that a watchpoint stops: behind the instruction, or
     * before it. */
    bool watch_stops_behind;
    /*
     * Exceptions behind an instruction (single steps, data breakpoints). An instruction that is
     * executed in a mode for which traces is true, or of which watch has marked an access
     * (vcpu_mark), is followed by a call of followed, once, when it has been completed: v stands
     * behind it, nothing of what comes next has been done, and vcpu_raise is taken before that. The
     * instruction began at pc, in that mode; marks are those of its accesses, or-ed. One that takes
     * an exception, or is repeated, is not followed. marks_accesses: watch may call vcpu_mark, as
     * the state is. All NULL: there are no such exceptions.
     */
    bool (*traces)(uint64_t mode_key);
    bool (*marks_accesses)(struct vcpu *v);
    void (*followed)(struct vcpu *v, uint64_t pc, uint64_t mode_key, uint32_t marks);
    /* The names of vcpu.spaces from the second on, up to a NULL; NULL: memory is all there is. */
    const char *const *spaces;
    /* Atomic operations (but for exclusives) without MO_ALIGN may cross any boundary, and may be
     * made to devices: all other vCPUs stop meanwhile. Else these are FAULT_ALIGN and FAULT_BUS. */
    bool locks_anywhere;
    /* Code is what is in memory, without maintenance by the guest: writes to code are tracked. */
    bool coherent_code;
    /* An interrupt is pending and not masked; called by the run loop with the state in memory
     * complete. */
    bool (*interrupt_ready)(struct vcpu *v);
    void (*take_interrupt)(struct vcpu *v);
    bool (*has_work)(struct vcpu *v); /* a halted vCPU must go on (an interrupt is pending, masked
                                         or not as the ISA says) */
};

#define FAULT_BUS (1ull << 63) /* external abort: nothing answers at this physical address */
#define FAULT_ALIGN (1ull << 62)

/*
 * A vCPU may have several spaces of physical addresses: memory, I/O ports, memory in another mode.
 * Which one an address is in, its bits 60 and 61 say, wherever accelerators and classes hand
 * addresses to each other. What a class's `walk` gives for an MMU index, a mode or a page table
 * entry decides; accesses to another space than the current mode's are made with an MMU index of
 * their own (a memop says which). Addresses within a space have at most 60 bits.
 */
#define VCPU_SPACES 4
#define VCPU_SPACE_SHIFT 60

static inline uint64_t vcpu_address_in(unsigned space, uint64_t a)
{
    return a | (uint64_t)space << VCPU_SPACE_SHIFT;
}

/* The address within its space. */
static inline paddr vcpu_plain_address(uint64_t pa)
{
    return pa & ~((uint64_t)(VCPU_SPACES - 1) << VCPU_SPACE_SHIFT);
}

struct vcpu {
    const struct cpu_class *cls;
    unsigned index;
    uint64_t firmware_id; /* how firmware calls name it (Arm: the affinity fields of MPIDR); create
                             or the board */
    union {               /* set by the board before reset; all vCPUs of a class have the same */
        struct space *memory;
        struct space *spaces[VCPU_SPACES]; /* as cpu_class.spaces says; NULL: bus errors */
    };
    struct clock *clock;
    struct power *power;
    const struct sysreg_bank *sysregs; /* attached by the board */
    /* Made with what the model says: code needs no maintenance by the guest, as with
     * cpu_class.coherent_code. The accelerator makes it what is the case. */
    bool coherent_code;

    /* Run control. Written under the accelerator's rules; requests by atomic operations from any
     * thread. */
    _Atomic uint32_t
        interrupt_lines; /* levels of the input lines: bit n is line n (architecture's numbering) */
    _Atomic bool halted; /* waits for an interrupt (WFI) */
    _Atomic bool powered_off;
    _Atomic bool calling;     /* waits for the result of a call to the host: takes no interrupt */
    _Atomic bool starting;    /* asked to start; its thread has not come to that yet */
    bool holds_interrupts;    /* none is taken: a debugger's step */
    struct accel_vcpu *accel; /* who runs it keeps this; NULL: nobody yet */
    uint64_t instructions;    /* executed so far, where they are counted */

    _Alignas(64) struct tcg_hot hot; /* last: the architecture's registers follow (tcg/env.h) */
};

/* The space that pa is in; NULL: the board has none. */
static inline struct space *vcpu_space(const struct vcpu *v, uint64_t pa)
{
    return v->spaces[pa >> VCPU_SPACE_SHIFT & (VCPU_SPACES - 1)];
}

/* What generated code holds in its state register: the first byte behind struct vcpu. */
#define VCPU_STATE_OFFSET sizeof(struct vcpu)
/* From there (struct host_layout). */
#define VCPU_LAYOUT                                                                                \
    {                                                                                              \
        .hot = (int32_t)offsetof(struct vcpu, hot) - (int32_t)VCPU_STATE_OFFSET,                   \
        .env = -(int32_t)(VCPU_STATE_OFFSET + sizeof(struct tcg_env)),                             \
        .state = -(int32_t)VCPU_STATE_OFFSET                                                       \
    }

/*
 * Memory for a CPU struct, which starts with struct vcpu: zeroed, aligned as struct vcpu, and with
 * room before it for what an accelerator keeps at a fixed distance (vcpu_env). NULL: there is none.
 */
void *vcpu_alloc(size_t size);
void vcpu_free(void *cpu);

/* r stands for the PC, which cpu_class.pc and set_pc know. */
bool cpu_reg_is_pc(const struct cpu_reg *r);

/* Where the bytes of a register without get are. */
void *vcpu_register_place(struct vcpu *v, const struct cpu_reg *r);
/* The register of a stopped vCPU in bytes, which are r->bits / 8, low ones first. */
void vcpu_read_register(struct vcpu *v, const struct cpu_reg *r, void *bytes);

/* The vCPU whose thread this is, or NULL; set by the accelerator around guest execution (banked
 * registers of devices). */
struct vcpu *vcpu_current(void);

/* As v reads and writes now. On v's thread. */
static inline bool vcpu_big_endian(const struct vcpu *v)
{
    return v->cls->data_big_endian ? v->cls->data_big_endian(v) : v->cls->big_endian;
}
/* For who executes v on this thread; gives the one before, or NULL. */
struct vcpu *vcpu_make_current(struct vcpu *v);

/* An input line of v (any thread): sets or clears bit line and kicks the vCPU when raised.
 * Implemented in accel/. */
struct irq vcpu_irq(struct vcpu *v, int line);
/* Starts v, which is off, at entry with context in its first argument register; any thread. Reset
 * and all else is done by its own thread. Implemented in accel/. */
enum power_cpu_result vcpu_start(struct vcpu *v, uint64_t entry, uint64_t context);
/* As cpu_state of base/power.h. */
int vcpu_power_state(struct vcpu *v);
/* Makes v leave generated code soon and look for work; any thread. Implemented in accel/. */
void vcpu_kick(struct vcpu *v);

#endif
