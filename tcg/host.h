/* SPDX-License-Identifier: MIT */
/*
 * What a host back end offers: it compiles one block of IR to host code. It knows no guest; it
 * finds the state through the offsets of struct host_layout, and reaches the run-time through the
 * functions of struct host_runtime. The rules that all generated code obeys are "The boundary
 * contract" in docs/internals.md.
 */
#ifndef TCG_HOST_H
#define TCG_HOST_H

#include "base/error.h"
#include "base/strbuf.h"
#include "tcg/env.h"
#include "tcg/ir.h"

struct block;
struct host;

/* A direct exit of a block that can be patched to jump straight to another block. */
struct link {
    uint64_t goal, page_mask; /* where it goes: goal + (hot.page & page_mask); see link_pc */
    uint64_t aux, aux_key;    /* of the goal; as layout_aux_key */
    struct block *from;
    struct block *to;     /* NULL: not linked */
    struct link *next_in; /* list of `to` */
    uint32_t patch;       /* offset in the code cache of the 32-bit displacement */
    uint32_t page_check;  /* offset of the immediate compared with the code slot; 0: same page, no
                             check */
    uint32_t stub;        /* offset of the cold path that asks the run-time */
    uint32_t by_table;    /* not 0: it leads between blocks that cannot be linked, so the stub looks
                             into the jump table first */
    bool flags_dead;      /* the guest goes on to the goal without being looked at */
};

static inline uint64_t link_pc(const struct link *l, const struct tcg_hot *hot)
{
    return l->goal + (hot->page & l->page_mask);
}

enum site_kind {
    SITE_LOAD,
    SITE_STORE,
    SITE_OTHER
};

#define SITE_NO_REG 0xff

/* A place in generated code that calls the run-time: what the run-time must know there. */
struct site {
    uint8_t kind;
    uint8_t op; /* enum ir_op of SITE_OTHER (op numbers stay below 256) */
    ir_type type, src;
    uint8_t base, index, scale; /* host registers of the address */
    uint8_t
        data;  /* host register of the loaded or stored value; vector registers by their number */
    bool slow; /* no inline path: the run-time does every access */
    bool
        uncut; /* lines are looked for by the sum, though it may have to be cut: none has it then */
    bool more; /* the guest instruction has another site behind this one */
    uint16_t map_count;  /* exit map: entries from map_first on */
    uint16_t insns_left; /* guest instructions from this one to the block's end */
    uint16_t segment;    /* as in bits 16-31 of the op's aux */
    uint32_t map_first;
    int32_t disp;
    uint32_t memop;
    uint32_t aux;
    uint32_t insn;  /* byte offset of the guest instruction in the block */
    uint32_t local; /* the lower half of its aux; the upper is the block's */
    struct block *block;
};

/* An exit map entry: where the current value of a register row is. */
enum map_kind {
    MAP_GPR,
    MAP_VEC,
    MAP_SPILL,
    MAP_CONST,
    MAP_STATE,
    MAP_ROW,
    MAP_SUM,        /* a general register and a constant */
    MAP_FLAGS,      /* made again from two operands */
    MAP_HOST_FLAGS, /* within a back end */
    /* No row, but what the block keeps of the TLB behind the site: the addend of a group, in a
     * register or a spill slot. Last in a map. */
    MAP_ADDEND_GPR,
    MAP_ADDEND_SPILL
};
struct map_entry {
    uint8_t row, kind;
    uint16_t where; /* register number, spill slot; MAP_ROW: the row whose value on entry, in
                       memory, it is; MAP_CONST, MAP_SUM: a 64-bit constant is in the next entries;
                       MAP_FLAGS: enum flags_recipe_bits, and two operands follow, each an entry
                       (general register, spill slot, constant, or MAP_ROW: what
                       the row's memory holds now) and 64 bits for a constant */
};
enum flags_recipe_bits {
    RECIPE_SUB,
    RECIPE_ADD,
    RECIPE_AND,
    RECIPE_SHL, /* by a constant that is not 0, the second operand */
    RECIPE_SHR,
    RECIPE_SAR,
    RECIPE_BITS, /* what the row's memory holds, with C and V as booleans say: */
    RECIPE_KIND = 7,
    RECIPE_CMC = 8,
    RECIPE_WIDTH_SHIFT = 4, /* 2 bits: log2 of the operands' bytes */
    RECIPE_RESULT = 64,     /* the first operand is what the sum or difference gave */
    RECIPE_C = 16,          /* of RECIPE_BITS: the first operand is C, the second one V */
    RECIPE_V = 32
};
#define MAP_CONST_ENTRIES 3u
#define MAP_FLAGS_ENTRIES 7u

