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
#include <emmintrin.h>

#include "tcg/host/x86_64/compile.h"

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

void copy(struct compiler *c, bool vec, unsigned dst, unsigned src)
{
    if (dst == src) {
        return;
    }
    if (vec) {
        emit_rr(&c->as, SSE_MOVAPS, dst, src);
    } else {
        x_mov(&c->as, true, dst, src);
    }
}

static void load_register(struct compiler *c, ir_type t, unsigned r, struct operand o)
{
    if (class_of(t)) {
        emit_rm(&c->as, SSE_MOVUPS_LOAD, r, o);
    } else {
        x_load(&c->as, ir_type_bits(t) == 64, r, o);
    }
}

static void store_register(struct compiler *c, ir_type t, unsigned r, struct operand o)
{
    if (class_of(t)) {
        emit_rm(&c->as, SSE_MOVUPS_STORE, r, o);
    } else if (t == T_FLAGS) {
        emit_rm(&c->as, OPC(PP_66, 0, 0x89), r, o);
    } else {
        x_store(&c->as, ir_type_bits(t) == 64, r, o);
    }
}

static void load_row(struct compiler *c, unsigned row, unsigned r)
{
    const ir_type t = c->h->config.guest->regs[row].type;

    if (t == T_FLAGS) {
        emit_rm(&c->as, OPC(0, 1, 0xb7), r, row_place(c->h, row));
    } else {
        load_register(c, t, r, row_place(c->h, row));
    }
}

/* ---- values that are on entry: rows with a home, read or untouched */

static int home_row(const struct compiler *c, uint16_t v)
{
    if (v >= FIRST_ROW_VALUE) {
        return v < FIRST_GROUP_VALUE ? v - FIRST_ROW_VALUE : -1;
    }
    const struct ir_insn *in = &c->insns[v];
    return in->op == IR_get && c->h->home_of_row[in->aux] >= 0 ? (int)in->aux : -1;
}

static bool is_vec(const struct compiler *c, uint16_t v)
{
    if (v < FIRST_ROW_VALUE) {
        return class_of(c->insns[v].type);
    }
    return v < FIRST_GROUP_VALUE && class_of(c->h->config.guest->regs[v - FIRST_ROW_VALUE].type);
}

static void store_at_entry(struct compiler *c, unsigned row)
{
    c->rows_stored[row / 64] |= UINT64_C(1) << row % 64;
}

/* ---- eviction */

