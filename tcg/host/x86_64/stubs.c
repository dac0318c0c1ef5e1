/* SPDX-License-Identifier: MIT */
/*
 * The code between generated code and the run-time, emitted once at the bottom of the cache.
 *
 * Two kinds of calls. At a block's end the guest's registers are in their homes: the stub writes
 * the homes to the state, calls, reads them back (the run-time may have changed any), and goes on
 * where it was told. In the middle of a block every register may hold anything: the stub saves all
 * to env.gpr and env.vec, and restores them unless the guest leaves the block.
 */
#include "memory/space.h"
#include "tcg/code_layout.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/tlb_layout.h"

static const uint8_t saved_gprs[] = {RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14};

static struct operand gpr_place(const struct host *h, unsigned r)
{
    return at(STATE, ENV(h, gpr) + 8 * (int32_t)r);
}

static struct operand vec_place(const struct host *h, unsigned r)
{
    return at(STATE, ENV(h, vec) + IR_VEC_BYTES * (int32_t)r);
}

static void homes(struct host *h, struct assembler *as, bool load)
{
    for (unsigned r = 0; r < 16; r++) {
        if (h->homes.row_of[0][r] != 0xff) {
            emit_rm(as, OPC(0, 0, load ? 0x8b : 0x89) | OP_W, r,
                    row_place(h, h->homes.row_of[0][r]));
        }
        if (h->homes.row_of[1][r] != 0xff) {
            const unsigned row = h->homes.row_of[1][r];
            const opcode op = load ? SSE_MOVUPS_LOAD : SSE_MOVUPS_STORE;
            if (ir_type_bits(h->config.guest->regs[row].type) > 128) {
                emit_v(as, op | OP_L, r, 0, row_place(h, row), 0, 0);
            } else {
                emit_rm(as, op, r, row_place(h, row));
            }
        }
    }
}

static void gprs(struct host *h, struct assembler *as, bool load)
{
    for (unsigned n = 0; n < array_len(saved_gprs); n++) {
        emit_rm(as, OPC(0, 0, load ? 0x8b : 0x89) | OP_W, saved_gprs[n],
                gpr_place(h, saved_gprs[n]));
    }
}

static void vectors(struct host *h, struct assembler *as, bool load)
{
    for (unsigned r = 2; r < 16; r++) {
        if (h->wide) {
            emit_v(as, (load ? SSE_MOVUPS_LOAD : SSE_MOVUPS_STORE) | OP_L, r, 0, vec_place(h, r), 0,
                   0);
        } else {
            emit_rm(as, load ? SSE_MOVUPS_LOAD : SSE_MOVUPS_STORE, r, vec_place(h, r));
        }
    }
}

static void mxcsr(struct host *h, struct assembler *as, bool to_guest)
{
    const struct operand guest = at(STATE, HOT(h, guest_mxcsr)),
                         host = at(STATE, HOT(h, host_mxcsr));

    if (!to_guest && h->wide) { /* C may use the encodings that keep upper halves: vzeroupper */
        emit_bytes(as, (const uint8_t[]){0xc5, 0xf8, 0x77}, 3);
    }
    if (!to_guest) {
        emit_x(as, OPC(0, 1, 0xae), 3, guest, 0, 0);
    }
    emit_x(as, OPC(0, 1, 0xae), 2, to_guest ? guest : host, 0, 0);
}

/* rdi = vCPU */
static void vcpu_argument(struct host *h, struct assembler *as)
{
    x_lea(as, true, RDI, at(STATE, h->config.layout.state));
}

static void call_c(struct assembler *as, uintptr_t fn)
{
    x_mov_imm(as, RAX, fn);
    emit_x(as, OPC(0, 0, 0xff), 2, reg_operand(RAX), 0, 0);
}

static void to_c_stack(struct host *h, struct assembler *as)
{
    x_mov(as, true, RBX, RSP);
    x_load(as, true, RSP, at(STATE, HOT(h, c_stack)));
}

