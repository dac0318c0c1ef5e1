/* SPDX-License-Identifier: MIT */
/*
 * Leaving a block in its middle: what the run-time, or a cold path, must know to put every row in
 * its place.
 *
 * A row with a home has its place in that register, any other in memory. Where a block is left, an
 * *exit map* says of each row that is not in its place where its value is. The run-time reads the
 * map of a site when something has happened; a conditional branch that the block goes on behind
 * has the map turned into a cold path of moves and stores. A map must not cost registers: a value
 * that is nowhere is given its home if that is free, else a spill slot.
 *
 * Rows without a home *float* between a put and the next put of the same row: the first needs no
 * store if every exit in between can say where the value is. An exit that cannot makes it a store
 * (PUT_KEPT). Flags are nowhere as a rule; a map tells how to make them again (MAP_FLAGS).
 */
#include "tcg/eval.h"
#include "tcg/host/x86_64/compile.h"

/* ---- rows without a home */

void row_floats(struct compiler *c, unsigned row, uint16_t by)
{
    if (c->keep_put[by] == PUT_ASK) {
        c->floating[row / 64] |= UINT64_C(1) << row % 64;
        c->float_put[row] = by;
    }
}

void row_sinks(struct compiler *c, unsigned row)
{
    c->floating[row / 64] &= ~(UINT64_C(1) << row % 64);
}

static void keep_in_memory(struct compiler *c, unsigned row)
{
    c->keep_put[c->float_put[row]] = PUT_KEPT;
    row_sinks(c, row);
}

/* ---- entries */

static struct map_entry *map_room(struct compiler *c, unsigned entries)
{
    struct segment *g = c->g;

    if (g->map_count + entries > g->map_end) {
        c->full = true;
        return NULL;
    }
    struct map_entry *m = &c->h->maps[g->map_count];
    g->map_count += entries;
    c->map_count += entries;
    return m;
}

static void map_add(struct compiler *c, unsigned row, enum map_kind kind, unsigned where)
{
    struct map_entry *m = map_room(c, 1);

    if (m) {
        *m = (struct map_entry){
            .row = (uint8_t)row, .kind = (uint8_t)kind, .where = (uint16_t)where};
    }
}

static void map_constant(struct compiler *c, unsigned row, uint64_t k)
{
    struct map_entry *m = map_room(c, MAP_CONST_ENTRIES);

    if (m) {
        *m = (struct map_entry){.row = (uint8_t)row, .kind = MAP_CONST};
        memcpy(m + 1, &k, sizeof(k));
    }
}

/* v is nowhere, but it is a sum of what is in a register and a constant. */
static bool is_sum(const struct compiler *c, uint16_t v, unsigned *r, uint64_t *k)
{
    const struct ir_insn *in = &c->insns[v];

    if (v >= FIRST_ROW_VALUE || (in->op != IR_add && in->op != IR_sub) || in->type != T_I64 ||
        c->reg[v] >= 0 || c->spill[v] || !constant(c, in->b, k)) {
        return false;
    }
    const uint16_t base = value(c, in->a);
    *k = in->op == IR_add ? *k : 0 - *k;
    if (c->reg[base] < 0 || (int64_t)*k != (int32_t)*k) {
        return false;
    }
    *r = (unsigned)c->reg[base];
    return true;
}

static bool map_sum(struct compiler *c, unsigned row, uint16_t v)
{
    unsigned r;
    uint64_t k;

    if (!is_sum(c, v, &r, &k)) {
        return false;
    }
    struct map_entry *m = map_room(c, MAP_CONST_ENTRIES);
    if (m) {
        *m = (struct map_entry){.row = (uint8_t)row, .kind = MAP_SUM, .where = (uint16_t)r};
        memcpy(m + 1, &k, sizeof(k));
    }
    return true;
}

/* Gives v, which is on entry in its home and nowhere now, that home again. */
static bool claim_home(struct compiler *c, uint16_t v)
{
    const int row = home_row(c, v);

    if (row < 0) {
        return false;
    }
    const unsigned home = (unsigned)c->homes->of_row[row];
    const bool vec = is_vec(c, v);
    if (c->owner[vec][home] || (c->locked[vec] >> home & 1)) {
        return false;
    }
    own(c, vec, home, v);
    return true;
}

