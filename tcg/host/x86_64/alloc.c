/* SPDX-License-Identifier: MIT */
/*
 * Register allocation, one op at a time from the block's last to its first.
 *
 * Going backwards, a value gets a register at its last use, and the register is free again above
 * its definition. At the end of the block each row with a home must be in it, so the final value of
 * a row is given its home first, and is then computed right there. What finds no register is
 * evicted: the code already emitted finds it in its register by a reload that is emitted here, and
 * it is stored to a spill slot where it is defined. Constants and unchanged rows are reloaded from
 * where they come from.
 *
 * Every operand of an op must have its register before the op's first instruction is emitted, since
 * an eviction emits a reload that belongs behind the op.
 */
#include "tcg/host/x86_64/compile.h"
#include "tcg/opinfo.h"

const uint8_t gpr_homes[GPR_HOMES] = {RBX, RSI, RDI, R8, R14, R9, R10, R11};
const uint8_t vec_homes[VEC_HOMES] = {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

uint16_t value(const struct compiler *c, ir_val v)
{
    return c->alias[v];
}

bool constant(const struct compiler *c, ir_val v, uint64_t *k)
{
    const struct ir_insn *in = &c->insns[value(c, v)];

    *k = in->imm;
    return in->op == IR_konst;
}

bool imm32(const struct compiler *c, ir_val v, ir_type t, int32_t *k)
{
    uint64_t x;

    if (!constant(c, v, &x)) {
        return false;
    }
    *k = (int32_t)x;
    return ir_type_bits(t) <= 32 || (int64_t)x == (int32_t)x;
}

/* ---- moves */

/* All that the register holds. */
static void move_register(struct compiler *c, bool vec, unsigned dst, unsigned src)
{
    if (vec && c->h->wide && dst != src) {
        emit_v(&c->as, SSE_MOVAPS | OP_L, dst, 0, reg_operand(src), 0, 0);
    } else {
        copy(c, vec, dst, src);
    }
}

void copy(struct compiler *c, bool vec, unsigned dst, unsigned src)
{
    if (dst == src) {
        return;
    }
    if (vec && ir_is_wide(c->insns[c->i].type)) {
        emit_v(&c->as, SSE_MOVAPS | OP_L, dst, 0, reg_operand(src), 0, 0);
    } else if (vec) {
        emit_rr(&c->as, SSE_MOVAPS, dst, src);
    } else {
        x_mov(&c->as, true, dst, src);
    }
}

void load_register(struct compiler *c, ir_type t, unsigned r, struct operand o)
{
    if (ir_is_wide(t)) {
        emit_v(&c->as, SSE_MOVUPS_LOAD | OP_L, r, 0, o, 0, 0);
    } else if (class_of(t)) {
        emit_rm(&c->as, SSE_MOVUPS_LOAD, r, o);
    } else {
        x_load(&c->as, ir_type_bits(t) == 64, r, o);
    }
}

void store_register(struct compiler *c, ir_type t, unsigned r, struct operand o)
{
    if (ir_is_wide(t)) {
        emit_v(&c->as, SSE_MOVUPS_STORE | OP_L, r, 0, o, 0, 0);
    } else if (class_of(t)) {
        emit_rm(&c->as, SSE_MOVUPS_STORE, r, o);
    } else if (t == T_FLAGS) {
        emit_rm(&c->as, OPC(PP_66, 0, 0x89), r, o);
    } else {
        x_store(&c->as, ir_type_bits(t) == 64, r, o);
    }
}

void load_row(struct compiler *c, unsigned row, unsigned r)
{
    const ir_type t = c->h->config.guest->regs[row].type;

    if (t == T_FLAGS) {
        emit_rm(&c->as, OPC(0, 1, 0xb7), r, row_place(c->h, row));
    } else {
        load_register(c, t, r, row_place(c->h, row));
    }
}

/* ---- values that are on entry: rows with a home, read or untouched */

int home_row(const struct compiler *c, uint16_t v)
{
    if (v >= FIRST_ROW_VALUE) {
        return v < FIRST_GROUP_VALUE ? v - FIRST_ROW_VALUE : -1;
    }
    const struct ir_insn *in = &c->insns[v];
    return in->op == IR_get && c->homes->of_row[in->aux] >= 0 ? (int)in->aux : -1;
}

bool is_vec(const struct compiler *c, uint16_t v)
{
    if (v < FIRST_ROW_VALUE) {
        return class_of(c->insns[v].type);
    }
    return v < FIRST_GROUP_VALUE && class_of(c->h->config.guest->regs[v - FIRST_ROW_VALUE].type);
}

void store_at_entry(struct compiler *c, unsigned row)
{
    c->rows_stored[row / 64] |= UINT64_C(1) << row % 64;
}

/* ---- eviction */

ir_type slot_type(const struct compiler *c, ir_type t)
{
    return !class_of(t) ? T_I64 : c->h->wide ? T_V256 : ir_is_wide(t) ? t : T_V128;
}

static ir_type value_type(const struct compiler *c, uint16_t v)
{
    return v < FIRST_ROW_VALUE     ? c->insns[v].type
           : v < FIRST_GROUP_VALUE ? c->h->config.guest->regs[v - FIRST_ROW_VALUE].type
                                   : T_I64;
}

unsigned free_slot(struct compiler *c, ir_type t)
{
    const bool wide = ir_is_wide(slot_type(c, t));
    uint64_t *used = wide ? c->wide_used : c->spill_used;
    unsigned slot = 0;

    c->wide_slots |= wide;
    while (slot < SPILL_SLOTS && (used[slot / 64] >> slot % 64 & 1)) {
        slot++;
    }
    assert(slot < SPILL_SLOTS);
    used[slot / 64] |= UINT64_C(1) << slot % 64;
    return wide ? slot + SPILL_SLOTS : slot;
}

static void release_slot(struct compiler *c, unsigned slot)
{
    if (slot < SPILL_SLOTS) {
        c->spill_used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    } else {
        slot -= SPILL_SLOTS;
        c->wide_used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
}

unsigned take_slot(struct compiler *c, uint16_t v)
{
    if (!c->spill[v]) {
        c->spill[v] = (uint16_t)(free_slot(c, value_type(c, v)) + 1);
    }
    return c->spill[v] - 1u;
}

static void reload(struct compiler *c, uint16_t v, unsigned r)
{
    const int home = home_row(c, v);

    if (home >= 0) {
        store_at_entry(c, (unsigned)home);
        load_row(c, (unsigned)home, r);
        return;
    }
    const struct ir_insn *in = &c->insns[v < FIRST_ROW_VALUE ? v : 0];
    if (v < FIRST_ROW_VALUE && in->op == IR_konst) {
        x_mov_imm(&c->as, r, in->imm);
    } else if (v < FIRST_ROW_VALUE && in->op == IR_page) {
        load_address(c, r, in->imm);
    } else if (v < FIRST_ROW_VALUE && in->op == IR_get && c->i <= c->memory_until[v]) {
        load_row(c, in->aux, r);
    } else {
        const struct operand o = spill_place(c->h, take_slot(c, v));
        load_register(c, slot_type(c, value_type(c, v)), r, o);
    }
}

void evict(struct compiler *c, bool vec, unsigned r)
{
    const uint16_t v = c->owner[vec][r];

    if (v) {
        reload(c, v, r);
        c->reg[v] = -1;
        c->owner[vec][r] = 0;
    }
}

/* What an eviction costs, roughly: constants and rows nothing to store; values defined long before
 * are used later again. */
static unsigned cost(const struct compiler *c, uint16_t v)
{
    if (v >= FIRST_ROW_VALUE) {
        return 2;
    }
    const struct ir_insn *in = &c->insns[v];
    if (in->op == IR_konst || in->op == IR_page) {
        return 0;
    }
    return (in->op == IR_get ? 1u : 3u) + v * 4u;
}

static unsigned choose_victim(const struct compiler *c, bool vec, uint32_t allowed)
{
    unsigned best = NO_REG, best_cost = UINT32_MAX;

    for (unsigned r = 0; r < 16; r++) {
        if ((allowed >> r & 1) && c->owner[vec][r]) {
            const unsigned k = cost(c, c->owner[vec][r]);
            if (k < best_cost) {
                best = r;
                best_cost = k;
            }
        }
    }
    assert(best != NO_REG);
    return best;
}

/* Bit n: the nth value is below a limit, which a signed 16-bit number holds. */
static uint32_t below(const uint16_t *x, unsigned limit)
{
    const __m128i *a = (const __m128i *)x, than = _mm_set1_epi16((short)limit);
    const __m128i low = _mm_cmplt_epi16(_mm_load_si128(a), than);
    const __m128i high = _mm_cmplt_epi16(_mm_load_si128(a + 1), than);

    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}
_Static_assert(MAX_VALUES <= INT16_MAX, "values are compared as signed numbers");

/* Homes that nobody is going to claim: their rows have been overwritten later on, and are not read
 * before; and registers that are nobody's home. */
static uint32_t idle_homes(const struct compiler *c, bool vec)
{
    return below(c->home_value[vec], FIRST_ROW_VALUE);
}

static unsigned pick(struct compiler *c, bool vec, uint32_t exclude, unsigned prefer)
{
    const uint32_t allowed = (vec ? VEC_ALLOC : GPR_ALLOC) & ~exclude & ~c->locked[vec];

    if (prefer != NO_REG && (allowed >> prefer & 1) && !c->owner[vec][prefer]) {
        return prefer;
    }
    const uint32_t free_mask = allowed & below(c->owner[vec], 1);
    const uint32_t plain = free_mask & (vec ? 0xc000u : 1u << R12 | 1u << R13);
    if (plain) {
        return ctz32(plain);
    }
    const uint32_t idle = free_mask & idle_homes(c, vec);
    if (idle) {
        return ctz32(idle);
    }
    if (free_mask) {
        return ctz32(free_mask);
    }
    const unsigned r = choose_victim(c, vec, allowed);
    evict(c, vec, r);
    return r;
}

void own(struct compiler *c, bool vec, unsigned r, uint16_t v)
{
    c->owner[vec][r] = v;
    c->reg[v] = (int8_t)r;
}

unsigned use_here(struct compiler *c, ir_val operand, unsigned prefer)
{
    const uint16_t v = value(c, operand);
    const bool vec = is_vec(c, v);

    if (c->reg[v] < 0) {
        const int row = home_row(c, v);
        if (row >= 0 && prefer == NO_REG) {
            prefer = (unsigned)c->homes->of_row[row];
        }
        own(c, vec, pick(c, vec, 0, prefer), v);
    }
    c->locked[vec] |= 1u << c->reg[v];
    return (unsigned)c->reg[v];
}

unsigned use(struct compiler *c, ir_val operand, uint32_t exclude)
{
    const uint16_t v = value(c, operand);
    const bool vec = is_vec(c, v);

    if (c->reg[v] >= 0 && (exclude >> c->reg[v] & 1)) {
        evict(c, vec, (unsigned)c->reg[v]);
    }
    if (c->reg[v] < 0) {
        const int row = home_row(c, v);
        own(c, vec, pick(c, vec, exclude, row >= 0 ? (unsigned)c->homes->of_row[row] : NO_REG), v);
    }
    c->locked[vec] |= 1u << c->reg[v];
    return (unsigned)c->reg[v];
}

unsigned temp(struct compiler *c, bool vec)
{
    const unsigned r = pick(c, vec, 0, NO_REG);

    c->locked[vec] |= 1u << r;
    return r;
}

bool wanted(const struct compiler *c)
{
    return c->reg[c->i] >= 0 || c->spill[c->i];
}

unsigned def(struct compiler *c)
{
    return define(c, (uint16_t)c->i);
}

unsigned define(struct compiler *c, uint16_t v)
{
    const bool vec = is_vec(c, v);
    unsigned r;

    if (c->reg[v] >= 0) {
        r = (unsigned)c->reg[v];
    } else {
        r = pick(c, vec, 0, NO_REG);
    }
    if (c->spill[v]) {
        const unsigned slot = c->spill[v] - 1u;
        store_register(c, slot_type(c, value_type(c, v)), r, spill_place(c->h, slot));
        release_slot(c, slot);
    }
    c->owner[vec][r] = 0;
    c->reg[v] = -1;
    c->spill[v] = 0;
    return r;
}

void move_to(struct compiler *c, bool vec, unsigned dst, ir_val v)
{
    uint64_t k;

    if (!vec && constant(c, v, &k)) {
        x_mov_imm(&c->as, dst, k);
    } else {
        move_register(c, vec, dst, (unsigned)c->reg[value(c, v)]);
    }
}

/* ---- the ends of a block */

static void claim(struct compiler *c, bool vec, unsigned r, uint16_t v)
{
    if (c->reg[v] < 0 && !(v < FIRST_ROW_VALUE && c->insns[v].op == IR_konst)) {
        own(c, vec, r, v);
    } else {
        c->end_move[c->end_moves++] = (uint8_t)(r | (vec ? 16 : 0));
    }
}

/*
 * Claims the homes for the final values of their rows. A constant, or a value that two rows share,
 * is moved later: the homes of those moves stay reserved until block_end_moves. Most rows are not
 * touched: those have their homes from a template.
 */
void block_end_claim(struct compiler *c)
{
    const struct home_set *h = c->homes;

    c->end_moves = 0;
    memcpy(c->owner, h->entry_owner, sizeof(c->owner));
    memcpy(c->home_value, h->entry_owner, sizeof(c->home_value));
    memcpy(&c->reg[FIRST_ROW_VALUE], h->of_row, sizeof(h->of_row));
    for (unsigned vec = 0; vec < 2; vec++) {
        for (uint32_t set = c->touched[vec]; set; set &= set - 1) {
            const unsigned r = ctz32(set), row = h->row_of[vec][r];
            c->owner[vec][r] = 0;
            c->reg[FIRST_ROW_VALUE + row] = -1;
            c->home_value[vec][r] = c->row_value[row];
        }
    }
    /* First what is in its home from the start, so that a copy of it finds it there. */
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned vec = 0; vec < 2; vec++) {
            for (uint32_t set = c->touched[vec]; set; set &= set - 1) {
                const unsigned r = ctz32(set), row = h->row_of[vec][r];
                const uint16_t v = c->row_value[row];
                if ((home_row(c, v) == (int)row) == (pass == 0)) {
                    claim(c, vec, r, v);
                }
            }
        }
    }
}

