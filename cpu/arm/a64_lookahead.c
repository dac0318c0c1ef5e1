/* SPDX-License-Identifier: MIT */
/*
 * A look at what follows a block: flags that it leaves in NZCV need not be stored when the next
 * instructions overwrite them before anybody can see them.
 *
 * "See" is strict: an exception puts NZCV into SPSR, so nothing in between may take one, and the
 * jump there must not be one that polls for interrupts. Hence only forwards within the page, and
 * only over instructions of the base architecture that compute.
 */
#include "cpu/arm/a64_lookahead.h"

#include "base/bits.h"
#include "cpu/arm/a64.h"

#define LOOK_AT_MOST 8 /* instructions of each successor */

enum effect {
    STOPS, /* reads NZCV, may take an exception, or leads elsewhere */
    COMPUTES,
    COMPUTES_UNLESS_31, /* Rd 31 is SP, which is checked when it is written */
    OVERWRITES
};

static const uint8_t effects[A64_ROW_COUNT] = {
    [A64_ROW_adr] = COMPUTES,
    [A64_ROW_adrp] = COMPUTES,
    [A64_ROW_movn] = COMPUTES,
    [A64_ROW_movz] = COMPUTES,
    [A64_ROW_movk] = COMPUTES,
    [A64_ROW_sbfm] = COMPUTES,
    [A64_ROW_bfm] = COMPUTES,
    [A64_ROW_ubfm] = COMPUTES,
    [A64_ROW_extr] = COMPUTES,
    [A64_ROW_udiv] = COMPUTES,
    [A64_ROW_sdiv] = COMPUTES,
    [A64_ROW_lslv] = COMPUTES,
    [A64_ROW_lsrv] = COMPUTES,
    [A64_ROW_asrv] = COMPUTES,
    [A64_ROW_rorv] = COMPUTES,
    [A64_ROW_rbit] = COMPUTES,
    [A64_ROW_rev16] = COMPUTES,
    [A64_ROW_rev] = COMPUTES,
    [A64_ROW_rev_64] = COMPUTES,
    [A64_ROW_rev32] = COMPUTES,
    [A64_ROW_clz] = COMPUTES,
    [A64_ROW_cls] = COMPUTES,
    [A64_ROW_and_shift] = COMPUTES,
    [A64_ROW_bic_shift] = COMPUTES,
    [A64_ROW_orr_shift] = COMPUTES,
    [A64_ROW_orn_shift] = COMPUTES,
    [A64_ROW_eor_shift] = COMPUTES,
    [A64_ROW_eon_shift] = COMPUTES,
    [A64_ROW_add_shift] = COMPUTES,
    [A64_ROW_sub_shift] = COMPUTES,
    [A64_ROW_madd] = COMPUTES,
    [A64_ROW_msub] = COMPUTES,
    [A64_ROW_smaddl] = COMPUTES,
    [A64_ROW_smsubl] = COMPUTES,
    [A64_ROW_umaddl] = COMPUTES,
    [A64_ROW_umsubl] = COMPUTES,
    [A64_ROW_smulh] = COMPUTES,
    [A64_ROW_umulh] = COMPUTES,
    [A64_ROW_add_imm] = COMPUTES_UNLESS_31,
    [A64_ROW_sub_imm] = COMPUTES_UNLESS_31,
    [A64_ROW_and_imm] = COMPUTES_UNLESS_31,
    [A64_ROW_orr_imm] = COMPUTES_UNLESS_31,
    [A64_ROW_eor_imm] = COMPUTES_UNLESS_31,
    [A64_ROW_add_ext] = COMPUTES_UNLESS_31,
    [A64_ROW_sub_ext] = COMPUTES_UNLESS_31,
    [A64_ROW_adds_imm] = OVERWRITES,
    [A64_ROW_subs_imm] = OVERWRITES,
    [A64_ROW_ands_imm] = OVERWRITES,
    [A64_ROW_ands_shift] = OVERWRITES,
    [A64_ROW_bics_shift] = OVERWRITES,
    [A64_ROW_adds_shift] = OVERWRITES,
    [A64_ROW_subs_shift] = OVERWRITES,
    [A64_ROW_adds_ext] = OVERWRITES,
    [A64_ROW_subs_ext] = OVERWRITES,
};

/* Does the code at pc, which the block's end jumps to, overwrite NZCV unseen? */
static bool overwrites(struct a64_block *c, uint64_t pc)
{
    struct ir_builder *b = c->b;
    const uint64_t first = pc - b->pc;

    if (pc <= c->pc - 4 || first >= b->code_bytes) {
        return false; /* a jump that polls */
    }
    for (uint64_t at = first; at < first + 4 * LOOK_AT_MOST && at + 4 <= b->code_bytes; at += 4) {
        const uint32_t insn = load_le32(b->code + at);
        const unsigned row = a64_decode_row(insn);
        const enum effect e = row == A64_ROW_NONE ? STOPS : effects[row];
        if (e == STOPS || (e == COMPUTES_UNLESS_31 && (insn & 31) == 31)) {
            return false;
        }
        if (e == OVERWRITES) {
            b->look_bytes = at + 4 > b->look_bytes ? (uint32_t)at + 4 : b->look_bytes;
            return true;
        }
    }
    return false;
}

bool a64_computes_or_tests(uint32_t insn)
{
    const unsigned row = a64_decode_row(insn);

    switch (row) {
    case A64_ROW_NONE:
        return false;
    case A64_ROW_cbz:
    case A64_ROW_cbnz:
    case A64_ROW_tbz:
    case A64_ROW_tbnz:
        return true;
    default:
        return effects[row] != STOPS;
    }
}

void a64_look_ahead(struct a64_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val nzcv = b->reg_value[ARM_REG_NZCV];
    const struct ir_insn *end = &b->insns[b->count - 1];

    if (nzcv == IR_NONE || b->insns[nzcv].op == IR_get || end->op != IR_br ||
        (c->mode & (MODE_DEBUG | MODE_STEP | MODE_STEP_DUE))) {
        return;
    }
    b->flags_dead = overwrites(c, end->imm) &&
                    (end[-1].op != IR_brcond || overwrites(c, end[-1].imm));
}
