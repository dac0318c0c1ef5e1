/* SPDX-License-Identifier: MIT */
/*
 * Doubly linked lists through a struct list_node inside the element; container_of() in base/bits.h
 * finds the element. The list is a ring through its head, so no operation has a special case.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bits.h"

struct list_node {
    struct list_node *next, *prev;
};

struct list {
    struct list_node head;
};

static inline void list_init(struct list *l)
{
    l->head.next = l->head.prev = &l->head;
}

static inline bool list_empty(const struct list *l)
{
    return l->head.next == &l->head;
}

static inline void list_insert_between(struct list_node *n, struct list_node *prev,
                                       struct list_node *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}

static inline void list_push_back(struct list *l, struct list_node *n)
{
    list_insert_between(n, l->head.prev, &l->head);
}

static inline void list_push_front(struct list *l, struct list_node *n)
{
    list_insert_between(n, &l->head, l->head.next);
}

static inline void list_insert_before(struct list_node *at, struct list_node *n)
{
    list_insert_between(n, at->prev, at);
}

/* Takes n out of its list; its links become NULL, which list_linked() tells. */
static inline void list_remove(struct list_node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->next = n->prev = NULL;
}

/* True if n, zeroed at first, is in a list. */
static inline bool list_linked(const struct list_node *n)
{
    return n->next != NULL;
}

static inline struct list_node *list_first(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.next;
}

static inline struct list_node *list_last(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.prev;
}

static inline struct list_node *list_pop_front(struct list *l)
{
    struct list_node *n = list_first(l);
    if (n) {
        list_remove(n);
    }
    return n;
}

/* Visits each node; the body may remove n, but nothing else. */
#define list_for_each(n, l)                                                                        \
    for (struct list_node *n = (l)->head.next, *n##_next = n->next; n != &(l)->head;               \
         n = n##_next, n##_next = n->next)

/* The element of the given type whose list node is n. */
#define list_entry(n, type, member) container_of(n, type, member)

#endif
