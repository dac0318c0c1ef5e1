/* SPDX-License-Identifier: MIT */
/*
 * Commands and task management of the virtio SCSI host: VIRTIO 1.2, 5.6.6.
 *
 * The vCPU that rings takes commands off the queue and hands them to their units, each of which has
 * a thread; there they end, and under work_lock the driver is told. post_lock keeps whoever has
 * taken commands and not handed them on yet apart from a reset.
 */
#include "hw/virtio/virtio_scsi.h"

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"

/* Headers (5.6.6.1, 5.6.6.2). */
enum {
    HEADER_BYTES = 19, /* before the CDB */
    HEADER_ID = 8,
    HEADER_CDB = 19,
    RESPONSE_BYTES = 12, /* before the sense */

    TYPE_MANAGEMENT = 0,
    TYPE_QUERY = 1,
    TYPE_SUBSCRIBE = 2,
    MANAGEMENT_BYTES = 24,
    NOTIFICATION_BYTES = 16,
};

enum {
    R_OK = 0,
    R_OVERRUN = 1,
    R_ABORTED = 2,
    R_BAD_ID = 3,
    R_RESET = 4,
    R_FUNCTION_COMPLETE = 0,
    R_FUNCTION_SUCCEEDED = 10,
    R_FUNCTION_REJECTED = 11,
    R_INCORRECT_LUN = 12,
};

enum {
    ABORT_TASK = 0,
    ABORT_TASK_SET = 1,
    CLEAR_ACA = 2,
    CLEAR_TASK_SET = 3,
    NEXUS_RESET = 4,
    UNIT_RESET = 5,
    QUERY_TASK = 6,
    QUERY_TASK_SET = 7,
};

struct vscsi_request {
    struct scsi_command c; /* first */
    struct virtio_scsi *s;
    struct vscsi_request *next; /* of a list by hand */
    struct list_node node;      /* of under_way */
    struct virtq_chain chain;
    struct iovec *copy; /* of pieces that have a header before them; owned */
    unsigned copy_cap;
    unsigned queue, scsi_id, lun;
    uint32_t sense_size;
    uint64_t id, sequence;
    uint8_t response; /* of one that was aborted, else R_OK */
};

/* What task management says, until the commands that it speaks of have ended. */
struct vscsi_management {
    struct list_node node;
    struct virtq_chain chain;
    uint64_t before; /* sequence of the last command that it can speak of */
    uint64_t id;
    uint32_t subtype;
    unsigned scsi_id, lun;
};

bool virtio_scsi_lun(const uint8_t *lun, unsigned *scsi_id, unsigned *unit)
{
    if (lun[0] != 1) {
        return false;
    }
    *scsi_id = lun[1];
    *unit = load_be16(lun + 2) & 0x3fff; /* flat or peripheral addressing */
    return lun[2] < 0x80;
}

/* ---- giving back; work_lock is held */

static void complete(struct virtio_scsi *s, unsigned queue, const struct virtq_chain *c, uint32_t n)
{
    virtio_round_complete(&s->v, &s->answered, queue, c, n);
}

static void show_answers(struct virtio_scsi *s)
{
    virtio_round_end(&s->v, &s->answered);
}

static void put_back(struct vscsi_request *r)
{
    r->next = r->s->spare;
    r->s->spare = r;
}

/* Returns the bytes that the driver can read. */
static uint32_t write_response(struct vscsi_request *r, uint8_t response)
{
    const struct scsi_command *c = &r->c;
    uint8_t out[RESPONSE_BYTES + SCSI_SENSE_BYTES] = {0};
    const bool good = response == R_OK;
    const uint32_t sense = !good                            ? 0
                           : c->sense_bytes < r->sense_size ? c->sense_bytes
                                                            : r->sense_size;
    const uint64_t all = c->in_bytes + c->out_bytes;
    virtio_store32(&r->s->v, out, sense);
    virtio_store32(&r->s->v, out + 4, (uint32_t)(all - (good ? c->moved : 0)));
    out[10] = good ? c->status : 0;
    out[11] = response;
    memcpy(out + RESPONSE_BYTES, c->sense, SCSI_SENSE_BYTES);
    virtq_chain_write(&r->chain, 0, out, RESPONSE_BYTES + sense);
    return RESPONSE_BYTES + r->sense_size + (uint32_t)(good && c->in_bytes ? c->moved : 0);
}

static void answer(struct vscsi_request *r, uint8_t response)
{
    complete(r->s, r->queue, &r->chain, write_response(r, response));
    put_back(r);
}