void block_end_moves(struct compiler *c)
{
    while (c->end_moves > 0) {
        const unsigned m = c->end_move[--c->end_moves];
        move_to(c, m & 16, m & 15, c->row_value[c->homes->row_of[m >> 4][m & 15]]);
    }
}

/* dst[k] = src[k] all at once, by way of rax or xmm0. */
void parallel_moves(struct compiler *c, bool vec, struct move *m, unsigned n)
{
    struct move ordered[32];
    unsigned done = 0;
    const unsigned scratch = vec ? X0 : RAX;

    while (n > 0) {
        unsigned k = 0;
        for (; k < n; k++) {
            bool read = false;
            for (unsigned j = 0; j < n; j++) {
                read |= j != k && m[j].src == m[k].dst;
            }
            if (!read) {
                break;
            }
        }
        if (k == n) { /* a cycle: free one register through the scratch one */
            ordered[done++] = (struct move){.dst = (uint8_t)scratch, .src = m[0].src};
            const uint8_t saved = m[0].src;
            for (unsigned j = 0; j < n; j++) {
                if (m[j].src == saved) {
                    m[j].src = (uint8_t)scratch;
                }
            }
            continue;
        }
        ordered[done++] = m[k];
        m[k] = m[--n];
    }
    for (unsigned k = 0; k < done; k++) {
        const struct move *next = &ordered[c->as.to_cold ? k : done - 1 - k];
        move_register(c, vec, next->dst, next->src);
    }
}

