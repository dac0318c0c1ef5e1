/* SPDX-License-Identifier: MIT */
/* The pair of 8259A interrupt controllers. */
#include "hw/intc/i8259.h"

#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    FIRST = 0x20,
    SECOND = 0xa0,
    ELCR = 0x4d0,
    EOI = 0x20,
    READ_IRR = 0x0a,
    READ_ISR = 0x0b
};

struct bench {
    struct machine *m;
    struct device *pic;
    struct test_line out;
};

static void put(struct bench *b, unsigned port, unsigned value)
{
    test_store(b->m, port, 1, value);
}

static unsigned get(struct bench *b, unsigned port)
{
    return (unsigned)test_load(b->m, port, 1);
}

static void set(struct bench *b, unsigned n, int level)
{
    const struct irq i = i8259_line(b->pic, n);
    irq_set(&i, level);
}

/* As a PC has them: vectors from 0x20 and 0x28 on, all inputs enabled. */
static void initialize(struct bench *b, unsigned icw1, unsigned icw4)
{
    for (unsigned n = 0; n < 2; n++) {
        const unsigned port = n ? SECOND : FIRST;
        put(b, port, icw1);
        put(b, port + 1, n ? 0x28 : 0x20);
        put(b, port + 1, n ? 2 : 4);
        put(b, port + 1, icw4);
        put(b, port + 1, 0);
    }
}

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->pic = test_device(b->m, &i8259_class, NULL);
    b->pic->irq[0] = test_line_irq(&b->out);
    i8259_map(b->pic, b->m->memory);
    initialize(b, 0x11, 1);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

TEST(an_edge_is_served_once_and_holds_back_lower_ones_until_its_end)
{
    struct bench b;
    begin(&b);
    set(&b, 3, 1);
    CHECK_EQ(b.out.level, 1);
    CHECK(i8259_pending(b.pic));
    CHECK_EQ(i8259_acknowledge(b.pic), 0x23);
    CHECK_EQ(b.out.level, 0);
    CHECK_EQ(get(&b, FIRST), 0); /* IRR: the edge is gone, though the line is still up */
    put(&b, FIRST, READ_ISR);
    CHECK_EQ(get(&b, FIRST), 8);
    set(&b, 4, 1);
    CHECK_EQ(b.out.level, 0);
    set(&b, 1, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x21);
    put(&b, FIRST, EOI);
    CHECK_EQ(b.out.level, 0); /* 3 is in service still */
    put(&b, FIRST, EOI);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x24);
    put(&b, FIRST, READ_IRR);
    CHECK_EQ(get(&b, FIRST), 0);
    end(&b);
}

TEST(masked_inputs_wait)
{
    struct bench b;
    begin(&b);
    put(&b, FIRST + 1, 0x20);
    CHECK_EQ(get(&b, FIRST + 1), 0x20);
    set(&b, 5, 1);
    CHECK_EQ(b.out.level, 0);
    CHECK_EQ(get(&b, FIRST), 0x20);
    put(&b, FIRST + 1, 0);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x25);
    end(&b);
}

TEST(the_second_controller_comes_through_input_two)
{
    struct bench b;
    begin(&b);
    set(&b, 8, 1);
    set(&b, 12, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x28);
    CHECK_EQ(b.out.level, 0);
    put(&b, SECOND, EOI);
    CHECK_EQ(b.out.level, 0); /* the first has 2 in service */
    put(&b, FIRST, EOI);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x2c);
    set(&b, 0, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x20); /* higher than 2 */
    CHECK(i8259_line(b.pic, 2).set == NULL);
    end(&b);
}

TEST(nothing_to_acknowledge_is_input_seven)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x27);
    put(&b, FIRST, READ_ISR);
    CHECK_EQ(get(&b, FIRST), 0);
    put(&b, ELCR + 1, 0x02);
    set(&b, 9, 1);
    put(&b, SECOND + 1, 0xff);
    CHECK_EQ(b.out.level, 0);
    end(&b);
}

TEST(level_inputs_interrupt_for_as_long_as_they_are_up)
{
    struct bench b;
    begin(&b);
    put(&b, ELCR, 0xff);
    put(&b, ELCR + 1, 0xff);
    CHECK_EQ(get(&b, ELCR), 0xf8);
    CHECK_EQ(get(&b, ELCR + 1), 0xde);
    set(&b, 11, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x2b);
    put(&b, SECOND, EOI);
    put(&b, FIRST, EOI);
    CHECK_EQ(b.out.level, 1);
    set(&b, 11, 0);
    CHECK_EQ(b.out.level, 0);
    end(&b);
}