/* The same, when its time has come. */
static void answer_later(struct vscsi_request *r, uint8_t response)
{
    struct virtio_scsi *s = r->s;
    const uint64_t bytes = r->c.in_bytes + r->c.out_bytes;
    const struct due_item item = {.queue = r->queue,
                                  .written = write_response(r, response),
                                  .id = r->chain.id,
                                  .descriptors = r->chain.descriptors};
    due_list_add(&s->due, s->timer, clock_now_ns(s->v.pci.dev.clock), bytes, &item);
    put_back(r);
}

void virtio_scsi_due(void *opaque)
{
    struct virtio_scsi *s = opaque;
    struct due_item item;
    os_mutex_lock(&s->v.work_lock);
    while (due_list_take(&s->due, s->timer, clock_now_ns(s->v.pci.dev.clock), &item)) {
        const struct virtq_chain c = {.id = item.id, .descriptors = item.descriptors};
        complete(s, item.queue, &c, item.written);
    }
    show_answers(s);
    os_mutex_unlock(&s->v.work_lock);
}

void virtio_scsi_round_over(void *opaque)
{
    struct virtio_scsi *s = opaque;
    os_mutex_lock(&s->v.work_lock);
    if (!s->stopping) {
        show_answers(s);
    }
    os_mutex_unlock(&s->v.work_lock);
}

/* ---- task management; work_lock is held */

static bool speaks_of(const struct vscsi_management *m, const struct vscsi_request *r)
{
    const bool one = m->subtype == ABORT_TASK || m->subtype == QUERY_TASK;
    return r->sequence <= m->before && r->scsi_id == m->scsi_id &&
           (r->lun == m->lun || m->subtype == NEXUS_RESET) && (!one || r->id == m->id);
}

static struct vscsi_request *first_of(struct virtio_scsi *s, const struct vscsi_management *m)
{
    for (struct list_node *n = s->under_way.head.next; n != &s->under_way.head; n = n->next) {
        struct vscsi_request *r = container_of(n, struct vscsi_request, node);
        if (speaks_of(m, r)) {
            return r;
        }
    }
    return NULL;
}

static void end_management(struct virtio_scsi *s, struct vscsi_management *m, uint8_t response)
{
    if (!s->stopping) {
        const uint32_t n = (uint32_t)virtq_chain_write(&m->chain, 0, &response, 1);
        complete(s, SCSI_CONTROL_QUEUE, &m->chain, n);
    }
    virtq_chain_free(&m->chain);
    mem_free(m);
}

static void reset_units(struct virtio_scsi *s, const struct vscsi_management *m)
{
    if (m->subtype == NEXUS_RESET) {
        scsi_bus_reset(&s->bus, m->scsi_id, SCSI_NUMBER_ANY, SENSE_UNIT_RESET);
    } else if (m->subtype == UNIT_RESET) {
        scsi_bus_reset(&s->bus, m->scsi_id, m->lun, SENSE_UNIT_RESET);
    }
}

/* Those whose commands have all ended. */
static void end_managements(struct virtio_scsi *s)
{
    struct list_node *next;
    for (struct list_node *n = s->managing.head.next; n != &s->managing.head; n = next) {
        struct vscsi_management *m = container_of(n, struct vscsi_management, node);
        next = n->next;
        if (!first_of(s, m)) {
            list_remove(n);
            reset_units(s, m);
            end_management(s, m, R_FUNCTION_COMPLETE);
        }
    }
}

static void abort_all(struct virtio_scsi *s, struct vscsi_management *m)
{
    const bool resets = m->subtype == NEXUS_RESET || m->subtype == UNIT_RESET;
    for (struct list_node *n = s->under_way.head.next; n != &s->under_way.head; n = n->next) {
        struct vscsi_request *r = container_of(n, struct vscsi_request, node);
        if (speaks_of(m, r)) {
            r->response = resets ? R_RESET : R_ABORTED;
        }
    }
    list_push_back(&s->managing, &m->node);
    end_managements(s);
}