/* Emits, before everything else, the moves from the homes to where the entry values are wanted. */
void block_start(struct compiler *c)
{
    for (unsigned cls = 0; cls < 2; cls++) {
        struct move m[16];
        unsigned n = 0;
        uint32_t away = differing(c->owner[cls], c->homes->entry_owner[cls]);
        for (; away; away &= away - 1) {
            const unsigned r = ctz32(away);
            const uint16_t v = c->owner[cls][r];
            const int row = v ? home_row(c, v) : -1;
            assert(!v || row >= 0);
            if (v && (unsigned)c->homes->of_row[row] != r) {
                m[n++] = (struct move){.dst = (uint8_t)r, .src = (uint8_t)c->homes->of_row[row]};
            }
        }
        parallel_moves(c, cls, m, n);
    }
    for (unsigned word = 0; word < IR_MAX_REGS / 64; word++) {
        for (uint64_t set = c->rows_stored[word]; set; set &= set - 1) {
            const unsigned row = word * 64 + ctz64(set);
            store_register(c, c->h->config.guest->regs[row].type, (unsigned)c->homes->of_row[row],
                           row_place(c->h, row));
        }
    }
}

/* ---- the forward pass: what the backward pass must know of the past */

static bool zero_upper(const struct ir_insn *in)
{
    return in->op != IR_trunc && in->op != IR_get && in->op != IR_call && in->op != IR_env_load;
}

