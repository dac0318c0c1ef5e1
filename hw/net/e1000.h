/* SPDX-License-Identifier: MIT */
/*
 * What the files of the e1000 share: e1000.c (device, registers, interrupts), e1000_phy.c (PHY and
 * EEPROM), e1000_rx.c and e1000_tx.c (packets). SDM is Intel's PCI/PCI-X Family of Gigabit Ethernet
 * Controllers Software Developer's Manual (317453).
 *
 * Everything belongs to whoever holds the netdev's lock (without a netdev: own_lock).
 */
#ifndef HW_NET_E1000_H
#define HW_NET_E1000_H

#include "hw/pci/pci.h"
#include "net/net.h"

extern const struct device_class e1000_class;

/* R(NAME, offset, bits that a write changes, value at reset): SDM, table 13-2. */
#define E1000_REGISTERS(R)                                                                         \
    R(ICR, 0x000c0, 0, 0)                                                                          \
    R(IMS, 0x000d0, 0, 0)                                                                          \
    R(RDT, 0x02818, 0x0000ffff, 0)                                                                 \
    R(TDT, 0x03818, 0x0000ffff, 0)                                                                 \
    R(RDH, 0x02810, 0x0000ffff, 0)                                                                 \
    R(TDH, 0x03810, 0x0000ffff, 0)                                                                 \
    R(CTRL, 0x00000, 0xffffffff, 0x00140240)                                                       \
    R(STATUS, 0x00008, 0, 0x00000281)                                                              \
    R(EECD, 0x00010, 0x00000077, 0)                                                                \
    R(EERD, 0x00014, 0, 0)                                                                         \
    R(CTRL_EXT, 0x00018, 0xffffffff, 0)                                                            \
    R(MDIC, 0x00020, 0, 0)                                                                         \
    R(FCAL, 0x00028, 0xffffffff, 0x00c28001)                                                       \
    R(FCAH, 0x0002c, 0x0000ffff, 0x00000100)                                                       \
    R(FCT, 0x00030, 0x0000ffff, 0x00008808)                                                        \
    R(VET, 0x00038, 0x0000ffff, 0x00008100)                                                        \
    R(ITR, 0x000c4, 0x0000ffff, 0)                                                                 \
    R(ICS, 0x000c8, 0, 0)                                                                          \
    R(IMC, 0x000d8, 0, 0)                                                                          \
    R(RCTL, 0x00100, 0x07ffffff, 0)                                                                \
    R(FCTTV, 0x00170, 0x0000ffff, 0)                                                               \
    R(TXCW, 0x00178, 0xffffffff, 0)                                                                \
    R(RXCW, 0x00180, 0, 0)                                                                         \
    R(TCTL, 0x00400, 0x07ffffff, 0)                                                                \
    R(TIPG, 0x00410, 0x3fffffff, 0x00602006)                                                       \
    R(AIT, 0x00458, 0x0000ffff, 0)                                                                 \
    R(LEDCTL, 0x00e00, 0xcfcfcfcf, 0x07068302)                                                     \
    R(PBA, 0x01000, 0x0000007f, 0x00100030)                                                        \
    R(FCRTL, 0x02160, 0x8000fff8, 0)                                                               \
    R(FCRTH, 0x02168, 0x0000fff8, 0)                                                               \
    R(RDFH, 0x02410, 0x00001fff, 0)                                                                \
    R(RDFT, 0x02418, 0x00001fff, 0)                                                                \
    R(RDFHS, 0x02420, 0x00001fff, 0)                                                               \
    R(RDFTS, 0x02428, 0x00001fff, 0)                                                               \
    R(RDFPC, 0x02430, 0x00001fff, 0)                                                               \
    R(RDBAL, 0x02800, 0xfffffff0, 0)                                                               \
    R(RDBAH, 0x02804, 0xffffffff, 0)                                                               \
    R(RDLEN, 0x02808, 0x000fff80, 0)                                                               \
    R(RDTR, 0x02820, 0x0000ffff, 0)                                                                \
    R(RXDCTL, 0x02828, 0x013f3f3f, 0)                                                              \
    R(RADV, 0x0282c, 0x0000ffff, 0)                                                                \
    R(RSRPD, 0x02c00, 0x00000fff, 0)                                                               \
    R(TDFH, 0x03410, 0x000007ff, 0)                                                                \
    R(TDFT, 0x03418, 0x000007ff, 0)                                                                \
    R(TDFHS, 0x03420, 0x00001fff, 0)                                                               \
    R(TDFTS, 0x03428, 0x00001fff, 0)                                                               \
    R(TDFPC, 0x03430, 0x00001fff, 0)                                                               \
    R(TDBAL, 0x03800, 0xfffffff0, 0)                                                               \
    R(TDBAH, 0x03804, 0xffffffff, 0)                                                               \
    R(TDLEN, 0x03808, 0x000fff80, 0)                                                               \
    R(TIDV, 0x03820, 0x0000ffff, 0)                                                                \
    R(TXDCTL, 0x03828, 0xff3f3f3f, 0)                                                              \
    R(TADV, 0x0382c, 0x0000ffff, 0)                                                                \
    R(TSPMT, 0x03830, 0xffffffff, 0x01000400)                                                      \
    R(RXCSUM, 0x05000, 0x000003ff, 0)                                                              \
    R(WUC, 0x05800, 0x0000000f, 0)                                                                 \
    R(WUFC, 0x05808, 0x000f00ff, 0)                                                                \
    R(WUS, 0x05810, 0, 0)                                                                          \
    R(MANC, 0x05820, 0xffffffff, 0)                                                                \
    R(IPAV, 0x05838, 0x0001000f, 0)

