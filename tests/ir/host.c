/* SPDX-License-Identifier: MIT */
/*
 * Random blocks on the host's back end, at each level that the host has, against the reference
 * interpreter: registers, flags, memory, where the block went, and the state at an exit in its
 * middle.
 */
#include "tests/ir/random.h"

#include "base/os.h"
#include "tcg/host.h"

static struct host *host;
static struct ir_builder plain, folded;
static uint64_t code_stack[4096];
static struct {
    uint64_t mask_pad[8];
} unused;

static void clean_flags(struct rig *r)
{
    r->s.f &= IR_FLAGS_ALL;
    r->s.g &= IR_FLAGS_ALL;
}

/* ---- the run-time: every transfer leaves */

static const void *leave_for(struct vcpu *v, uint64_t pc)
{
    v->hot.pc = pc;
    return host_leave_address(host);
}

static const void *rt_link(struct vcpu *v, struct link *l)
{
    return leave_for(v, l->pc);
}

typedef uint64_t (*int_fn)(struct vcpu *, uint64_t, uint64_t, uint64_t, uint32_t);
typedef void (*vec_fn)(struct vcpu *, union ir_vec *, const union ir_vec *, const union ir_vec *,
                       const union ir_vec *, uint32_t);

static const void *rt_tail(struct vcpu *v, const struct ir_call *row, uint32_t aux, uint64_t pc)
{
    (void)pc;
    return leave_for(v, ((int_fn)row->fn)(v, v->env.args[0], v->env.args[1], v->env.args[2], aux));
}

static const void *raised_at(struct vcpu *v, const struct site *s)
{
    host_sync(host, v, s);
    return leave_for(v, s->block->pc + s->insn);
}

static bool rt_mem_leaf(struct vcpu *v, const struct site *s)
{
    (void)v;
    (void)s;
    return false;
}

static uint64_t site_address(const struct vcpu *v, const struct site *s)
{
    uint64_t a = (uint64_t)(int64_t)s->disp;

    a += s->base != SITE_NO_REG ? v->env.gpr[s->base] : 0;
    a += s->index != SITE_NO_REG ? v->env.gpr[s->index] << s->scale : 0;
    return a;
}

/* By the interpreter, as a block of one op. */
static struct ir_builder one;

static bool access_by_interpreter(struct vcpu *v, const struct ir_insn *in, const union ir_vec *x,
                                  uint64_t va, union ir_vec *result)
{
    struct rig *r = rig_of(v);
    const struct rig_state saved = r->s;

    r->s.x[0] = va;
    r->s.v[0] = x[1];
    r->s.v[1] = x[2];
    ir_begin(&one, RIG_PC, 0);
    one.no_fold = true;
    struct ir_insn op = *in;
    op.a = (uint16_t)ir_get(&one, 0);
    op.b = op.c = 0;
    op.imm &= ~UINT64_C(0xffffffff);
    op.aux &= 0xff;
    const bool is_cas = op.op == IR_cas, has_c = op.op != IR_load && op.op != IR_load_excl;
    const ir_type t = op.op == IR_load || op.op == IR_load_excl ? op.type : op.src;
    for (unsigned n = 0; n < 2; n++) {
        if (n == 0 ? is_cas : has_c) {
            ir_val full = ir_get(&one, RIG_V + n);
            ir_val y = ir_is_vector(t) ? full : ir_vget(&one, t, full, 0);
            *(n ? &op.c : &op.b) = (uint16_t)y;
        }
    }
    const ir_val got = ir_emit(&one, op);
    if (op.type != T_VOID) {
        ir_put(&one, RIG_V, ir_is_vector(op.type) ? got : ir_vzext(&one, got));
    }
    ir_br(&one, 0);
    v->hot.raised = 0;
    ir_interpret(v, &one);
    *result = r->s.v[0];
    r->s = saved;
    return !v->hot.raised;
}

static const void *rt_mem(struct vcpu *v, const struct site *s)
{
    struct ir_insn in = {.op = s->kind == SITE_LOAD ? IR_load : IR_store,
                         .imm = (uint64_t)s->memop << 32};
    union ir_vec x[3] = {{{0}}}, result;
    const bool vec = ir_in_vector_register(s->type);

    if (s->kind == SITE_LOAD) {
        in.type = s->type;
    } else {
        in.src = s->type;
        if (vec) {
            memcpy(&x[2], v->env.vec[s->data], 16);
        } else {
            x[2].u64[0] = s->data == SITE_NO_REG ? (uint64_t)(int64_t)(int32_t)s->aux
                                                 : v->env.gpr[s->data];
        }
    }
    if (!access_by_interpreter(v, &in, x, site_address(v, s), &result)) {
        return raised_at(v, s);
    }
    if (s->kind == SITE_LOAD) {
        if (vec) {
            memcpy(v->env.vec[s->data], &result, 16);
        } else {
            v->env.gpr[s->data] = result.u64[0];
        }
    }
    return NULL;
}

