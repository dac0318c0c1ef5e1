/* SPDX-License-Identifier: MIT */
/*
 * virtio SCSI host: VIRTIO 1.2, chapter 5.6: configuration, events, properties, life. Its units are
 * devices on its bus (hw/scsi). Not modelled: bidirectional commands, protection information; none
 * is offered.
 */
#include "hw/virtio/virtio_scsi.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/scsi/scsi_unit.h"

enum {
    F_HOTPLUG = 1,
    F_CHANGE = 2,

    CONFIG_NUM_QUEUES = 0,
    CONFIG_SEG_MAX = 4,
    CONFIG_MAX_SECTORS = 8,
    CONFIG_CMD_PER_LUN = 12,
    CONFIG_EVENT_INFO_SIZE = 16,
    CONFIG_MAX_CHANNEL = 28,
    CONFIG_MAX_ID = 30,
    CONFIG_MAX_LUN = 32,
    CONFIG_BYTES = 36,

    EVENT_BYTES = 16,
    EVENT_TRANSPORT_RESET = 1,
    EVENT_PARAM_CHANGE = 3,
    RESET_RESCAN = 1,
    RESET_REMOVED = 2,
};
#define EVENTS_MISSED 0x80000000u
#define QUEUES_AUTO UINT32_MAX

/* ---- events; work_lock is held */

static void put_event(struct virtio_scsi *s, const struct scsi_unit *d, uint32_t event,
                      uint32_t reason)
{
    uint8_t out[EVENT_BYTES] = {0};
    if (!s->v.running) {
        return;
    }
    if (virtio_pop(&s->v, SCSI_EVENT_QUEUE, &s->event_chain) != VIRTQ_OK) {
        s->events_missed = true;
        return;
    }
    virtio_store32(&s->v, out, event | (s->events_missed ? EVENTS_MISSED : 0));
    if (d) {
        out[4] = 1;
        out[5] = (uint8_t)d->scsi_id;
        out[6] = (uint8_t)(d->lun >> 8 | (d->lun < 256 ? 0 : 0x40));
        out[7] = (uint8_t)d->lun;
    }
    virtio_store32(&s->v, out + 12, reason);
    s->events_missed = false;
    const size_t n = virtq_chain_write(&s->event_chain, 0, out, sizeof(out));
    if (n < sizeof(out)) {
        log_guest("virtio-scsi", "event buffer of %zu bytes is too small", n);
    }
    virtio_complete(&s->v, SCSI_EVENT_QUEUE, &s->event_chain, (uint32_t)n);
    virtio_complete_end(&s->v, SCSI_EVENT_QUEUE);
}

static void unit_event(struct scsi_bus *b, const struct scsi_unit *d, enum scsi_event what,
                       uint32_t sense)
{
    struct virtio_scsi *s = container_of(b, struct virtio_scsi, bus);
    const bool changed = what == SCSI_UNIT_CHANGED;
    if (!virtio_has(&s->v, VIRTIO_F(changed ? F_CHANGE : F_HOTPLUG))) {
        return;
    }
    os_mutex_lock(&s->v.work_lock);
    if (changed) { /* additional sense code and qualifier (5.6.6.3) */
        put_event(s, d, EVENT_PARAM_CHANGE, (sense >> 8 & 0xff) | (sense & 0xff) << 8);
    } else {
        put_event(s, d, EVENT_TRANSPORT_RESET,
                  what == SCSI_UNIT_COMES ? RESET_RESCAN : RESET_REMOVED);
    }
    os_mutex_unlock(&s->v.work_lock);
}

/* ---- the class */

static void scsi_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_scsi *s = as_vscsi(v);
    if (queue >= SCSI_REQUEST_QUEUES) {
        virtio_scsi_take_requests(s, queue);
    } else if (queue == SCSI_CONTROL_QUEUE) {
        virtio_scsi_take_control(s);
    } else {
        os_mutex_lock(&v->work_lock);
        if (v->running && s->events_missed) {
            put_event(s, NULL, 0, 0);
        }
        os_mutex_unlock(&v->work_lock);
    }
}

static void scsi_start(struct virtio_device *v)
{
    struct virtio_scsi *s = as_vscsi(v);
    s->stopping = false;
    due_list_loaded(&s->due, s->timer);
}

static void scsi_stop(struct virtio_device *v)
{
    struct virtio_scsi *s = as_vscsi(v);
    os_mutex_lock(&s->post_lock);
    os_mutex_lock(&v->work_lock);
    s->stopping = true;
    os_mutex_unlock(&v->work_lock);
    os_mutex_unlock(&s->post_lock);
    scsi_bus_drain(&s->bus);
    if (s->timer) {
        clock_timer_cancel(s->timer);
    }
    s->answered = (struct virtio_round){0};
}

static void scsi_settle(struct virtio_device *v)
{
    scsi_bus_settle(&as_vscsi(v)->bus);
}