/* A row that is away from its home. */
static void map_home(struct compiler *c, unsigned row, unsigned home, bool vec)
{
    const uint16_t v = c->row_value[row];

    if (c->reg[v] == (int)home) {
        return;
    }
    if (c->reg[v] < 0 && !c->spill[v]) {
        if (v < FIRST_ROW_VALUE && c->insns[v].op == IR_konst) {
            map_constant(c, row, c->insns[v].imm);
            return;
        }
        if (map_sum(c, row, v)) {
            return;
        }
        if (!c->owner[vec][home] && !(c->locked[vec] >> home & 1)) {
            own(c, vec, home, v);
            return;
        }
        if (home_row(c, v) == (int)row) {
            store_at_entry(c, row);
            map_add(c, row, MAP_STATE, 0);
            return;
        }
        if (home_row(c, v) >= 0) {
            store_at_entry(c, (unsigned)home_row(c, v));
            map_add(c, row, MAP_ROW, (unsigned)home_row(c, v));
            return;
        }
        take_slot(c, v);
    }
    if (c->reg[v] >= 0) {
        map_add(c, row, vec ? MAP_VEC : MAP_GPR, (unsigned)c->reg[v]);
    } else {
        map_add(c, row, MAP_SPILL, c->spill[v] - 1u);
    }
}

/* Where an operand of flags, or a floating row, is; false: nowhere. */
static bool place_of(struct compiler *c, uint16_t v, struct map_entry *m, uint64_t *k)
{
    *k = 0;
    if (v < FIRST_ROW_VALUE && c->insns[v].op == IR_konst) {
        *k = c->insns[v].imm;
        m->kind = MAP_CONST;
        return true;
    }
    if (c->reg[v] < 0 && c->spill[v]) {
        m->kind = MAP_SPILL;
        m->where = (uint16_t)(c->spill[v] - 1);
        return true;
    }
    if (c->reg[v] < 0 && !claim_home(c, v)) {
        return false;
    }
    m->kind = is_vec(c, v) ? MAP_VEC : MAP_GPR;
    m->where = (uint16_t)c->reg[v];
    return true;
}

/* Whether so many bits of v are those of row: it is v, or an extension of no fewer bits of v. */
static bool is_of_row(const struct compiler *c, unsigned row, uint16_t v, unsigned bits)
{
    const uint16_t of_row = c->row_value[row];
    const struct ir_insn *in = &c->insns[of_row];

    return of_row == v || (of_row < FIRST_ROW_VALUE && in->op == IR_zext && value(c, in->a) == v &&
                           ir_type_bits(in->src) >= bits);
}

/* An operand of flags that is in no register may be in the memory of a row, or can be put there. */
static bool place_in_row(struct compiler *c, uint16_t v, unsigned bits, struct map_entry *m)
{
    const struct ir_guest *g = c->h->config.guest;

    for (unsigned row = 0; row < g->reg_count; row++) {
        if (g->regs[row].type != T_I64 || c->homes->of_row[row] >= 0 ||
            c->h->homes.of_row[row] >= 0 || !is_of_row(c, row, v, bits)) {
            continue;
        }
        if (c->floating[row / 64] >> row % 64 & 1) {
            keep_in_memory(c, row);
        }
        m->kind = MAP_ROW;
        m->where = (uint16_t)row;
        return true;
    }
    return false;
}

/* An operand of flags, computed in this block and nowhere now: a store of it is cheaper than one of
 * the flags. */
static bool spill_operand(struct compiler *c, uint16_t v, struct map_entry *m, uint64_t *k)
{
    if (v >= FIRST_ROW_VALUE || c->insns[v].op == IR_get || c->reg[v] >= 0) {
        return false;
    }
    take_slot(c, v);
    return place_of(c, v, m, k);
}

/* Says where the operands are; of those that are nowhere at most so many get a slot. */
static bool place_operands(struct compiler *c, const struct flags_recipe *r, unsigned slots,
                           struct map_entry *place, uint64_t *k)
{
    const unsigned bits = 8u << (r->what >> RECIPE_WIDTH_SHIFT & 3);
    for (unsigned n = 0; n < 2; n++) {
        place[n] = (struct map_entry){0};
        if (place_of(c, r->operand[n], &place[n], &k[n]) ||
            place_in_row(c, r->operand[n], bits, &place[n])) {
            continue;
        }
        if (!slots || !spill_operand(c, r->operand[n], &place[n], &k[n])) {
            return false;
        }
        slots--;
    }
    return true;
}

