/* SPDX-License-Identifier: MIT */
/* Queues, doorbells, interrupts and asynchronous events of NVMe: base specification, 4 and 7.5. */
#include "base/log.h"
#include "base/mem.h"
#include "hw/nvme/nvme.h"

enum {
    EVENT_ERROR = 0,
    ERROR_BAD_DOORBELL = 0,
    ERROR_BAD_VALUE = 1,
    LOG_ERROR = 1,
    OPCODE_EVENT_REQUEST = 0x0c,
    EVENT_TYPE_MAX = 7,
};

/* ---- interrupts */

static bool has_entries(const struct nvme_cq *q)
{
    return q->base && q->head != q->tail;
}

/* The pin is up while a queue that interrupts by it has entries (7.5.1). */
void nvme_interrupts_update(struct nvme *n)
{
    bool level = false;
    for (unsigned i = 0; i < n->queues && !pci_msix_enabled(&n->pci); i++) {
        const struct nvme_cq *q = &n->cq[i];
        level |= q->interrupts && has_entries(q) && q->vector < 32 && !(n->intm >> q->vector & 1);
    }
    pci_intx_set(&n->pci, level);
}

void nvme_show(struct nvme *n)
{
    bool any = false;
    for (unsigned i = 0; i < array_len(n->signals); i++) {
        while (n->signals[i]) {
            const struct nvme_cq *q = &n->cq[64 * i + ctz64(n->signals[i])];
            n->signals[i] &= n->signals[i] - 1;
            any = true;
            if (q->interrupts && pci_msix_enabled(&n->pci) && q->vector < n->pci.msix_vectors) {
                pci_msix_notify(&n->pci, q->vector);
            }
        }
    }
    if (any && !pci_msix_enabled(&n->pci)) {
        nvme_interrupts_update(n);
    }
}

/* ---- completion queues */

/* false: it is full. */
static bool post(struct nvme *n, const struct due_item *item)
{
    const struct nvme_sq *sq = &n->sq[item->queue];
    struct nvme_cq *q = &n->cq[sq->cqid];
    uint8_t e[CQE_BYTES] = {0};
    if (!sq->base || !q->base) {
        return true; /* nobody is there to be told */
    }
    if ((q->tail + 1u) % q->entries == q->head) {
        return false;
    }
    store_le32(e, item->written);
    store_le16(e + 8, sq->head);
    store_le16(e + 10, (uint16_t)item->queue);
    const paddr at = q->base + CQE_BYTES * (paddr)q->tail;
    const uint16_t status = (uint16_t)(item->descriptors << 1 | q->phase);
    /* The phase tells that the rest is there: it is written last. */
    if (!dma_write(&n->pci.dev.dma, at, e, 12) ||
        !dma_store32(&n->pci.dev.dma, at + 12, (uint32_t)status << 16 | item->id)) {
        log_guest("nvme", "completion queue %u is not in memory", sq->cqid);
        n->csts |= NVME_CSTS_FATAL;
    }
    q->tail = (uint16_t)((q->tail + 1u) % q->entries);
    q->phase ^= q->tail == 0;
    n->signals[sq->cqid / 64] |= UINT64_C(1) << sq->cqid % 64;
    return true;
}

static void answered(struct nvme *n, unsigned sqid)
{
    if (n->in_flight[sqid]) {
        n->in_flight[sqid]--;
    }
    nvme_end_deletion(n, sqid);
}

static bool is_owed(const struct nvme *n, unsigned cqid)
{
    for (size_t i = 0; i < n->owed.count; i++) {
        if (n->sq[n->owed.items[i].queue].cqid == cqid) {
            return true;
        }
    }
    return false;
}

/* Puts the completion into its queue, behind those that wait for room there. */
static void deliver(struct nvme *n, const struct due_item *item)
{
    if (!is_owed(n, n->sq[item->queue].cqid) && post(n, item)) {
        answered(n, item->queue);
        return;
    }
    n->owed.items = mem_resize_array(n->owed.items, n->owed.count + 1, sizeof(*item));
    n->owed.items[n->owed.count++] = *item;
}

