/* SPDX-License-Identifier: MIT */
/* See ir_rig.h: a CPU class whose instructions are whatever IR a test gives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "accel/accel.h"
#include "accel/atomic.h"
#include "accel/tcg.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/softfloat.h"
#include "tcg/interp.h"
#include "tcg/opinfo.h"
#include "tests/support/ir_rig.h"

/* Guest physical memory; code is at its beginning. */
#define RAM_BYTES 0x20000u
#define STOPPED_PC UINT64_C(0x8000)
#define CODE_MASK UINT64_C(0xffff)
#define REPEAT_MAX 1000u

struct rig {
    struct vcpu vcpu;
    struct rig_state s; /* the rows: directly behind struct vcpu */
    uint64_t pc;
    const struct ir_builder *block;
    struct cpu_class class;
    struct accel *accel;
    bool host;
    uint8_t *ram;
    struct os_mutex lock; /* guards stopped */
    struct os_cond changed;
    bool stopped;
};

static struct rig *rig_of(struct vcpu *v)
{
    return (struct rig *)(void *)v;
}

#define RIG_X(n)                                                                                   \
    {                                                                                              \
        "x" #n, T_I64, offsetof(struct rig, s.x[n]), n < 10 ? n : -1                               \
    }
#define RIG_Q(n)                                                                                   \
    {                                                                                              \
        "v" #n, T_V128, offsetof(struct rig, s.v[n]), n < 9 ? n : -1                               \
    }
#define RIG_Y(n)                                                                                   \
    {                                                                                              \
        "y" #n, T_V256, offsetof(struct rig, s.y[n]), n < 3 ? 9 + n : -1                           \
    }
const struct ir_reg rig_rows[RIG_ROWS] = {
    RIG_X(0),
    RIG_X(1),
    RIG_X(2),
    RIG_X(3),
    RIG_X(4),
    RIG_X(5),
    RIG_X(6),
    RIG_X(7),
    RIG_X(8),
    RIG_X(9),
    RIG_X(10),
    RIG_X(11),
    RIG_X(12),
    RIG_X(13),
    RIG_X(14),
    RIG_X(15),
    {"w0", T_I32, offsetof(struct rig, s.w[0]), -1},
    {"w1", T_I32, offsetof(struct rig, s.w[1]), -1},
    {"w2", T_I32, offsetof(struct rig, s.w[2]), -1},
    {"w3", T_I32, offsetof(struct rig, s.w[3]), -1},
    {"f", T_FLAGS, offsetof(struct rig, s.f), -1},
    {"g", T_FLAGS, offsetof(struct rig, s.g), -1},
    RIG_Q(0),
    RIG_Q(1),
    RIG_Q(2),
    RIG_Q(3),
    RIG_Q(4),
    RIG_Q(5),
    RIG_Q(6),
    RIG_Q(7),
    RIG_Q(8),
    RIG_Q(9),
    RIG_Q(10),
    RIG_Q(11),
    RIG_Q(12),
    RIG_Q(13),
    RIG_Q(14),
    RIG_Q(15),
    RIG_Y(0),
    RIG_Y(1),
    RIG_Y(2),
    RIG_Y(3),
    RIG_Y(4),
    RIG_Y(5),
    RIG_Y(6),
    RIG_Y(7),
};
#undef RIG_X
#undef RIG_Q
#undef RIG_Y

uint32_t rig_env_offset(unsigned i)
{
    return (uint32_t)offsetof(struct rig, s.env) + 8 * i;
}

/* ---- run-time functions */

static uint64_t leaf(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)v;
    return a + 3 * b + 5 * c + aux;
}

static uint64_t full(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    struct rig *r = rig_of(v);

    r->s.env[1] += a ^ aux;
    if (aux & 8) {
        tcg_fp_set_flags(v, 0);
    }
    return r->s.env[1] + b + c;
}

static uint64_t raises_if(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    if (a & 1) {
        rig_of(v)->s.fault = b | 1;
        vcpu_raise(v);
    }
    return c + aux;
}