/* On to where C said, with rax the guest's PC. */
static void go_on(struct host *h, struct assembler *as)
{
    x_load(as, true, RAX, at(STATE, HOT(h, pc)));
    emit_x(as, OPC(0, 0, 0xff), 4, reg_operand(RCX), 0, 0);
}

/* rax = first argument, ecx = second, rdx = third; the run-time returns where to go on. */
static uint32_t boundary_stub(struct host *h, struct assembler *as, uintptr_t fn)
{
    const uint32_t start = as->cold;

    homes(h, as, false);
    mxcsr(h, as, false);
    to_c_stack(h, as);
    vcpu_argument(h, as);
    x_mov(as, true, RSI, RAX);
    x_mov(as, true, R8, RDX);
    x_mov(as, false, RDX, RCX);
    x_mov(as, true, RCX, R8);
    call_c(as, fn);
    x_mov(as, true, RSP, RBX);
    mxcsr(h, as, true);
    x_load(as, true, TLB_BASE, at(STATE, HOT(h, tlb_current)));
    x_mov(as, true, RCX, RAX);
    homes(h, as, true);
    go_on(h, as);
    return start;
}

/* A forward jump: emitted long, aimed by land(). */
static uint32_t forward_jcc(struct assembler *as, unsigned cc)
{
    emit_bytes(as, (const uint8_t[]){0x0f, (uint8_t)(0x80 | cc), 0, 0, 0, 0}, 6);
    return as->cold;
}

static void land(struct assembler *as, uint32_t jump_end)
{
    const uint32_t rel = as->cold - jump_end;

    memcpy(as->rw + jump_end - 4, &rel, 4);
}

/* Behind a run-time function of the second kind: rax is where the guest goes on, or 0. rbx is the
 * code stack. */
static void finish_middle(struct host *h, struct assembler *as, bool skip_jump)
{
    x_mov(as, true, RSP, RBX);
    mxcsr(h, as, true);
    x_test(as, true, RAX, RAX);
    const uint32_t leaves = forward_jcc(as, CC_NE);
    gprs(h, as, true);
    vectors(h, as, true);
    if (skip_jump) {
        emit_x(as, OPC(0, 0, 0x83) | OP_W, ALU_ADD, at(RSP, 0), 1, 5);
    }
    x_byte(as, 0xc3);
    land(as, leaves);
    x_lea(as, true, RSP, at(RSP, 8));
    x_load(as, true, TLB_BASE, at(STATE, HOT(h, tlb_current)));
    x_mov(as, true, RCX, RAX);
    homes(h, as, true);
    go_on(h, as);
}

/* rsi = the site whose index is in ecx */
static void site_argument(struct host *h, struct assembler *as)
{
    emit_x(as, OPC(0, 0, 0x69) | OP_W, RSI, reg_operand(RCX), 4, sizeof(struct site));
    x_mov_imm(as, RAX, (uintptr_t)h->sites);
    x_alu(as, ALU_ADD, true, RSI, RAX);
}

static uint32_t op_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    gprs(h, as, false);
    vectors(h, as, false);
    mxcsr(h, as, false);
    to_c_stack(h, as);
    vcpu_argument(h, as);
    site_argument(h, as);
    call_c(as, (uintptr_t)h->config.runtime.op);
    finish_middle(h, as, false);
    return start;
}

static const uint8_t volatile_gprs[] = {RBX, RSI, RDI, R8, R9, R10, R11};

static void volatiles(struct host *h, struct assembler *as, bool load)
{
    for (unsigned n = 0; n < array_len(volatile_gprs); n++) {
        emit_rm(as, OPC(0, 0, load ? 0x8b : 0x89) | OP_W, volatile_gprs[n],
                gpr_place(h, volatile_gprs[n]));
    }
}

/*
 * rax = function of class LEAF, edx = constant; operands and result in env.args. Vector registers
 * stay as they are, and so does MXCSR, of which the function finds a copy.
 */