static void manage(struct virtio_scsi *s, struct vscsi_management *m, const uint8_t *raw)
{
    m->subtype = virtio_load32(&s->v, raw + 4);
    m->id = virtio_load64(&s->v, raw + 16);
    m->before = s->sequence;
    if (!virtio_scsi_lun(raw + 8, &m->scsi_id, &m->lun) || !scsi_bus_has_id(&s->bus, m->scsi_id)) {
        end_management(s, m, R_BAD_ID);
        return;
    }
    if (m->subtype != NEXUS_RESET && !scsi_bus_find(&s->bus, m->scsi_id, m->lun)) {
        end_management(s, m, R_INCORRECT_LUN);
        return;
    }
    switch (m->subtype) {
    case QUERY_TASK:
    case QUERY_TASK_SET:
        end_management(s, m, first_of(s, m) ? R_FUNCTION_SUCCEEDED : R_FUNCTION_COMPLETE);
        break;
    case ABORT_TASK:
    case ABORT_TASK_SET:
    case CLEAR_TASK_SET:
    case NEXUS_RESET:
    case UNIT_RESET:
        abort_all(s, m);
        break;
    default: /* CLEAR_ACA: there is none */
        end_management(s, m, R_FUNCTION_REJECTED);
    }
}

/* No asynchronous notification of SCSI's is there (5.6.6.2, AN). */
static void answer_notification(struct virtio_scsi *s, struct vscsi_management *m)
{
    const uint8_t out[5] = {0, 0, 0, 0, R_OK};
    virtq_chain_write(&m->chain, 0, out, sizeof(out));
    complete(s, SCSI_CONTROL_QUEUE, &m->chain, sizeof(out));
    virtq_chain_free(&m->chain);
    mem_free(m);
}

static void take_message(struct virtio_scsi *s, struct vscsi_management *m)
{
    uint8_t raw[MANAGEMENT_BYTES] = {0};
    const size_t n = virtq_chain_read(&m->chain, 0, raw, sizeof(raw));
    const uint32_t type = virtio_load32(&s->v, raw);
    const bool is_management = n >= MANAGEMENT_BYTES && type == TYPE_MANAGEMENT;
    const bool is_notification = n >= NOTIFICATION_BYTES &&
                                 (type == TYPE_QUERY || type == TYPE_SUBSCRIBE);
    if (is_management && m->chain.in_bytes >= 1) {
        manage(s, m, raw);
    } else if (is_notification && m->chain.in_bytes >= 5) {
        answer_notification(s, m);
    } else {
        log_guest("virtio-scsi", "control message of type %u and %zu bytes", type, n);
        end_management(s, m, R_FUNCTION_REJECTED);
    }
}

void virtio_scsi_take_control(struct virtio_scsi *s)
{
    struct virtqueue *q = &s->v.queue[SCSI_CONTROL_QUEUE];
    os_mutex_lock(&s->v.work_lock);
    while (s->v.running) {
        virtqueue_notify_off(q);
        while (virtio_pop(&s->v, SCSI_CONTROL_QUEUE, &s->control) == VIRTQ_OK) {
            struct vscsi_management *m = mem_alloc(sizeof(*m));
            m->chain = s->control; /* and its pieces */
            s->control = (struct virtq_chain){0};
            take_message(s, m);
        }
        if (!virtqueue_notify_on(q)) {
            break;
        }
    }
    show_answers(s);
    os_mutex_unlock(&s->v.work_lock);
}

/* ---- commands */

static void command_done(struct scsi_command *c)
{
    struct vscsi_request *r = container_of(c, struct vscsi_request, c);
    struct virtio_scsi *s = r->s;
    for (unsigned i = 0; i < c->in_count && c->in_bytes; i++) { /* also what a failed one wrote */
        dma_unmap(&s->v.pci.dev.dma, c->in[i].iov_base, c->in[i].iov_len);
    }
    const uint8_t response = r->response ? r->response : c->overrun ? R_OVERRUN : R_OK;
    os_mutex_lock(&s->v.work_lock);
    list_remove(&r->node);
    if (s->stopping) {
        put_back(r);
    } else if (vscsi_counted(s)) {
        answer_later(r, response);
    } else {
        answer(r, response);
    }
    end_managements(s);
    os_mutex_unlock(&s->v.work_lock);
}

static struct vscsi_request *new_request(struct virtio_scsi *s, unsigned queue)
{
    struct vscsi_request *r = s->spare;
    if (r) {
        s->spare = r->next;
    } else {
        r = mem_alloc(sizeof(*r)); /* never more than the rings have room for */
        r->s = s;
    }
    r->queue = queue;
    r->response = R_OK;
    memset(&r->c, 0, sizeof(r->c));
    return r;
}