/* How the packed flags v are made again: from two operands, or what came of them. */
static bool map_flags(struct compiler *c, unsigned row, uint16_t v)
{
    struct flags_recipe r;
    struct map_entry place[2];
    uint64_t k[2];

    if (!flags_recipe(c, v, &r)) {
        return false;
    }
    if (!place_operands(c, &r, 0, place, k) &&
        !(flags_recipe_of_result(c, v, &r) && place_operands(c, &r, 0, place, k)) &&
        !(flags_recipe(c, v, &r) && place_operands(c, &r, 1, place, k))) {
        return false;
    }
    struct map_entry *m = map_room(c, MAP_FLAGS_ENTRIES);
    if (m) {
        *m = (struct map_entry){.row = (uint8_t)row, .kind = MAP_FLAGS, .where = r.what};
        for (unsigned n = 0; n < 2; n++) {
            m[1 + 3 * n] = place[n];
            memcpy(&m[2 + 3 * n], &k[n], sizeof(k[n]));
        }
    }
    return true;
}

static void map_floating(struct compiler *c, unsigned row, struct pending *flags)
{
    const uint16_t v = c->row_value[row];
    struct map_entry m = {.row = (uint8_t)row};
    uint64_t k;
    uint32_t bits;

    if (c->h->config.guest->regs[row].type != T_FLAGS) {
        if (map_sum(c, row, v)) {
            return;
        }
        if (!place_of(c, v, &m, &k)) {
            keep_in_memory(c, row);
        } else if (m.kind == MAP_CONST) {
            map_constant(c, row, k);
        } else {
            map_add(c, row, m.kind, m.where);
        }
    } else if (c->reg[v] >= 0 || c->spill[v]) {
        place_of(c, v, &m, &k);
        map_add(c, row, m.kind, m.where);
    } else if (flags && flags_are(c, v, flags)) {
        flags->only_zs = false;
        map_add(c, row, MAP_HOST_FLAGS, flags_complemented(c, v));
    } else if (flags_constant(c, v, &bits)) {
        map_constant(c, row, bits);
    } else if (!map_flags(c, row, v)) {
        keep_in_memory(c, row);
    }
}

/* The row that has a home in the loop only, if it is ever put, and the one whose home that is. */
static void map_swap(struct compiler *c, const struct swap *s)
{
    const uint32_t before = c->map_count;

    map_add(c, s->outer, MAP_STATE, 0);
    if (!c->last_put[s->inner]) {
        return;
    }
    map_home(c, s->inner, s->reg, s->vec);
    if (c->map_count == before + 1) { /* it is in its home */
        map_add(c, s->inner, s->vec ? MAP_VEC : MAP_GPR, s->reg);
    }
}

/* Rows that float come first: an operand of theirs may claim a home, which then is not away. */
uint32_t exit_map(struct compiler *c, struct pending *flags, uint16_t *count)
{
    const uint32_t first = c->g->map_count;

    c->map_count = 0;
    for (unsigned word = 0; word < IR_MAX_REGS / 64; word++) {
        for (uint64_t set = c->floating[word]; set; set &= set - 1) {
            map_floating(c, word * 64 + ctz64(set), flags);
        }
    }
    for (unsigned vec = 0; vec < 2; vec++) {
        uint32_t away = differing(c->owner[vec], c->home_value[vec]) & c->homes->mask[vec] &
                        ~c->swapped[vec];
        for (; away; away &= away - 1) {
            const unsigned home = ctz32(away);
            map_home(c, c->homes->row_of[vec][home], home, vec);
        }
    }
    for (unsigned n = 0; n < c->swap_count; n++) {
        map_swap(c, &c->swaps[n]);
    }
    *count = (uint16_t)c->map_count;
    return first;
}

/* The addends of groups that began before this op and go on behind it. */
static void map_addends(struct compiler *c)
{
    for (unsigned n = 0; n < c->group_count; n++) {
        const uint16_t v = group_value(n);
        if (c->groups[n].last <= c->i) {
            continue;
        }
        if (c->reg[v] >= 0) {
            map_add(c, 0, MAP_ADDEND_GPR, (unsigned)c->reg[v]);
        }
        if (c->spill[v]) { /* from where it is loaded again later */
            map_add(c, 0, MAP_ADDEND_SPILL, c->spill[v] - 1u);
        }
    }
}

uint32_t site_map(struct compiler *c, uint16_t *count)
{
    const uint32_t first = exit_map(c, NULL, count);

    map_addends(c);
    *count = (uint16_t)c->map_count;
    return first;
}