/* In VEX encoding an op clears what is above 128 bits, but for those that may leave a value where
 * it is, and SHA's, which have none. */
static bool clears_rest(const struct ir_insn *in)
{
    const bool shift = in->op == IR_shli || in->op == IR_shri || in->op == IR_sari;
    const bool moves = in->op == IR_get || in->op == IR_select || in->op == IR_vpart ||
                       (shift && in->aux == 0) || (in->op == IR_vext && in->aux % 16 == 0);
    const bool sha = in->op >= IR_sha256_h && in->op <= IR_sha1_su1;

    return !moves && !sha && in->op != IR_call && ir_is_vector(in->type) && !ir_is_wide(in->type);
}

static uint16_t alias_of(const struct compiler *c, uint32_t i)
{
    const struct ir_insn *in = &c->insns[i];

    if (in->op == IR_trunc && !ir_is_vector(in->type)) {
        return c->alias[in->a];
    }
    if (in->op == IR_zext && in->src == T_I32 && c->insns[c->alias[in->a]].type == T_I32 &&
        zero_upper(&c->insns[c->alias[in->a]])) {
        return c->alias[in->a];
    }
    if ((in->op == IR_vget && in->aux == 0 && class_of(in->type)) ||
        (in->op == IR_vpart && in->aux == 0)) {
        return c->alias[in->a]; /* what is above a scalar in its register does not matter */
    }
    if (in->op == IR_vwiden && clears_rest(&c->insns[c->alias[in->a]])) {
        return c->alias[in->a];
    }
    return (uint16_t)i;
}

