/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a page: access permissions, execute-never, privileged-access-never and the
 * controls that change them, each combination against the manual's rules. DDI 0487, D8.4.
 */
#include "tests/system/aarch64/lib/guest.h"

#define TABLE 3ull
#define UAO_BIT (1u << 23)
#define PAN_BIT (1u << 22)

enum operation {
    FETCH,
    READ_,
    WRITE_,
    OPERATIONS
};

/* What a case is made of. */
struct page_case {
    unsigned ap; /* AP[2:1] */
    bool pxn, uxn;
    unsigned ap_table;
    bool pxn_table, uxn_table, hpd;
    bool wxn, pan, epan, uao, el0;
    bool unprivileged; /* LDTR, STTR */
};

void page_read(u64), page_write(u64), page_jump(u64), page_read_user(u64), page_write_user(u64);
__asm__("page_read: ldr x1, [x0, #8]\n b el0_exit\n"
        "page_write: str x1, [x0, #8]\n b el0_exit\n"
        "page_read_user: ldtr x1, [x0, #8]\n b el0_exit\n"
        "page_write_user: sttr x1, [x0, #8]\n b el0_exit\n"
        "page_jump: br x0\n");

/* ---- the rules */

static bool el0_reads(const struct page_case *c)
{
    unsigned table = c->hpd ? 0 : c->ap_table;
    return (c->ap & 1) && !(table & 1);
}

static bool writable(const struct page_case *c)
{
    unsigned table = c->hpd ? 0 : c->ap_table;
    return !(c->ap & 2) && !(table & 2);
}

static bool el0_executes(const struct page_case *c)
{
    bool writes = el0_reads(c) && writable(c);
    return !c->uxn && !(c->uxn_table && !c->hpd) && !(c->wxn && writes);
}

/* Data accesses as if from EL0: at EL0, or by LDTR and STTR without UAO. */
static bool as_el0(const struct page_case *c)
{
    return c->el0 || (c->unprivileged && !c->uao);
}

static bool allowed(const struct page_case *c, enum operation op)
{
    if (op == FETCH) {
        bool el1 = !c->pxn && !(c->pxn_table && !c->hpd) && !(c->wxn && writable(c)) &&
                   !(el0_reads(c) && writable(c));
        return c->el0 ? el0_executes(c) : el1;
    }
    if (as_el0(c)) {
        return el0_reads(c) && (op == READ_ || writable(c));
    }
    if (c->pan && (el0_reads(c) || (c->epan && el0_executes(c)))) {
        return false;
    }
    return op == READ_ || writable(c);
}

/* ---- trying them */

static struct upper u = {.granule = 12, .bits = 39};
static u64 va, pa;

static void map(const struct page_case *c)
{
    u64 *table = upper_entry(&u, va, 2), *page = upper_entry(&u, va, 3);
    *table = (*table & ~(0x1full << 59)) | (u64)c->pxn_table << 59 | (u64)c->uxn_table << 60 |
             (u64)c->ap_table << 61;
    *page = pa | PAGE_NORMAL | TABLE | (u64)c->ap << 6 | (u64)c->pxn << 53 | (u64)c->uxn << 54;
    dsb();
    WRITE(tcr_el1, (READ(tcr_el1) & ~(1ull << 42)) | (u64)c->hpd << 42);
    WRITE(sctlr_el1, (READ(sctlr_el1) & ~(1ull << 19 | 1ull << 57)) | (u64)c->epan << 57);
    isb();
    flush_all();
}

static bool succeeds(const struct page_case *c, enum operation op)
{
    static const void *const pieces[OPERATIONS][2] = {
        {page_jump, page_jump}, {page_read, page_read_user}, {page_write, page_write_user}};
    USER static u8 stack[4096] __attribute__((aligned(16)));
    u64 pstate = PSTATE_DAIF | (c->el0 ? EL0 : EL1T) | (c->pan ? PAN_BIT : 0) |
                 (c->uao ? UAO_BIT : 0);
    /* WXN is for all pages: data of the library's is never executed, its code not writable */
    WRITE(sctlr_el1, READ(sctlr_el1) | (u64)c->wxn << 19);
    isb();
    flush_all();
    try_state(pstate, pieces[op][c->unprivileged], va, 0, 0, (u64)(stack + sizeof(stack)));
    WRITE(sctlr_el1, READ(sctlr_el1) & ~(1ull << 19));
    isb();
    ASM(".inst 0xd500409f\n .inst 0xd500407f"); /* msr pan, #0; msr uao, #0 */
    return EC(caught()->esr) == EC_SVC;
}

static const char *complaint(const struct page_case *c, enum operation op)
{
    static char text[] =
        "op=. el=. ap=. pxn=. uxn=. apt=. pxnt=. uxnt=. hpd=. wxn=. pan=. epan=. uao=. user=.";
    const unsigned values[] = {op,          !c->el0,      c->ap,        c->pxn,         c->uxn,
                               c->ap_table, c->pxn_table, c->uxn_table, c->hpd,         c->wxn,
                               c->pan,      c->epan,      c->uao,       c->unprivileged};
    unsigned n = 0;
    for (char *p = text; *p; p++) {
        if (p[-(p > text)] == '=') {
            *p = (char)('0' + values[n++]);
        }
    }
    return text;
}

