/* SPDX-License-Identifier: MIT */
/*
 * The ends of blocks: direct links, calls, returns and indirect jumps. None leaves generated code
 * when it hits.
 *
 * A direct link is a jump whose displacement is patched. If it crosses a page, the code slot of the
 * goal's page is compared first. A backward link within the page polls exit_request, and so does
 * each one of a block that says so; those that compare poll for free, since a kick spoils that.
 */
#include "memory/space.h"
#include "tcg/code_layout.h"
#include "tcg/host/x86_64/compile.h"

static uint64_t page_of(const struct compiler *c)
{
    return c->b->pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
}

void load_address(struct compiler *c, unsigned r, uint64_t off)
{
    struct assembler *as = &c->as;
    const struct operand page = at(STATE, HOT(c->h, page)), sum = at(r, (int32_t)off);

    assert(ir_is_near_page(off));
    if (as->to_cold) {
        x_load(as, true, r, page);
    }
    if (off) {
        x_lea(as, true, r, sum);
    }
    if (!as->to_cold) {
        x_load(as, true, r, page);
    }
}

void load_pc(struct compiler *c, unsigned r, uint64_t pc)
{
    if (c->b->movable) {
        load_address(c, r, pc - page_of(c));
    } else {
        x_mov_imm(&c->as, r, pc);
    }
}

/* What control leads to. */
struct goal {
    uint64_t pc, aux;
};

static struct goal goal_of(const struct compiler *c, const struct ir_insn *in)
{
    return (struct goal){.pc = in->imm, .aux = ir_aux_of(c->b, in)};
}

static uint64_t key_of(const struct compiler *c, uint64_t aux)
{
    return layout_aux_key(aux, c->h->config.aux_secret);
}

void tell_aux(struct compiler *c, unsigned r, uint64_t aux)
{
    if (c->h->config.guest->has_aux) {
        x_mov_imm(&c->as, r, aux);
        x_store(&c->as, true, r, at(STATE, ENV(c->h, aux)));
    }
}

/* A link of the block's end, or (final: false) of a branch in its middle, where flags are stored.
 */
static struct link *new_link(struct compiler *c, struct goal g, bool final)
{
    struct segment *s = c->g;

    if (s->link_count == s->link_end) {
        c->full = true;
        s->link_count--;
    }
    struct link *l = &c->h->links[s->link_count++];
    *l = c->b->movable ? (struct link){.goal = g.pc - page_of(c), .page_mask = UINT64_MAX}
                       : (struct link){.goal = g.pc};
    l->aux = g.aux;
    l->aux_key = key_of(c, g.aux);
    l->from = c->blk;
    l->flags_dead = final && c->b->flags_dead;
    return l;
}

/* The cold path of a link that is not patched, or whose page check failed. */
static void link_stub(struct compiler *c, struct link *l)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    l->stub = as->cold;
    x_mov_imm(as, RAX, (uintptr_t)l);
    x_jmp(as, c->h->stubs.link);
    as->to_cold = false;
}

static bool crosses(const struct compiler *c, uint64_t pc)
{
    return (ir_fetched_at(c->b, pc) ^ ir_fetched_at(c->b, c->b->pc)) >> GUEST_PAGE_BITS;
}

/* A link within the page, to pc. */
static bool polls(const struct compiler *c, uint64_t pc)
{
    return c->b->polls || pc <= c->b->pc + c->insn_of[c->i];
}

/* Compares the code slot of the page of pc, l's goal; emitted backwards or forwards as the
 * assembler stands. */
static void page_check(struct compiler *c, struct link *l, uint64_t pc)
{
    struct assembler *as = &c->as;
    const int32_t slot = (int32_t)layout_code_slot(ir_fetched_at(c->b, pc)) * 4;

    if (as->to_cold) {
        x_load(as, true, RAX, at(STATE, HOT(c->h, code_slots)));
        uint8_t p[10] = {0x81, 0xb8};
        memcpy(p + 2, &slot, 4);
        memset(p + 6, 0xff, 4);
        while ((as->cold + 6) & 3) {
            x_byte(as, 0x90);
        }
        l->page_check = as->cold + 6;
        emit_bytes(as, p, 10);
        x_jcc(as, CC_NE, l->stub);
        return;
    }
    x_jcc(as, CC_NE, l->stub);
    while (as->hot & 3) {
        x_byte(as, 0x90);
    }
    l->page_check = as->hot - 4;
    uint8_t p[10] = {0x81, 0xb8};
    memcpy(p + 2, &slot, 4);
    memset(p + 6, 0xff, 4);
    emit_bytes(as, p, 10);
    x_load(as, true, RAX, at(STATE, HOT(c->h, code_slots)));
}