static void scsi_reset(struct virtio_device *v)
{
    struct virtio_scsi *s = as_vscsi(v);
    due_list_clear(&s->due, s->timer);
    s->events_missed = false;
    os_mutex_lock(&v->leaf);
    store_le32(v->config + SCSI_CONFIG_SENSE_SIZE, SCSI_SENSE_USUAL);
    store_le32(v->config + SCSI_CONFIG_CDB_SIZE, SCSI_CDB_USUAL);
    os_mutex_unlock(&v->leaf);
    scsi_bus_reset(&s->bus, SCSI_NUMBER_ANY, SCSI_NUMBER_ANY, SENSE_RESET);
}

/* 5.6.4.1: the driver may say other lengths; ours hold nothing longer. */
static void scsi_config_written(struct virtio_device *v, unsigned offset, unsigned size)
{
    (void)offset, (void)size;
    os_mutex_lock(&v->leaf);
    const uint32_t sense = load_le32(v->config + SCSI_CONFIG_SENSE_SIZE);
    const uint32_t cdb = load_le32(v->config + SCSI_CONFIG_CDB_SIZE);
    const bool bad = sense > 65536 || cdb > SCSI_CDB_MAX;
    if (bad) {
        store_le32(v->config + SCSI_CONFIG_SENSE_SIZE, SCSI_SENSE_USUAL);
        store_le32(v->config + SCSI_CONFIG_CDB_SIZE, SCSI_CDB_USUAL);
    }
    os_mutex_unlock(&v->leaf);
    if (bad) {
        log_guest("virtio-scsi", "sense_size=%u, cdb_size=%u: too long", sense, cdb);
    }
}

static bool scsi_check(struct virtio_device *v, struct error *e)
{
    struct virtio_scsi *s = as_vscsi(v);
    for (size_t i = 0; i < s->due.count; i++) {
        const struct due_item *item = &s->due.items[i];
        if (item->queue < SCSI_REQUEST_QUEUES || item->queue >= v->queue_count ||
            item->descriptors < 1 || item->descriptors > v->queue_state[item->queue].size) {
            return error_set(e, "its request %zu under way is none that a driver can have made", i);
        }
    }
    return due_list_check(&s->due, vscsi_counted(s), e);
}

/* ---- life */

static bool check_properties(struct virtio_scsi *s, struct error *e)
{
    const struct device *d = &s->v.pci.dev;
    const unsigned most = VIRTIO_QUEUES_MAX - SCSI_REQUEST_QUEUES - 1;
    if (s->num_queues == QUEUES_AUTO) {
        const unsigned cpus = d->machine->config.cpus;
        s->num_queues = d->cls->bus != BUS_PCI || cpus < 1 ? 1 : cpus < most ? cpus : most;
    }
    if (s->num_queues < 1 || s->num_queues > most) {
        return error_set(e, "num_queues=%u: 1 to %u are accepted", s->num_queues, most);
    }
    if (!is_pow2(s->virtqueue_size) || s->virtqueue_size < 4 ||
        s->virtqueue_size > VIRTQ_SIZE_MAX) {
        return error_set(e, "virtqueue_size=%u: a power of two from 4 to %u is accepted",
                         s->virtqueue_size, VIRTQ_SIZE_MAX);
    }
    return virtio_check_iothread(&s->v, s->iothread, e);
}

static void put_config(struct virtio_scsi *s)
{
    uint8_t *c = s->v.config;
    s->v.config_bytes = CONFIG_BYTES;
    store_le32(c + CONFIG_NUM_QUEUES, s->num_queues);
    store_le32(c + CONFIG_SEG_MAX, (s->seg_max_adjust ? s->virtqueue_size : 128) - 2);
    store_le32(c + CONFIG_MAX_SECTORS, s->max_sectors);
    store_le32(c + CONFIG_CMD_PER_LUN, s->cmd_per_lun);
    store_le32(c + CONFIG_EVENT_INFO_SIZE, EVENT_BYTES);
    store_le16(c + CONFIG_MAX_CHANNEL, 0);
    store_le16(c + CONFIG_MAX_ID, SCSI_IDS - 1);
    store_le32(c + CONFIG_MAX_LUN, SCSI_LUN_MAX);
    memset(s->v.config_writable + SCSI_CONFIG_SENSE_SIZE, 0xff, 8);
}