/* The queue has room again. */
static void deliver_owed(struct nvme *n, unsigned cqid)
{
    for (size_t i = 0; i < n->owed.count;) {
        const struct due_item item = n->owed.items[i];
        if (n->sq[item.queue].cqid != cqid) {
            i++;
            continue;
        }
        if (!post(n, &item)) {
            return;
        }
        n->owed.count--;
        memmove(n->owed.items + i, n->owed.items + i + 1,
                (n->owed.count - i) * sizeof(*n->owed.items));
        answered(n, item.queue);
    }
}

void nvme_complete(struct nvme *n, unsigned sqid, uint16_t cid, uint16_t status, uint32_t result)
{
    deliver(n, &(struct due_item){
                   .queue = sqid, .id = cid, .written = result, .descriptors = status & 0x7fff});
}

void nvme_due(void *opaque)
{
    struct nvme *n = opaque;
    struct due_item item;
    os_mutex_lock(&n->lock);
    while (due_list_take(&n->due, n->timer, clock_now_ns(n->pci.dev.clock), &item)) {
        deliver(n, &item);
    }
    nvme_show(n);
    os_mutex_unlock(&n->lock);
    nvme_take_all(n);
}

/* ---- commands */

static struct nvme_command *new_command(struct nvme *n)
{
    struct nvme_command *c = n->spare;
    if (c) {
        n->spare = c->next;
    } else {
        c = mem_alloc(sizeof(*c)); /* never more than the queues have room for */
        c->ctrl = n;
    }
    c->iov_count = 0;
    c->bytes = 0;
    c->index = c->count = 0;
    c->b = (struct block_request){0};
    return c;
}

void nvme_command_put(struct nvme_command *c)
{
    mem_free(c->buffer);
    c->buffer = NULL;
    c->next = c->ctrl->spare;
    c->ctrl->spare = c;
}

void nvme_command_done(struct nvme_command *c, uint16_t status)
{
    struct nvme *n = c->ctrl;
    const struct due_item item = {
        .queue = c->sqid, .id = load_le16(c->sqe + SQE_CID), .descriptors = status & 0x7fff};
    os_mutex_lock(&n->lock);
    n->under_way--;
    if (n->stopping) {
        n->in_flight[c->sqid]--;
    } else if (nvme_counted(n)) {
        due_list_add(&n->due, n->timer, clock_now_ns(n->pci.dev.clock), c->bytes, &item);
    } else {
        deliver(n, &item);
    }
    nvme_command_put(c);
    os_mutex_unlock(&n->lock);
}

/* On a disk's thread: there may be room for further commands. */
void nvme_round_over(void *opaque)
{
    struct nvme *n = opaque;
    os_mutex_lock(&n->lock);
    nvme_show(n);
    os_mutex_unlock(&n->lock);
    if (!nvme_counted(n)) {
        nvme_take_all(n);
    }
}

/* Takes one command; *out: its disk is to have it. false: there is none now. */
static bool take_one(struct nvme *n, unsigned sqid, struct nvme_command **out)
{
    struct nvme_sq *q = &n->sq[sqid];
    uint32_t result = 0;
    const uint32_t waiting = n->in_flight[sqid] - (sqid ? 0 : n->aer_count);
    /* What is not answered is bounded by the queue: a driver that takes no answers is not served.
     */
    if (n->stopping || !(n->csts & NVME_CSTS_READY) || !q->base || q->deleting ||
        q->head == q->tail || waiting >= q->entries) {
        return false;
    }
    struct nvme_command *c = new_command(n);
    c->sqid = (uint16_t)sqid;
    if (!dma_read(&n->pci.dev.dma, q->base + SQE_BYTES * (paddr)q->head, c->sqe, SQE_BYTES)) {
        log_guest("nvme", "submission queue %u is not in memory", sqid);
        n->csts |= NVME_CSTS_FATAL;
        nvme_command_put(c);
        return false;
    }
    q->head = (uint16_t)((q->head + 1u) % q->entries);
    n->in_flight[sqid]++;
    const uint16_t cid = load_le16(c->sqe + SQE_CID);
    const uint16_t status = sqid ? nvme_io_begin(c) : nvme_admin(n, c->sqe, &result);
    if (status == NVME_LATER && sqid) {
        n->under_way++;
        *out = c;
        return true;
    }
    nvme_command_put(c);
    if (status != NVME_LATER) {
        nvme_complete(n, sqid, cid, status, result);
    }
    return true;
}

