/* SPDX-License-Identifier: MIT */
/*
 * The part of a vCPU that generated code and the translator's run-time share, and what a guest
 * architecture may ask of them.
 *
 * struct tcg_hot is the last member of struct vcpu and the guest's registers follow it directly, so
 * that the pointer that generated code holds (the end of struct vcpu) reaches both with one-byte
 * displacements. struct tcg_env lies before struct vcpu (vcpu_alloc), at a fixed distance as well:
 * whoever does not translate leaves it alone.
 */
#ifndef TCG_ENV_H
#define TCG_ENV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct context;
struct tcg_vcpu;
struct tlb;
struct vcpu;

enum access {
    ACCESS_READ,
    ACCESS_WRITE,
    ACCESS_FETCH
};

/* Addressed by generated code; offsets are part of the boundary contract (docs/internals.md). */
struct tcg_hot {
    _Atomic uint32_t exit_request; /* not 0: leave at the next poll */
    uint32_t raised; /* a RAISES function recorded an exception (TCG_RAISED), wants its instruction
                        repeated (TCG_RETRY), the debugger looks at it first (TCG_WATCHED), or it
                        is executed alone (TCG_ALONE): it stores into the block that runs, or its
                        end matters */
    uint64_t key; /* context id << 52, xor-ed into PCs for the jump table and the code stack; a kick
                     spoils it */
    uint32_t *code_slots; /* code-TLB of the current context: physical-page ids by virtual page */
    void *jump_table;
    void *tlb_current; /* inline TLB tables of the current MMU index, and of the unprivileged one */
    void *tlb_user;
    void *c_stack;    /* stack pointer of the run-time while generated code runs */
    void *code_stack; /* reset position of the code stack */
    uint32_t guest_mxcsr, host_mxcsr;
    uint64_t excl_addr; /* exclusive monitor: address (all ones: open), value */
    uint64_t excl_value[2];
    int64_t countdown; /* counted mode: guest instructions left in the slice */
    uint64_t pc;       /* where to go on, when generated code leaves */
    uint64_t page; /* virtual address of the page of the movable block that runs; kicks leave it */
    int32_t yields_left; /* a guest that gives way counts this down, and calls vcpu_yield below 0 */
};

/*
 * A change of mode that generated code makes itself. Where the state that a mode depends on changes
 * in ways that the guest numbers (kinds), what results is known by the context that is left, some
 * bits of the new state, and aux; what was found for these the last time is kept here. See
 * accel/switches.h.
 */
struct tcg_switch {
    uint64_t from;         /* key of the context that is left ^ bits; TCG_NO_SWITCH: none */
    uint64_t aux, aux_key; /* of what control leads to; the latter as layout_aux_key */
    uint64_t key; /* of the context that is entered, and the rest of what makes it current */
    uint32_t *code_slots;
    struct context *context;
    void *tlb_current, *tlb_user;
};
_Static_assert(sizeof(struct tcg_switch) == 64, "generated code shifts by 6");
#define TCG_NO_SWITCH UINT64_MAX
#define TCG_SWITCH_KINDS 8u
#define TCG_SWITCHES (2 * TCG_SWITCH_KINDS) /* by kind; with aux in the second half */

/*
 * A slot of the monitors stands for all granules of 16 bytes whose host addresses agree in
 * MONITOR_MASK, which is its byte offset. Its two low bits are its state, the rest counts; see
 * accel/atomic.c.
 */
#define MONITOR_MASK 0xfff0
#define MONITOR_BYTES (MONITOR_MASK + 16)
#define MONITOR_IDLE 1u /* nobody has loaded exclusively since somebody wrote */
#define MONITOR_FREE 2u /* no store-exclusive is under way */
#define MONITOR_NEXT 5u /* from "set" to the next count, idle */
#define MONITOR_NONE UINT64_MAX

enum {
    TCG_RAISED = 1,
    TCG_RETRY,
    TCG_WATCHED,
    TCG_ALONE
};

#define TCG_SPILL_SLOTS                                                                            \
    4224u /* as many as a block can have values: a guest may keep them all alive */

