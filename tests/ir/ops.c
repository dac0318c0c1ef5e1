/* SPDX-License-Identifier: MIT */
/*
 * Every form of every op on edge operands, against the interpreter as written: folded, folded with
 * operands that are constants, and as host code of each level.
 */
#include "base/error.h"
#include "tests/ir/engines.h"
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

/* As form_block, but operands are constants from the state where their type has constants. */
static void block_of_constants(struct ir_builder *b, const struct form *f, uint64_t imm,
                               const struct rig_state *s)
{
    ir_val x[3] = {IR_NONE, IR_NONE, IR_NONE};

    ir_begin(b, RIG_PC, 0);
    ir_insn_start(b, RIG_PC);
    for (unsigned i = 0; i < 3; i++) {
        const ir_type t = f->operand[i];
        if (form_mask(f, i)) {
            x[i] = ir_konst(b, T_I32, s->w[0] & form_mask(f, i));
        } else if (t == T_FLAGS) {
            const ir_val k = ir_konst(b, T_I32, i & 1 ? s->g : s->f);
            x[i] = form_emit(b, IR_flags_from, T_FLAGS, k, 0);
        } else if (t == T_I32) {
            x[i] = ir_konst(b, t, s->w[i]);
        } else if (t != T_VOID && ir_in_vector_register(t)) {
            x[i] = form_value(b, t, i);
        } else if (t != T_VOID) {
            x[i] = ir_konst(b, t, s->x[i]);
        }
    }
    struct ir_insn in = form_insn(b, f, x);
    in.imm = imm;
    form_put(b, ir_emit(b, in), 3);
    ir_br(b, 0x2000);
}

/* Bits of FLAGS that a row of type FLAGS is sure to hold after the op. */
static unsigned certain_flags(const struct form *f)
{
    const unsigned op = f->op;

    if (op == IR_flags_shl || op == IR_flags_shr || op == IR_flags_sar) {
        return IR_FLAGS_ALL & ~IR_FLAG_A;
    }
    const bool arm = op == IR_flags_fcmp && !(f->aux & IR_FLAGS_FCMP_ZPC);
    return op == IR_flags_logic || arm ? IR_FLAGS_ALL & ~(IR_FLAG_A | IR_FLAG_P) : IR_FLAGS_ALL;
}

static void compare(const struct engine *e, const struct ir_builder *b, const struct form *f,
                    const struct rig_state *start, const struct rig_state *want)
{
    static struct rig_state got;
    char why[200];

    got = *start;
    rig_run(e->rig, b, &got);
    if (rig_differs(&got, want, certain_flags(f), why, sizeof(why))) {
        test_fail(__FILE__, __LINE__, "%s.%s aux 0x%x by %s: %s", ir_ops[f->op].name,
                  ir_type_name(f->type), f->aux, e->name, why);
        fprintf(stderr,
                "operands x0 %" PRIx64 " x1 %" PRIx64 " x2 %" PRIx64
                " w %x %x %x f %x g %x rounding %u\n"
                "v0 %" PRIx64 ":%" PRIx64 " v1 %" PRIx64 ":%" PRIx64 " v2 %" PRIx64 ":%" PRIx64
                "\n",
                start->x[0], start->x[1], start->x[2], start->w[0], start->w[1], start->w[2],
                start->f, start->g, start->rounding, start->v[0].u64[1], start->v[0].u64[0],
                start->v[1].u64[1], start->v[1].u64[0], start->v[2].u64[1], start->v[2].u64[0]);
        engine_tell(e, b);
    }
}

/* One set of operands: the state that the interpreter leaves as written is the right one. */
static void try_form(const struct engine *e, const struct form *f, struct rng *rng)
{
    static struct rig_state start, want;
    const bool fp = ir_ops[f->op].effects & IR_STICKY || f->op == IR_fneg || f->op == IR_fabs;
    const uint64_t imm = fp ? form_random_fp(rng, form_random_flush(rng, plain.guest)) : 0;
    struct error error;

    rig_clear(&start);
    form_operands(rng, &start, f->operand[0] == T_V128 ? f->type : f->operand[0]);
    form_block(&plain, f, imm);
    want = start;
    rig_run(engines()[e->x86 ? ENGINE_X86 : 0].rig, &plain, &want);
    if (e->level != 0) {
        compare(e, &plain, f, &start, &want);
    }
    form_block(&folded, f, imm);
    CHECK_MSG(ir_verify(&folded, &error), "%s: %s", ir_ops[f->op].name, error.text);
    compare(e, &folded, f, &start, &want);
    block_of_constants(&folded, f, imm, &start);
    CHECK_MSG(ir_verify(&folded, &error), "%s: %s", ir_ops[f->op].name, error.text);
    compare(e, &folded, f, &start, &want);
}