bool is_site(const struct ir_insn *in)
{
    if (in->op == IR_call) {
        return ((const struct ir_call *)(uintptr_t)in->imm)->class == IR_CALL_RAISES;
    }
    return ir_ops[in->op].effects & IR_MAY_EXIT || in->op == IR_brcond;
}

/* Addresses that are close together may have sums that are not: these wrap around elsewhere than
 * at a page's end. */
static bool splits_segment(memop m)
{
    return (m & MO_WIDTH) && (m & (MO_WIDTH | MO_LINEAR_32)) != (MO_WIDTH_32 | MO_LINEAR_32);
}

static bool groupable(const struct compiler *c, const struct ir_insn *in)
{
    const memop m = memop_of(in);

    return inline_access(c, in) && !(m & MO_ALIGN) && !(ir_segment(in->aux) && splits_segment(m));
}

#define GROUP_WINDOW 512 /* bytes; a wider one would often cross a page */

/* Whether g may have an access like `of`, which is a group of its own. */
static bool joins(const struct group *g, const struct group *of)
{
    const int32_t low = of->low < g->low ? of->low : g->low,
                  high = of->high > g->high ? of->high : g->high;

    return g->open && g->base == of->base && g->index == of->index && g->scale == of->scale &&
           g->how == of->how && g->uncut == of->uncut && g->segment == of->segment &&
           high - low <= GROUP_WINDOW;
}