/* What is not as hot. */
struct tcg_env {
    _Alignas(
        64) uint64_t gpr[16]; /* host registers at the last call of a FULL or RAISES function */
    uint8_t vec[32][64];
    uint64_t aux;       /* of hot.pc, and wherever the run-time is given a PC: see ir_builder.aux */
    uint64_t member[4]; /* of the stub that checks an access of a group */
    uint64_t args[4];   /* operands of a call out of generated code; [0] is also the result */
    _Alignas(16) uint8_t vec_args[4][64]; /* the same for vector functions; [3] is the result */
    uint8_t spill[TCG_SPILL_SLOTS][16];   /* values that found no register, */
    _Alignas(16) uint8_t wide_spill[TCG_SPILL_SLOTS][64]; /* and those of more than 16 bytes */
    struct tlb *tlb;                                      /* both levels */
    bool top_byte_ignored[2]; /* by bit 55 of a data address: bits 63-56 do not take part (set by
                                 the guest) */
    uint32_t fp_flags; /* cumulative FP_* flags of softfloat beside the host's own (guest_mxcsr) */
    uint8_t fp_rounding;                      /* enum ir_rounding, dynamic mode */
    bool fp_flush;                            /* the host's unit flushes to zero */
    bool fp_flush_results, fp_flush_operands; /* the same, by tcg_fp_set_flush_apart */
    bool fp_denormals; /* a denormal operand that is used is an event for the guest */
    /*
     * Where vCPUs run in parallel: the monitors that all share (NULL: one host thread runs them in
     * turn), and what the slot of hot.excl_addr held when this vCPU's was set, or MONITOR_NONE.
     */
    uint64_t *monitors;
    uint64_t excl_mark;
    uint64_t entries;    /* of blocks, where instructions are counted */
    uint32_t insns_left; /* of the block that runs, instructions not completed; kept where the
                            run-time is called */
    bool interpreting;
    bool more;            /* the run-time does an access, behind which its instruction has others */
    uint32_t marks;       /* of the instruction that runs (vcpu_mark) */
    struct tcg_vcpu *tcg; /* NULL: another accelerator runs the vCPU, or none */
};

/* ---- for guest architectures; on the vCPU's own thread unless said otherwise */

/* From a RAISES function: the architecture has recorded an exception in its own fields;
 * take_exception will be called. */
void vcpu_raise(struct vcpu *v);
/* The same when the instruction that called has not happened and is no exception either: it is
 * executed again, perhaps in another mode or behind an interrupt, and counts when it is done. */
void vcpu_retry(struct vcpu *v);

/* From cpu_class.watch: the access happens, and its instruction is followed with these bits in
 * marks (cpu_class.followed). false, which watch returns as well: it does not happen now, since the
 * instruction is executed again for itself. */
bool vcpu_mark(struct vcpu *v, uint32_t marks);

/* Leaves generated code after the current block (interrupt unmasked, halted, power state changed
 * …). */
void vcpu_exit_soon(struct vcpu *v);

/* v waits for another vCPU, which should get its turn: returns soon, or makes generated code leave
 * soon. Called when hot.yields_left is below 0, which it sets anew. */
void vcpu_yield(struct vcpu *v);

/*
 * What mode_key, space_tag or the MMU index of the next instruction depends on has changed
 * (exception entry or return, page-table base, control register). Called by the function that
 * changed it, before it returns.
 */
void tcg_context_changed(struct vcpu *v);
/* The same when space_tag gives what it did (exception entry and return). */
void tcg_mode_changed(struct vcpu *v);
/*
 * The same from the function of a tail that does nothing else (ir_call.switches), operands of which
 * are the PC, bits and aux that follow; kind is the lowest bits of its constant. What the mode, the
 * MMU index and the tag become depends on kind, bits, and what they were, alone; until the next
 * tcg_context_changed generated code does without the function.
 */
void tcg_switched(struct vcpu *v, unsigned kind, uint64_t bits, uint64_t aux);

/*
 * TLB invalidation. tag is cpu_class->space_tag's; a range is that of the pages that hold its first
 * byte to its last, and includes pages that all address spaces share. all_vcpus: also the others',
 * complete at tlb_sync (the barrier), which waits until each has acknowledged. It is true if code
 * that runs may have moved: the block must be left, so that what follows is looked up anew.
 */
#define TLB_ANY_TAG UINT32_MAX
void tlb_flush_all(struct vcpu *v, bool all_vcpus);
void tlb_flush_tag(struct vcpu *v, uint32_t tag, bool all_vcpus);
void tlb_flush_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint32_t tag,
                     bool all_vcpus); /* TLB_ANY_TAG: every address space */
bool tlb_sync(struct vcpu *v);

/*
 * Where what identifies an address space is wider than a tag: space_tag gives tcg_space's tag for
 * it, which is another one after a while, and flushes name the identity. Tags of that class are all
 * of tcg_space.
 */
uint32_t tcg_space(struct vcpu *v, uint64_t identity);
void tlb_flush_space(struct vcpu *v, uint64_t identity, bool all_vcpus);
void tlb_flush_space_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint64_t identity,
                           bool all_vcpus);

