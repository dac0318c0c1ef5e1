/* SPDX-License-Identifier: MIT */
/*
 * Which exception says that MMX, SSE or AVX may not be used, and which operands must be aligned:
 * Intel SDM, volume 2, 2.4 and 2.5, and volume 3, 13.1. One instruction of 32-bit protected or of
 * real mode, at level 0, in each case. By the engine that keeps nothing and by host code.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/fpu.h"
#include "tests/support/board.h"

#define FOUND 0x500 /* the vector */
#define DATA 0x600
#define GDT 0x1000
#define IDT 0x1800
#define HANDLERS 0x2000 /* 16 bytes each */
#define CODE 0x8000
#define STACK 0x7000
#define RAM_BYTES 0x100000
#define PORT 0x10
#define END "\xe6\x10\xeb\xfe" /* out PORT, al; jmp to itself */
#define NOTHING 0xff

struct unit_case {
    const char *code;
    uint32_t cr0, cr4, xcr0;
    uint8_t vector;
    const char *model;
    uint32_t mxcsr;
    bool real;
};

#define PE X86_CR0_PE
#define TS X86_CR0_TS
#define EM X86_CR0_EM
#define FXSR X86_CR4_OSFXSR
#define XMM X86_CR4_OSXMMEXCPT
#define XSAVE X86_CR4_OSXSAVE

#define PADDB "\x0f\xfc\xc1"                    /* paddb mm0, mm1 */
#define ADDPS "\x0f\x58\xc1"                    /* addps xmm0, xmm1 */
#define VADDPS "\xc5\xf4\x58\xc2"               /* vaddps ymm0, ymm1, ymm2 */
#define VDIVPS "\xc5\xf4\x5e\xc2"               /* vdivps ymm0, ymm1, ymm2 */
#define ANDN "\xc4\xe2\x70\xf2\xc2"             /* andn eax, ecx, edx */
#define VFMADD "\xc4\xe2\x75\x98\xc2"           /* vfmadd132ps ymm0, ymm1, ymm2 */
#define AT(opcode, at) opcode at "\x06\x00\x00" /* with memory at 0x600 + at */

static void put_handlers(uint8_t *ram, bool real)
{
    for (unsigned v = 0; v < 32; v++) {
        uint8_t *p = ram + HANDLERS + 16 * v;
        const uint64_t at = HANDLERS + 16 * v;
        unsigned n = 2;
        p[0] = 0xc6; /* mov byte [FOUND], v */
        p[1] = real ? 0x06 : 0x05;
        store_le32(p + 2, FOUND);
        n += real ? 2 : 4;
        p[n] = (uint8_t)v;
        memcpy(p + n + 1, END, 4);
        if (real) {
            store_le32(ram + 4 * v, (uint32_t)at);
        } else {
            store_le64(ram + IDT + 8 * v, (at & 0xffff) | 0x10 << 16 | UINT64_C(0x8e00) << 32);
        }
    }
    store_le64(ram + GDT + 0x10, UINT64_C(0x00cf9b000000ffff));
    store_le64(ram + GDT + 0x18, UINT64_C(0x00cf93000000ffff));
}

static void enter(struct x86_cpu *c, const struct unit_case *t)
{
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        if (t->real) {
            x86_segment_real(&c->seg[k], 0);
        } else {
            x86_segment_fill(&c->seg[k], k == X86_CS ? 0x10 : 0x18,
                             UINT64_C(0x00cf93000000ffff) | (uint64_t)(k == X86_CS) << 43);
        }
    }
    c->gdt = (struct x86_table){.base = GDT, .limit = 0x1f};
    c->idt = (struct x86_table){.base = t->real ? 0 : IDT, .limit = t->real ? 0x3ff : 32 * 8 - 1};
    c->cr0 = t->cr0 | 0x10;
    c->cr4 = t->cr4;
    c->xcr0 = t->xcr0;
    x86_fpu_init(&c->fpu);
    x86_set_mxcsr(c, t->mxcsr ? t->mxcsr : X86_MXCSR_INITIAL);
    c->vcpu.cls->boot(&c->vcpu, CODE, 0);
    c->r[X86_RSP] = STACK;
}

static unsigned run(const struct unit_case *t, size_t bytes, const struct accel_config *config)
{
    struct error e;
    struct test_board *b = test_board_new(&x86_cpu_class, t->model ? t->model : "max", 1, 0,
                                          RAM_BYTES, &e);
    if (!b) {
        return 0x100;
    }
    test_board_add_end(b, b->spaces[1], PORT);
    put_handlers(b->ram, t->real);
    b->ram[FOUND] = NOTHING;
    memcpy(b->ram + CODE, t->code, bytes);
    memcpy(b->ram + CODE + bytes, END, 4);
    enter(x86_cpu(b->vcpus[0]), t);
    const bool ended = config ? test_board_go(b, config, 60, &e)
                              : test_board_go_oracle(b, UINT64_C(100000));
    const unsigned found = b->ram[FOUND];
    test_board_free(b);
    return ended ? found : 0x101;
}