static bool leaves_moved(const struct compiler *c, uint64_t pc)
{
    return c->b->movable && crosses(c, pc);
}

/*
 * The stubs of a link by which a movable block goes to the page of pc, wherever that is. One that
 * is taken back while somebody stands behind its check takes back hot.page: by the path returned.
 */
static uint32_t moved_stubs(struct compiler *c, struct link *l, uint64_t pc)
{
    struct assembler *as = &c->as;
    const uint64_t distance = (pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1)) - page_of(c);

    as->to_cold = true;
    const uint32_t back = as->cold;
    load_address(c, RAX, 0 - distance);
    x_store(as, true, RAX, at(STATE, HOT(c->h, page)));
    link_stub(c, l);
    return back;
}

/* Its check and jump, in the cold area: the word of the context's moved slots must name the page,
 * and the physical page that the link was made for. */
static void moved_jump(struct compiler *c, struct link *l, uint64_t pc, uint32_t back)
{
    struct assembler *as = &c->as;
    const uint64_t distance = (pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1)) - page_of(c);
    uint8_t p[7] = {0x48, 0x81, 0xca, 0xff, 0xff, 0xff, 0xff}; /* or rdx, id */

    load_address(c, RAX, distance);
    x_mov(as, false, RCX, RAX);
    x_mov(as, true, RDX, RAX);
    x_shift_imm(as, SHIFT_SHR, false, RCX, GUEST_PAGE_BITS - 3);
    x_shift_imm(as, SHIFT_SHL, true, RDX, LAYOUT_MOVED_SHIFT);
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), LAYOUT_MOVED_MASK);
    while ((as->cold + 3) & 3) {
        x_byte(as, 0x90);
    }
    l->page_check = as->cold + 3;
    emit_bytes(as, p, sizeof(p));
    x_alu_mem(as, ALU_ADD, true, RCX, at(STATE, HOT(c->h, code_slots)));
    x_alu_mem(as, ALU_CMP, true, RDX, at(RCX, LAYOUT_MOVED_SLOTS));
    x_jcc(as, CC_NE, l->stub);
    x_store(as, true, RAX, at(STATE, HOT(c->h, page)));
    l->stub = back;
    l->patch = x_jmp_patchable(as, l->stub);
}

/* Both, of a link of the block's end; where it begins. */
static uint32_t moved_link(struct compiler *c, struct goal g)
{
    struct assembler *as = &c->as;
    struct link *l = new_link(c, g, true);
    const uint32_t back = moved_stubs(c, l, g.pc);

    as->to_cold = true;
    const uint32_t path = as->cold;
    moved_jump(c, l, g.pc, back);
    as->to_cold = false;
    return path;
}

/* The cold path of a poll that saw something. */
static uint32_t poll_path(struct compiler *c, struct goal g)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    tell_aux(c, RAX, g.aux);
    load_pc(c, RAX, g.pc);
    x_jmp(as, c->h->stubs.poll);
    as->to_cold = false;
    return path;
}

static void look_at_request(struct compiler *c)
{
    emit_x(&c->as, OPC(0, 0, 0x83), ALU_CMP, at(STATE, HOT(c->h, exit_request)), 1, 0);
}

static void poll(struct compiler *c, struct goal g)
{
    x_jcc(&c->as, CC_NE, poll_path(c, g));
    look_at_request(c);
}

/*
 * The jump back to the head of a loop that is this block, with its poll. Two links: `back`, which
 * is made already, and by the cold path that it leads to when the block is invalid, an ordinary
 * one.
 */
