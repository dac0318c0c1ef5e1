/* SPDX-License-Identifier: MIT */
/* -smbios: the keys of each type of structure, and whole structures in files. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/smbios/smbios.h"
#include "system/options.h"

#define T(type, key, member, help)                                                                 \
    {                                                                                              \
        key, KEY_TEXT, offsetof(struct smbios_##type, member), help, NULL                          \
    }
#define N(type, key, member, help)                                                                 \
    {                                                                                              \
        key, KEY_U64, offsetof(struct smbios_##type, member), help, NULL                           \
    }

static const struct key_row bios_rows[] = {
    T(bios, "vendor", vendor, "its maker"),
    T(bios, "version", version, "its version"),
    T(bios, "date", date, "its date, mm/dd/yyyy"),
    T(bios, "release", release, "its release, N.N"),
    {"uefi", KEY_BOOL, offsetof(struct smbios_bios, uefi), "it is UEFI (off)", NULL},
    {0}};

static const struct key_row system_rows[] = {T(system, "manufacturer", manufacturer, "maker"),
                                             T(system, "product", product, "name"),
                                             T(system, "version", version, "version"),
                                             T(system, "serial", serial, "serial number"),
                                             T(system, "uuid", uuid, "identity, in place of -uuid"),
                                             T(system, "sku", sku, "article number"),
                                             T(system, "family", family, "family"),
                                             {0}};

static const struct key_row board_rows[] = {T(board, "manufacturer", manufacturer, "maker"),
                                            T(board, "product", product, "name"),
                                            T(board, "version", version, "version"),
                                            T(board, "serial", serial, "serial number"),
                                            T(board, "asset", asset, "inventory number"),
                                            T(board, "location", location, "place in the chassis"),
                                            {0}};

static const struct key_row chassis_rows[] = {T(chassis, "manufacturer", manufacturer, "maker"),
                                              T(chassis, "version", version, "version"),
                                              T(chassis, "serial", serial, "serial number"),
                                              T(chassis, "asset", asset, "inventory number"),
                                              T(chassis, "sku", sku, "article number"),
                                              {0}};

static const struct key_row processor_rows[] = {
    T(processor, "sock_pfx", socket, "name of sockets, before the number (CPU)"),
    T(processor, "manufacturer", manufacturer, "maker"),
    T(processor, "version", version, "version"),
    T(processor, "serial", serial, "serial number"),
    T(processor, "asset", asset, "inventory number"),
    T(processor, "part", part, "part number"),
    N(processor, "max-speed", max_mhz, "MHz (2000)"),
    N(processor, "current-speed", current_mhz, "MHz (2000)"),
    N(processor, "processor-family", family, "number of the family (1)"),
    N(processor, "processor-id", id, "number of the processor (0)"),
    {0}};

static const struct key_row port_rows[] = {
    T(port, "external_reference", external, "its name outside"),
    T(port, "internal_reference", internal, "its name inside"),
    N(port, "connector_type", connector, "number of the connector's type"),
    N(port, "port_type", type, "number of the port's type"),
    {0}};

static const struct key_row slot_rows[] = {
    T(slot, "slot_designation", designation, "its name"),
    N(slot, "slot_type", type, "number of its type"),
    N(slot, "slot_data_bus_width", width, "number of its width"),
    N(slot, "current_usage", usage, "3 free, 4 in use"),
    N(slot, "slot_length", length, "number of its length"),
    N(slot, "slot_id", id, "its number"),
    N(slot, "slot_characteristics1", characteristics1, "bits"),
    N(slot, "slot_characteristics2", characteristics2, "bits"),
    T(slot, "pci_device", device, "id of the -device in it"),
    {0}};

static const char *const onboard_kinds[] = {"other",    "unknown",   "video", "scsi",
                                            "ethernet", "tokenring", "sound", "pata",
                                            "sata",     "sas",       NULL};

static const struct key_row onboard_rows[] = {
    T(onboard, "designation", designation, "its name"),
    {"kind", KEY_CHOICE, offsetof(struct smbios_onboard, kind), "what it is (other)",
     onboard_kinds},
    N(onboard, "instance", instance, "its number of that kind"),
    T(onboard, "pcidev", device, "id of the -device"),
    {0}};

static const struct key_row memory_rows[] = {
    T(memory, "loc_pfx", locator, "name of modules, before the number (DIMM)"),
    T(memory, "bank", bank, "name of the bank"),
    T(memory, "manufacturer", manufacturer, "maker"),
    T(memory, "serial", serial, "serial number"),
    T(memory, "asset", asset, "inventory number"),
    T(memory, "part", part, "part number"),
    N(memory, "speed", mhz, "MHz (not told)"),
    {0}};

/* value and path may be given many times: add_texts */
static const struct key_row text_rows[] = {{"value", KEY_TEXT, 0, "a string", NULL},
                                           {"path", KEY_TEXT, 0, "file with a string", NULL},
                                           {0}};