static void add_to_group(struct compiler *c, uint32_t i)
{
    const struct ir_insn *in = &c->insns[i];
    const int32_t low = (int32_t)in->imm;
    const memop m = memop_of(in);

    if (low > INT32_MAX / 2 || low < INT32_MIN / 2) {
        return;
    }
    const struct group of = {.base = c->alias[in->a],
                             .index = in->b ? c->alias[in->b] : 0,
                             .leader = (uint16_t)i,
                             .members = 1,
                             .how = m & (MO_IDX(IR_MMU_INDICES - 1) | MO_WIDTH | MO_LINEAR_32),
                             .uncut = may_stay_uncut(c, in),
                             .segment = (uint16_t)(in->aux >> 16),
                             .scale = in->b ? in->aux >> 8 & 7 : 0,
                             .write = in->op == IR_store,
                             .open = true,
                             .low = low,
                             .high = low + (1 << (m & MO_SIZE_LOG2))};
    for (unsigned n = 0; n < c->group_count; n++) {
        struct group *g = &c->groups[n];
        if (joins(g, &of)) {
            g->low = of.low < g->low ? of.low : g->low;
            g->high = of.high > g->high ? of.high : g->high;
            g->write |= of.write;
            g->members++;
            g->last = (uint16_t)i;
            c->group_of[i] = (uint8_t)(n + 1);
            return;
        }
    }
    if (c->group_count < MAX_GROUPS) {
        c->groups[c->group_count] = of;
        c->group_of[i] = (uint8_t)++c->group_count;
    }
}

/* An addend must not live across a function that may flush the TLB. */
static void close_groups(struct compiler *c)
{
    for (unsigned n = 0; n < c->group_count; n++) {
        c->groups[n].open = false;
    }
}

/* Nor across a store of what may be the segment's base. */
static void close_segments(struct compiler *c)
{
    for (unsigned n = 0; n < c->group_count; n++) {
        c->groups[n].open &= c->groups[n].segment == 0;
    }
}

/* All values without a register or slot; those of rows and groups are themselves. A compiled block
 * leaves it so. */
void reset_values(struct compiler *c)
{
    memset(c->owner, 0, sizeof(c->owner));
    memset(c->spill_used, 0, sizeof(c->spill_used));
    if (c->wide_slots) {
        memset(c->wide_used, 0, sizeof(c->wide_used));
        c->wide_slots = false;
    }
    for (unsigned v = FIRST_ROW_VALUE; v < MAX_VALUES; v++) {
        c->alias[v] = (uint16_t)v;
        c->reg[v] = -1;
        c->spill[v] = 0;
    }
}

static void touch(struct compiler *c, unsigned row)
{
    const int home = c->homes->of_row[row];

    if (home >= 0) {
        c->touched[class_of(c->h->config.guest->regs[row].type)] |= 1u << home;
    }
}

/* Op i puts the row: what was put before need not be in memory if nobody looks in between. */
static void prepare_put(struct compiler *c, uint32_t i, uint32_t last_site)
{
    const unsigned row = c->insns[i].aux;
    const uint16_t before = c->last_put[row];

    c->previous[i] = c->row_value[row];
    c->row_value[row] = c->alias[c->insns[i].a];
    c->put_before[i] = before;
    touch(c, row);
    if (before) {
        c->keep_put[before] = last_site > before ? PUT_ASK : PUT_DEAD;
    }
    c->keep_put[i] = PUT_KEPT;
    c->last_put[row] = (uint16_t)i;
    if (c->open_get[row]) {
        c->memory_until[c->open_get[row]] = (uint16_t)(i - 1);
        c->open_get[row] = 0;
    }
}

