/* SPDX-License-Identifier: MIT */
/*
 * The same code at several virtual addresses: of one address space, of many, in both halves, one
 * after the other and of several CPUs at once. An emulator may keep one translation for all of
 * them; what the code sees of its own address must be where it runs, in whatever it computes,
 * calls, and takes exceptions at.
 */
#include "tests/system/aarch64/lib/guest.h"

#define CPUS 4
#define PAGE 4096ull
#define PAGES 3ull
#define NOP 0xd503201fu
#define MOVZ(rd, imm) (0xd2800000u | (u32)(imm) << 5 | (rd))

/*
 * An image of three pages, to be copied and mapped anywhere. report(out, n) leaves in out[]:
 * 0 its address, 1 that of the third page by ADRP, 2 a literal, 3 and 4 return addresses seen by a
 * function on another page, called directly and by a pointer, 5 n added up in a loop that crosses
 * pages, 6 a recursion over two pages, 7 how often the middle page was there.
 */
extern u8 image_first[], report[], far_return[], pointer_return[], image_last[], svc_there[],
    load_there[], brk_last[], middle_count[], to_middle[], leaf[], at_el0[];
__asm__(".section .user, \"ax\"\n .balign 4096\n"
        "image_first:\n"
        "report: stp x29, x30, [sp, #-48]!\n stp x19, x20, [sp, #16]\n str x21, [sp, #32]\n"
        " mov x19, x0\n mov x20, x1\n"
        " adr x2, report\n str x2, [x19]\n"
        " adrp x2, image_last\n add x2, x2, :lo12:image_last\n str x2, [x19, #8]\n"
        " ldr x2, literal\n str x2, [x19, #16]\n"
        " bl give_return\n"
        "far_return: str x0, [x19, #24]\n"
        " adr x2, give_return\n blr x2\n"
        "pointer_return: str x0, [x19, #32]\n"
        " mov x0, #0\n mov x1, x20\n cbz x1, 2f\n"
        "1: b middle_step\n"
        "step_back: subs x1, x1, #1\n b.ne 1b\n"
        "2: str x0, [x19, #40]\n"
        " mov x0, x20\n bl recurse_first\n str x0, [x19, #48]\n"
        " bl middle_count\n str x0, [x19, #56]\n"
        " ldr x21, [sp, #32]\n ldp x19, x20, [sp, #16]\n ldp x29, x30, [sp], #48\n ret\n"
        "recurse_first: cbz x0, 3f\n stp x0, x30, [sp, #-16]!\n sub x0, x0, #1\n"
        " bl recurse_middle\n ldp x1, x30, [sp], #16\n add x0, x0, x1\n3: ret\n"
        "svc_there: mov x9, x30\n svc #5\n adr x0, svc_there\n ret x9\n"
        "load_there: add x0, x0, #8\n mov x10, #77\n ldr x0, [x0, #16]\n b load_there\n"
        "leaf: adr x0, leaf\n ret\n"
        "to_middle: b middle_count\n"
        "at_el0: mov x9, #0\n4: add x9, x9, #1\n cmp x9, x0\n b.lo 4b\n bl give_return\n"
        " adr x1, at_el0\n svc #9\n b at_el0\n"
        " .balign 8\nliteral: .quad 0x123456789abcdef\n"
        " .balign 4096\n"
        "give_return: mov x0, x30\n ret\n"
        "middle_step: add x0, x0, x1\n tbnz x1, #0, 5f\n b step_back\n5: b last_step\n"
        "recurse_middle: cbz x0, 6f\n stp x0, x30, [sp, #-16]!\n sub x0, x0, #1\n"
        " bl recurse_first\n ldp x1, x30, [sp], #16\n add x0, x0, x1\n6: ret\n"
        "middle_count: mov x0, #1\n ret\n"
        " .balign 4096\n"
        "image_last:\n"
        "last_step: b step_back\n"
        "brk_last: adr x0, brk_last\n brk #3\n"
        " .balign 4096\n .text\n");

