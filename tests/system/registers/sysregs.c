/* SPDX-License-Identifier: MIT */
/*
 * System registers: all 32,768 encodings of op0 2 and 3 are read at EL1 as the reset left them, and
 * at EL0 with all that EL1 can allow; those that can be read and written are written with ones and
 * zeros.
 */
#include "tests/system/registers/print.h"

#define KEY(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define MRS(key, rt) (0xd5300000u | ((key)&0x7fff) << 5 | (rt))
#define MSR(key, rt) (0xd5100000u | ((key)&0x7fff) << 5 | (rt))
#define RET 0xd65f03c0u
#define ISB 0xd5033fdfu
#define SVC 0xd400fdc1u /* #0x7ee */

enum {
    KEYS = 1 << 15,
    FIRST_KEY = 1 << 15
};

static u32 stubs[KEYS][2] __attribute__((aligned(4096)));
static u32 stubs_el0[KEYS][2] __attribute__((aligned(4096)));
static u32 writer[16] __attribute__((aligned(64)));
static u8 readable[KEYS];

static void code_changed(void)
{
    __asm__ volatile("dsb sy; ic iallu; dsb sy; isb" : : : "memory");
}

static void make_stubs(void)
{
    for (u32 i = 0; i < KEYS; i++) {
        stubs[i][0] = stubs_el0[i][0] = MRS(FIRST_KEY + i, 0);
        stubs[i][1] = RET;
        stubs_el0[i][1] = SVC;
    }
    code_changed();
}

/* Counters and random numbers: never the same. */
static bool varies(u32 key)
{
    static const u16 keys[] = {KEY(3, 3, 2, 4, 0),  KEY(3, 3, 2, 4, 1),  KEY(3, 3, 14, 0, 1),
                               KEY(3, 3, 14, 0, 2), KEY(3, 3, 14, 0, 5), KEY(3, 3, 14, 0, 6),
                               KEY(3, 3, 14, 2, 0), KEY(3, 3, 14, 3, 0)};
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] == key) {
            return true;
        }
    }
    return false;
}

/* Changed by this program itself, or by reading other registers. */
static bool is_own(u32 key)
{
    static const u16 keys[] = {
        KEY(3, 0, 4, 0, 0), /* SPSR_EL1 */
        KEY(3, 0, 4, 0, 1), /* ELR_EL1 */
        KEY(3, 0, 5, 2, 0), /* ESR_EL1 */
        KEY(3, 0, 12, 0, 0) /* VBAR_EL1 */
    };
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] == key) {
            return true;
        }
    }
    return false;
}

static void print_number(u32 n)
{
    char text[4] = {0};
    if (n >= 10) {
        text[0] = (char)('0' + n / 10);
        text[1] = (char)('0' + n % 10);
    } else {
        text[0] = (char)('0' + n);
    }
    print(text);
}

static void print_key(const char *view, u32 key)
{
    print(view);
    print("s");
    print_number(key >> 14 & 3);
    print("_");
    print_number(key >> 11 & 7);
    print("_c");
    print_number(key >> 7 & 15);
    print("_c");
    print_number(key >> 3 & 15);
    print("_");
    print_number(key & 7);
    print(" ");
}

/* An undefined instruction has a syndrome without information: not worth a line. */
static bool is_undefined(struct outcome o)
{
    return o.trapped && o.value == 0x02000000;
}

static void print_value(u32 key, struct outcome o)
{
    if (!o.trapped && (varies(key) || is_own(key))) {
        print(varies(key) ? "number\n" : "own\n");
    } else {
        print_outcome(o);
    }
}

static void print_el1(void)
{
    for (u32 i = 0; i < KEYS; i++) {
        const struct outcome v = peek(stubs[i], 0);
        readable[i] = !v.trapped;
        if (!is_undefined(v)) {
            print_key("el1.", FIRST_KEY + i);
            print_value(FIRST_KEY + i, v);
        }
    }
}

