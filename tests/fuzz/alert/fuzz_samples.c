/* Pages of metrics from any bytes: no crash; what is taken has good names, sorted labels, none
 * twice. */
#include <stdlib.h>

#include "alert/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_sample(const alert_sample *sample)
{
    check(alert_name_is_good(sample->name, true));
    for (size_t i = 0; i < sample->labels.count; i++) {
        alert_label label = sample->labels.items[i];
        check(alert_name_is_good(label.name, false));
        check(mw_view_equal(alert_label_of(sample->labels, label.name), label.value));
    }
    check(alert_labels_equal(sample->labels, sample->labels));
    alert_labels_hash(sample->labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_arena arena;
    mw_error err;
    alert_samples samples;
    char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    if (alert_samples_read((mw_view){copy, size}, &arena, &samples, &err) == MW_OK)
        for (size_t i = 0; i < samples.count; i++)
            check_sample(&samples.items[i]);
    mw_arena_done(&arena);
    free(copy);
    return 0;
}