#define OFFSET(symbol) ((u64)(symbol) - (u64)image_first)

static void publish(u64 p, u64 bytes)
{
    for (u64 a = p & ~63ull; a < p + bytes; a += 64) {
        DC(cvau, a);
    }
    dsb();
    for (u64 a = p & ~63ull; a < p + bytes; a += 64) {
        IC(ivau, a);
    }
    dsb();
    isb();
}

/* A copy of the image in memory of its own; middle_count() gives n there. */
static u64 image_new(u32 n)
{
    u64 pa = memory_new(4 * PAGE);
    for (u64 i = 0; i < PAGES * PAGE; i += 8) {
        *(u64 *)(pa + i) = *(u64 *)((u64)image_first + i);
    }
    *(u32 *)(pa + OFFSET(middle_count)) = MOVZ(0, n);
    publish(pa, PAGES * PAGE);
    return pa;
}

static void map_image(u64 *root, u64 va, u64 pa, u64 attributes)
{
    map_pages(root, va, pa, PAGES * PAGE, PAGE_NORMAL | attributes);
}

static void enter_space(const u64 *root, u64 asid)
{
    WRITE(ttbr0_el1, (u64)root | asid << 48);
    isb();
}

static void leave_space(void)
{
    enter_space(kernel_root(), 0);
    flush_all();
}

static bool is_right(const char *what, u64 got, u64 want)
{
    if (got != want) {
        test_equal(__FILE__, __LINE__, what, got, want);
    }
    return got == want;
}

/* Calls report() of the image at va; false if something of it is wrong. */
static bool report_at(u64 va, u64 n, u64 middle)
{
    u64 out[8];
    ((void (*)(u64 *, u64))(va + OFFSET(report)))(out, n);
    return is_right("own address", out[0], va + OFFSET(report)) &&
           is_right("page by ADRP", out[1], va + OFFSET(image_last)) &&
           is_right("literal", out[2], 0x123456789abcdef) &&
           is_right("return address", out[3], va + OFFSET(far_return)) &&
           is_right("return address of a pointer", out[4], va + OFFSET(pointer_return)) &&
           is_right("sum of a loop", out[5], n * (n + 1) / 2) &&
           is_right("sum of a recursion", out[6], n * (n + 1) / 2) &&
           is_right("number of the middle page", out[7], middle);
}

#define PLACE(i) (FREE_VIRTUAL + (i)*0x123000ull)

TEST(code_knows_where_it_runs)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 20; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 400; n++) {
        if (!report_at(PLACE(n * n % 20), n % 50, 1)) {
            break;
        }
    }
    leave_space();
}

/* The same, where a page's neighbours differ: copies, and pages of another image. */
TEST(neighbours_of_a_page_differ)
{
    u64 *root = root_new(), image = image_new(1), other = image_new(2), third = image_new(3);
    for (u64 i = 0; i < 9; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
        map_pages(root, PLACE(i) + PAGE,
                  (i % 3 == 0   ? image
                   : i % 3 == 1 ? other
                                : third) +
                      PAGE,
                  PAGE, PAGE_NORMAL | PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 600; n++) {
        const u64 i = n < 100 ? n % 2 : n < 200 ? n % 3 : (n * n + n / 7) % 9;
        if (!report_at(PLACE(i), n % 20, 1 + i % 3)) {
            break;
        }
    }
    leave_space();
}

/* Some pages are met at one address only, others at several: calls and jumps lead between both. */
TEST(code_met_once_and_code_met_often_call_each_other)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 12; i++) {
        map_image(root, PLACE(i), image_new(10 + (u32)i), PAGE_UXN);
        map_pages(root, PLACE(i) + i % 3 * PAGE, image + i % 3 * PAGE, PAGE,
                  PAGE_NORMAL | PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 600; n++) {
        const u64 i = n * 5 % 12;
        if (!report_at(PLACE(i), n % 20, i % 3 == 1 ? 1 : 10 + i)) {
            break;
        }
    }
    leave_space();
}

/* ---- address spaces: as processes have the same program at different addresses */