#define E1000_CONSTANT_(name, ...) E1000_##name,
enum {
    E1000_REGISTERS(E1000_CONSTANT_) E1000_REGISTER_COUNT
};
#undef E1000_CONSTANT_

enum { /* CTRL */
    CTRL_RESET = 1 << 26,
    CTRL_VLAN = 1 << 30, /* tags are put in and taken out */
};
#define CTRL_PHY_RESET (1u << 31)

enum { /* STATUS */
    STATUS_LINK = 1 << 1
};

enum { /* ICR, IMS */
    CAUSE_TX_WRITTEN = 1 << 0,
    CAUSE_TX_EMPTY = 1 << 1,
    CAUSE_LINK = 1 << 2,
    CAUSE_RX_LOW = 1 << 4,
    CAUSE_RX_OVERRUN = 1 << 6,
    CAUSE_RX = 1 << 7,
    CAUSE_MDIO = 1 << 9,
    CAUSE_TX_LOW = 1 << 15,
    CAUSES = 0x1ffff
};

enum { /* statistics, as indexes of words from 0x4000 on: SDM, 13.7 */
    STAT_MISSED = 0x10 / 4,
    STAT_RX_SIZES = 0x5c / 4, /* 64, to 127, 255, 511, 1023, more */
    STAT_RX_GOOD = 0x74 / 4,
    STAT_RX_BROADCAST = 0x78 / 4,
    STAT_RX_MULTICAST = 0x7c / 4,
    STAT_TX_GOOD = 0x80 / 4,
    STAT_RX_GOOD_BYTES = 0x88 / 4, /* and the upper half */
    STAT_TX_GOOD_BYTES = 0x90 / 4,
    STAT_RX_NO_BUFFER = 0xa0 / 4,
    STAT_RX_BYTES = 0xc0 / 4,
    STAT_TX_BYTES = 0xc8 / 4,
    STAT_RX_ALL = 0xd0 / 4,
    STAT_TX_ALL = 0xd4 / 4,
    STAT_TX_SIZES = 0xd8 / 4,
    STAT_TX_MULTICAST = 0xf0 / 4,
    STAT_TX_BROADCAST = 0xf4 / 4,
    STAT_TX_SEGMENTED = 0xf8 / 4,
    STATS = 64
};