/* A data sheet's "default IR7"; systems count on it that have INT interrupt as a message. */
TEST(an_edge_that_ends_before_it_is_acknowledged_is_forgotten)
{
    struct bench b;
    begin(&b);
    set(&b, 5, 1);
    CHECK_EQ(b.out.level, 1);
    set(&b, 5, 0);
    CHECK_EQ(b.out.level, 0);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x27);
    set(&b, 5, 1);
    CHECK_EQ(b.out.rises, 2);
    end(&b);
}

TEST(an_input_that_comes_to_go_by_its_level_asks_for_as_long_as_that)
{
    struct bench b;
    begin(&b);
    set(&b, 5, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x25);
    put(&b, FIRST, EOI);
    CHECK_EQ(b.out.level, 0);
    put(&b, ELCR, 0x20);
    CHECK_EQ(b.out.level, 1);
    end(&b);
}

TEST(priorities_rotate)
{
    struct bench b;
    begin(&b);
    put(&b, FIRST, 0xc4); /* 4 is the lowest, 5 the highest */
    set(&b, 0, 1);
    set(&b, 5, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x25);
    put(&b, FIRST, 0xa0); /* its end, and it is the lowest */
    set(&b, 5, 0);
    set(&b, 5, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x20);
    put(&b, FIRST, 0xe0 | 0); /* the end of 0, by name */
    CHECK_EQ(i8259_acknowledge(b.pic), 0x25);
    put(&b, FIRST, 0x60 | 5);
    put(&b, FIRST, READ_ISR);
    CHECK_EQ(get(&b, FIRST), 0);
    end(&b);
}

TEST(automatic_end_leaves_nothing_in_service)
{
    struct bench b;
    begin(&b);
    initialize(&b, 0x11, 3);
    put(&b, FIRST, 0x80); /* rotating */
    set(&b, 0, 1);
    set(&b, 1, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x20);
    put(&b, FIRST, READ_ISR);
    CHECK_EQ(get(&b, FIRST), 0);
    set(&b, 0, 0);
    set(&b, 0, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x21);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x20);
    end(&b);
}

TEST(special_mask_lets_lower_ones_through)
{
    struct bench b;
    begin(&b);
    set(&b, 1, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x21);
    set(&b, 6, 1);
    CHECK_EQ(b.out.level, 0);
    put(&b, FIRST + 1, 2);
    put(&b, FIRST, 0x68);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x26);
    put(&b, FIRST, 0x48);
    end(&b);
}

TEST(a_fully_nested_first_lets_the_second_interrupt_itself)
{
    struct bench b;
    begin(&b);
    initialize(&b, 0x11, 0x11);
    set(&b, 12, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x2c);
    set(&b, 8, 1);
    CHECK_EQ(b.out.level, 1);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x28);
    end(&b);
}

TEST(polling_acknowledges)
{
    struct bench b;
    begin(&b);
    put(&b, FIRST, 0x0c);
    CHECK_EQ(get(&b, FIRST), 0);
    set(&b, 6, 1);
    put(&b, FIRST, 0x0c);
    CHECK_EQ(get(&b, FIRST), 0x86);
    CHECK_EQ(b.out.level, 0);
    put(&b, FIRST, READ_ISR);
    CHECK_EQ(get(&b, FIRST), 0x40);
    end(&b);
}

TEST(initialization_forgets_edges_masks_and_what_is_in_service)
{
    struct bench b;
    begin(&b);
    put(&b, FIRST + 1, 0xf0);
    set(&b, 1, 1);
    i8259_acknowledge(b.pic);
    set(&b, 2 + 1, 1);
    initialize(&b, 0x19, 1); /* and all inputs are level triggered */
    CHECK_EQ(get(&b, FIRST), 0x0a);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x21);
    initialize(&b, 0x11, 1);
    CHECK_EQ(get(&b, FIRST), 0);
    CHECK_EQ(b.out.level, 0);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    set(&b, 3, 1);
    set(&b, 9, 1);
    i8259_acknowledge(b.pic);
    put(&b, SECOND, 0x11);
    put(&b, SECOND + 1, 0x70);
    CHECK(test_round_trip(b.pic));
    put(&b, SECOND + 1, 2);
    put(&b, SECOND + 1, 1);
    set(&b, 9, 0);
    set(&b, 9, 1);
    put(&b, FIRST, EOI);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x71);
    put(&b, FIRST, EOI);
    CHECK_EQ(i8259_acknowledge(b.pic), 0x23);
    end(&b);
}