static bool scsi_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    struct virtio_scsi *s = as_vscsi(v);
    if (!check_properties(s, e)) {
        error_prefix(e, "%s: ", v->pci.dev.cls->name);
        return false;
    }
    virtio_queue_add(v, s->virtqueue_size);
    virtio_queue_add(v, s->virtqueue_size);
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_queue_add(v, s->virtqueue_size);
    }
    put_config(s);
    *features = (s->hotplug ? VIRTIO_F(F_HOTPLUG) : 0) | (s->param_change ? VIRTIO_F(F_CHANGE) : 0);
    os_mutex_init(&s->post_lock);
    list_init(&s->under_way);
    list_init(&s->managing);
    if (vscsi_counted(s)) {
        s->timer = clock_timer_create(v->pci.dev.clock, virtio_scsi_due, s);
    }
    s->bus.ids = SCSI_IDS;
    s->bus.depth = s->cmd_per_lun;
    s->bus.hot_plug = s->hotplug;
    s->bus.event = unit_event;
    s->bus.round_over = virtio_scsi_round_over;
    s->bus.opaque = s;
    scsi_bus_init(&s->bus, &v->pci.dev);
    return true;
}

static void scsi_destroy(struct virtio_device *v)
{
    struct virtio_scsi *s = as_vscsi(v);
    scsi_bus_fini(&s->bus);
    virtio_scsi_free_requests(s);
    os_mutex_destroy(&s->post_lock);
    virtq_chain_free(&s->control);
    virtq_chain_free(&s->event_chain);
    if (s->timer) {
        clock_timer_destroy(s->timer);
    }
}

static const uint8_t scsi_config_fields[] = {4, 4, 4, 4, 4, 4, 4, 2, 2, 4, 0};

static const struct virtio_class scsi_class = {
    .config_fields = scsi_config_fields,
    .id = VIRTIO_ID_SCSI,
    .name = "virtio-scsi",
    .create = scsi_create,
    .destroy = scsi_destroy,
    .start = scsi_start,
    .stop = scsi_stop,
    .settle = scsi_settle,
    .reset = scsi_reset,
    .check = scsi_check,
    .notify = scsi_notify,
    .config_written = scsi_config_written,
};

/* ---- the two device classes */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct virtio_scsi, member),              \
        .initial = initial_, .desc = desc_                                                         \
    }
#define SCSI_PROPS                                                                                 \
    P("num_queues", PROP_U32, num_queues, "auto", "queues; auto is one for each vCPU (PCI)"),      \
        P("virtqueue_size", PROP_U32, virtqueue_size, "256", "entries of a queue"),                \
        P("seg_max_adjust", PROP_BOOL, seg_max_adjust, "on",                                       \
          "pieces of a request by virtqueue_size"),                                                \
        P("max_sectors", PROP_U32, max_sectors, "0xffff", "of a request, as the driver is told"),  \
        P("cmd_per_lun", PROP_U32, cmd_per_lun, "128", "commands of a unit at the same time"),     \
        P("hotplug", PROP_BOOL, hotplug, "on", "units may come and go"),                           \
        P("param_change", PROP_BOOL, param_change, "on", "tell of units that change"),             \
        P("iothread", PROP_OBJECT, iothread, NULL,                                                 \
          "id of an -object iothread; each disk has a thread of its own")

static const struct prop scsi_pci_props[] = {SCSI_PROPS, VIRTIO_PROPS(virtio_scsi, v),
                                             VIRTIO_PCI_PROPS(virtio_scsi, v), PROP_END};
static const struct prop scsi_device_props[] = {SCSI_PROPS, VIRTIO_PROPS(virtio_scsi, v), PROP_END};

static const struct field scsi_fields[] = {
    VIRTIO_FIELDS(virtio_scsi, v),      FIELD_KEEP(virtio_scsi, events_missed),
    DUE_LIST_FIELDS(virtio_scsi, due),  FIELD_SKIP(virtio_scsi, pad),
    FIELD_SKIP(virtio_scsi, pad2),      FIELD_SKIP(virtio_scsi, bus),
    FIELD_SKIP(virtio_scsi, timer),     FIELD_SKIP(virtio_scsi, under_way),
    FIELD_SKIP(virtio_scsi, managing),  FIELD_SKIP(virtio_scsi, spare),
    FIELD_SKIP(virtio_scsi, control),   FIELD_SKIP(virtio_scsi, event_chain),
    FIELD_SKIP(virtio_scsi, sequence),  FIELD_SKIP(virtio_scsi, answered),
    FIELD_SKIP(virtio_scsi, post_lock), FIELD_SKIP(virtio_scsi, stopping),
    FIELD_SKIP(virtio_scsi, pad3),      FIELD_END,
};

static const struct virtio_pci_class scsi_pci = VIRTIO_PCI_CLASS(&scsi_class, VIRTIO_ID_SCSI,
                                                                 0x010000);

const struct device_class virtio_scsi_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-scsi-pci", "virtio-scsi", "virtio SCSI host", BUS_PCI, virtio_scsi, scsi_pci_props,
    scsi_fields, &scsi_pci);
const struct device_class virtio_scsi_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-scsi-device", NULL, "virtio SCSI host", BUS_VIRTIO, virtio_scsi, scsi_device_props,
    scsi_fields, &scsi_class);
