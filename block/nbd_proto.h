/* SPDX-License-Identifier: MIT */
/*
 * The NBD protocol: numbers of its messages, all big-endian on the wire, and whole transfers on a
 * socket. For client (nbd*.c) and server (tools/nbd). Specification: "The NBD protocol",
 * doc/proto.md of the NetworkBlockDevice project, without TLS and extended headers.
 */
#ifndef BLOCK_NBD_PROTO_H
#define BLOCK_NBD_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NBD_MAGIC UINT64_C(0x4e42444d41474943)        /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OLD_MAGIC UINT64_C(0x00420281861253)
#define NBD_OPTION_REPLY_MAGIC UINT64_C(0x3e889045565a9)
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_SIMPLE_MAGIC 0x67446698u
#define NBD_CHUNK_MAGIC 0x668e33efu

#define NBD_PORT "10809"
#define NBD_NAME_MAX 4096
#define NBD_PAYLOAD_MAX (32u << 20) /* of a read or write, where nothing else was agreed */

enum { /* of the handshake, both ways */
    NBD_FIXED_NEWSTYLE = 1,
    NBD_NO_ZEROES = 2,
};

enum nbd_option {
    NBD_OPT_EXPORT_NAME = 1,
    NBD_OPT_ABORT = 2,
    NBD_OPT_LIST = 3,
    NBD_OPT_STARTTLS = 5,
    NBD_OPT_INFO = 6,
    NBD_OPT_GO = 7,
    NBD_OPT_STRUCTURED_REPLY = 8,
    NBD_OPT_LIST_META = 9,
    NBD_OPT_SET_META = 10,
};

#define NBD_REP_ERROR 0x80000000u
enum nbd_option_reply {
    NBD_REP_ACK = 1,
    NBD_REP_SERVER = 2,
    NBD_REP_INFO = 3,
    NBD_REP_META = 4,
};
/* With NBD_REP_ERROR. */
enum {
    NBD_REP_UNSUP = 1,
    NBD_REP_POLICY = 2,
    NBD_REP_INVALID = 3,
    NBD_REP_TLS = 5,
    NBD_REP_UNKNOWN = 6,
    NBD_REP_TOO_BIG = 9,
};

enum {
    NBD_INFO_EXPORT = 0,
    NBD_INFO_NAME = 1,
    NBD_INFO_DESCRIPTION = 2,
    NBD_INFO_BLOCK_SIZE = 3,
};

enum { /* of an export */
    NBD_HAS_FLAGS = 1,
    NBD_READ_ONLY = 2,
    NBD_SEND_FLUSH = 4,
    NBD_SEND_FUA = 8,
    NBD_ROTATIONAL = 16,
    NBD_SEND_TRIM = 32,
    NBD_SEND_WRITE_ZEROES = 64,
    NBD_SEND_DF = 128,
    NBD_MULTI_CONN = 256,
    NBD_SEND_CACHE = 1024,
    NBD_SEND_FAST_ZERO = 2048,
};

enum nbd_command {
    NBD_CMD_READ = 0,
    NBD_CMD_WRITE = 1,
    NBD_CMD_DISC = 2,
    NBD_CMD_FLUSH = 3,
    NBD_CMD_TRIM = 4,
    NBD_CMD_CACHE = 5,
    NBD_CMD_WRITE_ZEROES = 6,
    NBD_CMD_BLOCK_STATUS = 7,
};

enum { /* of a request */
    NBD_CMD_FUA = 1,
    NBD_CMD_NO_HOLE = 2,
    NBD_CMD_DF = 4,
    NBD_CMD_REQ_ONE = 8,
    NBD_CMD_FAST_ZERO = 16,
};

enum nbd_chunk {
    NBD_CHUNK_NONE = 0,
    NBD_CHUNK_DATA = 1,
    NBD_CHUNK_HOLE = 2,
    NBD_CHUNK_STATUS = 5,
    NBD_CHUNK_ERROR = 0x8001,
    NBD_CHUNK_ERROR_AT = 0x8002,
};
#define NBD_CHUNK_DONE 1u /* flag */

enum { /* of base:allocation */
    NBD_STATE_HOLE = 1,
    NBD_STATE_ZERO = 2,
};

#define NBD_REQUEST_BYTES 28

/* errno of the protocol's number and the other way round; both positive, 0 is 0. */
int nbd_errno(uint32_t error);
uint32_t nbd_error(int errno_);

/* Sends or receives all n bytes: 0, or -errno; -ECONNRESET: the other side has ended. */
int nbd_send(int fd, const void *bytes, size_t n, bool more);
int nbd_receive(int fd, void *bytes, size_t n);
/* Receives n bytes and forgets them. */
int nbd_receive_away(int fd, uint64_t n);

#endif