static const struct key_row general_rows[] = {
    {"type", KEY_TEXT, 0, "number of the structure's type: 0 to 4, 8, 9, 11, 17, 41", NULL},
    {"file", KEY_TEXT, 0, "file with one structure, in place of type", NULL},
    {0}};

/* Each type: where it is in the configuration, and for a list the size of an element and where that
 * has its `next`. */
static const struct {
    unsigned type;
    const struct key_row *rows;
    size_t at, size, next;
} types[] = {
    {0, bios_rows, offsetof(struct smbios_config, bios), 0, 0},
    {1, system_rows, offsetof(struct smbios_config, system), 0, 0},
    {2, board_rows, offsetof(struct smbios_config, board), 0, 0},
    {3, chassis_rows, offsetof(struct smbios_config, chassis), 0, 0},
    {4, processor_rows, offsetof(struct smbios_config, processor), 0, 0},
    {8, port_rows, offsetof(struct smbios_config, ports), sizeof(struct smbios_port),
     offsetof(struct smbios_port, next)},
    {9, slot_rows, offsetof(struct smbios_config, slots), sizeof(struct smbios_slot),
     offsetof(struct smbios_slot, next)},
    {11, text_rows, 0, 0, 0},
    {17, memory_rows, offsetof(struct smbios_config, memory), 0, 0},
    {41, onboard_rows, offsetof(struct smbios_config, onboard), sizeof(struct smbios_onboard),
     offsetof(struct smbios_onboard, next)},
};

static bool give_help(struct config *c)
{
    struct strbuf s = {0};
    keyval_rows_help(general_rows, &s);
    for (size_t i = 0; i < array_len(types); i++) {
        strbuf_printf(&s, "Keys of type=%u:\n", types[i].type);
        keyval_rows_help(types[i].rows, &s);
    }
    return options_give_help(c, strbuf_take(&s));
}

/* ---- strings of the maker */

static bool add_text(struct config *c, const char *text)
{
    struct smbios_text **end = &c->firmware.smbios->oem, *t = mem_alloc(sizeof(*t));
    t->value = text;
    config_own(c, (char *)t);
    while (*end) {
        end = &(*end)->next;
    }
    *end = t;
    return true;
}

static bool add_texts(struct config *c, const struct keyvals *k, struct error *e)
{
    size_t n;
    for (size_t i = 0; i < k->count; i++) {
        const struct keyval *item = &k->items[i];
        if (strcmp(item->key, "value") == 0) {
            add_text(c, item->value ? item->value : "");
        } else if (strcmp(item->key, "path") == 0) {
            uint8_t *bytes = options_read_file(k->where, item->value ? item->value : "", 1 << 20,
                                               &n, e);
            if (!bytes) {
                return false;
            }
            char *text = mem_printf("%.*s", (int)n, (const char *)bytes);
            mem_free(bytes);
            add_text(c, config_own(c, text));
        }
    }
    return true;
}

/* ---- files */

/* Where the strings behind a structure end, or 0: two zeros. */
static size_t structure_end(const uint8_t *p, size_t n)
{
    for (size_t i = p[1]; i + 1 < n; i++) {
        if (p[i] == 0 && p[i + 1] == 0) {
            return i + 2;
        }
    }
    return 0;
}

static bool add_file(struct config *c, const struct keyvals *k, const char *path, struct error *e)
{
    enum {
        HEADER = 4
    };
    struct smbios_config *s = c->firmware.smbios;
    struct firmware_blob **end = &s->files;
    size_t n;
    if (k->count != 1) {
        return error_set(e, "%s: file goes alone", k->where);
    }
    uint8_t *bytes = options_read_file(k->where, path, 1 << 16, &n, e);
    if (!bytes) {
        return false;
    }
    config_own(c, (char *)bytes);
    if (n < HEADER || bytes[1] < HEADER || bytes[1] > n || structure_end(bytes, n) != n) {
        return error_set(e, "%s: %s is not one structure with its strings and their end", k->where,
                         path);
    }
    if (bytes[0] >= SMBIOS_TYPES - 1) {
        return error_set(e, "%s: %s is of type %u; accepted: 0 to %u", k->where, path, bytes[0],
                         SMBIOS_TYPES - 2);
    }
    if (s->given[bytes[0]]) {
        return error_set(e, "%s: the keys of type=%u were given already", k->where, bytes[0]);
    }
    s->in_file[bytes[0]] = true;
    struct firmware_blob *b = mem_alloc(sizeof(*b));
    *b = (struct firmware_blob){.bytes = bytes, .n = n};
    config_own(c, (char *)b);
    while (*end) {
        end = &(*end)->next;
    }
    *end = b;
    return true;
}

