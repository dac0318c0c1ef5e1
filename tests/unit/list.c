/* SPDX-License-Identifier: MIT */
/* Intrusive lists: base/list.h. */
#include "base/list.h"

#include "tests/test.h"

struct item {
    char name;
    struct list_node node;
};

/* The names in order, read forwards and checked backwards. */
static const char *names(struct list *l)
{
    static char text[16];
    size_t n = 0;
    list_for_each (p, l) {
        text[n++] = list_entry(p, struct item, node)->name;
    }
    text[n] = '\0';
    for (struct list_node *p = l->head.prev; p != &l->head; p = p->prev) {
        CHECK_EQ(list_entry(p, struct item, node)->name, text[--n]);
    }
    CHECK_EQ(n, 0);
    return text;
}

TEST(an_empty_list_has_no_ends)
{
    struct list l;
    list_init(&l);
    CHECK(list_empty(&l));
    CHECK(!list_first(&l));
    CHECK(!list_last(&l));
    CHECK(!list_pop_front(&l));
    CHECK_STR(names(&l), "");
}

TEST(elements_go_to_either_end_or_between)
{
    struct list l;
    struct item a = {'a', {0}}, b = {'b', {0}}, c = {'c', {0}}, d = {'d', {0}};
    list_init(&l);
    list_push_back(&l, &b.node);
    list_push_front(&l, &a.node);
    list_push_back(&l, &d.node);
    list_insert_before(&d.node, &c.node);
    CHECK_STR(names(&l), "abcd");
    CHECK(list_first(&l) == &a.node);
    CHECK(list_last(&l) == &d.node);
}

TEST(a_removed_element_is_not_linked)
{
    struct list l;
    struct item a = {'a', {0}}, b = {'b', {0}};
    list_init(&l);
    CHECK(!list_linked(&a.node));
    list_push_back(&l, &a.node);
    list_push_back(&l, &b.node);
    CHECK(list_linked(&a.node));
    list_remove(&a.node);
    CHECK(!list_linked(&a.node));
    CHECK_STR(names(&l), "b");
    CHECK(list_pop_front(&l) == &b.node);
    CHECK(list_empty(&l));
}

TEST(the_visited_element_may_be_removed)
{
    struct list l;
    struct item items[4] = {{'a', {0}}, {'b', {0}}, {'c', {0}}, {'d', {0}}};
    list_init(&l);
    for (unsigned i = 0; i < 4; i++) {
        list_push_back(&l, &items[i].node);
    }
    list_for_each (p, &l) {
        if (list_entry(p, struct item, node)->name != 'c') {
            list_remove(p);
        }
    }
    CHECK_STR(names(&l), "c");
}
