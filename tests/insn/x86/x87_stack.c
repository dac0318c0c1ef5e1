/* SPDX-License-Identifier: MIT */
/*
 * Loops of random x87 instructions that come round with another TOP each time, so that the stack is
 * not what it was when the block was translated: Intel SDM, volume 1, 8.1. By the engine that keeps
 * nothing and by host code; all of the unit is compared, and what was stored.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "base/rng.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/fpu.h"
#include "tests/support/board.h"

#define DATA 0x600
#define DATA_BYTES 0x40
#define GDT 0x1000
#define CODE 0x8000
#define STACK 0x7000
#define RAM_BYTES 0x100000
#define PORT 0x10
#define PROGRAMS 60
#define ROUNDS 20

struct outcome {
    bool ended;
    struct x86_fpu fpu;
    uint64_t rax;
    uint8_t data[DATA_BYTES];
};

struct program {
    uint8_t code[160];
    unsigned n;
    uint8_t data[DATA_BYTES];
    uint16_t control;
};

static void put(struct program *p, const uint8_t *bytes, unsigned n)
{
    memcpy(p->code + p->n, bytes, n);
    p->n += n;
}

/* A number of one kind or another, so that operations are often exact, denormal or invalid. */
static void random_data(struct program *p, struct rng *r)
{
    for (unsigned k = 0; k < DATA_BYTES; k += 16) {
        static const uint16_t exponents[] = {0x3fff, 0x4001, 0xbffe, 0x0000,
                                             0x7fff, 0x3c01, 0x43f0};
        store_le64(p->data + k, rng_u64(r) | UINT64_C(1) << 63);
        store_le64(p->data + k + 8, rng_u64(r));
        store_le16(p->data + k + 8, exponents[rng_u64(r) % array_len(exponents)]);
    }
}

/* D8 to DF with a register; those that a loop would not survive are left out. */
static void random_register(struct program *p, struct rng *r)
{
    static const uint8_t singles[] = {0xe0, 0xe1, 0xe4, 0xe5, 0xe8, 0xe9, 0xeb,
                                      0xed, 0xee, 0xfa, 0xfc, 0xf6, 0xf7};
    static const uint8_t first[] = {0xd8, 0xdc, 0xde, 0xda, 0xdb, 0xdd, 0xdf};
    const uint8_t n = rng_u64(r) % 3;

    switch (rng_u64(r) % 4) {
    case 0:
        put(p, (const uint8_t[]){0xd9, singles[rng_u64(r) % array_len(singles)]}, 2);
        break;
    case 1: /* FLD, FXCH */
        put(p, (const uint8_t[]){0xd9, (uint8_t)(0xc0 | (rng_u64(r) & 1) << 3 | n)}, 2);
        break;
    default: {
        const uint8_t op = first[rng_u64(r) % array_len(first)];
        uint8_t digit = rng_u64(r) % 8;
        digit = op == 0xde && digit == 3 ? 1 : digit;         /* FCOMPP is one encoding */
        digit = op == 0xda || op == 0xdb ? digit % 4 : digit; /* FCMOV */
        digit = op == 0xdb && rng_u64(r) % 2 ? 5 : digit;     /* FUCOMI */
        digit = op == 0xdd ? (uint8_t[]){0, 2, 3, 4, 5}[digit % 5] : digit;
        digit = op == 0xdf ? 5 + digit % 2 : digit; /* FUCOMIP, FCOMIP */
        put(p, (const uint8_t[]){op, (uint8_t)(0xc0 | digit << 3 | n)}, 2);
    }
    }
}

static void random_memory(struct program *p, struct rng *r)
{
    static const struct {
        uint8_t opcode, digits[8], count;
    } forms[] = {{0xd8, {0, 1, 2, 3, 4, 5, 6, 7}, 8},
                 {0xdc, {0, 1, 2, 3, 4, 5, 6, 7}, 8},
                 {0xda, {0, 1, 4, 5}, 4},
                 {0xd9, {0, 2, 3}, 3},
                 {0xdd, {0, 0, 1, 2, 3}, 5},
                 {0xdb, {0, 1, 2, 3, 5, 5, 7}, 7},
                 {0xdf, {0, 1, 2, 3, 5, 7}, 6}};
    const unsigned f = (unsigned)(rng_u64(r) % array_len(forms));
    const uint8_t digit = forms[f].digits[rng_u64(r) % forms[f].count];

    put(p, (const uint8_t[]){forms[f].opcode, (uint8_t)(digit << 3 | 5)}, 2);
    put(p, (const uint8_t[]){(uint8_t)(16 * (rng_u64(r) % 4)), DATA >> 8, 0, 0}, 4);
}