static unsigned take_slot(struct compiler *c, uint16_t v)
{
    if (!c->spill[v]) {
        unsigned slot = 0;
        while (slot < SPILL_SLOTS && (c->spill_used[slot / 64] >> slot % 64 & 1)) {
            slot++;
        }
        assert(slot < SPILL_SLOTS);
        c->spill_used[slot / 64] |= UINT64_C(1) << slot % 64;
        c->spill[v] = (uint16_t)(slot + 1);
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
    } else if (v < FIRST_ROW_VALUE && in->op == IR_get && c->i <= c->memory_until[v]) {
        load_row(c, in->aux, r);
    } else {
        const struct operand o = spill_place(c->h, take_slot(c, v));
        load_register(c, is_vec(c, v) ? T_V128 : T_I64, r, o);
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
    if (in->op == IR_konst) {
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

/* A free home that nobody is going to claim: its row has been overwritten later on, and is not read
 * before. */
static bool home_is_idle(const struct compiler *c, bool vec, unsigned r)
{
    const unsigned row = c->h->row_of[vec][r];

    return row == 0xff || c->row_value[row] < FIRST_ROW_VALUE;
}

static unsigned pick(struct compiler *c, bool vec, uint32_t exclude, unsigned prefer)
{
    const uint32_t allowed = (vec ? VEC_ALLOC : GPR_ALLOC) & ~exclude & ~c->locked[vec];
    uint32_t free_mask = 0, idle = 0;

    if (prefer != NO_REG && (allowed >> prefer & 1) && !c->owner[vec][prefer]) {
        return prefer;
    }
    for (unsigned r = 0; r < 16; r++) {
        if ((allowed >> r & 1) && !c->owner[vec][r]) {
            free_mask |= 1u << r;
            idle |= home_is_idle(c, vec, r) ? 1u << r : 0;
        }
    }
    const uint32_t plain = free_mask & (vec ? 0xc000u : 1u << R12 | 1u << R13);
    if (plain) {
        return ctz32(plain);
    }
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

static void own(struct compiler *c, bool vec, unsigned r, uint16_t v)
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
            prefer = (unsigned)c->h->home_of_row[row];
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
        own(c, vec, pick(c, vec, exclude, row >= 0 ? (unsigned)c->h->home_of_row[row] : NO_REG), v);
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
        store_register(c, vec ? T_V128 : T_I64, r, spill_place(c->h, slot));
        c->spill_used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
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
        copy(c, vec, dst, (unsigned)c->reg[value(c, v)]);
    }
}

/* ---- exit maps */

static void map_add(struct compiler *c, unsigned row, enum map_kind kind, unsigned where)
{
    struct host *h = c->h;

    if (h->map_count + 4 > h->map_capacity) {
        c->full = true;
        return;
    }
    h->maps[h->map_count++] = (struct map_entry){
        .row = (uint8_t)row, .kind = (uint8_t)kind, .where = (uint16_t)where};
    c->map_count++;
}

static void map_constant(struct compiler *c, unsigned row, uint64_t k)
{
    struct host *h = c->h;

    map_add(c, row, MAP_CONST, 0);
    if (!c->full) {
        memcpy(&h->maps[h->map_count], &k, 8);
        h->map_count += 2;
        c->map_count += 2;
    }
}

static void map_row(struct compiler *c, const struct home *h)
{
    const unsigned row = h->row, home = h->reg;
    const uint16_t v = c->row_value[row];
    const bool vec = h->vec;

    if (c->reg[v] == (int)home) {
        return;
    }
    if (c->reg[v] < 0 && !c->spill[v]) {
        if (v < FIRST_ROW_VALUE && c->insns[v].op == IR_konst) {
            map_constant(c, row, c->insns[v].imm);
            return;
        }
        if (!c->owner[vec][home] && !(c->locked[vec] >> home & 1)) {
            own(c, vec, home, v);
        } else if (home_row(c, v) == (int)row) {
            store_at_entry(c, row);
            map_add(c, row, MAP_STATE, 0);
            return;
        } else if (home_row(c, v) >= 0) {
            store_at_entry(c, (unsigned)home_row(c, v));
            map_add(c, row, MAP_ROW, (unsigned)home_row(c, v));
            return;
        } else {
            take_slot(c, v);
        }
    }
    if (c->reg[v] == (int)home) {
        return;
    }
    if (c->reg[v] >= 0) {
        map_add(c, row, vec ? MAP_VEC : MAP_GPR, (unsigned)c->reg[v]);
    } else {
        map_add(c, row, MAP_SPILL, c->spill[v] - 1u);
    }
}

/* Bit n: the nth values differ. Most are in their homes: one comparison finds the others. */
static uint32_t differing(const uint16_t *x, const uint16_t *y)
{
    const __m128i *a = (const __m128i *)x, *b = (const __m128i *)y;
    const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(a), _mm_load_si128(b));
    const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(a + 1), _mm_load_si128(b + 1));

    return ~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & 0xffff;
}

uint32_t exit_map(struct compiler *c, uint16_t *count)
{
    const uint32_t first = c->h->map_count;

    c->map_count = 0;
    for (unsigned vec = 0; vec < 2; vec++) {
        uint32_t away = differing(c->owner[vec], c->home_value[vec]) & c->h->home_mask[vec];
        for (; away; away &= away - 1) {
            const unsigned r = ctz32(away);
            map_row(c, &(struct home){.row = c->h->row_of[vec][r], .reg = (uint8_t)r, .vec = vec});
        }
    }
    *count = (uint16_t)c->map_count;
    return first;
}

/* ---- the ends of a block */

static void claim(struct compiler *c, const struct home *h, uint16_t v)
{
    if (c->reg[v] < 0 && !(v < FIRST_ROW_VALUE && c->insns[v].op == IR_konst)) {
        own(c, h->vec, h->reg, v);
    } else {
        c->end_move[c->end_moves++] = (uint8_t)(h->reg | (h->vec ? 16 : 0));
    }
}

/*
 * Claims the homes for the final values of their rows. A constant, or a value that two rows share,
 * is moved later: the homes of those moves stay reserved until block_end_moves.
 */
void block_end_claim(struct compiler *c)
{
    uint8_t others[GPR_HOMES + VEC_HOMES];
    unsigned count = 0;

    c->end_moves = 0;
    /* First what is in its home from the start, so that a copy of it finds it there. */
    for (unsigned n = 0; n < GPR_HOMES + VEC_HOMES; n++) {
        const struct home *h = &c->h->homes[n];
        const uint16_t v = h->row == 0xff ? 0 : c->row_value[h->row];
        c->home_value[h->vec][h->reg] = v;
        if (v && home_row(c, v) == (int)h->row) {
            claim(c, h, v);
        } else if (v) {
            others[count++] = (uint8_t)n;
        }
    }
    for (unsigned n = 0; n < count; n++) {
        const struct home *h = &c->h->homes[others[n]];
        claim(c, h, c->row_value[h->row]);
    }
}