static const void *rt_call(struct vcpu *v, const struct ir_call *row, const struct site *s,
                           uint32_t aux)
{
    if (row->vector) {
        union ir_vec *x = (union ir_vec *)v->env.vec_args;
        ((vec_fn)row->fn)(v, &x[3], &x[0], &x[1], &x[2], aux);
    } else {
        v->env.args[0] = ((int_fn)row->fn)(v, v->env.args[0], v->env.args[1], v->env.args[2], aux);
    }
    if (row == rig_calls[RIG_FULL] && (aux & 8)) {
        v->hot.guest_mxcsr &= ~0x3fu; /* it clears the flags, which are here as well */
    }
    return v->hot.raised ? raised_at(v, s) : NULL;
}

static const void *rt_op(struct vcpu *v, const struct site *s)
{
    union ir_vec *x = (union ir_vec *)v->env.vec_args;
    struct ir_insn in = {
        .op = s->op, .type = s->type, .src = s->src, .aux = s->aux, .imm = v->env.args[0]};

    if (s->op == IR_load_excl || s->op == IR_store_excl || s->op == IR_atomic || s->op == IR_cas) {
        return access_by_interpreter(v, &in, x, x[0].u64[0] + (uint64_t)(int64_t)s->disp, &x[3])
                   ? NULL
                   : raised_at(v, s);
    }
    ir_eval_op(v, &rig_guest, &in, &x[3], &x[0], &x[1], &x[2]);
    return NULL;
}

/* An inline TLB that never hits, or one that holds the window. */
static uint64_t *tlb_table(void)
{
    static uint8_t *map;

    if (!map) {
        map = aligned_alloc(4096, 4096 + 2 * 16384 * 16);
    }
    memset(map, 0xff, 4096 + 2 * 16384 * 16);
    uint64_t *lines = (uint64_t *)(void *)(map + 4096);
    lines[-1] = 255 << 4;
    return lines;
}

static void map_window(uint64_t *lines, const struct rig *r)
{
    for (unsigned page = 0; page < RIG_BYTES / 4096; page++) {
        const uint64_t va = RIG_BASE + page * 4096;
        for (unsigned w = 0; w < 2; w++) {
            uint64_t *line = lines + w * 16384 * 2 + ((va >> 12) & 255) * 2;
            line[0] = va;
            line[1] = (uint64_t)(uintptr_t)(r->memory + page * 4096) - va;
        }
    }
}

static void start_host(int level)
{
    struct error e;
    const struct host_config c = {
        .layout = {.hot = (int32_t)offsetof(struct vcpu, hot) - (int32_t)VCPU_STATE_OFFSET,
                   .env = (int32_t)offsetof(struct vcpu, env) - (int32_t)VCPU_STATE_OFFSET,
                   .state = -(int32_t)VCPU_STATE_OFFSET},
        .runtime = {.link = rt_link,
                    .go = leave_for,
                    .poll = leave_for,
                    .tail = rt_tail,
                    .mem_leaf = rt_mem_leaf,
                    .mem = rt_mem,
                    .call = rt_call,
                    .op = rt_op},
        .guest = &rig_guest,
        .cache_bytes = 16 << 20,
        .level = level};
    host = host_create(&c, &e);
    (void)unused;
}

static void run_on_host(struct rig *r, struct ir_builder *b)
{
    static struct block blk;
    static uint32_t no_slots[1024];
    static uint64_t no_jumps[8192];
    struct vcpu *v = &r->vcpu;

    host_reset(host);
    memset(&blk, 0, sizeof(blk));
    blk.pc = RIG_PC;
    b->mmu_current = 0;
    b->mmu_user = 1;
    if (!host_compile(host, b, &blk)) {
        test_fail(__FILE__, __LINE__, "the block does not fit");
        return;
    }
    memset(code_stack, 0xff, sizeof(code_stack));
    uint64_t *lines = tlb_table();
    map_window(lines, r);
    v->hot.raised = 0;
    v->hot.key = UINT64_C(0x0120000000000000);
    v->hot.code_slots = no_slots;
    v->hot.jump_table = no_jumps;
    v->hot.tlb_current = v->hot.tlb_user = lines;
    v->hot.code_stack = code_stack + 4000;
    static const uint32_t rc[] = {[IR_RNE] = 0, [IR_RUP] = 2, [IR_RDN] = 1, [IR_RTZ] = 3};
    v->hot.guest_mxcsr = 0x1f80 | rc[v->env.fp_rounding & 3] << 13;
    host_enter(host, v, blk.entry);
    r->pc = v->hot.pc;
    r->raised = v->hot.raised;
    const uint32_t m = v->hot.guest_mxcsr;
    v->env.fp_flags |= (m & 1 ? FP_INVALID : 0) | (m & 4 ? FP_DIVZERO : 0) |
                       (m & 8 ? FP_OVERFLOW : 0) | (m & 16 ? FP_UNDERFLOW : 0) |
                       (m & 32 ? FP_INEXACT : 0);
}