TEST(address_spaces_have_the_code_at_different_addresses)
{
    u64 *roots[8], image = image_new(1);
    for (u64 i = 0; i < 8; i++) {
        roots[i] = root_new();
        map_image(roots[i], PLACE(i / 2), image, PAGE_UXN | PAGE_NG); /* two each at one address */
    }
    flush_all();
    for (u64 n = 0; n < 400; n++) {
        enter_space(roots[n % 8], 1 + n % 8);
        if (!report_at(PLACE(n % 8 / 2), n % 30, 1)) {
            break;
        }
    }
    leave_space();
}

/* A process after the other: each has a fresh address space, of an ASID that was used before. */
TEST(code_moves_with_each_process)
{
    u64 *root = root_new(), image = image_new(1), seed = 12345;
    for (u64 n = 0; n < 300; n++) {
        const u64 va = FREE_VIRTUAL + (random_next(&seed) & 0x3ff) * PAGE;
        map_image(root, va, image, PAGE_UXN | PAGE_NG);
        dsb();
        enter_space(root, 1 + n % 16);
        const bool right = report_at(va, n % 30, 1);
        enter_space(kernel_root(), 0);
        for (u64 i = 0; i < PAGES; i++) {
            *page_entry(root, va + i * PAGE) = 0;
        }
        dsb();
        TLBI(aside1is, (1 + n % 16) << 48);
        dsb();
        if (!right) {
            break;
        }
    }
    leave_space();
}

TEST(both_halves_have_the_code)
{
    struct upper half = {.granule = 12, .bits = 48};
    u64 *root = root_new(), image = image_new(1);
    upper_on(&half);
    const u64 high = upper_address(&half, 0x40000000);
    map_image(root, PLACE(0), image, PAGE_UXN);
    map_image(root, PLACE(1), image, PAGE_UXN);
    for (u64 i = 0; i < PAGES; i++) {
        *upper_entry(&half, high + i * PAGE, 3) = (image + i * PAGE) | PAGE_NORMAL | PAGE_RO | 3;
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 300; n++) {
        if (!report_at(n % 3 == 2 ? high : PLACE(n % 3), n % 30, 1)) {
            break;
        }
    }
    leave_space();
    mmu_on();
}

static void report_at_el0(u64 va, u64 rounds)
{
    try_state(EL0 | PSTATE_DAIF, (void *)(va + OFFSET(at_el0)), rounds, 0, 0, 0);
    CHECK_EQ(EC(caught()->esr), EC_SVC);
    CHECK_EQ(ISS(caught()->esr), 9);
    CHECK_EQ(caught()->x[1], va + OFFSET(at_el0));
    CHECK_EQ(caught()->elr - 8, caught()->x[0]); /* behind bl: adr, svc */
    CHECK(caught()->elr > va && caught()->elr < va + PAGE);
}

TEST(programs_of_el0_have_the_code_at_different_addresses)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 8; i++) {
        map_image(root, PLACE(i), image, PAGE_USER | PAGE_RO | PAGE_PXN | PAGE_NG);
    }
    flush_all();
    for (u64 n = 0; n < 200; n++) {
        enter_space(root, 1 + n % 5);
        report_at_el0(PLACE(n % 8), n % 40);
    }
    leave_space();
}

/* ---- exceptions */

TEST(exceptions_are_at_the_address_that_runs)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 5; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 100; n++) {
        const u64 va = PLACE(n % 5);
        CHECK(try_call((void *)(va + OFFSET(svc_there)), 0, 0, 0));
        CHECK_EQ(caught()->elr, va + OFFSET(svc_there) + 8);
        CHECK(try_call((void *)(va + OFFSET(load_there)), FREE_VIRTUAL - 64, 0, 0));
        CHECK_EQ(EC(caught()->esr), EC_DATA_EL1);
        CHECK_EQ(caught()->elr, va + OFFSET(load_there) + 8);
        CHECK_EQ(caught()->far, FREE_VIRTUAL - 64 + 24);
        CHECK_EQ(caught()->x[10], 77);
        CHECK(try_call((void *)(va + OFFSET(brk_last)), 0, 0, 0));
        CHECK_EQ(caught()->elr, va + OFFSET(brk_last) + 4);
        CHECK_EQ(caught()->x[0], va + OFFSET(brk_last));
    }
    leave_space();
}