/* Entries from m to the next row's. */
static inline unsigned map_entries(const struct map_entry *m)
{
    return m->kind == MAP_CONST || m->kind == MAP_SUM ? MAP_CONST_ENTRIES
           : m->kind == MAP_FLAGS                     ? MAP_FLAGS_ENTRIES
                                                      : 1;
}

/* One compiled block. Links and sites are allocated by the owner through host_runtime's arenas.
 * What a look-up reads stands first. */
struct block {
    uint64_t pa; /* physical address of the first byte */
    uint64_t pc; /* for which it was translated; where it runs, unless it is movable */
    uint64_t mode_key;
    uint64_t aux;       /* see ir_builder.aux */
    uint64_t second_pa; /* where the block goes on, on another page; see second_bytes */
    struct block *hash_next;
    const void *entry; /* executable address; the block's PC is in the register for it */
    bool valid;
    bool movable;          /* right at any virtual page: hot.page says at which it runs */
    bool part;             /* of a page that may be executed in part: nothing leads to or from it */
    uint32_t bytes;        /* guest code that the block rests on, from pa */
    uint32_t second_bytes; /* and from second_pa on, where a page begins; 0: one page is all */
    uint32_t guest_insns;
    uint32_t code_bytes;
    const void *inner;                     /* as entry, for links: hot.page is right */
    struct block *page_next, *second_next; /* of the lists of the two pages */
    struct link *in;
    struct ir_builder *ir; /* the reference interpreter's copy, or NULL */
    const uint8_t *code;   /* host address of the guest's bytes; read while writes are tracked */
};

/* Offsets from the state pointer (end of struct vcpu) that generated code uses. */
struct host_layout {
    int32_t hot, env;
    int32_t state; /* of the CPU struct's start */
    /* In what env.tcg leads to: the current context, and what changes of mode are known; in a
     * context: two bytes that are 0 unless it must be looked at before it is entered. */
    int32_t context, switches, stale;
};

/* Run-time functions. All run on the C stack with the guest's registers in memory unless said
 * otherwise; those that return a pointer return the host address to go on at. */
struct host_runtime {
    const void *(*link)(struct vcpu *v, struct link *l);
    const void *(*go)(struct vcpu *v, uint64_t pc);   /* indirect transfer that missed */
    const void *(*poll)(struct vcpu *v, uint64_t pc); /* exit_request was seen */
    const void *(*tail)(struct vcpu *v, const struct ir_call *row, uint32_t aux,
                        uint64_t pc); /* operands in env.args */
    bool (*mem_leaf)(struct vcpu *v,
                     const struct site *s); /* LEAF; host registers in env.gpr; true: try again */
    /* Host registers in env.gpr and env.vec, changed in place for results. NULL: go on behind the
     * access; else the guest left the block: go on there with the guest's registers in memory. */
    const void *(*mem)(struct vcpu *v, const struct site *s);
    const void *(*call)(struct vcpu *v, const struct ir_call *row, const struct site *s,
                        uint32_t aux);
    const void *(*op)(
        struct vcpu *v,
        const struct site *s); /* an op that the back end does not emit: operands in vec_args */
    const void *(*counted)(
        struct vcpu *v, uint64_t pc,
        uint32_t insns);         /* the block at pc has more instructions than hot.countdown had */
    const struct ir_call *probe; /* see tcg/lower.h */
};

struct host_config {
    struct host_layout layout;
    struct host_runtime runtime;
    const struct ir_guest *guest;
    uint64_t cache_bytes;
    uint64_t aux_secret; /* for layout_aux_key */
    int level;           /* 0: best of this host; 2, 3, 4: x86-64-v2 … v4 */
    unsigned compilers;  /* that work at the same time, at most; 0: one */
    bool counted; /* each block takes its instructions from hot.countdown first, and does nothing if
                     that goes below 0 */
};

