/* SPDX-License-Identifier: MIT */
/* The verifier refuses each kind of malformed IR, and the parser each kind of malformed text. */
#include "base/bits.h"
#include "base/error.h"
#include "tcg/ir.h"
#include "tests/test.h"

static const struct ir_reg rows[] = {
    {"x0", T_I64, 0, 0}, {"w0", T_I32, 8, -1}, {"f", T_FLAGS, 12, -1}, {"v0", T_V128, 16, -1}};

static void nothing(void)
{
}

static const struct ir_call leaf = {
    .name = "leaf", .fn = nothing, .class = IR_CALL_LEAF, .pure = true};
static const struct ir_call full = {.name = "full", .fn = nothing, .class = IR_CALL_FULL};
static const struct ir_call raises = {.name = "raises", .fn = nothing, .class = IR_CALL_RAISES};
static const struct ir_call *const calls[] = {&leaf, &full, &raises, NULL};
static const struct ir_guest guest = {.regs = rows, .reg_count = array_len(rows), .calls = calls};

#define DEFINITIONS                                                                                \
    "insn 0x1000\n"                                                                                \
    "x = get.i64 x0\n"                                                                             \
    "w = get.i32 w0\n"                                                                             \
    "f = get.flags f\n"                                                                            \
    "v = get.i64x2 v0\n"                                                                           \
    "d = vget.f64 v, #0\n"

static struct ir_builder b;

static bool verifies(const char *text, struct error *e)
{
    if (!b.insns) {
        ir_builder_init(&b, &guest);
    }
    ir_begin(&b, 0x1000, 0);
    b.no_fold = true;
    return ir_parse(&b, text, e) && ir_verify(&b, e);
}

TEST(well_formed_blocks_verify)
{
    static const char *const good[] = {
        "br 0x2000\n",
        "k = konst.i64 0x1004\nbrcall 0x3000, k\n",
        "c = cmp.i32.eq x, x\nbrcond 0x2000, c\njump x\n",
        "s = load.i64x2 [x + x << 3 - 16] m32 ; the rest is 0\nstore [x] m128, s\nret x\n",
        ("s = atomic.i64.add [x] m32.acq.rel, x\nt = call.i64 @leaf(x, s, -) #1\n"
         "put x0, t\ntail @full(x, -, -) #0\n"),
        "guard w, @raises(x, x) #3\nz = ftoi.i32 d, #0x3\nput w0, z\nbr 0x0\n",
    };
    for (size_t i = 0; i < array_len(good); i++) {
        char text[1000];
        struct error e = {.text = ""};
        snprintf(text, sizeof(text), "%s%s", DEFINITIONS, good[i]);
        CHECK_MSG(verifies(text, &e), "%s: %s", good[i], e.text);
    }
}