/* Instruction cache maintenance: code translated from these physical bytes is stale (all vCPUs). */
void tcg_flush_code(struct vcpu *v, uint64_t pa, uint64_t bytes);
void tcg_flush_code_all(struct vcpu *v);
/* Context synchronization of v, which fetches uncached: code that has changed is stale. */
void tcg_compare_code(struct vcpu *v);

/* Guest memory from run-time functions, with the MMU. false: an exception was recorded
 * (cpu_class->raise_memory). m: memop. */
bool vcpu_load(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value);
bool vcpu_store(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value);
/* The same for 16 bytes, low half first: one access where they are aligned in plain RAM, else two
 * of 8 bytes, of which neither happens if the other may not. */
bool vcpu_load16(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value[2]);
bool vcpu_store16(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t value[2]);
/* The same for 16 bytes and more, in pieces of 16 of which all happen or none. */
bool vcpu_load_vector(struct vcpu *v, uint64_t va, uint32_t m, uint64_t *value);
bool vcpu_store_vector(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t *value);
/* Whether an access as m says may happen at va; false: an exception was recorded. */
bool vcpu_probe(struct vcpu *v, uint64_t va, uint32_t m, enum access a);
/* Host address of the byte at va if an access of that kind (enum access) hits plain RAM, with
 * *bytes for which that holds, to its page's end at most; NULL else (device, fault: nothing is
 * recorded). Without bytes it holds to the page's end. Valid until the next flush. */
void *vcpu_host(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *bytes);
/* The same of class LEAF, for an MMU index in use: NULL also where the TLB does not know the page.
 * It holds for the whole page. */
void *vcpu_host_leaf(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx);
/* Physical address of va for an access of that kind, from the TLB or by a walk. false: *fault says
 * why, as cpu_class->walk does; nothing is recorded. */
bool vcpu_translate(struct vcpu *v, uint64_t va, int kind, unsigned mmu_idx, uint64_t *pa,
                    uint64_t *fault);

/*
 * Atomic accesses and exclusives, as the ops atomic, cas, load_excl and store_excl define them;
 * values of 16 bytes in two halves, low first. false: an exception was recorded. op: enum
 * ir_atomic.
 */
bool vcpu_atomic(struct vcpu *v, uint64_t va, uint32_t m, unsigned op, uint64_t x, uint64_t *old);
bool vcpu_cas(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t expected[2],
              const uint64_t value[2], uint64_t old[2]);
bool vcpu_load_excl(struct vcpu *v, uint64_t va, uint32_t m, uint64_t value[2]);
bool vcpu_store_excl(struct vcpu *v, uint64_t va, uint32_t m, const uint64_t value[2],
                     uint32_t *failed);

/* Cumulative floating-point flags (FP_ flags of base/softfloat.h) and the dynamic rounding mode
 * (enum ir_rounding). */
uint32_t tcg_fp_flags(struct vcpu *v);
void tcg_fp_set_flags(struct vcpu *v, uint32_t flags);
void tcg_fp_set_rounding(struct vcpu *v, unsigned rounding);
/* Whether the operations of code in this mode have IR_FP_FZ, and neither IR_FP_ALT nor IR_FP_FIZ:
 * all of them or none. */
void tcg_fp_set_flush(struct vcpu *v, bool flush);
/* The same where the rules flush results (IR_FP_FZ) and operands (IR_FP_FIZ) apart, as the host
 * does. */
void tcg_fp_set_flush_apart(struct vcpu *v, bool results, bool operands);
/* An exception that is not masked came: *mxcsr is as the trap left it, and is set to what goes on.
 * true: software must evaluate the operation (only if that can be done), else it is repeated. */
bool tcg_fp_trap(struct vcpu *v, uint32_t *mxcsr, bool can_evaluate);

/* What the two above do for a 16-byte or exclusive access that its memop does not allow there:
 * records the alignment fault. */
void vcpu_misaligned(struct vcpu *v, uint64_t va, bool write);

/* The translator's parts of v; it has room for the first before it (vcpu_alloc). */
static inline struct tcg_env *vcpu_env(const struct vcpu *v)
{
    return (struct tcg_env *)(uintptr_t)v - 1;
}
struct tcg_hot *vcpu_hot(struct vcpu *v);

/* Guest instructions executed by v: exact when counted, else an estimate that never goes back. */
uint64_t vcpu_instructions(const struct vcpu *v);
/* Are they counted exactly? */
bool vcpu_is_counted(const struct vcpu *v);

#endif