static uint64_t raise(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)c; /* a guard passes two operands */
    rig_of(v)->s.fault = a + b + aux;
    vcpu_raise(v);
    return 0;
}

static void vector(struct vcpu *v, union ir_vec *d, const union ir_vec *a, const union ir_vec *b,
                   const union ir_vec *c, uint32_t aux)
{
    (void)v;
    const union ir_vec r = {.u64 = {a->u64[0] + b->u64[1] + aux, a->u64[1] ^ c->u64[0]}};
    *d = r;
}

/* Changes rows, as only tail may, and goes on elsewhere. */
static uint64_t tail_to(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    rig_of(v)->s.x[0] += a;
    rig_of(v)->s.x[9] = b;
    return 0x4000 + (c & 0xff0) + aux;
}

static uint64_t stop(struct vcpu *v, uint64_t pc, uint64_t b, uint64_t c, uint32_t aux)
{
    struct rig *r = rig_of(v);

    (void)b;
    (void)c;
    (void)aux;
    if (!r->s.raised) {
        r->s.pc = pc;
    }
    atomic_store(&v->halted, true);
    vcpu_exit_soon(v);
    os_mutex_lock(&r->lock);
    r->stopped = true;
    os_cond_signal(&r->changed);
    os_mutex_unlock(&r->lock);
    return STOPPED_PC;
}

#define FN(f) (void (*)(void))(f)
static const struct ir_call rows[] = {
    [RIG_LEAF] = {.name = "leaf", .fn = FN(leaf), .class = IR_CALL_LEAF, .pure = true},
    [RIG_FULL] = {.name = "full", .fn = FN(full), .class = IR_CALL_FULL},
    [RIG_RAISES_IF] = {.name = "raises_if", .fn = FN(raises_if), .class = IR_CALL_RAISES},
    [RIG_RAISE] = {.name = "raise", .fn = FN(raise), .class = IR_CALL_RAISES},
    [RIG_VECTOR] = {.name = "vector", .fn = FN(vector), .class = IR_CALL_FULL, .vector = true},
    [RIG_TAIL] = {.name = "tail_to", .fn = FN(tail_to), .class = IR_CALL_FULL},
};
static const struct ir_call row_stop = {.name = "stop", .fn = FN(stop), .class = IR_CALL_FULL};
const struct ir_call *const rig_calls[] = {&rows[RIG_LEAF],
                                           &rows[RIG_FULL],
                                           &rows[RIG_RAISES_IF],
                                           &rows[RIG_RAISE],
                                           &rows[RIG_VECTOR],
                                           &rows[RIG_TAIL],
                                           NULL};

const struct ir_guest rig_guest_x86 = {.regs = rig_rows,
                                       .reg_count = RIG_ROWS,
                                       .fp_rules = &fp_rules_x86,
                                       .fp_rules_alternate = &fp_rules_arm_ah,
                                       .vector_bits = 256,
                                       .calls = rig_calls};

const struct ir_guest rig_guest = {.regs = rig_rows,
                                   .reg_count = RIG_ROWS,
                                   .fp_rules = &fp_rules_arm,
                                   .fp_rules_alternate = &fp_rules_arm_ah,
                                   .vector_bits = 256,
                                   .calls = rig_calls};

/* ---- the CPU class */

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct rig *)(const void *)v)->pc;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    rig_of(v)->pc = pc;
}

static uint64_t zero_mode(struct vcpu *v)
{
    (void)v;
    return 0;
}

/* The block under test as it is, or one that stops. */
static void translate(struct vcpu *v, struct ir_builder *b)
{
    const struct ir_builder *from = rig_of(v)->block;

    b->guest_bytes = 4;
    b->movable &= from->movable;
    if ((b->pc & CODE_MASK) == RIG_PC) {
        memcpy(b->insns, from->insns, from->count * sizeof(b->insns[0]));
        b->count = from->count;
        b->guest_insns = from->guest_insns;
        b->guest_bytes = 4 * (from->guest_insns ? from->guest_insns : 1);
        b->pc = RIG_PC; /* as which the block names addresses */
        b->ended = true;
        b->flags_dead = from->flags_dead;
        return;
    }
    ir_insn_start(b, b->pc);
    ir_tail(b, &row_stop, ir_address(b, b->pc), IR_NONE, IR_NONE, 0);
}