/* ---- one option */

static void *new_element(struct config *c, size_t i)
{
    char *element = mem_alloc(types[i].size);
    void **end = (void **)((char *)c->firmware.smbios + types[i].at);
    config_own(c, element);
    while (*end) {
        end = (void **)((char *)*end + types[i].next);
    }
    *end = element;
    return element;
}

/* Fields are narrower than what a key parses. */
static bool check_limits(const struct keyvals *k, struct error *e)
{
    static const struct {
        const char *key;
        uint64_t most;
    } limits[] = {
        {"max-speed", UINT16_MAX},
        {"current-speed", UINT16_MAX},
        {"processor-family", UINT16_MAX},
        {"connector_type", UINT8_MAX},
        {"port_type", UINT8_MAX},
        {"slot_type", UINT8_MAX},
        {"slot_data_bus_width", UINT8_MAX},
        {"current_usage", UINT8_MAX},
        {"slot_length", UINT8_MAX},
        {"slot_id", UINT16_MAX},
        {"slot_characteristics1", UINT8_MAX},
        {"slot_characteristics2", UINT8_MAX},
        {"instance", UINT8_MAX},
        {"speed", UINT16_MAX},
    };
    struct error ignored;
    for (size_t i = 0; i < array_len(limits); i++) {
        const char *text = keyvals_get(k, limits[i].key);
        uint64_t n = 0;
        if (text && keyval_parse_u64(text, &n, &ignored) && n > limits[i].most) {
            return error_set(e, "%s: %s: at most %u", k->where, limits[i].key,
                             (unsigned)limits[i].most);
        }
    }
    return true;
}

static bool check_keys(struct config *c, const struct keyvals *k, uint64_t type, struct error *e)
{
    struct smbios_config *s = c->firmware.smbios;
    size_t i = 0;
    while (i < array_len(types) && types[i].type != type) {
        i++;
    }
    if (i == array_len(types)) {
        return error_set(e,
                         "%s: type: no keys make such a structure; accepted: 0, 1, 2, 3, 4, 8, "
                         "9, 11, 17, 41, or file=",
                         k->where);
    }
    if (s->in_file[type]) {
        return error_set(e, "%s: a file has brought a structure of that type", k->where);
    }
    s->given[type] = true;
    if (types[i].rows == text_rows) {
        const char *unused;
        return keyvals_apply(k, text_rows, general_rows, &unused, e) && add_texts(c, k, e);
    }
    void *into = types[i].size ? new_element(c, i) : (char *)s + types[i].at;
    return keyvals_apply(k, types[i].rows, general_rows, into, e) && check_limits(k, e);
}

static bool check_one(struct config *c, const struct keyvals *k, struct error *e)
{
    const char *file = keyvals_get(k, "file"), *type = keyvals_get(k, "type");
    struct error ignored;
    uint64_t n;
    if (file) {
        return add_file(c, k, file, e);
    }
    if (!type || !keyval_parse_u64(type, &n, &ignored)) {
        return error_set(e, "%s: type=N or file=FILE is needed", k->where);
    }
    return check_keys(c, k, n, e);
}

/* ---- what the texts must be */

static bool check_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;
    for (; text[i] && shape[i]; i++) {
        if (shape[i] == 'x' ? !strchr("0123456789abcdefABCDEF", text[i]) : text[i] != '-') {
            return false;
        }
    }
    return !text[i] && !shape[i];
}

static bool check_values(struct smbios_config *s, struct error *e)
{
    unsigned major, minor;
    char more;
    if (s->bios.release) {
        if (sscanf(s->bios.release, "%u.%u%c", &major, &minor, &more) != 2 || major > UINT8_MAX ||
            minor > UINT8_MAX) {
            return error_set(e, "-smbios type=0: release=%s: the form is N.N, up to 255.255",
                             s->bios.release);
        }
        s->bios.major = (uint8_t)major;
        s->bios.minor = (uint8_t)minor;
    }
    return !s->system.uuid || check_uuid(s->system.uuid) ||
           error_set(e, "-smbios type=1: uuid=%s: the form is 8-4-4-4-12 hexadecimal digits",
                     s->system.uuid);
}

bool options_check_smbios(struct config *c, struct error *e)
{
    if (!c->smbios) {
        return true;
    }
    struct smbios_config *s = mem_alloc(sizeof(*s));
    config_own(c, (char *)s);
    s->processor = (struct smbios_processor){.max_mhz = 2000, .current_mhz = 2000, .family = 1};
    c->firmware.smbios = s;
    for (const struct keyvals *k = c->smbios; k; k = k->next) {
        if (options_want_help(k)) {
            return give_help(c);
        }
        if (!check_one(c, k, e)) {
            return false;
        }
    }
    return check_values(s, e);
}