static void check_case(const struct page_case *c)
{
    map(c);
    for (enum operation op = FETCH; op < OPERATIONS; op++) {
        if (c->unprivileged && op == FETCH) {
            continue;
        }
        bool good = succeeds(c, op);
        if (good != allowed(c, op)) {
            test_fail(__FILE__, __LINE__, complaint(c, op));
        } else if (!good) {
            u64 esr = caught()->esr;
            CHECK_EQ(esr & 63, FSC_PERMISSION(3));
            CHECK_EQ(EC(esr), (op == FETCH ? EC_FETCH_EL0 : EC_DATA_EL0) + !c->el0);
            CHECK_EQ(caught()->far, op == FETCH ? va : va + 8);
            CHECK(op == FETCH || (esr & WNR) == (op == WRITE_ ? WNR : 0));
        }
    }
}

static void start(void)
{
    static const u32 svc = 0xd4002461; /* svc #0x123 */
    upper_on(&u);
    va = upper_address(&u, 0x5000);
    pa = memory_new(0x1000);
    *(u32 *)pa = svc;
    DC(cvau, pa);
    dsb();
    IC(ivau, pa);
    dsb();
    isb();
}

/* All combinations of the bits in mask, which are those of struct page_case in the order below. */
static void check_all(const struct page_case *base, unsigned bits)
{
    start();
    for (unsigned i = 0; i < 1u << bits; i++) {
        struct page_case c = *base;
        c.ap = i & 3;
        c.pxn = i >> 2 & 1;
        c.uxn = i >> 3 & 1;
        c.el0 = i >> 4 & 1;
        c.pan = i >> 5 & 1;
        c.wxn = i >> 6 & 1;
        check_case(&c);
    }
}

static bool has_mmfr1(unsigned shift, u64 least)
{
    return (READ(id_aa64mmfr1_el1) >> shift & 15) >= least;
}

TEST(page_permissions)
{
    check_all(&(struct page_case){0}, 5);
}

TEST(privileged_access_never)
{
    if (!has_mmfr1(20, 1)) {
        SKIP("the CPU does not have FEAT_PAN");
    }
    check_all(&(struct page_case){0}, 6);
}

TEST(writable_is_execute_never_by_wxn)
{
    check_all(&(struct page_case){0}, 7);
}

TEST(user_code_is_private_by_epan)
{
    if (!has_mmfr1(20, 3)) {
        SKIP("the CPU does not have FEAT_PAN3");
    }
    check_all(&(struct page_case){.epan = true}, 6);
}

TEST(unprivileged_loads_and_stores)
{
    check_all(&(struct page_case){.unprivileged = true}, 6);
}

TEST(unprivileged_is_privileged_by_uao)
{
    if ((READ(id_aa64mmfr2_el1) >> 4 & 15) == 0) {
        SKIP("the CPU does not have FEAT_UAO");
    }
    check_all(&(struct page_case){.unprivileged = true, .uao = true}, 6);
}

TEST(tables_restrict_what_is_below)
{
    start();
    for (unsigned i = 0; i < 1u << 9; i++) {
        struct page_case c = {
            .ap = i & 3,
            .pxn = i >> 2 & 1,
            .ap_table = i >> 3 & 3,
            .pxn_table = i >> 5 & 1,
            .uxn_table = i >> 6 & 1,
            .el0 = i >> 7 & 1,
            .pan = i >> 8 & 1,
        };
        check_case(&c);
    }
}

TEST(hierarchical_restrictions_can_be_disabled)
{
    if (!has_mmfr1(12, 1)) {
        SKIP("the CPU does not have FEAT_HPDS");
    }
    start();
    for (unsigned i = 0; i < 1u << 7; i++) {
        struct page_case c = {
            .ap = i & 3,
            .ap_table = i >> 2 & 3,
            .pxn_table = i >> 4 & 1,
            .uxn_table = i >> 5 & 1,
            .el0 = i >> 6 & 1,
            .hpd = true,
        };
        check_case(&c);
    }
}

TEST(upper_half_is_closed_to_el0_by_e0pd)
{
    if (READ(id_aa64mmfr2_el1) >> 60 == 0) {
        SKIP("the CPU does not have FEAT_E0PD");
    }
    start();
    struct page_case c = {.ap = 1, .el0 = true};
    map(&c);
    CHECK(succeeds(&c, READ_));
    WRITE(tcr_el1, READ(tcr_el1) | 1ull << 56);
    isb();
    flush_all();
    CHECK(!succeeds(&c, READ_));
    CHECK_EQ(caught()->esr & 63, FSC_TRANSLATION(0));
    c.el0 = false;
    CHECK(succeeds(&c, READ_));
    WRITE(tcr_el1, READ(tcr_el1) & ~(1ull << 56));
    isb();
    flush_all();
}

TEST(pan_is_set_on_exception_entry_by_span)
{
    enum {
        SPAN = 1 << 23
    };
    if (!has_mmfr1(20, 1)) {
        SKIP("the CPU does not have FEAT_PAN");
    }
    start();
    struct page_case c = {.ap = 1};
    map(&c);
    WRITE(sctlr_el1, READ(sctlr_el1) & ~(u64)SPAN);
    isb();
    /* page_read ends by SVC: the exception sets PAN, which stays until something clears it */
    CHECK(succeeds(&c, READ_));
    CHECK_EQ(caught()->spsr & PAN_BIT, 0);
    try_state(PSTATE_DAIF | EL1T, el0_exit, 0, 0, 0, 0);
    u64 pan;
    __asm__ volatile("mrs %0, s3_0_c4_c2_3" : "=r"(pan));
    CHECK_EQ(pan, PAN_BIT);
    WRITE(sctlr_el1, READ(sctlr_el1) | SPAN);
    isb();
    ASM(".inst 0xd500409f");
}