#define E1000_MTA_WORDS 128
#define E1000_RA_WORDS 32 /* 16 addresses, low and high half */
#define E1000_VFTA_WORDS 128
#define E1000_PHY_REGISTERS 32
#define E1000_EEPROM_WORDS 64
#define E1000_DESCRIPTOR_BYTES 16
#define E1000_VLAN_BYTES 4
#define E1000_FRAME_BYTES (NET_PACKET_MAX + 1) /* with room for a tag, and even */

/* What a context descriptor said (SDM, 3.3.6). */
struct e1000_context {
    uint8_t ip_start, ip_offset, tcp_start, tcp_offset;
    uint16_t ip_end, tcp_end, segment;
    uint8_t header, command;
};

/* Serial bits to and from the EEPROM. */
struct e1000_microwire {
    uint16_t in, out;
    uint8_t bits_in, bits_out, address;
    bool high; /* its data output */
};

struct e1000 {
    struct pci_device pci; /* first */

    /* Properties. */
    char *netdev_id;
    int32_t bootindex;
    uint8_t mac[6];
    bool mitigation;
    uint8_t pad[5];

    /* State. */
    uint64_t next_interrupt_ns; /* not before that */
    uint32_t reg[E1000_REGISTER_COUNT];
    uint32_t io_address; /* of the register that the I/O ports show */
    uint32_t stat[STATS];
    uint32_t mta[E1000_MTA_WORDS], ra[E1000_RA_WORDS], vfta[E1000_VFTA_WORDS];
    uint16_t phy[E1000_PHY_REGISTERS];
    struct e1000_microwire microwire;
    struct e1000_context context;     /* of packets to be segmented */
    struct e1000_context sum_context; /* of others */
    uint32_t tx_bytes;                /* of the frame that is being put together */
    uint8_t tx_options, tx_command;   /* of its first descriptor */
    uint16_t tx_vlan;
    bool tx_begun, tx_too_long;
    uint8_t pad2[2];
    uint8_t tx_frame[E1000_FRAME_BYTES];

    /* No state. */
    uint16_t eeprom[E1000_EEPROM_WORDS];
    uint8_t pad4[6];
    struct netdev *netdev; /* or NULL */
    struct net_client client;
    struct os_mutex own_lock;
    struct clock_timer *timer; /* the next interrupt may come */
    bool paused;
    uint8_t pad3[7];
};

static inline uint64_t e1000_ring_base(const struct e1000 *d, unsigned low)
{
    return d->reg[low] | (uint64_t)d->reg[low + 1] << 32;
}

/* e1000.c */
void e1000_lock(struct e1000 *d);
void e1000_unlock(struct e1000 *d);
/* Causes of interrupts came. */
void e1000_cause(struct e1000 *d, uint32_t causes);
void e1000_count(struct e1000 *d, unsigned stat, uint64_t n);
/* A count of 64 bits. */
void e1000_count_bytes(struct e1000 *d, unsigned stat, uint64_t n);
/* By the length of a frame with its check sequence. */
void e1000_count_size(struct e1000 *d, unsigned first, size_t bytes);

/* e1000_phy.c */
void e1000_eeprom_init(struct e1000 *d);
/* EECD and EERD were written. */
void e1000_eecd_written(struct e1000 *d, uint32_t value);
uint32_t e1000_eecd(const struct e1000 *d);
void e1000_eerd_written(struct e1000 *d, uint32_t value);
void e1000_mdic_written(struct e1000 *d, uint32_t value);
void e1000_phy_reset(struct e1000 *d);
void e1000_link_changed(struct e1000 *d, bool up);

/* e1000_rx.c, e1000_tx.c */
bool e1000_deliver(void *opaque, unsigned queue, const struct net_packet *p);
/* Sends what the ring has; false: some of it is left for another time. */
bool e1000_transmit(struct e1000 *d);

#endif