/* NULL with an error when the host lacks the level or memory. */
struct host *host_create(const struct host_config *c, struct error *e);
void host_destroy(struct host *h);

/* What `e_machine` of an ELF file says of the host. */
uint32_t host_elf_machine(void);

/*
 * All that translating one block takes beside the builder. Compilers work at the same time, each on
 * one thread at a time, without a lock: each has a segment of the cache and of its tables to
 * itself. host_compilers: how many there should be (host_config.compilers, or as many as there is
 * room for).
 */
struct compiler;
unsigned host_compilers(const struct host *h);
struct compiler *host_compiler_create(struct host *h);
void host_compiler_destroy(struct compiler *c);

/* Compiles b into blk (entry, code_bytes). false: the compiler's segment is full, or it has none
 * yet; what was taken of it is for the caller to give back (host_release). */
bool host_compile(struct compiler *c, struct ir_builder *b, struct block *blk);

/* Gives c an empty segment; what it compiled into its last one stays. false: there is none, the
 * cache is full. The caller guards the segments: one call at a time, none beside host_reset, behind
 * which no compiler has one. */
bool host_compiler_renew(struct compiler *c);
void host_reset(struct host *h);

/* How full a compiler's segment is. What it compiled last can be taken back, when nothing leads to
 * it any more. */
struct host_mark {
    uint32_t hot, cold, sites, maps, links, traps;
};
struct host_mark host_mark(const struct compiler *c);
void host_release(struct compiler *c, const struct host_mark *m);

/* Where the code at hot or cold of a mark runs; the code between generated code and the run-time
 * (false: there are not so many pieces). */
const void *host_code_at(const struct host *h, uint32_t offset);
struct host_stub {
    const char *name;
    const void *code;
    uint32_t bytes;
};
bool host_stub(const struct host *h, unsigned n, struct host_stub *s);

/* Patches l to jump to entry (page_id: what its code slot must hold, if it crosses pages), or back
 * to its stub. */
void host_link(struct host *h, struct link *l, const void *entry, uint32_t page_id);
void host_unlink(struct host *h, struct link *l);

/* Runs generated code from entry until the run-time leaves by returning host_leave_address().
 * Returns; hot.pc says where. */
void host_enter(struct host *h, struct vcpu *v, const void *entry);
const void *host_leave_address(struct host *h);

/* The registers that hold guest rows at block boundaries: writes them (from env.gpr and env.vec) to
 * the state, then applies s's exit map, so that the state in memory is complete. */
void host_sync(struct host *h, struct vcpu *v, const struct site *s);

/* What v's block keeps of the TLB is no longer right, behind the access at s, where v is (env.gpr):
 * each later access of a group looks for itself. */
void host_forget_addends(struct host *h, struct vcpu *v, const struct site *s);

#define HOST_CODE_STACK_BYTES (256u << 10)

/* Whether blocks take their instructions from hot.countdown (host_config.counted), for all that are
 * compiled from now on. The cache must be emptied by the caller, or have been. */
void host_set_counted(struct host *h, bool counted);

/* Where a thread was when a signal interrupted it (context: the signal's ucontext). */
enum host_place {
    HOST_OUTSIDE,
    HOST_STUB,
    HOST_BLOCK
};
enum host_place host_place_of(const struct host *h, const void *context);

/* A fault in generated code's guard pages: true if fixed (the code stack was reset). context is the
 * signal's ucontext. */
bool host_fault(struct host *h, struct vcpu *v, uintptr_t address, void *context);
/* A floating-point exception of generated code that is not masked, while the guest flushes to zero:
 * true if it was dealt with. */
bool host_fp_fault(struct host *h, struct vcpu *v, void *context);

uint64_t host_cache_used(const struct host *h);
uint64_t host_cache_size(const struct host *h);
/* Disassembly of a block's code, for -d out_asm. */
void host_print(struct host *h, const struct block *blk, struct strbuf *out);
const char *host_level_name(const struct host *h);

#endif