/* ---- the cold path of a branch in the middle */

/* rax or rcx = an operand of flags. */
static void load_place(struct compiler *c, unsigned r, const struct map_entry *m)
{
    struct assembler *as = &c->as;
    uint64_t k;

    switch (m->kind) {
    case MAP_GPR:
        x_mov(as, true, r, m->where);
        break;
    case MAP_SPILL:
        x_load(as, true, r, spill_place(c->h, m->where));
        break;
    case MAP_ROW:
        x_load(as, true, r, row_place(c->h, m->where));
        break;
    default:
        memcpy(&k, m + 1, sizeof(k));
        x_mov_imm(as, r, k);
        break;
    }
}

/* Stores the flags that the host has. */
static void store_host_flags(struct compiler *c, unsigned row, bool complemented)
{
    struct assembler *as = &c->as;

    if (complemented) {
        x_byte(as, 0xf5); /* cmc */
    }
    x_byte(as, 0x9f); /* lahf */
    x_setcc(as, CC_O, RAX);
    emit_rm(as, OPC(PP_66, 0, 0x89), RAX, row_place(c->h, row));
}

/* Those of a shift by a constant: the host leaves V undefined where more than one bit moves. */
static void make_shift_flags(struct compiler *c, const struct map_entry *m, ir_type type)
{
    static const uint8_t ops[] = {SHIFT_SHL, SHIFT_SHR, SHIFT_SAR};
    struct assembler *as = &c->as;
    uint64_t n;

    memcpy(&n, &m[5], sizeof(n));
    n &= type == T_I64 ? 63 : 31;
    load_place(c, RAX, &m[1]);
    emit_x(as, flags_sized(0xc1, type), ops[(m->where & RECIPE_KIND) - RECIPE_SHL],
           reg_operand(RAX), 1, n);
    if (n == 1) {
        store_host_flags(c, m->row, false);
        return;
    }
    x_byte(as, 0x9f);                              /* lahf */
    emit_bytes(as, (const uint8_t[]){0xb0, 0}, 2); /* mov al, 0 */
    emit_rm(as, OPC(PP_66, 0, 0x89), RAX, row_place(c->h, m->row));
}

/* What is in memory, with C and V as booleans say. */
static void make_flag_bits(struct compiler *c, const struct map_entry *m)
{
    const int32_t c_bit = m->where & RECIPE_C ? IR_FLAG_C : 0;
    const int32_t v_bit = m->where & RECIPE_V ? IR_FLAG_V : 0;
    struct assembler *as = &c->as;

    emit_rm(as, OPC(0, MAP_0F, 0xb7), RDX, row_place(c->h, m->row));
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), ~(c_bit | v_bit));
    if (c_bit) {
        load_place(c, RAX, &m[1]);
        x_shift_imm(as, SHIFT_SHL, false, RAX, 8);
        x_alu(as, ALU_OR, false, RDX, RAX);
    }
    if (v_bit) {
        load_place(c, RAX, &m[4]);
        x_alu(as, ALU_OR, false, RDX, RAX);
    }
    emit_rm(as, OPC(PP_66, 0, 0x89), RDX, row_place(c->h, m->row));
}

static void make_flags(struct compiler *c, const struct map_entry *m)
{
    static const uint8_t ops[] = {
        [RECIPE_SUB] = ALU_CMP, [RECIPE_ADD] = ALU_ADD, [RECIPE_AND] = ALU_AND};
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    const unsigned kind = m->where & RECIPE_KIND;
    const ir_type type = types[m->where >> RECIPE_WIDTH_SHIFT & 3];

    if (kind == RECIPE_BITS) {
        make_flag_bits(c, m);
        return;
    }
    if (kind >= RECIPE_SHL) {
        make_shift_flags(c, m, type);
        return;
    }
    load_place(c, RAX, &m[1]);
    load_place(c, RCX, &m[4]);
    if (m->where & RECIPE_RESULT) {
        x_alu(&c->as, kind == RECIPE_SUB ? ALU_ADD : ALU_SUB, true, RAX, RCX);
    }
    emit_rr(&c->as, flags_sized(ops[kind] << 3 | 3, type), RAX, RCX);
    store_host_flags(c, m->row, m->where & RECIPE_CMC);
}

/* r = from and the constant of m. */
static void load_sum(struct compiler *c, unsigned r, unsigned from, const struct map_entry *m)
{
    uint64_t k;

    memcpy(&k, m + 1, sizeof(k));
    x_lea(&c->as, true, r, at(from, (int32_t)k));
}