#define CASE(code_, cr0_, cr4_, xcr0_, vector_, ...)                                               \
    {                                                                                              \
        .bytes = sizeof(code_) - 1, .t = {                                                         \
            .code = (code_),                                                                       \
            .cr0 = (cr0_),                                                                         \
            .cr4 = (cr4_),                                                                         \
            .xcr0 = (xcr0_),                                                                       \
            .vector = (vector_),                                                                   \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
struct sized_case {
    size_t bytes;
    struct unit_case t;
};

static void check(const struct sized_case *cases, size_t n)
{
    static const struct accel_config plain = {0};
    static const struct accel_config *const engines[] = {NULL, &plain};
    for (size_t k = 0; k < n; k++) {
        for (unsigned e = 0; e < 2; e++) {
            const unsigned found = run(&cases[k].t, cases[k].bytes, engines[e]);
            CHECK_MSG(found == cases[k].t.vector, "case %zu, engine %u: vector %u, not %u", k, e,
                      found, cases[k].t.vector);
        }
    }
}

TEST(mmx_and_sse_look_at_em_osfxsr_and_ts)
{
    static const struct sized_case cases[] = {
        CASE(PADDB, PE, 0, 1, NOTHING, ),
        CASE(PADDB, PE | EM, 0, 1, X86_UD, ),
        CASE(PADDB, PE | TS, 0, 1, X86_NM, ),
        CASE(ADDPS, PE, FXSR, 1, NOTHING, ),
        CASE(ADDPS, PE, 0, 1, X86_UD, ),
        CASE(ADDPS, PE | EM, FXSR, 1, X86_UD, ),
        CASE(ADDPS, PE | TS, FXSR, 1, X86_NM, ),
        CASE(ADDPS, PE | TS, 0, 1, X86_UD, ),
        CASE(ADDPS, 0, FXSR, 1, NOTHING, .real = true),
    };
    check(cases, array_len(cases));
}

TEST(avx_looks_at_osxsave_xcr0_and_ts)
{
    static const struct sized_case cases[] = {
        CASE(VADDPS, PE, XSAVE, 7, NOTHING, ), /* without OSFXSR */
        CASE(VADDPS, PE | EM, XSAVE, 7, NOTHING, ),
        CASE(VADDPS, PE | TS, XSAVE, 7, X86_NM, ),
        CASE(VADDPS, PE, XSAVE, 3, X86_UD, ),
        CASE(VADDPS, PE | TS, XSAVE, 3, X86_UD, ),
        CASE(VADDPS, PE, FXSR, 7, X86_UD, ),
        CASE(VADDPS, 0, XSAVE, 7, X86_UD, .real = true),
        CASE(VADDPS, PE, XSAVE, 7, X86_UD, .model = "max,-avx"),
        CASE(VFMADD, PE, XSAVE, 7, NOTHING, ),
        CASE(VFMADD, PE, XSAVE, 7, X86_UD, .model = "max,-fma"),
    };
    check(cases, array_len(cases));
}

TEST(vex_forms_of_general_instructions_need_protected_mode_only)
{
    static const struct sized_case cases[] = {
        CASE(ANDN, PE | EM | TS, 0, 1, NOTHING, ),
        CASE(ANDN, 0, 0, 1, X86_UD, .real = true),
        CASE(ANDN, PE, 0, 1, X86_UD, .model = "max,-bmi1"),
    };
    check(cases, array_len(cases));
}

TEST(memory_operands_of_vex_are_aligned_for_aligned_moves_only)
{
    static const struct sized_case cases[] = {
        CASE(AT("\x0f\x58\x05", "\x10"), PE, FXSR, 1, NOTHING, ), /* addps xmm0, [610] */
        CASE(AT("\x0f\x58\x05", "\x08"), PE, FXSR, 1, X86_GP, ),
        CASE(AT("\xc5\xf0\x58\x05", "\x08"), PE, XSAVE, 7,
             NOTHING, ), /* vaddps xmm0, xmm1, [608] */
        CASE(AT("\xc5\xf4\x58\x05", "\x01"), PE, XSAVE, 7,
             NOTHING, ), /* vaddps ymm0, ymm1, [601] */
        CASE(AT("\xc5\xfc\x28\x05", "\x20"), PE, XSAVE, 7, NOTHING, ), /* vmovaps ymm0, [620] */
        CASE(AT("\xc5\xfc\x28\x05", "\x10"), PE, XSAVE, 7, X86_GP, ),
        CASE(AT("\xc5\xf8\x28\x05", "\x10"), PE, XSAVE, 7, NOTHING, ), /* vmovaps xmm0, [610] */
        CASE(AT("\xc5\xfc\x29\x05", "\x10"), PE, XSAVE, 7, X86_GP, ),  /* vmovaps [610], ymm0 */
        CASE(AT("\xc5\xfc\x11\x05", "\x10"), PE, XSAVE, 7, NOTHING, ), /* vmovups [610], ymm0 */
        CASE(AT("\xc5\xfd\xe7\x05", "\x10"), PE, XSAVE, 7, X86_GP, ),  /* vmovntdq [610], ymm0 */
    };
    check(cases, array_len(cases));
}

TEST(exceptions_that_are_not_masked_are_xm_or_undefined)
{
    static const struct sized_case cases[] = {
        CASE(VDIVPS, PE, XSAVE | XMM, 7, NOTHING, ),
        CASE(VDIVPS, PE, XSAVE | XMM, 7, X86_XM, .mxcsr = 0x1f00), /* invalid */
        CASE(VDIVPS, PE, XSAVE, 7, X86_UD, .mxcsr = 0x1f00),
        CASE(VDIVPS, PE, XSAVE | XMM, 7, NOTHING, .mxcsr = 0x1d80),
    };
    check(cases, array_len(cases));
}