static uint32_t leaf_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    volatiles(h, as, false);
    emit_x(as, OPC(0, 1, 0xae), 3, at(STATE, HOT(h, guest_mxcsr)), 0, 0);
    to_c_stack(h, as);
    vcpu_argument(h, as);
    x_mov(as, false, R8, RDX);
    x_load(as, true, RSI, arg_place(h, 0));
    x_load(as, true, RDX, arg_place(h, 1));
    x_load(as, true, RCX, arg_place(h, 2));
    emit_x(as, OPC(0, 0, 0xff), 2, reg_operand(RAX), 0, 0);
    x_mov(as, true, RSP, RBX);
    x_store(as, true, RAX, arg_place(h, 0));
    volatiles(h, as, true);
    x_byte(as, 0xc3);
    return start;
}

/* rax = row, ecx = site, edx = constant */
static uint32_t call_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    gprs(h, as, false);
    vectors(h, as, false);
    mxcsr(h, as, false);
    to_c_stack(h, as);
    vcpu_argument(h, as);
    x_mov(as, true, RSI, RAX);
    emit_x(as, OPC(0, 0, 0x69) | OP_W, R8, reg_operand(RCX), 4, sizeof(struct site));
    x_mov(as, false, RCX, RDX);
    x_mov_imm(as, RDX, (uintptr_t)h->sites);
    x_alu(as, ALU_ADD, true, RDX, R8);
    call_c(as, (uintptr_t)h->config.runtime.call);
    finish_middle(h, as, false);
    return start;
}

/* ecx = site. Returns behind the caller's 5-byte jump if the access has been done. */
static uint32_t mem_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    gprs(h, as, false);
    to_c_stack(h, as);
    vcpu_argument(h, as);
    site_argument(h, as);
    x_mov(as, true, R12, RSI);
    call_c(as, (uintptr_t)h->config.runtime.mem_leaf);
    emit_rr(as, OPC(0, 0, 0x84), RAX, RAX); /* bool: al */
    const uint32_t refused = forward_jcc(as, CC_E);
    x_mov(as, true, RSP, RBX);
    gprs(h, as, true);
    x_byte(as, 0xc3);
    land(as, refused);
    vectors(h, as, false);
    mxcsr(h, as, false);
    vcpu_argument(h, as);
    x_mov(as, true, RSI, R12);
    call_c(as, (uintptr_t)h->config.runtime.mem);
    finish_middle(h, as, true);
    return start;
}

static struct operand member_place(const struct host *h, unsigned n)
{
    return at(STATE, ENV(h, member) + 8 * (int32_t)n);
}

/*
 * The look-up of an access whose group is not on one page. rdx = its first byte, rax = its last,
 * ecx = site. Returns with the carry clear, the addend in rcx and rdx as it was; or, when the
 * run-time has done the access, with the carry set. While the run-time is asked the return address
 * is not on the code stack, where frames would no longer match if the guest left from here.
 */
static uint32_t member_stub(struct host *h, struct assembler *as, int32_t lines)
{
    static const uint8_t kept[] = {RCX, RDX, RAX};
    const uint32_t start = as->cold;

    for (unsigned n = 0; n < array_len(kept); n++) {
        x_store(as, true, kept[n], member_place(h, n));
    }
    const uint32_t again = as->cold;
    x_mov(as, true, RCX, RDX);
    x_shift_imm(as, SHIFT_SHR, true, RCX, GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2);
    x_alu_mem(as, ALU_AND, true, RCX, at(TLB_BASE, TLB_LAYOUT_MASK));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -GUEST_PAGE_SIZE);
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(TLB_BASE, RCX, 0, lines));
    const uint32_t miss = forward_jcc(as, CC_NE);
    x_load(as, true, RCX, at_index(TLB_BASE, RCX, 0, lines + 8));
    x_byte(as, 0xc3); /* equal: the carry is clear */
    land(as, miss);
    emit_x(as, OPC(0, 0, 0x8f), 0, member_place(h, 3), 0, 0); /* pop */
    x_load(as, false, RCX, member_place(h, 0));
    x_call(as, h->stubs.mem);
    const uint32_t retry = as->cold + 5 + 1 + 7;
    x_jmp_long(as, retry);
    x_byte(as, 0xf9); /* stc */
    emit_x(as, OPC(0, 0, 0xff), 4, member_place(h, 3), 0, 0);
    while (as->cold < retry) {
        x_byte(as, 0x90);
    }
    assert(as->cold == retry);
    emit_x(as, OPC(0, 0, 0xff), 6, member_place(h, 3), 0, 0); /* push */
    for (unsigned n = 0; n < array_len(kept); n++) {
        x_load(as, true, kept[n], member_place(h, n));
    }
    x_jmp(as, again);
    return start;
}