static struct nvme_command *take(struct nvme *n, unsigned sqid, struct nvme_command **end)
{
    struct nvme_command *c = NULL;
    while (take_one(n, sqid, &c)) {
        if (c) {
            c->next = NULL;
            (*end)->next = c;
            *end = c;
            c = NULL;
        }
    }
    return *end;
}

static void hand_on(struct nvme_command *first)
{
    struct nvme_command *next;
    for (struct nvme_command *c = first; c; c = next) {
        next = c->next; /* c may be done, and taken again */
        disk_thread_post(&c->ns->disk, &c->job);
    }
}

void nvme_take_all(struct nvme *n)
{
    struct nvme_command head = {0}, *end = &head;
    os_mutex_lock(&n->lock);
    for (unsigned i = 0; i < n->queues; i++) {
        take(n, i, &end);
    }
    nvme_show(n);
    os_mutex_unlock(&n->lock);
    hand_on(head.next);
}

/* ---- doorbells (3.1.24, 3.1.25) */

static void bad_doorbell(struct nvme *n, unsigned info, unsigned queue, uint32_t value)
{
    log_guest("nvme", "doorbell of queue %u: 0x%x written", queue, value);
    nvme_event(n, EVENT_ERROR, info, LOG_ERROR);
}

static void ring_submission(struct nvme *n, unsigned queue, uint32_t value)
{
    struct nvme_sq *q = &n->sq[queue];
    if (queue >= n->queues || !q->base) {
        bad_doorbell(n, ERROR_BAD_DOORBELL, queue, value);
    } else if (value >= q->entries) {
        bad_doorbell(n, ERROR_BAD_VALUE, queue, value);
    } else {
        q->tail = (uint16_t)value;
    }
}

static void ring_completion(struct nvme *n, unsigned queue, uint32_t value)
{
    struct nvme_cq *q = &n->cq[queue];
    if (queue >= n->queues || !q->base) {
        bad_doorbell(n, ERROR_BAD_DOORBELL, queue, value);
    } else if (value >= q->entries) {
        bad_doorbell(n, ERROR_BAD_VALUE, queue, value);
    } else {
        q->head = (uint16_t)value;
        deliver_owed(n, queue);
        if (!pci_msix_enabled(&n->pci)) {
            nvme_interrupts_update(n);
        }
    }
}

void nvme_doorbell(struct nvme *n, uint64_t offset, uint32_t value)
{
    const unsigned queue = (unsigned)(offset / 8);
    struct nvme_command head = {0}, *end = &head;
    os_mutex_lock(&n->post_lock);
    os_mutex_lock(&n->lock);
    if (!(n->csts & NVME_CSTS_READY) || n->stopping) {
        log_guest("nvme", "doorbell of a controller that is not ready");
    } else if (offset & 4) {
        ring_completion(n, queue, value);
        for (unsigned i = 0; i < n->queues; i++) { /* what was not taken for lack of room */
            if (n->sq[i].cqid == queue) {
                take(n, i, &end);
            }
        }
    } else {
        ring_submission(n, queue, value);
        if (queue < n->queues) {
            take(n, queue, &end);
        }
    }
    nvme_show(n);
    os_mutex_unlock(&n->lock);
    hand_on(head.next);
    os_mutex_unlock(&n->post_lock);
}

/* ---- asynchronous events (5.2) */

void nvme_events_show(struct nvme *n)
{
    for (unsigned i = 0; i < n->event_count && n->aer_count;) {
        const struct nvme_event e = n->event[i];
        if (n->events_masked >> e.type & 1) {
            i++;
            continue;
        }
        const uint16_t cid = n->aer_cid[0];
        n->aer_count--;
        n->event_count--;
        memmove(n->aer_cid, n->aer_cid + 1, n->aer_count * sizeof(n->aer_cid[0]));
        memmove(n->event + i, n->event + i + 1, (n->event_count - i) * sizeof(n->event[0]));
        n->events_masked |= 1u << e.type;
        nvme_complete(n, 0, cid, NVME_OK, (uint32_t)e.page << 16 | (uint32_t)e.info << 8 | e.type);
    }
}