static void loop_back(struct compiler *c)
{
    struct assembler *as = &c->as;
    const struct goal head = {.pc = c->b->pc, .aux = c->b->aux};
    struct link *back = new_link(c, head, true), *on = new_link(c, head, true);

    link_stub(c, on);
    as->to_cold = true;
    back->stub = as->cold;
    loop_leave(c);
    on->patch = x_jmp_patchable(as, on->stub);
    const uint32_t poll_at = as->cold;
    loop_leave(c);
    tell_aux(c, RAX, head.aux);
    load_pc(c, RAX, head.pc);
    x_jmp(as, c->h->stubs.poll);
    as->to_cold = false;
    back->patch = x_jmp_patchable(as, back->stub);
    back->to = c->blk;
    back->next_in = c->blk->in;
    c->blk->in = back;
    c->loop_patch = back->patch;
    x_jcc(as, CC_NE, poll_at);
    look_at_request(c);
}

/* A jump to g with all that it needs. */
static void go_to(struct compiler *c, struct goal g)
{
    if (c->loops && g.pc == c->b->pc && g.aux == c->b->aux) {
        loop_back(c);
        return;
    }
    if (leaves_moved(c, g.pc)) {
        x_jmp(&c->as, moved_link(c, g));
        if (c->loops) {
            loop_leave(c);
        }
        return;
    }
    struct link *l = new_link(c, g, true);
    link_stub(c, l);
    l->patch = x_jmp_patchable(&c->as, l->stub);
    if (crosses(c, g.pc)) {
        page_check(c, l, g.pc);
    } else if (polls(c, g.pc)) {
        poll(c, g);
    }
    if (c->loops) {
        loop_leave(c);
    }
}

static void load_goal(struct compiler *c, ir_val v)
{
    uint64_t k;

    if (constant(c, v, &k)) {
        x_mov_imm(&c->as, RAX, k);
    } else {
        x_mov(&c->as, true, RAX, use(c, v, 0));
    }
}

static void store_tail_operands(struct compiler *c, const struct ir_insn *in)
{
    const uint16_t operands[3] = {in->a, in->b, in->c};

    for (unsigned n = 0; n < 3; n++) {
        if (operands[n]) {
            c->locked[0] = c->locked[1] = 0;
            store_operand(c, operands[n], arg_place(c->h, n));
            if (ir_type_bits(c->insns[operands[n]].type) < 64) {
                x_store_imm(&c->as, true, arg_place(c->h, n), 0);
            }
        }
    }
}

/*
 * What comes before the jumps of a block's end: the operands of the last op, then the moves into
 * the homes. Nothing here changes flags, so it may stand between a comparison and its jump.
 */
static void finish_end(struct compiler *c, const struct ir_insn *end)
{
    block_end_moves(c);
    if (end->op == IR_tail) {
        store_tail_operands(c, end);
    } else if (end->op != IR_br && end->op != IR_brcall) {
        load_goal(c, end->a);
    }
}

/* The two ways on at a block's end. */
static void final_branch(struct compiler *c, const struct ir_insn *in)
{
    const struct goal g = goal_of(c, in);
    const unsigned cc = condition(c, in->a);
    struct assembler *as = &c->as;

    if (crosses(c, g.pc) || polls(c, g.pc) || c->loops) {
        const uint32_t over = as->hot;
        go_to(c, g);
        x_jcc(as, cc ^ 1, over);
    } else {
        struct link *l = new_link(c, g, true);
        link_stub(c, l);
        l->patch = x_jcc_patchable(as, cc, l->stub);
    }
    finish_end(c, &c->insns[c->i + 1]);
}

/* Forwards, in the cold area: what a branch in the middle does once all rows are in their places.
 * `aside` is where its poll leads to (0: it has none), or how a moved link is taken back. */
static void leave_by(struct compiler *c, struct link *l, uint64_t pc, uint32_t aside)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    if (c->h->config.counted && c->insns_left > 1) {
        x_alu_imm(as, ALU_ADD, true, at(STATE, HOT(c->h, countdown)), (int32_t)c->insns_left - 1);
    }
    if (leaves_moved(c, pc)) {
        moved_jump(c, l, pc, aside);
        as->to_cold = false;
        return;
    }
    if (crosses(c, pc)) {
        page_check(c, l, pc);
    } else if (aside) {
        look_at_request(c);
        x_jcc(as, CC_NE, aside);
    }
    l->patch = x_jmp_patchable(as, l->stub);
    as->to_cold = false;
}

