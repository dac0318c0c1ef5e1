/* SPDX-License-Identifier: MIT */
/* What a secret's bytes are. */
#include "system/secret.h"

#include "tests/test.h"

static void expect(const char *data, bool base64, const char *bytes)
{
    struct error e = {""};
    size_t n = 0;
    struct secret *s = secret_create(data, NULL, base64, &e);
    CHECK_MSG(!s == !bytes, "%s", data);
    if (s && bytes) {
        CHECK_STR(secret_bytes(s, &n), bytes);
        CHECK_EQ(n, strlen(bytes));
    }
    secret_free(s);
}

TEST(raw_secrets_are_as_they_are_written)
{
    expect("YWJj", false, "YWJj");
    expect("", false, "");
}

TEST(base64_is_decoded)
{
    expect("YWJj", true, "abc");
    expect("YWI=", true, "ab");
    expect("YQ==", true, "a");
    expect("YWJj\nZGVm\n", true, "abcdef");
    expect("", true, "");
    expect("YWJ", true, NULL);
    expect("YW=j", true, NULL);
    expect("Y===", true, NULL);
    expect("YW j", true, NULL);
}