TEST(each_rule_is_enforced)
{
    static const struct {
        const char *text, *rule;
    } bad[] = {
        {"a = add.i64 x, x\n", "does not end"},
        {"a = add.i64 x, w\n", "an operand does not have the type"},
        {"a = add.f64 d, d\n", "not an integer"},
        {"a = umulh.i64x2 v, v\n", "not an integer"},
        {"a = fadd.i64 x, x\n", "not a floating-point one"},
        {"a = cmp.i32.mi x, x\n", "not a condition of a comparison"},
        {"a = tst.i32.ult x, x\n", "not a condition of a test"},
        {"a = cmp.i64.eq x, x\n", "a boolean is an i32"},
        {"a = cmp.i32.eq d, d\n", "operands are integers"},
        {"a = extr.i32 w, w, #33\n", "exceeds the width"},
        {"a = ubfx.i32 w, #0x1011\n", "the field exceeds"},
        {"a = zext.i32 x\n", "wrong order"},
        {"a = trunc.i64 w\n", "wrong order"},
        {"a = vget.i32 v, #4\n", "no such lane"},
        {"a = vset.i32x4 v, x, #0\n", "not as wide as a lane"},
        {"a = vrev.i16x8 v, #16\n", "no such group"},
        {"a = vext.i64x2 v, v, #17\n", "more than 16 bytes"},
        {"a = vxtn.i64x2 v\n", "no lanes of twice"},
        {"a = vsmull.i8x16 v, v\n", "no lanes of half"},
        {"a = vsdot.i64x2 v, v, v\n", "not the type of this op"},
        {"a = ssadd.f32x4 v, v\n", "not a vector's of that kind"},
        {"a = adc.i64 x, x, x\n", "an operand does not have the type"},
        {"a = flags_add.i64 x, x\n", "the type is not flags"},
        {"a = fcvt.f64 d\n", "not two floating-point types"},
        {"a = fmov_to_int.i32 d\n", "the widths differ"},
        {"a = frint.f64 d, #6\n", "no such rounding"},
        {"a = ftoi.i64 d, #0x20\n", "modulo 2^32"},
        {"a = load.i32 [x] m64\n", "wider than the type"},
        {"a = load.i64 [w] m64\n", "an operand does not have the type"},
        {"a = load.i64x2 [x] m64.sext\n", "not a size for a vector"},
        {"a = load.f64 [x] m32\n", "not the size of the type"},
        {"store [x] m64, w\n", "wider than the type"},
        {"a = atomic.i64.add [x] m64, w\n", "not an integer's"},
        {"a = cas.i64x2 [x] m128, x, v\n", "an operand does not have the type"},
        {"put x0, w\n", "an operand does not have the type"},
        {"a = get.i32 x0\n", "not the row's type"},
        {"guard w, @full(x, x) #0\n", "not a row for a guard"},
        {"a = call.i64 @full(v, x, x) #0\n", "a vector for a function of integers"},
        {"tail @raises(x, x, x) #0\n", "not a row for tail"},
        {"br 0x2000\n", "the block goes on"},
        {"brcall 0x2000, x\n", "not a konst"},
        {"jump w\n", "an operand does not have the type"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        char text[1000];
        struct error e = {.text = ""};
        /* The builder ignores what follows an end, so a second one is appended by hand. */
        const bool unended = i == 0;
        snprintf(text, sizeof(text), "%s%s%s", DEFINITIONS, bad[i].text, unended ? "" : "br 0x0\n");
        verifies(text, &e);
        if (strncmp(bad[i].text, "br 0x2000", 9) == 0) {
            b.insns[b.count++] = (struct ir_insn){.op = IR_br};
            CHECK(!ir_verify(&b, &e));
        }
        CHECK_MSG(strstr(e.text, bad[i].rule), "%s gives \"%s\"", bad[i].text, e.text);
    }
}

TEST(what_text_cannot_say_is_enforced_too)
{
    struct error e;

    CHECK(verifies(DEFINITIONS "br 0x0\n", &e));
    b.insns[2].uses++;
    CHECK(!ir_verify(&b, &e));
    CHECK_MSG(strstr(e.text, "count of uses"), "%s", e.text);

    CHECK(verifies(DEFINITIONS "a = not.i64 x\nbr 0x0\n", &e));
    b.insns[b.count - 2].a = (uint16_t)(b.count - 2);
    CHECK(!ir_verify(&b, &e));
    CHECK_MSG(strstr(e.text, "not defined yet"), "%s", e.text);

    CHECK(verifies(DEFINITIONS "a = not.i64 x\nbr 0x0\n", &e));
    b.insns[b.count - 2].src = T_I8;
    CHECK(!ir_verify(&b, &e));
    CHECK_MSG(strstr(e.text, "src has no meaning"), "%s", e.text);

    CHECK(verifies("x = get.i64 x0\nput x0, x\nbr 0x0\n", &e));
    CHECK(!verifies("x = get.i64 x0\na = load.i64 [x] m64\nbr 0x0\n", &e));
    CHECK_MSG(strstr(e.text, "before the first guest instruction"), "%s", e.text);
}

TEST(text_that_is_wrong_is_refused_with_its_line)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"x = get.i64 x9\n", "unknown register row"},
        {"\n\nx = got.i64 x0\n", "line 3"},
        {"x = get.i65 x0\n", "unknown type"},
        {"y = not.i64 x\n", "unknown value"},
        {"x = get.i64 x0 x0\n", "something too much"},
        {"x = konst.i64 q\n", "a number is missing"},
        {"x = get.i64 x0\na = cmp.i32.huh x, x\n", "unknown qualifier"},
        {"x = get.i64 x0\na = load.i64 [x * 2] m8\n", "\"+\" is missing"},
        {"x = get.i64 x0\na = load.i64 [x] m24\n", "a wrong width"},
        {"x = get.i64 x0\na = load.i64 [x] m8.huh\n", "unknown property"},
        {"call @nobody(-, -, -) #0\n", "unknown run-time function"},
        {"= add\n", "a word is missing"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {.text = ""};
        CHECK(!verifies(bad[i].text, &e));
        CHECK_MSG(strstr(e.text, bad[i].why), "%s gives \"%s\"", bad[i].text, e.text);
    }
}