/* A branch that the block goes on behind: by a cold path, unless there is nothing to do on it. */
static void side_exit(struct compiler *c, const struct ir_insn *in)
{
    const uint64_t pc = in->imm;
    const unsigned cc = condition(c, in->a);
    const bool looks = !crosses(c, pc) && polls(c, pc);
    struct link *l = new_link(c, goal_of(c, in), false);

    uint32_t aside = 0;
    if (leaves_moved(c, pc)) {
        aside = moved_stubs(c, l, pc);
    } else {
        link_stub(c, l);
        aside = looks ? poll_path(c, goal_of(c, in)) : 0;
    }
    const uint32_t path = exit_places(c, &c->pending);
    if (path == c->as.cold && !crosses(c, pc) && !looks && !c->h->config.counted) {
        l->patch = x_jcc_patchable(&c->as, cc, l->stub);
        return;
    }
    leave_by(c, l, pc, aside);
    x_jcc(&c->as, cc, path);
}

void emit_brcond(struct compiler *c, const struct ir_insn *in)
{
    if (is_final_branch(c, c->i)) {
        final_branch(c, in);
    } else {
        side_exit(c, in);
    }
}

/* r ^= key, as it is for aux */
static void mix_key(struct compiler *c, unsigned r, uint64_t aux)
{
    struct assembler *as = &c->as;

    x_alu_mem(as, ALU_XOR, true, r, at(STATE, HOT(c->h, key)));
    if (aux) {
        const unsigned scratch = r == RDX ? RCX : RDX;
        x_alu(as, ALU_XOR, true, r, scratch);
        x_mov_imm(as, scratch, key_of(c, aux));
    }
}

/* rcx = rax ^ key, rdx = the jump table's entry for rax */
static void probe(struct compiler *c, uint64_t aux)
{
    struct assembler *as = &c->as;

    x_alu_mem(as, ALU_CMP, true, RCX, at(RDX, 0));
    x_alu_mem(as, ALU_ADD, true, RDX, at(STATE, HOT(c->h, jump_table)));
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), LAYOUT_JUMP_MASK);
    jump_index(c->h, as, RDX, RAX);
    mix_key(c, RCX, aux);
    x_mov(as, true, RCX, RAX);
}

/* Where a jump to rax that missed leads: the stub, which must know aux. */
static uint32_t miss_path(struct compiler *c, uint32_t stub, uint64_t aux)
{
    struct assembler *as = &c->as;

    if (!c->h->config.guest->has_aux) {
        return stub;
    }
    as->to_cold = true;
    const uint32_t path = as->cold;
    tell_aux(c, RDX, aux);
    x_jmp(as, stub);
    as->to_cold = false;
    return path;
}

static void emit_jump(struct compiler *c, uint64_t aux)
{
    struct assembler *as = &c->as;

    emit_x(as, OPC(0, 0, 0xff), 4, at(RDX, 8), 0, 0);
    x_jcc(as, CC_NE, miss_path(c, c->h->stubs.go, aux));
    probe(c, aux);
}

static void emit_ret(struct compiler *c, uint64_t aux)
{
    struct assembler *as = &c->as;

    x_byte(as, 0xc3);
    x_jcc(as, CC_NE, miss_path(c, c->h->stubs.ret_miss, aux));
    x_alu_mem(as, ALU_CMP, true, RCX, at(RSP, 8));
    mix_key(c, RCX, aux);
    x_mov(as, true, RCX, RAX);
}

/* Behind a host call, with rax = return_pc: drop the frame's guest PC and go on there. */
static void return_site(struct compiler *c, struct goal back)
{
    go_to(c, back);
    if (c->b->movable) { /* the callee was elsewhere */
        x_store(&c->as, true, RAX, at(STATE, HOT(c->h, page)));
        x_lea(&c->as, true, RAX, at(RAX, -(int32_t)(back.pc - page_of(c))));
    }
    x_lea(&c->as, true, RSP, at(RSP, 8));
}

static void push_return(struct compiler *c, struct goal back)
{
    struct assembler *as = &c->as;

    x_push(as, RDX);
    mix_key(c, RDX, back.aux);
    load_pc(c, RDX, back.pc);
}