static unsigned zero_index(struct vcpu *v)
{
    (void)v;
    return 0;
}

static unsigned user_index(struct vcpu *v)
{
    (void)v;
    return RIG_USER;
}

static uint32_t zero_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    (void)v;
    (void)va;
    (void)idx;
    return 0;
}

/* Data: the window, whose first page is also the last below each width's end, the second that at
 * 0. */
static bool place_of(vaddr va, paddr *pa)
{
    static const uint64_t tops[] = {UINT64_C(0x100000000), 0x80000000, 0x1000000, 0x10000};

    if (va >= RIG_BASE && va - RIG_BASE < RIG_BYTES) {
        *pa = va;
        return true;
    }
    *pa = RIG_BASE + (va & (GUEST_PAGE_SIZE - 1)) + (va < GUEST_PAGE_SIZE ? GUEST_PAGE_SIZE : 0);
    for (unsigned i = 0; i < array_len(tops); i++) {
        if (tops[i] - 1 - va < GUEST_PAGE_SIZE) {
            return true;
        }
    }
    return va < GUEST_PAGE_SIZE;
}

/* Code is wherever it is looked for; data is where place_of says. */
static bool walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
                 uint64_t *fault)
{
    (void)v;
    *t = (struct translation){.page_bits = GUEST_PAGE_BITS};
    if (a == ACCESS_FETCH) {
        t->pa = va & CODE_MASK;
        t->exec = true;
        return true;
    }
    if (!place_of(va, &t->pa)) {
        *fault = 1;
        return false;
    }
    t->pa ^= idx & 1 ? GUEST_PAGE_SIZE : 0;
    t->read = t->write = true;
    return true;
}

static void raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    (void)a;
    (void)fault;
    rig_of(v)->s.fault = va;
    vcpu_raise(v);
}

static void take_exception(struct vcpu *v)
{
    struct rig *r = rig_of(v);

    r->s.raised = true;
    r->s.pc = r->pc;
    r->pc = STOPPED_PC;
}

static bool never(struct vcpu *v)
{
    (void)v;
    return false;
}

static void no_interrupt(struct vcpu *v)
{
    (void)v;
}

static const struct cpu_class rig_class = {
    .name = "ir",
    .ir = &rig_guest,
    .pc = get_pc,
    .set_pc = set_pc,
    .mode_key = zero_mode,
    .translate = translate,
    .mmu_index = zero_index,
    .mmu_index_user = user_index,
    .walk = walk,
    .space_tag = zero_tag,
    .take_exception = take_exception,
    .raise_memory = raise_memory,
    .interrupt_ready = never,
    .take_interrupt = no_interrupt,
    .has_work = never,
};

/* ---- life */

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque;
    (void)v;
    (void)why;
}

/* As for the first of many vCPUs that run at the same time. */
static void be_parallel(struct rig *r)
{
    struct tcg *a = tcg_of_accel(r->accel);

    a->monitors = monitors_create();
    vcpu_env(&r->vcpu)->monitors = a->monitors;
}

struct rig *rig_create_for(const struct ir_guest *guest, int level, bool parallel, struct error *e)
{
    const struct accel_config config = {.interpreter = level == 0,
                                        .host_level = level,
                                        .cache_bytes = 16u << 20,
                                        .movable = ACCEL_MOVABLE_ALWAYS};
    struct rig *r = vcpu_alloc(sizeof(*r));
    static struct vcpu *vcpus[12];
    static unsigned count;