/* A row without a home goes to memory. */
static void store_floating(struct compiler *c, const struct map_entry *m)
{
    const ir_type t = c->h->config.guest->regs[m->row].type;
    struct assembler *as = &c->as;
    unsigned r = class_of(t) ? X0 : RAX;

    switch (m->kind) {
    case MAP_HOST_FLAGS:
        store_host_flags(c, m->row, m->where);
        return;
    case MAP_FLAGS:
        make_flags(c, m);
        return;
    case MAP_STATE:
        return;
    case MAP_ROW:
        load_row(c, m->where, r);
        break;
    case MAP_GPR:
    case MAP_VEC:
        r = m->where;
        break;
    case MAP_SUM:
        load_sum(c, r, m->where, m);
        break;
    case MAP_SPILL:
        load_register(c, slot_type(c, t), r, spill_place(c->h, m->where));
        break;
    default: {
        uint64_t k;
        memcpy(&k, m + 1, sizeof(k));
        x_mov_imm(as, r, k);
        break;
    }
    }
    store_register(c, t, r, row_place(c->h, m->row));
}

/* What is in no register goes to its home once nobody needs what the home held. */
static void load_home(struct compiler *c, const struct map_entry *m)
{
    const unsigned home = (unsigned)c->h->homes.of_row[m->row];
    const ir_type t = c->h->config.guest->regs[m->row].type;
    uint64_t k;

    switch (m->kind) {
    case MAP_SPILL:
        load_register(c, slot_type(c, t), home, spill_place(c->h, m->where));
        break;
    case MAP_CONST:
        memcpy(&k, m + 1, sizeof(k));
        x_mov_imm(&c->as, home, k);
        break;
    case MAP_STATE:
        load_row(c, m->row, home);
        break;
    case MAP_ROW:
        load_row(c, m->where, home);
        break;
    case MAP_SUM: /* the register is there already */
        load_sum(c, home, home, m);
        break;
    default:
        break;
    }
}

static void move_homes(struct compiler *c, const struct map_entry *first,
                       const struct map_entry *end)
{
    struct move moves[2][16];
    unsigned count[2] = {0, 0};

    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        const int home = c->h->homes.of_row[m->row];
        if (home >= 0 && (m->kind == MAP_GPR || m->kind == MAP_VEC || m->kind == MAP_SUM)) {
            const bool vec = m->kind == MAP_VEC;
            moves[vec][count[vec]++] = (struct move){.dst = (uint8_t)home,
                                                     .src = (uint8_t)m->where};
        }
    }
    parallel_moves(c, false, moves[0], count[0]);
    parallel_moves(c, true, moves[1], count[1]);
}

/* Values on entry of rows that the path itself stores are read before it does, into slots. */
static void keep_entry_values(struct compiler *c, struct map_entry *first,
                              const struct map_entry *end)
{
    for (struct map_entry *m = first; m < end; m += map_entries(m)) {
        const bool stored = m->kind == MAP_ROW && c->h->homes.of_row[m->where] < 0;
        if (stored) {
            const ir_type t = c->h->config.guest->regs[m->where].type;
            const unsigned slot = free_slot(c, t), r = class_of(t) ? X0 : RAX;
            load_row(c, m->where, r);
            store_register(c, slot_type(c, t), r, spill_place(c->h, slot));
            m->kind = MAP_SPILL;
            m->where = (uint16_t)slot;
        }
    }
}

uint32_t exit_places(struct compiler *c, struct pending *flags)
{
    struct host *h = c->h;
    const uint32_t before = c->g->map_count;
    uint16_t count;
    const struct map_entry *first = &h->maps[exit_map(c, flags, &count)], *end = first + count;

    c->as.to_cold = true;
    const uint32_t path = c->as.cold;
    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        if (m->kind == MAP_HOST_FLAGS) {
            store_floating(c, m);
        }
    }
    keep_entry_values(c, &h->maps[before], end);
    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        if (m->kind != MAP_HOST_FLAGS && h->homes.of_row[m->row] < 0) {
            store_floating(c, m);
        }
    }
    move_homes(c, first, end);
    for (const struct map_entry *m = first; m < end; m += map_entries(m)) {
        if (h->homes.of_row[m->row] >= 0) {
            load_home(c, m);
        }
    }
    c->as.to_cold = false;
    c->g->map_count = before;
    return path;
}