static bool differs(const struct rig *got, const struct rig *want)
{
    return memcmp(&got->s, &want->s, sizeof(got->s)) ||
           memcmp(got->memory, want->memory, RIG_BYTES) || got->pc != want->pc ||
           got->raised != want->raised || got->vcpu.env.fp_flags != want->vcpu.env.fp_flags;
}

static void tell(uint64_t seed, const struct ir_builder *b, const struct rig *got,
                 const struct rig *want)
{
    struct strbuf text = {0};

    ir_print(b, &text);
    fprintf(stderr, "block of seed 0x%" PRIx64 ":\n%s", seed, text.text);
    for (unsigned i = 0; i < RIG_ROWS; i++) {
        const unsigned bytes = ir_type_bits(rig_rows[i].type) / 8;
        const uint64_t *g = (const void *)((const uint8_t *)got + rig_rows[i].offset);
        const uint64_t *w = (const void *)((const uint8_t *)want + rig_rows[i].offset);
        if (memcmp(g, w, bytes) != 0) {
            fprintf(stderr, "%s 0x%" PRIx64 ":%" PRIx64 " not 0x%" PRIx64 ":%" PRIx64 "\n",
                    rig_rows[i].name, bytes > 8 ? g[1] : 0, *g, bytes > 8 ? w[1] : 0, *w);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        if (got->s.env[i] != want->s.env[i]) {
            fprintf(stderr, "env%u 0x%" PRIx64 " not 0x%" PRIx64 "\n", i, got->s.env[i],
                    want->s.env[i]);
        }
    }
    if (memcmp(got->memory, want->memory, RIG_BYTES)) {
        for (unsigned i = 0; i < RIG_BYTES; i++) {
            if (got->memory[i] != want->memory[i]) {
                fprintf(stderr, "[0x%x] 0x%x not 0x%x\n", (unsigned)RIG_BASE + i, got->memory[i],
                        want->memory[i]);
            }
        }
    }
    fprintf(stderr, "pc %" PRIx64 " not %" PRIx64 ", raised %d not %d, fp %x not %x\n", got->pc,
            want->pc, got->raised, want->raised, got->vcpu.env.fp_flags, want->vcpu.env.fp_flags);
    strbuf_free(&text);
    test_fail(__FILE__, __LINE__, "the block of seed 0x%" PRIx64 " differs on %s", seed,
              host_level_name(host));
}

static void try_block(uint64_t seed, unsigned length, bool fold)
{
    static struct rig start, want;
    struct rig *r = rig_reset();
    struct ir_builder *b = &plain;
    struct rng rng;

    rng_seed(&rng, seed);
    random_block(&plain, &rng, length);
    random_state(&rng, r);
    clean_flags(r); /* as every producer leaves them */
    memcpy(&start, r, sizeof(start));
    if (fold) {
        struct strbuf text = {0};
        struct error e;
        ir_print(&plain, &text);
        ir_begin(&folded, RIG_PC, 0);
        folded.no_fold = false;
        CHECK(ir_parse(&folded, text.text, &e));
        strbuf_free(&text);
        b = &folded;
    }
    rig_interpret(r, b);
    clean_flags(r);
    memcpy(&want, r, sizeof(want));
    memcpy(r, &start, sizeof(start));
    run_on_host(r, b);
    clean_flags(r);
    if (differs(r, &want)) {
        tell(seed, b, r, &want);
    }
}

static void try_level(int level)
{
    struct rng seeds;
    const char *only = getenv("IR_SEED");

    start_host(level);
    if (!host) {
        SKIP("the host lacks x86-64-v%d", level);
    }
    if (!plain.insns) {
        ir_builder_init(&plain, &rig_guest);
        ir_builder_init(&folded, &rig_guest);
        ir_builder_init(&one, &rig_guest);
    }
    rng_seed(&seeds, test_seed());
    for (unsigned i = 0; i < 3000 * test_scale() && test_state.failures == 0; i++) {
        const uint64_t seed = only ? strtoull(only, NULL, 0) : rng_u64(&seeds);
        const char *len = getenv("IR_LENGTH");
        try_block(seed,
                  len ? (unsigned)atoi(len)
                      : 1 + (unsigned)(seed % (i < 400    ? 4
                                               : i < 1500 ? 12
                                                          : 60)),
                  i & 1);
    }
    host_destroy(host);
}

TEST(random_blocks_run_on_v2_as_in_the_interpreter)
{
    try_level(2);
}

TEST(random_blocks_run_on_v3_as_in_the_interpreter)
{
    try_level(3);
}
