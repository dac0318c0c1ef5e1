/* SPDX-License-Identifier: MIT */
/* What every device class must keep to. */
#include "hw/classes.h"

#include "tests/support/machine.h"
#include "tests/test.h"

TEST(all_classes_are_sorted_described_and_complete)
{
    struct error e;
    for (const struct device_class *const *c = device_classes; *c; c++) {
        CHECK_MSG(device_check_class(*c, &e), "%s", e.text);
        CHECK_MSG((*c)->desc && (*c)->desc[0], "%s has no description", (*c)->name);
        CHECK_MSG(!c[1] || strcmp((*c)->name, c[1]->name) < 0, "%s stands before %s", (*c)->name,
                  c[1]->name);
        CHECK(device_class_find((*c)->name) == *c);
        struct machine *m = test_machine_new(4096);
        device_free(device_new(*c, m, NULL)); /* its defaults can be parsed */
        test_machine_free(m);
    }
    CHECK(!device_class_find("no-such-device"));
}