#define FRAMES_FURTHER_DOWN 3 /* that a return looks at which does not match the top */
void jump_index(struct host *h, struct assembler *as, unsigned r, unsigned pc)
{
    const unsigned left = 4 - h->config.guest->code_align;

    if (left > 3 && !as->to_cold) {
        x_alu(as, ALU_ADD, false, r, r);
    }
    x_lea(as, false, r, at_index(NO_REG, pc, left > 3 ? 3 : left, 0));
    if (left > 3 && as->to_cold) {
        x_alu(as, ALU_ADD, false, r, r);
    }
}

/* rax = guest PC, rcx = rax ^ key. A frame below the top may match; else as an indirect jump. */
static uint32_t ret_miss_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    for (int32_t n = 1; n <= FRAMES_FURTHER_DOWN; n++) {
        x_alu_mem(as, ALU_CMP, true, RCX, at(RSP, 8 + 16 * n));
        emit_bytes(as, (const uint8_t[]){0x75, 0x06}, 2); /* jne past the next two */
        emit_x(as, OPC(0, 0, 0x8d) | OP_W, RSP,
               (struct operand){.base = RSP, .index = NO_REG, .disp = 16 * n}, 0, 0);
        x_byte(as, 0xc3);
    }
    jump_index(h, as, RDX, RAX);
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), LAYOUT_JUMP_MASK);
    x_alu_mem(as, ALU_ADD, true, RDX, at(STATE, HOT(h, jump_table)));
    x_alu_mem(as, ALU_CMP, true, RCX, at(RDX, 0));
    x_jcc(as, CC_NE, h->stubs.go);
    emit_x(as, OPC(0, 0, 0xff), 4, at(RDX, 8), 0, 0);
    return start;
}

/* rcx = the goal of the link at rax */
static void goal_of_link(struct host *h, struct assembler *as)
{
    x_load(as, true, RCX, at(STATE, HOT(h, page)));
    x_alu_mem(as, ALU_AND, true, RCX, at(RAX, offsetof(struct link, page_mask)));
    x_alu_mem(as, ALU_ADD, true, RCX, at(RAX, offsetof(struct link, goal)));
}

/* rax = a link. One that is never patched is an indirect jump that knows where it goes. */
static uint32_t link_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    emit_x(as, OPC(0, 0, 0x83), ALU_CMP, at(RAX, offsetof(struct link, by_table)), 1, 0);
    const uint32_t asks = forward_jcc(as, CC_E);
    goal_of_link(h, as);
    jump_index(h, as, RDX, RCX);
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), LAYOUT_JUMP_MASK);
    x_alu_mem(as, ALU_ADD, true, RDX, at(STATE, HOT(h, jump_table)));
    x_alu_mem(as, ALU_XOR, true, RCX, at(STATE, HOT(h, key)));
    if (h->config.guest->has_aux) {
        x_alu_mem(as, ALU_XOR, true, RCX, at(RAX, offsetof(struct link, aux_key)));
    }
    x_alu_mem(as, ALU_CMP, true, RCX, at(RDX, 0));
    const uint32_t misses = forward_jcc(as, CC_NE);
    goal_of_link(h, as);
    x_mov(as, true, RAX, RCX);
    emit_x(as, OPC(0, 0, 0xff), 4, at(RDX, 8), 0, 0);
    land(as, asks);
    land(as, misses);
    boundary_stub(h, as, (uintptr_t)h->config.runtime.link);
    return start;
}