/* The pieces that the unit may write: behind the response, which often has a piece of its own. */
static void set_in(struct vscsi_request *r, uint64_t response_bytes)
{
    const struct virtq_chain *chain = &r->chain;
    struct iovec *iov = chain->iov + chain->out_count;
    unsigned count = chain->in_count;
    r->c.in_bytes = chain->in_bytes - response_bytes;
    if (iov[0].iov_len == response_bytes) {
        r->c.in = iov + 1;
        r->c.in_count = count - 1;
        return;
    }
    if (count > r->copy_cap) {
        r->copy = mem_resize_array(r->copy, count, sizeof(*r->copy));
        r->copy_cap = count;
    }
    memcpy(r->copy, iov, count * sizeof(*iov));
    r->c.in = virtq_trim_front(r->copy, &count, response_bytes);
    r->c.in_count = count;
}

/* false: the headers are not there. */
static bool read_header(struct vscsi_request *r, uint8_t *raw, uint32_t cdb_size)
{
    struct virtq_chain *chain = &r->chain;
    const uint64_t response = RESPONSE_BYTES + (uint64_t)r->sense_size;
    const size_t header = HEADER_BYTES + cdb_size;
    if (chain->in_bytes < response || virtq_chain_read(chain, 0, raw, header) != header) {
        return false;
    }
    r->c.out_bytes = chain->out_bytes - header;
    r->c.out_count = chain->out_count;
    r->c.out = virtq_trim_front(chain->iov, &r->c.out_count, header);
    set_in(r, response);
    return true;
}

/* false: the queue is broken. *out: the unit is to have it. */
static bool begin(struct vscsi_request *r, struct vscsi_request **out)
{
    struct virtio_scsi *s = r->s;
    uint8_t raw[HEADER_BYTES + SCSI_CDB_MAX] = {0};
    os_mutex_lock(&s->v.leaf);
    r->sense_size = load_le32(s->v.config + SCSI_CONFIG_SENSE_SIZE);
    const uint32_t cdb_size = load_le32(s->v.config + SCSI_CONFIG_CDB_SIZE);
    os_mutex_unlock(&s->v.leaf);
    if (cdb_size > SCSI_CDB_MAX || !read_header(r, raw, cdb_size)) {
        put_back(r);
        s->v.queue[r->queue].broken = true;
        virtio_broken(&s->v, "command without header or response");
        return false;
    }
    memcpy(r->c.cdb, raw + HEADER_CDB, SCSI_CDB_MAX);
    r->c.done = command_done;
    r->id = virtio_load64(&s->v, raw + HEADER_ID);
    if (!virtio_scsi_lun(raw, &r->scsi_id, &r->lun) || !scsi_bus_has_id(&s->bus, r->scsi_id) ||
        (r->c.in_bytes && r->c.out_bytes)) {
        answer(r, R_BAD_ID);
        return true;
    }
    r->sequence = ++s->sequence;
    list_push_back(&s->under_way, &r->node);
    *out = r;
    return true;
}

/* All that the queue has, in order. */
static struct vscsi_request *take_all(struct virtio_scsi *s, unsigned n)
{
    struct vscsi_request *first = NULL, **end = &first;
    struct virtqueue *q = &s->v.queue[n];
    bool good = s->v.running;
    while (good) {
        virtqueue_notify_off(q);
        while (good) {
            struct vscsi_request *r = new_request(s, n), *taken = NULL;
            if (virtio_pop(&s->v, n, &r->chain) != VIRTQ_OK) {
                put_back(r);
                break;
            }
            good = begin(r, &taken);
            if (taken) {
                taken->next = NULL;
                *end = taken;
                end = &taken->next;
            }
        }
        good = good && virtqueue_notify_on(q);
    }
    return first;
}

void virtio_scsi_take_requests(struct virtio_scsi *s, unsigned queue)
{
    os_mutex_lock(&s->post_lock);
    os_mutex_lock(&s->v.work_lock);
    struct vscsi_request *r = take_all(s, queue), *next;
    show_answers(s);
    os_mutex_unlock(&s->v.work_lock);
    for (; r; r = next) {
        next = r->next; /* r may be done, and taken again */
        scsi_bus_submit(&s->bus, r->scsi_id, r->lun, &r->c);
    }
    os_mutex_unlock(&s->post_lock);
    virtio_scsi_round_over(s); /* what was answered without a unit */
}

void virtio_scsi_free_requests(struct virtio_scsi *s)
{
    for (struct vscsi_request *r = s->spare; r; r = s->spare) {
        s->spare = r->next;
        virtq_chain_free(&r->chain);
        mem_free(r->copy);
        mem_free(r);
    }
    while (!list_empty(&s->managing)) {
        struct list_node *n = list_pop_front(&s->managing);
        struct vscsi_management *m = container_of(n, struct vscsi_management, node);
        virtq_chain_free(&m->chain);
        mem_free(m);
    }
}