static struct program random_program(struct rng *r)
{
    static const uint16_t controls[] = {0x37f, 0x37f, 0x37f, 0x27f, 0xf7f, 0xb7f};
    struct program p = {.control = controls[rng_u64(r) % array_len(controls)]};

    random_data(&p, r);
    const unsigned start = p.n, count = 2 + rng_u64(r) % 10;
    for (unsigned k = 0; k < count; k++) {
        if (rng_u64(r) % 2) {
            random_memory(&p, r);
        } else {
            random_register(&p, r);
        }
    }
    switch (rng_u64(r) % 4) { /* FINCSTP, FNSTSW, FNCLEX */
    case 0:
        put(&p, (const uint8_t[]){0xd9, 0xf7}, 2);
        break;
    case 1:
        put(&p, (const uint8_t[]){0xdf, 0xe0, 0x01, 0xc3}, 4); /* and add ebx, eax */
        break;
    case 2:
        put(&p, (const uint8_t[]){0xdb, 0xe2}, 2);
        break;
    default:
        break;
    }
    put(&p, (const uint8_t[]){0x49, 0x0f, 0x85}, 3); /* dec ecx; jnz */
    const uint32_t back = start - (p.n + 4);
    put(&p, (const uint8_t *)&back, 4);
    put(&p, (const uint8_t *)"\xe6\x10\xeb\xfe", 4); /* out PORT, al; jmp to itself */
    return p;
}

static struct outcome run(const struct program *p, const struct accel_config *config)
{
    struct error e;
    struct outcome r = {0};
    struct test_board *b = test_board_new(&x86_cpu_class, "max", 1, 0, RAM_BYTES, &e);
    if (!b) {
        return r;
    }
    struct x86_cpu *c = x86_cpu(b->vcpus[0]);
    test_board_add_end(b, b->spaces[1], PORT);
    memcpy(b->ram + CODE, p->code, p->n);
    memcpy(b->ram + DATA, p->data, DATA_BYTES);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        x86_segment_fill(&c->seg[k], k == X86_CS ? 0x10 : 0x18,
                         UINT64_C(0x00cf93000000ffff) | (uint64_t)(k == X86_CS) << 43);
    }
    c->cr0 = X86_CR0_PE | 0x10;
    x86_fpu_init(&c->fpu);
    x86_fpu_set_control(&c->fpu, p->control);
    c->vcpu.cls->boot(&c->vcpu, CODE, 0);
    c->r[X86_RSP] = STACK;
    c->r[X86_RCX] = ROUNDS;
    r.ended = config ? test_board_go(b, config, 60, &e) : test_board_go_oracle(b, UINT64_C(100000));
    r.fpu = c->fpu;
    r.rax = c->r[X86_RAX] << 32 | (uint32_t)c->r[X86_RBX];
    memcpy(r.data, b->ram + DATA, DATA_BYTES);
    test_board_free(b);
    return r;
}

static void check_same(const struct program *p, const struct outcome *x, const struct outcome *y)
{
    char text[2 * sizeof(p->code) + 1];
    for (unsigned k = 0; k < p->n; k++) {
        snprintf(text + 2 * k, 3, "%02x", p->code[k]);
    }
    CHECK_MSG(x->ended && y->ended, "%s: ended %d %d", text, x->ended, y->ended);
    CHECK_MSG(x86_fpu_status(&x->fpu) == x86_fpu_status(&y->fpu) && x->fpu.used == y->fpu.used &&
                  x->rax == y->rax,
              "%s (control %x): status %x used %x, not %x %x", text, p->control,
              x86_fpu_status(&y->fpu), y->fpu.used, x86_fpu_status(&x->fpu), x->fpu.used);
    for (unsigned k = 0; k < 8; k++) {
        CHECK_MSG(x->fpu.st[k].low == y->fpu.st[k].low && x->fpu.st[k].high == y->fpu.st[k].high,
                  "%s (control %x): register %u", text, p->control, k);
    }
    CHECK_MSG(memcmp(x->data, y->data, DATA_BYTES) == 0, "%s: memory", text);
}

TEST(loops_that_turn_the_stack_do_what_single_instructions_do)
{
    static const struct accel_config plain = {0};
    struct rng r;
    rng_seed(&r, test_seed());

    for (unsigned n = 0; n < PROGRAMS; n++) {
        const struct program p = random_program(&r);
        const struct outcome x = run(&p, NULL), y = run(&p, &plain);
        check_same(&p, &x, &y);
    }
}