/* The word at offset n of the change of mode that is remembered at rdx. */
#define SWITCH(n) at(RDX, (int32_t)offsetof(struct tcg_switch, n))

/* rax, rcx, rdx: operands of a tail that may turn out to be one. */
static const uint8_t tail_operands[] = {RAX, RCX, RDX};

static void load_bits(struct host *h, struct assembler *as)
{
    x_load(as, true, RCX, arg_place(h, 1));
    x_alu_mem(as, ALU_XOR, true, RCX, at(STATE, HOT(h, key)));
}

/*
 * The change of mode that is remembered for the kind in ecx: rdx = its place, rax = what env.tcg
 * leads to. Returns the places of the jumps that say that there is none.
 */
static void find_switch(struct host *h, struct assembler *as, uint32_t none[3])
{
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), TCG_SWITCH_KINDS - 1);
    x_load(as, true, RDX, arg_place(h, 2));
    x_test(as, true, RDX, RDX);
    emit_bytes(as, (const uint8_t[]){0x74, 0x03}, 2);                   /* je past the next */
    emit_bytes(as, (const uint8_t[]){0x83, 0xc1, TCG_SWITCH_KINDS}, 3); /* add ecx */
    x_shift_imm(as, SHIFT_SHL, false, RCX, 6);
    x_load(as, true, RAX, at(STATE, ENV(h, tcg)));
    x_lea(as, true, RCX, at_index(RAX, RCX, 0, h->config.layout.switches));
    x_alu_mem(as, ALU_CMP, true, RDX, at(RCX, offsetof(struct tcg_switch, aux)));
    none[0] = forward_jcc(as, CC_NE);
    x_mov(as, true, RDX, RCX);
    load_bits(h, as);
    x_alu_mem(as, ALU_CMP, true, RCX, SWITCH(from));
    none[1] = forward_jcc(as, CC_NE);
    x_load(as, true, RCX, SWITCH(context));
    emit_x(as, OPC(PP_66, 0, 0x83), ALU_CMP, at(RCX, h->config.layout.stale), 1, 0);
    none[2] = forward_jcc(as, CC_NE);
}

/*
 * Makes it current; rdx = key ^ aux_key. The key comes last, and by an operation that the look at
 * exit_request cannot overtake: a kick stores exit_request, then spoils the key, then the code
 * slots. Either it is seen here, or what it spoils stays so.
 */
static void make_switch(struct host *h, struct assembler *as)
{
    x_store(as, true, RCX, at(RAX, h->config.layout.context));
    x_load(as, true, RAX, SWITCH(code_slots));
    x_store(as, true, RAX, at(STATE, HOT(h, code_slots)));
    x_load(as, true, RAX, SWITCH(tlb_user));
    x_store(as, true, RAX, at(STATE, HOT(h, tlb_user)));
    x_load(as, true, TLB_BASE, SWITCH(tlb_current));
    x_store(as, true, TLB_BASE, at(STATE, HOT(h, tlb_current)));
    x_load(as, true, RCX, SWITCH(key));
    x_load(as, true, RDX, SWITCH(aux_key));
    x_alu(as, ALU_XOR, true, RDX, RCX);
    emit_rm(as, OPC(0, 0, 0x87) | OP_W, RCX, at(STATE, HOT(h, key))); /* xchg */
    emit_x(as, OPC(0, 0, 0x83), ALU_CMP, at(STATE, HOT(h, exit_request)), 1, 0);
}

/*
 * As tail; the function does nothing but tcg_switched, and is not called where what comes of that
 * is known: accel/switches.h.
 */