static bool skip_svc(struct frame *f)
{
    f->x[1] = f->elr;
    return EC(f->esr) == EC_SVC;
}

TEST(exceptions_return_to_the_address_that_ran)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 5; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    on_sync(skip_svc);
    for (u64 n = 0; n < 100; n++) {
        const u64 va = PLACE(n % 5) + OFFSET(svc_there);
        CHECK_EQ(((u64(*)(void))va)(), va);
    }
    on_sync(NULL);
    leave_space();
}

/* The next page is there at some of the addresses only. */
TEST(pages_are_missing_at_some_addresses)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 6; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
        if (i % 2) {
            *page_entry(root, PLACE(i) + PAGE) = 0;
        }
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 200; n++) {
        const u64 i = n * 7 % 6;
        u64 out[8];
        if (i % 2) {
            CHECK(try_call((void *)(PLACE(i) + OFFSET(report)), (u64)out, 3, 0));
            CHECK_EQ(EC(caught()->esr), EC_FETCH_EL1);
            CHECK_EQ(caught()->elr, PLACE(i) + PAGE);
        } else if (!report_at(PLACE(i), n % 20, 1)) {
            break;
        }
    }
    leave_space();
}

/* ---- changes */

TEST(code_changed_by_one_address_changes_at_all)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 7; i++) {
        map_image(root, PLACE(i), image, PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 300; n++) {
        const u64 by = PLACE(n * 3 % 7) + OFFSET(middle_count);
        STORE((u32 *)by, MOVZ(0, n));
        publish(by, 4);
        for (u64 i = 0; i < 7; i += 1 + n % 3) {
            const u64 function = PLACE(i) + OFFSET(middle_count);
            if (!is_right("changed function", ((u64(*)(void))function)(), n) ||
                !report_at(PLACE(i), 2, n)) {
                n = 300;
                break;
            }
        }
    }
    leave_space();
}

TEST(one_of_the_addresses_gets_another_page)
{
    u64 *root = root_new(), images[4];
    for (u64 i = 0; i < 4; i++) {
        images[i] = image_new(20 + (u32)i);
    }
    for (u64 i = 0; i < 5; i++) {
        map_image(root, PLACE(i), images[0], PAGE_UXN);
    }
    enter_space(root, 0);
    flush_all();
    for (u64 n = 0; n < 300; n++) {
        u64 *e = page_entry(root, PLACE(2) + PAGE), attributes = *e & ~0xfffffffff000ull;
        STORE(e, 0);
        flush_page(PLACE(2) + PAGE);
        STORE(e, (images[n % 4] + PAGE) | attributes);
        dsb();
        isb();
        if (!report_at(PLACE(2), 5, 20 + n % 4) || !report_at(PLACE(n % 2 ? 1 : 4), 5, 20)) {
            break;
        }
    }
    leave_space();
}

/* ---- many */

/* One function at more addresses than tables of them hold, in several address spaces. */
TEST(code_at_thousands_of_addresses_and_in_hundreds_of_spaces)
{
    u64 *root = root_new(), image = image_new(1);
    for (u64 i = 0; i < 3000; i++) {
        map_image(root, FREE_VIRTUAL + i * 4 * PAGE, image, PAGE_UXN | PAGE_NG);
    }
    flush_all();
    for (u64 n = 0; n < 3000; n++) {
        enter_space(root, 1 + n * 200 / 3000);
        const u64 va = FREE_VIRTUAL + n * 1711 % 3000 * 4 * PAGE;
        if (!report_at(va, n % 6, 1) ||
            !is_right("address of a leaf", ((u64(*)(void))(va + OFFSET(leaf)))(),
                      va + OFFSET(leaf))) {
            break;
        }
    }
    leave_space();
}