    assert(r && count < array_len(vcpus));
    r->host = level != 0;
    r->class = rig_class;
    r->class.ir = guest;
    r->vcpu.cls = &r->class;
    vcpu_env(&r->vcpu)->fp_denormals = guest->fp_rules->flag_denormals;
    r->vcpu.memory = space_create("ir");
    atomic_store(&r->vcpu.halted, true);
    os_mutex_init(&r->lock);
    os_cond_init(&r->changed);
    r->ram = os_map_ram(RAM_BYTES, e);
    if (!r->ram) {
        return NULL;
    }
    const struct mem_range ram = {
        .size = RAM_BYTES, .kind = RANGE_RAM, .name = "ram", .host = r->ram};
    space_add(r->vcpu.memory, &ram);
    vcpus[count] = &r->vcpu;
    r->accel = accel_create(&config, &vcpus[count], 1, exited, NULL, e);
    if (!r->accel) {
        rig_destroy(r);
        return NULL;
    }
    count++;
    if (parallel) {
        be_parallel(r);
    }
    return r;
}

struct rig *rig_create(int level, bool parallel, struct error *e)
{
    return rig_create_for(&rig_guest, level, parallel, e);
}

void rig_destroy(struct rig *r)
{
    if (r->accel) {
        accel_destroy(r->accel);
    }
    space_destroy(r->vcpu.memory);
    os_unmap(r->ram, RAM_BYTES);
    os_mutex_destroy(&r->lock);
    os_cond_destroy(&r->changed);
    vcpu_free(r);
}

/* ---- running */

uint64_t rig_start(const struct ir_builder *b)
{
    return b->movable ? RIG_PC + RIG_MOVES : RIG_PC;
}

static void interpret(struct rig *r)
{
    unsigned n = 0;

    r->vcpu.hot.raised = 0;
    r->vcpu.hot.page = rig_start(r->block);
    do {
        r->pc = ir_interpret(&r->vcpu, r->block);
    } while (r->pc == rig_start(r->block) && !r->vcpu.hot.raised && ++n < REPEAT_MAX);
    r->s.pc = r->pc;
    r->s.raised = r->vcpu.hot.raised;
    r->vcpu.hot.raised = 0;
}

static void execute(struct rig *r)
{
    tcg_flush_code(&r->vcpu, RIG_PC, GUEST_PAGE_SIZE);
    r->pc = rig_start(r->block);
    r->stopped = false;
    atomic_store(&r->vcpu.halted, false);
    accel_start(r->accel);
    os_mutex_lock(&r->lock);
    while (!r->stopped) {
        os_cond_wait(&r->changed, &r->lock);
    }
    os_mutex_unlock(&r->lock);
    accel_stop(r->accel);
}

/* Flushing to zero is the environment's for a whole block. */
static uint64_t flushes(const struct ir_builder *b)
{
    const bool apart = b->guest->fp_rules->flush_apart;
    uint64_t all = 0;

    for (uint32_t i = 1; i < b->count; i++) {
        const uint64_t fp = b->insns[i].imm, other = IR_FP_ALT | IR_FP_FIXED;
        if (ir_ops[b->insns[i].op].effects & IR_STICKY && !(apart && fp & other)) {
            all |= fp;
        }
    }
    return all;
}

static void set_flush(struct vcpu *v, const struct ir_builder *b)
{
    const uint64_t fp = flushes(b);

    if (b->guest->fp_rules->flush_apart) {
        tcg_fp_set_flush_apart(v, fp & IR_FP_FZ, fp & IR_FP_FIZ);
    } else {
        tcg_fp_set_flush(v, fp & IR_FP_FZ);
    }
}

void rig_run(struct rig *r, const struct ir_builder *b, struct rig_state *s)
{
    struct vcpu *v = &r->vcpu;

    r->block = b;
    r->s = *s;
    r->s.raised = false;
    memcpy(r->ram + RIG_BASE, s->memory, RIG_BYTES);
    tcg_fp_set_flags(v, s->fp_flags);
    tcg_fp_set_rounding(v, s->rounding);
    set_flush(v, b);
    v->hot.excl_addr = s->monitor;
    if (r->host) {
        execute(r);
    } else {
        interpret(r);
    }
    *s = r->s;
    s->fp_flags = tcg_fp_flags(v);
    s->monitor = v->hot.excl_addr;
    memcpy(s->memory, r->ram + RIG_BASE, RIG_BYTES);
}