static uint32_t change_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;
    uint32_t none[3];

    for (unsigned n = 0; n < array_len(tail_operands); n++) {
        x_store(as, true, tail_operands[n], member_place(h, n));
    }
    find_switch(h, as, none);
    make_switch(h, as);
    x_load(as, true, RAX, arg_place(h, 0));
    const uint32_t kicked = forward_jcc(as, CC_NE);
    x_alu(as, ALU_XOR, true, RDX, RAX);
    x_mov(as, true, RCX, RDX);
    jump_index(h, as, RDX, RAX);
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), LAYOUT_JUMP_MASK);
    x_alu_mem(as, ALU_ADD, true, RDX, at(STATE, HOT(h, jump_table)));
    x_alu_mem(as, ALU_CMP, true, RCX, at(RDX, 0));
    const uint32_t misses = forward_jcc(as, CC_NE);
    emit_x(as, OPC(0, 0, 0xff), 4, at(RDX, 8), 0, 0);
    land(as, kicked);
    land(as, misses);
    x_load(as, true, RDX, arg_place(h, 2));
    x_store(as, true, RDX, at(STATE, ENV(h, aux)));
    x_jmp(as, h->stubs.go);
    for (unsigned n = 0; n < array_len(none); n++) {
        land(as, none[n]);
    }
    for (unsigned n = 0; n < array_len(tail_operands); n++) {
        x_load(as, true, tail_operands[n], member_place(h, n));
    }
    x_jmp(as, h->stubs.tail);
    return start;
}

static const uint8_t callee_saved[] = {RBX, RBP, R12, R13, R14, R15};

/* void enter(state in rdi, entry in rsi) */
static uint32_t enter_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    for (unsigned n = 0; n < array_len(callee_saved); n++) {
        x_push(as, callee_saved[n]);
    }
    x_lea(as, true, RSP, at(RSP, -8));
    x_mov(as, true, STATE, RDI);
    x_mov(as, true, RCX, RSI);
    x_store(as, true, RSP, at(STATE, HOT(h, c_stack)));
    emit_x(as, OPC(0, 1, 0xae), 3, at(STATE, HOT(h, host_mxcsr)), 0, 0);
    mxcsr(h, as, true);
    x_load(as, true, RSP, at(STATE, HOT(h, code_stack)));
    x_load(as, true, TLB_BASE, at(STATE, HOT(h, tlb_current)));
    homes(h, as, true);
    go_on(h, as);
    return start;
}

static uint32_t leave_stub(struct host *h, struct assembler *as)
{
    const uint32_t start = as->cold;

    homes(h, as, false);
    mxcsr(h, as, false);
    x_load(as, true, RSP, at(STATE, HOT(h, c_stack)));
    x_lea(as, true, RSP, at(RSP, 8));
    for (unsigned n = array_len(callee_saved); n-- > 0;) {
        x_pop(as, callee_saved[n]);
    }
    x_byte(as, 0xc3);
    return start;
}

static void fill(struct host *h, enum constant k, unsigned lane_bytes, uint64_t lane)
{
    for (unsigned i = 0; i < 16; i += lane_bytes) {
        store_le(h->rw + k * 16 + i, lane_bytes, lane);
    }
}

static void bytes(struct host *h, enum constant k, uint64_t low, uint64_t high)
{
    store_le64(h->rw + k * 16, low);
    store_le64(h->rw + k * 16 + 8, high);
}