static void try_all(const struct engine *e, unsigned times)
{
    const struct forms *all = forms_all();
    struct rng rng;

    setup();
    plain.guest = folded.guest = e->x86 ? &rig_guest_x86 : &rig_guest;
    rng_seed(&rng, test_seed());
    printf("# %u forms\n", all->count);
    CHECK_MSG(all->count > 1000 && all->count < FORMS_MAX, "%u forms", all->count);
    for (unsigned i = 0; i < all->count && test_state.failures < 10; i++) {
        for (unsigned n = 0; n < times * test_scale(); n++) {
            try_form(e, &all->form[i], &rng);
        }
    }
}

TEST(each_form_of_each_op_is_the_same_folded)
{
    try_all(&engines()[0], 6);
}

#define TEST_LEVEL(n)                                                                              \
    TEST(each_form_of_each_op_is_the_same_as_host_code_of_v##n)                                    \
    {                                                                                              \
        if (!engines()[n - 1].rig) {                                                               \
            SKIP("%s", engines()[n - 1].why);                                                      \
        }                                                                                          \
        try_all(&engines()[n - 1], 2);                                                             \
    }
TEST_LEVEL(2)
TEST_LEVEL(3)
TEST_LEVEL(4)

TEST(each_form_of_each_op_is_the_same_under_the_hosts_rules)
{
    try_all(&engines()[ENGINE_X86], 2);
    for (unsigned i = ENGINE_X86_V2; i <= ENGINE_X86_V3 && engines()[i].rig; i++) {
        try_all(&engines()[i], 3);
    }
}

/* A line of host code that uses a vector register in an encoding that keeps its upper half, or
 * NULL. SHA and blends by xmm0 have no other. */
static const char *legacy_line(char *code)
{
    for (char *line = strtok(code, "\n"); line; line = strtok(NULL, "\n")) {
        char mnemonic[30] = "";
        sscanf(line, " 0x%*x %29s", mnemonic);
        const bool vex = mnemonic[0] == 'v' || strncmp(mnemonic, "sha", 3) == 0 ||
                         strncmp(mnemonic, "blendv", 6) == 0;
        if (strstr(line, "xmm") && !vex) {
            return line;
        }
    }
    return NULL;
}

TEST(code_beside_wide_vectors_is_in_vex_encoding)
{
    const struct engine *e = &engines()[2];
    const struct forms *all = forms_all();
    static struct rig_state state;

    if (!e->rig) {
        SKIP("%s", e->why);
    }
    setup();
    for (unsigned i = 0; i < all->count && test_state.failures == 0; i += 3) {
        rig_clear(&state);
        form_block(&folded, &all->form[i], 0);
        rig_run(e->rig, &folded, &state);
        char *code = rig_code(e->rig);
        const char *line = legacy_line(code);
        CHECK_MSG(!line, "%s.%s: %s", ir_ops[all->form[i].op].name, ir_type_name(all->form[i].type),
                  line);
        free(code);
    }
}

static bool is_inline(unsigned op)
{
    return (op >= IR_udivw && op <= IR_sdivw_over) || op == IR_urem || op == IR_srem ||
           (op >= IR_flags_add && op <= IR_flags_select && op != IR_flags_fcmp) || op == IR_select;
}

TEST(flags_carries_and_wide_divisions_of_any_width_call_nothing)
{
    const struct engine *e = &engines()[1];
    const struct forms *all = forms_all();
    static struct rig_state state;
    unsigned checked = 0;

    setup();
    for (unsigned i = 0; e->rig && i < all->count && test_state.failures == 0; i++) {
        const struct form *f = &all->form[i];
        if (!is_inline(f->op) || (f->op >= IR_urem && f->op <= IR_srem && f->type < T_I32)) {
            continue;
        }
        rig_clear(&state);
        form_block(&folded, f, 0);
        rig_run(e->rig, &folded, &state);
        char *code = rig_code(e->rig);
        CHECK_MSG(!strstr(code, "call"), "%s.%s: %s", ir_ops[f->op].name, ir_type_name(f->type),
                  code);
        free(code);
        checked++;
    }
    CHECK(checked > 100);
}

/* How often a word is in a text. */
static unsigned times_in(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

TEST(both_halves_of_a_product_are_one_instruction)
{
    static const char *const texts[] = {
        "insn 0x1000\na = get.i64 x0\nb = get.i64 x1\nl = mul.i64 a, b\nh = umulh.i64 a, b\n"
        "put x0, l\nput x2, h\nbr 0x2000\n",
        "insn 0x1000\na = get.i64 x0\nb = get.i64 x1\nh = smulh.i64 a, b\nl = mul.i64 a, b\n"
        "put x0, l\nput x2, h\nbr 0x2000\n"};
    static struct rig_state state;

    setup();
    for (unsigned level = 1; level < 4; level++) {
        for (unsigned i = 0; engines()[level].rig && i < array_len(texts); i++) {
            ir_begin(&folded, RIG_PC, 0);
            REQUIRE(ir_parse(&folded, texts[i], NULL));
            rig_clear(&state);
            state.x[0] = UINT64_C(0x8000000000000001);
            state.x[1] = 6;
            rig_run(engines()[level].rig, &folded, &state);
            char *code = rig_code(engines()[level].rig);
            CHECK_EQ(times_in(code, "mul"), 1);
            CHECK_EQ(state.x[0], 6);
            CHECK_EQ(state.x[2], i ? UINT64_MAX - 2 : 3);
            free(code);
        }
    }
}

/* Lines of code that use a vector register. */
static unsigned vector_lines(const char *code)
{
    unsigned n = 0;

    for (const char *end; (end = strchr(code, '\n')); code = end + 1) {
        const char *found = strstr(code, "mm");
        n += found && found < end;
    }
    return n;
}

TEST(arithmetic_under_the_hosts_rules_is_one_instruction)
{
    static const struct {
        const char *text, *mnemonic;
        unsigned lines;
    } cases[] = {
        {"x = get.i64x2 v0\ny = get.i64x2 v1\nr = fadd.f64x2 x, y\nput v0, r\n", "addpd", 1},
        {"x = get.i64x2 v0\ny = get.i64x2 v1\nr = fdiv.f32x4 x, y\nput v0, r\n", "divps", 1},
        {"x = get.i64x2 v0\ny = get.i64x2 v1\nr = fmax.f32x4 x, y\nput v0, r\n", "maxps", 1},
        {"x = get.i64x2 v0\ny = get.i64x2 v1\nr = fmul.f64x2 x, y, fp 0x11\nput v0, r\n", "mulpd",
         1}, /* flushing results, or operands, to zero */
        {"x = get.i64x2 v0\ny = get.i64x2 v1\nr = fsub.f32x4 x, y, fp 0x10\nput v0, r\n", "subps",
         1},
        {"x = get.i64x2 v0\na = vget.f32 x, #0\ny = get.i64x2 v1\nb = vget.f32 y, #0\n"
         "r = fcmp.i32.lt a, b, fp 0x11\nput w0, r\n",
         "ucomiss", 1},
        {"x = get.i64x4 y0\ny = get.i64x4 y1\nr = fmul.f64x4 x, y\nput y0, r\n", "mulpd", 1},
        {"x = get.i64x2 v0\na = vget.f64 x, #0\ny = get.i64x2 v1\nb = vget.f64 y, #0\n"
         "r = fadd.f64 a, b\nz = vset.f64x2 x, r, #0\nput v0, z\n",
         "addsd", 1}}; /* the scalar is in its vector already */
    const struct engine *e = &engines()[ENGINE_X86_V3];
    static struct rig_state state;
    char text[400];

    if (!e->rig) {
        SKIP("%s", e->why);
    }
    setup();
    folded.guest = &rig_guest_x86;
    for (unsigned i = 0; i < array_len(cases); i++) {
        snprintf(text, sizeof(text), "insn 0x1000\n%sbr 0x2000\n", cases[i].text);
        ir_begin(&folded, RIG_PC, 0);
        REQUIRE(ir_parse(&folded, text, NULL));
        rig_clear(&state);
        rig_run(e->rig, &folded, &state);
        char *code = rig_code(e->rig);
        CHECK_MSG(strstr(code, cases[i].mnemonic) && vector_lines(code) == cases[i].lines, "%s",
                  code);
        free(code);
    }
    folded.guest = &rig_guest;
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