static void call_link(struct compiler *c, struct goal g)
{
    struct assembler *as = &c->as;

    if (leaves_moved(c, g.pc)) {
        x_call(as, moved_link(c, g));
        return;
    }
    struct link *l = new_link(c, g, true);
    link_stub(c, l);
    if (crosses(c, g.pc)) {
        as->to_cold = true;
        const uint32_t trampoline = as->cold;
        page_check(c, l, g.pc);
        l->patch = x_jmp_patchable(as, l->stub);
        as->to_cold = false;
        x_call(as, trampoline);
    } else {
        l->patch = x_call_patchable(as, l->stub);
    }
}

/* The callee begins with the same aux as what it returns to. */
static void emit_brcall(struct compiler *c, struct goal g, uint64_t return_pc)
{
    const struct goal back = {.pc = return_pc, .aux = g.aux};

    return_site(c, back);
    call_link(c, g);
    push_return(c, back);
    if (!crosses(c, g.pc) && polls(c, g.pc)) {
        poll(c, g); /* before the frame exists */
    }
}

static void emit_jumpcall(struct compiler *c, struct goal back)
{
    struct assembler *as = &c->as;

    return_site(c, back);
    const uint32_t behind = as->hot;
    as->to_cold = true;
    const uint32_t miss = as->cold;
    tell_aux(c, RDX, back.aux);
    x_call(as, c->h->stubs.go);
    x_jmp(as, behind);
    as->to_cold = false;
    emit_x(as, OPC(0, 0, 0xff), 2, at(RDX, 8), 0, 0);
    x_jcc(as, CC_NE, miss);
    probe(c, back.aux);
    push_return(c, back);
}

/* Its function is told of which instruction it is, as of its PC. */
static uint64_t aux_of_insn(const struct compiler *c)
{
    uint32_t i = c->i;

    while (c->insns[i].op != IR_insn) {
        i--;
    }
    return ir_aux_of(c->b, &c->insns[i]);
}

static void emit_tail(struct compiler *c, const struct ir_insn *in)
{
    struct assembler *as = &c->as;

    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;

    x_jmp(as, row->switches ? c->h->stubs.change : c->h->stubs.tail);
    load_pc(c, RDX, c->b->pc + c->insn_of[c->i]);
    x_mov_imm(as, RCX, in->aux);
    x_mov_imm(as, RAX, in->imm);
    if (c->h->config.guest->has_aux) {
        x_store(as, true, RAX, at(STATE, ENV(c->h, aux)));
        x_mov_imm(as, RAX, aux_of_insn(c));
    }
}

/* Links within the first page say nothing of the second one. The run-time enters its slot, so that
 * the block is entered the next time. */
void check_second_page(struct compiler *c)
{
    struct assembler *as = &c->as;
    const int32_t slot = (int32_t)layout_code_slot(c->b->second_page) * 4;

    as->to_cold = true;
    const uint32_t path = as->cold;
    tell_aux(c, RAX, c->b->aux);
    load_pc(c, RAX, c->b->pc);
    x_jmp(as, c->h->stubs.go);
    as->to_cold = false;
    x_jcc(as, CC_NE, path);
    x_alu_imm(as, ALU_CMP, false, at(RAX, slot), (int32_t)c->b->second_id);
    x_load(as, true, RAX, at(STATE, HOT(c->h, code_slots)));
}

/* Jumps that are no links may come from anywhere, with rax = the block's guest PC. */
void block_entry(struct compiler *c)
{
    if (c->b->movable) {
        x_store(&c->as, true, RCX, at(STATE, HOT(c->h, page)));
        x_lea(&c->as, true, RCX, at(RAX, -(int32_t)(c->b->pc - page_of(c))));
    }
}

void emit_end(struct compiler *c, const struct ir_insn *in)
{
    uint64_t k;

    const struct goal g = goal_of(c, in);
    block_end_claim(c);
    switch (in->op) {
    case IR_br:
        go_to(c, g);
        break;
    case IR_brcall:
        constant(c, in->a, &k);
        emit_brcall(c, g, k);
        break;
    case IR_tail:
        emit_tail(c, in);
        break;
    case IR_jumpcall:
        constant(c, in->b, &k);
        emit_jumpcall(c, (struct goal){.pc = k, .aux = g.aux});
        break;
    case IR_ret:
        emit_ret(c, g.aux);
        break;
    default:
        emit_jump(c, g.aux);
        break;
    }
    if (c->insns[c->i - 1].op != IR_brcond) {
        finish_end(c, in);
    }
}