static void constants(struct host *h)
{
    fill(h, K_SIGN_F32, 4, UINT64_C(1) << 31);
    fill(h, K_SIGN_F64, 8, UINT64_C(1) << 63);
    bytes(h, K_SIGN_ONE_F32, UINT64_C(1) << 31, 0);
    bytes(h, K_SIGN_ONE_F64, UINT64_C(1) << 63, 0);
    bytes(h, K_ABS_ONE_F32, INT32_MAX, 0);
    bytes(h, K_ABS_ONE_F64, INT64_MAX, 0);
    fill(h, K_ABS_F32, 4, 0x7fffffff);
    fill(h, K_ABS_F64, 8, INT64_MAX);
    fill(h, K_LEAST_F32, 4, 0x00800000);
    fill(h, K_LEAST_F64, 8, UINT64_C(0x0010000000000000));
    fill(h, K_INFINITY_F32, 4, 0x7f800000);
    fill(h, K_INFINITY_F64, 8, UINT64_C(0x7ff0000000000000));
    fill(h, K_HALF_F32, 4, 0x3f000000);
    fill(h, K_HALF_F64, 8, UINT64_C(0x3fe0000000000000));
    fill(h, K_BELOW_HALF_F32, 4, 0x3effffff);
    fill(h, K_BELOW_HALF_F64, 8, UINT64_C(0x3fdfffffffffffff));
    fill(h, K_ONE_F32, 4, 0x3f800000);
    fill(h, K_ONE_F64, 8, UINT64_C(0x3ff0000000000000));
    fill(h, K_INTEGRAL_F32, 4, 0x4b000000);
    fill(h, K_INTEGRAL_F64, 8, UINT64_C(0x4330000000000000));
    fill(h, K_FIXED_F32, 4, 0x5f000000);
    fill(h, K_FIXED_F64, 8, UINT64_C(0x43e0000000000000));
    fill(h, K_BELOW_I32_F32, 4, 0x4effffff);
    fill(h, K_65536_F32, 4, 0x47800000);
    fill(h, K_HALF_OF_2_31, 8, UINT64_C(1) << 30);
    bytes(h, K_LOWEST_8, 0xff, 0);
    bytes(h, K_LOWEST_16, 0xffff, 0);
    fill(h, K_ABS_F16, 2, 0x7fff);
    fill(h, K_LEAST_F16, 2, 0x0400);
    fill(h, K_INFINITY_F16, 2, 0x7c00);
    fill(h, K_HALF_REST, 4, 0x1fff);
    fill(h, K_HALF_MIDDLE, 4, 0x1000);
    fill(h, K_HALF_DENORMAL, 4, 0x387ffffe);
    fill(h, K_ALL_ONES, 8, UINT64_MAX);
    fill(h, K_SIGN_I8, 1, 0x80);
    fill(h, K_SIGN_I16, 2, 0x8000);
    fill(h, K_SIGN_I32, 4, UINT64_C(1) << 31);
    fill(h, K_SIGN_I64, 8, UINT64_C(1) << 63);
    fill(h, K_BYTES_7, 1, 0x70);
    fill(h, K_LOW_NIBBLE, 1, 0x0f);
    bytes(h, K_POPCNT, UINT64_C(0x0302020102010100), UINT64_C(0x0403030203020201));
    fill(h, K_LOW_8, 2, 0x00ff);
    fill(h, K_LOW_16, 4, 0x0000ffff);
    bytes(h, K_CLZ_NIBBLE, UINT64_C(0x0101010102020304), 0);
    fill(h, K_BYTES_4, 1, 4);
    bytes(h, K_CRC32, UINT64_C(0x1f7011641), UINT64_C(0x1db710641)); /* u, then P, bit-reflected */
    fill(h, K_LANES_7F_8, 1, 0x7f);
    fill(h, K_LANES_7FFF_16, 2, 0x7fff);
    fill(h, K_LANES_1_8, 1, 1);
    fill(h, K_LANES_1_16, 2, 1);
    fill(h, K_MAX_I32, 8, INT32_MAX);
    fill(h, K_MIN_I32, 8, (uint64_t)INT32_MIN);
    bytes(h, K_RBIT_NIBBLE, UINT64_C(0x0e060a020c040800), UINT64_C(0x0f070b030d050901));
    fill(h, K_SHA1_C, 4, 0x5a827999);
    fill(h, K_SHA1_P, 4, 0x6ed9eba1);
    fill(h, K_SHA1_M, 4, 0x8f1bbcdc);
    bytes(h, K_LOW_32, UINT32_MAX, 0);
    bytes(h, K_EVEN_8, UINT64_C(0x0e0c0a0806040200), UINT64_C(0x8080808080808080));
    bytes(h, K_ODD_8, UINT64_C(0x0f0d0b0907050301), UINT64_C(0x8080808080808080));
    bytes(h, K_EVEN_16, UINT64_C(0x0d0c090805040100), UINT64_C(0x8080808080808080));
    bytes(h, K_ODD_16, UINT64_C(0x0f0e0b0a07060302), UINT64_C(0x8080808080808080));
    bytes(h, K_REV16, UINT64_C(0x0607040502030001), UINT64_C(0x0e0f0c0d0a0b0809));
    bytes(h, K_REV32, UINT64_C(0x0405060700010203), UINT64_C(0x0c0d0e0f08090a0b));
    bytes(h, K_REV64, UINT64_C(0x0001020304050607), UINT64_C(0x08090a0b0c0d0e0f));
    bytes(h, K_REV16_32, UINT64_C(0x0504070601000302), UINT64_C(0x0d0c0f0e09080b0a));
    bytes(h, K_REV128, UINT64_C(0x08090a0b0c0d0e0f), UINT64_C(0x0001020304050607));
    bytes(h, K_REV16_64, UINT64_C(0x0100030205040706), UINT64_C(0x09080b0a0d0c0f0e));
}