void nvme_event(struct nvme *n, unsigned type, unsigned info, unsigned page)
{
    const struct nvme_event e = {(uint8_t)type, (uint8_t)info, (uint8_t)page, 0};
    if (!(n->csts & NVME_CSTS_READY)) {
        return;
    }
    for (unsigned i = 0; i < n->event_count; i++) {
        if (memcmp(&n->event[i], &e, sizeof(e)) == 0) {
            return;
        }
    }
    if (n->event_count < NVME_EVENTS_MAX) {
        n->event[n->event_count++] = e;
        nvme_events_show(n);
    }
}

/* ---- life of the queues */

void nvme_end_deletion(struct nvme *n, unsigned sqid)
{
    struct nvme_sq *q = &n->sq[sqid];
    if (q->deleting && n->in_flight[sqid] == 0) {
        const uint16_t cid = q->delete_cid;
        *q = (struct nvme_sq){0};
        nvme_complete(n, 0, cid, NVME_OK, 0);
    }
}

void nvme_queues_reset(struct nvme *n)
{
    memset(n->sq, 0, sizeof(n->sq));
    memset(n->cq, 0, sizeof(n->cq));
    memset(n->in_flight, 0, sizeof(n->in_flight));
    memset(n->signals, 0, sizeof(n->signals));
    memset(n->changed, 0, sizeof(n->changed));
    n->aer_count = n->event_count = 0;
    n->events_masked = 0;
    due_list_clear(&n->due, n->timer);
    due_list_clear(&n->owed, NULL);
}

static bool check_items(const struct nvme *n, const struct due_list *l, struct error *e)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].queue >= n->queues || !n->sq[l->items[i].queue].base) {
            return error_set(e, "its command %zu under way is of no queue", i);
        }
    }
    return true;
}

static bool check_queue(const struct nvme *n, unsigned i, struct error *e)
{
    const struct nvme_sq *s = &n->sq[i];
    const struct nvme_cq *c = &n->cq[i];
    const bool is_one = i < n->queues;
    const bool sq_good = !s->base || (is_one && s->entries >= 2 && s->entries <= 65536 &&
                                      s->head < s->entries && s->tail < s->entries &&
                                      s->cqid < n->queues && n->cq[s->cqid].base);
    const bool cq_good = !c->base || (is_one && c->entries >= 2 && c->entries <= 65536 &&
                                      c->head < c->entries && c->tail < c->entries);
    return (sq_good && cq_good) ||
           error_set(e, "its queue %u is none that a driver can have made", i);
}

bool nvme_queues_check(const struct nvme *n, struct error *e)
{
    for (unsigned i = 0; i < NVME_QUEUES_MAX; i++) {
        if (!check_queue(n, i, e)) {
            return false;
        }
    }
    if (n->aer_count > n->aerl + 1u || n->event_count > NVME_EVENTS_MAX) {
        return error_set(e, "it has %u requests for events", n->aer_count);
    }
    for (unsigned i = 0; i < n->event_count; i++) {
        if (n->event[i].type > EVENT_TYPE_MAX) {
            return error_set(e, "its event %u is of type %u", i, n->event[i].type);
        }
    }
    return due_list_check(&n->due, nvme_counted(n), e) && check_items(n, &n->due, e) &&
           check_items(n, &n->owed, e);
}

/* Commands that are not answered yet are those that are due or owed, and requests for events. */
void nvme_queues_loaded(struct nvme *n)
{
    memset(n->in_flight, 0, sizeof(n->in_flight));
    memset(n->signals, 0, sizeof(n->signals));
    for (size_t i = 0; i < n->due.count; i++) {
        n->in_flight[n->due.items[i].queue]++;
    }
    for (size_t i = 0; i < n->owed.count; i++) {
        n->in_flight[n->owed.items[i].queue]++;
    }
    n->in_flight[0] += n->aer_count;
    for (unsigned i = 1; i < n->queues; i++) {
        n->in_flight[0] += n->sq[i].deleting;
    }
    due_list_loaded(&n->due, n->timer);
}