/* Whether there is a result is what counts: values are EL1's. */
static void print_el0(const char *view)
{
    for (u32 i = 0; i < KEYS; i++) {
        const struct outcome v = peek_user(stubs_el0[i]);
        if (!is_undefined(v)) {
            print_key(view, FIRST_KEY + i);
            if (v.trapped) {
                print_outcome(v);
            } else {
                print("reads\n");
            }
        }
    }
}

/* What the register holds once value is written; then it has what it had. */
static struct outcome try_write(u32 key, u64 value)
{
    const u32 code[] = {MRS(key, 3), MSR(key, 0), ISB, MRS(key, 0), MSR(key, 3), ISB, RET};
    for (unsigned i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
        writer[i] = code[i];
    }
    code_changed();
    return peek(writer, value);
}

/* What must not be written by the way: PSTATE, this program's stack, resets, the MMU's switch, the
 * locks. */
static bool may_write(u32 key)
{
    static const u16 keys[] = {
        KEY(3, 0, 4, 2, 0),  /* SPSel */
        KEY(3, 3, 4, 2, 1),  /* DAIF */
        KEY(2, 0, 1, 4, 4),  /* DBGPRCR_EL1 */
        KEY(3, 0, 12, 0, 2), /* RMR_EL1 */
    };
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i] == key) {
            return false;
        }
    }
    return !varies(key);
}

static void print_writes(void)
{
    for (u32 i = 0; i < KEYS; i++) {
        const u32 key = FIRST_KEY + i;
        if (!readable[i] || !may_write(key)) {
            continue;
        }
        const u64 mmu = key == KEY(3, 0, 1, 0, 0) ? 1 : 0; /* SCTLR_EL1.M */
        const struct outcome ones = try_write(key, ~mmu), zeros = try_write(key, 0);
        if (!is_undefined(ones)) {
            print_key("ones.", key);
            print_outcome(ones);
        }
        if (!is_undefined(zeros)) {
            print_key("zeros.", key);
            print_outcome(zeros);
        }
    }
}

static void write_key(u32 key, u64 value)
{
    const u32 code[] = {MSR(key, 0), ISB, RET};
    for (unsigned i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
        writer[i] = code[i];
    }
    code_changed();
    peek(writer, value);
}

/* Each of the caches that CSSELR_EL1 can name. */
static void print_caches(void)
{
    for (u32 i = 0; i < 8; i++) {
        write_key(KEY(3, 2, 0, 0, 0), i);
        print("cache.");
        print_hex(i);
        print(" ");
        print_outcome(peek(stubs[KEY(3, 1, 0, 0, 0) - FIRST_KEY], 0));
    }
    write_key(KEY(3, 2, 0, 0, 0), 0);
}

/* All that EL1 can let EL0 do. */
static void open_el0(void)
{
    static const struct {
        u32 key;
        u64 bits;
    } switches[] = {
        {KEY(3, 0, 1, 0, 0),
         1 << 9 | 1 << 15 | 1 << 14 | 1 << 26 | 1 << 10}, /* UMA, UCT, DZE, UCI, EnRCTX */
        {KEY(3, 0, 14, 1, 0), 0x303},                     /* CNTKCTL_EL1 */
        {KEY(3, 3, 9, 14, 0), 0xf},                       /* PMUSERENR_EL0 */
        {KEY(3, 0, 1, 0, 2), 3 << 20},                    /* CPACR_EL1.FPEN */
    };
    for (unsigned i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        const struct outcome now = peek(stubs[switches[i].key - FIRST_KEY], 0);
        if (!now.trapped) {
            write_key(switches[i].key, now.value | switches[i].bits);
        }
    }
}

void print_system_registers(void)
{
    make_stubs();
    print_el1();
    print_el0("el0.");
    print_writes();
    print_caches();
    open_el0();
    print_el0("open_el0.");
}