void block_end_moves(struct compiler *c)
{
    while (c->end_moves > 0) {
        const unsigned m = c->end_move[--c->end_moves];
        move_to(c, m & 16, m & 15, c->row_value[c->h->row_of[m >> 4][m & 15]]);
    }
}

struct move {
    uint8_t dst, src;
};

/* dst[k] = src[k] all at once. Emitted backwards: the last move first. */
static void parallel_moves(struct compiler *c, bool vec, struct move *m, unsigned n)
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
    while (done-- > 0) {
        copy(c, vec, ordered[done].dst, ordered[done].src);
    }
}

/* Emits, before everything else, the moves from the homes to where the entry values are wanted. */
void block_start(struct compiler *c)
{
    for (unsigned cls = 0; cls < 2; cls++) {
        struct move m[16];
        unsigned n = 0;
        for (unsigned r = 0; r < 16; r++) {
            const uint16_t v = c->owner[cls][r];
            if (v) {
                const int row = home_row(c, v);
                assert(row >= 0);
                c->owner[cls][r] = 0;
                c->reg[v] = -1;
                if ((unsigned)c->h->home_of_row[row] != r) {
                    m[n++] = (struct move){.dst = (uint8_t)r,
                                           .src = (uint8_t)c->h->home_of_row[row]};
                }
            }
        }
        parallel_moves(c, cls, m, n);
    }
    for (unsigned word = 0; word < IR_MAX_REGS / 64; word++) {
        for (uint64_t set = c->rows_stored[word]; set; set &= set - 1) {
            const unsigned row = word * 64 + ctz64(set);
            store_register(c, c->h->config.guest->regs[row].type, (unsigned)c->h->home_of_row[row],
                           row_place(c->h, row));
        }
    }
}

/* ---- the forward pass: what the backward pass must know of the past */

static bool zero_upper(const struct ir_insn *in)
{
    return in->op != IR_trunc && in->op != IR_get && in->op != IR_call && in->op != IR_env_load;
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
    if (in->op == IR_vget && in->aux == 0 && class_of(in->type)) {
        return c->alias[in->a]; /* what is above a scalar in its register does not matter */
    }
    return (uint16_t)i;
}

bool is_site(const struct ir_insn *in)
{
    switch (in->op) {
    case IR_load:
    case IR_store:
    case IR_load_excl:
    case IR_store_excl:
    case IR_atomic:
    case IR_cas:
    case IR_guard:
        return true;
    case IR_call:
        return ((const struct ir_call *)(uintptr_t)in->imm)->class == IR_CALL_RAISES;
    default:
        return false;
    }
}

static bool groupable(const struct compiler *c, const struct ir_insn *in)
{
    const memop m = memop_of(in);

    return (in->op == IR_load || in->op == IR_store) && !in->b && inline_access(c, in) &&
           !(m & (MO_ALIGN | MO_SWAP));
}

#define GROUP_WINDOW 512 /* bytes; a wider one would often cross a page */

static bool joins(const struct group *g, uint16_t base, unsigned idx, bool write, int32_t low,
                  int32_t high)
{
    const int32_t l = low < g->low ? low : g->low, h = high > g->high ? high : g->high;

    return g->open && g->base == base && g->idx == idx && g->write == write &&
           h - l <= GROUP_WINDOW;
}

static void add_to_group(struct compiler *c, uint32_t i)
{
    const struct ir_insn *in = &c->insns[i];
    const int32_t low = (int32_t)in->imm;
    const memop m = memop_of(in);
    const unsigned idx = m >> MO_IDX_SHIFT & 7;
    const bool write = in->op == IR_store;

    if (low > INT32_MAX / 2 || low < INT32_MIN / 2) {
        return;
    }
    const int32_t high = low + (1 << (m & MO_SIZE_LOG2));
    for (unsigned n = 0; n < c->group_count; n++) {
        struct group *g = &c->groups[n];
        if (joins(g, c->alias[in->a], idx, write, low, high)) {
            g->low = low < g->low ? low : g->low;
            g->high = high > g->high ? high : g->high;
            g->members++;
            c->group_of[i] = (uint8_t)(n + 1);
            return;
        }
    }
    if (c->group_count < MAX_GROUPS) {
        c->groups[c->group_count] = (struct group){.base = c->alias[in->a],
                                                   .leader = (uint16_t)i,
                                                   .members = 1,
                                                   .idx = (uint8_t)idx,
                                                   .write = write,
                                                   .open = true,
                                                   .low = low,
                                                   .high = high};
        c->group_of[i] = (uint8_t)++c->group_count;
    }
}

