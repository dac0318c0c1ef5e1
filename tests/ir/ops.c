/* SPDX-License-Identifier: MIT */
/*
 * Every form of every op on edge operands: as written, folded, and folded with operands that are
 * constants, must leave the same state.
 */
#include "tests/ir/forms.h"

static struct ir_builder plain, folded;

static void setup(void)
{
    if (!plain.insns) {
        ir_builder_init(&plain, &rig_guest);
        ir_builder_init(&folded, &rig_guest);
        plain.no_fold = true;
    }
}

/* As form_block on the folding builder, but rows 0 to 3 hold the constants of the state. */
static void block_of_constants(struct ir_builder *b, const struct form *f, uint64_t imm,
                               const struct rig *r)
{
    ir_val x[3] = {IR_NONE, IR_NONE, IR_NONE};

    ir_begin(b, RIG_PC, 0);
    ir_insn_start(b, RIG_PC);
    for (unsigned i = 0; i < 3; i++) {
        const ir_type t = f->operand[i];
        if (i == 0 && (f->op == IR_select || f->op == IR_flags_select)) {
            x[i] = ir_konst(b, T_I32, r->s.w[0] & 1);
        } else if (t == T_FLAGS) {
            x[i] = ir_emit(
                b, (struct ir_insn){.op = IR_flags_from,
                                    .type = T_FLAGS,
                                    .src = T_I32,
                                    .a = (uint16_t)ir_konst(b, T_I32, i & 1 ? r->s.g : r->s.f)});
        } else if (t == T_I32) {
            x[i] = ir_konst(b, t, r->s.w[i]);
        } else if (t != T_VOID && ir_in_vector_register(t)) {
            x[i] = form_value(b, t, i);
        } else if (t != T_VOID) {
            x[i] = ir_konst(b, t, r->s.x[i]);
        }
    }
    struct ir_insn in = form_insn(b, f, x);
    in.imm = imm;
    form_put(b, ir_emit(b, in), 3);
    ir_br(b, 0x2000);
}

static void tell(const struct form *f, const struct ir_builder *b, const char *how)
{
    struct strbuf text = {0};

    ir_print(b, &text);
    test_fail(__FILE__, __LINE__, "%s.%s aux 0x%x differs when %s: %s", ir_ops[f->op].name,
              ir_type_name(f->type), f->aux, how, strbuf_text(&text));
    strbuf_free(&text);
}

/* FLAGS rows have bits without a meaning, which an op need not carry over. */
static void clean_flags(struct rig *r)
{
    r->s.f &= IR_FLAGS_ALL;
    r->s.g &= IR_FLAGS_ALL;
}

static void try_form(const struct form *f, struct rng *rng)
{
    static struct rig start, want;
    struct rig *r = rig_reset();
    const bool fp = ir_ops[f->op].effects & IR_STICKY || f->op == IR_fneg || f->op == IR_fabs;
    const uint64_t imm = fp ? form_random_fp(rng) : 0;
    struct error e;

    form_operands(rng, r, f->operand[0] == T_V128 ? f->type : f->operand[0]);
    memcpy(&start, r, sizeof(start));
    form_block(&plain, f, imm);
    rig_interpret(r, &plain);
    clean_flags(r);
    memcpy(&want, r, sizeof(want));

    for (unsigned constants = 0; constants < 2; constants++) {
        if (constants) {
            block_of_constants(&folded, f, imm, &start);
        } else {
            form_block(&folded, f, imm);
        }
        CHECK_MSG(ir_verify(&folded, &e), "%s: %s", ir_ops[f->op].name, e.text);
        memcpy(r, &start, sizeof(start));
        rig_interpret(r, &folded);
        clean_flags(r);
        if (rig_differs(r, &want)) {
            tell(f, &folded, constants ? "folded with constants" : "folded");
        }
    }
}

TEST(each_form_of_each_op_is_the_same_folded)
{
    const struct forms *all = forms_all();
    struct rng rng;

    setup();
    rng_seed(&rng, test_seed());
    printf("# %u forms\n", all->count);
    CHECK_MSG(all->count > 1000 && all->count < FORMS_MAX, "%u forms", all->count);
    for (unsigned i = 0; i < all->count && test_state.failures < 10; i++) {
        for (unsigned n = 0; n < 6 * test_scale(); n++) {
            try_form(&all->form[i], &rng);
        }
    }
}

TEST(each_op_that_computes_has_a_form)
{
    const struct forms *all = forms_all();
    bool seen[IR_OP_COUNT] = {false};

    for (unsigned i = 0; i < all->count; i++) {
        seen[all->form[i].op] = true;
    }
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        const bool computes = ir_ops[op].shape >= SHAPE_UN && ir_ops[op].shape <= SHAPE_CVTI;
        CHECK_MSG(seen[op] || !computes, "%s has no form that verifies", ir_ops[op].name);
    }
}

TEST(text_reads_back_as_it_was)
{
    const struct forms *all = forms_all();
    static struct ir_builder again;
    struct strbuf text = {0}, text_again = {0};
    struct error e;

    setup();
    if (!again.insns) {
        ir_builder_init(&again, &rig_guest);
    }
    again.no_fold = true;
    for (unsigned i = 0; i < all->count; i++) {
        const struct form *f = &all->form[i];
        strbuf_clear(&text);
        strbuf_clear(&text_again);
        form_block(&plain, f, ir_ops[f->op].effects & IR_STICKY ? IR_FP_DN : 0);
        ir_print(&plain, &text);
        ir_begin(&again, RIG_PC, 0);
        CHECK_MSG(ir_parse(&again, text.text, &e), "%s: %s", text.text, e.text);
        ir_print(&again, &text_again);
        CHECK_MSG(strcmp(text.text, text_again.text) == 0, "%s", text.text);
        CHECK_MSG(memcmp(plain.insns + 1, again.insns + 1,
                         (plain.count - 1) * sizeof(plain.insns[0])) == 0,
                  "%s", text.text);
    }
    strbuf_free(&text);
    strbuf_free(&text_again);
}