static void prepare_get(struct compiler *c, uint32_t i)
{
    const unsigned row = c->insns[i].aux;

    c->memory_until[i] = UINT16_MAX;
    if (c->row_value[row] < FIRST_ROW_VALUE) {
        c->alias[i] = c->row_value[row]; /* read or written before in this block */
    } else {
        c->open_get[row] = (uint16_t)i;
        c->row_value[row] = (uint16_t)i;
        touch(c, row);
    }
}

void prepare(struct compiler *c)
{
    const struct ir_guest *g = c->h->config.guest;
    uint32_t last_site = 0, offset = 0;

    memcpy(c->row_value, &c->alias[FIRST_ROW_VALUE], g->reg_count * sizeof(c->row_value[0]));
    memset(c->rows_stored, 0, sizeof(c->rows_stored));
    memset(c->floating, 0, sizeof(c->floating));
    c->touched[0] = c->touched[1] = 0;
    loop_choose(c);
    memset(c->last_put, 0, g->reg_count * sizeof(c->last_put[0]));
    memset(c->open_get, 0, g->reg_count * sizeof(c->open_get[0]));
    memset(c->reg, -1, c->count);
    memset(c->spill, 0, c->count * sizeof(c->spill[0]));
    memset(c->fused, 0, c->count);
    memset(c->group_of, 0, c->count);
    c->group_count = 0;
    for (uint32_t i = 1; i < c->count; i++) {
        const struct ir_insn *in = &c->insns[i];
        c->alias[i] = (uint16_t)i;
        c->insn_of[i] = offset;
        if (class_of(in->type)) {
            c->alias[i] = alias_of(c, i);
            upper_track(c, i);
        }
        switch (in->op) {
        case IR_insn:
            offset = (uint32_t)(in->imm - c->b->pc);
            break;
        case IR_get:
            prepare_get(c, i);
            break;
        case IR_trunc:
        case IR_zext:
            c->alias[i] = alias_of(c, i);
            break;
        case IR_put:
            prepare_put(c, i, last_site);
            break;
        case IR_load:
        case IR_store:
            last_site = i;
            if (groupable(c, in)) {
                add_to_group(c, i);
            }
            break;
        case IR_call:
        case IR_guard:
            close_groups(c);
            last_site = is_site(in) ? i : last_site;
            break;
        case IR_env_store:
            close_segments(c);
            break;
        default:
            last_site = is_site(in) && !is_final_branch(c, i) ? i : last_site;
            break;
        }
    }
    for (unsigned row = 0; c->b->flags_dead && row < g->reg_count; row++) {
        const uint16_t last = c->last_put[row];
        if (g->regs[row].type == T_FLAGS && last) {
            c->keep_put[last] = last_site > last ? PUT_ASK : PUT_DEAD;
            row_floats(c, row, last);
        }
    }
}

/* The local part of the aux of the instruction that is compiled. */
static uint32_t local_of(const struct compiler *c)
{
    uint32_t i = c->i;

    while (c->h->config.guest->has_aux && i > 0 && c->insns[i].op != IR_insn) {
        i--;
    }
    return c->insns[i].op == IR_insn ? c->insns[i].aux : 0;
}

struct site *new_site(struct compiler *c, enum site_kind kind, bool exits, uint32_t *index)
{
    struct segment *g = c->g;

    if (g->site_count == g->site_end) {
        c->full = true;
        g->site_count--;
    }
    *index = g->site_count++;
    struct site *s = &c->h->sites[*index];
    *s = (struct site){.kind = (uint8_t)kind,
                       .base = SITE_NO_REG,
                       .index = SITE_NO_REG,
                       .data = SITE_NO_REG,
                       .more = c->next_exit == c->insn_of[c->i] + 1,
                       .block = c->blk,
                       .insn = c->insn_of[c->i],
                       .local = local_of(c),
                       .insns_left = (uint16_t)c->insns_left};
    if (exits) {
        s->map_first = site_map(c, &s->map_count);
        c->next_exit = c->insn_of[c->i] + 1;
    }
    return s;
}