/* An addend must not live across a function that may flush the TLB. */
void find_groups(struct compiler *c)
{
    c->group_count = 0;
    for (uint32_t i = 1; i < c->count; i++) {
        const struct ir_insn *in = &c->insns[i];
        c->group_of[i] = 0;
        if (in->op == IR_call || in->op == IR_guard) {
            for (unsigned n = 0; n < c->group_count; n++) {
                c->groups[n].open = false;
            }
        } else if (groupable(c, in)) {
            add_to_group(c, i);
        }
    }
}

/* All values without a register or slot; those of rows and groups are themselves. A compiled block
 * leaves it so. */
void reset_values(struct compiler *c)
{
    memset(c->owner, 0, sizeof(c->owner));
    memset(c->spill_used, 0, sizeof(c->spill_used));
    for (unsigned v = FIRST_ROW_VALUE; v < MAX_VALUES; v++) {
        c->alias[v] = (uint16_t)v;
        c->reg[v] = -1;
        c->spill[v] = 0;
    }
}

void prepare(struct compiler *c)
{
    const struct ir_guest *g = c->h->config.guest;
    uint32_t last_site = 0, offset = 0;

    memcpy(c->row_value, &c->alias[FIRST_ROW_VALUE], g->reg_count * sizeof(c->row_value[0]));
    memset(c->rows_stored, 0, sizeof(c->rows_stored));
    memset(c->last_put, 0, g->reg_count * sizeof(c->last_put[0]));
    memset(c->open_get, 0, g->reg_count * sizeof(c->open_get[0]));
    for (uint32_t i = 1; i < c->count; i++) {
        const struct ir_insn *in = &c->insns[i];
        c->reg[i] = -1;
        c->spill[i] = 0;
        c->fused[i] = false;
        c->alias[i] = alias_of(c, i);
        if (class_of(in->type)) {
            upper_track(c, i);
        }
        c->insn_of[i] = offset;
        if (in->op == IR_insn) {
            offset = (uint32_t)(in->imm - c->b->pc);
        } else if (is_site(in)) {
            last_site = i;
        } else if (in->op == IR_get) {
            c->memory_until[i] = UINT16_MAX;
            if (c->row_value[in->aux] < FIRST_ROW_VALUE) {
                c->alias[i] = c->row_value[in->aux]; /* read or written before in this block */
            } else {
                c->open_get[in->aux] = (uint16_t)i;
                c->row_value[in->aux] = (uint16_t)i;
            }
        } else if (in->op == IR_put) {
            const unsigned row = in->aux;
            c->previous[i] = c->row_value[row];
            c->row_value[row] = c->alias[in->a];
            if (c->last_put[row]) {
                c->keep_put[c->last_put[row]] = last_site > c->last_put[row];
            }
            c->keep_put[i] = true;
            c->last_put[row] = (uint16_t)i;
            if (c->open_get[row]) {
                c->memory_until[c->open_get[row]] = (uint16_t)(i - 1);
                c->open_get[row] = 0;
            }
        }
    }
    find_groups(c);
    for (unsigned row = 0; row < g->reg_count; row++) {
        if (g->regs[row].type == T_FLAGS && c->last_put[row] && c->b->flags_dead) {
            c->keep_put[c->last_put[row]] = last_site > c->last_put[row];
        }
    }
}

struct site *new_site(struct compiler *c, enum site_kind kind, bool exits, uint32_t *index)
{
    struct host *h = c->h;

    if (h->site_count == h->site_capacity) {
        c->full = true;
        h->site_count--;
    }
    *index = h->site_count++;
    struct site *s = &h->sites[*index];
    *s = (struct site){.kind = (uint8_t)kind,
                       .base = SITE_NO_REG,
                       .index = SITE_NO_REG,
                       .data = SITE_NO_REG,
                       .block = c->blk,
                       .insn = c->insn_of[c->i],
                       .insns_left = (uint16_t)c->insns_left};
    if (exits) {
        s->map_first = exit_map(c, &s->map_count);
    }
    return s;
}