/* More address spaces than an emulator keeps apart, whose pages differ: at one address, and at two.
 */
static void run_in_thousands_of_spaces(u64 places)
{
    enum {
        KINDS = 4
    };
    u64 *roots[KINDS], image = image_new(1), seed = 99 + places;
    const u64 tcr = READ(tcr_el1);
    for (u64 i = 0; i < KINDS; i++) {
        roots[i] = root_new();
        for (u64 k = 0; k < places; k++) {
            map_image(roots[i], PLACE(k), image, PAGE_UXN | PAGE_NG);
            map_pages(roots[i], PLACE(k) + PAGE, image_new(1 + (u32)i) + PAGE, PAGE,
                      PAGE_NORMAL | PAGE_UXN | PAGE_NG);
        }
    }
    WRITE(tcr_el1, tcr | 1ull << 36); /* AS: 16 bits of ASID */
    isb();
    flush_all();
    for (u64 asid = 1; asid <= 5000; asid++) {
        const u64 kind = random_next(&seed) % KINDS;
        enter_space(roots[kind], asid);
        const u64 va = PLACE(asid % places);
        if (!is_right("middle page", ((u64(*)(void))(va + OFFSET(to_middle)))(), 1 + kind) ||
            !report_at(va, 2, 1 + kind)) {
            break;
        }
    }
    leave_space();
    WRITE(tcr_el1, tcr);
    isb();
    flush_all();
}

TEST(thousands_of_spaces_have_other_pages_at_an_address)
{
    run_in_thousands_of_spaces(1);
}

TEST(thousands_of_spaces_have_other_pages_at_two_addresses)
{
    run_in_thousands_of_spaces(2);
}

static u64 *roots_of[CPUS], image_of_all;

static void report_often(u64 number)
{
    for (u64 n = 0; n < 600; n++) {
        enter_space(roots_of[(number + n / 50) % CPUS], 1 + (number + n / 50) % CPUS);
        if (!report_at(PLACE((number + n / 50) % CPUS * 8 + n * 3 % 8), n % 25, 1)) {
            break;
        }
    }
    enter_space(kernel_root(), 0);
}

/* They enter one another's address spaces as well. */
TEST(cpus_run_the_code_at_different_addresses)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    image_of_all = image_new(1);
    for (u64 i = 0; i < CPUS; i++) {
        roots_of[i] = root_new();
        for (u64 k = 0; k < 8; k++) {
            map_image(roots_of[i], PLACE(i * 8 + k), image_of_all, PAGE_UXN | PAGE_NG);
        }
    }
    flush_all();
    cpus_run(CPUS, report_often);
    flush_all();
}

static u64 changing_done;

/* CPU 0 changes the function by its address; the others see one version or the other. */
static void change_or_run(u64 number)
{
    const u64 va = PLACE(number), function = va + OFFSET(middle_count);
    if (number == 0) {
        for (u64 n = 0; n < 200; n++) {
            STORE((u32 *)function, MOVZ(0, n));
            publish(function, 4);
            if (!is_right("changed function", ((u64(*)(void))function)(), n)) {
                break;
            }
        }
        STORE(&changing_done, 1);
        return;
    }
    while (!LOAD(&changing_done)) {
        u64 out[8];
        ((void (*)(u64 *, u64))(va + OFFSET(report)))(out, 5);
        if (out[7] >= 200 || !is_right("own address", out[0], va + OFFSET(report))) {
            test_fail(__FILE__, __LINE__, "code that changes elsewhere");
            break;
        }
    }
}

TEST(code_changes_while_cpus_run_it_at_other_addresses)
{
    if (cpu_count() < CPUS) {
        SKIP("needs 4 CPUs");
    }
    const u64 image = image_new(0);
    for (u64 i = 0; i < CPUS; i++) {
        map_image(kernel_root(), PLACE(i), image, PAGE_UXN);
    }
    changing_done = 0;
    flush_all();
    cpus_run(CPUS, change_or_run);
}