void stubs_create(struct host *h)
{
    struct assembler as = {.rw = h->rw, .cold = K_COUNT * 16, .to_cold = true, .vex = h->wide};
    const struct host_runtime *r = &h->config.runtime;

    constants(h);
    h->stubs.enter = enter_stub(h, &as);
    h->stubs.leave = leave_stub(h, &as);
    h->stubs.link = link_stub(h, &as);
    h->stubs.go = boundary_stub(h, &as, (uintptr_t)r->go);
    h->stubs.poll = boundary_stub(h, &as, (uintptr_t)r->poll);
    h->stubs.tail = boundary_stub(h, &as, (uintptr_t)r->tail);
    h->stubs.change = change_stub(h, &as);
    h->stubs.mem = mem_stub(h, &as);
    h->stubs.member_load = member_stub(h, &as, 0);
    h->stubs.member_store = member_stub(h, &as, TLB_LAYOUT_WRITE);
    h->stubs.call = call_stub(h, &as);
    h->stubs.leaf = leaf_stub(h, &as);
    h->stubs.op = op_stub(h, &as);
    h->stubs.ret_miss = ret_miss_stub(h, &as);
    h->stubs.counted = boundary_stub(h, &as, (uintptr_t)r->counted);
    h->first_cold = (uint32_t)align_up(as.cold, 64);
}

/* In the order of stubs_create: each ends where the next begins. */
#define STUB(name_)                                                                                \
    {                                                                                              \
#name_, offsetof(struct stubs, name_)                                                      \
    }
static const struct {
    const char *name;
    size_t member;
} stub_names[] = {STUB(enter), STUB(leave),  STUB(link), STUB(go),          STUB(poll),
                  STUB(tail),  STUB(change), STUB(mem),  STUB(member_load), STUB(member_store),
                  STUB(call),  STUB(leaf),   STUB(op),   STUB(ret_miss),    STUB(counted)};
_Static_assert(array_len(stub_names) == sizeof(struct stubs) / sizeof(uint32_t),
               "each stub has a name");

static uint32_t stub_at(const struct host *h, unsigned n)
{
    return n < array_len(stub_names)
               ? *(const uint32_t *)(const void *)((const char *)&h->stubs + stub_names[n].member)
               : h->first_cold;
}

bool host_stub(const struct host *h, unsigned n, struct host_stub *s)
{
    if (n >= array_len(stub_names)) {
        return false;
    }
    *s = (struct host_stub){.name = stub_names[n].name,
                            .code = h->rx + stub_at(h, n),
                            .bytes = stub_at(h, n + 1) - stub_at(h, n)};
    return true;
}