uint64_t rig_refills(const struct rig *r)
{
    return ((const struct tlb *)vcpu_env(&r->vcpu)->tlb)->refills;
}

char *rig_code(struct rig *r)
{
    const struct tcg *a = tcg_of_accel(r->accel);
    struct strbuf text = {0};

    for (uint32_t i = a->block_count; a->host && i-- > 0;) {
        if ((a->blocks[i].pc & CODE_MASK) == RIG_PC) {
            host_print(a->host, &a->blocks[i], &text);
            break;
        }
    }
    return strbuf_take(&text);
}

void rig_clear(struct rig_state *s)
{
    memset(s, 0, sizeof(*s));
    s->monitor = UINT64_MAX;
}

/* ---- comparing */

static bool differ(char *why, size_t size, const char *what, uint64_t got, uint64_t want)
{
    snprintf(why, size, "%s is 0x%" PRIx64 ", not 0x%" PRIx64, what, got, want);
    return true;
}

static bool rows_differ(const struct rig_state *got, const struct rig_state *want, char *why,
                        size_t size)
{
    char name[20];

    if (memcmp(got->x, want->x, sizeof(got->x)) == 0 &&
        memcmp(got->w, want->w, sizeof(got->w)) == 0 &&
        memcmp(got->v, want->v, sizeof(got->v)) == 0 &&
        memcmp(got->y, want->y, sizeof(got->y)) == 0) {
        return false;
    }
    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "x%u", i);
        if (got->x[i] != want->x[i]) {
            return differ(why, size, name, got->x[i], want->x[i]);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        if (got->w[i] != want->w[i]) {
            return differ(why, size, name, got->w[i], want->w[i]);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        snprintf(name, sizeof(name), "v%u's %s half", i / 2, i & 1 ? "high" : "low");
        if (got->v[i / 2].u64[i & 1] != want->v[i / 2].u64[i & 1]) {
            return differ(why, size, name, got->v[i / 2].u64[i & 1], want->v[i / 2].u64[i & 1]);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        const uint64_t x = got->y[i / 4][i / 2 & 1].u64[i & 1],
                       y = want->y[i / 4][i / 2 & 1].u64[i & 1];
        snprintf(name, sizeof(name), "y%u's doubleword %u", i / 4, i & 3);
        if (x != y) {
            return differ(why, size, name, x, y);
        }
    }
    return false;
}

bool rig_differs(const struct rig_state *got, const struct rig_state *want, unsigned flags,
                 char *why, size_t size)
{
    char name[30];

    if (got->raised != want->raised) {
        return differ(why, size, "raised", got->raised, want->raised);
    }
    if (got->pc != want->pc) {
        return differ(why, size, "pc", got->pc, want->pc);
    }
    if (rows_differ(got, want, why, size)) {
        return true;
    }
    if ((got->f ^ want->f) & flags || (got->g ^ want->g) & flags) {
        return differ(why, size, "f << 16 | g", (uint64_t)got->f << 16 | got->g,
                      (uint64_t)want->f << 16 | want->g);
    }
    for (unsigned i = 0; i < 4; i++) {
        if (got->env[i] != want->env[i]) {
            return differ(why, size, "env", got->env[i], want->env[i]);
        }
    }
    if (got->fault != want->fault) {
        return differ(why, size, "fault", got->fault, want->fault);
    }
    if (got->monitor != want->monitor) {
        return differ(why, size, "monitor", got->monitor, want->monitor);
    }
    if (got->fp_flags != want->fp_flags) {
        return differ(why, size, "fp_flags", got->fp_flags, want->fp_flags);
    }
    if (memcmp(got->memory, want->memory, RIG_BYTES) != 0) {
        unsigned i = 0;
        while (got->memory[i] == want->memory[i]) {
            i++;
        }
        snprintf(name, sizeof(name), "byte 0x%x", (unsigned)RIG_BASE + i);
        return differ(why, size, name, got->memory[i], want->memory[i]);
    }
    return false;
}
